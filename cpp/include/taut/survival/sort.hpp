// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

#include "taut/core/monitor.hpp"
#include "taut/core/types.hpp"
#include "taut/linalg/vexp.hpp"

/// Times as integers, and a sort that knows it.
///
/// Non-negative doubles order as their bit patterns do. The sign bit of a time is then free, and
///
///   key = bits(time) << 1 | censored
///
/// holds a whole record: time, flag, and the rule that at one time events come before censorings.
/// One sort of 8-byte integers replaces the sort of rows. Times that may be negative use all 64 bits
/// (order_bits), and the rest of the record travels beside the key.
namespace taut::survival {

/// Order-preserving map of finite doubles to unsigned integers; -0.0 and +0.0 become one value.
inline std::uint64_t order_bits(double x) {
  const std::uint64_t b = linalg::detail::to_bits(x + 0.0);
  return (b >> 63) != 0 ? ~b : b | (std::uint64_t{1} << 63);
}

inline double from_order_bits(std::uint64_t k) {
  return linalg::detail::from_bits((k >> 63) != 0 ? k & ~(std::uint64_t{1} << 63) : ~k);
}

/// Key of a record with time >= 0.
inline std::uint64_t pack(double time, bool event) {
  return (linalg::detail::to_bits(time + 0.0) << 1) | static_cast<std::uint64_t>(!event);
}

inline double packed_time(std::uint64_t key) { return linalg::detail::from_bits(key >> 1); }

/// A time with what travels along: a weight whose sign bit is set for censored records, say.
struct Pair {
  std::uint64_t key;
  double value;
};

/// Sorts keys[begin .. end) ascending, by most significant digits of the range that the keys cover:
/// each pass spreads a bucket over about a quarter as many bins as it has keys, so that two passes
/// leave a handful of keys to insertion. A bucket of equal keys ends at once. O(n) for what times
/// look like, at most 64 / 5 passes for anything. `scratch` has the extent of `keys`.
void sort_keys(std::uint64_t* keys, std::uint64_t* scratch, Index n, int n_threads,
               Monitor& monitor);

/// The same for pairs, by key and then by value: equal sets give equal arrays.
void sort_pairs(Pair* pairs, Pair* scratch, Index n, int n_threads, Monitor& monitor);

/// Many consecutive slices keys[ptr[g] .. ptr[g+1]), each sorted by itself.
void sort_slices(std::uint64_t* keys, std::uint64_t* scratch, const Index* ptr, Index n_slices,
                 int n_threads, Monitor& monitor);
void sort_slices(Pair* pairs, Pair* scratch, const Index* ptr, Index n_slices, int n_threads,
                 Monitor& monitor);

}  // namespace taut::survival
