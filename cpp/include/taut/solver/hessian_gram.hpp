// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/solver/gram_model.hpp"
#include "taut/solver/problem.hpp"

namespace taut::solver {

/// Gram matrix of a datafit's Hessian at one point, over a growing list of coordinates (j, k),
///
///   G[(j,k), (i,l)] = z_j' diag(h_kl) z_i,   h_kl = s o d2 l / d eta_k d eta_l,
///
/// with the intercepts eliminated (Schur complement), so that a quadratic model in the coordinates
/// alone remains. The point stays as it was when coordinates are appended later.
///
/// O(n m^2) for m coordinates by dense products, 2 n K doubles of memory besides the matrix itself.
class HessianGram {
 public:
  explicit HessianGram(const Problem& problem) : problem_(problem) {}

  /// Takes the point whose residual (n x K) this is, and forgets all coordinates. The curvature of
  /// every row is raised by damping * s. A positive `bound` stands for the curvature of every row and
  /// output (before that): what majorises the datafit everywhere.
  void reset(const std::vector<double>& residual, double damping = 0.0, double bound = 0.0);

  Index size() const { return static_cast<Index>(coordinates_.size()); }
  const std::vector<Coordinate>& coordinates() const { return coordinates_; }

  /// Appends coordinates. Rows and columns of the new ones are written into `out` (symmetric, at
  /// least size() wide, column a at out + a * ld); entries of old pairs are left alone.
  void append(const Coordinate* added, Index count, double* out, Index ld);

  /// g - G_c0 G_00^-1 g0 for all coordinates: the gradient once the intercepts are eliminated, given
  /// the gradients g (in place, size()) and g0 (K).
  void eliminate(const double* g0, double* g) const;

  /// d0 = -G_00^-1 (g0 + G_0c d): the intercepts' part of a step d of the coordinates.
  void intercept_step(const double* g0, const double* d, double* d0) const;

 private:
  void fill_block(const std::vector<Index>& rows, const std::vector<Index>& columns,
                  const double* h, double* out, Index ld);

  /// h_kl of the point into h (n).
  void curvature(Index k, Index l, double* h);

  const Problem& problem_;
  double damping_ = 0.0, bound_ = 0.0;
  std::vector<double> residual_;  ///< n x K, of the point
  std::vector<double> store_;
  const double* point_ = nullptr;  ///< as Datafit::curvature_point() gives it
  std::vector<double> inverse_;    ///< K x K, G_00^-1 (nearly, on the complement of its kernel)
  std::vector<double> border_;     ///< K per coordinate: G_0a
  std::vector<double> corrected_;  ///< K per coordinate: G_00^-1 G_0a
  std::vector<Coordinate> coordinates_;
  std::vector<double> h_, sums_, block_, column_, across_;
};

/// out (K x K) = inverse of the intercepts' Hessian at the given point (of Datafit::curvature_point()).
/// The symmetric multinomial
/// form has a kernel (the ones): a ridge of 1e-7 of the mean diagonal stands in for what is missing.
/// `damping` and `bound` as in HessianGram::reset().
void intercept_hessian_inverse(const Problem& problem, const double* point, double damping,
                               double bound, std::vector<double>& h, double* out);

}  // namespace taut::solver
