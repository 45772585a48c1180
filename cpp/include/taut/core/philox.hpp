// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "taut/core/types.hpp"

namespace taut {

/// Counter-based random numbers, Philox4x64-10 (Salmon, Moraes, Dror, Shaw: "Parallel random
/// numbers: as easy as 1, 2, 3", SC 2011, section 3.3).
///
/// A key and a 256-bit counter give four 64-bit words; nothing is carried from one block to the
/// next. Sample, chain or replicate i of a computation owns stream i of one key, so the draws do
/// not depend on how the work is split over threads.
///
/// Words and doubles are those of NumPy: block b of stream s of key (k0, k1) is block b of
/// numpy.random.Philox(key=[k0, k1], counter=[0, s, 0, 0]).
class Philox {
 public:
  using Key = std::array<std::uint64_t, 2>;
  using Block = std::array<std::uint64_t, 4>;

  explicit Philox(Key key, std::uint64_t stream = 0) : key_(key), stream_(stream) {}

  /// Ten rounds on one counter. O(1): 20 multiplications of 64 x 64 bits.
  static Block rounds(Block counter, Key key) {
    for (int round = 0; round < 10; ++round) {
      const Product a = multiply(0xD2E7470EE14C6C93u, counter[0]);
      const Product b = multiply(0xCA5A826395121157u, counter[2]);
      counter = {b.high ^ counter[1] ^ key[0], b.low, a.high ^ counter[3] ^ key[1], a.low};
      key[0] += 0x9E3779B97F4A7C15u;
      key[1] += 0xBB67AE8584CAA73Bu;
    }
    return counter;
  }

  /// The words of block `index`, wherever the stream stands. NumPy counts before it generates,
  /// hence the + 1.
  Block block(std::uint64_t index) const {
    const std::uint64_t next = index + 1;
    const std::uint64_t carry = next == 0 ? 1u : 0u;
    return rounds({next, stream_ + carry, 0, 0}, key_);
  }

  /// Next word, uniform on 0 .. 2^64 - 1.
  std::uint64_t next() {
    if (used_ == 4) {
      words_ = block(position_++);
      used_ = 0;
    }
    return words_[used_++];
  }

  /// Next double, uniform on the multiples of 2^-53 in [0, 1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

  /// Next integer, uniform on 0 .. n-1 (n >= 1) without bias: Lemire's multiplication (ACM Trans.
  /// Model. Comput. Simul. 29, 2019, algorithm 5), which rejects less than once in 2^64 / n draws.
  Index below(Index n) {
    TAUT_ASSERT(n >= 1);
    const auto range = static_cast<std::uint64_t>(n);
    Product m = multiply(next(), range);
    if (m.low < range) {
      const std::uint64_t threshold = (0 - range) % range;
      while (m.low < threshold) m = multiply(next(), range);
    }
    return static_cast<Index>(m.high);
  }

  /// Next standard normal by Box-Muller; two words give two draws. The first word is moved into
  /// (0, 1] so that its logarithm exists; the largest draw is sqrt(2 log 2^53) = 8.57.
  double normal() {
    if (has_spare_) {
      has_spare_ = false;
      return spare_;
    }
    const double u = 1.0 - uniform();
    const double angle = 6.283185307179586476925 * uniform();
    const double radius = std::sqrt(-2.0 * std::log(u));
    spare_ = radius * std::sin(angle);
    has_spare_ = true;
    return radius * std::cos(angle);
  }

 private:
  struct Product {
    std::uint64_t high, low;
  };

  static Product multiply(std::uint64_t a, std::uint64_t b) {
#ifdef __SIZEOF_INT128__
    __extension__ using Wide = unsigned __int128;
    const Wide wide = static_cast<Wide>(a) * b;
    return {static_cast<std::uint64_t>(wide >> 64), static_cast<std::uint64_t>(wide)};
#else
    // Schoolbook product of 32-bit halves, for compilers without a 128-bit integer.
    const std::uint64_t mask = 0xFFFFFFFFu;
    const std::uint64_t low = (a & mask) * (b & mask);
    const std::uint64_t cross = (a >> 32) * (b & mask) + (low >> 32);
    const std::uint64_t other = (a & mask) * (b >> 32) + (cross & mask);
    return {(a >> 32) * (b >> 32) + (cross >> 32) + (other >> 32), a * b};
#endif
  }

  Key key_;
  std::uint64_t stream_;
  std::uint64_t position_ = 0;
  Block words_{};
  unsigned used_ = 4;
  double spare_ = 0.0;
  bool has_spare_ = false;
};

}  // namespace taut
