// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#endif

#include "taut/core/types.hpp"

/// 2^x for kernels that sum millions of them: one polynomial, no table, no call, no test for special
/// values. Exponents are kept in units of log2, so that no multiplication by log2(e) is needed and
/// the reduction x = n + r, |r| <= 1/2, is exact.
namespace taut::linalg {

namespace detail {

/// min(max(x, low), high) by masks: a conditional expression on floating-point values stays a
/// branch in most compilers, and keeps the loop around it scalar.
template <class T, class Bits>
[[gnu::always_inline]] inline T clamp(T x, T low, T high) {
  Bits value, floor, ceiling;
  std::memcpy(&value, &x, sizeof x);
  std::memcpy(&floor, &low, sizeof x);
  std::memcpy(&ceiling, &high, sizeof x);
  const Bits below = Bits{0} - static_cast<Bits>(x < low);
  const Bits above = Bits{0} - static_cast<Bits>(x > high);
  value = (value & ~(below | above)) | (floor & below) | (ceiling & above);
  std::memcpy(&x, &value, sizeof x);
  return x;
}

}  // namespace detail

template <class T>
struct Exp2;

/// Relative error 3e-16 for -1000 <= x <= 1000; arguments outside are taken as the nearer end.
template <>
struct Exp2<double> {
  static constexpr double k_low = -1000.0, k_high = 1000.0;

  [[gnu::always_inline]] static inline double eval(double x) {
    constexpr double k_shift = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
    x = detail::clamp<double, std::uint64_t>(x, k_low, k_high);
    const double shifted = x + k_shift;
    const double r = x - (shifted - k_shift);
    // Minimax of relative error for 2^r on [-1/2, 1/2] by Remez exchange, 2.1e-16.
    double y = 7.03727884672690088e-09;
    y = y * r + 1.02085379296574044e-07;
    y = y * r + 1.32156628359592385e-06;
    y = y * r + 1.52526581164098545e-05;
    y = y * r + 1.54035299611270755e-04;
    y = y * r + 1.33335582285617669e-03;
    y = y * r + 9.61812910803459646e-03;
    y = y * r + 5.55041086644588316e-02;
    y = y * r + 2.40226506959087677e-01;
    y = y * r + 6.93147180559949727e-01;
    y = y * r + 1.0;
    std::uint64_t n, bits;
    std::memcpy(&n, &shifted, sizeof n);
    std::memcpy(&bits, &y, sizeof bits);
    bits += n << 52;  // the low bits of `shifted` hold n, and 2^n belongs to the exponent
    std::memcpy(&y, &bits, sizeof y);
    return y;
  }
};

/// Relative error 1.2e-7 for -125 <= x <= 125.
template <>
struct Exp2<float> {
  static constexpr float k_low = -125.0F, k_high = 125.0F;

