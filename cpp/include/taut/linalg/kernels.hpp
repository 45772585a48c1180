// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/core/types.hpp"

/// Short loops on raw pointers. Storage may be float or double; arithmetic is always double, so a
/// float32 design loses nothing but the rounding of its own entries.
namespace taut::linalg {

/// S(z, t) = sign(z) max(|z| - t, 0).
inline double soft_threshold(double z, double t) { return z > t ? z - t : (z < -t ? z + t : 0.0); }

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

/// v += a_0 x_0 + .. + a_3 x_3: v is read and written once for all four.
template <class T>
inline void axpy4(const double* a, const T* __restrict x0, const T* __restrict x1,
                  const T* __restrict x2, const T* __restrict x3, double* __restrict v, Index n) {
  const double a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3];
  for (Index i = 0; i < n; ++i) {
    v[i] += (a0 * static_cast<double>(x0[i]) + a1 * static_cast<double>(x1[i])) +
            (a2 * static_cast<double>(x2[i]) + a3 * static_cast<double>(x3[i]));
  }
}

/// out[c] = x'v_c for Count = 2, 3 or 4 vectors `ld` apart, reading x once. The sums are scalars of
/// their own under a simd clause: unrolled arrays of accumulators make compilers shuffle instead.
template <int Count, class T>
inline void dot_block(const T* x, const double* v, Index ld, Index n, double* out) {
  static_assert(Count >= 2 && Count <= 4);
  const double* v0 = v;
  const double* v1 = v + ld;
  const double* v2 = Count > 2 ? v + 2 * ld : v;
  const double* v3 = Count > 3 ? v + 3 * ld : v;
  double a0 = 0.0, a1 = 0.0, a2 = 0.0, a3 = 0.0;
#pragma omp simd reduction(+ : a0, a1, a2, a3)
  for (Index i = 0; i < n; ++i) {
    const double xi = static_cast<double>(x[i]);
    a0 += xi * v0[i];
    a1 += xi * v1[i];
    if constexpr (Count > 2) a2 += xi * v2[i];
    if constexpr (Count > 3) a3 += xi * v3[i];
  }
  out[0] = a0;
  out[1] = a1;
  if constexpr (Count > 2) out[2] = a2;
  if constexpr (Count > 3) out[3] = a3;
}

/// out[c] = x'v_c for `count` vectors, each `ld` after the one before.
template <class T>
inline void dot_columns(const T* x, const double* v, Index ld, Index n, Index count, double* out) {
  for (; count >= 4; v += 4 * ld, out += 4, count -= 4) dot_block<4>(x, v, ld, n, out);
  if (count == 3) dot_block<3>(x, v, ld, n, out);
  if (count == 2) dot_block<2>(x, v, ld, n, out);
  if (count == 1) out[0] = dot(x, v, n);
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

inline bool any_nonzero(const double* v, Index n) {
  for (Index i = 0; i < n; ++i) {
    if (v[i] != 0.0) return true;
  }
  return false;
}

}  // namespace taut::linalg
