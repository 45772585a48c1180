// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "taut/core/philox.hpp"
#include "taut/ot/route.hpp"
#include "taut/ot/smooth.hpp"

using namespace taut;
using namespace taut::ot;

namespace {

struct Toy {
  std::vector<double> c, a, b;

  Toy() : c(20 * 25), a(25, 0.04), b(20, 0.05) {
    Philox random({12, 13});
    for (double& value : c) value = random.uniform();
  }
};

}  // namespace

TEST_CASE("the quadratic program on the simplex meets its optimality conditions") {
  Philox random({14, 15});
  for (int round = 0; round < 20; ++round) {
    const Index size = 12;
    std::vector<double> factors(12 * 5), Q(144), e(12), lambda(12);
    for (double& value : factors) value = random.normal();
    for (double& value : e) value = random.uniform();
    for (std::size_t i = 0; i < 12; ++i) {
      for (std::size_t j = 0; j < 12; ++j) {
        for (std::size_t k = 0; k < 5; ++k)
          Q[i * 12 + j] += factors[i * 5 + k] * factors[j * 5 + k];
      }
    }
    detail::simplex_qp(Q, e, size, lambda);
    double sum = 0.0, level = 0.0, lowest = 1e300;
    std::vector<double> gradient = e;
    for (std::size_t i = 0; i < 12; ++i) {
      CHECK(lambda[i] >= 0.0);
      sum += lambda[i];
      for (std::size_t j = 0; j < 12; ++j) gradient[i] += Q[i * 12 + j] * lambda[j];
      lowest = std::min(lowest, gradient[i]);
    }
    for (std::size_t i = 0; i < 12; ++i) level += lambda[i] * gradient[i];
    CHECK(sum == doctest::Approx(1.0));
    CHECK(level - lowest < 1e-9);
  }
}

TEST_CASE("the projection in the k-support norm meets its optimality conditions") {
  Philox random({16, 17});
  for (int round = 0; round < 200; ++round) {
    const Index k = 1 + round % 5, size = 12;
    const double gamma = 0.1 + random.uniform(), rho = 0.01 + random.uniform(), mass = 0.5;
    std::vector<Candidate> v(12);
    for (Index i = 0; i < size; ++i) v[static_cast<std::size_t>(i)] = {random.uniform(), i};
    std::sort(v.begin(), v.end(),
              [](const Candidate& x, const Candidate& y) { return x.score > y.score; });
    const SupportProjection t = k_support_projection(v, k, gamma, rho, mass);
    double sum = 0.0, places = 0.0;
    for (Index i = 0; i < size; ++i) {
      const double over = v[static_cast<std::size_t>(i)].score - t.tau;
      double own = 0.0;
      if (i < t.whole) {
        own = over / (gamma + rho);
        CHECK(own >= t.nu - 1e-12);
        places += 1.0;
      } else if (i < t.whole + t.shared) {
        own = (over - gamma * t.nu) / rho;
        CHECK(own <= t.nu + 1e-12);
        CHECK(own >= -1e-12);
        places += own / t.nu;
      } else {
        CHECK(t.tau + over <= t.level + 1e-12);
      }
      sum += own;
    }
    CHECK(sum == doctest::Approx(mass));
    CHECK(places <= static_cast<double>(k) + 1e-9);
    if (t.shared > 0) CHECK(places == doctest::Approx(static_cast<double>(k)));
  }
}

TEST_CASE("solvers agree, and the gap closes") {
  const Toy toy;
  const auto scores = make_scores(DenseCost<double>(toy.c.data(), 20, 25));
  SilentMonitor monitor;
  for (const Index k : {Index{2}, Index{6}, Index{25}}) {
    double best = -1e300;
    for (const auto solver : {SmoothSolver::automatic, SmoothSolver::lbfgs, SmoothSolver::bundle}) {
      SemiDual problem(*scores, toy.a.data(), toy.b.data(), 1.0, k, 2, monitor);
      SmoothOptions options;
      options.solver = solver;
      options.max_iter = 3000;
      const SmoothReport report = maximise(problem, options, {});
      CHECK(report.relaxed_value.objective >= report.point.value - 1e-12);
      const std::vector<double> rows = row_sums(report.relaxed, 25);
      for (const double sum : rows) CHECK(sum == doctest::Approx(0.04).epsilon(1e-9));
      if (solver == SmoothSolver::automatic) {
        best = report.point.value;
        CHECK(report.converged);
        CHECK(report.relaxed_value.objective - report.point.value < 1e-5);
      } else {
        CHECK(report.point.value <= best + 1e-6);
      }
    }
  }
}

TEST_CASE("routes hold every target's mass") {
  Philox random({16, 17});
  std::vector<double> scores(3 * 4 * 16), a(16, 1.0), b(4, 4.0);
  for (double& value : scores) value = random.uniform();
  SilentMonitor monitor;
  RouteOptions options;
  options.max_nz = 8;
  const Routes routes = route(scores.data(), 3, 4, 16, a.data(), b.data(), options, monitor);
  for (std::size_t t = 0; t < 12; ++t) {
    double sum = 0.0;
    for (std::size_t r = 0; r < 8; ++r) sum += routes.mass[t * 8 + r];
    CHECK(sum == doctest::Approx(4.0));
  }
}
