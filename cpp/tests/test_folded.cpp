// SPDX-License-Identifier: BSD-3-Clause
#include "taut/penalty/folded.hpp"

#include <doctest/doctest.h>

#include "reference.hpp"

using namespace taut;
using penalty::Folded;
using penalty::Shape;
using reference::k_inf;
using reference::Random;

namespace {

Folded draw(Random& random) {
  constexpr Shape shapes[] = {Shape::l1,   Shape::mcp, Shape::scad,
                              Shape::cel0, Shape::l0,  Shape::lq};
  Folded f;
  f.shape = shapes[random.below(6)];
  f.alpha = random.below(8) == 0 ? 0.0 : random.uniform(0.05, 1.5);
  if (f.shape == Shape::mcp || f.shape == Shape::cel0) f.gamma = random.uniform(0.3, 5.0);
  if (f.shape == Shape::scad) f.gamma = random.uniform(2.05, 6.0);
  if (f.shape == Shape::lq) {
    const double q[] = {0.5, 2.0 / 3.0, random.uniform(0.05, 0.95)};
    f.gamma = q[random.below(3)];
  }
  if (random.below(3) == 0) f.weight = random.uniform(0.2, 3.0);
  const Index box = random.below(5);
  if (box == 0) f.lower = 0.0;
  if (box == 1) f.upper = random.uniform(0.0, 2.0);
  if (box == 2) f.lower = -random.uniform(0.0, 2.0), f.upper = random.uniform(0.0, 2.0);
  return f;
}

double objective(const Folded& f, double z, double t, double u) {
  return 0.5 * (u - z) * (u - z) + t * penalty::value(f, u);
}

}  // namespace

TEST_CASE("the prox beats every point of a grid") {
  Random random(11);
  for (int round = 0; round < 2000; ++round) {
    const Folded f = draw(random);
    const double z = random.uniform(-5.0, 5.0), t = random.uniform(0.05, 6.0);
    const double u = penalty::prox(f, z, t);
    CAPTURE(static_cast<int>(f.shape));
    CAPTURE(f.alpha);
    CAPTURE(f.gamma);
    CAPTURE(z);
    CAPTURE(t);
    CAPTURE(u);
    REQUIRE(u >= f.lower);
    REQUIRE(u <= f.upper);
    const double low = std::max(-6.0, f.lower), high = std::min(6.0, f.upper);
    double best = objective(f, z, t, 0.0);
    for (int i = 0; i <= 2000; ++i) {
      best = std::min(best, objective(f, z, t, low + (high - low) * i / 2000.0));
    }
    REQUIRE(objective(f, z, t, u) <= best + 1e-14 * (1.0 + best));
  }
}

TEST_CASE("values that others published") {
  // Lambda t = 1/2: L0, L1/2, L2/3; MCP, SCAD and CEL0 at alpha 1.
  Folded f;
  f.shape = Shape::l0;
  f.alpha = 1.0;
  CHECK(penalty::prox(f, 0.99, 0.5) == 0.0);
  CHECK(penalty::prox(f, 1.01, 0.5) == 1.01);
  f.shape = Shape::lq;
  f.gamma = 0.5;
  CHECK(penalty::prox(f, 0.9449407874, 0.5) == 0.0);
  CHECK(penalty::prox(f, 0.9449407875, 0.5) > 0.6);
  CHECK(penalty::prox(f, 2.0, 0.5) == doctest::Approx(1.8144020186).epsilon(1e-10));
  f.gamma = 2.0 / 3.0;
  CHECK(penalty::prox(f, 0.8773826753, 0.5) == 0.0);
  CHECK(penalty::prox(f, 0.8773826754, 0.5) > 0.4);
  CHECK(penalty::prox(f, -2.0, 0.5) == doctest::Approx(-1.7218942826).epsilon(1e-10));
  f.shape = Shape::mcp;
  f.gamma = 3.0;
  CHECK(penalty::prox(f, 2.0, 0.5) == doctest::Approx(1.8));
  CHECK(penalty::prox(f, 3.0, 0.5) == doctest::Approx(3.0));
  f.shape = Shape::scad;
  f.gamma = 3.7;
  CHECK(penalty::prox(f, 1.2, 0.5) == doctest::Approx(0.7));
  CHECK(penalty::prox(f, 2.0, 0.5) == doctest::Approx(1.6136363636).epsilon(1e-10));
  f.shape = Shape::cel0;  // lambda 1, norm 1.3: MCP of strength 1.3 sqrt 2, concavity 1 / 1.69
  f.alpha = 1.3 * std::sqrt(2.0);
  f.gamma = 1.0 / 1.69;
  CHECK(penalty::prox(f, 1.0, 0.3) == doctest::Approx(0.9096485004).epsilon(1e-9));
  CHECK(penalty::prox(f, 2.0, 0.3) == doctest::Approx(2.0));
  CHECK(penalty::prox(f, 1.0, 0.8) == 0.0);
  CHECK(penalty::prox(f, 2.0, 0.8) == doctest::Approx(2.0));
}

