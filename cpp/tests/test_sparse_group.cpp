// SPDX-License-Identifier: BSD-3-Clause
#include "taut/penalty/sparse_group.hpp"

#include <doctest/doctest.h>

#include "reference.hpp"

using namespace taut;
using penalty::SparseGroup;
using reference::at;
using reference::k_inf;
using reference::Random;

namespace {

double length(const std::vector<double>& v) {
  double square = 0.0;
  for (double x : v) square += x * x;
  return std::sqrt(square);
}

double soft_length(const std::vector<double>& v, double t) {
  double square = 0.0;
  for (double x : v) {
    const double over = std::max(0.0, std::abs(x) - t);
    square += over * over;
  }
  return std::sqrt(square);
}

struct Rule {
  double alpha, tau, factor;

  double value(const std::vector<double>& u) const {
    double sum = 0.0;
    for (double x : u) sum += std::abs(x);
    return alpha * (tau * sum + (1.0 - tau) * factor * length(u));
  }
};

/// Three blocks of 1, n and 2 features; the middle one is looked at.
std::unique_ptr<SparseGroup> make(const Rule& rule, Index n, Index outputs) {
  std::vector<Index> label{0};
  label.insert(label.end(), at(n), 1);
  label.insert(label.end(), 2, 2);
  auto out = std::make_unique<SparseGroup>(outputs, rule.tau,
                                           penalty::FeatureRules{{3.0, rule.factor, 5.0}, {}, {}},
                                           penalty::Blocks(label, 3));
  out->set_alpha(rule.alpha);
  return out;
}

Rule draw(Random& random) {
  const double shares[] = {0.0, 0.1, 0.5, 0.9, 1.0};
  const double factors[] = {0.0, 0.5, 1.0, 2.5};
  return {random.uniform(0.1, 2.0), shares[random.below(5)], factors[random.below(4)]};
}

std::vector<double> times(double c, std::vector<double> v) {
  for (double& x : v) x *= c;
  return v;
}

}  // namespace

TEST_CASE("sparse group: dual norm solves its equation and is a norm below the Euclidean") {
  Random random(1);
  for (int trial = 0; trial < 2000; ++trial) {
    const Index n = 1 + random.below(7);
    const double tau =
        random.below(4) == 0 ? std::floor(random.uniform(0.0, 2.0)) : random.uniform();
    const double nu = random.below(4) == 0 && tau > 0.0 ? 0.0 : random.uniform(0.05, 3.0);
    std::vector<double> g = random.normals(n), h = random.normals(n);
    if (random.below(3) == 0) g[0] = 0.0;
    if (n > 1 && random.below(3) == 0) g[1] = -g[0];
    const double l = penalty::sparse_group_dual_norm(g.data(), n, tau, nu);
    if (tau + nu == 0.0) continue;
    const double scale = length(g);
    if (nu > 0.0) {
      CHECK(std::abs(soft_length(g, l * tau) - l * nu) <= 1e-12 * std::max(1.0, scale));
    } else {
      CHECK(soft_length(g, l * tau) <= 1e-14);
    }
    CHECK((tau + nu) * l <= scale * (1.0 + 1e-12));
    const double other = penalty::sparse_group_dual_norm(h.data(), n, tau, nu);
    for (Index i = 0; i < n; ++i) h[at(i)] += g[at(i)];
    CHECK(penalty::sparse_group_dual_norm(h.data(), n, tau, nu) <= (l + other) * (1.0 + 1e-12));
    const std::vector<double> large = times(1e200, g), small = times(1e-200, g);
    CHECK(penalty::sparse_group_dual_norm(large.data(), n, tau, nu) ==
          doctest::Approx(1e200 * l).epsilon(1e-12));
    CHECK(penalty::sparse_group_dual_norm(small.data(), n, tau, nu) ==
          doctest::Approx(1e-200 * l).epsilon(1e-12));
  }
}

