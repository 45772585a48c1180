// SPDX-License-Identifier: BSD-3-Clause
// The example of docs/contributing/adding_a_penalty.md, which quotes the class below.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "reference.hpp"
#include "taut/datafit/quadratic.hpp"
#include "taut/design/dense.hpp"
#include "taut/penalty/penalty.hpp"
#include "taut/solver/path.hpp"

using namespace taut;

namespace {

/// alpha log(1 + |u| / gamma) of every coefficient (Candes, Wakin and Boyd, J. Fourier Anal. Appl.
/// 14, 2008, eq. 10).
class LogSum final : public penalty::Penalty {
 public:
  LogSum(Index outputs, double gamma) : Penalty(outputs), gamma_(gamma) {}

  bool has_dual() const override { return false; }
  bool is_separable() const override { return true; }

  double value(const double* u, Index) const override {
    double sum = 0.0;
    for (Index k = 0; k < outputs(); ++k) sum += alpha() * std::log1p(std::abs(u[k]) / gamma_);
    return sum;
  }

  /// The larger root of x^2 + (gamma - z) x + t - gamma z, or zero where that is better.
  void prox(double* u, double step, Index) const override {
    const double t = step * alpha();
    for (Index k = 0; k < outputs(); ++k) {
      const double z = std::abs(u[k]), root = (z + gamma_) * (z + gamma_) - 4.0 * t;
      double x = root > 0.0 ? std::max(0.0, 0.5 * (z - gamma_ + std::sqrt(root))) : 0.0;
      if (0.5 * (x - z) * (x - z) + t * std::log1p(x / gamma_) >= 0.5 * z * z) x = 0.0;
      u[k] = std::copysign(x, u[k]);
    }
  }

  double subdiff_distance(const double* u, const double* g, Index j) const override {
    double worst = 0.0;
    for (Index k = 0; k < outputs(); ++k) {
      const double slope = alpha() / (gamma_ + std::abs(u[k]));
      const double gap = u[k] == 0.0 ? std::max(0.0, std::abs(g[k]) - threshold(j))
                                     : std::abs(g[k] + std::copysign(slope, u[k]));
      worst = std::max(worst, gap);
    }
    return worst;
  }

  double pull(const double* g, Index) const override {
    double largest = 0.0;
    for (Index k = 0; k < outputs(); ++k) largest = std::max(largest, std::abs(g[k]));
    return largest;
  }
  double threshold(Index) const override { return alpha() / gamma_; }
  double entry_alpha(const double* g, Index j) const override { return gamma_ * pull(g, j); }

  // Without a dual these are not asked; no feature is free or excluded.
  double conjugate(const double*, Index) const override { return 0.0; }
  double feasible_scale(const double*, Index) const override { return 1.0; }
  bool is_free(Index) const override { return false; }
  double unopposed(const double*, Index, Index) const override { return 0.0; }
  bool is_excluded(Index) const override { return false; }

 private:
  double gamma_;
};

}  // namespace

TEST_CASE("a new penalty: the prox beats every point of a grid") {
  reference::Random random(1);
  for (int round = 0; round < 200; ++round) {
    LogSum pen(1, random.uniform(0.2, 2.0));
    pen.set_alpha(random.uniform(0.1, 2.0));
    const double z = random.uniform(-4.0, 4.0), step = random.uniform(0.1, 2.0);
    const auto cost = [&](double u) { return 0.5 * (u - z) * (u - z) + step * pen.value(&u, 0); };
    double u = z;
    pen.prox(&u, step, 0);
    for (int i = -400; i <= 400; ++i) REQUIRE(cost(u) <= cost(0.01 * i) + 1e-12);
  }
}

TEST_CASE("a new penalty: the path ends where no coefficient is pulled") {
  reference::Random random(2);
  const Index n = 60, p = 20;
  std::vector<double> x(static_cast<std::size_t>(n * p)), y(static_cast<std::size_t>(n));
  std::vector<double> weights(y.size(), 1.0 / static_cast<double>(n));
  for (double& entry : x) entry = random.uniform(-1.0, 1.0);
  for (std::size_t i = 0; i < y.size(); ++i) {
    y[i] = 2.0 * x[i] - 1.5 * x[i + y.size()] + random.uniform(-0.1, 0.1);
  }
  const design::Dense<double> X(DenseView<double>{x.data(), n, p, n});
  const datafit::Quadratic fit(n, 1, y.data(), weights.data());
  for (const auto route : {solver::Route::automatic, solver::Route::naive, solver::Route::fista}) {
    LogSum pen(1, 0.5);
    solver::PathOptions options;
    options.n_alphas = 5;
    options.eps = 0.1;
    options.tol = 1e-8;
    options.fit_intercept = false;
    options.max_iter = 100000;
    options.route = route;
    std::vector<double> coefs(static_cast<std::size_t>(5 * p), 0.0), intercepts(5, 0.0);
    SilentMonitor monitor;
    const auto report = solver::fit_path(X, fit, pen, nullptr, options, nullptr, nullptr,
                                         {coefs.data(), intercepts.data()}, monitor);
    REQUIRE(report.n_done == 5);
    // From the data, without the engine.
    const double* b = coefs.data() + 4 * p;
    pen.set_alpha(report.alphas.back());
    for (Index j = 0; j < p; ++j) {
      double g = 0.0;
      for (Index i = 0; i < n; ++i) {
        double rest = -y[static_cast<std::size_t>(i)];
        for (Index k = 0; k < p; ++k) rest += x[static_cast<std::size_t>(k * n + i)] * b[k];
        g += x[static_cast<std::size_t>(j * n + i)] * rest / static_cast<double>(n);
      }
      CHECK(pen.subdiff_distance(b + j, &g, j) < 1e-6);
    }
    CHECK(b[0] > 1.5);
    CHECK(b[1] < -1.0);
  }
}
