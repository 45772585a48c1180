// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/block_step.hpp"

#include <doctest/doctest.h>

#include "reference.hpp"

using namespace taut;
using penalty::BlockNorm;
using reference::at;
using reference::Matrix;
using reference::Random;
using solver::BlockStep;

namespace {

double value(const BlockNorm& e, const std::vector<double>& u) {
  double square = 0.0, sum = 0.0;
  for (double x : u) {
    square += x * x;
    sum += std::abs(x);
  }
  return e.lasso * sum + e.norm * std::sqrt(square) + 0.5 * e.ridge * square;
}

/// A block of size x size with outputs: the model sum_k W_k'H W_k / 2 - v_k'W_k.
struct Model {
  Index size, outputs;
  Matrix H;
  std::vector<double> v;  // by rows

  Model(Index n, Index K, Index rank, Random& random) : size(n), outputs(K), H(n, n) {
    const std::vector<double> a = random.normals(n * rank);
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < n; ++j) {
        for (Index k = 0; k < rank; ++k) H(i, j) += a[at(i * rank + k)] * a[at(j * rank + k)];
      }
    }
    // In the range of H, else the block has no minimum without a penalty.
    const std::vector<double> c = random.normals(n * K);
    v.assign(at(n * K), 0.0);
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < n; ++j) {
        for (Index k = 0; k < K; ++k) v[at(i * K + k)] += H(i, j) * c[at(j * K + k)];
      }
    }
  }

  std::vector<double> residual(const std::vector<double>& w) const {
    std::vector<double> r = v;
    for (Index i = 0; i < size; ++i) {
      for (Index j = 0; j < size; ++j) {
        for (Index k = 0; k < outputs; ++k) {
          r[at(i * outputs + k)] -= H(i, j) * w[at(j * outputs + k)];
        }
      }
    }
    return r;
  }

  double objective(const BlockNorm& e, const std::vector<double>& w) const {
    const std::vector<double> r = residual(w);
    double total = value(e, w);
    for (std::size_t i = 0; i < w.size(); ++i) total -= 0.5 * w[i] * (v[i] + r[i]);
    return total;
  }

  /// Distance of the residual from the subdifferential of the norms at w.
  double violation(const BlockNorm& e, const std::vector<double>& w) const {
    const std::vector<double> r = residual(w);
    double size2 = 0.0, square = 0.0;
    for (double x : w) size2 += x * x;
    for (std::size_t i = 0; i < w.size(); ++i) {
      double d = r[i] - e.ridge * w[i];
      if (size2 > 0.0) d -= e.norm * w[i] / std::sqrt(size2);
      d = w[i] != 0.0 ? d - (w[i] > 0.0 ? e.lasso : -e.lasso)
                      : std::max(0.0, std::abs(d) - e.lasso);
      square += d * d;
    }
    return size2 > 0.0 ? std::sqrt(square) : std::max(0.0, std::sqrt(square) - e.norm);
  }
};

}  // namespace

TEST_CASE("norm root: the equation holds, and zero where the norm wins") {
  Random random(1);
  for (int trial = 0; trial < 500; ++trial) {
    const Index n = 1 + random.below(6);
    std::vector<double> squares, values;
    double total = 0.0;
    for (Index i = 0; i < n; ++i) {
      squares.push_back(std::pow(10.0, random.uniform(-12.0, 2.0)));
      values.push_back(random.below(4) == 0 ? 0.0 : std::pow(10.0, random.uniform(-8.0, 3.0)));
      total += squares.back();
    }
    values[0] = std::max(values[0], 1e-3);
    squares[0] = std::max(squares[0], 1e-2);
    total = 0.0;
    for (double s : squares) total += s;
    const double ridge = random.below(2) ? 0.0 : random.uniform(0.0, 2.0);
    // Directions without curvature alone must not beat the norm: there would be no minimum.
    double flat = 0.0;
    for (Index i = 0; i < n; ++i) flat += values[at(i)] + ridge == 0.0 ? squares[at(i)] : 0.0;
    const double norm =
        std::sqrt(flat) + random.uniform(1e-3, 1.2) * (std::sqrt(total) - std::sqrt(flat));
    const double h = solver::norm_root(squares.data(), values.data(), n, ridge, norm);
    if (total <= norm * norm) {
      CHECK(h == 0.0);
      continue;
    }
    REQUIRE(h > 0.0);
    double sum = 0.0;
    for (Index i = 0; i < n; ++i) {
      const double d = (values[at(i)] + ridge) * h + norm;
      sum += squares[at(i)] / (d * d);
    }
    CHECK(sum == doctest::Approx(1.0).epsilon(1e-9));
  }
}

