// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/huber_gram.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "taut/core/parallel.hpp"
#include "taut/linalg/dense.hpp"
#include "taut/linalg/kernels.hpp"
#include "taut/solver/prox_newton.hpp"

namespace taut::solver {
namespace {

constexpr Index k_tile = 64;
/// A row counts as beyond delta when it is so by more than rounding.
constexpr double k_beyond = 1.0 + 1e-12;
/// Gradients below this share of the largest one are rounding.
constexpr double k_rounding = 1e-14;
/// The same for slopes of rows far beyond delta, as a share of how far they are moved.
constexpr double k_row_rounding = 2e-15;
/// With more rows than this, eliminating those beyond delta (ProxNewton) beats carrying them along.
constexpr Index k_most_rows = 2048;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

bool HuberGram::fits(const Problem& problem) {
  penalty::Piece piece;
  return problem.outputs() == 1 && problem.rows() <= k_most_rows && problem.cols() > 0 &&
         problem.penalty.has_dual() && problem.penalty.blocks().single() &&
         problem.penalty.as_piece(0, piece);
}

HuberGram::HuberGram(const Problem& problem)
    : problem_(problem),
      huber_(static_cast<const datafit::Huber&>(problem.datafit)),
      place_of_row_(at_(problem.rows()), -1) {
  const Index n = problem.rows();
  root_weights_.resize(at_(n));
  for (Index i = 0; i < n; ++i) root_weights_[at_(i)] = std::sqrt(huber_.weights()[i]);
  rest_.resize(at_(n));
  column_.resize(at_(n));
}

void HuberGram::add(const Index* features, Index count) {
  if (count == 0) return;
  const Index n = problem_.rows(), first = static_cast<Index>(features_.size()), m = first + count;
  features_.insert(features_.end(), features, features + count);
  for (Index c = 0; c < count; ++c) feature_place_.push_back(qp_.size() + c);
  qp_.resize(qp_.size() + count);
  if (too_large()) return;

  const bool sparse = problem_.Z.raw().is_sparse();
  block_.resize(at_(m * count));
  if (sparse) {
    problem_.Z.gram(features_.data(), m, &features_[at_(first)], count, huber_.weights(),
                    problem_.n_threads, block_.data(), m);
  } else {
    if (packed_.size() < n * m) packed_.reserve(n * (2 * m + 128), n * first);
    for (Index a = first; a < m; ++a) {
      problem_.Z.pack(features_[at_(a)], root_weights_.data(), 0, n, &packed_[a * n]);
    }
    const double work = static_cast<double>(n) * static_cast<double>(m * count);
    std::fill(block_.begin(), block_.end(), 0.0);
    parallel_blocks(m, k_tile, work < 5e5 ? 1 : problem_.n_threads, [&](Index begin, Index end) {
      linalg::add_gemm_tn(end - begin, count, n, &packed_[begin * n], n, &packed_[first * n], n,
                          &block_[at_(begin)], m);
    });
  }
  for (Index c = 0; c < count; ++c) {
    const Index b = feature_place_[at_(first + c)];
    for (Index a = 0; a < m; ++a) {
      const Index place = feature_place_[at_(a)];
      qp_.column(b)[place] = qp_.column(place)[b] = block_[at_(c * m + a)];
    }
    const double* z = sparse ? column_.data() : &packed_[(first + c) * n];
    if (sparse) problem_.Z.pack(features_[at_(first + c)], root_weights_.data(), 0, n, &column_[0]);
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      qp_.column(b)[row_place_[r]] = qp_.column(row_place_[r])[b] = z[rows_[r]];
    }
  }
}

/// Rows where the residual without its outlier part (rest_) is beyond delta join; true if any did.
bool HuberGram::join_rows() {
  const Index n = problem_.rows(), first = static_cast<Index>(rows_.size());
  for (Index i = 0; i < n; ++i) {
    if (place_of_row_[at_(i)] >= 0 || root_weights_[at_(i)] == 0.0) continue;
    if (std::abs(rest_[at_(i)]) <= huber_.delta() * k_beyond) continue;
    place_of_row_[at_(i)] = qp_.size() + static_cast<Index>(rows_.size()) - first;
    rows_.push_back(i);
    row_place_.push_back(place_of_row_[at_(i)]);
  }
  const Index m = static_cast<Index>(rows_.size());
  if (m == first) return false;
  qp_.resize(qp_.size() + m - first);
  if (too_large()) return true;
  const bool sparse = problem_.Z.raw().is_sparse();
  for (std::size_t a = 0; a < features_.size(); ++a) {
    const double* z = sparse ? column_.data() : &packed_[static_cast<Index>(a) * n];
    if (sparse) problem_.Z.pack(features_[a], root_weights_.data(), 0, n, &column_[0]);
    for (Index r = first; r < m; ++r) {
      const Index b = row_place_[at_(r)];
      qp_.column(b)[feature_place_[a]] = qp_.column(feature_place_[a])[b] = z[rows_[at_(r)]];
    }
  }
  for (Index r = first; r < m; ++r) {
    const Index b = row_place_[at_(r)];
    const double root = root_weights_[at_(rows_[at_(r)])];
    for (Index t = 0; t <= r; ++t) {
      const Index a = row_place_[at_(t)];
      // Centred, like the columns of X.
      const double mean = problem_.fit_intercept ? root * root_weights_[at_(rows_[at_(t)])] : 0.0;
      qp_.column(b)[a] = qp_.column(a)[b] = (t == r ? 1.0 : 0.0) - mean;
    }
    penalty::Piece& piece = qp_.piece(b);
    piece.l1 = root * huber_.delta();
    piece.l2 = 0.0;
    piece.lower = -std::numeric_limits<double>::infinity();
    piece.upper = -piece.lower;
  }
  return true;
}

InnerReport HuberGram::solve(Iterate& at, double target, Index max_iter, Monitor& monitor) {
  InnerReport report;
  const Index n = problem_.rows(), m = static_cast<Index>(features_.size());
  const double* s = huber_.weights();
  const double* y = huber_.y();
  const double delta = huber_.delta();
  if (too_large()) return report;

  // State of the model: rows beyond delta hold what is beyond; q is the slope of everybody.
  for (Index i = 0; i < n; ++i) rest_[at_(i)] = y[i] - at.eta[at_(i)];
  join_rows();
  if (too_large()) return report;
  grad_.resize(at_(m));
  gradients(problem_, at, features_.data(), m, grad_.data());
  double largest = delta, moved = 0.0;
  for (Index c = 0; c < m; ++c) {
    const Index a = feature_place_[at_(c)], j = features_[at_(c)];
    problem_.penalty.as_piece(j, qp_.piece(a));
    qp_.w(a) = at.coef[at_(j)];
    qp_.q(a) = -grad_[at_(c)];
    largest = std::max(largest, std::abs(grad_[at_(c)]));
  }
  const double mean = problem_.fit_intercept ? linalg::dot(s, at.residual.data(), n) : 0.0;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    const Index i = rows_[r];
    qp_.w(row_place_[r]) = root_weights_[at_(i)] * (rest_[at_(i)] - at.residual[at_(i)]);
    qp_.q(row_place_[r]) = root_weights_[at_(i)] * (at.residual[at_(i)] - mean);
    moved = std::max(moved, std::abs(qp_.w(row_place_[r])));
  }

