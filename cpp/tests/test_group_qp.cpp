// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/group_qp.hpp"

#include <doctest/doctest.h>

#include "reference.hpp"
#include "taut/penalty/group_elastic_net.hpp"
#include "taut/penalty/sparse_group.hpp"

using namespace taut;
using reference::at;
using reference::Matrix;
using reference::Random;
using solver::Coordinate;
using solver::GroupQP;

namespace {

/// A model over p features in blocks, with K outputs that share the Gram matrix.
struct Task {
  Index p, K;
  Matrix gram;
  std::vector<double> c;  // by rows
  std::vector<Coordinate> coordinates;
  std::unique_ptr<penalty::Penalty> pen;

  Task(unsigned seed, bool sparse, double dependence) : p(0), K(0) {
    Random random(seed);
    K = 1 + random.below(3);
    const Index count = 2 + random.below(5);
    std::vector<Index> label;
    for (Index b = 0; b < count; ++b) label.insert(label.end(), at(1 + random.below(5)), b);
    p = static_cast<Index>(label.size());
    const Index n = random.below(3) == 0 ? p / 2 + 1 : 2 * p;
    Matrix X(n, p);
    const std::vector<double> common = random.normals(n);
    for (Index j = 0; j < p; ++j) {
      for (Index i = 0; i < n; ++i) X(i, j) = random.normal() + dependence * common[at(i)];
    }
    gram = Matrix(p, p);
    c.assign(at(p * K), 0.0);
    const std::vector<double> y = random.normals(n * K);
    for (Index j = 0; j < p; ++j) {
      coordinates.push_back({j, 0});
      for (Index i = 0; i < n; ++i) {
        for (Index l = 0; l < p; ++l) gram(j, l) += X(i, j) * X(i, l) / static_cast<double>(n);
        for (Index k = 0; k < K; ++k) {
          c[at(j * K + k)] += X(i, j) * y[at(k * n + i)] / static_cast<double>(n);
        }
      }
    }
    penalty::FeatureRules rules;
    for (Index b = 0; b < count; ++b) rules.factor.push_back(random.uniform(0.3, 2.0));
    if (random.below(3) == 0) rules.factor[0] = 0.0;
    if (sparse) {
      pen = std::make_unique<penalty::SparseGroup>(K, random.uniform(), rules,
                                                   penalty::Blocks(label, count));
    } else {
      pen = std::make_unique<penalty::GroupElasticNet>(K, random.below(2) ? 1.0 : 0.7, rules,
                                                       penalty::Blocks(label, count));
    }
  }

  void fill(GroupQP& qp) const {
    for (Index b = 0; b < qp.size(); ++b) {
      for (Index a = 0; a < qp.size(); ++a) qp.column(b)[a] = gram(a, b);
    }
  }

  /// Largest subdifferential distance at w, and how far q is from c - G w.
  double violation(const GroupQP& qp, double& drift) const {
    std::vector<double> g(at(p * K)), w(at(p * K));
    drift = 0.0;
    for (Index j = 0; j < p; ++j) {
      for (Index k = 0; k < K; ++k) {
        double q = c[at(j * K + k)];
        for (Index l = 0; l < p; ++l) q -= gram(j, l) * qp.w(l * K + k);
        g[at(j * K + k)] = -q;
        w[at(j * K + k)] = qp.w(j * K + k);
        drift = std::max(drift, std::abs(q - qp.q(j * K + k)));
      }
    }
    double worst = 0.0;
    for (Index b = 0; b < pen->blocks().count(p); ++b) {
      const std::size_t from = at(pen->blocks().begin(b) * K);
      worst = std::max(worst, pen->subdiff_distance(&w[from], &g[from], b));
    }
    return worst;
  }
};

}  // namespace

TEST_CASE("group model: solutions along a path meet the conditions of optimality") {
  for (unsigned seed = 1; seed <= 120; ++seed) {
    CAPTURE(seed);
    const Task t(seed, seed % 2 == 0, seed % 3 == 0 ? 3.0 : 0.3);
    GroupQP qp(t.K);
    qp.resize(t.p);
    t.fill(qp);
    for (Index i = 0; i < t.p * t.K; ++i) qp.q(i) = t.c[at(i)];
    for (const double alpha : {0.5, 0.2, 0.1, 0.01}) {
      t.pen->set_alpha(alpha);
      qp.load(*t.pen, t.coordinates.data(), 1.0);
      const GroupQP::Report report = qp.solve(1e-10, 1000, 1);
      CHECK(report.converged);
      double drift = 0.0;
      CHECK(t.violation(qp, drift) <= 1e-9);
      CHECK(drift <= 1e-11);
    }
  }
}

TEST_CASE("group model: blocks may join later, and a scale divides the penalty") {
  for (unsigned seed = 200; seed < 230; ++seed) {
    const Task t(seed, seed % 2 == 0, 0.5);
    const penalty::Blocks& blocks = t.pen->blocks();
    GroupQP qp(t.K), once(t.K);
    t.pen->set_alpha(0.1);
    const Index first = blocks.single() ? 1 : blocks.begin(1);
    for (const Index size : {first, t.p}) {
      const Index known = qp.size();
      qp.resize(size);
      t.fill(qp);
      for (Index i = known * t.K; i < size * t.K; ++i) {
        double q = t.c[at(i)];
        for (Index l = 0; l < known; ++l) q -= t.gram(i / t.K, l) * qp.w(l * t.K + i % t.K);
        qp.q(i) = q;
      }
      qp.load(*t.pen, t.coordinates.data(), 2.0);
      CHECK(qp.solve(1e-11, 1000, 1).converged);
    }
    t.pen->set_alpha(0.05);
    once.resize(t.p);
    t.fill(once);
    for (Index i = 0; i < t.p * t.K; ++i) once.q(i) = t.c[at(i)];
    once.load(*t.pen, t.coordinates.data(), 1.0);
    CHECK(once.solve(1e-11, 1000, 1).converged);
    double drift = 0.0;
    CHECK(t.violation(qp, drift) <= 1e-9);
    CHECK(t.violation(once, drift) <= 1e-9);
  }
}

TEST_CASE("group model: outputs of the penalty as coordinates of the model") {
  Random random(5);
  const Index features = 4, K = 3, m = features * K;
  Matrix A(2 * m, m);
  for (double& a : A.data) a = random.normal();
  GroupQP qp(1);
  qp.resize(m);
  std::vector<Coordinate> coordinates;
  for (Index a = 0; a < m; ++a) {
    coordinates.push_back({a / K, a % K});
    qp.q(a) = random.normal();
    for (Index b = 0; b < m; ++b) {
      double sum = 0.0;
      for (Index i = 0; i < 2 * m; ++i) sum += A(i, a) * A(i, b);
      qp.column(b)[a] = sum / static_cast<double>(2 * m);
    }
  }
  penalty::GroupElasticNet pen(K, 1.0, {});
  pen.set_alpha(0.4);
  qp.load(pen, coordinates.data(), 1.0);
  REQUIRE(qp.solve(1e-12, 1000, 1).converged);
  for (Index j = 0; j < features; ++j) {
    double g[3], w[3];
    for (Index k = 0; k < K; ++k) {
      g[k] = -qp.q(j * K + k);
      w[k] = qp.w(j * K + k);
    }
    CHECK(pen.subdiff_distance(w, g, j) <= 1e-11);
  }
  qp.clear();
  CHECK(qp.size() == 0);
}
