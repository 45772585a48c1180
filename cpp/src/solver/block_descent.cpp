// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/block_descent.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "taut/linalg/kernels.hpp"
#include "taut/linalg/symmetric.hpp"

namespace taut::solver {
namespace {

/// Sweeps between extrapolations: as many differences are combined.
constexpr Index k_history = 5;
/// The support is solved to this share of the gap allowed before all of the working set is swept.
constexpr double k_support_share = 0.5;
/// Rounds in which the gap of the support may fail to fall by a tenth.
constexpr int k_most_stalls = 5;
/// Relative ridge of the least-squares problem of an extrapolation.
constexpr double k_extrapolation_ridge = 1e-10;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

BlockDescent::BlockDescent(const Problem& problem)
    : problem_(problem), sparse_(problem.Z.raw().is_sparse()) {
  penalty::BlockNorm norm;
  norms_ = problem.penalty.as_norm(0, norm);
  constant_.assign(at_(problem.outputs()), 0.0);
}

void BlockDescent::add(const Index* features, Index count) {
  const design::Standardized& Z = problem_.Z;
  std::vector<double> gram;
  for_each_block(problem_, features, count, [&](Index b, Index, Index c) {
    const Index size = problem_.penalty.blocks().size(b);
    units_.push_back({b, static_cast<Index>(features_.size()), size});
    gram.resize(at_(size * size));
    if (size == 1) {
      gram[0] = Z.norm(features[c]) * Z.norm(features[c]);
    } else {
      Z.gram(features + c, size, features + c, size, Z.weights(), problem_.n_threads, gram.data(),
             size);
    }
    steps_.emplace_back(size, gram.data(), size);
    for (Index i = 0; i < size; ++i) {
      features_.push_back(features[c + i]);
      if (sparse_) packed_.append(Z.raw(), features[c + i]);
    }
  });
  coef_.resize(features_.size() * at_(problem_.outputs()), 0.0);
}

bool BlockDescent::is_zero(const Unit& u) const {
  const Index K = problem_.outputs();
  const double* b = &coef_[at_(u.first * K)];
  return std::all_of(b, b + u.size * K, [](double x) { return x == 0.0; });
}

/// z'(s r_k). With centred columns sum s r = 0, so only the constant part of r needs care.
double BlockDescent::product(Index slot, Index k) const {
  const Index j = features_[at_(slot)];
  const double* r = &residual_[at_(k * problem_.rows())];
  const double* s = problem_.Z.weights();
  const double raw =
      sparse_ ? packed_.weighted_dot(slot, s, r) : problem_.Z.raw().weighted_dot(j, s, r);
  return (raw + constant_[at_(k)] * problem_.Z.mean(j)) / problem_.Z.scale(j);
}

void BlockDescent::move(Index slot, const double* change) {
  const Index j = features_[at_(slot)];
  const design::Standardized& Z = problem_.Z;
  for (Index k = 0; k < problem_.outputs(); ++k) {
    if (change[k] == 0.0) continue;
    const double raw = -change[k] / Z.scale(j);
    double* r = &residual_[at_(k * problem_.rows())];
    if (sparse_) {
      packed_.axpy(slot, raw, r);
    } else {
      Z.raw().axpy(j, raw, r);
    }
    constant_[at_(k)] -= raw * Z.mean(j);
  }
}

void BlockDescent::sweep(const std::vector<Index>& units) {
  const Index K = problem_.outputs();
  penalty::BlockNorm norm;
  for (Index i : units) {
    const Unit& u = units_[at_(i)];
    const Index width = u.size * K;
    next_.resize(at_(width));
    for (Index a = 0; a < u.size; ++a) {
      for (Index k = 0; k < K; ++k) next_[at_(a * K + k)] = product(u.first + a, k);
    }
    double* b = &coef_[at_(u.first * K)];
    old_.assign(b, b + width);
    if (norms_) {
      problem_.penalty.as_norm(u.block, norm);
      steps_[at_(i)](norm, K, b, next_.data(), scratch_);
    } else {
      const double curvature = steps_[at_(i)].bound();
      if (!(curvature > 0.0)) continue;
      for (Index k = 0; k < width; ++k) b[k] += next_[at_(k)] / curvature;
      problem_.penalty.prox(b, 1.0 / curvature, u.block);
    }
    for (Index k = 0; k < width; ++k) old_[at_(k)] = b[k] - old_[at_(k)];
    for (Index a = 0; a < u.size; ++a) move(u.first + a, &old_[at_(a * K)]);
  }
}

double BlockDescent::objective(const std::vector<Index>& units) const {
  const Index n = problem_.rows(), K = problem_.outputs();
  const double* s = problem_.Z.weights();
  double loss = 0.0, penalty = 0.0;
  for (Index k = 0; k < K; ++k) {
    for (Index i = 0; i < n; ++i) {
      const double r = residual_[at_(k * n + i)] + constant_[at_(k)];
      loss += s[i] * r * r;
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
    for (Index a = 0; a < u.size; ++a) move(u.first + a, &coef_[at_((u.first + a) * K)]);
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

/// Duality gap of the problem restricted to the units, or without a dual the subdifferential distance.
double BlockDescent::gap(const std::vector<Index>& units) {
  const Index n = problem_.rows(), K = problem_.outputs();
  listed_.clear();
  rows_.clear();
  grad_.clear();
  for (Index i : units) {
    const Unit& u = units_[at_(i)];
    for (Index slot = u.first; slot < u.first + u.size; ++slot) {
      listed_.push_back(features_[at_(slot)]);
      for (Index k = 0; k < K; ++k) {
        rows_.push_back(coef_[at_(slot * K + k)]);
        grad_.push_back(-product(slot, k));
      }
    }
  }
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
    for (Index i = k * n; i < (k + 1) * n; ++i) {
      scratch_[at_(i)] = residual_[at_(i)] + constant_[at_(k)];
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
  if (target_.empty()) {
    Iterate zero = Iterate::zero(problem_);
    target_ = std::move(zero.residual);
  }
  residual_ = at.residual;
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
  for (std::size_t c = 0; c < features_.size(); ++c) {
    std::copy_n(&coef_[c * at_(K)], K, &at.coef[at_(features_[c] * K)]);
  }
  refresh(problem_, at, features_.data(), static_cast<Index>(features_.size()));
  return report;
}

}  // namespace taut::solver
