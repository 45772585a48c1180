// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linalg/exp2.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

using taut::Index;
using taut::linalg::Exp2;
using taut::linalg::exp2_tile;

TEST_CASE("powers of two have the stated relative error") {
  double worst = 0.0;
  float worst_float = 0.0F;
  for (int i = -99990; i <= 99990; ++i) {
    const double x = i * 0.01;
    worst = std::max(worst, std::abs(Exp2<double>::eval(x) / std::exp2(x) - 1.0));
    const float y = static_cast<float>(i) * 0.00125F;
    worst_float = std::max(worst_float, std::abs(Exp2<float>::eval(y) / std::exp2(y) - 1.0F));
  }
  CHECK(worst < 5e-16);
  CHECK(worst_float < 2e-7F);
}

TEST_CASE("arguments out of range count as the end of the range") {
  CHECK(Exp2<double>::eval(-1e9) == std::exp2(-1000.0));
  CHECK(Exp2<double>::eval(1e9) == std::exp2(1000.0));
  CHECK(Exp2<float>::eval(-1e9F) == std::exp2(-125.0F));
  CHECK(Exp2<float>::eval(1e9F) == std::exp2(125.0F));
}

template <class T>
void check_tile(Index n, double tolerance) {
  std::vector<T> c(static_cast<std::size_t>(n)), q(c.size()), e(c.size());
  for (std::size_t j = 0; j < c.size(); ++j) {
    c[j] = static_cast<T>(0.37 * static_cast<double>(j % 29));
    q[j] = static_cast<T>(0.11 * static_cast<double>(j % 17) - 1.0);
  }
  const double sum = exp2_tile<T>(c.data(), q.data(), T(0.5), T(1.25), e.data(), n);
  double expected = 0.0;
  for (std::size_t j = 0; j < c.size(); ++j) {
    const double value =
        std::exp2(0.5 + static_cast<double>(q[j]) - 1.25 * static_cast<double>(c[j]));
    CHECK(std::abs(static_cast<double>(e[j]) - value) <= tolerance * value);
    expected += value;
  }
  CHECK(std::abs(sum - expected) <= tolerance * expected);
}

TEST_CASE("a tile of any length is the exponentials one by one") {
  for (const Index n : {0, 1, 3, 4, 15, 16, 17, 31, 32, 33, 100, 1024}) {
    check_tile<double>(n, 1e-14);
    check_tile<float>(n, 4e-6);
  }
}

TEST_CASE("exponents in double keep their precision in a tile of floats") {
  for (const Index n : {0, 1, 8, 15, 16, 17, 33, 1024}) {
    std::vector<double> c(static_cast<std::size_t>(n)), q(c.size());
    std::vector<float> e(c.size());
    for (std::size_t j = 0; j < c.size(); ++j) {
      c[j] = 1e6 + 0.37 * static_cast<double>(j % 29);
      q[j] = 0.11 * static_cast<double>(j % 17) - 1.0;
    }
    // Terms of a million cancel: floats would be off by a tenth here.
    const double sum = exp2_tile(c.data(), q.data(), 1.25e6 - 2.0, 1.25, e.data(), n);
    double expected = 0.0;
    for (std::size_t j = 0; j < c.size(); ++j) {
      const double value = std::exp2(1.25e6 - 2.0 + q[j] - 1.25 * c[j]);
      CHECK(std::abs(static_cast<double>(e[j]) - value) <= 2e-7 * value);
      expected += value;
    }
    CHECK(std::abs(sum - expected) <= 2e-7 * expected);
  }
  // Out of range, whichever lane: the nearer end, never a wrapped exponent.
  const std::vector<double> zero(40), far(40, 1e12);
  std::vector<float> e(40);
  exp2_tile(far.data(), zero.data(), 0.0, 1.0, e.data(), 40);
  for (const float value : e) CHECK(value == std::exp2(-125.0F));
  exp2_tile(far.data(), zero.data(), 0.0, -1.0, e.data(), 40);
  for (const float value : e) CHECK(value == std::exp2(125.0F));
}

TEST_CASE("packs are the same numbers") {
  constexpr int width = taut::linalg::k_pack, last = 2 * width - 1;
  taut::linalg::Pack x[2], y[2];
  for (int k = 0; k <= last; ++k) x[k / width][k % width] = -3.7 * k - (k == last ? 1e4 : 0.0);
  taut::linalg::exp2_packs<2>(x, y);
  for (int k = 0; k <= last; ++k) {
    const double expected = std::exp2(k == last ? -1000.0 : -3.7 * k);
    CHECK(std::abs(y[k / width][k % width] / expected - 1.0) < 5e-16);
  }
}
