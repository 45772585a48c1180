// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/hessian_gram.hpp"

#include <algorithm>

#include "taut/linalg/kernels.hpp"

namespace taut::solver {
namespace {

constexpr double k_kernel_ridge = 1e-7;
/// Up to this many new columns, matrix-vector products beat packing a panel of all old ones.
constexpr Index k_few = 3;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

/// In place: the inverse of a positive definite K x K matrix (Gauss-Jordan; K is small).
void invert(double* a, Index K) {
  for (Index p = 0; p < K; ++p) {
    const double pivot = 1.0 / a[p * K + p];
    a[p * K + p] = 1.0;
    for (Index c = 0; c < K; ++c) a[p * K + c] *= pivot;
    for (Index r = 0; r < K; ++r) {
      if (r == p) continue;
      const double factor = a[r * K + p];
      a[r * K + p] = 0.0;
      for (Index c = 0; c < K; ++c) a[r * K + c] -= factor * a[p * K + c];
    }
  }
}

/// h_kl of the point, or of the majoriser: bound * s on the diagonal.
void curvature_at(const Problem& problem, const double* point, double bound, Index k, Index l,
                  double* h) {
  if (bound == 0.0) return problem.datafit.curvature(point, k, l, h);
  const double* s = problem.datafit.weights();
  for (Index i = 0; i < problem.rows(); ++i) h[i] = k == l ? bound * s[i] : 0.0;
}

}  // namespace

void intercept_hessian_inverse(const Problem& problem, const double* point, double damping,
                               double bound, std::vector<double>& h, double* out) {
  const Index n = problem.rows(), K = problem.outputs();
  h.resize(at_(n));
  double trace = 0.0;
  for (Index k = 0; k < K; ++k) {
    for (Index l = 0; l <= k; ++l) {
      curvature_at(problem, point, bound, k, l, h.data());
      const double total = linalg::sum(h.data(), n) + (k == l ? damping : 0.0);
      out[k * K + l] = total;
      out[l * K + k] = total;
      if (k == l) trace += total;
    }
  }
  // A saturated fit has no curvature left: any positive number then makes a finite step.
  const double ridge =
      trace > 0.0 ? (K > 1 ? k_kernel_ridge * trace / static_cast<double>(K) : 0.0) : 1.0;
  for (Index k = 0; k < K; ++k) out[k * K + k] += ridge;
  invert(out, K);
}

/// h_kl of the point.
void HessianGram::curvature(Index k, Index l) {
  curvature_at(problem_, point_, bound_, k, l, h_.data());
  if (k == l && damping_ > 0.0) {
    linalg::axpy(damping_, problem_.datafit.weights(), h_.data(), problem_.rows());
  }
}

void HessianGram::reset(const std::vector<double>& residual, double damping, double bound) {
  residual_ = residual;
  if (bound == 0.0) point_ = problem_.datafit.curvature_point(residual_.data(), store_);
  damping_ = damping;
  bound_ = bound;
  coordinates_.clear();
  border_.clear();
  corrected_.clear();
  if (problem_.fit_intercept) {
    const Index K = problem_.outputs();
    inverse_.resize(at_(K * K));
    intercept_hessian_inverse(problem_, point_, damping_, bound_, h_, inverse_.data());
  }
}

void HessianGram::fill_block(const std::vector<Index>& rows, const std::vector<Index>& columns,
                             const double* h, double* out, Index ld) {
  const Index m = static_cast<Index>(rows.size()), count = static_cast<Index>(columns.size());
  if (count > k_few) {
    problem_.Z.gram(rows.data(), m, columns.data(), count, h, problem_.n_threads, out, ld);
    return;
  }
  column_.resize(at_(problem_.rows()));
  for (Index b = 0; b < count; ++b) {
    problem_.Z.pack(columns[at_(b)], h, 0, problem_.rows(), column_.data());
    problem_.Z.products(column_.data(), rows.data(), m, problem_.n_threads, out + b * ld);
  }
}

void HessianGram::append(const Coordinate* added, Index count, double* out, Index ld) {
  const Index n = problem_.rows(), K = problem_.outputs();
  const Index first = size(), m = first + count;
  coordinates_.insert(coordinates_.end(), added, added + count);
  h_.resize(at_(n));

  // Places and features of all coordinates and of the new ones, by output.
  std::vector<std::vector<Index>> place(at_(K)), feature(at_(K)), new_place(at_(K)),
      new_feature(at_(K));
  for (Index a = 0; a < m; ++a) {
    const Coordinate& c = coordinates_[at_(a)];
    place[at_(c.output)].push_back(a);
    feature[at_(c.output)].push_back(c.feature);
    if (a >= first) {
      new_place[at_(c.output)].push_back(a);
      new_feature[at_(c.output)].push_back(c.feature);
    }
  }

  const bool border = problem_.fit_intercept;
  if (border) {
    border_.resize(at_(m * K));
    corrected_.resize(at_(m * K));
  }
  for (Index l = 0; l < K; ++l) {
    const auto& columns = new_feature[at_(l)];
    const auto& column_place = new_place[at_(l)];
    if (columns.empty()) continue;
    for (Index k = 0; k < K; ++k) {
      curvature(k, l);
      if (border) {
        block_.resize(columns.size());
        problem_.Z.products(h_.data(), columns.data(), static_cast<Index>(columns.size()),
                            problem_.n_threads, block_.data());
        for (std::size_t b = 0; b < columns.size(); ++b) {
          border_[at_(column_place[b] * K + k)] = block_[b];
        }
      }
      // When everything is new, the block below the diagonal is the transpose of one above.
      if (first == 0 && k > l) continue;
      const auto& rows = feature[at_(k)];
      const auto& row_place = place[at_(k)];
      if (rows.empty()) continue;
      const Index height = static_cast<Index>(rows.size());
      block_.resize(rows.size() * columns.size());
      // The same list twice tells the product that it is symmetric.
      fill_block(rows, first == 0 && k == l ? rows : columns, h_.data(), block_.data(), height);
      for (std::size_t b = 0; b < columns.size(); ++b) {
        for (std::size_t a = 0; a < rows.size(); ++a) {
          const double value = block_[b * rows.size() + a];
          out[row_place[a] + column_place[b] * ld] = value;
          out[column_place[b] + row_place[a] * ld] = value;
        }
      }
    }
  }
  if (!border) return;
  for (Index a = first; a < m; ++a) {
    for (Index k = 0; k < K; ++k) {
      corrected_[at_(a * K + k)] = linalg::dot(&inverse_[at_(k * K)], &border_[at_(a * K)], K);
    }
  }
  for (Index b = first; b < m; ++b) {
    const double* c = &corrected_[at_(b * K)];
    for (Index a = 0; a < m; ++a) {
      if (a >= first && a < b) continue;  // done when the roles were the other way round
      const double value = out[a + b * ld] - linalg::dot(&border_[at_(a * K)], c, K);
      out[a + b * ld] = value;
      out[b + a * ld] = value;
    }
  }
}

void HessianGram::eliminate(const double* g0, double* g) const {
  if (!problem_.fit_intercept) return;
  const Index K = problem_.outputs();
  for (Index a = 0; a < size(); ++a) g[a] -= linalg::dot(&corrected_[at_(a * K)], g0, K);
}

void HessianGram::intercept_step(const double* g0, const double* d, double* d0) const {
  const Index K = problem_.outputs();
  std::fill_n(d0, K, 0.0);
  if (!problem_.fit_intercept) return;
  for (Index k = 0; k < K; ++k) d0[k] = -linalg::dot(&inverse_[at_(k * K)], g0, K);
  for (Index a = 0; a < size(); ++a) {
    if (d[a] == 0.0) continue;
    for (Index k = 0; k < K; ++k) d0[k] -= corrected_[at_(a * K + k)] * d[a];
  }
}

}  // namespace taut::solver
