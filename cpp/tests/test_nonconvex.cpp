// SPDX-License-Identifier: BSD-3-Clause
#include "taut/penalty/nonconvex.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

#include "reference.hpp"

using namespace taut;
using penalty::Folded;
using penalty::Nonconvex;
using penalty::Shape;
using reference::k_inf;
using reference::Random;

namespace {

constexpr Shape k_shapes[] = {Shape::mcp, Shape::scad, Shape::cel0, Shape::l0, Shape::lq};

double gamma_of(Shape shape) { return shape == Shape::lq ? 0.5 : 3.7; }

const std::vector<double> k_curvature = {1.0, 0.3, 2.0, 1.5};

std::unique_ptr<Nonconvex> make(Shape shape, Index outputs = 2) {
  penalty::FeatureRules rules;
  rules.factor = {1.0, 2.0, 0.0, k_inf};
  rules.lower = {-k_inf, -0.5, -k_inf, -k_inf};
  rules.upper = {k_inf, 0.25, k_inf, k_inf};
  auto out = std::make_unique<Nonconvex>(outputs, shape, gamma_of(shape), rules);
  out->set_curvature(k_curvature);
  out->set_alpha(0.7);
  return out;
}

}  // namespace

TEST_CASE("a row is made of equal coordinates") {
  Random random(2);
  for (Shape shape : k_shapes) {
    const auto penalty = make(shape);
    Folded f;
    for (int round = 0; round < 100; ++round) {
      for (Index j = 0; j < 3; ++j) {
        REQUIRE(penalty->as_folded(j, f));
        double u[2] = {random.uniform(-3.0, 3.0), random.uniform(-3.0, 3.0)};
        const double g[2] = {random.uniform(-2.0, 2.0), random.uniform(-2.0, 2.0)};
        const double L = k_curvature[reference::at(j)];
        CHECK(penalty->value(u, j) ==
              doctest::Approx(penalty::value(f, u[0]) + penalty::value(f, u[1])));
        CHECK(penalty->subdiff_distance(u, g, j) ==
              std::max(penalty::violation(f, u[0], g[0], L), penalty::violation(f, u[1], g[1], L)));
        const double before[2] = {u[0], u[1]};
        penalty->prox(u, 0.6, j);
        CHECK(u[0] == penalty::prox(f, before[0], 0.6));
        CHECK(u[1] == penalty::prox(f, before[1], 0.6));
      }
    }
    CHECK_FALSE(penalty->has_dual());
    CHECK(penalty->is_separable());
  }
}

TEST_CASE("factors multiply the strength") {
  for (Shape shape : k_shapes) {
    const auto penalty = make(shape, 1);
    auto doubled = make(shape, 1);
    doubled->set_alpha(1.4);
    const double u = 0.2;
    penalty::FeatureRules rules;
    rules.factor = {2.0, 2.0, 2.0, 2.0};
    Nonconvex twice(1, shape, gamma_of(shape), rules);
    twice.set_curvature(k_curvature);
    twice.set_alpha(0.7);
    CHECK(twice.value(&u, 0) == doctest::Approx(doubled->value(&u, 0)));
    CHECK(penalty->is_free(2));
    CHECK(penalty->is_excluded(3));
    CHECK(penalty->threshold(3) == k_inf);
    CHECK(penalty->value(&u, 2) == 0.0);
    const double g = -3.0;
    CHECK(penalty->entry_alpha(&g, 2) == 0.0);
    CHECK(penalty->entry_alpha(&g, 3) == 0.0);
    CHECK(penalty->unopposed(&g, 0, 2) == 3.0);
    CHECK(penalty->unopposed(&g, 0, 0) == 0.0);
  }
}

TEST_CASE("thresholds grow as they say, and entry_alpha undoes them") {
  for (Shape shape : k_shapes) {
    const auto penalty = make(shape, 1);
    for (Index j = 0; j < 2; ++j) {
      penalty->set_alpha(1.0);
      const double unit = penalty->threshold(j) / penalty->threshold_scale();
      for (double alpha : {0.01, 0.5, 4.0}) {
        penalty->set_alpha(alpha);
        const double t = penalty->threshold(j);
        CHECK(t == doctest::Approx(unit * penalty->threshold_scale()));
        CHECK(penalty->entry_alpha(&t, j) == doctest::Approx(alpha).epsilon(1e-9));
        double zero = 0.0, g = 0.999999 * t;
        CHECK(penalty->subdiff_distance(&zero, &g, j) == 0.0);
        g = 1.000001 * t;
        // A narrow box may hold what gains; the threshold is then a bound.
        if (j == 0) CHECK(penalty->subdiff_distance(&zero, &g, j) > 0.0);
      }
    }
  }
}

TEST_CASE("bounds follow the scale of the columns") {
  const auto penalty = make(Shape::mcp, 1);
  penalty->set_scale({1.0, 4.0, 1.0, 1.0});
  double u = 9.0;
  penalty->prox(&u, 1.0, 1);
  CHECK(u == 1.0);
  u = -9.0;
  penalty->prox(&u, 1.0, 1);
  CHECK(u == -2.0);
}

TEST_CASE("jumps need a bounded curvature") {
  for (Shape shape : k_shapes) {
    const bool jumps = shape == Shape::l0 || shape == Shape::lq || shape == Shape::cel0;
    Nonconvex penalty(1, shape, gamma_of(shape), {});
    if (jumps) {
      CHECK_THROWS_AS(penalty.set_curvature({1.0, k_inf}), std::invalid_argument);
    } else {
      penalty.set_curvature({1.0, k_inf});
    }
  }
}
