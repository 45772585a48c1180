// SPDX-License-Identifier: BSD-3-Clause
#include "taut/datafit/poisson.hpp"

#include <cmath>
#include <limits>

#include "datafit_checks.hpp"

using taut::Index;
using taut::datafit::Poisson;

namespace {

struct Case {
  std::vector<double> y, s, eta;

  explicit Case(Index n)
      : y(checks::uniform(n, 0.0, 9.0, 1)),
        s(checks::weights(n, 2)),
        eta(checks::uniform(n, -4.0, 3.0, 3)) {
    for (std::size_t i = 0; i < y.size(); ++i) {
      if (i % 3 != 0) y[i] = std::floor(y[i]);
      if (i % 5 == 0) y[i] = 0.0;
    }
  }
};

}  // namespace

TEST_CASE("poisson: value against libm") {
  const Case c(300);
  const Poisson f(300, c.y.data(), c.s.data());
  double expected = 0.0;
  for (std::size_t i = 0; i < 300; ++i) {
    expected += c.s[i] * (std::exp(c.eta[i]) - c.y[i] * c.eta[i]);
  }
  CHECK(f.value(c.eta.data()) == doctest::Approx(expected).epsilon(1e-13));
}

TEST_CASE("poisson: derivatives") {
  const Case c(17);
  checks::derivatives(Poisson(17, c.y.data(), c.s.data()), c.eta);
}

TEST_CASE("poisson: Fenchel-Young inequality") {
  const Case c(40);
  checks::fenchel_young(Poisson(40, c.y.data(), c.s.data()), c.eta,
                        checks::uniform(40, -3.0, 3.0, 9));
}

TEST_CASE("poisson: the dual at zero is the loss of the saturated model") {
  const Case c(30);
  const Poisson f(30, c.y.data(), c.s.data());
  double saturated = 0.0;
  for (std::size_t i = 0; i < 30; ++i) {
    if (c.y[i] > 0.0) saturated += c.s[i] * (c.y[i] - c.y[i] * std::log(c.y[i]));
  }
  std::vector<double> r(30);
  f.residual(c.eta.data(), r.data());
  CHECK(f.dual(r.data(), 0.0) == doctest::Approx(saturated).epsilon(1e-14));
  CHECK(f.excess(saturated + 0.5) == doctest::Approx(0.5).epsilon(1e-13));
  CHECK(f.excess(saturated) > 0.0);
}

TEST_CASE("poisson: the best shift zeroes the slope of the intercept") {
  const Case c(50);
  const Poisson f(50, c.y.data(), c.s.data());
  std::vector<double> r(50), moved(c.eta);
  f.residual(moved.data(), r.data());
  double shift = 0.0, slope = 0.0;
  REQUIRE(f.best_shift(moved.data(), r.data(), shift));
  for (double& x : moved) x += shift;
  f.residual(moved.data(), r.data());
  for (std::size_t i = 0; i < 50; ++i) slope += c.s[i] * r[i];
  CHECK(std::abs(slope) < 1e-14 * f.residual_scale());
  const std::vector<double> zero(50, 0.0);
  CHECK_FALSE(Poisson(50, zero.data(), c.s.data()).best_shift(moved.data(), r.data(), shift));
}

TEST_CASE("poisson: a row of weight zero may lie anywhere, a heavy one overflows to a large loss") {
  const double y[3] = {1.0, 0.0, 3.0}, s[3] = {0.5, 0.0, 0.5};
  double eta[3] = {0.0, 5000.0, 1.0}, r[3], h[3];
  const Poisson f(3, y, s);
  const double expected = 0.5 * 1.0 + 0.5 * (std::exp(1.0) - 3.0);
  CHECK(f.evaluate(eta, r) == doctest::Approx(expected).epsilon(1e-14));
  CHECK(std::isfinite(f.dual(r, 0.7)));
  f.curvature(r, 0, 0, h);
  CHECK(h[1] == 0.0);
  eta[0] = 5000.0;
  CHECK(f.value(eta) > 1e300);
  CHECK_FALSE(std::isnan(f.evaluate(eta, r)));
}
