// SPDX-License-Identifier: BSD-3-Clause
#include "taut/datafit/logistic.hpp"

#include <cmath>

#include "datafit_checks.hpp"

using taut::Index;
using taut::datafit::Logistic;

namespace {

struct Case {
  std::vector<double> y, s, eta;
};

Case make(Index n) {
  Case c{checks::uniform(n, 0.0, 1.0, 1), checks::weights(n, 2), checks::uniform(n, -4.0, 4.0, 3)};
  for (std::size_t i = 0; i < c.y.size(); ++i) {
    if (i % 3 != 0) c.y[i] = c.y[i] < 0.5 ? 0.0 : 1.0;
  }
  return c;
}

}  // namespace

TEST_CASE("logistic: value against libm") {
  const Case c = make(300);  // more rows than one block
  const Logistic f(300, c.y.data(), c.s.data());
  double expected = 0.0;
  for (std::size_t i = 0; i < 300; ++i) {
    expected += c.s[i] * (std::log1p(std::exp(c.eta[i])) - c.y[i] * c.eta[i]);
  }
  CHECK(f.value(c.eta.data()) == doctest::Approx(expected).epsilon(1e-14));
}

TEST_CASE("logistic: derivatives") {
  const Case c = make(17);
  checks::derivatives(Logistic(17, c.y.data(), c.s.data()), c.eta);
}

TEST_CASE("logistic: Fenchel-Young inequality") {
  const Case c = make(40);
  checks::fenchel_young(Logistic(40, c.y.data(), c.s.data()), c.eta,
                        checks::uniform(40, -3.0, 3.0, 9));
}

TEST_CASE("logistic: saturated predictors neither overflow nor lose the residual") {
  const double y[4] = {0.0, 1.0, 1.0, 0.0}, s[4] = {0.25, 0.25, 0.25, 0.25};
  const double eta[4] = {-800.0, 800.0, 40.0, 1000.0};
  const Logistic f(4, y, s);
  double r[4];
  CHECK(f.value(eta) == doctest::Approx(250.0));
  f.residual(eta, r);
  CHECK(r[0] == 0.0);
  CHECK(r[1] == 0.0);
  CHECK(r[2] == doctest::Approx(std::exp(-40.0)).epsilon(1e-14));
  CHECK(r[3] == -1.0);
  CHECK(f.evaluate(eta, r) == doctest::Approx(250.0));
  CHECK(std::isfinite(f.dual(r, 1.0)));
}