TEST_CASE("closed forms of lq agree with the root that Newton finds") {
  Random random(5);
  for (int round = 0; round < 500; ++round) {
    Folded f;
    f.shape = Shape::lq;
    f.alpha = random.uniform(0.01, 2.0);
    f.gamma = round % 2 ? 0.5 : 2.0 / 3.0;
    Folded near = f;
    near.gamma = std::nextafter(f.gamma, 1.0);  // takes the general road
    const double z = random.uniform(-8.0, 8.0), t = random.uniform(0.05, 2.0);
    const double u = penalty::prox(f, z, t);
    CHECK(penalty::prox(near, z, t) == doctest::Approx(u).epsilon(1e-11));
  }
}

TEST_CASE("slope, segment and value tell of one function") {
  Random random(23);
  for (int round = 0; round < 2000; ++round) {
    const Folded f = draw(random);
    const double u = random.uniform(-4.0, 4.0), h = 1e-6;
    const double numeric = (penalty::value(f, u + h) - penalty::value(f, u - h)) / (2.0 * h);
    if (std::abs(u) < 0.05) continue;
    CHECK(penalty::slope(f, u) == doctest::Approx(numeric).epsilon(1e-5));
    const penalty::Segment s = penalty::segment(f, u, 1.0);
    const double bent = (penalty::slope(f, u + h) - penalty::slope(f, u - h)) / (2.0 * h);
    const bool inside = u - h > s.lower && u + h < s.upper;
    if (inside) CHECK(s.curvature == doctest::Approx(bent).epsilon(1e-4));
    // From its end, a coordinate goes on in the next segment.
    if (std::isfinite(s.upper) && s.upper != 0.0 && s.upper < f.upper) {
      CHECK(penalty::segment(f, s.upper, 1.0).upper > s.upper);
      CHECK(penalty::segment(f, s.upper, -1.0).upper == s.upper);
    }
  }
}

TEST_CASE("a coordinate leaves zero beyond its threshold, and stands still at its prox") {
  Random random(31);
  for (int round = 0; round < 2000; ++round) {
    Folded f = draw(random);
    if (f.alpha == 0.0) continue;
    f.lower = -k_inf;
    f.upper = k_inf;
    f.weight = 1.0;
    const bool cel0 = f.shape == Shape::cel0;
    const double L = cel0 ? 1.0 / f.gamma : random.uniform(1.0, 4.0);
    const double t = penalty::threshold(f, L);
    CHECK(penalty::violation(f, 0.0, t * (1.0 - 1e-9), L) == 0.0);
    CHECK(penalty::violation(f, 0.0, -t * (1.0 + 1e-9), L) > 0.0);
    CHECK(penalty::entry_alpha(f, t, L) == doctest::Approx(f.alpha).epsilon(1e-9));
    // Where the one-dimensional problem is convex or jumps, its solution is stationary.
    const double c = random.uniform(-6.0, 6.0);
    const double u = penalty::prox(f, c / L, 1.0 / L);
    CHECK(penalty::violation(f, u, L * u - c, L) <= 1e-8);
  }
}
