// SPDX-License-Identifier: BSD-3-Clause
#include "taut/datafit/quadratic.hpp"

#include "datafit_checks.hpp"

using taut::Index;
using taut::datafit::Quadratic;

namespace {

struct Case {
  std::vector<double> y, s, eta;

  explicit Case(Index n)
      : y(checks::uniform(n, -3.0, 5.0, 1)),
        s(checks::weights(n, 2)),
        eta(checks::uniform(n, -4.0, 4.0, 3)) {}
};

}  // namespace

TEST_CASE("quadratic: value is half the weighted square of the residual") {
  const Case c(301);
  const Quadratic f(301, c.y.data(), c.s.data());
  long double expected = 0.0L;
  std::vector<double> r(301);
  f.residual(c.eta.data(), r.data());
  for (std::size_t i = 0; i < 301; ++i) {
    const long double d = static_cast<long double>(c.y[i]) - c.eta[i];
    expected += 0.5L * c.s[i] * d * d;
    CHECK(r[i] == c.y[i] - c.eta[i]);
  }
  CHECK(f.value(c.eta.data()) == doctest::Approx(static_cast<double>(expected)).epsilon(1e-13));
  CHECK(f.value(c.y.data()) == 0.0);
  CHECK(f.is_quadratic());
  CHECK_FALSE(f.is_shift_invariant());
  CHECK(f.outputs() == 1);
}

TEST_CASE("quadratic: derivatives") {
  const Case c(17);
  checks::derivatives(Quadratic(17, c.y.data(), c.s.data()), c.eta);
}

TEST_CASE("quadratic: Fenchel-Young inequality") {
  const Case c(60);
  checks::fenchel_young(Quadratic(60, c.y.data(), c.s.data()), c.eta,
                        checks::uniform(60, -6.0, 6.0, 9));
}

TEST_CASE("quadratic: the dual is -F*(-v), a supremum over eta") {
  // -F*(-v) = -sup_eta( -v'eta - F(eta) ); with v = c s r the best eta is y - c r, row by row.
  const Case c(40);
  const Quadratic f(40, c.y.data(), c.s.data());
  std::vector<double> r(40), eta(40);
  f.residual(c.eta.data(), r.data());
  for (double scale : {0.0, 0.4, 1.0}) {
    double best = -1e300;
    for (int i = 0; i <= 10000; ++i) {
      const double t = 2.0 * i / 10000.0 - 0.5;  // along y - t r, from beyond both ends
      double inner = 0.0;
      for (std::size_t k = 0; k < 40; ++k) {
        eta[k] = c.y[k] - t * r[k];
        inner += scale * c.s[k] * r[k] * eta[k];
      }
      best = std::max(best, -inner - f.value(eta.data()));
    }
    const double got = -f.dual(r.data(), scale);
    CHECK(got >= best - 1e-13);
    CHECK(got <= best + 1e-7);  // cells of 2e-4, curvature r'Sr below 30: at most 30 * 1e-8 / 2
  }
}

TEST_CASE("quadratic: the dual at zero is the infimum of the loss") {
  const Case c(40);
  const Quadratic f(40, c.y.data(), c.s.data());
  std::vector<double> r(40);
  f.residual(c.eta.data(), r.data());
  CHECK(f.dual(r.data(), 0.0) == f.value(c.y.data()));
}

TEST_CASE("quadratic: the best scale maximises the dual over [0, c_max]") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    Case c(12);
    c.eta = checks::uniform(12, -4.0, 4.0, 100 + seed);
    const Quadratic f(12, c.y.data(), c.s.data());
    std::vector<double> r(12);
    f.residual(c.eta.data(), r.data());
    for (double most : {0.0, 0.2, 1.0}) {
      const double got = f.best_scale(r.data(), most);
      CHECK(got >= 0.0);
      CHECK(got <= most);
      double best = -1e300;
      for (int i = 0; i <= 1000; ++i) best = std::max(best, f.dual(r.data(), most * i / 1000.0));
      CHECK(f.dual(r.data(), got) >= best - 1e-13);
    }
  }
  const std::vector<double> y(5, 2.0), s(5, 0.2), zero(5, 0.0);
  CHECK(Quadratic(5, y.data(), s.data()).best_scale(zero.data(), 0.7) == 0.7);
}
