// SPDX-License-Identifier: BSD-3-Clause
#include <benchmark/benchmark.h>

#include "taut/core/philox.hpp"

static void philox_uniform(benchmark::State& state) {
  taut::Philox philox({1, 2});
  for (auto _ : state) benchmark::DoNotOptimize(philox.uniform());
}
BENCHMARK(philox_uniform);

static void philox_normal(benchmark::State& state) {
  taut::Philox philox({1, 2});
  for (auto _ : state) benchmark::DoNotOptimize(philox.normal());
}
BENCHMARK(philox_normal);
