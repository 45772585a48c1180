// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

#include "taut/core/monitor.hpp"
#include "taut/core/types.hpp"
#include "taut/privacy/chacha20.hpp"

/// Exact samplers that use integers only (Canonne, Kamath, Steinke: "The discrete Gaussian for
/// differential privacy", NeurIPS 2020, section 5). Noise in floating point lies on a grid that
/// depends on what it is added to, and its last bits give that away (Mironov, CCS 2012).
namespace taut::privacy {

/// Uniform on 0 .. n-1, n >= 1, by rejection: as many bits as n-1 has, again while too large.
template <class Random>
std::uint64_t uniform_below(Random& random, std::uint64_t n) {
  TAUT_ASSERT(n >= 1);
  std::uint64_t mask = n - 1;
  for (int shift = 1; shift < 64; shift *= 2) mask |= mask >> shift;
  if (mask == 0) return 0;
  std::uint64_t draw = random.next() & mask;
  while (draw >= n) draw = random.next() & mask;
  return draw;
}

/// True with probability p / q, 0 <= p <= q.
template <class Random>
bool bernoulli(Random& random, std::uint64_t p, std::uint64_t q) {
  return uniform_below(random, q) < p;
}

/// True with probability exp(-p / q), 0 <= p <= q (algorithm 1). The coin of p / (q k) is two coins,
/// p / q and 1 / k, so that no product can overflow.
template <class Random>
bool bernoulli_exp(Random& random, std::uint64_t p, std::uint64_t q) {
  std::uint64_t k = 1;
  while ((p == q || bernoulli(random, p, q)) && bernoulli(random, 1, k)) ++k;
  return k % 2 == 1;
}

/// One draw of P(z) proportional to exp(-|z| s / t), s and t >= 1 (algorithm 2).
/// Its time depends on the draw alone.
template <class Random>
std::int64_t discrete_laplace(Random& random, std::uint64_t s, std::uint64_t t) {
  for (;;) {
    const std::uint64_t u = uniform_below(random, t);
    if (!bernoulli_exp(random, u, t)) continue;
    std::uint64_t v = 0;
    while (bernoulli_exp(random, 1, 1)) ++v;
    // t is below 2^40, and v above 2^20 has a probability of exp(-2^20).
    const auto size = static_cast<std::int64_t>((u + t * v) / s);
    TAUT_ASSERT(size < std::int64_t{1} << 60);
    const bool negative = (random.next() & 1) != 0;
    if (negative && size == 0) continue;  // zero would count twice
    return negative ? -size : size;
  }
}

/// n draws, one after the other.
void discrete_laplace(ChaCha20& random, std::uint64_t s, std::uint64_t t, std::int64_t* out,
                      Index n, Monitor& monitor);

}  // namespace taut::privacy
