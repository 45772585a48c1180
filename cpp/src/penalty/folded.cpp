// SPDX-License-Identifier: BSD-3-Clause
#include "taut/penalty/folded.hpp"

#include "taut/penalty/folded_prox.hpp"

namespace taut::penalty {
namespace {

constexpr double k_inf = std::numeric_limits<double>::infinity();
/// A gradient beyond its threshold by less than this share stays there: at alpha_max, which comes from
/// the same gradient by other operations, nobody enters.
constexpr double k_tie = 1e-12;

/// pen(x), x >= 0, without the weight.
double at_size(const Folded& f, double x) {
  const double a = f.alpha, gamma = f.gamma;
  switch (f.shape) {
    case Shape::l1:
      return a * x;
    case Shape::mcp:
    case Shape::cel0:
      return x < gamma * a ? x * (a - 0.5 * x / gamma) : 0.5 * gamma * a * a;
    case Shape::scad:
      if (x <= a) return a * x;
      if (x < gamma * a) return a * x - 0.5 * (x - a) * (x - a) / (gamma - 1.0);
      return 0.5 * a * a * (gamma + 1.0);
    case Shape::l0:
      return x > 0.0 ? a : 0.0;
    case Shape::lq:
      return x > 0.0 ? a * std::pow(x, gamma) : 0.0;
  }
  return 0.0;
}

/// prox for z >= 0 and no bound, step including the weight.
double unbounded(const Folded& f, double z, double t) {
  const double a = f.alpha, gamma = f.gamma;
  if (t * a == 0.0) return z;
  switch (f.shape) {
    case Shape::l1:
      return prox_at<Shape::l1>(a, gamma, z, t);
    case Shape::mcp:
      return prox_at<Shape::mcp>(a, gamma, z, t);
    case Shape::cel0:
      return prox_at<Shape::cel0>(a, gamma, z, t);
    case Shape::scad:
      return prox_at<Shape::scad>(a, gamma, z, t);
    case Shape::l0:
      return prox_at<Shape::l0>(a, gamma, z, t);
    case Shape::lq:
      return prox_at<Shape::lq>(a, gamma, z, t);
  }
  return z;
}

}  // namespace

double value(const Folded& f, double u) {
  return f.alpha == 0.0 ? 0.0 : f.weight * at_size(f, std::abs(u));
}

double slope(const Folded& f, double u) {
  const double a = f.alpha, gamma = f.gamma, x = std::abs(u);
  if (a == 0.0 || u == 0.0) return 0.0;
  double s = 0.0;
  switch (f.shape) {
    case Shape::l1:
      s = a;
      break;
    case Shape::mcp:
    case Shape::cel0:
      s = x < gamma * a ? a - x / gamma : 0.0;
      break;
    case Shape::scad:
      s = x <= a ? a : (x < gamma * a ? a - (x - a) / (gamma - 1.0) : 0.0);
      break;
    case Shape::l0:
      break;
    case Shape::lq:
      s = a * gamma * std::pow(x, gamma - 1.0);
      break;
  }
  return std::copysign(f.weight * s, u);
}

Segment segment(const Folded& f, double u, double direction) {
  const double a = f.alpha, gamma = f.gamma, x = std::abs(u);
  // Does a point on the boundary `end` belong to what lies inside of it?
  const bool inward = u * direction < 0.0;
  const auto within = [&](double end) { return x < end || (x == end && inward); };
  double low = 0.0, high = k_inf, curvature = 0.0;
  switch (f.shape) {
    case Shape::l1:
      break;
    case Shape::mcp:
    case Shape::cel0:
      if (within(gamma * a)) {
        high = gamma * a;
        curvature = -1.0 / gamma;
      } else {
        low = gamma * a;
      }
      break;
    case Shape::scad:
      if (within(a)) {
        high = a;
      } else if (within(gamma * a)) {
        low = a;
        high = gamma * a;
        curvature = -1.0 / (gamma - 1.0);
      } else {
        low = gamma * a;
      }
      break;
    case Shape::l0:
      low = -k_inf;
      break;
    case Shape::lq:
      curvature = a * gamma * (gamma - 1.0) * std::pow(x, gamma - 2.0);
      break;
  }
  if (a == 0.0) {
    low = -k_inf;
    high = k_inf;
    curvature = 0.0;
  }
  const double sign = u < 0.0 ? -1.0 : 1.0;
  const double first = sign > 0.0 ? low : -high, last = sign > 0.0 ? high : -low;
  return {std::max(first, f.lower), std::min(last, f.upper), f.weight * curvature};
}

double prox(const Folded& f, double z, double step) {
  const double t = step * f.weight, x = std::abs(z);
  const double bound = z < 0.0 ? -f.lower : f.upper;
  double u = unbounded(f, x, t);
  if (u > bound) {
    // Left of the minimiser the objective is least at the bound or at what is best near zero.
    const bool scad = f.shape == Shape::scad;
    const double near = scad || f.shape == Shape::l1
                            ? std::min({soft(x, t * f.alpha), scad ? f.alpha : k_inf, bound})
                            : 0.0;
    const double at_near = 0.5 * (near - x) * (near - x) + t * at_size(f, near);
    const double at_bound = 0.5 * (bound - x) * (bound - x) + t * at_size(f, bound);
    u = f.alpha == 0.0 || at_bound < at_near ? bound : near;
  }
  return std::copysign(u, z);
}

double threshold(const Folded& f, double curvature) {
  switch (f.shape) {
    case Shape::l0:
      return (1.0 + k_tie) * std::sqrt(2.0 * f.weight * f.alpha * curvature);
    case Shape::lq:
      if (!(curvature > 0.0)) return k_inf;
      return (1.0 + k_tie) * curvature * lq_threshold(f.weight * f.alpha / curvature, f.gamma);
    case Shape::cel0:
      return (1.0 + k_tie) * f.weight * f.alpha;
    default:
      return f.weight * f.alpha;
  }
}

double entry_alpha(const Folded& f, double pull, double curvature) {
  if (!(pull > 0.0) || !(curvature > 0.0)) return 0.0;
  const double q = f.gamma;
  switch (f.shape) {
    case Shape::l0:
      return pull * pull / (2.0 * curvature * f.weight);
    case Shape::lq:
      return curvature / (2.0 * (1.0 - q) * f.weight) *
             std::pow(2.0 * (1.0 - q) * pull / ((2.0 - q) * curvature), 2.0 - q);
    default:
      return pull / f.weight;
  }
}

double violation(const Folded& f, double u, double g, double curvature) {
  if (f.jumps() && f.alpha > 0.0) {
    if (!(curvature > 0.0)) return 0.0;
    if (u == 0.0 && std::abs(g) <= threshold(f, curvature)) return 0.0;
    return curvature * std::abs(u - prox(f, u - g / curvature, 1.0 / curvature));
  }
  const double at_zero = f.weight * f.alpha, inside = slope(f, u);
  const double up = u < f.upper ? g + (u == 0.0 ? at_zero : inside) : k_inf;
  const double down = u > f.lower ? g + (u == 0.0 ? -at_zero : inside) : -k_inf;
  return std::max({0.0, -up, down});
}

double least_nonzero(const Folded& f, double curvature) {
  if (f.shape != Shape::lq || !(curvature > 0.0)) return 0.0;
  return std::pow(2.0 * f.weight * f.alpha / curvature * (1.0 - f.gamma), 1.0 / (2.0 - f.gamma));
}

}  // namespace taut::penalty
