// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>

#include "taut/core/types.hpp"

/// Exponential and logarithm as plain arithmetic: no branch, no call, so that a loop over an array
/// becomes SIMD code on every compiler and instruction set. Relative error below 1e-15 (a few units
/// in the last place); results that would be denormal are flushed to zero.
namespace taut::linalg {

namespace detail {

inline std::uint64_t to_bits(double x) {
  std::uint64_t b;
  std::memcpy(&b, &x, sizeof b);
  return b;
}

inline double from_bits(std::uint64_t b) {
  double x;
  std::memcpy(&x, &b, sizeof x);
  return x;
}

/// yes if condition, else no. Done with masks: a conditional expression on floating-point values
/// stays a branch in most compilers, and keeps the loop around it scalar.
inline double select(bool condition, double yes, double no) {
  const std::uint64_t mask = std::uint64_t{0} - static_cast<std::uint64_t>(condition);
  return from_bits((to_bits(yes) & mask) | (to_bits(no) & ~mask));
}

// log 2 in two parts; the first has 21 trailing zero bits, so its product with an exponent is exact.
constexpr double k_ln2_hi = 6.93147180369123816490e-01;
constexpr double k_ln2_lo = 1.90821492927058770002e-10;

/// log(1 + f) for -0.293 <= f <= 0.4143, by the series of 2 artanh(f / (2 + f)).
inline double log1p_reduced(double f) {
  const double s = f / (2.0 + f);
  const double z = s * s;
  double t = 2.0 / 23.0;
  t = t * z + 2.0 / 21.0;
  t = t * z + 2.0 / 19.0;
  t = t * z + 2.0 / 17.0;
  t = t * z + 2.0 / 15.0;
  t = t * z + 2.0 / 13.0;
  t = t * z + 2.0 / 11.0;
  t = t * z + 2.0 / 9.0;
  t = t * z + 2.0 / 7.0;
  t = t * z + 2.0 / 5.0;
  t = t * z + 2.0 / 3.0;
  // 2 s = f - s f leaves f, which is exact, as the leading term.
  return f - s * (f - t * z);
}

}  // namespace detail

/// e^x: 0 below -708, +inf above 709.78, NaN for NaN.
inline double fast_exp(double x) {
  constexpr double k_low = -708.0, k_high = 709.782712893384;
  constexpr double k_shift = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
  const double capped = detail::select(x < k_low, k_low, detail::select(x > k_high, k_high, x));
  const double shifted = capped * 1.44269504088896340736 + k_shift;
  const double n = shifted - k_shift;
  const double r = (capped - n * detail::k_ln2_hi) - n * detail::k_ln2_lo;
  double q = 1.0 / 6227020800.0;
  q = q * r + 1.0 / 479001600.0;
  q = q * r + 1.0 / 39916800.0;
  q = q * r + 1.0 / 3628800.0;
  q = q * r + 1.0 / 362880.0;
  q = q * r + 1.0 / 40320.0;
  q = q * r + 1.0 / 5040.0;
  q = q * r + 1.0 / 720.0;
  q = q * r + 1.0 / 120.0;
  q = q * r + 1.0 / 24.0;
  q = q * r + 1.0 / 6.0;
  q = q * r + 0.5;
  const double e_r = 1.0 + (r + r * r * q);
  // The low bits of `shifted` hold n. 2^(n-1) and a doubling reach n = 1024.
  const double half = detail::from_bits((detail::to_bits(shifted) + 1022) << 52);
  const double y = (e_r * half) * 2.0;
  const double floored = detail::select(x < k_low, 0.0, y);
  return detail::select(x > k_high, std::numeric_limits<double>::infinity(), floored);
}

/// log x: -inf at 0 (and for denormals, which count as 0), NaN below, +inf at +inf.
inline double fast_log(double x) {
  constexpr double k_inf = std::numeric_limits<double>::infinity();
  constexpr double k_root2 = 1.41421356237309504880;
  const std::uint64_t bits = detail::to_bits(x);
  // Exponent as a double without an integer conversion, which AVX2 lacks for 64 bits.
  double e = detail::from_bits((bits >> 52) | 0x4330000000000000u) - (4503599627370496.0 + 1023.0);
  double m = detail::from_bits((bits & 0x000fffffffffffffu) | 0x3ff0000000000000u);
  const bool upper = m > k_root2;
  e = detail::select(upper, e + 1.0, e);
  m = detail::select(upper, 0.5 * m, m);
  const double y = e * detail::k_ln2_hi + (detail::log1p_reduced(m - 1.0) + e * detail::k_ln2_lo);
  const double finite = detail::select(x < std::numeric_limits<double>::min(), -k_inf, y);
  const double capped = detail::select(x < k_inf, finite, x);
  return detail::select(x < 0.0, std::numeric_limits<double>::quiet_NaN(), capped);
}

/// log(1 + x) for 0 <= x <= 1.
inline double fast_log1p_unit(double x) {
  const bool upper = x > 0.41421356237309504880;
  // 1 + x = 2 (1 + (x - 1) / 2), and the subtraction is exact in the upper part.
  const double f = detail::select(upper, 0.5 * (x - 1.0), x);
  const double y = detail::log1p_reduced(f);
  return detail::select(upper, (y + detail::k_ln2_lo) + detail::k_ln2_hi, y);
}

/// x log x with 0 log 0 = 0, for x >= 0; tiny negative x (rounding of a probability) count as 0.
inline double xlogx(double x) {
  const double y = x * fast_log(x);
  return detail::select(x < std::numeric_limits<double>::min(), 0.0, y);
}

/// out = e^x.
inline void exp_array(const double* x, double* out, Index n) {
  for (Index i = 0; i < n; ++i) out[i] = fast_exp(x[i]);
}

/// out = log x.
inline void log_array(const double* x, double* out, Index n) {
  for (Index i = 0; i < n; ++i) out[i] = fast_log(x[i]);
}

}  // namespace taut::linalg
