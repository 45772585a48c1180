// SPDX-License-Identifier: BSD-3-Clause
#include "taut/graph/colide.hpp"

#include <doctest/doctest.h>

#include "reference.hpp"

using namespace taut;
using namespace taut::graph;
using reference::at;
using reference::Random;

namespace {

/// Covariance of x_j = 0.8 x_{j-1} + z_j with unit noise, from the equations.
std::vector<double> chain_covariance(Index d) {
  std::vector<double> c(at(d * d));
  for (Index i = 0; i < d; ++i) {
    for (Index j = 0; j <= i; ++j) {
      double variance = 0.0;
      for (Index k = 0; k <= j; ++k) variance += std::pow(0.64, static_cast<double>(k));
      c[at(i * d + j)] = c[at(j * d + i)] = variance * std::pow(0.8, static_cast<double>(i - j));
    }
  }
  return c;
}

ColideOptions quick() {
  ColideOptions options;
  options.stages = {{1.0, 1.0, 3000}, {0.1, 0.9, 3000}, {0.01, 0.8, 5000}};
  options.lr = 1e-3;
  options.checkpoint = 500;
  return options;
}

}  // namespace

TEST_CASE("objective: gradient is its derivative, infinite outside of the domain") {
  const Index d = 5;
  Random random(1);
  const std::vector<double> c = chain_covariance(d);
  const DenseView<double> cov{c.data(), d, d, d};
  std::vector<double> w = random.normals(d * d), sigma(at(d)), gradient(at(d * d));
  for (double& x : w) x *= 0.2;
  for (double& x : sigma) x = random.uniform(0.5, 2.0);
  for (Noise noise : {Noise::equal, Noise::unequal, Noise::fixed}) {
    const auto value = [&](const std::vector<double>& at_w, double* out) {
      return colide_objective(cov, at_w.data(), sigma.data(), noise, 0.05, 0.3, 0.9, out, nullptr)
          .value;
    };
    value(w, gradient.data());
    double worst = 0.0;
    for (Index e = 0; e < d * d; ++e) {
      std::vector<double> up = w, down = w;
      up[at(e)] += 1e-6;
      down[at(e)] -= 1e-6;
      const double slope = (value(up, nullptr) - value(down, nullptr)) / 2e-6;
      worst = std::max(worst, std::abs(slope - gradient[at(e)]));
    }
    CHECK(worst < 1e-7);
  }
  std::vector<double> wide(at(d * d), 1.0);
  const Objective outside = colide_objective(cov, wide.data(), sigma.data(), Noise::equal, 0.05,
                                             1.0, 1.0, nullptr, nullptr);
  CHECK(std::isinf(outside.value));
}

TEST_CASE("path: the chain is found, its scales too, with either kind of number") {
  const Index d = 7;
  const std::vector<double> c = chain_covariance(d);
  const DenseView<double> cov{c.data(), d, d, d};
  SilentMonitor silent;
  for (Index lag : {1, 8}) {
    ColideOptions options = quick();
    options.noise = Noise::equal;
    options.inverse_lag = lag;
    const ColideResult wide = colide_path<double>(cov, {}, nullptr, options, silent);
    const ColideResult narrow = colide_path<float>(cov, {}, nullptr, options, silent);
    for (const ColideResult& result : {wide, narrow}) {
      CHECK(result.stages.size() == 3);
      CHECK(result.objective.size() == result.objective_iter.size());
      double worst = 0.0;
      for (Index i = 0; i < d; ++i) {
        for (Index j = 0; j < d; ++j) {
          const double expected = j == i + 1 ? 0.8 : 0.0;
          worst = std::max(worst, std::abs(result.weights[at(j * d + i)] - expected));
        }
      }
      CHECK(worst < 0.1);  // shrunken by alpha
      for (double sigma : result.sigma) CHECK(std::abs(sigma - 1.0) < 0.02);
    }
  }
}

TEST_CASE("path: entries that are not allowed stay zero") {
  const Index d = 6;
  const std::vector<double> c = chain_covariance(d);
  std::vector<unsigned char> allowed(at(d * d), 1);
  for (Index e = 0; e < d * d; e += 3) allowed[at(e)] = 0;
  ColideOptions options = quick();
  options.allowed = allowed.data();
  SilentMonitor silent;
  const ColideResult result =
      colide_path<double>({c.data(), d, d, d}, {}, nullptr, options, silent);
  for (Index e = 0; e < d * d; ++e) {
    if (!allowed[at(e)]) CHECK(result.weights[at(e)] == 0.0);
  }
}

TEST_CASE("path: a matrix without a domain ends, unconverged") {
  // Entries so large that the first step overflows: no s is large enough.
  const std::vector<double> c{1e300, 0.0, 0.0, 1e300};
  ColideOptions options = quick();
  options.noise = Noise::fixed;
  options.lr = 1e200;
  SilentMonitor silent;
  const ColideResult result =
      colide_path<double>({c.data(), 2, 2, 2}, {}, nullptr, options, silent);
  CHECK_FALSE(result.stages.back().converged);
}

TEST_CASE("sigma floor: a hundredth of the least deviation") {
  const std::vector<double> c{4.0, 0.0, 0.0, 9.0};
  CHECK(sigma_floor({c.data(), 2, 2, 2}) == doctest::Approx(0.02));
}
