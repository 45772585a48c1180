// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/separable_qp.hpp"

#include <doctest/doctest.h>

#include "reference.hpp"

using namespace taut;
using penalty::Folded;
using penalty::Shape;
using reference::at;
using reference::k_inf;
using reference::Matrix;
using reference::Random;
using solver::SeparableQP;

namespace {

constexpr Shape k_shapes[] = {Shape::l1,   Shape::mcp, Shape::scad,
                              Shape::cel0, Shape::l0,  Shape::lq};

/// w'G w / 2 - c'w + penalties, with G = X'X and c = X'y: bounded below also where G is singular.
struct Task {
  Matrix G;
  std::vector<double> c;
  std::vector<Folded> terms;

  Index size() const { return G.rows; }

  double objective(const std::vector<double>& w) const {
    double total = 0.0;
    for (Index a = 0; a < size(); ++a) {
      total += penalty::value(terms[at(a)], w[at(a)]) - c[at(a)] * w[at(a)];
      for (Index b = 0; b < size(); ++b) total += 0.5 * G(a, b) * w[at(a)] * w[at(b)];
    }
    return total;
  }

  double gradient(const std::vector<double>& w, Index a) const {
    double g = -c[at(a)];
    for (Index b = 0; b < size(); ++b) g += G(a, b) * w[at(b)];
    return g;
  }

  double violation(const std::vector<double>& w) const {
    double worst = 0.0;
    for (Index a = 0; a < size(); ++a) {
      worst = std::max(worst, penalty::violation(terms[at(a)], w[at(a)], gradient(w, a), G(a, a)));
    }
    return worst;
  }
};

Folded draw_term(Shape shape, double curvature, Random& random) {
  Folded f;
  f.shape = shape;
  f.alpha = random.below(10) == 0 ? 0.0 : random.uniform(0.2, 2.0);
  if (shape == Shape::mcp) f.gamma = random.uniform(0.2, 3.0) / curvature;
  if (shape == Shape::scad) f.gamma = 2.0 + random.uniform(0.05, 3.0);
  if (shape == Shape::lq) f.gamma = random.below(2) ? 0.5 : random.uniform(0.2, 0.9);
  if (shape == Shape::cel0) f.gamma = 1.0 / curvature;
  const Index box = random.below(8);
  if (box == 0) f.lower = 0.0;
  if (box == 1) f.upper = 0.0;
  if (box == 2) f.lower = -random.uniform(0.1, 0.8), f.upper = random.uniform(0.1, 0.8);
  return f;
}

Task draw(Index m, Index rank, Shape shape, Random& random) {
  Task t;
  Matrix X(rank, m);
  X.data = random.normals(rank * m);
  if (m > 2 && random.below(3) == 0) {  // a duplicate, perhaps with its sign changed
    const double sign = random.below(2) ? 1.0 : -1.0;
    for (Index i = 0; i < rank; ++i) X(i, m - 1) = sign * X(i, 0);
  }
  const std::vector<double> y = random.normals(rank);
  t.G = Matrix(m, m);
  t.c.assign(at(m), 0.0);
  for (Index a = 0; a < m; ++a) {
    for (Index i = 0; i < rank; ++i) t.c[at(a)] += 3.0 * X(i, a) * y[at(i)];
    for (Index b = 0; b < m; ++b) {
      for (Index i = 0; i < rank; ++i) t.G(a, b) += X(i, a) * X(i, b);
    }
  }
  for (Index a = 0; a < m; ++a) t.terms.push_back(draw_term(shape, t.G(a, a), random));
  return t;
}

void load(SeparableQP& qp, const Task& t, const std::vector<double>& start) {
  qp.resize(t.size());
  for (Index a = 0; a < t.size(); ++a) {
    for (Index b = 0; b < t.size(); ++b) qp.column(a)[b] = t.G(b, a);
    qp.term(a) = t.terms[at(a)];
    qp.w(a) = start[at(a)];
    qp.q(a) = -t.gradient(start, a);
  }
}

std::vector<double> solution(const SeparableQP& qp) {
  std::vector<double> w(at(qp.size()));
  for (Index a = 0; a < qp.size(); ++a) w[at(a)] = qp.w(a);
  return w;
}

/// Plain cyclic coordinate descent, for comparison.
std::vector<double> descend(const Task& t, std::vector<double> w, int sweeps) {
  for (int s = 0; s < sweeps; ++s) {
    for (Index a = 0; a < t.size(); ++a) {
      const double step = 1.0 / t.G(a, a);
      w[at(a)] = penalty::prox(t.terms[at(a)], w[at(a)] - step * t.gradient(w, a), step);
    }
  }
  return w;
}

}  // namespace

