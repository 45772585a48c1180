// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "taut/core/philox.hpp"
#include "taut/ot/sinkhorn.hpp"

using namespace taut;
using namespace taut::ot;

namespace {

struct Toy {
  Index n = 70, m = 90;
  std::vector<double> x, y, a, b;

  Toy() : x(140), y(180), a(70), b(90) {
    Philox random({5, 6});
    for (double& value : x) value = random.uniform();
    for (double& value : y) value = random.uniform();
    double sum_a = 0.0, sum_b = 0.0;
    for (double& value : a) sum_a += value = 0.2 + random.uniform();
    for (double& value : b) sum_b += value = 0.2 + random.uniform();
    for (double& value : a) value /= sum_a;
    for (double& value : b) value /= sum_b;
  }
};

}  // namespace

TEST_CASE("every form ends at the same potentials, with the right marginals") {
  const Toy toy;
  const CloudCost<double> cost(toy.x.data(), toy.n, toy.y.data(), toy.m, 2);
  SilentMonitor monitor;
  std::vector<double> first;
  for (const auto form : {SinkhornForm::log, SinkhornForm::kernel, SinkhornForm::log_compact,
                          SinkhornForm::kernel_compact}) {
    const bool compact = form == SinkhornForm::log_compact || form == SinkhornForm::kernel_compact;
    for (const int threads : {1, 2}) {
      SinkhornOptions options;
      options.eps = 0.01;
      options.form = form;
      options.tol = compact ? 1e-7 : 1e-8;  // entries in float32 carry 1e-7 each
      options.n_threads = threads;
      std::vector<double> f(70), g(90);
      const SinkhornReport report =
          sinkhorn(cost, toy.a.data(), toy.b.data(), options, f.data(), g.data(), monitor);
      CHECK(report.converged);
      const PlanSums sums = plan_sums(cost, toy.a.data(), toy.b.data(), f.data(), g.data(), 0.01,
                                      nullptr, nullptr, threads, monitor);
      const double close = compact ? 1e-6 : 1e-7;
      double error = 0.0;
      for (std::size_t i = 0; i < 70; ++i) error += std::abs(sums.row[i] - toy.a[i]);
      for (std::size_t j = 0; j < 90; ++j) error += std::abs(sums.col[j] - toy.b[j]);
      CHECK(error < close);
      std::vector<double> sum;
      for (std::size_t i = 0; i < 70; ++i) sum.push_back(f[i] + g[0]);
      if (first.empty()) first = sum;
      for (std::size_t i = 0; i < 70; ++i) CHECK(std::abs(sum[i] - first[i]) < 10.0 * close);
    }
  }
}

TEST_CASE("products with the plan are those of the dense plan") {
  const Toy toy;
  const CloudCost<double> cost(toy.x.data(), toy.n, toy.y.data(), toy.m, 2);
  SilentMonitor monitor;
  const std::vector<double> f(70, 0.1), g(90, -0.2), M(180, 1.5), N(140, 0.5);
  std::vector<double> T(70 * 90), left(140), right(180);
  plan_dense(cost, toy.a.data(), toy.b.data(), f.data(), g.data(), 0.1, T.data(), 1);
  plan_apply(cost, toy.a.data(), toy.b.data(), f.data(), g.data(), 0.1, M.data(), 2, left.data(), 2,
             monitor);
  plan_apply_transposed(cost, toy.a.data(), toy.b.data(), f.data(), g.data(), 0.1, N.data(), 2,
                        right.data(), 2, monitor);
  for (std::size_t i = 0; i < 70; ++i) {
    double sum = 0.0;
    for (std::size_t j = 0; j < 90; ++j) sum += T[i * 90 + j];
    CHECK(left[2 * i] == doctest::Approx(1.5 * sum));
  }
  for (std::size_t j = 0; j < 90; ++j) {
    double sum = 0.0;
    for (std::size_t i = 0; i < 70; ++i) sum += T[i * 90 + j];
    CHECK(right[2 * j + 1] == doctest::Approx(0.5 * sum));
  }
}
