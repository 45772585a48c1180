// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/block_descent.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "taut/linalg/dense.hpp"
#include "taut/linalg/kernels.hpp"
#include "taut/linalg/symmetric.hpp"

namespace taut::solver {
namespace {

/// Sweeps between extrapolations: as many differences are combined.
constexpr Index k_history = 5;
/// Longest step of a prediction, in steps of the path so far.
constexpr double k_most_length = 2.0;
/// The support is solved to this share of the gap allowed before all of the working set is swept.
constexpr double k_support_share = 0.5;
/// Rounds in which the gap of the support may fail to fall by a tenth.
constexpr int k_most_stalls = 5;
/// Relative ridge of the least-squares problem of an extrapolation.
constexpr double k_extrapolation_ridge = 1e-10;

/// From so many outputs on, units are taken several at a time, about this many features together.
constexpr Index k_many_outputs = 4;
constexpr Index k_chunk = 16;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

BlockDescent::BlockDescent(const Problem& problem)
    : problem_(problem), sparse_(problem.Z.raw().is_sparse()) {
  penalty::BlockNorm norm;
  norms_ = problem.penalty.as_norm(0, norm);
  if (!sparse_) {
    root_.resize(at_(problem.rows()));
    for (Index i = 0; i < problem.rows(); ++i) {
      root_[at_(i)] = std::sqrt(problem.Z.weights()[i]);
    }
  }
  constant_.assign(at_(problem.outputs()), 0.0);
}

void BlockDescent::add(const Index* features, Index count) {
  const design::Standardized& Z = problem_.Z;
  const Index n = problem_.rows();
  std::vector<double> gram;
  if (!sparse_) {
    const std::size_t size = (features_.size() + at_(count)) * at_(n);
    if (columns_.capacity() < size) columns_.reserve(size + size / 2);
    columns_.resize(size);
  }
  for_each_block(problem_, features, count, [&](Index b, Index, Index c) {
    const Index size = problem_.penalty.blocks().size(b);
    units_.push_back({b, static_cast<Index>(features_.size()), size});
    for (Index i = 0; i < size; ++i) {
      if (sparse_) {
        packed_.append(Z.raw(), features[c + i]);
      } else {
        Z.pack(features[c + i], root_.data(), 0, n, &columns_[features_.size() * at_(n)]);
      }
      features_.push_back(features[c + i]);
    }
    gram.assign(at_(size * size), 0.0);
    if (size == 1) {
      gram[0] = Z.norm(features[c]) * Z.norm(features[c]);
    } else if (sparse_) {
      Z.gram(features + c, size, features + c, size, Z.weights(), problem_.n_threads, gram.data(),
             size);
    } else {
      const double* columns = &columns_[at_(units_.back().first * n)];
      linalg::add_gemm_tn(size, size, n, columns, n, columns, n, gram.data(), size);
    }
    steps_.emplace_back(size, gram.data(), size);
  });
  coef_.resize(features_.size() * at_(problem_.outputs()), 0.0);
}

bool BlockDescent::is_zero(const Unit& u) const {
  const Index K = problem_.outputs();
  const double* b = &coef_[at_(u.first * K)];
  return std::all_of(b, b + u.size * K, [](double x) { return x == 0.0; });
}

/// out[i * K + k] = z'(s r_k) for `count` slots.
void BlockDescent::products(Index slot, Index count, double* out) const {
  const Index n = problem_.rows(), K = problem_.outputs();
  if (!sparse_) {
    const double* columns = &columns_[at_(slot * n)];
    if (K == 1) {
      linalg::dot_columns(residual_.data(), columns, n, n, count, out);
    } else if (K >= k_many_outputs && count >= k_many_outputs) {
      std::fill_n(out, count * K, 0.0);
      linalg::add_gemm_tn(K, count, n, residual_.data(), n, columns, n, out, K);
    } else {
      for (Index i = 0; i < count; ++i) {
        linalg::dot_columns(columns + i * n, residual_.data(), n, n, K, out + i * K);
      }
    }
    return;
  }
  // With centred columns sum s r = 0, so only the constant part of r needs care.
  for (Index i = 0; i < count; ++i) {
    const Index j = features_[at_(slot + i)];
    for (Index k = 0; k < K; ++k) {
      const double raw =
          packed_.weighted_dot(slot + i, problem_.Z.weights(), &residual_[at_(k * n)]);
      out[i * K + k] = (raw + constant_[at_(k)] * problem_.Z.mean(j)) / problem_.Z.scale(j);
    }
  }
}

void BlockDescent::move(Index slot, Index count, const double* change) {
  const Index n = problem_.rows(), K = problem_.outputs();
  if (!sparse_) {
    const double* columns = &columns_[at_(slot * n)];
    for (Index k = 0; k < K; ++k) {
      double* r = &residual_[at_(k * n)];
      Index i = 0;
      for (; i + 4 <= count; i += 4) {
        const double a[4] = {-change[i * K + k], -change[(i + 1) * K + k], -change[(i + 2) * K + k],
                             -change[(i + 3) * K + k]};
        linalg::axpy4(a, columns + i * n, columns + (i + 1) * n, columns + (i + 2) * n,
                      columns + (i + 3) * n, r, n);
      }
      for (; i < count; ++i) {
        if (change[i * K + k] != 0.0) linalg::axpy(-change[i * K + k], columns + i * n, r, n);
      }
    }
    return;
  }
  for (Index i = 0; i < count; ++i) {
    const Index j = features_[at_(slot + i)];
    for (Index k = 0; k < K; ++k) {
      if (change[i * K + k] == 0.0) continue;
      const double raw = -change[i * K + k] / problem_.Z.scale(j);
      packed_.axpy(slot + i, raw, &residual_[at_(k * n)]);
      constant_[at_(k)] -= raw * problem_.Z.mean(j);
    }
  }
}

/// Moves unit i to its minimiser, `next` holding its z'(s r) on entry and the change on return; false
/// if it stays.
bool BlockDescent::step(Index i, double* next) {
  const Unit& u = units_[at_(i)];
  const Index width = u.size * problem_.outputs();
  double* b = &coef_[at_(u.first * problem_.outputs())];
  old_.assign(b, b + width);
  if (norms_) {
    penalty::BlockNorm norm;
    problem_.penalty.as_norm(u.block, norm);
    if (!steps_[at_(i)](norm, problem_.outputs(), b, next, scratch_)) return false;
  } else {
    const double curvature = steps_[at_(i)].bound();
    if (!(curvature > 0.0)) return false;
    for (Index k = 0; k < width; ++k) b[k] += next[k] / curvature;
    problem_.penalty.prox(b, 1.0 / curvature, u.block);
  }
  bool moved = false;
  for (Index k = 0; k < width; ++k) {
    next[k] = b[k] - old_[at_(k)];
    moved = moved || next[k] != 0.0;
  }
  return moved;
}

void BlockDescent::sweep(const std::vector<Index>& units) {
  const Index K = problem_.outputs();
  if (!sparse_ && K >= k_many_outputs) {
    sweep_chunks(units);
    return;
  }
  for (Index i : units) {
    const Unit& u = units_[at_(i)];
    next_.resize(at_(u.size * K));
    products(u.first, u.size, next_.data());
    if (step(i, next_.data())) move(u.first, u.size, next_.data());
  }
}

/// The same sweep with the residual read and written once for several units: what one of them changes
/// for those behind it follows from their small Gram matrix. With many outputs the residual is the
/// larger part of the traffic, and the products become matrix products.
void BlockDescent::sweep_chunks(const std::vector<Index>& units) {
  const Index n = problem_.rows(), K = problem_.outputs();
  for (std::size_t begin = 0; begin < units.size();) {
    std::size_t end = begin;
    Index m = 0;
    for (; end < units.size(); ++end) {
      const Index size = units_[at_(units[end])].size;
      if (m > 0 && m + size > k_chunk) break;
      m += size;
    }
    chunk_.resize(at_(n * m));
    gram_.assign(at_(m * m), 0.0);
    next_.assign(at_(m * K), 0.0);
    changes_.assign(at_(m * K), 0.0);
    Index place = 0;
    for (std::size_t t = begin; t < end; ++t) {
      const Unit& u = units_[at_(units[t])];
      std::copy_n(&columns_[at_(u.first * n)], u.size * n, &chunk_[at_(place * n)]);
      place += u.size;
    }
    linalg::add_gemm_tn(m, m, n, chunk_.data(), n, chunk_.data(), n, gram_.data(), m);
    linalg::add_gemm_tn(K, m, n, residual_.data(), n, chunk_.data(), n, next_.data(), K);
    place = 0;
    bool any = false;
    for (std::size_t t = begin; t < end; ++t) {
      const Index size = units_[at_(units[t])].size;
      double* change = &next_[at_(place * K)];
      if (step(units[t], change)) {
        any = true;
        for (Index a = place; a < place + size; ++a) {
          const double* delta = &next_[at_(a * K)];
          for (Index k = 0; k < K; ++k) changes_[at_(k * m + a)] = delta[k];
          for (Index c = place + size; c < m; ++c) {
            linalg::axpy(-gram_[at_(a * m + c)], delta, &next_[at_(c * K)], K);
          }
        }
      }
      place += size;
    }
    if (any) {
      linalg::add_gemm(n, K, m, -1.0, chunk_.data(), n, changes_.data(), m, residual_.data(), n);
    }
    begin = end;
  }
}

double BlockDescent::objective(const std::vector<Index>& units) const {
  const Index n = problem_.rows(), K = problem_.outputs();
  const double* s = problem_.Z.weights();
  double loss = 0.0, penalty = 0.0;
  for (Index k = 0; k < K; ++k) {
    const double* r = &residual_[at_(k * n)];
    if (!sparse_) {
      loss += linalg::dot(r, r, n);
      continue;
    }
    for (Index i = 0; i < n; ++i) {
      const double here = r[i] + constant_[at_(k)];
      loss += s[i] * here * here;
    }
  }
  for (Index i : units) {
    const Unit& u = units_[at_(i)];
    if (!is_zero(u)) penalty += problem_.penalty.value(&coef_[at_(u.first * K)], u.block);
  }
  return 0.5 * loss + penalty;
}

/// The residual from scratch, given that units outside of the list are zero.
void BlockDescent::refresh_residual(const std::vector<Index>& units) {
  const Index K = problem_.outputs();
  residual_ = target_;
  std::fill(constant_.begin(), constant_.end(), 0.0);
  for (Index i : units) {
    const Unit& u = units_[at_(i)];
    if (is_zero(u)) continue;
    move(u.first, u.size, &coef_[at_(u.first * K)]);
  }
}

/// Replaces the coefficients of the units by the combination of the recent ones whose differences
/// cancel best, if that lowers the objective.
void BlockDescent::extrapolate(const std::vector<Index>& units) {
  const Index m = k_history, K = problem_.outputs();
  std::vector<double> gram(at_(m * m), 0.0), weights(at_(m), 1.0);
  double trace = 0.0;
  for (Index a = 0; a < m; ++a) {
    for (Index b = 0; b <= a; ++b) {
      double total = 0.0;
      for (std::size_t i = 0; i < history_[0].size(); ++i) {
        total += (history_[at_(a + 1)][i] - history_[at_(a)][i]) *
                 (history_[at_(b + 1)][i] - history_[at_(b)][i]);
      }
      gram[at_(a + b * m)] = total;
      if (a == b) trace += total;
    }
  }
  if (!(trace > 0.0)) return;
  for (Index a = 0; a < m; ++a) gram[at_(a + a * m)] += k_extrapolation_ridge * trace;
  if (!linalg::factor_cholesky(m, gram.data(), m)) return;
  linalg::solve_cholesky(m, gram.data(), m, 1, weights.data(), m);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (!std::isfinite(1.0 / sum)) return;

  const double before = objective(units);
  const std::vector<double> coef = coef_, residual = residual_, constant = constant_;
  std::size_t place = 0;
  for (Index i : units) {
    const Unit& u = units_[at_(i)];
    for (Index k = 0; k < u.size * K; ++k, ++place) {
      double total = 0.0;
      for (Index a = 0; a < m; ++a) total += weights[at_(a)] * history_[at_(a + 1)][place];
      coef_[at_(u.first * K + k)] = total / sum;
    }
    problem_.penalty.prox(&coef_[at_(u.first * K)], 0.0, u.block);  // back into the bounds
  }
  refresh_residual(units);
  if (objective(units) < before) return;
  coef_ = coef;
  residual_ = residual;
  constant_ = constant;
}

/// Between the strengths at which blocks come and go a path of norms is smooth: goes on along the line
/// through the last two solutions, if that lowers the objective.
void BlockDescent::predict(const std::vector<Index>& units) {
  const Index K = problem_.outputs();
  const double alpha = problem_.penalty.alpha();
  if (!(former_alpha_ > 0.0) || alpha == latest_alpha_) return;
  const double length = (alpha - latest_alpha_) / (latest_alpha_ - former_alpha_);
  if (!(length > 0.0 && length < k_most_length)) return;
  const double before = objective(units);
  const std::vector<double> coef = coef_, residual = residual_, constant = constant_;
  const auto nonzero = [](const double* b, Index width) {
    return std::any_of(b, b + width, [](double x) { return x != 0.0; });
  };
  for (Index i : units) {
    const Unit& u = units_[at_(i)];
    const std::size_t first = at_(u.first * K);
    const Index width = u.size * K;
    if (first + at_(width) > former_.size() || !nonzero(&former_[first], width)) continue;
    if (is_zero(u)) continue;
    for (std::size_t k = first; k < first + at_(width); ++k) {
      coef_[k] += length * (latest_[k] - former_[k]);
    }
    problem_.penalty.prox(&coef_[first], 0.0, u.block);
  }
  refresh_residual(units);
  if (objective(units) < before) return;
  coef_ = coef;
  residual_ = residual;
  constant_ = constant;
}

/// Duality gap of the problem restricted to the units, or without a dual the subdifferential distance.
double BlockDescent::gap(const std::vector<Index>& units) {
  const Index n = problem_.rows(), K = problem_.outputs();
  listed_.clear();
  rows_.clear();
  grad_.clear();
  Index run = 0, run_size = 0;
  std::size_t run_place = 0;
  for (Index i : units) {
    const Unit& u = units_[at_(i)];
    for (Index slot = u.first; slot < u.first + u.size; ++slot) {
      listed_.push_back(features_[at_(slot)]);
    }
    const std::size_t place = rows_.size();
    rows_.insert(rows_.end(), &coef_[at_(u.first * K)], &coef_[0] + (u.first + u.size) * K);
    grad_.resize(rows_.size());
    // Neighbours in one product.
    if (run_size > 0 && run + run_size == u.first) {
      run_size += u.size;
    } else {
      if (run_size > 0) products(run, run_size, &grad_[run_place]);
      run = u.first;
      run_size = u.size;
      run_place = place;
    }
  }
  if (run_size > 0) products(run, run_size, &grad_[run_place]);
  for (double& g : grad_) g = -g;
  if (!problem_.penalty.has_dual()) {
    double worst = 0.0;
    Index place = 0;
    for (Index i : units) {
      const Unit& u = units_[at_(i)];
      worst = std::max(worst, problem_.penalty.subdiff_distance(&rows_[at_(place)],
                                                                &grad_[at_(place)], u.block));
      place += u.size * K;
    }
    return worst;
  }
  const double primal = objective(units);
  scratch_.resize(at_(n * K));
  for (Index k = 0; k < K; ++k) {
    for (Index i = 0; i < n; ++i) {
      const double r = residual_[at_(k * n + i)];
      // A row without weight counts for nothing, whatever its residual.
      scratch_[at_(k * n + i)] =
          sparse_ ? r + constant_[at_(k)] : (root_[at_(i)] > 0.0 ? r / root_[at_(i)] : 0.0);
    }
  }
  return duality_gap(problem_, scratch_.data(), listed_.data(), static_cast<Index>(listed_.size()),
                     rows_.data(), grad_.data(), primal);
}

InnerReport BlockDescent::solve(Iterate& at, double target, Index max_iter, Monitor& monitor) {
  InnerReport report;
  const Index K = problem_.outputs();
  std::vector<Index> all(units_.size()), support;
  std::iota(all.begin(), all.end(), Index{0});
  for (std::size_t c = 0; c < features_.size(); ++c) {
    std::copy_n(&at.coef[at_(features_[c] * K)], K, &coef_[c * at_(K)]);
  }
  const auto weigh = [&](std::vector<double>& r) {
    for (Index k = 0; k < (sparse_ ? 0 : K); ++k) {
      for (Index i = 0; i < problem_.rows(); ++i) r[at_(k * problem_.rows() + i)] *= root_[at_(i)];
    }
  };
  if (target_.empty()) {
    Iterate zero = Iterate::zero(problem_);
    target_ = std::move(zero.residual);
    weigh(target_);
  }
  residual_ = at.residual;
  weigh(residual_);
  std::fill(constant_.begin(), constant_.end(), 0.0);

  const auto record = [&] {
    std::vector<double> now;
    for (Index i : support) {
      const Unit& u = units_[at_(i)];
      const double* b = &coef_[at_(u.first * K)];
      now.insert(now.end(), b, b + u.size * K);
    }
    history_.push_back(std::move(now));
  };
  predict(all);
  while (true) {
    sweep(all);
    ++report.iterations;
    support.clear();
    for (Index i : all) {
      if (!is_zero(units_[at_(i)])) support.push_back(i);
    }
    double least = std::numeric_limits<double>::infinity();
    for (int stalls = 0;
         !support.empty() && stalls < k_most_stalls && report.iterations < max_iter;) {
      const double now = gap(support);
      if (now <= k_support_share * target) break;
      stalls = now < 0.9 * least ? 0 : stalls + 1;
      least = std::min(least, now);
      history_.clear();
      record();
      for (Index t = 0; t < k_history; ++t) {
        sweep(support);
        record();
        monitor.poll({});
      }
      report.iterations += k_history;
      extrapolate(support);
    }
    report.gap = gap(all);
    report.converged = report.gap <= target;
    if (report.converged || report.iterations >= max_iter) break;
    monitor.poll({});
  }
  if (problem_.penalty.alpha() != latest_alpha_) {
    former_.swap(latest_);
    former_alpha_ = latest_alpha_;
    latest_alpha_ = problem_.penalty.alpha();
  }
  latest_ = coef_;
  for (std::size_t c = 0; c < features_.size(); ++c) {
    std::copy_n(&coef_[c * at_(K)], K, &at.coef[at_(features_[c] * K)]);
  }
  refresh(problem_, at, features_.data(), static_cast<Index>(features_.size()));
  return report;
}

}  // namespace taut::solver
