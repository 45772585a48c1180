// SPDX-License-Identifier: BSD-3-Clause
#include "taut/datafit/sqrt_quadratic.hpp"

#include <cmath>

#include "datafit_checks.hpp"

using taut::Index;
using taut::datafit::SqrtQuadratic;

namespace {

struct Case {
  std::vector<double> y, s, eta;

  explicit Case(Index n)
      : y(checks::uniform(n, -3.0, 5.0, 1)),
        s(checks::weights(n, 2)),
        eta(checks::uniform(n, -4.0, 4.0, 3)) {}
};

}  // namespace

TEST_CASE("sqrt: value is the minimum over sigma") {
  const Case c(60);
  for (const double floor : {0.0, 0.5, 4.0, 9.0}) {
    const SqrtQuadratic f(60, c.y.data(), floor, c.s.data());
    double square = 0.0;
    for (std::size_t i = 0; i < 60; ++i) square += c.s[i] * std::pow(c.y[i] - c.eta[i], 2);
    const auto at = [&](double sigma) { return square / (2.0 * sigma) + 0.5 * sigma; };
    const double sigma = f.sigma(c.eta.data());
    CHECK(sigma == doctest::Approx(std::max(floor, std::sqrt(square))).epsilon(1e-14));
    CHECK(f.value(c.eta.data()) == doctest::Approx(at(sigma)).epsilon(1e-14));
    for (double other : {1.01, 1.3, 3.0}) CHECK(at(sigma * other) >= at(sigma));
    CHECK(f.norm(c.eta.data()) == doctest::Approx(std::sqrt(square)).epsilon(1e-14));
  }
}

TEST_CASE("sqrt: residuals are minus the slopes of the value") {
  const Case c(17);
  for (const double floor : {0.0, 9.0}) {
    const SqrtQuadratic f(17, c.y.data(), floor, c.s.data());
    std::vector<double> r(17), moved(c.eta);
    const double value = f.evaluate(c.eta.data(), r.data());
    CHECK(value == f.value(c.eta.data()));
    for (std::size_t i = 0; i < 17; ++i) {
      moved[i] = c.eta[i] + 1e-5;
      const double up = f.value(moved.data());
      moved[i] = c.eta[i] - 1e-5;
      const double down = f.value(moved.data());
      moved[i] = c.eta[i];
      CHECK(std::abs((up - down) / 2e-5 + c.s[i] * r[i]) < 1e-9);
    }
  }
}

TEST_CASE("sqrt: Fenchel-Young inequality") {
  const Case c(60);
  for (const double floor : {0.0, 1.0, 9.0}) {
    checks::fenchel_young(SqrtQuadratic(60, c.y.data(), floor, c.s.data()), c.eta,
                          checks::uniform(60, -6.0, 6.0, 9));
  }
}

TEST_CASE("sqrt: the best scale beats a grid") {
  const Case c(40);
  std::vector<double> r(40);
  for (const double floor : {0.0, 3.0, 30.0, 300.0}) {
    const SqrtQuadratic f(40, c.y.data(), floor, c.s.data());
    f.residual(c.eta.data(), r.data());
    const double best = f.dual(r.data(), f.best_scale(r.data(), 0.8));
    for (int i = 0; i <= 800; ++i) CHECK(f.dual(r.data(), 1e-3 * i) <= best + 1e-13);
  }
}

TEST_CASE("sqrt: an exact fit has no slope") {
  const Case c(20);
  std::vector<double> r(20, 1.0);
  CHECK(SqrtQuadratic(20, c.y.data(), 0.0, c.s.data()).evaluate(c.y.data(), r.data()) == 0.0);
  for (double x : r) CHECK(x == 0.0);
  CHECK(SqrtQuadratic(20, c.y.data(), 2.0, c.s.data()).value(c.y.data()) == 1.0);
}
