// SPDX-License-Identifier: BSD-3-Clause
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "taut/core/philox.hpp"
#include "taut/design/csc.hpp"
#include "taut/design/dense.hpp"
#include "taut/design/standardized.hpp"

using taut::Index;

namespace {

template <class T>
std::vector<T> normals(Index n, std::uint64_t stream) {
  taut::Philox philox({stream, 2});
  std::vector<T> out(static_cast<std::size_t>(n));
  for (T& x : out) x = static_cast<T>(philox.normal());
  return out;
}

/// Columns of `entries` values at even distances, shifted from column to column.
struct Sparse {
  std::vector<double> val;
  std::vector<std::int32_t> idx, ptr{0};

  Sparse(Index n, Index p, Index entries) : val(normals<double>(p * entries, 3)) {
    for (Index j = 0; j < p; ++j) {
      for (Index e = 0; e < entries; ++e) {
        idx.push_back(static_cast<std::int32_t>((e * (n / entries) + 7 * j) % n));
      }
      ptr.push_back(static_cast<std::int32_t>(idx.size()));
    }
  }
};

std::vector<double> equal_weights(Index n) {
  return std::vector<double>(static_cast<std::size_t>(n), 1.0 / static_cast<double>(n));
}

/// One gradient pass: products of every centred and scaled column with one vector.
template <class T>
void dense_pass(benchmark::State& state) {
  const Index n = state.range(0), p = 500;
  const auto x = normals<T>(n * p, 1);
  const auto u = normals<double>(n, 2), s = equal_weights(n);
  const taut::design::Dense<T> X({x.data(), n, p, n});
  const taut::design::Standardized Z(X, s.data(), true, true, nullptr, 1);
  std::vector<double> out(static_cast<std::size_t>(p));
  for (auto _ : state) {
    Z.products(u.data(), nullptr, p, 1, out.data());
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * n * p * static_cast<Index>(sizeof(T)));
}
BENCHMARK(dense_pass<double>)->Arg(200)->Arg(2000);
BENCHMARK(dense_pass<float>)->Arg(200)->Arg(2000);

/// Means, scales, norms and first gradients: the pass that every fit begins with.
void dense_standardise(benchmark::State& state) {
  const Index n = state.range(0), p = 500;
  const auto x = normals<double>(n * p, 1);
  const auto u = normals<double>(n, 2), s = equal_weights(n);
  const taut::design::Dense<double> X({x.data(), n, p, n});
  for (auto _ : state) {
    const taut::design::Standardized Z(X, s.data(), true, true, u.data(), 1);
    benchmark::DoNotOptimize(Z.product().data());
  }
  state.SetBytesProcessed(state.iterations() * n * p * 8);
}
BENCHMARK(dense_standardise)->Arg(2000);

void sparse_pass(benchmark::State& state) {
  const Index n = 20000, p = 5000, entries = state.range(0);
  const Sparse x(n, p, entries);
  const auto u = normals<double>(n, 2), s = equal_weights(n);
  const taut::design::Csc<double, std::int32_t> X({x.val.data(), x.idx.data(), x.ptr.data(), n, p});
  const taut::design::Standardized Z(X, s.data(), true, true, nullptr, 1);
  std::vector<double> out(static_cast<std::size_t>(p));
  for (auto _ : state) {
    Z.products(u.data(), nullptr, p, 1, out.data());
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * p * entries);
}
BENCHMARK(sparse_pass)->Arg(5)->Arg(100);

/// New columns against all candidates: what a growing working set costs. Items are multiply-adds.
void gram_block(benchmark::State& state) {
  const bool sparse = state.range(0) != 0;
  const Index n = 2000, m = 300, added = 20, entries = 100;
  const auto x = normals<double>(n * m, 1), s = equal_weights(n);
  const Sparse thin(n, m, entries);
  const taut::design::Dense<double> dense({x.data(), n, m, n});
  const taut::design::Csc<double, std::int32_t> csc(
      {thin.val.data(), thin.idx.data(), thin.ptr.data(), n, m});
  const taut::design::Design& X = sparse ? static_cast<const taut::design::Design&>(csc) : dense;
  const taut::design::Standardized Z(X, s.data(), true, true, nullptr, 1);
  std::vector<Index> all(static_cast<std::size_t>(m));
  for (Index j = 0; j < m; ++j) all[static_cast<std::size_t>(j)] = j;
  std::vector<double> out(static_cast<std::size_t>(m * added));
  for (auto _ : state) {
    Z.gram(all.data(), m, all.data(), added, s.data(), 1, out.data(), m);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * m * added * (sparse ? entries : n));
}
BENCHMARK(gram_block)->Arg(0)->Arg(1)->ArgName("sparse");

void gram_full(benchmark::State& state) {
  const Index n = 5000, p = state.range(0);
  const auto x = normals<double>(n * p, 1), s = equal_weights(n);
  const taut::design::Dense<double> X({x.data(), n, p, n});
  const taut::design::Standardized Z(X, s.data(), true, true, nullptr, 1);
  std::vector<double> out(static_cast<std::size_t>(p * p));
  for (auto _ : state) {
    taut::SilentMonitor silent;
    Z.full_gram(1, out.data(), silent);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * n * p * (p + 1) / 2);
}
BENCHMARK(gram_full)->Arg(50)->Arg(300)->Unit(benchmark::kMillisecond);

}  // namespace
