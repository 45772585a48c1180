// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/core/types.hpp"

/// Short loops on raw pointers. Storage may be float or double; arithmetic is always double, so a
/// float32 design loses nothing but the rounding of its own entries.
namespace taut::linalg {

/// x'v. Sixteen independent sums let the compiler vectorise without reordering rules being relaxed,
/// so the result depends on n alone and never on the number of threads.
template <class T, class U>
inline double dot(const T* x, const U* v, Index n) {
  constexpr Index k_lanes = 16;
  double acc[k_lanes] = {};
  Index i = 0;
  for (; i + k_lanes <= n; i += k_lanes) {
    for (Index t = 0; t < k_lanes; ++t) {
      acc[t] += static_cast<double>(x[i + t]) * static_cast<double>(v[i + t]);
    }
  }
  double tail = 0.0;
  for (; i < n; ++i) tail += static_cast<double>(x[i]) * static_cast<double>(v[i]);
  for (Index width = k_lanes / 2; width > 0; width /= 2) {
    for (Index t = 0; t < width; ++t) acc[t] += acc[t + width];
  }
  return acc[0] + tail;
}

/// v += a x.
template <class T>
inline void axpy(double a, const T* __restrict x, double* __restrict v, Index n) {
  for (Index i = 0; i < n; ++i) v[i] += a * static_cast<double>(x[i]);
}

/// sum_i s_i a_i b_i.
template <class T>
inline double weighted_dot(const double* s, const T* a, const double* b, Index n) {
  constexpr Index k_lanes = 8;
  double acc[k_lanes] = {};
  Index i = 0;
  for (; i + k_lanes <= n; i += k_lanes) {
    for (Index t = 0; t < k_lanes; ++t) {
      acc[t] += s[i + t] * static_cast<double>(a[i + t]) * b[i + t];
    }
  }
  double tail = 0.0;
  for (; i < n; ++i) tail += s[i] * static_cast<double>(a[i]) * b[i];
  for (Index width = k_lanes / 2; width > 0; width /= 2) {
    for (Index t = 0; t < width; ++t) acc[t] += acc[t + width];
  }
  return acc[0] + tail;
}

inline double sum(const double* v, Index n) {
  double acc[4] = {};
  Index i = 0;
  for (; i + 4 <= n; i += 4) {
    for (Index t = 0; t < 4; ++t) acc[t] += v[i + t];
  }
  double tail = 0.0;
  for (; i < n; ++i) tail += v[i];
  return ((acc[0] + acc[2]) + (acc[1] + acc[3])) + tail;
}

}  // namespace taut::linalg