  [[gnu::always_inline]] static inline float eval(float x) {
    constexpr float k_shift = 12582912.0F;  // 1.5 * 2^23
    x = detail::clamp<float, std::uint32_t>(x, k_low, k_high);
    const float shifted = x + k_shift;
    const float r = x - (shifted - k_shift);
    // The same, degree 6: 1.9e-9 before rounding.
    float y = 1.53458121587401829e-04F;
    y = y * r + 1.33999312094741402e-03F;
    y = y * r + 9.61848895652279122e-03F;
    y = y * r + 5.55032877699766364e-02F;
    y = y * r + 2.40226468906395735e-01F;
    y = y * r + 6.93147205737252636e-01F;
    y = y * r + 1.0F;
    std::uint32_t n, bits;
    std::memcpy(&n, &shifted, sizeof n);
    std::memcpy(&bits, &y, sizeof bits);
    bits += n << 23;
    std::memcpy(&y, &bits, sizeof y);
    return y;
  }
};

namespace detail {

/// Asks for what lies 2 kB behind `address`. Without it costs that come from memory wait for it while
/// no polynomial runs: measured on a Zen 4 core, 0.84 instead of 1.22 ns an entry.
[[gnu::always_inline]] inline void prefetch_ahead(const void* address) {
#if defined(__GNUC__)
  __builtin_prefetch(static_cast<const char*>(address) + 2048);
#else
  static_cast<void>(address);
#endif
}

}  // namespace detail

/// e_j = 2^(p + q_j - kappa c_j) for a few thousand entries at most; returns their sum.
///
/// Written for AVX2 by hand, because compilers make the two clamps eight instructions of masks and
/// run one polynomial at a time: 20 instructions for 4 doubles or 16 for 8 floats, about 0.6 and
/// 0.2 ns an entry on a Zen 4 core.
template <class T>
inline double exp2_tile(const T* __restrict c, const T* __restrict q, T p, T kappa, T* __restrict e,
                        Index n) {
  T sum = 0;
  for (Index j = 0; j < n; ++j) {
    const T value = Exp2<T>::eval((p + q[j]) - kappa * c[j]);
    e[j] = value;
    sum += value;
  }
  return static_cast<double>(sum);
}

/// The same with exponents in double and exponentials in float32, 1.2e-7 relative: whatever the size of
/// the terms that make the exponents. Below 2^-125 and above 2^125 the nearer of them.
inline double exp2_tile(const double* __restrict c, const double* __restrict q, double p,
                        double kappa, float* __restrict e, Index n) {
  double sum = 0.0;
  Index j = 0;
#if defined(__AVX2__) && defined(__FMA__)
  const __m256d vp = _mm256_set1_pd(p), vk = _mm256_set1_pd(kappa);
  const __m256d shift = _mm256_set1_pd(6755399441055744.0);
  const __m256d low = _mm256_set1_pd(-125.0), high = _mm256_set1_pd(125.0);
  __m256 total[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  for (; j + 16 <= n; j += 16) {
    detail::prefetch_ahead(c + j);
    detail::prefetch_ahead(c + j + 8);
    __m256 r[2], y[2];
    __m256i exponent[2];
    for (int w = 0; w < 2; ++w) {
      __m256d x[2], shifted[2];
      for (int h = 0; h < 2; ++h) {
        const Index k = j + 8 * w + 4 * h;
        x[h] =
            _mm256_fnmadd_pd(vk, _mm256_loadu_pd(c + k), _mm256_add_pd(vp, _mm256_loadu_pd(q + k)));
        x[h] = _mm256_min_pd(_mm256_max_pd(x[h], low), high);
        shifted[h] = _mm256_add_pd(x[h], shift);
        x[h] = _mm256_sub_pd(x[h], _mm256_sub_pd(shifted[h], shift));
      }
      r[w] = _mm256_set_m128(_mm256_cvtpd_ps(x[1]), _mm256_cvtpd_ps(x[0]));
      // The low halves of the shifted numbers hold the exponents.
      const __m256i mixed = _mm256_castps_si256(
          _mm256_shuffle_ps(_mm256_castpd_ps(shifted[0]), _mm256_castpd_ps(shifted[1]), 0x88));
      exponent[w] = _mm256_slli_epi32(_mm256_permute4x64_epi64(mixed, 0xD8), 23);
    }
    constexpr float k_poly[] = {1.33999312094741402e-03F, 9.61848895652279122e-03F,
                                5.55032877699766364e-02F, 2.40226468906395735e-01F,
                                6.93147205737252636e-01F, 1.0F};
    for (int w = 0; w < 2; ++w) y[w] = _mm256_set1_ps(1.53458121587401829e-04F);
    for (const float coefficient : k_poly) {
      const __m256 next = _mm256_set1_ps(coefficient);
      for (int w = 0; w < 2; ++w) y[w] = _mm256_fmadd_ps(y[w], r[w], next);
    }
    for (int w = 0; w < 2; ++w) {
      y[w] = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(y[w]), exponent[w]));
      _mm256_storeu_ps(e + j + 8 * w, y[w]);
      total[w] = _mm256_add_ps(total[w], y[w]);
    }
  }
  float lanes[8];
  _mm256_storeu_ps(lanes, _mm256_add_ps(total[0], total[1]));
  for (const float lane : lanes) sum += static_cast<double>(lane);
#endif
  for (; j < n; ++j) {
    const double x = detail::clamp<double, std::uint64_t>((p + q[j]) - kappa * c[j], -125.0, 125.0);
    e[j] = static_cast<float>(Exp2<double>::eval(x));
    sum += static_cast<double>(e[j]);
  }
  return sum;
}

