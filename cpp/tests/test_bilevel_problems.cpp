// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

#include "taut/bilevel/fields_of_experts.hpp"
#include "taut/bilevel/multinomial.hpp"
#include "taut/bilevel/ridge.hpp"
#include "taut/bilevel/solve.hpp"
#include "taut/bilevel/total_variation.hpp"
#include "taut/core/monitor.hpp"

using namespace taut;
using Vector = std::vector<double>;

namespace {

/// Numbers between -1 and 1 without a pattern.
Vector numbers(Index n, double seed) {
  Vector out(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = std::sin(12.9898 * (static_cast<double>(i) + 1.0) + 78.233 * seed);
  }
  return out;
}

double dot(const Vector& a, const Vector& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

Vector moved(const Vector& a, double step, const Vector& b) {
  Vector out = a;
  for (std::size_t i = 0; i < a.size(); ++i) out[i] += step * b[i];
  return out;
}

/// Every derivative against central differences, then both solvers and the adjoint.
void check(bilevel::LowerProblem& problem, const Vector& theta) {
  const Index n = problem.n_x();
  const double h = 1e-5;
  const Vector x = numbers(n, 1.0), v = numbers(n, 2.0), q = numbers(n, 3.0),
               t = numbers(problem.n_theta(), 4.0);
  Vector grad(x.size()), up(x.size()), down(x.size()), product(x.size()), cross(theta.size()),
      slope(theta.size());
  const auto at = [&](const Vector& point, const Vector& parameters, Vector& out) {
    problem.set_theta(parameters.data());
    return problem.evaluate(point.data(), out.data());
  };
  const double above = at(moved(x, h, v), theta, up), below = at(moved(x, -h, v), theta, down);
  const double curved = (dot(up, q) - dot(down, q)) / (2.0 * h);
  const double above_t = at(x, moved(theta, h, t), up), below_t = at(x, moved(theta, -h, t), down);
  const double mixed = (dot(up, q) - dot(down, q)) / (2.0 * h);
  at(x, theta, grad);
  problem.hvp(v.data(), product.data());
  problem.cross_vjp(q.data(), cross.data());
  problem.grad_theta(slope.data());
  CHECK(dot(grad, v) == doctest::Approx((above - below) / (2.0 * h)).epsilon(1e-6));
  CHECK(dot(product, q) == doctest::Approx(curved).epsilon(1e-6));
  CHECK(dot(slope, t) == doctest::Approx((above_t - below_t) / (2.0 * h)).epsilon(1e-6));
  CHECK(dot(cross, t) == doctest::Approx(mixed).epsilon(1e-6));
  // mu and the smoothness bound the curvature, the norm of J its products.
  CHECK(dot(product, v) >= problem.mu() * dot(v, v) * (1.0 - 1e-12));
  CHECK(dot(product, v) <= problem.smoothness() * dot(v, v) * (1.0 + 1e-12));
  const bilevel::Constants constants = problem.constants(0.0);
  CHECK(dot(cross, cross) <= std::pow(constants.cross_norm, 2) * dot(q, q) * (1.0 + 1e-12));

  SilentMonitor monitor;
  using bilevel::Method;
  const auto slow = solve_lower(problem, x.data(), Method::fista, 1e-9, 100000, monitor);
  const auto fast = solve_lower(problem, x.data(), Method::newton, 1e-9, 100000, monitor);
  const auto best = solve_lower(problem, x.data(), Method::automatic, 1e-9, 100000, monitor);
  for (const auto* found : {&slow, &fast, &best}) {
    CHECK(found->ending == bilevel::Ending::converged);
    at(found->x, theta, grad);
    CHECK(std::sqrt(dot(grad, grad)) <= 1e-9);
    const Vector gap = moved(found->x, -1.0, fast.x);
    CHECK(std::sqrt(dot(gap, gap)) <= 2e-9 / problem.mu());
  }
  const Vector zero(x.size());
  for (const Method method : {Method::newton, Method::automatic}) {
    const auto adjoint =
        solve_adjoint(problem, q.data(), zero.data(), method, 1e-9, 100000, monitor);
    problem.hvp(adjoint.q.data(), product.data());
    const Vector rest = moved(product, -1.0, q);
    CHECK(std::sqrt(dot(rest, rest)) <= 1e-8);
  }
  const auto early = solve_lower(problem, x.data(), Method::fista, 1e-12, 1, monitor);
  CHECK(early.ending == bilevel::Ending::max_iter);
}

}  // namespace

TEST_CASE("ridge with groups") {
  const Index p = 4;
  const Vector gram{2.0, 0.3, 0.1, 0.0, 0.3, 1.5, 0.2, 0.1, 0.1, 0.2, 1.8, 0.4, 0.0, 0.1, 0.4, 1.2};
  const Vector moment = numbers(p, 5.0);
  const std::vector<std::int64_t> group{0, 1, 1, 0};
  // Gershgorin's discs hold the spectrum.
  bilevel::Ridge problem({gram.data(), p, p, p}, {moment.data(), p}, 3.0, {group.data(), p}, 2, 0.6,
                         2.5, 1);
  check(problem, {-0.5, 0.3});
}

TEST_CASE("multinomial with a strength for each coefficient") {
  const Index n = 30, p = 3, c = 3;
  const Vector X = numbers(n * p, 6.0);
  std::vector<std::int64_t> labels, group;
  for (Index i = 0; i < n; ++i) labels.push_back((i * i) % c);
  for (Index j = 0; j < p * c; ++j) group.push_back(j);
  // Entries are at most 1: X'X / (2 n) has eigenvalues of at most p / 2, rows norms of sqrt 3.
  bilevel::Multinomial problem({X.data(), n, p, n}, {labels.data(), n}, c, {group.data(), p * c},
                               p * c, 1.5, 0.7072 * std::pow(3.0, 1.5), 1);
  check(problem, numbers(p * c, 7.0));
}

TEST_CASE("total variation of two images") {
  const Vector images = numbers(2 * 5 * 6, 8.0);
  bilevel::TotalVariation problem(images.data(), 2, 5, 6, 2);
  check(problem, {-0.7, -1.2});
}

TEST_CASE("fields of experts with reflecting borders") {
  const Vector images = numbers(2 * 6 * 5, 9.0);
  bilevel::FieldsOfExperts problem(images.data(), 2, 6, 5, 2, 3, 2);
  Vector theta = numbers(problem.n_theta(), 10.0);
  for (std::size_t i = 0; i < 5; ++i) theta[i] -= 1.0;
  check(problem, theta);
}
