// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/solver/block_step.hpp"
#include "taut/solver/gram_model.hpp"

namespace taut::solver {

/// Minimises over W, made of blocks W_g of coordinates (rows of W), with a Gram matrix at hand,
///
///   sum_k ( W_k'G W_k / 2 - c_k'W_k )
///     + sum_g ( lasso_g ||W_g||_1 + norm_g ||W_g||_F + ridge_g ||W_g||_F^2 / 2 ).
///
/// Two moves alternate. Sweeps of block coordinate descent, each block minimised exactly in its
/// eigenbasis (BlockStep), settle which blocks are zero. Newton steps on the nonzero blocks, with the
/// Hessian of the norms, take over where blocks are so dependent that sweeps are slow: their linear
/// systems are solved by conjugate gradients, preconditioned by the Cholesky factor of an earlier
/// Hessian, so that along a path a factor serves many steps. A step is damped until the objective
/// falls; with a lasso part it holds the signs, and what would change sign stops at zero.
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
    Index begin = 0;  ///< first coordinate
    Index size = 0;   ///< coordinates
    penalty::BlockNorm norm;
  };

  Index width(const Block& g) const { return g.size * outputs_; }
  double* rows(const Block& g) { return &w_[static_cast<std::size_t>(g.begin * outputs_)]; }
  const double* rows(const Block& g) const {
    return &w_[static_cast<std::size_t>(g.begin * outputs_)];
  }
  bool is_zero(const Block& g) const;
  double violation(const Block& g) const;
  double worst(const std::vector<Index>& blocks) const;
  void shift(Index begin, Index size, const double* change);
  void sweep(const std::vector<Index>& blocks);

  void take_support();
  void multiply(const std::vector<double>& d, std::vector<double>& out) const;
  void apply_hessian(const std::vector<double>& d, const std::vector<double>& gram_d,
                     std::vector<double>& out) const;
  void refactor();
  void precondition(const std::vector<double>& r, std::vector<double>& z);
  bool newton(double target);

  std::vector<Block> blocks_;
  std::vector<BlockStep> steps_;  ///< of the blocks whose part of G is known
  std::vector<double> old_, scratch_;

  // The nonzero blocks, as newton() sees them: coordinates `place_` of the model, side by side.
  std::vector<Index> support_;     ///< blocks
  std::vector<Index> place_;       ///< coordinates
  std::vector<double> curvature_;  ///< norm_g / ||W_g|| of each coordinate's block
  std::vector<double> unit_;       ///< W_g / ||W_g||, by rows
  std::vector<char> held_;         ///< entries at zero under a lasso part; empty if there is none
  std::vector<double> support_gram_;

  std::vector<double> factor_;       ///< Cholesky factor of an earlier Hessian
  std::vector<Index> factor_place_;  ///< its coordinates
  std::vector<Index> factor_of_;     ///< by coordinate of the model, place in the factor or -1
  std::vector<double> padded_;
  bool factored_ = false;
  Index spent_ = 0;  ///< iterations that a fresh factor would have saved since the last
};

}  // namespace taut::solver
