// SPDX-License-Identifier: BSD-3-Clause
#include "taut/penalty/group_elastic_net.hpp"

#include <doctest/doctest.h>

#include "reference.hpp"

using namespace taut;
using penalty::GroupElasticNet;
using reference::at;
using reference::k_inf;
using reference::Random;

namespace {

struct Rule {
  double alpha = 1.0, l1_ratio = 1.0, factor = 1.0;

  double value(const std::vector<double>& u) const {
    double square = 0.0;
    for (double x : u) square += x * x;
    if (square == 0.0) return 0.0;
    return alpha * factor * (l1_ratio * std::sqrt(square) + 0.5 * (1.0 - l1_ratio) * square);
  }
};

constexpr Index k_feature = 1;

std::unique_ptr<GroupElasticNet> make(const Rule& rule, Index outputs) {
  penalty::FeatureRules rules;
  rules.factor = {7.0, rule.factor, 9.0};
  auto out = std::make_unique<GroupElasticNet>(outputs, rule.l1_ratio, rules);
  out->set_alpha(rule.alpha);
  return out;
}

Rule draw(Random& random) {
  const double ratios[] = {0.0, 1e-4, 0.3, 0.7, 1.0, 1.0};
  const double factors[] = {0.0, 0.4, 1.0, 1.0, 2.5, k_inf};
  return {random.below(8) == 0 ? 0.0 : random.uniform(0.05, 2.0), ratios[random.below(6)],
          factors[random.below(6)]};
}

double norm(const std::vector<double>& v) {
  double square = 0.0;
  for (double x : v) square += x * x;
  return std::sqrt(square);
}

double inner(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

std::vector<double> times(double c, std::vector<double> v) {
  for (double& x : v) x *= c;
  return v;
}

/// Points to try: 10,001 on the line through `along`, and as many about `centre` in all directions.
template <class F>
void each_trial(const std::vector<double>& along, double reach, const std::vector<double>& centre,
                Random& random, F&& f) {
  for (int i = 0; i <= 10000; ++i) f(times(reach * (i / 5000.0 - 1.0), along));
  for (int i = 0; i <= 10000; ++i) {
    std::vector<double> u = centre;
    const double size = std::pow(10.0, random.uniform(-6.0, 0.5));
    for (double& x : u) x += size * random.normal();
    f(u);
  }
}

}  // namespace

TEST_CASE("group elastic net: no point in any direction is better than the prox") {
  Random random(1);
  for (int trial = 0; trial < 80; ++trial) {
    const Index K = 1 + random.below(4);
    const Rule rule = draw(random);
    const std::vector<double> z = times(2.0, random.normals(K));
    const double step = random.uniform(0.1, 3.0);
    std::vector<double> u = z;
    make(rule, K)->prox(u.data(), step, k_feature);
    if (std::isinf(rule.factor)) {
      for (double x : u) CHECK(x == 0.0);
      continue;
    }
    const auto cost = [&](const std::vector<double>& x) {
      double square = 0.0;
      for (std::size_t k = 0; k < x.size(); ++k) square += (x[k] - z[k]) * (x[k] - z[k]);
      return 0.5 * square + step * rule.value(x);
    };
    double best = k_inf;
    each_trial(z, 1.2, u, random,
               [&](const std::vector<double>& x) { best = std::min(best, cost(x)); });
    CHECK(cost(u) <= best + 1e-13 * (1.0 + best));
  }
}

TEST_CASE("group elastic net: prox is firmly nonexpansive") {
  Random random(2);
  for (int trial = 0; trial < 500; ++trial) {
    const Rule rule = draw(random);
    const auto pen = make(rule, 3);
    const std::vector<double> x = random.normals(3), y = random.normals(3);
    std::vector<double> px = x, py = y, moved(3), given(3);
    pen->prox(px.data(), 0.8, k_feature);
    pen->prox(py.data(), 0.8, k_feature);
    for (std::size_t k = 0; k < 3; ++k) {
      moved[k] = px[k] - py[k];
      given[k] = x[k] - y[k];
    }
    CHECK(inner(moved, given) >= inner(moved, moved) - 1e-14);
  }
}

TEST_CASE("group elastic net: value is the definition, without a root of K") {
  const double b[3] = {3.0, 0.0, -4.0};
  CHECK(make({0.5, 0.4, 2.0}, 3)->value(b, k_feature) ==
        doctest::Approx(0.5 * 2.0 * (0.4 * 5.0 + 0.3 * 25.0)));
  const double zero[3] = {0.0, 0.0, 0.0};
  for (double factor : {0.0, 1.0, k_inf})
    CHECK(make({0.5, 0.4, factor}, 3)->value(zero, k_feature) == 0.0);
}

TEST_CASE("group elastic net: the subdifferential is met exactly at fixed points of the prox") {
  Random random(3);
  int moved = 0, zero = 0;
  for (int trial = 0; trial < 1000; ++trial) {
    const Rule rule = draw(random);
    if (std::isinf(rule.factor)) continue;
    const auto pen = make(rule, 3);
    const std::vector<double> z = random.normals(3);
    const double step = random.uniform(0.2, 2.0);
    std::vector<double> b = z, g(3), other(3), to(3);
    pen->prox(b.data(), step, k_feature);
    zero += norm(b) == 0.0;
    for (std::size_t k = 0; k < 3; ++k) g[k] = (b[k] - z[k]) / step;
    CHECK(pen->subdiff_distance(b.data(), g.data(), k_feature) <= 1e-13 * (1.0 + norm(g)));
    for (std::size_t k = 0; k < 3; ++k) {
      other[k] = g[k] + random.uniform(-0.5, 0.5);
      to[k] = b[k] - step * other[k];
    }
    pen->prox(to.data(), step, k_feature);
    const double shift = std::hypot(to[0] - b[0], to[1] - b[1], to[2] - b[2]);
    const double distance = pen->subdiff_distance(b.data(), other.data(), k_feature);
    if (shift > 1e-12) {
      ++moved;
      CHECK(distance > 0.0);
      // A prox step is no longer than step times the distance.
      CHECK(shift <= step * distance * (1.0 + 1e-12));
    } else {
      CHECK(distance < 1e-12);
    }
  }
  CHECK(moved > 300);
  CHECK(zero > 50);
}

TEST_CASE(
    "group elastic net: away from zero the distance is the norm of a gradient by differences") {
  Random random(4);
  for (int trial = 0; trial < 200; ++trial) {
    const Rule rule = draw(random);
    if (std::isinf(rule.factor)) continue;
    const std::vector<double> b = random.normals(3), g = random.normals(3);
    std::vector<double> slope(3);
    for (std::size_t k = 0; k < 3; ++k) {
      std::vector<double> up = b, down = b;
      up[k] += 1e-5;
      down[k] -= 1e-5;
      slope[k] = g[k] + (rule.value(up) - rule.value(down)) / 2e-5;
    }
    // Differences of a norm at b: third derivatives are 1 / |b|^2, |b| > 0.05 here.
    REQUIRE(norm(b) > 0.05);
    CHECK(std::abs(make(rule, 3)->subdiff_distance(b.data(), g.data(), k_feature) - norm(slope)) <
          1e-6);
  }
}

TEST_CASE("group elastic net: the conjugate is the supremum") {
  Random random(5);
  int finite = 0, infinite = 0;
  for (int trial = 0; trial < 100; ++trial) {
    const Rule rule = draw(random);
    const auto pen = make(rule, 3);
    const std::vector<double> g = random.normals(3);
    const double got = pen->conjugate(g.data(), k_feature);
    if (std::isinf(rule.factor) || pen->unopposed(g.data(), 0, k_feature) > 0.0) {
      CHECK(got == 0.0);
      continue;
    }
    const auto gain = [&](const std::vector<double>& u) { return -inner(g, u) - rule.value(u); };
    if (gain(times(-1e9, g)) > 1e6) {
      ++infinite;
      CHECK(got == k_inf);
      continue;
    }
    ++finite;
    const double l2 = rule.alpha * rule.factor * (1.0 - rule.l1_ratio);
    const double reach = l2 > 0.0 ? 1.01 / l2 : 2.0;
    double best = 0.0;
    each_trial(g, reach, times(-0.5 * reach, g), random,
               [&](const std::vector<double>& u) { best = std::max(best, gain(u)); });
    const double cell = reach * norm(g) / 5000.0;
    CHECK(got >= best - 1e-12 * (1.0 + best));
    CHECK(got <= best + l2 * cell * cell / 8.0 + 1e-12 * (1.0 + best));
  }
  CHECK(finite > 20);
  CHECK(infinite > 5);
}

TEST_CASE("group elastic net: the feasible scale is the largest with a finite conjugate") {
  Random random(6);
  int cut = 0;
  for (int trial = 0; trial < 1000; ++trial) {
    const auto pen = make(draw(random), 3);
    const std::vector<double> g = random.normals(3);
    const double c = pen->feasible_scale(g.data(), k_feature);
    REQUIRE(c >= 0.0);
    REQUIRE(c <= 1.0);
    CHECK(std::isfinite(pen->conjugate(times(c * (1.0 - 1e-12), g).data(), k_feature)));
    if (c < 1.0) {
      ++cut;
      CHECK(std::isinf(pen->conjugate(times(c * (1.0 + 1e-9), g).data(), k_feature)));
    }
  }
  CHECK(cut > 100);
}

TEST_CASE("group elastic net: a zero row stays zero exactly up to the threshold of its pull") {
  Random random(7);
  for (int trial = 0; trial < 500; ++trial) {
    const Rule rule = draw(random);
    const auto pen = make(rule, 3);
    const double zero[3] = {0.0, 0.0, 0.0};
    const std::vector<double> g = random.normals(3);
    const double pull = pen->pull(g.data(), k_feature), limit = pen->threshold(k_feature);
    CHECK((pull <= limit) == (pen->subdiff_distance(zero, g.data(), k_feature) == 0.0));
    CHECK(pull <= norm(g) * (1.0 + 1e-15));
    CHECK(pen->pull(times(2.0, g).data(), k_feature) == doctest::Approx(2.0 * pull).epsilon(1e-14));
    if (std::isfinite(limit)) {
      pen->set_alpha(2.0 * rule.alpha);
      CHECK(pen->threshold(k_feature) == doctest::Approx(2.0 * limit).epsilon(1e-14));
    }
  }
}

TEST_CASE("group elastic net: a feature enters just below its entry alpha") {
  Random random(8);
  int entered = 0;
  for (int trial = 0; trial < 500; ++trial) {
    const Rule rule = draw(random);
    const auto pen = make(rule, 3);
    const double zero[3] = {0.0, 0.0, 0.0};
    const std::vector<double> g = random.normals(3);
    const double alpha = pen->entry_alpha(g.data(), k_feature);
    if (rule.factor == 0.0 || std::isinf(rule.factor)) {
      CHECK(alpha == 0.0);
      continue;
    }
    CHECK(std::isfinite(alpha));
    if (rule.l1_ratio < penalty::k_least_l1_ratio) continue;
    ++entered;
    pen->set_alpha(alpha * (1.0 + 1e-12));
    CHECK(pen->subdiff_distance(zero, g.data(), k_feature) == 0.0);
    pen->set_alpha(alpha * (1.0 - 1e-9));
    CHECK(pen->subdiff_distance(zero, g.data(), k_feature) > 0.0);
  }
  CHECK(entered > 100);
}

TEST_CASE("group elastic net: free, excluded and unopposed say what the factors say") {
  const double g[2] = {-0.8, 0.6};
  for (double alpha : {0.0, 0.5}) {
    const auto plain = make({alpha, 0.5, 1.0}, 2);
    CHECK_FALSE(plain->is_free(k_feature));
    CHECK_FALSE(plain->is_excluded(k_feature));
    CHECK(plain->unopposed(g, 0, k_feature) == (alpha == 0.0 ? 0.8 : 0.0));
    CHECK(plain->unopposed(g, 1, k_feature) == (alpha == 0.0 ? 0.6 : 0.0));

    const auto free = make({alpha, 0.5, 0.0}, 2);
    CHECK(free->is_free(k_feature));
    CHECK(free->unopposed(g, 1, k_feature) == 0.6);
    CHECK(free->threshold(k_feature) == 0.0);

    const auto out = make({alpha, 0.5, k_inf}, 2);
    const double zero[2] = {0.0, 0.0};
    CHECK(out->is_excluded(k_feature));
    CHECK_FALSE(out->is_free(k_feature));
    CHECK(out->threshold(k_feature) == k_inf);
    CHECK(out->feasible_scale(g, k_feature) == 1.0);
    CHECK(out->unopposed(g, 0, k_feature) == 0.0);
    CHECK(out->subdiff_distance(zero, g, k_feature) == 0.0);
  }
  penalty::Piece piece;
  CHECK_FALSE(make({1.0, 1.0, 1.0}, 2)->as_piece(k_feature, piece));
}
