// SPDX-License-Identifier: BSD-3-Clause
#include <benchmark/benchmark.h>

#include <vector>

#include "taut/linalg/cholesky.hpp"

using taut::Index;
using taut::linalg::UpdatableCholesky;

namespace {

/// A_ij = 0.9^|i - j|, which is positive definite at every size.
std::vector<double> row(Index i) {
  std::vector<double> out(static_cast<std::size_t>(i));
  double a = 1.0;
  for (Index j = i - 1; j >= 0; --j) out[static_cast<std::size_t>(j)] = a *= 0.9;
  return out;
}

UpdatableCholesky factor(Index size) {
  UpdatableCholesky out;
  for (Index i = 0; i < size; ++i) out.append(row(i).data(), 1.0, 1e-11);
  return out;
}

void cholesky_append(benchmark::State& state) {
  const Index size = state.range(0);
  UpdatableCholesky held = factor(size);
  const std::vector<double> next = row(size);
  for (auto _ : state) {
    benchmark::DoNotOptimize(held.append(next.data(), 1.0, 1e-11));
    held.remove(size);  // the last row: no rotation
  }
}
BENCHMARK(cholesky_append)->Arg(50)->Arg(200)->Arg(800);

/// Row 0 leaves and comes back as the last: the dearest removal, and an append.
void cholesky_remove(benchmark::State& state) {
  const Index size = state.range(0);
  UpdatableCholesky held = factor(size);
  const std::vector<double> next = row(size - 1);
  for (auto _ : state) {
    held.remove(0);
    // The matrix looks the same from each of its rows: what is left is the factor of size - 1.
    benchmark::DoNotOptimize(held.append(next.data(), 1.0, 1e-11));
  }
}
BENCHMARK(cholesky_remove)->Arg(50)->Arg(200)->Arg(800);

void cholesky_solve(benchmark::State& state) {
  const Index size = state.range(0);
  const UpdatableCholesky held = factor(size);
  const std::vector<double> rhs(static_cast<std::size_t>(size), 1.0);
  std::vector<double> x;
  for (auto _ : state) {
    x = rhs;
    held.solve(x.data());
    benchmark::DoNotOptimize(x.data());
  }
}
BENCHMARK(cholesky_solve)->Arg(50)->Arg(200)->Arg(800);

}  // namespace
