// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/reduction.hpp"

#include <algorithm>
#include <cmath>

#include "taut/linalg/kernels.hpp"

namespace taut::solver {
namespace {

/// The Gram matrix costs p/30 passes over X (p^2 n flops against the memory traffic of a pass), so
/// it pays while a path would make more passes than that.
constexpr Index k_most_columns = 1024;
/// A pivot below this share of its diagonal is rounding: the column depends on earlier ones.
constexpr double k_dependent = 1e-13;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

bool Reduction::pays(const design::Standardized& Z) {
  return !Z.raw().is_sparse() && Z.cols() <= k_most_columns && Z.rows() >= 2 * Z.cols();
}

Reduction::Reduction(const design::Standardized& Z, Index outputs, const double* r,
                     const double* grad, int n_threads, Monitor& monitor) {
  const Index p = Z.cols();
  R.assign(at(p * p), 0.0);
  t.assign(at(p * outputs), 0.0);
  weights.assign(at(p), 1.0 / static_cast<double>(p));
  Z.full_gram(n_threads, R.data(), monitor);

  // A column that cannot enter a model is exactly zero here too, not the rounding of zero.
  for (Index j = 0; j < p; ++j) {
    if (Z.norm(j) > 0.0) continue;
    for (Index i = 0; i < p; ++i) R[at(j * p + i)] = R[at(i * p + j)] = 0.0;
  }

  // In place, column by column of the upper triangle: R_ij = (G_ij - R_i'R_j) / R_ii. A dependent
  // column gets a zero row: semi-definite Gram matrices are no exception.
  for (Index j = 0; j < p; ++j) {
    double* column = &R[at(j * p)];
    const double diagonal = column[j];
    for (Index i = 0; i < j; ++i) {
      const double* other = &R[at(i * p)];
      column[i] = other[i] > 0.0 ? (column[i] - linalg::dot(other, column, i)) / other[i] : 0.0;
    }
    const double pivot = diagonal - linalg::dot(column, column, j);
    column[j] = pivot > k_dependent * diagonal ? std::sqrt(pivot) : 0.0;
    std::fill(column + j + 1, column + p, 0.0);
  }
  rest = 0.0;
  for (Index k = 0; k < outputs; ++k) {
    double* t_k = &t[at(k * p)];
    for (Index j = 0; j < p; ++j) {
      const double* column = &R[at(j * p)];
      const double product = -grad[j * outputs + k];
      t_k[j] = column[j] > 0.0 ? (product - linalg::dot(column, t_k, j)) / column[j] : 0.0;
    }
    const double* r_k = r + k * Z.rows();
    rest += linalg::weighted_dot(Z.weights(), r_k, r_k, Z.rows()) - linalg::dot(t_k, t_k, p);
  }
  const double root = std::sqrt(static_cast<double>(p));
  for (double& x : R) x *= root;
  for (double& x : t) x *= root;
}

}  // namespace taut::solver
