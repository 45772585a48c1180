// SPDX-License-Identifier: BSD-3-Clause
#include "taut/datafit/multinomial.hpp"

#include <cmath>

#include "datafit_checks.hpp"
#include "taut/datafit/logistic.hpp"

using taut::Index;
using taut::datafit::Logistic;
using taut::datafit::Multinomial;

namespace {

struct Case {
  std::vector<double> Y, s, eta;
};

/// Proportions in every third row, one-hot rows elsewhere.
Case make(Index n, Index K) {
  Case c{checks::uniform(n * K, 0.1, 1.0, 1), checks::weights(n, 2),
         checks::uniform(n * K, -4.0, 4.0, 3)};
  for (Index i = 0; i < n; ++i) {
    double total = 0.0;
    for (Index k = 0; k < K; ++k) {
      double& y = c.Y[static_cast<std::size_t>(k * n + i)];
      if (i % 3 != 0) y = k == i % K ? 1.0 : 0.0;
      total += y;
    }
    for (Index k = 0; k < K; ++k) c.Y[static_cast<std::size_t>(k * n + i)] /= total;
  }
  return c;
}

}  // namespace

TEST_CASE("multinomial: value against libm") {
  const Index n = 300, K = 4;
  const Case c = make(n, K);
  double expected = 0.0;
  for (Index i = 0; i < n; ++i) {
    double sum = 0.0, linear = 0.0;
    for (Index k = 0; k < K; ++k) {
      const std::size_t a = static_cast<std::size_t>(k * n + i);
      sum += std::exp(c.eta[a]);
      linear += c.Y[a] * c.eta[a];
    }
    expected += c.s[static_cast<std::size_t>(i)] * (std::log(sum) - linear);
  }
  const Multinomial f(n, K, c.Y.data(), c.s.data());
  CHECK(f.value(c.eta.data()) == doctest::Approx(expected).epsilon(1e-14));
}

TEST_CASE("multinomial: derivatives") {
  for (Index K : {2, 3, 5}) {
    const Case c = make(11, K);
    checks::derivatives(Multinomial(11, K, c.Y.data(), c.s.data()), c.eta);
  }
}

TEST_CASE("multinomial: Fenchel-Young inequality") {
  const Case c = make(40, 3);
  checks::fenchel_young(Multinomial(40, 3, c.Y.data(), c.s.data()), c.eta,
                        checks::uniform(120, -3.0, 3.0, 9));
}

TEST_CASE("multinomial: a constant added to a row of eta changes nothing") {
  const Case c = make(20, 3);
  const Multinomial f(20, 3, c.Y.data(), c.s.data());
  std::vector<double> moved = c.eta, r(60), r_moved(60);
  for (std::size_t i = 0; i < 60; ++i) moved[i] += 2.0 * static_cast<double>(i % 20) - 300.0;
  CHECK(f.value(moved.data()) == doctest::Approx(f.value(c.eta.data())).epsilon(1e-12));
  f.residual(c.eta.data(), r.data());
  f.residual(moved.data(), r_moved.data());
  for (std::size_t i = 0; i < 60; ++i) CHECK(std::abs(r[i] - r_moved[i]) < 1e-12);
}

TEST_CASE("multinomial: two classes are the logistic model of their difference") {
  const Case c = make(25, 2);
  const Multinomial f(25, 2, c.Y.data(), c.s.data());
  const std::vector<double> y(c.Y.begin() + 25, c.Y.end());
  const Logistic g(25, y.data(), c.s.data());
  std::vector<double> difference(25), r(50), r_logistic(25);
  for (std::size_t i = 0; i < 25; ++i) difference[i] = c.eta[25 + i] - c.eta[i];
  CHECK(f.value(c.eta.data()) == doctest::Approx(g.value(difference.data())).epsilon(1e-13));
  f.residual(c.eta.data(), r.data());
  g.residual(difference.data(), r_logistic.data());
  for (std::size_t i = 0; i < 25; ++i) CHECK(std::abs(r[25 + i] - r_logistic[i]) < 1e-14);
  CHECK(f.dual(r.data(), 0.7) == doctest::Approx(g.dual(r_logistic.data(), 0.7)).epsilon(1e-12));
}

TEST_CASE("multinomial: far apart predictors stay finite") {
  const double Y[6] = {1.0, 0.0, 0.0, 1.0, 0.0, 0.0}, s[2] = {0.5, 0.5};
  const double eta[6] = {1e4, 0.0, -1e4, -900.0, 0.0, 900.0};
  const Multinomial f(2, 3, Y, s);
  double r[6];
  CHECK(f.value(eta) == doctest::Approx(900.0));
  CHECK(f.evaluate(eta, r) == doctest::Approx(900.0));
  for (double x : r) CHECK(std::isfinite(x));
  CHECK(f.dual(r, 1.0) == doctest::Approx(0.0));
}
