// SPDX-License-Identifier: BSD-3-Clause
#include "taut/design/cumulative.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "taut/core/parallel.hpp"
#include "taut/design/csc.hpp"
#include "taut/design/dense.hpp"

namespace taut::design {
namespace {

constexpr Index k_row_block = 4096;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

/// a + b, exactly zero where only rounding is left: columns that are multiples of each other cancel once
/// they are scaled, and a column of rounding would be taken for one.
double plus(double a, double b) {
  constexpr double k_cancelled = 32.0 * std::numeric_limits<double>::epsilon();
  const double sum = a + b;
  return std::abs(sum) <= k_cancelled * (std::abs(a) + std::abs(b)) ? 0.0 : sum;
}

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
  // Up to the root, minus the sum of those before stands in the place of j, and the first has all.
  parallel_blocks(n, k_row_block, n_threads, [&](Index begin, Index end) {
    for (Index j = 0; j < p; ++j) {
      double* column = &values_[at_(j * n)];
      X.copy_rows(j, begin, end, column + begin);
      const double factor = inverse(scale, j);
      for (Index i = begin; i < end; ++i) column[i] *= factor;
    }
    for (Index j = 0; j < p; ++j) {
      if (!chains.reversed(j)) continue;
      double* column = &values_[at_(j * n)];
      double* sum = &values_[at_(chains.first(j) * n)];
      for (Index i = begin; i < end; ++i) {
        const double own = column[i];
        column[i] = -sum[i];
        sum[i] = plus(sum[i], own);
      }
    }
    for (Index j = p - 1; j >= 0; --j) {
      if (chains.before(j) < 0 || chains.reversed(j)) continue;
      const double* from = &values_[at_(j * n)];
      const Index into = chains.reversed(chains.before(j)) ? chains.first(j) : chains.before(j);
      double* to = &values_[at_(into * n)];
      for (Index i = begin; i < end; ++i) to[i] = plus(to[i], from[i]);
    }
  });
  design_ = std::make_unique<Dense<double>>(DenseView<double>{values_.data(), n, p, n});
}

void Cumulative::fill_sparse(const Design& X, const penalty::Chains& chains,
                             const std::vector<double>& scale) {
  const Index n = X.rows(), p = X.cols();
  std::vector<std::vector<double>> values(at_(p));
  std::vector<std::vector<std::int32_t>> rows(at_(p));
  for (Index j = 0; j < p; ++j) {
    X.append_entries(j, values[at_(j)], rows[at_(j)]);
    const double factor = inverse(scale, j);
    for (double& x : values[at_(j)]) x *= factor;
  }
  std::vector<double> sum(at_(n), 0.0);
  std::vector<char> seen(at_(n), 0);
  const auto add = [&](Index to, const std::vector<double>& more_value,
                       const std::vector<std::int32_t>& more) {
    auto& value = values[at_(to)];
    auto& row = rows[at_(to)];
    for (std::size_t e = 0; e < row.size(); ++e) {
      sum[at_(row[e])] += value[e];
      seen[at_(row[e])] = 1;
    }
    for (std::size_t e = 0; e < more.size(); ++e) {
      sum[at_(more[e])] = plus(sum[at_(more[e])], more_value[e]);
      if (!seen[at_(more[e])]) row.push_back(more[e]);
    }
    std::sort(row.begin(), row.end());
    value.resize(row.size());
    for (std::size_t e = 0; e < row.size(); ++e) {
      value[e] = sum[at_(row[e])];
      sum[at_(row[e])] = 0.0;
      seen[at_(row[e])] = 0;
    }
  };
  // The same order of work as for dense columns; each sum is the merge of two columns.
  for (Index j = 0; j < p; ++j) {
    if (!chains.reversed(j)) continue;
    const Index first = chains.first(j);
    const std::vector<double> value = std::move(values[at_(j)]);
    const std::vector<std::int32_t> row = std::move(rows[at_(j)]);
    values[at_(j)] = values[at_(first)];
    rows[at_(j)] = rows[at_(first)];
    for (double& x : values[at_(j)]) x = -x;
    add(first, value, row);
  }
  for (Index j = p - 1; j >= 0; --j) {
    if (chains.before(j) < 0 || chains.reversed(j)) continue;
    const Index before = chains.before(j);
    add(chains.reversed(before) ? chains.first(j) : before, values[at_(j)], rows[at_(j)]);
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