  // As in GramQuadratic: the gap is about the violation times sum |b_j|.
  const double alpha = problem_.penalty.alpha();
  const double value = objective(problem_, at, features_.data(), m);
  const double rounding = k_rounding * largest + k_row_rounding * moved;
  const double violation =
      value > 0.0 ? std::max(0.1 * target * alpha / value, rounding) : rounding;

  qp_.watch(monitor);
  report.converged = false;
  while (true) {
    const GramModel::Report r = qp_.solve(violation, max_iter, problem_.n_threads);
    report.iterations += r.sweeps + std::max<Index>(r.newton_steps, 1);
    for (Index c = 0; c < m; ++c) {
      at.coef[at_(features_[at_(c)])] = qp_.w(feature_place_[at_(c)]);
    }
    refresh(problem_, at, features_.data(), m);
    for (Index i = 0; i < n; ++i) rest_[at_(i)] = y[i] - at.eta[at_(i)];
    for (std::size_t k = 0; k < rows_.size(); ++k) {
      const Index i = rows_[k];
      rest_[at_(i)] -= qp_.w(row_place_[k]) / root_weights_[at_(i)];
    }
    if (problem_.fit_intercept) {
      const double centre = linalg::dot(s, rest_.data(), n);
      for (double& x : rest_) x -= centre;
    }
    const std::size_t known = rows_.size();
    const bool joined = join_rows();
    if (too_large()) return report;
    for (std::size_t k = known; k < rows_.size(); ++k) {
      qp_.w(row_place_[k]) = 0.0;
      qp_.q(row_place_[k]) = root_weights_[at_(rows_[k])] * rest_[at_(rows_[k])];
    }
    report.converged = r.converged;
    monitor.poll({});
    if (!joined || report.iterations >= max_iter) break;
  }
  double move = 0.0;
  if (problem_.fit_intercept && huber_.best_shift(at.eta.data(), at.residual.data(), move)) {
    at.intercept[0] += move;
    for (double& x : at.eta) x += move;
  }
  report.value = huber_.evaluate(at.eta.data(), at.residual.data());
  gradients(problem_, at, features_.data(), m, grad_.data());
  report.grad = grad_.data();
  return report;
}

AutomaticHuber::AutomaticHuber(const Problem& problem) : problem_(problem) {
  auto gram = std::make_unique<HuberGram>(problem);
  gram_ = gram.get();
  inner_ = std::move(gram);
}

void AutomaticHuber::switch_over() {
  gram_ = nullptr;
  inner_ = std::make_unique<ProxNewton>(problem_);
  inner_->add(features_.data(), static_cast<Index>(features_.size()));
}

void AutomaticHuber::add(const Index* features, Index count) {
  features_.insert(features_.end(), features, features + count);
  inner_->add(features, count);
  if (gram_ && gram_->too_large()) switch_over();
}

InnerReport AutomaticHuber::solve(Iterate& at, double target, Index max_iter, Monitor& monitor) {
  InnerReport report = inner_->solve(at, target, max_iter, monitor);
  if (gram_ && gram_->too_large()) {
    switch_over();
    // Where the Gram stopped the residual may not belong to the coefficients.
    refresh(problem_, at, features_.data(), static_cast<Index>(features_.size()));
    report = inner_->solve(at, target, max_iter, monitor);
  }
  return report;
}

}  // namespace taut::solver
