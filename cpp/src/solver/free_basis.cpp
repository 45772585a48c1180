// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/free_basis.hpp"

#include <algorithm>
#include <cmath>

#include "taut/linalg/kernels.hpp"

namespace taut::solver {
namespace {

/// Columns that keep this share of themselves beside those before them are left alone.
constexpr double k_apart = 0.7;
/// And those that keep no more than this depend on them.
constexpr double k_dependent = 1e-10;
constexpr Index k_most_columns = 1000;
constexpr double k_most_entries = 2.5e7;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

/// Columns of X whose coefficients go wherever the data want, at the penalty's present strength.
std::vector<Index> free_columns(const design::Design& X, const penalty::Penalty& penalty) {
  const penalty::Blocks& blocks = penalty.blocks();
  std::vector<Index> out;
  std::vector<double> g;
  for (Index b = 0; b < blocks.count(X.cols()); ++b) {
    bool open = !penalty.is_excluded(b);
    for (const double slope : {1.0, -1.0}) {
      g.assign(at_(penalty.width(b)), slope);
      for (Index k = 0; k < penalty.width(b); ++k) {
        open = open && penalty.unopposed(g.data(), k, b) > 0.0;
      }
    }
    for (Index j = blocks.begin(b); open && j < blocks.begin(b) + blocks.size(b); ++j) {
      out.push_back(blocks.order().empty() ? j : blocks.order()[at_(j)]);
    }
  }
  return out;
}

}  // namespace

std::unique_ptr<FreeBasis> FreeBasis::make(const design::Design& X, const double* weights,
                                           const penalty::Penalty& penalty, bool fit_intercept,
                                           bool standardize) {
  // A constant column is then no part of the model, but a constant part of one could not be told.
  if (standardize && !fit_intercept) return nullptr;
  std::vector<Index> columns = free_columns(X, penalty);
  const Index count = static_cast<Index>(columns.size());
  if (count < 2 || count >= X.rows() || count > k_most_columns ||
      static_cast<double>(count) * static_cast<double>(X.rows()) > k_most_entries) {
    return nullptr;
  }
  std::unique_ptr<FreeBasis> basis(new FreeBasis);
  basis->columns_ = std::move(columns);
  if (!basis->orthogonalise(X, weights, fit_intercept)) return nullptr;
  basis->design_ = std::make_unique<design::Replaced>(
      X, basis->columns_, DenseView<double>{basis->Q_.data(), X.rows(), count, X.rows()});
  return basis;
}

/// False if the columns are nearly orthogonal as they are, or hold what is not finite.
bool FreeBasis::orthogonalise(const design::Design& X, const double* weights, bool centre) {
  const Index n = X.rows(), a = static_cast<Index>(columns_.size());
  Q_.assign(at_(n * a), 0.0);
  R_.assign(at_(a * a), 0.0);
  mean_.assign(at_(a), 0.0);
  bool close = false;
  for (Index j = 0; j < a; ++j) {
    double* q = &Q_[at_(j * n)];
    X.copy_rows(columns_[at_(j)], 0, n, q);
    // Rows without weight are not seen by the model, and might be far off where the others nearly
    // depend on each other.
    for (Index i = 0; i < n; ++i) q[i] = weights[i] > 0.0 ? q[i] : 0.0;
    double mean = 0.0;
    for (int times = 0; centre && times < 2; ++times) {
      const double m = linalg::dot(weights, q, n);
      for (Index i = 0; i < n; ++i) q[i] -= weights[i] > 0.0 ? m : 0.0;
      mean += m;
    }
    mean_[at_(j)] = mean;
    const double size = std::sqrt(linalg::weighted_dot(weights, q, q, n));
    if (!std::isfinite(size)) return false;
    double* r = &R_[at_(j * a)];
    for (int times = 0; times < 2; ++times) {
      for (Index k = 0; k < j; ++k) {
        const double* other = &Q_[at_(k * n)];
        const double share = linalg::weighted_dot(weights, other, q, n);
        linalg::axpy(-share, other, q, n);
        r[k] += share;
      }
    }
    const double rest = std::sqrt(linalg::weighted_dot(weights, q, q, n));
    close = close || rest < k_apart * size;
    // A constant column leaves nothing but the rounding of its mean.
    if (rest <= k_dependent * size || rest <= 1e-14 * std::abs(mean)) {
      std::fill_n(q, n, 0.0);
      continue;
    }
    r[j] = rest;
    for (Index i = 0; i < n; ++i) q[i] /= rest;
  }
  return close;
}

void FreeBasis::to_basis(double* coef, double* intercept) const {
  const Index a = static_cast<Index>(columns_.size());
  std::vector<double> out(at_(a), 0.0);
  for (Index j = 0; j < a; ++j) {
    const double c = coef[columns_[at_(j)]];
    *intercept += mean_[at_(j)] * c;
    for (Index k = 0; k <= j; ++k) out[at_(k)] += R_[at_(j * a + k)] * c;
  }
  for (Index j = 0; j < a; ++j) coef[columns_[at_(j)]] = out[at_(j)];
}

void FreeBasis::from_basis(double* coef, double* intercept) const {
  const Index a = static_cast<Index>(columns_.size());
  std::vector<double> left(at_(a));
  for (Index j = 0; j < a; ++j) left[at_(j)] = coef[columns_[at_(j)]];
  for (Index j = a - 1; j >= 0; --j) {
    const double* r = &R_[at_(j * a)];
    const double c = r[j] > 0.0 ? left[at_(j)] / r[j] : 0.0;
    for (Index k = 0; k < j; ++k) left[at_(k)] -= r[k] * c;
    coef[columns_[at_(j)]] = c;
    *intercept -= mean_[at_(j)] * c;
  }
}

}  // namespace taut::solver
