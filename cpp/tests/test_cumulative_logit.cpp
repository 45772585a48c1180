// SPDX-License-Identifier: BSD-3-Clause
#include "taut/datafit/cumulative_logit.hpp"

#include <cmath>
#include <limits>

#include "datafit_checks.hpp"
#include "taut/datafit/logistic.hpp"

using taut::Index;
using taut::datafit::CumulativeLogit;
using taut::datafit::Logistic;

namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

struct Case {
  Index n, m;
  std::vector<double> below, s, zeta;

  CumulativeLogit datafit() const { return {n, m, below.data(), s.data()}; }
  Index y(Index i) const { return (7 * i + i / 3) % (m + 1); }
};

/// Every class occurs; predictors rise by at least 0.3 from boundary to boundary.
Case make(Index n, Index m, unsigned seed = 3) {
  Case c{n, m, {}, checks::weights(n, 2), checks::uniform(n * m, 0.3, 1.5, seed)};
  c.below.resize(at(n * m));
  for (Index i = 0; i < n; ++i) {
    c.zeta[at(i)] = 4.0 * c.zeta[at(i)] - 4.0;
    for (Index k = 0; k < m; ++k) c.below[at(k * n + i)] = c.y(i) <= k ? 1.0 : 0.0;
  }
  return c;
}

double sigma(double x) { return 1.0 / (1.0 + std::exp(-x)); }

}  // namespace

TEST_CASE("cumulative logit: value against libm") {
  const Case c = make(300, 3);
  const CumulativeLogit f = c.datafit();
  double expected = 0.0;
  for (Index i = 0; i < c.n; ++i) {
    double eta = 0.0, F = 0.0, P = 0.0;
    for (Index k = 0; k <= c.m; ++k) {
      eta += k < c.m ? c.zeta[at(k * c.n + i)] : 0.0;
      const double next = k < c.m ? sigma(f.thresholds()[at(k)] + eta) : 1.0;
      if (k == c.y(i)) P = next - F;
      F = next;
    }
    expected -= c.s[at(i)] * std::log(P);
  }
  CHECK(f.value(c.zeta.data()) == doctest::Approx(expected).epsilon(1e-13));
}

TEST_CASE("cumulative logit: derivatives") {
  for (Index m : {1, 2, 3, 5}) {
    const Case c = make(13, m);
    checks::derivatives(c.datafit(), c.zeta);
  }
}

TEST_CASE("cumulative logit: Fenchel-Young inequality") {
  for (Index m : {1, 2, 4}) {
    const Case c = make(40, m), other = make(40, m, 9);
    checks::fenchel_young(c.datafit(), c.zeta, other.zeta);
  }
}

TEST_CASE("cumulative logit: zero is the model of intercepts alone") {
  const Case c = make(50, 4);
  const CumulativeLogit f = c.datafit();
  const std::vector<double> zero(at(c.n * c.m), 0.0);
  std::vector<double> r(zero.size()), share(at(c.m + 1), 0.0);
  double entropy = 0.0;
  for (Index i = 0; i < c.n; ++i) share[at(c.y(i))] += c.s[at(i)];
  for (double p : share) entropy -= p * std::log(p);
  CHECK(f.evaluate(zero.data(), r.data()) == doctest::Approx(entropy).epsilon(1e-14));
  for (Index k = 0; k < c.m; ++k) {
    double slope = 0.0;
    for (Index i = 0; i < c.n; ++i) slope += c.s[at(i)] * r[at(k * c.n + i)];
    CHECK(std::abs(slope) < 1e-15);
  }
}

TEST_CASE("cumulative logit: one boundary is the logistic model of y = 0") {
  const Case c = make(30, 1);
  const CumulativeLogit f = c.datafit();
  const Logistic g(30, c.below.data(), c.s.data());
  std::vector<double> eta = c.zeta, r(30), r_logistic(30);
  for (double& x : eta) x += f.thresholds()[0];
  CHECK(f.value(c.zeta.data()) == doctest::Approx(g.value(eta.data())).epsilon(1e-13));
  f.residual(c.zeta.data(), r.data());
  g.residual(eta.data(), r_logistic.data());
  for (std::size_t i = 1; i < 30; ++i) CHECK(std::abs(r[i] - r_logistic[i]) < 1e-14);
}

TEST_CASE("cumulative logit: rows without probability, weight, or measure") {
  // Three classes of equal weight, and a row of class 1 without any.
  const double below[8] = {1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0};
  const double third = 1.0 / 3.0, s[4] = {third, third, third, 0.0};
  const CumulativeLogit f(4, 2, below, s);
  double zeta[8] = {}, r[8];
  zeta[7] = -5.0;  // crosses, but does not count
  CHECK(f.evaluate(zeta, r) == doctest::Approx(std::log(3.0)));
  CHECK(r[3] == 0.0);
  CHECK(r[7] == 0.0);
  CHECK(std::isfinite(f.dual(r, 1.0)));
  zeta[5] = -5.0;  // this one does
  CHECK(f.value(zeta) == std::numeric_limits<double>::infinity());
  zeta[5] = 0.0;
  // Rows 0 and 2 sit at the far ends, row 1 on a plateau far out.
  zeta[0] = 900.0, zeta[1] = 800.0, zeta[2] = -3000.0, zeta[6] = 0.0;
  const double value = f.evaluate(zeta, r);
  CHECK(std::isfinite(value));
  CHECK(value > 799.0 * third);
  for (double x : r) CHECK(std::isfinite(x));
  CHECK(std::isfinite(f.dual(r, 1.0)));
}

TEST_CASE("cumulative logit: a narrow class far out keeps its precision") {
  const double below[6] = {1.0, 0.0, 0.0, 1.0, 1.0, 0.0};
  const double s[3] = {0.25, 0.5, 0.25};
  const CumulativeLogit f(3, 2, below, s);
  const double theta = f.thresholds()[0], gap = 1e-6;
  double zeta[6] = {};
  zeta[1] = 40.0 - theta;  // eta_0 = 40
  zeta[4] = theta - f.thresholds()[1] + gap;
  double r[6];
  // P = sigma'(40) gap to first order.
  const double others = -0.5 * std::log(0.25);
  const double expected = 0.5 * (40.0 - std::log(gap) + 0.5 * gap) + others;
  CHECK(f.evaluate(zeta, r) == doctest::Approx(expected).epsilon(1e-10));
  CHECK(r[1] == doctest::Approx(-1.0).epsilon(1e-10));
  CHECK(r[4] == doctest::Approx(1.0 / gap).epsilon(1e-6));
}
