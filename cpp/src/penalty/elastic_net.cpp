// SPDX-License-Identifier: BSD-3-Clause
#include "taut/penalty/elastic_net.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "taut/linalg/kernels.hpp"

namespace taut::penalty {
namespace {

constexpr double k_inf = std::numeric_limits<double>::infinity();

double entry(const std::vector<double>& v, Index j, double otherwise) {
  return v.empty() ? otherwise : v[static_cast<std::size_t>(j)];
}

/// sup over u in [0, bound] of a u - l2 u^2 / 2, for a >= 0.
double one_sided(double a, double l2, double bound) {
  if (a <= 0.0 || bound <= 0.0) return 0.0;
  const double u = l2 > 0.0 ? std::min(a / l2, bound) : bound;
  return std::isinf(u) ? k_inf : u * (a - 0.5 * l2 * u);
}

/// A bound on the scale of the rows; a column of infinite scale is zero, and any bound will do.
double scaled(double bound, double scale) { return std::isinf(scale) ? bound : bound * scale; }

}  // namespace

ElasticNet::ElasticNet(Index outputs, double l1_ratio, FeatureRules rules,
                       std::vector<double> output_factor)
    : Penalty(outputs),
      l1_ratio_(l1_ratio),
      rules_(std::move(rules)),
      output_factor_(std::move(output_factor)),
      lower_(rules_.lower),
      upper_(rules_.upper) {}

void ElasticNet::set_scale(const std::vector<double>& scale) {
  for (std::size_t j = 0; j < lower_.size(); ++j) lower_[j] = scaled(rules_.lower[j], scale[j]);
  for (std::size_t j = 0; j < upper_.size(); ++j) upper_[j] = scaled(rules_.upper[j], scale[j]);
}

double ElasticNet::strength(Index j) const { return alpha() * entry(rules_.factor, j, 1.0); }

double ElasticNet::least_output_factor() const {
  if (output_factor_.empty()) return 1.0;
  return *std::min_element(output_factor_.begin(), output_factor_.end());
}

double ElasticNet::largest_output_factor() const {
  if (output_factor_.empty()) return 1.0;
  return *std::max_element(output_factor_.begin(), output_factor_.end());
}

Piece ElasticNet::piece(Index j, Index k) const {
  if (std::isinf(entry(rules_.factor, j, 1.0))) return {0.0, 0.0, 0.0, 0.0};
  const double t = strength(j) * entry(output_factor_, k, 1.0);
  return {t * l1_ratio_, t * (1.0 - l1_ratio_), entry(lower_, j, -k_inf), entry(upper_, j, k_inf)};
}

double ElasticNet::value(const double* b, Index j) const {
  double total = 0.0;
  for (Index k = 0; k < outputs(); ++k) {
    const Piece q = piece(j, k);
    total += q.l1 * std::abs(b[k]) + 0.5 * q.l2 * b[k] * b[k];
  }
  return total;
}

void ElasticNet::prox(double* b, double step, Index j) const {
  for (Index k = 0; k < outputs(); ++k) {
    const Piece q = piece(j, k);
    // One coordinate is convex, so the box clips the unconstrained answer.
    const double u = linalg::soft_threshold(b[k], step * q.l1) / (1.0 + step * q.l2);
    b[k] = std::clamp(u, q.lower, q.upper);
  }
}

double ElasticNet::subdiff_distance(const double* b, const double* g, Index j) const {
  double worst = 0.0;
  for (Index k = 0; k < outputs(); ++k) {
    const Piece q = piece(j, k);
    // One-sided slopes of the objective; at a bound only the inward direction is open.
    const double smooth = g[k] + q.l2 * b[k];
    const double up = b[k] < q.upper ? smooth + (b[k] >= 0.0 ? q.l1 : -q.l1) : k_inf;
    const double down = b[k] > q.lower ? smooth + (b[k] > 0.0 ? q.l1 : -q.l1) : -k_inf;
    worst = std::max({worst, -up, down});
  }
  return worst;
}

double ElasticNet::pull(const double* g, Index j) const {
  const Piece q = piece(j, 0);
  double most = 0.0;
  for (Index k = 0; k < outputs(); ++k) {
    if (q.upper > 0.0) most = std::max(most, -g[k]);
    if (q.lower < 0.0) most = std::max(most, g[k]);
  }
  return most;
}

double ElasticNet::threshold(Index j) const {
  return is_excluded(j) ? k_inf : strength(j) * least_output_factor() * l1_ratio_;
}

double ElasticNet::entry_alpha(const double* g, Index j) const {
  const double c = entry(rules_.factor, j, 1.0);
  if (c == 0.0 || is_excluded(j)) return 0.0;
  const Piece q = piece(j, 0);
  double most = 0.0;
  for (Index k = 0; k < outputs(); ++k) {
    const double o = entry(output_factor_, k, 1.0);
    if (o == 0.0) continue;
    if (q.upper > 0.0) most = std::max(most, -g[k] / o);
    if (q.lower < 0.0) most = std::max(most, g[k] / o);
  }
  return most / (c * std::max(l1_ratio_, k_least_l1_ratio));
}

double ElasticNet::conjugate(const double* g, Index j) const {
  double total = 0.0;
  for (Index k = 0; k < outputs(); ++k) {
    if (unopposed(g, k, j) > 0.0) continue;
    const Piece q = piece(j, k);
    total +=
        std::max(one_sided(-g[k] - q.l1, q.l2, q.upper), one_sided(g[k] - q.l1, q.l2, -q.lower));
  }
  return total;
}

double ElasticNet::feasible_scale(const double* g, Index j) const {
  double scale = 1.0;
  for (Index k = 0; k < outputs(); ++k) {
    const Piece q = piece(j, k);
    if (q.l2 > 0.0 || q.l1 == 0.0) continue;
    if (std::isinf(q.upper) && -g[k] > q.l1) scale = std::min(scale, q.l1 / -g[k]);
    if (std::isinf(q.lower) && g[k] > q.l1) scale = std::min(scale, q.l1 / g[k]);
  }
  return scale;
}

double ElasticNet::unopposed(const double* g, Index k, Index j) const {
  const Piece q = piece(j, k);
  if (q.l1 > 0.0 || q.l2 > 0.0) return 0.0;
  return std::isinf(g[k] > 0.0 ? q.lower : q.upper) ? std::abs(g[k]) : 0.0;
}

bool ElasticNet::is_free(Index j) const {
  return entry(rules_.factor, j, 1.0) * least_output_factor() == 0.0 && !is_excluded(j);
}

bool ElasticNet::is_split(Index j) const {
  return is_free(j) && entry(rules_.factor, j, 1.0) * largest_output_factor() > 0.0;
}

bool ElasticNet::is_excluded(Index j) const {
  const Piece q = piece(j, 0);
  return q.lower == 0.0 && q.upper == 0.0;
}

bool ElasticNet::as_piece(Index j, Piece& out) const {
  out = piece(j, 0);
  return true;
}

void ElasticNet::coordinate_piece(Index j, Index k, Piece& out) const { out = piece(j, k); }

}  // namespace taut::penalty
