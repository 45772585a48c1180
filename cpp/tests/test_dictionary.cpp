// SPDX-License-Identifier: BSD-3-Clause
#include "taut/decomposition/dictionary.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "reference.hpp"

using namespace taut;
using decomposition::LearnerState;
using decomposition::LearningOptions;
using decomposition::Update;
using reference::Random;

namespace {

LearnerState fresh(Random& random, Index p, Index K) {
  LearnerState state;
  state.p = p;
  state.K = K;
  state.atoms.resize(static_cast<std::size_t>(p * K));
  for (double& entry : state.atoms) entry = random.uniform(-1.0, 1.0);
  for (Index k = 0; k < K; ++k) {
    double square = 0.0;
    double* atom = state.atoms.data() + k * p;
    for (Index i = 0; i < p; ++i) square += atom[i] * atom[i];
    for (Index i = 0; i < p; ++i) atom[i] /= std::sqrt(square);
  }
  state.moments.assign(static_cast<std::size_t>(K * K), 0.0);
  state.cross.assign(static_cast<std::size_t>(p * K), 0.0);
  state.usage.assign(static_cast<std::size_t>(K), 0.0);
  state.window.assign(static_cast<std::size_t>(K), 0.0);
  state.alpha = 0.05;
  return state;
}

}  // namespace

TEST_CASE("learning lowers the error, keeps unit atoms, and has the same bits on any threads") {
  Random random(3);
  const Index p = 10, K = 14, n = 600;
  std::vector<double> s(static_cast<std::size_t>(p * n));
  for (double& entry : s) entry = random.uniform(-1.0, 1.0);
  std::vector<std::int64_t> order;
  for (int epoch = 0; epoch < 4; ++epoch) {
    for (Index i = 0; i < n; ++i) order.push_back(i);
  }
  SilentMonitor monitor;
  const LearnerState start = fresh(random, p, K);
  for (const Update update : {Update::online, Update::sgd}) {
    std::vector<double> first;
    for (const int n_threads : {1, 3}) {
      LearnerState state = start;
      LearningOptions options;
      options.update = update;
      options.batch_size = 64;
      options.coding.n_threads = n_threads;
      const auto curves =
          decomposition::learn(DenseView<double>{s.data(), p, n, p}, order.data(),
                               static_cast<Index>(order.size()), options, state, monitor);
      CHECK(curves.error.size() == 38);
      CHECK(state.n_batches == 38);
      CHECK(curves.objective.back() < curves.objective.front());
      for (Index k = 0; k < K; ++k) {
        double square = 0.0;
        for (Index i = 0; i < p; ++i) {
          const double entry = state.atoms[static_cast<std::size_t>(k * p + i)];
          square += entry * entry;
        }
        REQUIRE(square == doctest::Approx(1.0));
      }
      if (n_threads == 1) first = state.atoms;
      CHECK(state.atoms == first);
    }
  }
}
