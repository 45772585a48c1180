// SPDX-License-Identifier: BSD-3-Clause
#include "taut/penalty/elastic_net.hpp"

#include <doctest/doctest.h>

#include "reference.hpp"

using namespace taut;
using penalty::ElasticNet;
using penalty::FeatureRules;
using reference::at;
using reference::k_inf;
using reference::Random;

namespace {

/// The rules of one coordinate, and its penalty from the definition.
struct Rule {
  double alpha = 1.0, l1_ratio = 1.0, factor = 1.0, lower = -k_inf, upper = k_inf;

  /// Zero for an excluded coordinate, which only ever holds zero.
  double value(double u) const {
    if (u == 0.0) return 0.0;
    return alpha * factor * (l1_ratio * std::abs(u) + 0.5 * (1.0 - l1_ratio) * u * u);
  }
  double low() const { return std::isinf(factor) ? 0.0 : lower; }
  double high() const { return std::isinf(factor) ? 0.0 : upper; }
};

/// A penalty whose feature 1 has the rule; its neighbours have others, so that a wrong index shows.
std::unique_ptr<ElasticNet> make(const Rule& rule, Index outputs = 1) {
  FeatureRules rules;
  rules.factor = {7.0, rule.factor, 9.0};
  rules.lower = {-0.01, rule.lower, -0.02};
  rules.upper = {0.01, rule.upper, 0.02};
  auto out = std::make_unique<ElasticNet>(outputs, rule.l1_ratio, rules);
  out->set_alpha(rule.alpha);
  return out;
}

constexpr Index k_feature = 1;

/// Rules of every kind: ridge to Lasso, factors 0, ordinary and infinite, boxes of each shape.
Rule draw(Random& random) {
  Rule rule;
  rule.alpha = random.below(8) == 0 ? 0.0 : random.uniform(0.05, 2.0);
  const double ratios[] = {0.0, 1e-4, 0.3, 0.7, 1.0, 1.0};
  rule.l1_ratio = ratios[random.below(6)];
  const double factors[] = {0.0, 0.4, 1.0, 1.0, 2.5, k_inf};
  rule.factor = factors[random.below(6)];
  switch (random.below(6)) {
    case 0:
      rule.lower = 0.0;
      break;
    case 1:
      rule.upper = 0.0;
      break;
    case 2:
      rule.lower = -random.uniform(0.1, 1.5);
      break;
    case 3:
      rule.lower = -random.uniform(0.1, 1.5);
      rule.upper = random.uniform(0.1, 1.5);
      break;
    default:
      break;
  }
  return rule;
}

/// One-sided slope of g u + penalty at b by a short step; +inf where the box forbids it.
double slope(const Rule& rule, double b, double g, double direction) {
  const double h = 1e-7, to = b + direction * h;
  if (to > rule.high() || to < rule.low()) return k_inf;
  return (rule.value(to) - rule.value(b)) / h + direction * g;
}

}  // namespace

TEST_CASE("elastic net: prox minimises its objective over a fine grid") {
  Random random(1);
  for (int trial = 0; trial < 300; ++trial) {
    const Rule rule = draw(random);
    const double z = random.uniform(-3.0, 3.0), step = random.uniform(0.1, 3.0);
    double u = z;
    make(rule)->prox(&u, step, k_feature);
    const auto cost = [&](double x) { return 0.5 * (x - z) * (x - z) + step * rule.value(x); };
    REQUIRE(u >= rule.low());
    REQUIRE(u <= rule.high());
    // |prox| <= |z| < 3.5: the grid covers all that may be best.
    const double low = std::max(rule.low(), -3.5), high = std::min(rule.high(), 3.5);
    double best = k_inf, where = 0.0;
    for (int i = 0; i <= 10000; ++i) {
      const double x = low + (high - low) * i / 10000.0;
      if (cost(x) < best) {
        best = cost(x);
        where = x;
      }
    }
    CHECK(cost(u) <= best + 1e-14);
    // The cost is 1-strongly convex, so the best grid point is as near as the grid is fine: with
    // cells of 7e-4 its cost is at most a cell's slope above the least.
    CHECK(std::abs(u - where) <= 7.1e-4);
  }
}

