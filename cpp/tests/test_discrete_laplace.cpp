// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "taut/core/philox.hpp"
#include "taut/privacy/discrete_laplace.hpp"

using namespace taut::privacy;
using taut::Philox;

namespace {

/// How many standard deviations a frequency is from its probability.
double deviation(int hits, int n, double p) {
  return (hits - n * p) / std::sqrt(n * p * (1.0 - p));
}

constexpr int k_draws = 200000;

}  // namespace

TEST_CASE("uniform draws of every range are even") {
  Philox random({1, 2});
  for (const std::uint64_t n : {1u, 2u, 3u, 7u, 64u}) {
    std::vector<int> hits(n);
    for (int i = 0; i < k_draws; ++i) ++hits[uniform_below(random, n)];
    for (const int h : hits) {
      if (n > 1) CHECK(std::fabs(deviation(h, k_draws, 1.0 / static_cast<double>(n))) < 5.0);
    }
  }
  CHECK(uniform_below(random, std::uint64_t{1} << 63) < std::uint64_t{1} << 63);
}

TEST_CASE("coins of exp(-p / q)") {
  Philox random({3, 4});
  for (const auto& [p, q] : {std::pair<unsigned, unsigned>{0, 5}, {1, 5}, {4, 5}, {5, 5}}) {
    int hits = 0;
    for (int i = 0; i < k_draws; ++i) hits += bernoulli_exp(random, p, q);
    if (p == 0) {
      CHECK(hits == k_draws);
    } else {
      CHECK(std::fabs(deviation(hits, k_draws, std::exp(-double(p) / q))) < 5.0);
    }
  }
}

TEST_CASE("draws have the two-sided geometric distribution") {
  for (const auto& [s, t] : {std::pair<unsigned, unsigned>{1, 1}, {2, 5}, {7, 3}}) {
    Philox random({s, t});
    const double a = std::exp(-double(s) / t);
    std::vector<int> hits(9);
    for (int i = 0; i < k_draws; ++i) {
      const std::int64_t z = discrete_laplace(random, s, t);
      if (z >= -4 && z <= 4) ++hits[static_cast<std::size_t>(z + 4)];
    }
    for (int z = -4; z <= 4; ++z) {
      const double p = (1.0 - a) / (1.0 + a) * std::pow(a, std::abs(z));
      if (k_draws * p < 20.0) continue;
      CHECK(std::fabs(deviation(hits[static_cast<std::size_t>(z + 4)], k_draws, p)) < 5.0);
    }
  }
}

TEST_CASE("a million times more noise is a million times wider") {
  taut::SilentMonitor monitor;
  ChaCha20 random({1, 2, 3, 4, 5, 6, 7, 8});
  std::vector<std::int64_t> draws(20000);
  discrete_laplace(random, 1, std::uint64_t{1} << 40, draws.data(), 20000, monitor);
  double sum = 0.0;
  for (const std::int64_t z : draws) sum += std::fabs(static_cast<double>(z));
  CHECK(sum / 20000.0 / std::pow(2.0, 40) == doctest::Approx(1.0).epsilon(0.05));
}