TEST_CASE("solutions are stationary, feasible and no worse than their start") {
  Random random(3);
  for (Shape shape : k_shapes) {
    Index slow = 0;
    for (int round = 0; round < 150; ++round) {
      const Index m = 1 + random.below(12), rank = 1 + random.below(16);
      const Task t = draw(m, rank, shape, random);
      std::vector<double> start(at(m), 0.0);
      if (round % 2) {
        start = random.normals(m);
        for (Index a = 0; a < m; ++a) {
          start[at(a)] = std::clamp(start[at(a)], t.terms[at(a)].lower, t.terms[at(a)].upper);
        }
      }
      SeparableQP qp;
      load(qp, t, start);
      double scale = 1.0;
      for (double c : t.c) scale = std::max(scale, std::abs(c));
      const auto report = qp.solve(1e-10 * scale, 2000, 1);
      CAPTURE(static_cast<int>(shape));
      CAPTURE(round);
      const std::vector<double> w = solution(qp);
      REQUIRE(report.converged);
      REQUIRE(t.violation(w) <= 1e-8 * scale);
      REQUIRE(t.objective(w) <= t.objective(start) + 1e-9 * (1.0 + std::abs(t.objective(start))));
      for (Index a = 0; a < m; ++a) {
        REQUIRE(w[at(a)] >= t.terms[at(a)].lower);
        REQUIRE(w[at(a)] <= t.terms[at(a)].upper);
        REQUIRE(qp.q(a) == doctest::Approx(-t.gradient(w, a)).epsilon(1e-8).scale(scale));
      }
      slow += report.sweeps + report.newton_steps > 60;
    }
    CAPTURE(static_cast<int>(shape));
    CHECK(slow <= 15);
  }
}

TEST_CASE("one coordinate is solved by its prox, an orthonormal design by the proxes") {
  Random random(5);
  for (int round = 0; round < 300; ++round) {
    const Shape shape = k_shapes[random.below(6)];
    const Index m = 1 + random.below(6);
    Task t;
    t.G = Matrix(m, m);
    t.c = random.normals(m);
    for (Index a = 0; a < m; ++a) t.G(a, a) = random.uniform(0.5, 2.0);
    for (Index a = 0; a < m; ++a) t.terms.push_back(draw_term(shape, t.G(a, a), random));
    SeparableQP qp;
    load(qp, t, std::vector<double>(at(m), 0.0));
    REQUIRE(qp.solve(1e-12, 100, 1).converged);
    for (Index a = 0; a < m; ++a) {
      const double u = penalty::prox(t.terms[at(a)], t.c[at(a)] / t.G(a, a), 1.0 / t.G(a, a));
      const bool stays = std::abs(t.c[at(a)]) <= penalty::threshold(t.terms[at(a)], t.G(a, a));
      // Where the penalty bends more than the Gram, zero may be stationary without being best.
      if (qp.w(a) == 0.0 && stays) continue;
      CHECK(qp.w(a) == doctest::Approx(u).epsilon(1e-9));
    }
  }
}

TEST_CASE("local minima are as good as those of plain coordinate descent") {
  Random random(17);
  for (Shape shape : k_shapes) {
    double ours = 0.0, plain = 0.0;
    for (int round = 0; round < 60; ++round) {
      const Task t = draw(10, 20, shape, random);
      const std::vector<double> zero(10, 0.0);
      SeparableQP qp;
      load(qp, t, zero);
      qp.solve(1e-9, 500, 1);
      ours += t.objective(solution(qp));
      plain += t.objective(descend(t, zero, 400));
    }
    CAPTURE(static_cast<int>(shape));
    CAPTURE(ours);
    CAPTURE(plain);
    CHECK(ours <= plain + 0.01 * std::abs(plain));
  }
}

TEST_CASE("the factor survives changes of strength, of the Gram and of the size") {
  Random random(29);
  for (int round = 0; round < 40; ++round) {
    const Shape shape = k_shapes[random.below(6)];
    const Index m = 8;
    Task t = draw(m, 12, shape, random);
    SeparableQP qp;
    load(qp, t, std::vector<double>(at(m), 0.0));
    for (int step = 0; step < 12; ++step) {
      for (Index a = 0; a < m; ++a) {
        t.terms[at(a)].alpha *= 0.75;
        qp.term(a) = t.terms[at(a)];
      }
      if (step == 6) {  // another Gram: twice as curved
        for (double& g : t.G.data) g *= 2.0;
        const std::vector<double> w = solution(qp);
        load(qp, t, w);
        qp.gram_changed();
      }
      REQUIRE(qp.solve(1e-10, 2000, 1).converged);
      REQUIRE(t.violation(solution(qp)) <= 1e-8);
    }
  }
}