TEST_CASE("elastic net: prox of several outputs acts on each by itself") {
  Random random(2);
  for (int trial = 0; trial < 100; ++trial) {
    const Rule rule = draw(random);
    const std::vector<double> z = random.normals(3);
    std::vector<double> all = z;
    make(rule, 3)->prox(all.data(), 0.6, k_feature);
    for (Index k = 0; k < 3; ++k) {
      double one = z[at(k)];
      make(rule)->prox(&one, 0.6, k_feature);
      CHECK(all[at(k)] == one);
    }
  }
}

TEST_CASE("elastic net: prox is firmly nonexpansive") {
  Random random(3);
  for (int trial = 0; trial < 500; ++trial) {
    const Rule rule = draw(random);
    const auto pen = make(rule, 3);
    const std::vector<double> x = random.normals(3), y = random.normals(3);
    std::vector<double> px = x, py = y;
    pen->prox(px.data(), 0.8, k_feature);
    pen->prox(py.data(), 0.8, k_feature);
    double inner = 0.0, square = 0.0;
    for (Index k = 0; k < 3; ++k) {
      const double d = px[at(k)] - py[at(k)];
      inner += d * (x[at(k)] - y[at(k)]);
      square += d * d;
    }
    CHECK(inner >= square - 1e-14);
  }
}

TEST_CASE("elastic net: value is the definition") {
  Random random(4);
  for (int trial = 0; trial < 100; ++trial) {
    Rule rule = draw(random);
    if (std::isinf(rule.factor)) continue;
    const std::vector<double> b = random.normals(3);
    double expected = 0.0;
    for (double x : b) expected += rule.value(x);
    CHECK(make(rule, 3)->value(b.data(), k_feature) == doctest::Approx(expected).epsilon(1e-14));
  }
}

TEST_CASE("elastic net: the subdifferential is met exactly at fixed points of the prox") {
  Random random(5);
  int moved = 0;
  for (int trial = 0; trial < 1000; ++trial) {
    const Rule rule = draw(random);
    const auto pen = make(rule);
    const double z = random.uniform(-3.0, 3.0), step = random.uniform(0.2, 2.0);
    double b = z;
    pen->prox(&b, step, k_feature);
    const double g = (b - z) / step;
    CHECK(pen->subdiff_distance(&b, &g, k_feature) <= 1e-14 * (1.0 + std::abs(g)));
    // Any other gradient: distance zero there would mean a fixed point.
    const double other = g + (trial % 2 ? 0.3 : -0.3);
    double to = b - step * other;
    pen->prox(&to, step, k_feature);
    const double distance = pen->subdiff_distance(&b, &other, k_feature);
    if (std::abs(to - b) > 1e-12) {
      ++moved;
      CHECK(distance > 0.0);
    } else {
      CHECK(distance < 1e-12);
    }
  }
  CHECK(moved > 300);
}

TEST_CASE("elastic net: the subdifferential distance is the steepest descent, by differences") {
  Random random(6);
  for (int trial = 0; trial < 1000; ++trial) {
    const Rule rule = draw(random);
    // Zero, a bound or a point between.
    double b = 0.0;
    if (trial % 3 == 1 && std::isfinite(rule.high())) b = rule.high();
    if (trial % 3 == 2) b = std::min(rule.high(), std::max(rule.low(), random.normal()));
    const double g = random.uniform(-2.0, 2.0);
    const double expected = std::max({0.0, -slope(rule, b, g, 1.0), -slope(rule, b, g, -1.0)});
    CHECK(std::abs(make(rule)->subdiff_distance(&b, &g, k_feature) - expected) < 1e-6);
  }
}