TEST_CASE("sparse group: no point is better than the prox") {
  Random random(2);
  for (int trial = 0; trial < 80; ++trial) {
    const Index n = 1 + random.below(3), K = 1 + random.below(2);
    const Rule rule = draw(random);
    const auto pen = make(rule, n, K);
    const std::vector<double> b = times(2.0, random.normals(n * K));
    const double step = random.uniform(0.1, 1.5);
    std::vector<double> best = b;
    pen->prox(best.data(), step, 1);
    const auto cost = [&](const std::vector<double>& u) {
      double total = step * rule.value(u);
      for (std::size_t i = 0; i < u.size(); ++i) total += 0.5 * (u[i] - b[i]) * (u[i] - b[i]);
      return total;
    };
    const double least = cost(best);
    CHECK(pen->value(best.data(), 1) == doctest::Approx(rule.value(best)));
    for (int i = 0; i < 4000; ++i) {
      std::vector<double> u = i % 2 ? best : times(random.uniform(-1.0, 1.5), b);
      const double size = std::pow(10.0, random.uniform(-5.0, 0.5));
      for (double& x : u) x = random.below(6) == 0 ? 0.0 : x + size * random.normal();
      CHECK(least <= cost(u) + 1e-13);
    }
    // The prox is optimal by the penalty's own account, and distances elsewhere are positive.
    std::vector<double> g(b.size());
    for (std::size_t i = 0; i < b.size(); ++i) g[i] = (best[i] - b[i]) / step;
    CHECK(pen->subdiff_distance(best.data(), g.data(), 1) <= 1e-12 * (1.0 + length(b)) / step);
  }
}

TEST_CASE("sparse group: thresholds, entry, conjugate and feasible scale agree") {
  Random random(3);
  for (int trial = 0; trial < 300; ++trial) {
    const Index n = 1 + random.below(4), K = 1 + random.below(2);
    const Rule rule = draw(random);
    const auto pen = make(rule, n, K);
    const std::vector<double> g = random.normals(n * K), zero(g.size(), 0.0);
    if (pen->is_free(1)) {
      CHECK(rule.tau == 0.0);
      CHECK(pen->entry_alpha(g.data(), 1) == 0.0);
      CHECK(pen->unopposed(g.data(), 0, 1) == std::abs(g[0]));
      continue;
    }
    CHECK(pen->pull(g.data(), 1) <= length(g) * (1.0 + 1e-12));
    const double entry = pen->entry_alpha(g.data(), 1);
    CHECK((pen->pull(g.data(), 1) <= pen->threshold(1)) == (entry <= rule.alpha));
    CHECK((pen->subdiff_distance(zero.data(), g.data(), 1) <= 1e-14) ==
          (entry <= rule.alpha * (1.0 + 1e-13)));
    const double c = pen->feasible_scale(g.data(), 1);
    CHECK(c == doctest::Approx(std::min(1.0, rule.alpha / entry)));
    const std::vector<double> inside = times(c * (1.0 - 1e-9), g), outside = times(1.001 * c, g);
    CHECK(pen->conjugate(inside.data(), 1) == 0.0);
    if (c < 1.0) CHECK(pen->conjugate(outside.data(), 1) == k_inf);
    // Fenchel: value(u) >= -g'u wherever the conjugate is zero.
    for (int i = 0; i < 50; ++i) {
      const std::vector<double> u = random.normals(n * K);
      double product = 0.0;
      for (std::size_t k = 0; k < u.size(); ++k) product -= inside[k] * u[k];
      CHECK(pen->value(u.data(), 1) >= product - 1e-12);
    }
  }
}

TEST_CASE("sparse group: an infinite factor excludes, forms are told") {
  const auto pen = make({0.5, 0.3, k_inf}, 2, 1);
  CHECK(pen->is_excluded(1));
  CHECK_FALSE(pen->is_excluded(0));
  double u[] = {3.0, -1.0};
  pen->prox(u, 0.5, 1);
  CHECK(u[0] == 0.0);
  CHECK(u[1] == 0.0);
  CHECK(pen->threshold(1) == k_inf);
  CHECK(pen->conjugate(u, 1) == 0.0);
  penalty::BlockNorm norm;
  REQUIRE(pen->as_norm(0, norm));
  CHECK(norm.lasso == doctest::Approx(0.15));
  CHECK(norm.norm == doctest::Approx(0.5 * 0.7 * 3.0));
  CHECK(norm.ridge == 0.0);
}
