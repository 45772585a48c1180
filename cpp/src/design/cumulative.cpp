// SPDX-License-Identifier: BSD-3-Clause
#include "taut/design/cumulative.hpp"

#include <algorithm>

#include "taut/core/parallel.hpp"
#include "taut/design/csc.hpp"
#include "taut/design/dense.hpp"

namespace taut::design {
namespace {

constexpr Index k_row_block = 4096;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

double inverse(const std::vector<double>& scale, Index j) {
  return scale.empty() ? 1.0 : 1.0 / scale[at_(j)];
}

}  // namespace

Cumulative::Cumulative(const Design& X, const penalty::Chains& chains,
                       const std::vector<double>& scale, int n_threads) {
  if (X.is_sparse()) {
    fill_sparse(X, chains, scale);
  } else {
    fill_dense(X, chains, scale, n_threads);
  }
}

void Cumulative::fill_dense(const Design& X, const penalty::Chains& chains,
                            const std::vector<double>& scale, int n_threads) {
  const Index n = X.rows(), p = X.cols();
  values_.resize(at_(n * p));
  // From the last column to the first each adds itself to the one before, block of rows by block.
  parallel_blocks(n, k_row_block, n_threads, [&](Index begin, Index end) {
    for (Index j = 0; j < p; ++j) {
      double* column = &values_[at_(j * n)];
      X.copy_rows(j, begin, end, column + begin);
      const double factor = inverse(scale, j);
      for (Index i = begin; i < end; ++i) column[i] *= factor;
    }
    for (Index j = p - 1; j >= 0; --j) {
      if (chains.before(j) < 0) continue;
      const double* from = &values_[at_(j * n)];
      double* to = &values_[at_(chains.before(j) * n)];
      for (Index i = begin; i < end; ++i) to[i] += from[i];
    }
  });
  design_ = std::make_unique<Dense<double>>(DenseView<double>{values_.data(), n, p, n});
}

void Cumulative::fill_sparse(const Design& X, const penalty::Chains& chains,
                             const std::vector<double>& scale) {
  const Index n = X.rows(), p = X.cols();
  // Columns come out from last to first; each is the merge of X's with the one after it.
  std::vector<std::vector<double>> values(at_(p));
  std::vector<std::vector<std::int32_t>> rows(at_(p));
  std::vector<Index> after(at_(p), -1);
  for (Index j = 0; j < p; ++j) {
    if (chains.before(j) >= 0) after[at_(chains.before(j))] = j;
  }
  std::vector<double> sum(at_(n), 0.0);
  std::vector<char> seen(at_(n), 0);
  for (Index j = p - 1; j >= 0; --j) {
    auto& value = values[at_(j)];
    auto& row = rows[at_(j)];
    X.append_entries(j, value, row);
    const double factor = inverse(scale, j);
    for (double& x : value) x *= factor;
    if (after[at_(j)] < 0) continue;
    const auto& more = rows[at_(after[at_(j)])];
    for (std::size_t e = 0; e < row.size(); ++e) {
      sum[at_(row[e])] += value[e];
      seen[at_(row[e])] = 1;
    }
    for (std::size_t e = 0; e < more.size(); ++e) {
      sum[at_(more[e])] += values[at_(after[at_(j)])][e];
      if (!seen[at_(more[e])]) row.push_back(more[e]);
    }
    std::sort(row.begin(), row.end());
    value.resize(row.size());
    for (std::size_t e = 0; e < row.size(); ++e) {
      value[e] = sum[at_(row[e])];
      sum[at_(row[e])] = 0.0;
      seen[at_(row[e])] = 0;
    }
  }
  starts_.assign(1, 0);
  for (Index j = 0; j < p; ++j) {
    values_.insert(values_.end(), values[at_(j)].begin(), values[at_(j)].end());
    rows_.insert(rows_.end(), rows[at_(j)].begin(), rows[at_(j)].end());
    starts_.push_back(static_cast<std::int64_t>(values_.size()));
    std::vector<double>().swap(values[at_(j)]);
    std::vector<std::int32_t>().swap(rows[at_(j)]);
  }
  design_ = std::make_unique<Csc<double, std::int64_t>>(
      CscView<double, std::int64_t>{values_.data(), rows_.data(), starts_.data(), n, p});
}

}  // namespace taut::design
