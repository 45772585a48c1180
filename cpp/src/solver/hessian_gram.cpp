// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/hessian_gram.hpp"

#include <algorithm>

#include "taut/core/parallel.hpp"
#include "taut/linalg/kernels.hpp"

namespace taut::solver {
namespace {

constexpr double k_kernel_ridge = 1e-7;
/// Up to this many new columns, matrix-vector products beat packing a panel of all old ones.
constexpr Index k_few = 3;
constexpr Index k_feature_block = 16;

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

double curvature_sum_at(const Problem& problem, const double* point, double bound, Index k, Index l,
                        double* h) {
  if (bound == 0.0) return problem.datafit.curvature_sum(point, k, l, h);
  curvature_at(problem, point, bound, k, l, h);
  return linalg::sum(h, problem.rows());
}

}  // namespace

void intercept_hessian_inverse(const Problem& problem, const double* point, double damping,
                               double bound, std::vector<double>& h, double* out) {
  const Index n = problem.rows(), K = problem.outputs();
  h.resize(at_(n));
  double trace = 0.0;
  for (Index k = 0; k < K; ++k) {
    for (Index l = 0; l <= k; ++l) {
      const double total =
          curvature_sum_at(problem, point, bound, k, l, h.data()) + (k == l ? damping : 0.0);
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

/// h_kl of the point, raised by the damping.
void HessianGram::curvature(Index k, Index l, double* h) {
  curvature_at(problem_, point_, bound_, k, l, h);
  if (k == l && damping_ > 0.0) {
    linalg::axpy(damping_, problem_.datafit.weights(), h, problem_.rows());
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
  const Index n = problem_.rows();
  double sums[k_few];
  column_.resize(at_(n * count));
  for (Index b = 0; b < count; ++b) {
    problem_.Z.pack(columns[at_(b)], h, 0, n, &column_[at_(b * n)]);
    sums[b] = linalg::sum(&column_[at_(b * n)], n);
  }
  const double work = static_cast<double>(n * count) * static_cast<double>(m);
  parallel_blocks(m, k_feature_block, threads_for(work, problem_.n_threads),
                  [&](Index begin, Index end) {
                    double values[k_few];
                    for (Index a = begin; a < end; ++a) {
                      problem_.Z.dots(rows[at_(a)], column_.data(), sums, count, values);
                      for (Index b = 0; b < count; ++b) out[a + b * ld] = values[b];
                    }
                  });
}

void HessianGram::append(const Coordinate* added, Index count, double* out, Index ld) {
  const Index n = problem_.rows(), K = problem_.outputs();
  const Index first = size(), m = first + count;
  coordinates_.insert(coordinates_.end(), added, added + count);
  h_.resize(at_(n * K));
  sums_.resize(at_(K));

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
    for (Index k = 0; k < K; ++k) curvature(k, l, &h_[at_(k * n)]);
    if (border) {
      for (Index k = 0; k < K; ++k) sums_[at_(k)] = linalg::sum(&h_[at_(k * n)], n);
      const double work = static_cast<double>(n * K) * static_cast<double>(columns.size());
      parallel_blocks(static_cast<Index>(columns.size()), k_feature_block,
                      threads_for(work, problem_.n_threads), [&](Index begin, Index end) {
                        for (Index b = begin; b < end; ++b) {
                          problem_.Z.dots(columns[at_(b)], h_.data(), sums_.data(), K,
                                          &border_[at_(column_place[at_(b)] * K)]);
                        }
                      });
    }
    for (Index k = 0; k < K; ++k) {
      // When everything is new, the block below the diagonal is the transpose of one above.
      if (first == 0 && k > l) continue;
      const auto& rows = feature[at_(k)];
      const auto& row_place = place[at_(k)];
      if (rows.empty()) continue;
      const Index height = static_cast<Index>(rows.size());
      block_.resize(rows.size() * columns.size());
      // The same list twice tells the product that it is symmetric.
      fill_block(rows, first == 0 && k == l ? rows : columns, &h_[at_(k * n)], block_.data(),
                 height);
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
  // By output of the intercepts, so that the loops over coordinates are long and plain.
  across_.resize(at_(m * K));
  for (Index a = 0; a < m; ++a) {
    for (Index k = 0; k < K; ++k) across_[at_(k * m + a)] = border_[at_(a * K + k)];
  }
  for (Index b = first; b < m; ++b) {
    double* column = out + b * ld;
    // Pairs of new coordinates are done once, below the diagonal.
    for (Index k = 0; k < K; ++k) {
      const double c = -corrected_[at_(b * K + k)];
      linalg::axpy(c, &across_[at_(k * m)], column, first);
      linalg::axpy(c, &across_[at_(k * m + b)], column + b, m - b);
    }
    for (Index a = 0; a < first; ++a) out[b + a * ld] = column[a];
    for (Index a = b; a < m; ++a) out[b + a * ld] = column[a];
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
