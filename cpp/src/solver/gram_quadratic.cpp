// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/gram_quadratic.hpp"

#include <algorithm>
#include <cmath>

#include "taut/core/parallel.hpp"
#include "taut/linalg/dense.hpp"
#include "taut/linalg/kernels.hpp"

namespace taut::solver {
namespace {

constexpr Index k_tile = 64;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

GramQuadratic::GramQuadratic(const Problem& problem) : problem_(problem) {
  const Index n = problem.rows();
  root_weights_.resize(at_(n));
  for (Index i = 0; i < n; ++i) root_weights_[at_(i)] = std::sqrt(problem.Z.weights()[i]);
}

void GramQuadratic::add(const Index* features, Index count) {
  if (count == 0) return;
  const Index first = qp_.size();
  features_.insert(features_.end(), features, features + count);
  qp_.resize(first + count);
  fill_gram(first);
}

void GramQuadratic::fill_gram(Index first) {
  const Index n = problem_.rows(), m = qp_.size(), count = m - first;
  const Index* added = &features_[at_(first)];
  if (problem_.Z.raw().is_sparse()) {
    problem_.Z.gram(features_.data(), m, added, count, problem_.Z.weights(), problem_.n_threads,
                    qp_.column(first), qp_.ld());
  } else {
    if (static_cast<Index>(packed_.capacity()) < n * m) packed_.reserve(at_(n * (2 * m + 128)));
    packed_.resize(at_(n * m));
    for (Index a = first; a < m; ++a) {
      problem_.Z.pack(features_[at_(a)], root_weights_.data(), 0, n, &packed_[at_(a * n)]);
    }
    const double work = static_cast<double>(n) * static_cast<double>(m * count);
    parallel_blocks(m, k_tile, work < 5e5 ? 1 : problem_.n_threads, [&](Index begin, Index end) {
      for (Index b = first; b < m; ++b) std::fill(qp_.column(b) + begin, qp_.column(b) + end, 0.0);
      linalg::add_gemm_tn(end - begin, count, n, &packed_[at_(begin * n)], n,
                          &packed_[at_(first * n)], n, qp_.column(first) + begin, qp_.ld());
    });
  }
  for (Index a = 0; a < first; ++a) {
    for (Index b = first; b < m; ++b) qp_.column(a)[b] = qp_.column(b)[a];
  }
}

void GramQuadratic::refresh_q(const Iterate& at, Index first) {
  const Index count = qp_.size() - first;
  if (count == 0) return;
  gradients(problem_, at, &features_[at_(first)], count, &qp_.q(first));
  for (Index a = first; a < qp_.size(); ++a) qp_.q(a) = -qp_.q(a);
}

InnerReport GramQuadratic::solve(Iterate& at, double target, Index max_iter, Monitor& monitor) {
  InnerReport report;
  refresh_q(at, fresh_);
  fresh_ = qp_.size();

  double largest = 0.0;
  double objective = problem_.datafit.value(at.eta.data());
  for (Index a = 0; a < qp_.size(); ++a) {
    const Index j = features_[at_(a)];
    problem_.penalty.as_piece(j, qp_.piece(a));
    qp_.w(a) = at.coef[at_(j)];
    largest = std::max(largest, std::abs(qp_.q(a)));
    objective += problem_.penalty.value(&at.coef[at_(j)], j);
  }
  // The gap is at most the violation times sum |b_j|, to first order, and alpha times the solution's
  // sum is at most the objective here.
  const double alpha = problem_.penalty.alpha();
  const double rounding = 1e-13 * largest;
  const double violation =
      objective > 0.0 ? std::max(0.3 * target * alpha / objective, rounding) : rounding;

  grad_.resize(at_(qp_.size()));
  qp_.watch(monitor);
  const ActiveSetQP::Report r = qp_.solve(violation, max_iter, problem_.n_threads);
  report.iterations = r.sweeps + std::max<Index>(r.newton_steps, 1);
  report.converged = r.converged;
  for (Index a = 0; a < qp_.size(); ++a) at.coef[at_(features_[at_(a)])] = qp_.w(a);
  refresh(problem_, at, features_.data(), qp_.size());
  refresh_q(at, 0);
  for (Index a = 0; a < qp_.size(); ++a) grad_[at_(a)] = -qp_.q(a);
  report.grad = grad_.data();
  return report;
}

}  // namespace taut::solver
