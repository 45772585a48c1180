// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/linalg/cholesky.hpp"
#include "taut/solver/gram_model.hpp"

namespace taut::solver {

/// Minimises over w (m coordinates), with a Gram matrix at hand,
///
///   w'G w / 2 - c'w + sum_a ( l1_a |w_a| + l2_a w_a^2 / 2 ),   lower_a <= w_a <= upper_a.
///
/// Two moves alternate (spec of the engine, routes C and D): sweeps of coordinate descent, which
/// settle who is zero, and Newton steps on the nonzero coordinates with their signs held, which are
/// exact once that is settled. A step that would take a coordinate through zero or a bound ends
/// there and releases it. The Cholesky factor of the active block is updated as coordinates come
/// and go and survives from call to call, so a neighbouring problem costs O(|S|^2) a change.
///
/// State: q = c - G w for all m coordinates, kept exact under every move. O(m) per coordinate move,
/// O(|S| (|S| + m)) per Newton step; no virtual call.
class ActiveSetQP final : public GramModel {
 public:
  void resize(Index size) override;
  void clear() override;
  /// Drops the factor.
  void gram_changed() override;
  bool takes_single_coordinates() const override { return true; }
  void load(const penalty::Penalty& penalty, const Coordinate* coordinates, double scale) override;

  penalty::Piece& piece(Index a) { return pieces_[static_cast<std::size_t>(a)]; }

  /// Until every coordinate's subdifferential distance is at most `target`.
  Report solve(double target, Index max_rounds, int n_threads) override;

  /// Largest subdifferential distance over all coordinates.
  double violation() const;

 private:
  double coordinate_violation(Index a) const;
  void sweep(const std::vector<Index>& coordinates);
  void sync_factor();
  bool slide(Index a);
  void release(Index i);
  Index newton(int n_threads);

  std::vector<penalty::Piece> pieces_;
  linalg::UpdatableCholesky factor_;
  std::vector<Index> support_;     ///< coordinates in the factor, in its order
  std::vector<Index> position_;    ///< place in support_ or -1
  std::vector<double> factor_l2_;  ///< l2 with which each coordinate was factored
  std::vector<double> change_;     ///< scratch of newton(): zero between calls
  Index removals_ = 0;             ///< since the factor was last built from the Gram
};

}  // namespace taut::solver