TEST_CASE("elastic net: the conjugate is the supremum over the box") {
  Random random(7);
  int finite = 0, infinite = 0;
  for (int trial = 0; trial < 400; ++trial) {
    const Rule rule = draw(random);
    const auto pen = make(rule);
    const double g = random.uniform(-3.0, 3.0);
    const double got = pen->conjugate(&g, k_feature);
    if (pen->unopposed(&g, 0, k_feature) > 0.0) {
      CHECK(got == 0.0);  // left out by contract
      continue;
    }
    const auto gain = [&](double u) { return -g * u - rule.value(u); };
    const double far = 1e9;
    const bool grows =
        gain(std::min(rule.high(), far)) > 1e6 || gain(std::max(rule.low(), -far)) > 1e6;
    if (grows) {
      ++infinite;
      CHECK(got == k_inf);
      continue;
    }
    ++finite;
    // With curvature l2 the best u is within |g| / l2; without it, at zero or at a bound.
    const double l2 =
        std::isinf(rule.factor) ? 0.0 : rule.alpha * rule.factor * (1.0 - rule.l1_ratio);
    const double reach = l2 > 0.0 ? 1.01 * std::abs(g) / l2 : 2.0;
    const double low = std::max(rule.low(), -reach), high = std::min(rule.high(), reach);
    double best = 0.0;
    for (int i = 0; i <= 10000; ++i) best = std::max(best, gain(low + (high - low) * i / 10000.0));
    CHECK(got >= best - 1e-12 * (1.0 + best));
    // Off the best point by half a cell at most: l2 cell^2 / 8.
    const double cell = (high - low) / 10000.0;
    CHECK(got <= best + l2 * cell * cell / 8.0 + 1e-12 * (1.0 + best));
  }
  CHECK(finite > 100);
  CHECK(infinite > 10);
}

TEST_CASE("elastic net: Fenchel-Young holds and is tight where the subdifferential is met") {
  Random random(8);
  for (int trial = 0; trial < 500; ++trial) {
    Rule rule = draw(random);
    if (std::isinf(rule.factor)) rule.factor = 1.0;
    const auto pen = make(rule);
    const double z = random.uniform(-3.0, 3.0);
    double b = z;
    pen->prox(&b, 1.0, k_feature);
    const double g = b - z;
    if (pen->unopposed(&g, 0, k_feature) > 0.0) continue;
    const double inside = g * (1.0 - 1e-13);  // on the boundary of the domain by rounding
    const double conjugate = pen->conjugate(&inside, k_feature);
    if (std::isinf(conjugate)) continue;
    CHECK(std::abs(pen->value(&b, k_feature) + conjugate + g * b) < 1e-10);
  }
}

TEST_CASE("elastic net: the feasible scale is the largest with a finite conjugate") {
  Random random(9);
  int cut = 0;
  for (int trial = 0; trial < 1000; ++trial) {
    const Rule rule = draw(random);
    const auto pen = make(rule, 2);
    const std::vector<double> g{random.uniform(-3.0, 3.0), random.uniform(-3.0, 3.0)};
    const double c = pen->feasible_scale(g.data(), k_feature);
    REQUIRE(c >= 0.0);
    REQUIRE(c <= 1.0);
    const auto scaled = [&](double factor) {
      const double to[2] = {factor * g[0], factor * g[1]};
      return pen->conjugate(to, k_feature);
    };
    CHECK(std::isfinite(scaled(c * (1.0 - 1e-12))));
    if (c < 1.0) {
      ++cut;
      CHECK(std::isinf(scaled(c * (1.0 + 1e-9))));
    }
  }
  CHECK(cut > 50);
}

TEST_CASE("elastic net: a zero row stays zero exactly up to the threshold of its pull") {
  Random random(10);
  int stays = 0, leaves = 0;
  for (int trial = 0; trial < 1000; ++trial) {
    const Rule rule = draw(random);
    const auto pen = make(rule, 2);
    const double zero[2] = {0.0, 0.0};
    const double g[2] = {random.normal(), random.normal()};
    const double pull = pen->pull(g, k_feature), limit = pen->threshold(k_feature);
    const bool at_rest = pen->subdiff_distance(zero, g, k_feature) == 0.0;
    CHECK((pull <= limit) == at_rest);
    (at_rest ? stays : leaves) += 1;

    CHECK(pull >= 0.0);
    CHECK(pull <= std::hypot(g[0], g[1]));
    const double twice[2] = {2.0 * g[0], 2.0 * g[1]};
    CHECK(pen->pull(twice, k_feature) == doctest::Approx(2.0 * pull).epsilon(1e-14));
    pen->set_alpha(2.0 * rule.alpha);
    if (std::isfinite(limit)) {
      CHECK(pen->threshold(k_feature) == doctest::Approx(2.0 * limit).epsilon(1e-14));
    } else {
      CHECK(pen->is_excluded(k_feature));
    }
  }
  CHECK(stays > 100);
  CHECK(leaves > 100);
}

