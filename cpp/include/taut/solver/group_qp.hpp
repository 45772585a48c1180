// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/linalg/cholesky.hpp"
#include "taut/solver/gram_model.hpp"

namespace taut::solver {

/// Minimises over W, made of blocks W_g of coordinates (rows of W), with a Gram matrix at hand,
///
///   sum_k ( W_k'G W_k / 2 - c_k'W_k ) + sum_g ( l1_g ||W_g||_F + l2_g ||W_g||_F^2 / 2 ).
///
/// Two moves alternate: sweeps of block coordinate descent, each block solved by a few exact
/// majorised steps (L_g the largest eigenvalue of its diagonal block), which settle which blocks are
/// zero; and Newton steps on the nonzero blocks with the Hessian of the norm, damped until the
/// objective falls, which converge quadratically once that is settled.
class GroupQP final : public GramModel {
 public:
  explicit GroupQP(Index outputs) : GramModel(outputs) {}

  void clear() override;
  void gram_changed() override;
  void load(const penalty::Penalty& penalty, const Coordinate* coordinates, double scale) override;

  /// Until every block's subdifferential distance is at most `target`.
  Report solve(double target, Index max_rounds, int n_threads) override;

 private:
  struct Block {
    Index begin = 0;     ///< first coordinate
    Index size = 0;      ///< coordinates
    double bound = 0.0;  ///< of the eigenvalues of the diagonal block
    penalty::BlockNorm norm;
  };

  Index width(const Block& g) const { return g.size * outputs_; }
  double* rows(const Block& g) { return &w_[static_cast<std::size_t>(g.begin * outputs_)]; }
  const double* rows(const Block& g) const {
    return &w_[static_cast<std::size_t>(g.begin * outputs_)];
  }
  bool is_zero(const Block& g) const;
  double violation(const Block& g) const;
  void update_bounds();
  void shift(Index a, const double* change);
  void sweep(const std::vector<Index>& blocks);
  bool newton();

  std::vector<Block> blocks_;
  Index bounded_ = 0;  ///< blocks whose bound is known
  std::vector<double> step_, old_;
};

}  // namespace taut::solver
