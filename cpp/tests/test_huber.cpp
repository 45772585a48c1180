// SPDX-License-Identifier: BSD-3-Clause
#include "taut/datafit/huber.hpp"

#include <cmath>

#include "datafit_checks.hpp"
#include "taut/datafit/quadratic.hpp"

using taut::Index;
using taut::datafit::Huber;
using taut::datafit::Quadratic;

namespace {

struct Case {
  std::vector<double> y, s, eta;

  explicit Case(Index n)
      : y(checks::uniform(n, -3.0, 5.0, 1)),
        s(checks::weights(n, 2)),
        eta(checks::uniform(n, -4.0, 4.0, 3)) {}
};

double slope(const Huber& f, const std::vector<double>& eta) {
  std::vector<double> r(eta.size());
  f.residual(eta.data(), r.data());
  double total = 0.0;
  for (std::size_t i = 0; i < eta.size(); ++i) total += f.weights()[i] * r[i];
  return total;
}

}  // namespace

TEST_CASE("huber: value by its two branches") {
  const Case c(300);
  const double delta = 0.8;
  const Huber f(300, c.y.data(), delta, c.s.data());
  double expected = 0.0;
  for (std::size_t i = 0; i < 300; ++i) {
    const double e = std::abs(c.y[i] - c.eta[i]);
    expected += c.s[i] * (e <= delta ? 0.5 * e * e : delta * e - 0.5 * delta * delta);
  }
  CHECK(f.value(c.eta.data()) == doctest::Approx(expected).epsilon(1e-13));
}

TEST_CASE("huber: derivatives away from the corners of the slope") {
  const Case c(17);
  checks::derivatives(Huber(17, c.y.data(), 0.8, c.s.data()), c.eta);
}

TEST_CASE("huber: Fenchel-Young inequality") {
  const Case c(60);
  checks::fenchel_young(Huber(60, c.y.data(), 0.8, c.s.data()), c.eta,
                        checks::uniform(60, -6.0, 6.0, 9));
}

TEST_CASE("huber: with a wide delta it is least squares") {
  const Case c(50);
  const Huber f(50, c.y.data(), 100.0, c.s.data());
  const Quadratic g(50, c.y.data(), c.s.data());
  std::vector<double> r(50);
  f.residual(c.eta.data(), r.data());
  CHECK(f.value(c.eta.data()) == doctest::Approx(g.value(c.eta.data())).epsilon(1e-14));
  CHECK(f.dual(r.data(), 0.6) == g.dual(r.data(), 0.6));
  CHECK(f.best_scale(r.data(), 0.9) == g.best_scale(r.data(), 0.9));
}

TEST_CASE("huber: the best shift zeroes the slope of the intercept") {
  for (const double delta : {1e-3, 0.1, 0.8, 20.0}) {
    for (const Index n : {1, 2, 3, 50, 301}) {
      Case c(n);
      if (n == 1) c.s[0] = 1.0;
      const Huber f(n, c.y.data(), delta, c.s.data());
      std::vector<double> moved(c.eta), r(c.eta.size());
      f.residual(moved.data(), r.data());
      double shift = 0.0;
      REQUIRE(f.best_shift(moved.data(), r.data(), shift));
      for (double& x : moved) x += shift;
      CAPTURE(delta);
      CAPTURE(n);
      CHECK(std::abs(slope(f, moved)) < 1e-14);
    }
  }
}

TEST_CASE("huber: the best shift is none where the model fits, and the constant it is off by") {
  const Case c(30);
  const Huber f(30, c.y.data(), 0.5, c.s.data());
  std::vector<double> r(30);
  double shift = 1.0;
  REQUIRE(f.best_shift(c.y.data(), r.data(), shift));
  CHECK(shift == 0.0);
  std::vector<double> off(c.y);
  for (double& x : off) x -= 7.0;
  REQUIRE(f.best_shift(off.data(), r.data(), shift));
  CHECK(shift == doctest::Approx(7.0).epsilon(1e-14));
}