TEST_CASE("elastic net: a feature enters just below its entry alpha") {
  Random random(11);
  int entered = 0;
  for (int trial = 0; trial < 1000; ++trial) {
    Rule rule = draw(random);
    const auto pen = make(rule, 2);
    const double zero[2] = {0.0, 0.0};
    const double g[2] = {random.normal(), random.normal()};
    const double alpha = pen->entry_alpha(g, k_feature);
    if (rule.factor == 0.0 || pen->is_excluded(k_feature)) {
      CHECK(alpha == 0.0);
      continue;
    }
    if (rule.l1_ratio < penalty::k_least_l1_ratio) {
      // (Nearly) ridge: a finite start of the path in place of an infinite one.
      CHECK(std::isfinite(alpha));
      continue;
    }
    pen->set_alpha(alpha * (1.0 + 1e-12));
    CHECK(pen->subdiff_distance(zero, g, k_feature) == 0.0);
    if (alpha == 0.0) continue;  // the box allows no move that g asks for
    ++entered;
    pen->set_alpha(alpha * (1.0 - 1e-9));
    CHECK(pen->subdiff_distance(zero, g, k_feature) > 0.0);
  }
  CHECK(entered > 200);
}

TEST_CASE("elastic net: free, excluded and unopposed say what the rules say") {
  const double g[1] = {-0.8}, up[1] = {0.8};
  for (double alpha : {0.0, 0.5}) {
    for (double l1_ratio : {1.0, 0.5}) {
      const Rule plain{alpha, l1_ratio, 1.0, -k_inf, k_inf};
      CHECK_FALSE(make(plain)->is_free(k_feature));
      CHECK_FALSE(make(plain)->is_excluded(k_feature));
      CHECK(make(plain)->unopposed(g, 0, k_feature) == (alpha == 0.0 ? 0.8 : 0.0));

      const Rule free{alpha, l1_ratio, 0.0, 0.0, k_inf};
      CHECK(make(free)->is_free(k_feature));
      CHECK(make(free)->threshold(k_feature) == 0.0);
      CHECK(make(free)->unopposed(g, 0, k_feature) == 0.8);   // upwards: open
      CHECK(make(free)->unopposed(up, 0, k_feature) == 0.0);  // downwards: the bound

      const Rule infinite{alpha, l1_ratio, k_inf, -k_inf, k_inf};
      const Rule pinned{alpha, l1_ratio, 0.0, 0.0, 0.0};
      for (const Rule& rule : {infinite, pinned}) {
        const auto pen = make(rule);
        CHECK(pen->is_excluded(k_feature));
        CHECK_FALSE(pen->is_free(k_feature));
        CHECK(pen->threshold(k_feature) == k_inf);
        CHECK(pen->pull(g, k_feature) == 0.0);
        CHECK(pen->conjugate(g, k_feature) == 0.0);
        CHECK(pen->feasible_scale(g, k_feature) == 1.0);
        CHECK(pen->unopposed(g, 0, k_feature) == 0.0);
        double b = 3.0;
        pen->prox(&b, 1.0, k_feature);
        CHECK(b == 0.0);
        CHECK(pen->subdiff_distance(&b, g, k_feature) == 0.0);
      }
    }
  }
}

TEST_CASE("elastic net: empty rules mean factor 1 and no bounds") {
  ElasticNet plain(1, 0.6, {});
  const auto spelled = make({0.7, 0.6, 1.0, -k_inf, k_inf});
  plain.set_alpha(0.7);
  Random random(12);
  for (int trial = 0; trial < 50; ++trial) {
    const double g = random.normal();
    double a = 3.0 * random.normal(), b = a;
    plain.prox(&a, 0.9, 5);
    spelled->prox(&b, 0.9, k_feature);
    CHECK(a == b);
    CHECK(plain.conjugate(&g, 5) == spelled->conjugate(&g, k_feature));
    CHECK(plain.entry_alpha(&g, 5) == spelled->entry_alpha(&g, k_feature));
  }
}