#if defined(__AVX2__) && defined(__FMA__)

namespace detail {

/// y = 2^x for `Width` vectors step by step together: one polynomial alone is a chain of twelve
/// dependent instructions, and the scheduler of a processor holds three such chains at most.
template <int Width>
[[gnu::always_inline]] inline void exp2_lanes(__m256d* x, __m256d* y) {
  constexpr double k_poly[] = {1.02085379296574044e-07, 1.32156628359592385e-06,
                               1.52526581164098545e-05, 1.54035299611270755e-04,
                               1.33335582285617669e-03, 9.61812910803459646e-03,
                               5.55041086644588316e-02, 2.40226506959087677e-01,
                               6.93147180559949727e-01, 1.0};
  const __m256d shift = _mm256_set1_pd(6755399441055744.0);
  const __m256d low = _mm256_set1_pd(Exp2<double>::k_low);
  const __m256d high = _mm256_set1_pd(Exp2<double>::k_high);
  __m256d shifted[Width];
  for (int w = 0; w < Width; ++w) x[w] = _mm256_min_pd(_mm256_max_pd(x[w], low), high);
  for (int w = 0; w < Width; ++w) shifted[w] = _mm256_add_pd(x[w], shift);
  for (int w = 0; w < Width; ++w) x[w] = _mm256_sub_pd(x[w], _mm256_sub_pd(shifted[w], shift));
  for (int w = 0; w < Width; ++w) y[w] = _mm256_set1_pd(7.03727884672690088e-09);
  for (const double coefficient : k_poly) {
    const __m256d next = _mm256_set1_pd(coefficient);
    for (int w = 0; w < Width; ++w) y[w] = _mm256_fmadd_pd(y[w], x[w], next);
  }
  for (int w = 0; w < Width; ++w) {
    const __m256i n = _mm256_slli_epi64(_mm256_castpd_si256(shifted[w]), 52);
    y[w] = _mm256_castsi256_pd(_mm256_add_epi64(_mm256_castpd_si256(y[w]), n));
  }
}

template <int Width>
[[gnu::always_inline]] inline void exp2_lanes(__m256* x, __m256* y) {
  constexpr float k_poly[] = {1.33999312094741402e-03F, 9.61848895652279122e-03F,
                              5.55032877699766364e-02F, 2.40226468906395735e-01F,
                              6.93147205737252636e-01F, 1.0F};
  const __m256 shift = _mm256_set1_ps(12582912.0F);
  const __m256 low = _mm256_set1_ps(Exp2<float>::k_low);
  const __m256 high = _mm256_set1_ps(Exp2<float>::k_high);
  __m256 shifted[Width];
  for (int w = 0; w < Width; ++w) x[w] = _mm256_min_ps(_mm256_max_ps(x[w], low), high);
  for (int w = 0; w < Width; ++w) shifted[w] = _mm256_add_ps(x[w], shift);
  for (int w = 0; w < Width; ++w) x[w] = _mm256_sub_ps(x[w], _mm256_sub_ps(shifted[w], shift));
  for (int w = 0; w < Width; ++w) y[w] = _mm256_set1_ps(1.53458121587401829e-04F);
  for (const float coefficient : k_poly) {
    const __m256 next = _mm256_set1_ps(coefficient);
    for (int w = 0; w < Width; ++w) y[w] = _mm256_fmadd_ps(y[w], x[w], next);
  }
  for (int w = 0; w < Width; ++w) {
    const __m256i n = _mm256_slli_epi32(_mm256_castps_si256(shifted[w]), 23);
    y[w] = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(y[w]), n));
  }
}

}  // namespace detail

