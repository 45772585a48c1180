// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/gram_quadratic.hpp"

#include <algorithm>
#include <cmath>

#include "taut/core/parallel.hpp"
#include "taut/linalg/dense.hpp"
#include "taut/linalg/kernels.hpp"

namespace taut::solver {
namespace {

/// Rounds of a model of blocks before its gap is asked.
constexpr Index k_first_rounds = 4;
constexpr Index k_tile = 64;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

bool GramQuadratic::fits(const Problem& problem) {
  return make_gram_model(problem.penalty, problem.outputs()) != nullptr;
}

GramQuadratic::GramQuadratic(const Problem& problem)
    : problem_(problem), model_(make_gram_model(problem.penalty, problem.outputs())) {
  TAUT_ASSERT(model_);
  const Index n = problem.rows();
  root_weights_.resize(at_(n));
  for (Index i = 0; i < n; ++i) root_weights_[at_(i)] = std::sqrt(problem.Z.weights()[i]);
}

void GramQuadratic::add(const Index* features, Index count) {
  if (count == 0) return;
  const Index first = model_->size();
  features_.insert(features_.end(), features, features + count);
  for (Index c = 0; c < count; ++c) coordinates_.push_back({features[c], 0});
  model_->resize(first + count);
  fill_gram(first);
}

void GramQuadratic::fill_gram(Index first) {
  const Index n = problem_.rows(), m = model_->size(), count = m - first;
  const Index* added = &features_[at_(first)];
  if (problem_.Z.raw().is_sparse()) {
    problem_.Z.gram(features_.data(), m, added, count, problem_.Z.weights(), problem_.n_threads,
                    model_->column(first), model_->ld());
  } else {
    if (packed_.size() < n * m) packed_.reserve(n * (2 * m + 128), n * first);
    for (Index a = first; a < m; ++a) {
      problem_.Z.pack(features_[at_(a)], root_weights_.data(), 0, n, &packed_[a * n]);
    }
    const double work = static_cast<double>(n) * static_cast<double>(m * count);
    parallel_blocks(m, k_tile, work < 5e5 ? 1 : problem_.n_threads, [&](Index begin, Index end) {
      for (Index b = first; b < m; ++b)
        std::fill(model_->column(b) + begin, model_->column(b) + end, 0.0);
      linalg::add_gemm_tn(end - begin, count, n, &packed_[begin * n], n, &packed_[first * n], n,
                          model_->column(first) + begin, model_->ld());
    });
  }
  parallel_blocks(first, k_tile, first * count < 50000 ? 1 : problem_.n_threads,
                  [&](Index begin, Index end) {
                    for (Index a = begin; a < end; ++a) {
                      double* to = model_->column(a);
                      for (Index b = first; b < m; ++b) to[b] = model_->column(b)[a];
                    }
                  });
}

void GramQuadratic::refresh_gradient(const Iterate& at, Index first) {
  const Index m = model_->size(), K = problem_.outputs();
  grad_.resize(at_(m * K));
  if (first < m) gradients(problem_, at, &features_[at_(first)], m - first, &grad_[at_(first * K)]);
}

InnerReport GramQuadratic::solve(Iterate& at, double target, Index max_iter, Monitor& monitor) {
  InnerReport report;
  refresh_gradient(at, fresh_);
  const Index m = model_->size(), K = problem_.outputs();
  fresh_ = m;

  double largest = 0.0;
  for (const double g : grad_) largest = std::max(largest, std::abs(g));
  largest_ = std::max(largest_, largest);
  const double rounding = std::max(1e-13 * largest, 1e-15 * largest_);
  double violation = std::max(target, rounding);
  if (problem_.penalty.has_dual()) {
    // The gap is at most the violation times sum |b_j|, to first order, and alpha times the
    // solution's sum is at most the objective here.
    const double alpha = problem_.penalty.alpha();
    const double value = objective(problem_, at, features_.data(), m);
    violation = value > 0.0 ? std::max(0.3 * target * alpha / value, rounding) : rounding;
  }

  model_->watch(monitor);
  model_->load(problem_.penalty, coordinates_.data(), 1.0);
  // A model of one column solves the outputs one by one.
  const Index together = model_->outputs();
  // Rounding apart, blocks with columns in common may take long over slopes that are worth nothing:
  // there the gap is asked from time to time.
  penalty::BlockNorm norm;
  const bool asks = problem_.penalty.has_dual() && problem_.penalty.as_norm(0, norm);
  Index rounds = asks ? std::min(k_first_rounds, max_iter) : max_iter;
  while (true) {
    report.converged = true;
    Index sweeps = 0;
    for (Index k = 0; k < K; k += together) {
      for (Index a = 0; a < m; ++a) {
        const double* b = &at.coef[at_(features_[at_(a)] * K + k)];
        for (Index t = 0; t < together; ++t) {
          model_->w(a * together + t) = b[t];
          model_->q(a * together + t) = -grad_[at_(a * K + k + t)];
        }
      }
      const GramModel::Report r = model_->solve(violation, rounds, problem_.n_threads);
      sweeps = std::max(sweeps, r.sweeps + std::max<Index>(r.newton_steps, 1));
      report.converged = report.converged && r.converged;
      for (Index a = 0; a < m; ++a) {
        double* b = &at.coef[at_(features_[at_(a)] * K + k)];
        for (Index t = 0; t < together; ++t) b[t] = model_->w(a * together + t);
      }
    }
    report.iterations += sweeps;
    refresh(problem_, at, features_.data(), m);
    refresh_gradient(at, 0);
    if (report.converged || report.iterations >= max_iter || !asks) break;
    report.converged = duality_gap(problem_, at, features_.data(), m, grad_.data(),
                                   objective(problem_, at, features_.data(), m)) <= target;
    if (report.converged) break;
    rounds = std::min(2 * rounds, max_iter);
  }
  report.grad = grad_.data();
  return report;
}

}  // namespace taut::solver
