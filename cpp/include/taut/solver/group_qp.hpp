// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/linalg/cholesky.hpp"
#include "taut/solver/active_set_qp.hpp"

namespace taut::solver {

/// Minimises over w, made of blocks w_g of `width` coordinates, with a Gram matrix at hand,
///
///   w'G w / 2 - c'w + sum_g ( l1_g ||w_g||_2 + l2_g ||w_g||_2^2 / 2 ).
///
/// Two moves alternate: sweeps of block coordinate descent, each block solved by a few exact
/// majorised steps (L_g the largest eigenvalue of its diagonal block), which settle which blocks are
/// zero; and Newton steps on the nonzero blocks with the Hessian of the norm, damped until the
/// objective falls, which converge quadratically once that is settled.
///
/// State as in ActiveSetQP: q = c - G w for all coordinates, kept under every move.
class GroupQP {
 public:
  explicit GroupQP(Index width) : width_(width) {}

  /// Appends blocks of zeros: `size` coordinates in all, a multiple of the width.
  void resize(Index size);
  Index size() const { return size_; }

  double* column(Index a) { return &gram_[static_cast<std::size_t>(a * ld_)]; }
  const double* column(Index a) const { return &gram_[static_cast<std::size_t>(a * ld_)]; }
  Index ld() const { return ld_; }
  /// Says that entries of G changed among coordinates whose block bound is already known.
  void gram_changed();

  double& l1(Index block) { return l1_[static_cast<std::size_t>(block)]; }
  double& l2(Index block) { return l2_[static_cast<std::size_t>(block)]; }
  double& w(Index a) { return w_[static_cast<std::size_t>(a)]; }
  double w(Index a) const { return w_[static_cast<std::size_t>(a)]; }
  double& q(Index a) { return q_[static_cast<std::size_t>(a)]; }
  double q(Index a) const { return q_[static_cast<std::size_t>(a)]; }

  /// Until every block's subdifferential distance is at most `target`.
  ActiveSetQP::Report solve(double target, Index max_rounds, int n_threads);

 private:
  Index blocks() const { return size_ / width_; }
  double block_violation(Index g) const;
  void update_bounds();
  void sweep(const std::vector<Index>& blocks);
  bool newton();

  Index width_;
  Index size_ = 0;
  Index ld_ = 0;
  Index bounded_ = 0;  ///< blocks whose bound_ is known
  std::vector<double> gram_, w_, q_, l1_, l2_, bound_;
  std::vector<double> step_, old_;
};

}  // namespace taut::solver
