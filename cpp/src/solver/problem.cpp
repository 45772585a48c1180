// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/problem.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "taut/core/parallel.hpp"
#include "taut/linalg/dense.hpp"
#include "taut/linalg/kernels.hpp"

namespace taut::solver {
namespace {

constexpr Index k_chunk = 64;
constexpr Index k_parallel_work = 100000;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

Iterate Iterate::zero(const Problem& problem) {
  Iterate at;
  const Index n = problem.rows(), K = problem.outputs();
  at.coef.assign(at_(problem.cols() * K), 0.0);
  at.intercept.assign(at_(K), 0.0);
  at.eta.assign(at_(n * K), 0.0);
  at.residual.assign(at_(n * K), 0.0);
  refresh(problem, at, nullptr, 0);
  return at;
}

void refresh(const Problem& problem, Iterate& at, const Index* features, Index count) {
  const Index n = problem.rows(), K = problem.outputs();
  // Columns in chunks of fixed size, each summed by one thread, chunks added in order: the same bits
  // for any number of threads. A chunk must be worth the vector of length n that it needs.
  const Index chunk = problem.Z.raw().is_sparse() ? count : k_chunk;
  const Index chunks = count > 0 ? (count + chunk - 1) / chunk : 0;
  const bool small = n * count < k_parallel_work;
  std::vector<double> partial(at_(n * chunks));
  std::vector<double> constants(at_(chunks));
  for (Index k = 0; k < K; ++k) {
    std::fill(partial.begin(), partial.end(), 0.0);
    parallel_for(chunks, small ? 1 : problem.n_threads, [&](Index t) {
      std::vector<Index> columns;
      std::vector<double> values;
      for (Index c = t * chunk; c < std::min(count, (t + 1) * chunk); ++c) {
        const Index j = features ? features[c] : c;
        const double b = at.coef[at_(j * K + k)];
        if (b == 0.0) continue;
        columns.push_back(j);
        values.push_back(b);
      }
      constants[at_(t)] = problem.Z.add_to(
          columns.data(), values.data(), static_cast<Index>(columns.size()), &partial[at_(t * n)]);
    });
    double* eta = &at.eta[at_(k * n)];
    double constant = at.intercept[at_(k)];
    for (const double x : constants) constant += x;
    for (Index i = 0; i < n; ++i) {
      eta[i] = constant + (problem.offset ? problem.offset[k * n + i] : 0.0);
    }
    for (Index t = 0; t < chunks; ++t) linalg::axpy(1.0, &partial[at_(t * n)], eta, n);
  }
  problem.datafit.residual(at.eta.data(), at.residual.data());
}

void gradients(const Problem& problem, const Iterate& at, const Index* features, Index count,
               double* out) {
  const Index n = problem.rows(), K = problem.outputs();
  const double* s = problem.datafit.weights();
  std::vector<double> u(at_(n * K)), sums(at_(K));
  for (Index k = 0; k < K; ++k) {
    const double* r = &at.residual[at_(k * n)];
    double* u_k = &u[at_(k * n)];
    for (Index i = 0; i < n; ++i) u_k[i] = -s[i] * r[i];
    sums[at_(k)] = linalg::sum(u_k, n);
  }
  if (K == 1) {
    problem.Z.products(u.data(), features, count, problem.n_threads, out);
    return;
  }
  constexpr Index k_feature_block = 16;
  // With many outputs u no longer fits next to a column: panels of columns make matrix products.
  constexpr Index k_many_outputs = 6;
  const bool panels = K >= k_many_outputs && !problem.Z.raw().is_sparse();
  const double work = static_cast<double>(count) * static_cast<double>(n * K);
  parallel_blocks(
      count, k_feature_block, work < 1e5 ? 1 : problem.n_threads, [&](Index begin, Index end) {
        if (panels) {
          std::vector<double> panel(at_(n * (end - begin)));
          for (Index c = begin; c < end; ++c) {
            problem.Z.pack(features ? features[c] : c, nullptr, 0, n, &panel[at_((c - begin) * n)]);
          }
          std::fill(out + begin * K, out + end * K, 0.0);
          linalg::add_gemm_tn(K, end - begin, n, u.data(), n, panel.data(), n, out + begin * K, K);
          return;
        }
        for (Index c = begin; c < end; ++c) {
          problem.Z.dots(features ? features[c] : c, u.data(), sums.data(), K, out + c * K);
        }
      });
}

double penalty_value(const Problem& problem, const Iterate& at, const Index* features,
                     Index count) {
  double total = 0.0;
  const Index K = problem.outputs();
  for_each_block(problem, features, count, [&](Index block, Index first, Index) {
    const double* b = &at.coef[at_(first * K)];
    if (std::any_of(b, b + problem.penalty.width(block), [](double x) { return x != 0.0; })) {
      total += problem.penalty.value(b, block);
    }
  });
  return total;
}

double objective(const Problem& problem, const Iterate& at, const Index* features, Index count) {
  return problem.datafit.value(at.eta.data()) + penalty_value(problem, at, features, count);
}

double duality_gap(const Problem& problem, const Iterate& at, const Index* features, Index count,
                   const double* grad) {
  return duality_gap(problem, at, features, count, grad, objective(problem, at, features, count));
}

double duality_gap(const Problem& problem, const Iterate& at, const Index* features, Index count,
                   const double* grad, double primal) {
  const Index K = problem.outputs();
  std::vector<double> rows(at_(count * K));
  for (Index c = 0; c < count; ++c) {
    std::copy_n(&at.coef[at_((features ? features[c] : c) * K)], K, &rows[at_(c * K)]);
  }
  return duality_gap(problem, at.residual.data(), features, count, rows.data(), grad, primal);
}

double duality_gap(const Problem& problem, const double* residual, const Index* features,
                   Index count, const double* rows, const double* grad, double primal) {
  const Index n = problem.rows(), K = problem.outputs();
  const penalty::Penalty& penalty = problem.penalty;
  const double* s = problem.datafit.weights();

  double c_max = 1.0, open_part = 0.0;
  Index widest = K;
  for_each_block(problem, features, count, [&](Index block, Index first, Index c) {
    const double* g = grad + c * K;
    const Index width = penalty.width(block);
    widest = std::max(widest, width);
    c_max = std::min(c_max, penalty.feasible_scale(g, block));
    for (Index k = 0; k < width; ++k) {
      const double slope = penalty.unopposed(g, k, block);
      if (slope == 0.0) continue;
      // The error is the slope times the distance to the solution, for which the coefficient stands
      // in, or a generous Newton step where that is larger (a coefficient not fitted yet).
      const double norm = problem.Z.norm(first + k / K);
      const double newton = norm > 0.0 ? 100.0 / (norm * norm) : 0.0;
      open_part += slope * std::max(std::abs(rows[c * K + k]), newton * slope);
    }
  });
  double offset_part = 0.0;
  if (problem.offset) {
    for (Index k = 0; k < K; ++k) {
      offset_part += linalg::weighted_dot(s, problem.offset + k * n, residual + k * n, n);
    }
  }
  std::vector<double> scaled(at_(widest));
  const auto dual = [&](double scale) {
    double total = problem.datafit.dual(residual, scale) - scale * offset_part;
    for_each_block(problem, features, count, [&](Index block, Index, Index c) {
      const Index width = penalty.width(block);
      for (Index k = 0; k < width; ++k) scaled[at_(k)] = scale * grad[c * K + k];
      // The largest feasible scale puts one block exactly on its threshold: rounding must not make
      // its conjugate infinite.
      const double conjugate = penalty.conjugate(scaled.data(), block);
      if (std::isfinite(conjugate)) total -= conjugate;
    });
    return total;
  };
  double best = dual(c_max);
  const double other = problem.datafit.best_scale(residual, c_max);
  if (other != c_max) best = std::max(best, dual(other));
  // A gap is never negative: below zero there is only the rounding of the two objectives. What is not
  // a number proves nothing.
  const double gap = std::max(primal - best, 0.0) + open_part;
  return std::isnan(gap) ? std::numeric_limits<double>::infinity() : gap;
}

double subdiff_distance(const Problem& problem, const Iterate& at, const Index* features,
                        Index count, const double* grad) {
  const Index K = problem.outputs();
  double worst = 0.0;
  for_each_block(problem, features, count, [&](Index block, Index first, Index c) {
    const double distance =
        problem.penalty.subdiff_distance(&at.coef[at_(first * K)], grad + c * K, block);
    worst =
        std::isnan(distance) ? std::numeric_limits<double>::infinity() : std::max(worst, distance);
  });
  return worst;
}

}  // namespace taut::solver
