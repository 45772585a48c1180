// SPDX-License-Identifier: BSD-3-Clause
#include "taut/penalty/nonconvex.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

namespace taut::penalty {
namespace {

constexpr double k_inf = std::numeric_limits<double>::infinity();

double entry(const std::vector<double>& v, Index j, double otherwise) {
  return v.empty() ? otherwise : v[static_cast<std::size_t>(j)];
}

/// A bound on the scale of the rows; a column of infinite scale is zero, and any bound will do.
double scaled(double bound, double scale) { return std::isinf(scale) ? bound : bound * scale; }

}  // namespace

Nonconvex::Nonconvex(Index outputs, Shape shape, double gamma, FeatureRules rules)
    : Penalty(outputs),
      shape_(shape),
      gamma_(gamma),
      rules_(std::move(rules)),
      lower_(rules_.lower),
      upper_(rules_.upper) {}

void Nonconvex::set_scale(const std::vector<double>& scale) {
  for (std::size_t j = 0; j < lower_.size(); ++j) lower_[j] = scaled(rules_.lower[j], scale[j]);
  for (std::size_t j = 0; j < upper_.size(); ++j) upper_[j] = scaled(rules_.upper[j], scale[j]);
}

void Nonconvex::set_curvature(const std::vector<double>& bound) {
  Folded f;
  f.shape = shape_;
  if (f.jumps() && !std::all_of(bound.begin(), bound.end(), [](double L) { return L < k_inf; })) {
    throw std::invalid_argument(
        "l0, cel0 and lq need a datafit of bounded curvature: a solution is a point that a step of "
        "length 1 / L leaves alone.");
  }
  curvature_ = bound;
}

double Nonconvex::factor(Index j) const { return entry(rules_.factor, j, 1.0); }

double Nonconvex::curvature(Index j) const { return entry(curvature_, j, 1.0); }

Folded Nonconvex::folded(Index j) const {
  Folded f;
  f.shape = shape_;
  f.gamma = gamma_;
  const double c = factor(j);
  if (std::isinf(c)) {
    f.lower = f.upper = 0.0;
    return f;
  }
  f.alpha = alpha() * c;
  f.lower = entry(lower_, j, -k_inf);
  f.upper = entry(upper_, j, k_inf);
  if (shape_ == Shape::cel0) {
    const double L = curvature(j);
    f.alpha = std::sqrt(2.0 * f.alpha * L);
    f.gamma = L > 0.0 ? 1.0 / L : k_inf;
  }
  return f;
}

double Nonconvex::value(const double* u, Index j) const {
  const Folded f = folded(j);
  double total = 0.0;
  for (Index k = 0; k < outputs(); ++k) total += penalty::value(f, u[k]);
  return total;
}

void Nonconvex::prox(double* u, double step, Index j) const {
  const Folded f = folded(j);
  for (Index k = 0; k < outputs(); ++k) u[k] = penalty::prox(f, u[k], step);
}

double Nonconvex::subdiff_distance(const double* u, const double* g, Index j) const {
  const Folded f = folded(j);
  double worst = 0.0;
  for (Index k = 0; k < outputs(); ++k) {
    worst = std::max(worst, penalty::violation(f, u[k], g[k], curvature(j)));
  }
  return worst;
}

double Nonconvex::pull(const double* g, Index j) const {
  double most = 0.0;
  if (lower_.empty() && upper_.empty() && rules_.factor.empty()) {
    for (Index k = 0; k < outputs(); ++k) most = std::max(most, std::abs(g[k]));
    return most;
  }
  const Folded f = folded(j);
  for (Index k = 0; k < outputs(); ++k) {
    if (f.upper > 0.0) most = std::max(most, -g[k]);
    if (f.lower < 0.0) most = std::max(most, g[k]);
  }
  return most;
}

double Nonconvex::threshold(Index j) const {
  return is_excluded(j) ? k_inf : penalty::threshold(folded(j), curvature(j));
}

double Nonconvex::threshold_scale() const {
  if (shape_ == Shape::l0 || shape_ == Shape::cel0) return std::sqrt(alpha());
  return shape_ == Shape::lq ? std::pow(alpha(), 1.0 / (2.0 - gamma_)) : alpha();
}

double Nonconvex::entry_alpha(const double* g, Index j) const {
  const double c = factor(j);
  if (c == 0.0 || is_excluded(j)) return 0.0;
  Folded f = folded(j);
  // CEL0 lets in whom L0 lets in.
  if (shape_ == Shape::cel0) f.shape = Shape::l0;
  return penalty::entry_alpha(f, pull(g, j), curvature(j)) / c;
}

bool Nonconvex::is_free(Index j) const { return factor(j) == 0.0 && !is_excluded(j); }

double Nonconvex::unopposed(const double* g, Index k, Index j) const {
  const Folded f = folded(j);
  if (f.alpha > 0.0) return 0.0;
  return std::isinf(g[k] > 0.0 ? f.lower : f.upper) ? std::abs(g[k]) : 0.0;
}

bool Nonconvex::is_excluded(Index j) const {
  const Folded f = folded(j);
  return f.lower == 0.0 && f.upper == 0.0;
}

bool Nonconvex::as_folded(Index j, Folded& out) const {
  out = folded(j);
  return true;
}

}  // namespace taut::penalty
