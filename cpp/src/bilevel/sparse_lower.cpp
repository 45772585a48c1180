// SPDX-License-Identifier: BSD-3-Clause
#include "taut/bilevel/sparse_lower.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "taut/linalg/kernels.hpp"
#include "taut/linalg/symmetric.hpp"

namespace taut::bilevel {
namespace {

/// Pivots of a support whose columns are dependent are raised by this share of the largest one.
constexpr double k_ridge = 1e-11;
/// A gap is known to this share of the objective, which is summed in double precision.
constexpr double k_rounding = 1e-15;
constexpr double k_cg_tolerance = 1e-12;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

double sign(double x) { return x > 0.0 ? 1.0 : (x < 0.0 ? -1.0 : 0.0); }

}  // namespace

SparseLower::SparseLower(const design::Design& X, const datafit::Datafit& datafit,
                         penalty::ElasticNet& penalty, const double* offset, bool fit_intercept,
                         bool standardize, solver::Route route, int n_threads)
    : datafit_(datafit),
      penalty_(penalty),
      Z_(X, datafit.weights(), fit_intercept, standardize, nullptr, n_threads),
      problem_{Z_, datafit_, penalty_, offset, fit_intercept, n_threads} {
  options_.route = route;
  options_.fit_intercept = fit_intercept;
  penalty.set_scale(Z_.scales());
  slot_.assign(at(X.cols()), -1);
}

void SparseLower::start(Monitor& monitor) {
  at_ = solver::Iterate::zero(problem_);
  solver::fit_null_intercept(problem_, at_, options_, monitor);
  unit_ = datafit_.excess(datafit_.value(at_.eta.data()));
  inner_ = solver::make_inner(problem_, penalty_, options_);
  set_.emplace(problem_, penalty_, options_, *inner_, unit_, relay_);
  std::vector<double> grad(at(problem_.cols()));
  solver::gradients(problem_, at_, nullptr, problem_.cols(), grad.data());
  set_->start(at_, grad, true);
}

SparseLower::Report SparseLower::solve(double tol, Index max_iter, Monitor& monitor) {
  options_.tol = tol;
  options_.max_iter = max_iter;
  relay_.to = &monitor;
  const double alpha = penalty_.alpha();
  if (!set_) start(monitor);
  penalty_.set_alpha(alpha);
  set_->thresholds_changed();
  const solver::WorkingSet::Step step = set_->run(at_, {0, 1, alpha, 0.0, 0});
  gap_ = std::max(step.certificate, 0.0);
  relay_.to = nullptr;
  return {gap_, step.loss, step.objective, step.iterations, set_->active(at_), step.converged};
}

/// Features that move with the strengths: not zero (or free to be anything) and not held by a bound.
std::vector<Index> SparseLower::support() const {
  std::vector<Index> S;
  penalty::Piece piece;
  for (const Index j : set_->features()) {
    const double b = at_.coef[at(j)];
    penalty_.as_piece(j, piece);
    const bool inside = b > piece.lower && b < piece.upper;
    if (inside && (b != 0.0 || piece.l1 == 0.0)) S.push_back(j);
  }
  std::sort(S.begin(), S.end());
  return S;
}

/// h, m and, up to the size that is factored, Z'HZ of the support.
void SparseLower::hessian(const std::vector<Index>& S) {
  const Index n = problem_.rows(), count = static_cast<Index>(S.size());
  const bool constant = datafit_.is_quadratic();
  if (!constant || h_.empty()) {
    h_.resize(at(n));
    datafit_.curvature(at_.residual.data(), 0, 0, h_.data());
    sum_h_ = 0.0;
    for (const double h : h_) sum_h_ += h;
  }
  m_.assign(S.size(), 0.0);
  if (!constant && problem_.fit_intercept) {
    Z_.products(h_.data(), S.data(), count, problem_.n_threads, m_.data());
  }
  if (count > k_most_factored) return;
  if (!constant || static_cast<Index>(in_gram_.size()) > 2 * k_most_factored) {
    for (const Index j : in_gram_) slot_[at(j)] = -1;
    in_gram_.clear();
  }
  const Index old = static_cast<Index>(in_gram_.size());
  for (const Index j : S) {
    if (slot_[at(j)] >= 0) continue;
    slot_[at(j)] = static_cast<Index>(in_gram_.size());
    in_gram_.push_back(j);
  }
  const Index size = static_cast<Index>(in_gram_.size());
  if (size > ld_) {
    const Index ld = std::max<Index>(size, 2 * ld_);
    Buffer<double> larger(ld * ld);
    for (Index c = 0; c < old; ++c) std::copy_n(&gram_[c * ld_], old, &larger[c * ld]);
    gram_ = std::move(larger);
    ld_ = ld;
  }
  if (size == old) return;
  Z_.gram(in_gram_.data(), size, &in_gram_[at(old)], size - old, h_.data(), problem_.n_threads,
          &gram_[old * ld_], ld_);
  for (Index c = old; c < size; ++c) {
    for (Index r = 0; r < old; ++r) gram_[r * ld_ + c] = gram_[c * ld_ + r];
  }
}

/// Lower triangle of M's factor; false if its columns are dependent (M is then raised a little).
bool SparseLower::factor(const std::vector<Index>& S, std::vector<double>& L) const {
  const Index k = static_cast<Index>(S.size());
  penalty::Piece piece;
  for (const double lift : {0.0, k_ridge, 1e3 * k_ridge, 1e6 * k_ridge}) {
    L.assign(S.size() * S.size(), 0.0);
    double largest = 0.0, smallest = std::numeric_limits<double>::infinity();
    for (Index c = 0; c < k; ++c) {
      const Index from = slot_[at(S[at(c)])];
      for (Index r = c; r < k; ++r) {
        double entry = gram_[from * ld_ + slot_[at(S[at(r)])]];
        if (sum_h_ > 0.0) entry -= m_[at(r)] * m_[at(c)] / sum_h_;
        L[at(c * k + r)] = entry;
      }
      penalty_.as_piece(S[at(c)], piece);
      L[at(c * k + c)] += piece.l2;
      largest = std::max(largest, L[at(c * k + c)]);
    }
    for (Index c = 0; c < k; ++c) L[at(c * k + c)] += lift * largest;
    if (!linalg::factor_cholesky(k, L.data(), k)) continue;
    for (Index c = 0; c < k; ++c) smallest = std::min(smallest, L[at(c * k + c)]);
    if (smallest * smallest > 0.1 * k_ridge * largest) return lift == 0.0;
  }
  return false;
}

Index SparseLower::conjugate_gradients(const std::vector<Index>& S, const std::vector<double>& v,
                                       std::vector<double>& q, Monitor& monitor) const {
  const Index n = problem_.rows(), k = static_cast<Index>(S.size());
  std::vector<double> l2(S.size()), r = v, d = v, Md(S.size()), u(at(n)), scratch(S.size());
  penalty::Piece piece;
  for (Index c = 0; c < k; ++c) {
    penalty_.as_piece(S[at(c)], piece);
    l2[at(c)] = piece.l2;
  }
  q.assign(S.size(), 0.0);
  double rr = linalg::dot(r.data(), r.data(), k);
  const double enough = k_cg_tolerance * k_cg_tolerance * rr;
  Index step = 0;
  for (; step < 10 * k && rr > enough; ++step) {
    monitor.poll({});
    std::fill(u.begin(), u.end(), 0.0);
    scratch = d;
    const double constant = Z_.add_to(S.data(), scratch.data(), k, u.data());
    for (Index i = 0; i < n; ++i) u[at(i)] = h_[at(i)] * (u[at(i)] + constant);
    Z_.products(u.data(), S.data(), k, problem_.n_threads, Md.data());
    const double md = sum_h_ > 0.0 ? linalg::dot(m_.data(), d.data(), k) / sum_h_ : 0.0;
    for (Index c = 0; c < k; ++c) Md[at(c)] += l2[at(c)] * d[at(c)] - m_[at(c)] * md;
    const double dMd = linalg::dot(d.data(), Md.data(), k);
    if (!(dMd > 0.0)) break;
    const double a = rr / dMd;
    linalg::axpy(a, d.data(), q.data(), k);
    linalg::axpy(-a, Md.data(), r.data(), k);
    const double before = rr;
    rr = linalg::dot(r.data(), r.data(), k);
    for (Index c = 0; c < k; ++c) d[at(c)] = r[at(c)] + rr / before * d[at(c)];
  }
  return rr > enough ? -1 : step;
}

/// The exact solution's linear predictor is at most this far, in the norm of the weights.
double SparseLower::radius() const { return std::sqrt(2.0 * (gap_ + k_rounding * unit_)); }

/// True if the exact solution is zero outside of S for sure.
bool SparseLower::surely_zero(const std::vector<Index>& S, double radius) const {
  const Index p = problem_.cols();
  std::vector<double> grad(at(p));
  solver::gradients(problem_, at_, nullptr, p, grad.data());
  std::size_t next = 0;
  for (Index j = 0; j < p; ++j) {
    if (next < S.size() && S[next] == j) {
      ++next;
      continue;
    }
    if (Z_.norm(j) == 0.0 || penalty_.is_excluded(j)) continue;
    // At a bound that is not zero nothing is proved.
    if (at_.coef[at(j)] != 0.0) return false;
    if (!(penalty_.pull(&grad[at(j)], j) + Z_.norm(j) * radius < penalty_.threshold(j))) {
      return false;
    }
  }
  return true;
}

void SparseLower::prove(const std::vector<Index>& S, const std::vector<double>& L,
                        const std::vector<double>& q, const double* curvature,
                        SupportSlope& out) const {
  const Index k = static_cast<Index>(S.size());
  const double radius = this->radius();
  if (!surely_zero(S, radius)) return;
  std::vector<double> inverse(S.size() * S.size(), 0.0), A(S.size() * S.size());
  for (Index c = 0; c < k; ++c) inverse[at(c * k + c)] = 1.0;
  linalg::solve_cholesky(k, L.data(), k, k, inverse.data(), k);
  penalty::Piece piece;
  for (Index c = 0; c < k; ++c) {
    const double b = at_.coef[at(S[at(c)])];
    penalty_.as_piece(S[at(c)], piece);
    const double reach = radius * std::sqrt(inverse[at(c * k + c)]);
    if (piece.l1 > 0.0 && !(std::abs(b) > reach)) return;
    if (!(b - reach > piece.lower && b + reach < piece.upper)) return;
  }
  // v moves by Z'D Z d with d'M d <= 2 G, q by M^-1 of that: at most trace(D-Gram M^-1) sqrt(2 G) in
  // the norm of M.
  Z_.gram(S.data(), k, S.data(), k, curvature, problem_.n_threads, A.data(), k);
  const double spread = linalg::dot(A.data(), inverse.data(), k * k);
  out.proved = true;
  out.l1_error.resize(S.size());
  out.l2_error.resize(S.size());
  for (Index c = 0; c < k; ++c) {
    penalty_.as_piece(S[at(c)], piece);
    const double reach = radius * std::sqrt(inverse[at(c * k + c)]);
    const double dq = spread * reach;
    out.l1_error[at(c)] = piece.l1 * dq;
    out.l2_error[at(c)] =
        piece.l2 * (std::abs(at_.coef[at(S[at(c)])]) * dq + (std::abs(q[at(c)]) + dq) * reach);
  }
}

SupportSlope SparseLower::slope(const CriterionSlope& criterion, bool proof, Monitor& monitor) {
  SupportSlope out;
  out.support = support();
  const std::vector<Index>& S = out.support;
  const Index k = static_cast<Index>(S.size()), n = problem_.rows();
  out.l1.resize(S.size());
  out.l2.resize(S.size());
  proof = proof && datafit_.is_quadratic() && criterion.curvature && k <= k_most_factored;
  if (k == 0) {
    out.proved = proof && surely_zero(S, radius());
    return out;
  }
  hessian(S);
  std::vector<double> v(S.size()), q, L;
  Z_.products(criterion.by_eta, S.data(), k, problem_.n_threads, v.data());
  double total = 0.0;
  for (Index i = 0; i < n; ++i) total += criterion.by_eta[i];
  if (sum_h_ > 0.0) linalg::axpy(-total / sum_h_, m_.data(), v.data(), k);
  if (k <= k_most_factored) {
    out.singular = !factor(S, L);
    q = v;
    linalg::solve_cholesky(k, L.data(), k, 1, q.data(), k);
  } else {
    out.cg_iterations = conjugate_gradients(S, v, q, monitor);
    out.singular = out.cg_iterations < 0;
  }
  penalty::Piece piece;
  for (Index c = 0; c < k; ++c) {
    const double b = at_.coef[at(S[at(c)])];
    penalty_.as_piece(S[at(c)], piece);
    out.l1[at(c)] = -piece.l1 * sign(b) * q[at(c)];
    out.l2[at(c)] = -piece.l2 * b * q[at(c)];
  }
  if (proof && !out.singular) prove(S, L, q, criterion.curvature, out);
  return out;
}

void SparseLower::coefficients(double* coef, double* intercept) const {
  std::fill_n(coef, problem_.cols(), 0.0);
  *intercept = at_.intercept[0];
  for (const Index j : set_->features()) {
    const double b = at_.coef[at(j)];
    if (b == 0.0 || Z_.norm(j) == 0.0) continue;
    coef[j] = b / Z_.scale(j);
    *intercept -= Z_.mean(j) * coef[j];
  }
}

}  // namespace taut::bilevel