TEST_CASE("proximal point of the norms: nothing near it is better") {
  Random random(2);
  for (int trial = 0; trial < 60; ++trial) {
    const Index n = 1 + random.below(4);
    const BlockNorm e{random.below(2) ? 0.0 : random.uniform(0.0, 1.0), random.uniform(0.0, 1.5),
                      random.below(2) ? 0.0 : random.uniform(0.0, 1.0)};
    const double curvature = random.uniform(0.3, 3.0);
    const std::vector<double> z = random.normals(n);
    std::vector<double> best = z;
    solver::prox_norm(e, curvature, n, best.data());
    const auto cost = [&](const std::vector<double>& u) {
      double total = value(e, u);
      for (Index i = 0; i < n; ++i) {
        total += 0.5 * curvature * (u[at(i)] - z[at(i)]) * (u[at(i)] - z[at(i)]);
      }
      return total;
    };
    const double least = cost(best);
    CHECK(least <= cost(std::vector<double>(at(n), 0.0)) + 1e-14);
    for (int i = 0; i < 2000; ++i) {
      std::vector<double> u = best;
      const double size = std::pow(10.0, random.uniform(-5.0, 0.5));
      for (double& x : u) x += size * random.normal();
      CHECK(least <= cost(u) + 1e-14);
    }
  }
}

TEST_CASE("block step: one step solves a block of a norm, many a sparse one") {
  Random random(3);
  std::vector<double> scratch;
  for (int trial = 0; trial < 200; ++trial) {
    const Index n = 1 + random.below(7), K = 1 + random.below(3);
    const Model model(n, K, random.below(3) == 0 ? (n + 1) / 2 : n + 2, random);
    double pull = 0.0;
    for (double x : model.v) pull += x * x;
    pull = std::sqrt(pull);
    const BlockNorm e{random.below(2) ? 0.0 : 0.2 * pull * random.uniform(),
                      random.below(4) == 0 ? 0.0 : pull * random.uniform(0.0, 1.2),
                      random.below(2) ? 0.0 : random.uniform()};
    const BlockStep step(n, model.H.data.data(), n);
    double trace = 0.0;
    for (Index i = 0; i < n; ++i) trace += model.H(i, i);
    CHECK(step.bound() <= trace * (1.0 + 1e-9));
    CHECK(step.bound() >= trace / static_cast<double>(n) * (1.0 - 1e-9));
    std::vector<double> w =
        random.below(2) ? random.normals(n * K) : std::vector<double>(at(n * K), 0.0);
    double before = model.objective(e, w);
    const int rounds = e.lasso > 0.0 ? 3000 : 1;
    for (int i = 0; i < rounds; ++i) {
      const std::vector<double> r = model.residual(w);
      if (!step(e, K, w.data(), r.data(), scratch)) break;
      const double now = model.objective(e, w);
      CHECK(now <= before + 1e-12 * (1.0 + std::abs(before)));
      before = now;
    }
    CHECK(model.violation(e, w) <= (e.lasso > 0.0 ? 1e-4 : 1e-8) * std::max(1.0, pull));
  }
}

TEST_CASE("block step: a large block descends by majorised steps") {
  Random random(4);
  const Index n = 300;
  const Model model(n, 1, 40, random);
  const BlockNorm e{0.0, 5.0, 0.1};
  const BlockStep step(n, model.H.data.data(), n);
  std::vector<double> w(at(n), 0.0), scratch;
  for (int i = 0; i < 400; ++i) {
    const std::vector<double> r = model.residual(w);
    step(e, 1, w.data(), r.data(), scratch);
  }
  CHECK(model.violation(e, w) <= 1e-6 * model.violation(e, std::vector<double>(at(n), 0.0)));
}
