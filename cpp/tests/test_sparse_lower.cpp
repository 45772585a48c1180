// SPDX-License-Identifier: BSD-3-Clause
#include "taut/bilevel/sparse_lower.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "reference.hpp"
#include "taut/datafit/quadratic.hpp"
#include "taut/design/dense.hpp"

using namespace taut;
using reference::Random;

namespace {

/// Rows 0 .. 29 are fitted, rows 30 .. 39 judge.
struct Data {
  static constexpr Index n = 40, p = 12;
  std::vector<double> x = std::vector<double>(n * p), y = std::vector<double>(n);
  std::vector<double> train = std::vector<double>(n, 0.0), test = std::vector<double>(n, 0.0);

  Data() {
    Random random(3);
    for (double& v : x) v = random.uniform(-1.0, 1.0);
    for (Index i = 0; i < n; ++i) {
      const auto at = static_cast<std::size_t>(i);
      y[at] = 2.0 * x[at] - x[at + n] + random.uniform(-0.3, 0.3);
      (i < 30 ? train[at] : test[at]) = i < 30 ? 1.0 / 30.0 : 0.1;
    }
  }
};

struct Point {
  double value = 0.0;
  bilevel::SupportSlope slope;
};

Point evaluate(const Data& data, double alpha, double l1_ratio, double tol) {
  const design::Dense<double> X(DenseView<double>{data.x.data(), data.n, data.p, data.n});
  const datafit::Quadratic fit(data.n, data.y.data(), data.train.data());
  const datafit::Quadratic score(data.n, data.y.data(), data.test.data());
  penalty::ElasticNet penalty(1, l1_ratio, {});
  bilevel::SparseLower lower(X, fit, penalty, nullptr, true, false, solver::Route::automatic, 1);
  SilentMonitor monitor;
  penalty.set_alpha(alpha);
  CHECK(lower.solve(tol, 1000, monitor).converged);
  std::vector<double> c(data.n);
  Point point;
  point.value = score.evaluate(lower.eta().data(), c.data());
  for (std::size_t i = 0; i < c.size(); ++i) c[i] *= -data.test[i];
  point.slope = lower.slope({c.data(), data.test.data()}, true, monitor);
  return point;
}

double sum(const std::vector<double>& v) {
  double total = 0.0;
  for (const double x : v) total += x;
  return total;
}

}  // namespace

TEST_CASE(
    "derivatives by both strengths are differences of the criterion, and within their bound") {
  const Data data;
  for (const double l1 : {0.02, 0.1, 0.3}) {
    for (const double l2 : {0.0, 0.05}) {
      const double h = 1e-6;
      const auto value = [&](double a, double b) {
        return evaluate(data, a + b, a / (a + b), 1e-15).value;
      };
      const Point exact = evaluate(data, l1 + l2, l1 / (l1 + l2), 1e-15);
      const double by_l1 = (value(l1 * std::exp(h), l2) - value(l1 * std::exp(-h), l2)) / (2.0 * h);
      const double by_l2 = (value(l1, l2 * std::exp(h)) - value(l1, l2 * std::exp(-h))) / (2.0 * h);
      CHECK(sum(exact.slope.l1) == doctest::Approx(by_l1).epsilon(1e-5));
      CHECK(sum(exact.slope.l2) == doctest::Approx(by_l2).epsilon(1e-5));
      const Point rough = evaluate(data, l1 + l2, l1 / (l1 + l2), 1e-5);
      if (!rough.slope.proved) continue;
      CHECK(rough.slope.support == exact.slope.support);
      for (std::size_t c = 0; c < rough.slope.support.size(); ++c) {
        CHECK(std::abs(rough.slope.l1[c] - exact.slope.l1[c]) <= rough.slope.l1_error[c]);
        CHECK(std::abs(rough.slope.l2[c] - exact.slope.l2[c]) <= rough.slope.l2_error[c]);
      }
    }
  }
}

TEST_CASE("nothing is in the support of a strong penalty, for sure") {
  const Point point = evaluate(Data(), 100.0, 1.0, 1e-10);
  CHECK(point.slope.support.empty());
  CHECK(point.slope.proved);
}
