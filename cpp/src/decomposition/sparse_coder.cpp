// SPDX-License-Identifier: BSD-3-Clause
#include "taut/decomposition/sparse_coder.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "active_descent.hpp"
#include "gradient_steps.hpp"
#include "taut/core/parallel.hpp"
#include "taut/linalg/cholesky.hpp"
#include "taut/linalg/kernels.hpp"
#include "taut/linalg/symmetric.hpp"

namespace taut::decomposition {
namespace {

/// Signals whose pulls are one matrix product; they and the dictionary stay in the second cache.
constexpr Index k_tile = 32;
/// Multiply-adds between two looks at the monitor, about 50 ms.
constexpr double k_work_per_poll = 5e8;
constexpr Index k_most_tiles_per_poll = 64;
/// Columns that depend on others up to this share of their square are left out of a refit.
constexpr double k_dependent = 1e-10;
constexpr int k_power_steps = 20;
constexpr int k_refit_sweeps = 10000;

template <class T>
std::vector<double> squared_norms_of(DenseView<T> a) {
  std::vector<double> out(static_cast<std::size_t>(a.cols));
  for (Index k = 0; k < a.cols; ++k) {
    double sum = 0.0;
    for (Index i = 0; i < a.rows; ++i) {
      const auto entry = static_cast<double>(a.col(k)[i]);
      sum += entry * entry;
    }
    out[static_cast<std::size_t>(k)] = sum;
  }
  return out;
}

/// Least squares on the atoms of one code, in place, in doubles.
template <class T>
void refit_code(DenseView<T> a, const T* signal, bool nonnegative, double tol,
                std::vector<std::pair<std::int32_t, T>>& code) {
  const auto m = static_cast<Index>(code.size());
  const auto product = [&](const T* x, const T* y) {
    double sum = 0.0;
    for (Index i = 0; i < a.rows; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(y[i]);
    return sum;
  };
  std::vector<double> gram(static_cast<std::size_t>(m * m)), target(static_cast<std::size_t>(m));
  for (Index i = 0; i < m; ++i) {
    const T* atom = a.col(code[static_cast<std::size_t>(i)].first);
    for (Index j = 0; j <= i; ++j) {
      const double g = product(atom, a.col(code[static_cast<std::size_t>(j)].first));
      gram[static_cast<std::size_t>(i * m + j)] = gram[static_cast<std::size_t>(j * m + i)] = g;
    }
    target[static_cast<std::size_t>(i)] = product(atom, signal);
  }
  if (nonnegative) {
    std::vector<double> x(static_cast<std::size_t>(m), 0.0);
    double scale = 0.0;
    for (const double t : target) scale = std::max(scale, std::abs(t));
    for (int s = 0; s < k_refit_sweeps; ++s) {
      double largest = 0.0;
      for (Index i = 0; i < m; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const double* row = gram.data() + i * m;
        const double next =
            std::max(0.0, x[at] + (target[at] - linalg::dot(row, x.data(), m)) / row[i]);
        largest = std::max(largest, row[i] * std::abs(next - x[at]));
        x[at] = next;
      }
      if (largest <= 1e-3 * tol * scale) break;
    }
    for (std::size_t i = 0; i < code.size(); ++i) code[i].second = static_cast<T>(x[i]);
    return;
  }
  linalg::UpdatableCholesky factor;
  std::vector<std::size_t> kept;
  std::vector<double> row, x;
  for (std::size_t i = 0; i < code.size(); ++i) {
    const double* all = gram.data() + i * code.size();
    row.clear();
    for (const std::size_t j : kept) row.push_back(all[j]);
    code[i].second = T(0);
    if (!factor.append(row.data(), all[i], k_dependent)) continue;
    kept.push_back(i);
    x.push_back(target[i]);
  }
  factor.solve(x.data());
  for (std::size_t i = 0; i < kept.size(); ++i) code[kept[i]].second = static_cast<T>(x[i]);
}

}  // namespace

double largest_eigenvalue(Index p, Index K, const double* a) {
  const bool wide = K > p;
  const Index n = wide ? p : K;
  std::vector<double> square(static_cast<std::size_t>(n * n), 0.0);
  if (wide) {
    std::vector<double> transposed(static_cast<std::size_t>(K * p));
    for (Index k = 0; k < K; ++k) {
      for (Index i = 0; i < p; ++i) transposed[static_cast<std::size_t>(i * K + k)] = a[k * p + i];
    }
    linalg::add_syrk_t(n, K, transposed.data(), K, square.data(), n);
  } else {
    linalg::add_syrk_t(n, p, a, p, square.data(), n);
  }
  for (Index j = 0; j < n; ++j) {
    for (Index i = 0; i < j; ++i)
      square[static_cast<std::size_t>(j * n + i)] = square[static_cast<std::size_t>(i * n + j)];
  }
  // The start is no eigenvector of anything that has a symmetry.
  std::vector<double> x(static_cast<std::size_t>(n)), y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = 1.0 + 0.5 * std::sin(static_cast<double>(i * i + 1));
  double value = 0.0;
  for (int step = 0; step < k_power_steps; ++step) {
    const double norm = std::sqrt(linalg::dot(x.data(), x.data(), n));
    if (norm == 0.0) break;
    for (double& entry : x) entry /= norm;
    std::fill(y.begin(), y.end(), 0.0);
    linalg::add_gemv(n, n, 1.0, square.data(), n, x.data(), y.data());
    value = std::sqrt(linalg::dot(y.data(), y.data(), n));
    x.swap(y);
  }
  double trace = 0.0;
  for (Index i = 0; i < n; ++i) trace += square[static_cast<std::size_t>(i * n + i)];
  if (trace == 0.0) return 0.0;
  double bound = std::max(value, trace / static_cast<double>(n)) * (1.0 + 1e-6);
  std::vector<double> shifted(square.size());
  while (bound < trace) {
    for (std::size_t i = 0; i < square.size(); ++i) shifted[i] = -square[i];
    for (Index i = 0; i < n; ++i) shifted[static_cast<std::size_t>(i * n + i)] += bound;
    if (linalg::factor_cholesky(n, shifted.data(), n)) return bound;
    bound *= 1.01;
  }
  return trace;
}

template <class T>
SparseCoder<T>::SparseCoder(DenseView<T> dictionary, Method method)
    : dictionary_(dictionary),
      ld_(linalg::PackedLeft<T>::padded_rows(dictionary.cols)),
      squared_norms_(squared_norms_of(dictionary)) {
  const Index p = dictionary.rows, K = dictionary.cols;
  pulls_.pack(K, p, dictionary.data, dictionary.ld, true);
  const bool descent = method == Method::cd;
  if (!descent) {
    std::vector<double> copy(static_cast<std::size_t>(p * K));
    for (Index k = 0; k < K; ++k) {
      for (Index i = 0; i < p; ++i) {
        copy[static_cast<std::size_t>(k * p + i)] = static_cast<double>(dictionary.col(k)[i]);
      }
    }
    lipschitz_ = largest_eigenvalue(p, K, copy.data());
  }
  if (descent || K < 2 * p) {
    gram_ = Buffer<T>(ld_ * K, T(0));
    pulls_.multiply(T(1), K, dictionary.data, dictionary.ld, nullptr, 0, gram_.data(), ld_);
    if (!descent) packed_gram_.pack(K, K, gram_.data(), ld_);
  } else {
    images_.pack(p, K, dictionary.data, dictionary.ld);
  }
}

template <class T>
struct SparseCoder<T>::Tile {
  std::vector<T> values;
  std::vector<std::int32_t> atoms;
  std::vector<Index> counts;
  Index n_unfinished = 0, n_iter = 0, n_updates = 0;
};

template <class T>
void SparseCoder<T>::encode_tile(DenseView<T> tile, const CodingOptions& options,
                                 const std::vector<StagePenalty<T>>& stages, Tile& out) const {
  const Index n = tile.cols;
  Buffer<T> pulls(ld_ * n);
  pulls_.multiply(T(1), n, tile.data, tile.ld, nullptr, 0, pulls.data(), ld_);
  std::vector<std::pair<std::int32_t, T>> code;
  const auto emit = [&](Index i, bool finished, Index n_iter) {
    out.n_unfinished += finished ? 0 : 1;
    out.n_iter = std::max(out.n_iter, n_iter);
    if (options.refit) refit_code(dictionary_, tile.col(i), options.nonnegative, options.tol, code);
    Index count = 0;
    for (const auto& [atom, value] : code) {
      if (value == T(0)) continue;
      out.atoms.push_back(atom);
      out.values.push_back(value);
      ++count;
    }
    out.counts.push_back(count);
    code.clear();
  };
  if (options.method == Method::cd) {
    ActiveDescent<T> descent(gram_.data(), ld_, squared_norms_);
    for (Index i = 0; i < n; ++i) {
      const bool finished =
          descent.solve(pulls.data() + i * ld_, stages, options.tol, options.nonnegative);
      for (Index j = 0; j < descent.size(); ++j) {
        if (descent.value(j) != T(0)) code.emplace_back(descent.atom(j), descent.value(j));
      }
      std::sort(code.begin(), code.end(),
                [](const auto& a, const auto& b) { return a.first < b.first; });
      out.n_updates += descent.n_updates();
      emit(i, finished, descent.n_iter());
    }
    return;
  }
  const auto step = static_cast<T>(1.0 / lipschitz_);
  GradientSteps<T> steps(gram_.empty() ? nullptr : &packed_gram_, pulls_, images_, dictionary_.rows,
                         ld_, squared_norms_, step, n);
  steps.solve(tile, pulls.data(), stages, options.tol, options.nonnegative,
              options.method == Method::fista);
  for (Index i = 0; i < n; ++i) {
    const T* dense = steps.codes(i);
    for (Index k = 0; k < n_atoms(); ++k) {
      if (dense[k] != T(0)) code.emplace_back(static_cast<std::int32_t>(k), dense[k]);
    }
    emit(i, steps.finished(i), steps.n_iter(i));
  }
}

template <class T>
Codes<T> SparseCoder<T>::encode(DenseView<T> signals, const CodingOptions& options,
                                Monitor& monitor) const {
  const Index n = signals.cols, p = dictionary_.rows, K = n_atoms();
  const bool descent = options.method == Method::cd;
  Codes<T> out;
  out.starts.assign(static_cast<std::size_t>(n + 1), 0);
  const bool empty = std::all_of(squared_norms_.begin(), squared_norms_.end(),
                                 [](double square) { return square == 0.0; });
  if (empty) return out;

  std::vector<double> step(squared_norms_.size(), descent ? 0.0 : 1.0 / lipschitz_);
  if (descent) {
    for (std::size_t k = 0; k < step.size(); ++k) step[k] = 1.0 / squared_norms_[k];
  }
  std::vector<StagePenalty<T>> stages;
  double iterations = 0.0;
  for (const CodingStage& stage : stages_of(options)) {
    stages.push_back(make_stage<T>(stage, options.weights, K, ld_, squared_norms_, step));
    iterations += static_cast<double>(stage.max_iter);
  }

  // Half of the steps allowed, or forty times the pulls, is a guess that decides only how often the
  // monitor is asked.
  const double a_step = static_cast<double>(K) * static_cast<double>(std::min(K, 2 * p));
  const double work = static_cast<double>(p * K) * (descent ? 10.0 : 1.0) +
                      (descent ? 0.0 : 0.5 * iterations * a_step);
  const Index tile = work * k_tile > k_work_per_poll ? 4 : k_tile;
  const Index per_poll =
      std::clamp<Index>(static_cast<Index>(k_work_per_poll / (work * static_cast<double>(tile))), 1,
                        k_most_tiles_per_poll);
  const Index n_tiles = (n + tile - 1) / tile;
  const int n_threads = effective_threads(options.n_threads);
  const Index group = std::max<Index>(per_poll, n_threads);
  std::vector<Tile> tiles;
  Index done = 0;
  for (Index first = 0; first < n_tiles; first += group) {
    monitor.poll({done, n, options.alpha, 0.0, 0});
    const Index count = std::min(group, n_tiles - first);
    tiles.assign(static_cast<std::size_t>(count), Tile{});
    parallel_for(count, n_threads, [&](Index b) {
      const Index from = (first + b) * tile, to = std::min(from + tile, n);
      encode_tile({signals.col(from), p, to - from, signals.ld}, options, stages,
                  tiles[static_cast<std::size_t>(b)]);
    });
    for (const Tile& part : tiles) {
      out.values.insert(out.values.end(), part.values.begin(), part.values.end());
      out.atoms.insert(out.atoms.end(), part.atoms.begin(), part.atoms.end());
      for (const Index size : part.counts) {
        const auto at = static_cast<std::size_t>(done++);
        out.starts[at + 1] = out.starts[at] + static_cast<std::int64_t>(size);
      }
      out.n_unfinished += part.n_unfinished;
      out.n_updates += part.n_updates;
      out.n_iter = std::max(out.n_iter, part.n_iter);
    }
  }
  return out;
}

template class SparseCoder<double>;
template class SparseCoder<float>;

}  // namespace taut::decomposition
