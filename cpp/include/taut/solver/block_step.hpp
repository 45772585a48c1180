// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/penalty/penalty.hpp"

namespace taut::solver {

/// Exact and majorised minimisers of one block,
///
///   min_W  sum_k ( W_k'H W_k / 2 - v_k'W_k ) + lasso ||W||_1 + norm ||W||_F + ridge ||W||_F^2 / 2,
///
/// H (size x size) being the block's part of a Gram matrix, W size x outputs by rows.
class BlockStep {
 public:
  BlockStep() = default;

  /// Takes H, by columns. O(size^3) once per block, for blocks up to a few hundred coordinates;
  /// larger ones keep an upper bound of the eigenvalues only.
  BlockStep(Index size, const double* H, Index ld);

  /// An upper bound of the largest eigenvalue.
  double bound() const { return bound_; }

  /// Moves w to the minimiser (or, for a sparse penalty or a large block, a few steps towards it),
  /// `residual` being v - H w on entry. Returns false if w stays as it is.
  /// O(size^2 outputs), and O(size) a step for the root of one scalar equation.
  bool operator()(const penalty::BlockNorm& norm, Index outputs, double* w, const double* residual,
                  std::vector<double>& scratch) const;

 private:
  void exact(const penalty::BlockNorm& norm, Index outputs, double* w, const double* residual,
             std::vector<double>& scratch) const;
  bool majorised(const penalty::BlockNorm& norm, Index outputs, double* w, const double* residual,
                 std::vector<double>& scratch) const;

  Index size_ = 0;
  double bound_ = 0.0;
  std::vector<double> gram_;     ///< size x size
  std::vector<double> values_;   ///< eigenvalues, empty for a large block
  std::vector<double> vectors_;  ///< size x size, by columns
};

/// h >= 0 with sum_i squares_i / ((values_i + ridge) h + norm)^2 = 1: the norm of the minimiser in
/// the eigenbasis (squares: of the rows of V'v). Zero if sum_i squares_i <= norm^2.
double norm_root(const double* squares, const double* values, Index size, double ridge,
                 double norm);

/// In place, the proximal point of a block's penalty times 1 / curvature:
/// argmin_u curvature ||u - z||^2 / 2 + lasso ||u||_1 + norm ||u|| + ridge ||u||^2 / 2.
void prox_norm(const penalty::BlockNorm& norm, double curvature, Index size, double* z);

}  // namespace taut::solver
