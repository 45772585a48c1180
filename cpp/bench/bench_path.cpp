// SPDX-License-Identifier: BSD-3-Clause
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "taut/core/philox.hpp"
#include "taut/datafit/quadratic.hpp"
#include "taut/design/csc.hpp"
#include "taut/design/dense.hpp"
#include "taut/penalty/elastic_net.hpp"
#include "taut/solver/path.hpp"

using namespace taut;

namespace {

/// Normal columns, twenty true coefficients, unit noise.
struct Data {
  Index n, p;
  std::vector<double> x, y, s;

  Data(Index rows, Index cols, double density) : n(rows), p(cols) {
    Philox philox({7, 1});
    x.resize(static_cast<std::size_t>(n * p));
    for (double& v : x) v = density >= 1.0 || philox.uniform() < density ? philox.normal() : 0.0;
    for (Index i = 0; i < n; ++i) {
      double mean = 0.0;
      for (Index j = 0; j < 20; ++j) mean += x[static_cast<std::size_t>((j * p / 20) * n + i)];
      y.push_back(mean + philox.normal());
      s.push_back(1.0 / static_cast<double>(n));
    }
  }
};

void run(benchmark::State& state, const design::Design& X, const Data& data, solver::Route route) {
  const datafit::Quadratic datafit(data.n, data.y.data(), data.s.data());
  solver::PathOptions options;
  options.route = route;
  options.eps = 1e-2;
  std::vector<double> coefs(static_cast<std::size_t>(100 * data.p)), intercepts(100);
  SilentMonitor monitor;
  Index iterations = 0;
  for (auto _ : state) {
    state.PauseTiming();
    coefs.assign(coefs.size(), 0.0);
    state.ResumeTiming();
    penalty::ElasticNet penalty(1, 1.0, {});
    const solver::PathReport report =
        solver::fit_path(X, datafit, penalty, nullptr, options, nullptr, nullptr,
                         {coefs.data(), intercepts.data()}, monitor);
    iterations = report.rounds;
    benchmark::DoNotOptimize(coefs.data());
  }
  state.counters["rounds"] = static_cast<double>(iterations);
}

/// Paths of 100 strengths: tall (reduction to p rows), square and wide.
void path_dense(benchmark::State& state) {
  const Data data(state.range(0), state.range(1), 1.0);
  const design::Dense<double> X({data.x.data(), data.n, data.p, data.n});
  run(state, X, data, state.range(2) != 0 ? solver::Route::naive : solver::Route::automatic);
}
BENCHMARK(path_dense)
    ->ArgNames({"n", "p", "naive"})
    ->Args({2000, 100, 0})
    ->Args({2000, 100, 1})
    ->Args({300, 300, 0})
    ->Args({200, 2000, 0})
    ->Args({200, 2000, 1})
    ->Unit(benchmark::kMillisecond);

void path_sparse(benchmark::State& state) {
  const Data data(1000, 2000, 0.02);
  std::vector<double> val;
  std::vector<std::int32_t> idx, ptr{0};
  for (Index j = 0; j < data.p; ++j) {
    for (Index i = 0; i < data.n; ++i) {
      const double x = data.x[static_cast<std::size_t>(j * data.n + i)];
      if (x == 0.0) continue;
      val.push_back(x);
      idx.push_back(static_cast<std::int32_t>(i));
    }
    ptr.push_back(static_cast<std::int32_t>(val.size()));
  }
  const design::Csc<double, std::int32_t> X({val.data(), idx.data(), ptr.data(), data.n, data.p});
  run(state, X, data, state.range(0) != 0 ? solver::Route::naive : solver::Route::automatic);
}
BENCHMARK(path_sparse)->ArgName("naive")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

}  // namespace
