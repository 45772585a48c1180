// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/active_set_qp.hpp"

#include <doctest/doctest.h>

#include "reference.hpp"

using namespace taut;
using penalty::Piece;
using reference::at;
using reference::k_inf;
using reference::Matrix;
using reference::Random;
using solver::ActiveSetQP;

namespace {

/// w'G w / 2 - c'w + pieces, with G = X'X and c = X'y: bounded below also where G is singular.
struct Task {
  Matrix G;
  std::vector<double> c;
  std::vector<Piece> pieces;

  Index size() const { return G.rows; }

  double objective(const std::vector<double>& w) const {
    double total = 0.0;
    for (Index a = 0; a < size(); ++a) {
      const Piece& e = pieces[at(a)];
      total += e.l1 * std::abs(w[at(a)]) + 0.5 * e.l2 * w[at(a)] * w[at(a)] - c[at(a)] * w[at(a)];
      for (Index b = 0; b < size(); ++b) total += 0.5 * G(a, b) * w[at(a)] * w[at(b)];
    }
    return total;
  }

  /// Least one-sided slope over all coordinates and feasible directions: 0 at a solution.
  double violation(const std::vector<double>& w) const {
    double worst = 0.0;
    for (Index a = 0; a < size(); ++a) {
      const Piece& e = pieces[at(a)];
      const double u = w[at(a)];
      double g = e.l2 * u - c[at(a)];
      for (Index b = 0; b < size(); ++b) g += G(a, b) * w[at(b)];
      if (u < e.upper) worst = std::max(worst, -(g + (u < 0.0 ? -e.l1 : e.l1)));
      if (u > e.lower) worst = std::max(worst, g + (u > 0.0 ? e.l1 : -e.l1));
    }
    return worst;
  }
};

Task draw(Index m, Index rank, Random& random) {
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
  for (Index a = 0; a < m; ++a) {
    Piece e{random.uniform(0.0, 1.5), 0.0, -k_inf, k_inf};
    if (random.below(4) == 0) e.l1 = 0.0;  // free
    if (random.below(3) == 0) e.l2 = random.uniform(0.0, 1.0);
    const Index box = random.below(6);
    if (box == 0) e.lower = 0.0;
    if (box == 1) e.upper = 0.0;
    if (box == 2) e.lower = -random.uniform(0.1, 0.8), e.upper = random.uniform(0.1, 0.8);
    if (box == 3) e.upper = random.uniform(0.1, 0.8);
    t.pieces.push_back(e);
  }
  return t;
}

/// The minimum by trying every pattern: each coordinate at zero, at a bound, or free to move with its
/// sign held. Some solution is basic, its moving part nonsingular, so singular patterns may be passed.
double brute_force(const Task& t) {
  const Index m = t.size();
  double best = 0.0;  // w = 0 is feasible
  Index patterns = 1;
  for (Index a = 0; a < m; ++a) patterns *= 5;
  for (Index code = 0; code < patterns; ++code) {
    std::vector<double> w(at(m), 0.0);
    std::vector<Index> moving;
    std::vector<double> sign(at(m), 0.0);
    bool possible = true;
    for (Index a = 0, rest = code; a < m; ++a, rest /= 5) {
      const Piece& e = t.pieces[at(a)];
      switch (rest % 5) {
        case 0:
          break;
        case 1:
          w[at(a)] = e.lower;
          possible = possible && std::isfinite(e.lower);
          break;
        case 2:
          w[at(a)] = e.upper;
          possible = possible && std::isfinite(e.upper);
          break;
        case 3:
          sign[at(a)] = 1.0;
          moving.push_back(a);
          possible = possible && e.upper > 0.0;
          break;
        default:
          sign[at(a)] = -1.0;
          moving.push_back(a);
          possible = possible && e.lower < 0.0;
          break;
      }
    }
    if (!possible) continue;
    const Index k = static_cast<Index>(moving.size());
    if (k > 0) {
      Matrix A(k, k);
      std::vector<double> rhs, x;
      for (Index i = 0; i < k; ++i) {
        const Index a = moving[at(i)];
        double r = t.c[at(a)] - t.pieces[at(a)].l1 * sign[at(a)];
        for (Index b = 0; b < m; ++b) r -= t.G(a, b) * w[at(b)];
        rhs.push_back(r);
        for (Index j = 0; j < k; ++j) A(i, j) = t.G(a, moving[at(j)]);
        A(i, i) += t.pieces[at(a)].l2;
      }
      if (!reference::solve(A, rhs, x, 1e-9)) continue;
      for (Index i = 0; i < k; ++i) {
        const Index a = moving[at(i)];
        const Piece& e = t.pieces[at(a)];
        w[at(a)] = std::min(e.upper, std::max(e.lower, x[at(i)]));
      }
    }
    best = std::min(best, t.objective(w));  // any feasible point bounds the minimum from above
  }
  return best;
}

void load(ActiveSetQP& qp, const Task& t, Index first = 0) {
  qp.resize(t.size());
  for (Index a = 0; a < t.size(); ++a) {
    for (Index b = 0; b < t.size(); ++b) {
      if (a >= first || b >= first) qp.column(a)[b] = t.G(b, a);
    }
    qp.piece(a) = t.pieces[at(a)];
    if (a < first) continue;
    qp.q(a) = t.c[at(a)];
    for (Index b = 0; b < t.size(); ++b) qp.q(a) -= t.G(a, b) * qp.w(b);
  }
}

std::vector<double> coefficients(const ActiveSetQP& qp) {
  std::vector<double> w;
  for (Index a = 0; a < qp.size(); ++a) w.push_back(qp.w(a));
  return w;
}

constexpr double k_target = 1e-9;

/// Solved, inside the box, optimal by conditions worked out here, and q is c - G w.
void check_solution(const Task& t, ActiveSetQP& qp) {
  const ActiveSetQP::Report report = qp.solve(k_target, 10000, 1);
  CHECK(report.converged);
  CHECK(report.violation <= k_target);
  CHECK(report.violation == qp.violation());
  const std::vector<double> w = coefficients(qp);
  CHECK(t.violation(w) <= 1.1 * k_target);
  for (Index a = 0; a < t.size(); ++a) {
    const Piece& e = t.pieces[at(a)];
    CHECK(w[at(a)] >= e.lower - 1e-15);
    CHECK(w[at(a)] <= e.upper + 1e-15);
    double q = t.c[at(a)];
    for (Index b = 0; b < t.size(); ++b) q -= t.G(a, b) * w[at(b)];
    CHECK(std::abs(q - qp.q(a)) < 1e-10);
  }
}

/// An optimum by violation alone: objective within violation * |w - w*|_1 of the least.
void check_minimum(const Task& t, const ActiveSetQP& qp, double least) {
  const double got = t.objective(coefficients(qp));
  CHECK(got <= least + 1e-7 * (1.0 + std::abs(least)));
  CHECK(got >= least - 1e-9 * (1.0 + std::abs(least)));
}

}  // namespace

