// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cmath>

#include "taut/penalty/folded.hpp"

/// The proximal operators of folded.hpp with the shape fixed at compile time, for loops over many
/// entries: those of prox_at<l1>, <mcp>, <scad>, <cel0> and <l0> have no branch that depends on z
/// alone, so that compilers vectorise them. T is double or float.
namespace taut::penalty {

/// The soft threshold of |z|: soft_threshold() has both signs.
template <class T>
inline T soft(T x, T t) {
  const T rest = x - t;
  return rest > T(0) ? rest : T(0);
}

/// Largest root x of x + s q x^(q-1) = z, known to exist: Newton from z falls monotonically, the left
/// side being convex and growing to the right of that root.
template <class T>
T lq_root(T z, T s, T q) {
  constexpr int newton_steps = 60;
  T x = z;
  for (int step = 0; step < newton_steps; ++step) {
    const T power = s * q * std::pow(x, q - T(1));
    const T next = x - (x + power - z) / (T(1) + (q - T(1)) * power / x);
    if (!(next < x)) break;
    x = next;
  }
  return x;
}

/// Closed form of lq_root for q = 1/2 (Xu, Chang, Xu and Zhang, IEEE TNNLS 23, 2012).
template <class T>
T half_root(T z, T s) {
  const T cosine = std::max(T(-1), T(-0.75) * std::sqrt(T(3)) * s / (z * std::sqrt(z)));
  return T(2.0 / 3.0) * z * (T(1) + std::cos(T(2.0 / 3.0) * std::acos(cosine)));
}

/// The same for q = 2/3: x^(1/3) solves a quartic.
template <class T>
T two_thirds_root(T z, T s) {
  const T quarter = z * z / T(16);
  const T d = std::sqrt(std::max(T(0), quarter * quarter - T(8) * s * s * s / T(729)));
  const T large = std::cbrt(quarter + d);
  // The cube root of quarter - d, without the difference.
  const T psi = large + T(2) * s / (T(9) * large);
  const T root = std::sqrt(T(2) * psi);
  const T y = T(0.5) * (root + std::sqrt(std::max(T(0), T(2) * z / root - root * root)));
  return y * y * y;
}

/// |z| up to which the prox of s |u|^q is zero.
template <class T>
T lq_threshold(T s, T q) {
  return std::pow(T(2) * s * (T(1) - q), T(1) / (T(2) - q)) * (T(2) - q) / (T(2) * (T(1) - q));
}

/// prox of s |u|^q beyond its threshold.
template <class T>
T lq_above(T z, T s, T q) {
  if (q == T(0.5)) return half_root(z, s);
  if (q == T(2.0 / 3.0)) return two_thirds_root(z, s);
  return lq_root(z, s, q);
}

/// argmin over u of (u - z)^2 / 2 + t pen(u), z >= 0, without bounds, t a > 0: `a` and `gamma` as in
/// Folded, t with the weight in it. All solvers' prox; a tie goes to the smaller u.
template <Shape S, class T>
inline T prox_at(T a, T gamma, T z, T t) {
  if constexpr (S == Shape::l1) {
    return soft(z, t * a);
  } else if constexpr (S == Shape::mcp || S == Shape::cel0) {
    if (t >= gamma) return z > a * std::sqrt(t * gamma) ? z : T(0);
    const T shrunk = soft(z, t * a) / (T(1) - t / gamma);
    return z < gamma * a ? shrunk : z;
  } else if constexpr (S == Shape::scad) {
    if (t < gamma - T(1)) {
      const T near = soft(z, t * a);
      const T middle =
          std::isinf(gamma) ? z - t * a : ((gamma - T(1)) * z - t * gamma * a) / (gamma - T(1) - t);
      const T far = z >= gamma * a ? z : middle;
      return z <= a * (T(1) + t) ? near : far;
    }
    // Concave between alpha and gamma alpha: the best on either side of that, where the penalty is
    // a near, and flat.
    const T near = std::min(soft(z, t * a), a), far = std::max(z, gamma * a);
    const T at_near = T(0.5) * (near - z) * (near - z) + t * (a * near);
    const T at_far = T(0.5) * (far - z) * (far - z) + t * (T(0.5) * a * a * (gamma + T(1)));
    return at_far < at_near ? far : near;
  } else if constexpr (S == Shape::l0) {
    return z > std::sqrt(T(2) * t * a) ? z : T(0);
  } else {
    const T s = t * a;
    return z <= lq_threshold(s, gamma) ? T(0) : lq_above(z, s, gamma);
  }
}

}  // namespace taut::penalty
