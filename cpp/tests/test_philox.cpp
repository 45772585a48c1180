// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>

#include "taut/core/philox.hpp"

using taut::Index;
using taut::Philox;

TEST_CASE("words equal those of numpy.random.Philox") {
  // numpy.random.Philox(key=[1234, 5678], counter=0).random_raw(4)
  Philox philox({1234, 5678});
  CHECK(philox.next() == 11115979802010006567u);
  CHECK(philox.next() == 2847686596263442378u);
  CHECK(philox.next() == 13356273470457847551u);
  CHECK(philox.next() == 7376666196161043164u);
}

TEST_CASE("any block can be read without those before it") {
  Philox philox({7, 8}, 3);
  for (std::uint64_t b = 0; b < 5; ++b) {
    const Philox::Block block = Philox({7, 8}, 3).block(b);
    for (const std::uint64_t word : block) CHECK(philox.next() == word);
  }
}

TEST_CASE("the counter carries into its second word") {
  const std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
  CHECK(Philox({1, 2}, 5).block(last) == Philox::rounds({0, 6, 0, 0}, {1, 2}));
}

TEST_CASE("uniform draws lie in [0, 1)") {
  Philox philox({1, 2});
  double sum = 0.0;
  const int n = 100000;
  for (int i = 0; i < n; ++i) {
    const double u = philox.uniform();
    REQUIRE(u >= 0.0);
    REQUIRE(u < 1.0);
    sum += u;
  }
  // Standard error of the mean: 1 / sqrt(12 n) = 0.0009.
  CHECK(sum / n == doctest::Approx(0.5).epsilon(0.008));
}

TEST_CASE("integers below a bound reach both ends and nothing outside") {
  Philox philox({9, 9});
  bool low = false;
  bool high = false;
  for (int i = 0; i < 1000; ++i) {
    const Index k = philox.below(6);
    REQUIRE(k >= 0);
    REQUIRE(k < 6);
    low = low || k == 0;
    high = high || k == 5;
  }
  CHECK(low);
  CHECK(high);
  CHECK(philox.below(1) == 0);
}