TEST_CASE("active set QP: random problems have the minimum found by trying every sign pattern") {
  Random random(1);
  for (int trial = 0; trial < 250; ++trial) {
    const Index m = 1 + random.below(5);
    const Task t = draw(m, 1 + random.below(7), random);  // rank below m in many
    CAPTURE(trial);
    ActiveSetQP qp;
    load(qp, t);
    check_solution(t, qp);
    check_minimum(t, qp, brute_force(t));
  }
}

TEST_CASE("active set QP: larger problems, singular ones among them, are solved to the target") {
  Random random(2);
  for (int trial = 0; trial < 40; ++trial) {
    const Index m = 20 + random.below(60);
    const Task t = draw(m, trial % 2 ? m + 10 : m / 2, random);
    CAPTURE(trial);
    ActiveSetQP qp;
    load(qp, t);
    check_solution(t, qp);
  }
}

TEST_CASE("active set QP: a solved problem takes no further step") {
  Random random(3);
  const Task t = draw(30, 40, random);
  ActiveSetQP qp;
  load(qp, t);
  check_solution(t, qp);
  const std::vector<double> before = coefficients(qp);
  const ActiveSetQP::Report again = qp.solve(k_target, 100, 1);
  CHECK(again.converged);
  CHECK(again.sweeps == 0);
  for (Index a = 0; a < 30; ++a) CHECK(std::abs(qp.w(a) - before[at(a)]) < 1e-8);
}

TEST_CASE("active set QP: pieces that change between calls are heeded") {
  Random random(4);
  for (int trial = 0; trial < 60; ++trial) {
    const Index m = 1 + random.below(5);
    Task t = draw(m, 1 + random.below(7), random);
    CAPTURE(trial);
    ActiveSetQP qp;
    load(qp, t);
    qp.solve(k_target, 10000, 1);
    for (double factor : {0.5, 0.1, 3.0, 0.01}) {  // down the path and up again
      for (Index a = 0; a < m; ++a) {
        Piece& e = t.pieces[at(a)];
        e.l1 *= factor;
        e.l2 *= factor;
        qp.piece(a) = e;
      }
      check_solution(t, qp);
      check_minimum(t, qp, brute_force(t));
    }
  }
}

TEST_CASE("active set QP: q set from outside stands for another c") {
  Random random(5);
  for (int trial = 0; trial < 60; ++trial) {
    const Index m = 1 + random.below(5);
    Task t = draw(m, 8, random);
    ActiveSetQP qp;
    load(qp, t);
    qp.solve(k_target, 10000, 1);
    // In the range of G, so that the problem stays bounded.
    const std::vector<double> to = random.normals(m);
    for (Index a = 0; a < m; ++a) {
      double shift = 0.0;
      for (Index b = 0; b < m; ++b) shift += t.G(a, b) * to[at(b)];
      t.c[at(a)] += shift;
      qp.q(a) += shift;
    }
    check_solution(t, qp);
    check_minimum(t, qp, brute_force(t));
  }
}

