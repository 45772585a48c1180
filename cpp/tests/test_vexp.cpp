// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linalg/vexp.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

using namespace taut::linalg;

namespace {

constexpr double k_inf = std::numeric_limits<double>::infinity();
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

double relative(double got, double expected) { return std::abs(got / expected - 1.0); }

}  // namespace

TEST_CASE("the exponential agrees with libm over the whole range") {
  double worst = 0.0;
  for (double x = -708.0; x < 709.75; x += 0.00731) {
    worst = std::max(worst, relative(fast_exp(x), std::exp(x)));
  }
  for (double x = 1e-20; x < 1.0; x *= 1.37) {
    worst =
        std::max({worst, relative(fast_exp(x), std::exp(x)), relative(fast_exp(-x), std::exp(-x))});
  }
  CHECK(worst < 1e-15);
  CHECK(fast_exp(0.0) == 1.0);
  CHECK(relative(fast_exp(709.782), std::exp(709.782)) < 1e-15);
}

TEST_CASE("the exponential has the right limits") {
  CHECK(fast_exp(k_inf) == k_inf);
  CHECK(fast_exp(710.0) == k_inf);
  CHECK(fast_exp(-k_inf) == 0.0);
  CHECK(fast_exp(-1e300) == 0.0);
  CHECK(fast_exp(-740.0) == 0.0);
  CHECK(std::isnan(fast_exp(k_nan)));
}

TEST_CASE("the logarithm agrees with libm") {
  double worst = 0.0;
  for (double x = 1e-307; x < 1e307; x *= 1.0173) {
    if (x != 1.0) worst = std::max(worst, relative(fast_log(x), std::log(x)));
  }
  for (double x = 0.4; x < 2.5; x += 1.03e-5) {
    worst = std::max(worst, relative(fast_log(x), std::log(x)));
  }
  CHECK(worst < 1e-15);
  CHECK(fast_log(1.0) == 0.0);
}

TEST_CASE("the logarithm has the right limits") {
  CHECK(fast_log(0.0) == -k_inf);
  CHECK(fast_log(1e-310) == -k_inf);
  CHECK(fast_log(k_inf) == k_inf);
  CHECK(std::isnan(fast_log(k_nan)));
  CHECK(std::isnan(fast_log(-1.0)));
}

TEST_CASE("log(1 + x) keeps its digits for small x") {
  double worst = 0.0;
  for (double x = 1e-300; x <= 1.0; x *= 1.0031) {
    worst = std::max(worst, relative(fast_log1p_unit(x), std::log1p(x)));
  }
  for (double x = 1e-5; x <= 1.0; x += 1e-5) {
    worst = std::max(worst, relative(fast_log1p_unit(x), std::log1p(x)));
  }
  CHECK(worst < 1e-15);
  CHECK(fast_log1p_unit(0.0) == 0.0);
  CHECK(fast_log1p_unit(1.0) == doctest::Approx(std::log(2.0)).epsilon(1e-15));
}

TEST_CASE("x log x is zero at zero") {
  CHECK(xlogx(0.0) == 0.0);
  CHECK(xlogx(-1e-17) == 0.0);
  CHECK(xlogx(1.0) == 0.0);
  CHECK(xlogx(0.3) == doctest::Approx(0.3 * std::log(0.3)).epsilon(1e-15));
}

TEST_CASE("arrays give what single values give") {
  double x[13], e[13], l[13];
  for (int i = 0; i < 13; ++i) x[i] = 0.37 * i + 0.01;
  exp_array(x, e, 13);
  log_array(x, l, 13);
  for (int i = 0; i < 13; ++i) {
    CHECK(relative(e[i], std::exp(x[i])) < 1e-15);
    CHECK(std::abs(l[i] - std::log(x[i])) < 1e-15);
  }
}
