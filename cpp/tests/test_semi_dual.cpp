// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "taut/core/philox.hpp"
#include "taut/ot/semi_dual.hpp"

using namespace taut;
using namespace taut::ot;

namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

TEST_CASE("clouds and matrices, cold and from an earlier point, give the same plan") {
  Philox random({8, 9});
  const Index n = 1500, m = 40;
  std::vector<double> x(at(2 * n)), y(at(2 * m)), a(at(n), 1.0 / 1500.0), b(at(m), 1.0 / 40.0);
  for (double& value : x) value = random.normal();
  for (double& value : y) value = random.normal() + 1.0;
  std::vector<double> c(at(m * n));
  for (Index j = 0; j < m; ++j) {
    for (Index i = 0; i < n; ++i) {
      const double u = x[at(2 * i)] - y[at(2 * j)], v = x[at(2 * i + 1)] - y[at(2 * j + 1)];
      c[at(j * n + i)] = u * u + v * v;
    }
  }
  const auto cloud = make_scores(x.data(), n, y.data(), m, Index{2});
  const auto dense = make_scores(DenseCost<double>(c.data(), m, n));
  SilentMonitor monitor;
  for (const Index k : {Index{1}, Index{5}, n}) {
    SemiDual one(*cloud, a.data(), b.data(), 40.0, k, 1, monitor);
    SemiDual two(*dense, a.data(), b.data(), 40.0, k, 2, monitor);
    SemiDualPoint p, q, warm;
    std::vector<double> alpha(at(n));
    for (double& value : alpha) value = random.normal();
    one.evaluate(alpha.data(), nullptr, p);
    warm = p;
    for (double& value : alpha) value += 0.1 * random.normal();
    one.evaluate(alpha.data(), nullptr, p);
    two.evaluate(alpha.data(), nullptr, q);
    two.evaluate(alpha.data(), &warm, warm);
    CHECK(p.value == doctest::Approx(q.value).epsilon(1e-12));
    CHECK(q.value == warm.value);
    CHECK(p.plan.row == q.plan.row);
    CHECK(q.plan.row == warm.plan.row);
    for (Index j = 0; j < m; ++j) {
      double sum = 0.0;
      for (Index e = q.plan.ptr[at(j)]; e < q.plan.ptr[at(j + 1)]; ++e) sum += q.plan.mass[at(e)];
      CHECK(sum == doctest::Approx(b[at(j)]).epsilon(1e-12));
      CHECK(q.plan.ptr[at(j + 1)] - q.plan.ptr[at(j)] <= k);
    }
  }
}

TEST_CASE_TEMPLATE("boxes that are left out hold nothing that counts", T, double, float) {
  // One problem that remembers bounds over many passes, small and large moves, and infinities,
  // beside one that reads everything each time.
  Philox random({12, 13});
  const Index n = 215, m = 30;
  std::vector<T> c(at(m * n));
  std::vector<double> a(at(n), 1.0 / 215.0), b(at(m));
  for (Index j = 0; j < m; ++j) {
    b[at(j)] = random.uniform() / 30.0;
    for (Index i = 0; i < n; ++i) {
      const double gap = static_cast<double>(i) / 215.0 - static_cast<double>(j) / 30.0;
      c[at(j * n + i)] = static_cast<T>(1e3 * gap * gap + random.uniform());
    }
  }
  SilentMonitor monitor;
  for (const Index k : {Index{2}, n}) {
    const auto scores = make_scores(DenseCost<T>(c.data(), m, n));
    SemiDual problem(*scores, a.data(), b.data(), 300.0, k, 2, monitor);
    SemiDualPoint point;
    std::vector<double> alpha(at(n));
    problem.evaluate(alpha.data(), nullptr, point);
    for (int pass = 0; pass < 60; ++pass) {
      const double size = pass % 7 == 0 ? 100.0 : std::exp2(-pass % 20);
      for (double& value : alpha) value += size * random.normal();
      if (pass == 20) alpha[7] = std::numeric_limits<double>::infinity();
      if (pass == 21) alpha[7] = 1.0;
      if (pass == 22) alpha[9] = std::numeric_limits<double>::quiet_NaN();
      if (pass == 24) alpha[9] = 2.0;
      if (pass == 30) alpha[11] = 1e39;
      if (pass == 31) alpha[11] = 3.0;
      problem.evaluate(alpha.data(), &point, point);
      if (pass >= 20 && pass <= 23) continue;
      const auto fresh = make_scores(DenseCost<T>(c.data(), m, n));
      SemiDual other(*fresh, a.data(), b.data(), 300.0, k, 1, monitor);
      SemiDualPoint expected;
      other.evaluate(alpha.data(), nullptr, expected);
      REQUIRE(point.value == expected.value);
      REQUIRE(point.tau == expected.tau);
      REQUIRE(point.plan.row == expected.plan.row);
      REQUIRE(point.plan.mass == expected.plan.mass);
    }
  }
}

TEST_CASE("the dual at beta = -tau is the semi-dual") {
  Philox random({10, 11});
  std::vector<double> c(12 * 7), a(12, 1.0 / 12.0), b(7, 1.0 / 7.0), alpha(12);
  for (double& value : c) value = random.uniform();
  for (double& value : alpha) value = random.uniform();
  const auto scores = make_scores(DenseCost<double>(c.data(), 7, 12));
  SilentMonitor monitor;
  SemiDual problem(*scores, a.data(), b.data(), 0.7, 4, 1, monitor);
  SemiDualPoint semi, dual;
  problem.evaluate(alpha.data(), nullptr, semi);
  std::vector<double> beta;
  for (const double tau : semi.tau) beta.push_back(-tau);
  problem.evaluate_dual(alpha.data(), beta.data(), dual);
  CHECK(dual.value == doctest::Approx(semi.value));
  CHECK(dual.plan.row == semi.plan.row);
}