TEST_CASE("elastic net: the piece of a feature is its penalty") {
  Random random(13);
  for (int trial = 0; trial < 200; ++trial) {
    const Rule rule = draw(random);
    const auto pen = make(rule);
    penalty::Piece piece;
    REQUIRE(pen->as_piece(k_feature, piece));
    CHECK(piece.lower == rule.low());
    CHECK(piece.upper == rule.high());
    for (double u : {-1.3, 0.0, 0.4}) {
      if (u < piece.lower || u > piece.upper) continue;
      CHECK(piece.l1 * std::abs(u) + 0.5 * piece.l2 * u * u ==
            doctest::Approx(rule.value(u)).epsilon(1e-14));
    }
  }
}

TEST_CASE("elastic net: bounds follow the scale of the rows") {
  FeatureRules rules;
  rules.lower = {-0.5, -k_inf, 0.0};
  rules.upper = {k_inf, 2.0, 0.25};
  ElasticNet pen(1, 1.0, rules);
  pen.set_alpha(0.0);
  pen.set_scale({2.0, 0.5, 4.0});
  const double expected[3][2] = {{-1.0, 100.0}, {-100.0, 1.0}, {0.0, 1.0}};
  for (Index j = 0; j < 3; ++j) {
    double low = -100.0, high = 100.0;
    pen.prox(&low, 1.0, j);
    pen.prox(&high, 1.0, j);
    CHECK(low == expected[j][0]);
    CHECK(high == expected[j][1]);
  }
}

TEST_CASE("elastic net: factors of outputs act as factors of single outputs would") {
  Random random(9);
  const std::vector<double> share = {0.0, 1.0, 2.5};
  for (int trial = 0; trial < 200; ++trial) {
    const Rule rule = draw(random);
    FeatureRules rules;
    rules.factor = {7.0, rule.factor, 9.0};
    rules.lower = {-0.01, rule.lower, -0.02};
    rules.upper = {0.01, rule.upper, 0.02};
    ElasticNet all(3, rule.l1_ratio, rules, share);
    all.set_alpha(rule.alpha);
    std::vector<double> u = random.normals(3), g = random.normals(3), prox = g;
    for (double& x : u) x = std::clamp(random.below(3) == 0 ? 0.0 : x, rule.low(), rule.high());
    all.prox(prox.data(), 0.6, k_feature);
    double value = 0.0, distance = 0.0, conjugate = 0.0, scale = 1.0, entry = 0.0;
    for (Index k = 0; k < 3; ++k) {
      Rule one = rule;
      // An excluded feature is excluded, whatever the factor of the output.
      if (!std::isinf(rule.factor)) one.factor *= share[at(k)];
      const auto pen = make(one);
      double single = g[at(k)];
      pen->prox(&single, 0.6, k_feature);
      CHECK(prox[at(k)] == doctest::Approx(single));
      single = g[at(k)];
      value += pen->value(&u[at(k)], k_feature);
      distance = std::max(distance, pen->subdiff_distance(&u[at(k)], &single, k_feature));
      conjugate += pen->conjugate(&single, k_feature);
      scale = std::min(scale, pen->feasible_scale(&single, k_feature));
      entry = std::max(entry, pen->entry_alpha(&single, k_feature));
      CHECK(all.unopposed(g.data(), k, k_feature) == pen->unopposed(&single, 0, k_feature));
      penalty::Piece piece, expected;
      all.coordinate_piece(k_feature, k, piece);
      pen->as_piece(k_feature, expected);
      CHECK(piece.l1 == doctest::Approx(expected.l1));
      CHECK(piece.l2 == doctest::Approx(expected.l2));
      CHECK(piece.lower == expected.lower);
      CHECK(piece.upper == expected.upper);
    }
    CHECK(all.value(u.data(), k_feature) == doctest::Approx(value));
    CHECK(all.subdiff_distance(u.data(), g.data(), k_feature) == doctest::Approx(distance));
    const double found = all.conjugate(g.data(), k_feature);
    CHECK((found == conjugate || found == doctest::Approx(conjugate)));  // both may be infinite
    CHECK(all.feasible_scale(g.data(), k_feature) == doctest::Approx(scale));
    CHECK(all.entry_alpha(g.data(), k_feature) == doctest::Approx(entry));
    const bool excluded = all.is_excluded(k_feature);
    CHECK(all.is_free(k_feature) == !excluded);
    CHECK(all.is_split(k_feature) == (!excluded && rule.factor > 0.0));
  }
}
