// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/block_descent.hpp"

#include <doctest/doctest.h>

#include "reference.hpp"
#include "taut/datafit/quadratic.hpp"
#include "taut/penalty/elastic_net.hpp"
#include "taut/penalty/group_elastic_net.hpp"
#include "taut/penalty/sparse_group.hpp"
#include "taut/solver/path.hpp"

using namespace taut;
using reference::at;
using reference::Matrix;
using reference::Random;
using solver::Route;

namespace {

struct Task {
  Index n, p, K;
  Matrix X;
  std::vector<double> y, s, factor;
  std::vector<Index> label;
  Index count = 0;
  bool sparse = false;

  explicit Task(unsigned seed) {
    Random random(seed);
    n = 25 + random.below(30);
    K = seed % 3 == 0 ? 6 : 1 + random.below(3);
    sparse = seed % 4 == 1;
    count = 5 + random.below(6);
    p = count + random.below(3 * count);
    for (Index j = 0; j < p; ++j) label.push_back(j < count ? j : random.below(count));
    X = Matrix(n, p);
    const std::vector<double> common = random.normals(n);
    for (Index j = 0; j < p; ++j) {
      const double mean = random.uniform(-2.0, 2.0);
      for (Index i = 0; i < n; ++i) {
        if (!sparse || random.uniform() < 0.4) {
          X(i, j) = mean + 0.8 * common[at(i)] + random.normal();
        }
      }
    }
    y = random.normals(n * K);
    for (Index i = 0; i < n * K; ++i) y[at(i)] += 3.0 + X(i % n, 0) - X(i % n, 1);
    s = random.weights(n, seed % 5 == 0 ? 4 : 0);
    for (Index b = 0; b < count; ++b) factor.push_back(random.uniform(0.5, 2.0));
    if (seed % 2 == 0) factor[1] = reference::k_inf;
    if (seed % 3 == 1) factor[0] = 0.0;
  }

  std::unique_ptr<penalty::Penalty> make(int kind) const {
    const penalty::FeatureRules rules{factor, {}, {}};
    if (kind == 0) {
      return std::make_unique<penalty::GroupElasticNet>(K, 0.9, rules,
                                                        penalty::Blocks(label, count));
    }
    if (kind == 1) {
      return std::make_unique<penalty::SparseGroup>(K, 0.4, rules, penalty::Blocks(label, count));
    }
    return std::make_unique<penalty::ElasticNet>(K, 0.9, penalty::FeatureRules{});
  }

  solver::PathReport fit(int kind, Route route, int threads, std::vector<double>& coefs) const {
    const reference::SparseCopy<double, std::int32_t> copy(X);
    const design::Dense<double> dense({X.data.data(), n, p, n});
    const design::Csc<double, std::int32_t> csc(copy.view());
    const design::Design& D = sparse ? static_cast<const design::Design&>(csc) : dense;
    const datafit::Quadratic fit(n, K, y.data(), s.data());
    const auto pen = make(kind);
    solver::PathOptions options;
    options.n_alphas = 6;
    options.eps = 0.02;
    options.tol = 1e-12;
    options.standardize = true;
    options.route = route;
    options.n_threads = threads;
    coefs.assign(at(6 * K * p), 0.0);
    std::vector<double> intercepts(at(6 * K), 0.0);
    SilentMonitor monitor;
    return solver::fit_path(D, fit, *pen, nullptr, options, nullptr, nullptr,
                            {coefs.data(), intercepts.data()}, monitor);
  }
};

}  // namespace

TEST_CASE("block descent: the residual route and the Gram route end at the same point") {
  for (unsigned seed = 1; seed <= 24; ++seed) {
    const Task t(seed);
    for (int kind = 0; kind < 3; ++kind) {
      CAPTURE(seed);
      CAPTURE(kind);
      std::vector<double> gram, naive;
      const solver::PathReport a = t.fit(kind, Route::gram, 1, gram);
      const solver::PathReport b = t.fit(kind, Route::naive, 1, naive);
      double largest = 0.0, apart = 0.0;
      for (std::size_t i = 0; i < gram.size(); ++i) {
        largest = std::max(largest, std::abs(gram[i]));
        apart = std::max(apart, std::abs(gram[i] - naive[i]));
      }
      CHECK(apart <= 1e-4 * (1.0 + largest));
      for (std::size_t i = 0; i < a.alphas.size(); ++i) {
        CHECK(a.converged[i]);
        CHECK(b.converged[i]);
        CHECK(std::abs(a.objective[i] - b.objective[i]) <= 3e-12 * a.null_loss);
        // Each gap bounds how far the other can be below.
        CHECK(b.objective[i] >= a.objective[i] - a.dual_gaps[i] - 1e-13 * a.null_loss);
        CHECK(a.objective[i] >= b.objective[i] - b.dual_gaps[i] - 1e-13 * a.null_loss);
      }
    }
  }
}

TEST_CASE("block descent: the same bits for any number of threads") {
  for (unsigned seed = 30; seed <= 33; ++seed) {
    const Task t(seed);
    std::vector<double> one, four;
    t.fit(0, Route::naive, 1, one);
    t.fit(0, Route::naive, 4, four);
    CHECK(one == four);
    t.fit(1, Route::automatic, 1, one);
    t.fit(1, Route::automatic, 4, four);
    CHECK(one == four);
  }
}
