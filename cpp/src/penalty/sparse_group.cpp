// SPDX-License-Identifier: BSD-3-Clause
#include "taut/penalty/sparse_group.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "taut/linalg/kernels.hpp"

namespace taut::penalty {
namespace {

constexpr double k_inf = std::numeric_limits<double>::infinity();

double norm(const double* u, Index n) {
  double square = 0.0;
  for (Index k = 0; k < n; ++k) square += u[k] * u[k];
  return std::sqrt(square);
}

/// || S(g, t) ||_2.
double soft_norm(const double* g, Index n, double t) {
  double square = 0.0;
  for (Index k = 0; k < n; ++k) {
    const double over = std::max(0.0, std::abs(g[k]) - t);
    square += over * over;
  }
  return std::sqrt(square);
}

}  // namespace

double sparse_group_dual_norm(const double* g, Index n, double tau, double nu) {
  std::vector<double> size(static_cast<std::size_t>(n));
  double largest = 0.0;
  for (Index k = 0; k < n; ++k) {
    size[static_cast<std::size_t>(k)] = std::abs(g[k]);
    largest = std::max(largest, std::abs(g[k]));
  }
  if (largest == 0.0) return 0.0;
  if (tau == 0.0) {
    for (double& x : size) x /= largest;
    return largest * norm(size.data(), n) / nu;
  }
  std::sort(size.begin(), size.end(), std::greater<>());
  if (nu == 0.0) return size[0] / tau;
  // With m entries above the threshold: sum (a_i - lambda tau)^2 = lambda^2 nu^2. The left side
  // minus the right falls in lambda; at lambda = a_m / tau it tells whether the root lies below.
  const double unit = size[0];
  double sum = 0.0, square = 0.0;
  for (std::size_t m = 0; m < size.size(); ++m) {
    const double a = size[m] / unit;
    sum += a;
    square += a * a;
    const double next = m + 1 < size.size() ? size[m + 1] / unit : 0.0;
    const double count = static_cast<double>(m + 1);
    const double edge = next / tau;
    const double at_edge = square - 2.0 * next * sum + count * next * next;
    if (m + 1 < size.size() && at_edge < edge * edge * nu * nu) continue;
    const double quadratic = count * tau * tau - nu * nu;
    const double root = std::sqrt(std::max(0.0, tau * tau * sum * sum - quadratic * square));
    // The smaller root of quadratic l^2 - 2 tau sum l + square = 0, free of cancellation.
    return unit * square / (tau * sum + root);
  }
  return 0.0;
}

SparseGroup::SparseGroup(Index outputs, double l1_ratio, FeatureRules rules, Blocks blocks)
    : Penalty(outputs, std::move(blocks)), l1_ratio_(l1_ratio), rules_(std::move(rules)) {
  TAUT_ASSERT(rules_.lower.empty() && rules_.upper.empty());
}

double SparseGroup::factor(Index b) const {
  return rules_.factor.empty() ? 1.0 : rules_.factor[static_cast<std::size_t>(b)];
}

bool SparseGroup::as_norm(Index b, BlockNorm& out) const {
  out = {alpha() * l1_ratio_, l1_ratio_ < 1.0 ? alpha() * (1.0 - l1_ratio_) * factor(b) : 0.0, 0.0};
  if (is_excluded(b)) out.norm = k_inf;
  return true;
}

double SparseGroup::value(const double* u, Index b) const {
  BlockNorm e;
  as_norm(b, e);
  double sum = 0.0;
  for (Index k = 0; k < width(b); ++k) sum += std::abs(u[k]);
  return sum == 0.0 ? 0.0 : e.lasso * sum + e.norm * norm(u, width(b));
}

void SparseGroup::prox(double* u, double step, Index b) const {
  if (step == 0.0) return;
  BlockNorm e;
  as_norm(b, e);
  for (Index k = 0; k < width(b); ++k) u[k] = linalg::soft_threshold(u[k], step * e.lasso);
  const double size = norm(u, width(b)), t = step * e.norm;
  const double shrink = size > t ? 1.0 - t / size : 0.0;
  for (Index k = 0; k < width(b); ++k) u[k] *= shrink;
}

double SparseGroup::subdiff_distance(const double* u, const double* g, Index b) const {
  if (is_excluded(b)) return 0.0;
  BlockNorm e;
  as_norm(b, e);
  const double size = norm(u, width(b));
  if (size == 0.0) return std::max(0.0, soft_norm(g, width(b), e.lasso) - e.norm);
  double square = 0.0;
  for (Index k = 0; k < width(b); ++k) {
    const double smooth = g[k] + e.norm * u[k] / size;
    const double d = u[k] != 0.0 ? smooth + (u[k] > 0.0 ? e.lasso : -e.lasso)
                                 : linalg::soft_threshold(smooth, e.lasso);
    square += d * d;
  }
  return std::sqrt(square);
}

/// The dual norm of the block's penalty at alpha = 1.
double SparseGroup::dual_norm(const double* g, Index b) const {
  return sparse_group_dual_norm(g, width(b), l1_ratio_, (1.0 - l1_ratio_) * factor(b));
}

/// The dual norm, in the unit that makes it at most the Euclidean one: Omega >= threshold ||.||_2.
double SparseGroup::pull(const double* g, Index b) const {
  if (is_excluded(b)) return 0.0;
  if (is_free(b)) return norm(g, width(b));
  const double unit = l1_ratio_ + (1.0 - l1_ratio_) * factor(b);
  return unit * dual_norm(g, b);
}

double SparseGroup::threshold(Index b) const {
  if (is_excluded(b)) return k_inf;
  return alpha() * (l1_ratio_ + (1.0 - l1_ratio_) * factor(b));
}

double SparseGroup::entry_alpha(const double* g, Index b) const {
  return is_free(b) || is_excluded(b) ? 0.0 : dual_norm(g, b);
}

double SparseGroup::conjugate(const double* g, Index b) const {
  BlockNorm e;
  as_norm(b, e);
  if (is_excluded(b) || (e.lasso == 0.0 && e.norm == 0.0)) return 0.0;
  return soft_norm(g, width(b), e.lasso) > e.norm ? k_inf : 0.0;
}

double SparseGroup::feasible_scale(const double* g, Index b) const {
  BlockNorm e;
  as_norm(b, e);
  if (is_excluded(b) || (e.lasso == 0.0 && e.norm == 0.0)) return 1.0;
  if (soft_norm(g, width(b), e.lasso) <= e.norm) return 1.0;
  return std::min(1.0, alpha() / dual_norm(g, b));
}

bool SparseGroup::is_free(Index b) const { return l1_ratio_ == 0.0 && factor(b) == 0.0; }

double SparseGroup::unopposed(const double* g, Index k, Index b) const {
  BlockNorm e;
  as_norm(b, e);
  return e.lasso == 0.0 && e.norm == 0.0 ? std::abs(g[k]) : 0.0;
}

bool SparseGroup::is_excluded(Index b) const { return std::isinf(factor(b)); }

}  // namespace taut::penalty