template <>
inline double exp2_tile<double>(const double* __restrict c, const double* __restrict q, double p,
                                double kappa, double* __restrict e, Index n) {
  constexpr int k_width = 4;
  const __m256d vp = _mm256_set1_pd(p), vk = _mm256_set1_pd(kappa);
  __m256d total[k_width] = {_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(),
                            _mm256_setzero_pd()};
  Index j = 0;
  for (; j + 4 * k_width <= n; j += 4 * k_width) {
    detail::prefetch_ahead(c + j);
    detail::prefetch_ahead(c + j + 8);
    __m256d x[k_width], y[k_width];
    for (int w = 0; w < k_width; ++w) {
      x[w] = _mm256_fnmadd_pd(vk, _mm256_loadu_pd(c + j + 4 * w),
                              _mm256_add_pd(vp, _mm256_loadu_pd(q + j + 4 * w)));
    }
    detail::exp2_lanes<k_width>(x, y);
    for (int w = 0; w < k_width; ++w) _mm256_storeu_pd(e + j + 4 * w, y[w]);
    for (int w = 0; w < k_width; ++w) total[w] = _mm256_add_pd(total[w], y[w]);
  }
  double lanes[4];
  _mm256_storeu_pd(
      lanes, _mm256_add_pd(_mm256_add_pd(total[0], total[2]), _mm256_add_pd(total[1], total[3])));
  double sum = (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
  for (; j < n; ++j) {
    e[j] = Exp2<double>::eval((p + q[j]) - kappa * c[j]);
    sum += e[j];
  }
  return sum;
}

template <>
inline double exp2_tile<float>(const float* __restrict c, const float* __restrict q, float p,
                               float kappa, float* __restrict e, Index n) {
  constexpr int k_width = 4;
  const __m256 vp = _mm256_set1_ps(p), vk = _mm256_set1_ps(kappa);
  __m256 total[k_width] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                           _mm256_setzero_ps()};
  Index j = 0;
  for (; j + 8 * k_width <= n; j += 8 * k_width) {
    detail::prefetch_ahead(c + j);
    detail::prefetch_ahead(c + j + 16);
    __m256 x[k_width], y[k_width];
    for (int w = 0; w < k_width; ++w) {
      x[w] = _mm256_fnmadd_ps(vk, _mm256_loadu_ps(c + j + 8 * w),
                              _mm256_add_ps(vp, _mm256_loadu_ps(q + j + 8 * w)));
    }
    detail::exp2_lanes<k_width>(x, y);
    for (int w = 0; w < k_width; ++w) _mm256_storeu_ps(e + j + 8 * w, y[w]);
    for (int w = 0; w < k_width; ++w) total[w] = _mm256_add_ps(total[w], y[w]);
  }
  float lanes[8];
  _mm256_storeu_ps(
      lanes, _mm256_add_ps(_mm256_add_ps(total[0], total[2]), _mm256_add_ps(total[1], total[3])));
  double sum = 0.0;
  for (const float lane : lanes) sum += static_cast<double>(lane);
  for (; j < n; ++j) {
    e[j] = Exp2<float>::eval((p + q[j]) - kappa * c[j]);
    sum += static_cast<double>(e[j]);
  }
  return sum;
}

/// The doubles of one register, with + - * /.
using Pack = __m256d;

#else

typedef double Pack __attribute__((vector_size(16)));

namespace detail {

template <int Width>
[[gnu::always_inline]] inline void exp2_lanes(Pack* x, Pack* y) {
  for (int w = 0; w < Width; ++w) {
    for (int k = 0; k < 2; ++k) y[w][k] = Exp2<double>::eval(x[w][k]);
  }
}

}  // namespace detail

#endif

constexpr int k_pack = static_cast<int>(sizeof(Pack) / sizeof(double));

/// y = 2^x for `Width` packs; x is used up.
template <int Width>
[[gnu::always_inline]] inline void exp2_packs(Pack* x, Pack* y) {
  detail::exp2_lanes<Width>(x, y);
}

}  // namespace taut::linalg