TEST_CASE("active set QP: another G is heeded after gram_changed()") {
  Random random(6);
  for (int trial = 0; trial < 40; ++trial) {
    const Index m = 2 + random.below(4);
    ActiveSetQP qp;
    load(qp, draw(m, 8, random));
    qp.solve(k_target, 10000, 1);
    const Task t = draw(m, 8, random);
    for (Index a = 0; a < m; ++a) qp.w(a) = 0.0;
    load(qp, t);
    qp.gram_changed();
    check_solution(t, qp);
    check_minimum(t, qp, brute_force(t));
  }
}

TEST_CASE("active set QP: coordinates that join a solved problem") {
  Random random(7);
  // Past the first stores: 128 and half as much again.
  for (Index last : {5, 60, 140, 210}) {
    const Task whole = draw(last, last + 20, random);
    ActiveSetQP qp;
    for (Index m : {Index{1}, last / 2, last - 1, last}) {
      Task part;
      part.G = Matrix(m, m);
      for (Index a = 0; a < m; ++a) {
        for (Index b = 0; b < m; ++b) part.G(a, b) = whole.G(a, b);
      }
      part.c.assign(whole.c.begin(), whole.c.begin() + m);
      part.pieces.assign(whole.pieces.begin(), whole.pieces.begin() + m);
      const Index before = qp.size();
      load(qp, part, before);
      REQUIRE(qp.size() == m);
      REQUIRE(qp.ld() >= m);
      check_solution(part, qp);
      if (m <= 5) check_minimum(part, qp, brute_force(part));
    }
  }
}

TEST_CASE("active set QP: threads change no bit") {
  Random random(8);
  const Task t = draw(600, 700, random);  // Newton steps large enough for a region
  ActiveSetQP one, four;
  load(one, t);
  load(four, t);
  one.solve(k_target, 1000, 1);
  four.solve(k_target, 1000, 4);
  CHECK(coefficients(one) == coefficients(four));
}

TEST_CASE("active set QP: copies of a coordinate share a solution and keep to their boxes") {
  Random random(9);
  for (int copies = 2; copies <= 5; ++copies) {
    for (double bound : {0.2, 10.0}) {
      for (double l1 : {0.0, 0.3}) {
        Task t;
        t.G = Matrix(copies, copies);
        t.G.data.assign(t.G.data.size(), 1.0);
        t.c.assign(static_cast<std::size_t>(copies), 2.0);
        t.pieces.assign(static_cast<std::size_t>(copies), Piece{l1, 0.0, -bound, bound});
        ActiveSetQP qp;
        load(qp, t);
        check_solution(t, qp);
        double sum = 0.0;
        for (double w : coefficients(qp)) sum += w;
        // One-dimensional in the sum: (sum)^2 / 2 - 2 sum + l1 sum for 0 <= sum <= copies * bound.
        CHECK(sum == doctest::Approx(std::min(2.0 - l1, copies * bound)).epsilon(1e-8));
      }
    }
  }
}

TEST_CASE("active set QP: a coordinate without curvature, slope or room stays at zero") {
  Task t;
  t.G = Matrix(2, 2);
  t.G(0, 0) = 1.0;
  t.c = {1.0, 0.0};
  t.pieces = {Piece{0.25, 0.0, -k_inf, k_inf}, Piece{0.0, 0.0, -k_inf, k_inf}};
  ActiveSetQP qp;
  load(qp, t);
  check_solution(t, qp);
  CHECK(qp.w(0) == doctest::Approx(0.75));
  CHECK(qp.w(1) == 0.0);
}

TEST_CASE("active set QP: rounds that run out are reported with the violation reached") {
  Random random(10);
  const Task t = draw(40, 40, random);
  ActiveSetQP qp;
  load(qp, t);
  const ActiveSetQP::Report report = qp.solve(1e-300, 1, 1);
  CHECK_FALSE(report.converged);
  CHECK(report.sweeps == 1);
  CHECK(std::abs(report.violation - t.violation(coefficients(qp))) < 1e-10);
}

TEST_CASE("active set QP: penalties that vanish leave least squares, also on duplicates in a box") {
  Random random(4);
  for (int trial = 0; trial < 300; ++trial) {
    const Index m = 1 + random.below(5);
    Task t = draw(m, 1 + random.below(7), random);
    CAPTURE(trial);
    ActiveSetQP qp;
    load(qp, t);
    qp.solve(k_target, 10000, 1);
    for (Index a = 0; a < m; ++a) {
      t.pieces[at(a)].l1 = t.pieces[at(a)].l2 = 0.0;
      qp.piece(a) = t.pieces[at(a)];
    }
    check_solution(t, qp);
    check_minimum(t, qp, brute_force(t));
    for (double w : coefficients(qp)) CHECK(std::abs(w) < 1e6);
  }
}
