// SPDX-License-Identifier: BSD-3-Clause
#include "taut/penalty/folded.hpp"

namespace taut::penalty {
namespace {

constexpr double k_inf = std::numeric_limits<double>::infinity();
constexpr int k_newton_steps = 60;
/// A gradient beyond its threshold by less than this share stays there: at alpha_max, which comes from
/// the same gradient by other operations, nobody enters.
constexpr double k_tie = 1e-12;

double soft(double x, double t) { return x > t ? x - t : 0.0; }

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

/// Largest root x of x + s q x^(q-1) = z, known to exist: Newton from z falls monotonically, the left
/// side being convex and growing to the right of that root.
double lq_root(double z, double s, double q) {
  double x = z;
  for (int step = 0; step < k_newton_steps; ++step) {
    const double power = s * q * std::pow(x, q - 1.0);
    const double next = x - (x + power - z) / (1.0 + (q - 1.0) * power / x);
    if (!(next < x)) break;
    x = next;
  }
  return x;
}

/// Closed form of lq_root for q = 1/2 (Xu, Chang, Xu and Zhang, IEEE TNNLS 23, 2012).
double half_root(double z, double s) {
  const double cosine = std::max(-1.0, -0.75 * std::sqrt(3.0) * s / (z * std::sqrt(z)));
  return (2.0 / 3.0) * z * (1.0 + std::cos((2.0 / 3.0) * std::acos(cosine)));
}

/// The same for q = 2/3: x^(1/3) solves a quartic.
double two_thirds_root(double z, double s) {
  const double quarter = z * z / 16.0;
  const double d = std::sqrt(std::max(0.0, quarter * quarter - 8.0 * s * s * s / 729.0));
  const double large = std::cbrt(quarter + d);
  // The cube root of quarter - d, without the difference.
  const double psi = large + 2.0 * s / (9.0 * large);
  const double root = std::sqrt(2.0 * psi);
  const double y = 0.5 * (root + std::sqrt(std::max(0.0, 2.0 * z / root - root * root)));
  return y * y * y;
}

/// |z| up to which the prox of s |u|^q is zero.
double lq_threshold(double s, double q) {
  return std::pow(2.0 * s * (1.0 - q), 1.0 / (2.0 - q)) * (2.0 - q) / (2.0 * (1.0 - q));
}

/// prox for z >= 0 and no bound, step including the weight.
double unbounded(const Folded& f, double z, double t) {
  const double a = f.alpha, gamma = f.gamma;
  if (t * a == 0.0) return z;
  switch (f.shape) {
    case Shape::l1:
      return soft(z, t * a);
    case Shape::mcp:
    case Shape::cel0:
      if (t >= gamma) return z > a * std::sqrt(t * gamma) ? z : 0.0;
      return z < gamma * a ? soft(z, t * a) / (1.0 - t / gamma) : z;
    case Shape::scad: {
      if (t < gamma - 1.0) {
        if (z <= a * (1.0 + t)) return soft(z, t * a);
        if (z >= gamma * a) return z;
        return std::isinf(gamma) ? z - t * a
                                 : ((gamma - 1.0) * z - t * gamma * a) / (gamma - 1.0 - t);
      }
      // Concave between alpha and gamma alpha: the best on either side of that.
      const double near = std::min(soft(z, t * a), a), far = std::max(z, gamma * a);
      const double at_near = 0.5 * (near - z) * (near - z) + t * at_size(f, near);
      const double at_far = 0.5 * (far - z) * (far - z) + t * at_size(f, far);
      return at_far < at_near ? far : near;
    }
    case Shape::l0:
      return z > std::sqrt(2.0 * t * a) ? z : 0.0;
    case Shape::lq: {
      const double s = t * a;
      if (z <= lq_threshold(s, gamma)) return 0.0;
      if (gamma == 0.5) return half_root(z, s);
      if (gamma == 2.0 / 3.0) return two_thirds_root(z, s);
      return lq_root(z, s, gamma);
    }
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
