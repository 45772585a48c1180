// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/linalg/cholesky.hpp"
#include "taut/penalty/folded.hpp"
#include "taut/solver/gram_model.hpp"

namespace taut::solver {

/// Finds a local minimum over w (m coordinates), with a Gram matrix at hand, of
///
///   w'G w / 2 - c'w + sum_a pen_a(w_a),   pen_a a Folded penalty (MCP, SCAD, CEL0, L0, lq, L1).
///
/// The moves are those of ActiveSetQP, for pieces that bend the other way. Sweeps take the global
/// minimum of one coordinate at a time, which settles who is zero. Newton steps move all nonzero
/// coordinates with their pieces held; a coordinate that reaches the end of its piece goes on in the
/// next one, with that one's curvature in the factor, so that one call follows the whole way to the
/// minimum. A coordinate whose pivot is negative makes the Hessian indefinite: along the direction
/// that it adds the objective falls without a minimum inside the present pieces, and slide() follows
/// it to where a piece ends. Every move lowers the objective.
///
/// For lq, whose pieces are not quadratic, the factor holds second derivatives that are renewed only
/// once they are off by a share of the diagonal, and the step is searched.
///
/// The Cholesky factor survives from call to call: a neighbouring problem costs O(|S|^2) a change.
/// State and costs as in ActiveSetQP.
class SeparableQP final : public GramModel {
 public:
  void resize(Index size) override;
  void clear() override;
  /// Drops the factor.
  void gram_changed() override;
  bool takes_single_coordinates() const override { return true; }
  void load(const penalty::Penalty& penalty, const Coordinate* coordinates, double scale) override;

  penalty::Folded& term(Index a) { return terms_[static_cast<std::size_t>(a)]; }

  /// Until penalty::violation() of every coordinate, at the curvature G_aa, is at most `target`.
  Report solve(double target, Index max_rounds, int n_threads) override;

 private:
  double coordinate_violation(Index a) const;
  double pull(Index a) const;
  double bend(Index a, double direction) const;
  bool wanted(Index a) const;
  void sweep(const std::vector<Index>& coordinates);
  bool append(Index a, double direction);
  void sync_factor();
  bool slide(Index a);
  void release(Index i);
  double room(Index a, double direction, double& wall) const;
  double search(const std::vector<double>& rhs, const std::vector<double>& direction,
                double longest) const;
  void shift(const std::vector<Index>& moved, const std::vector<double>& change, int n_threads);
  bool newton(int n_threads);

  std::vector<penalty::Folded> terms_;
  linalg::UpdatableCholesky factor_;
  std::vector<Index> support_;       ///< coordinates in the factor, in its order
  std::vector<Index> position_;      ///< place in support_ or -1
  std::vector<double> factor_bend_;  ///< second derivative with which each was factored
  std::vector<double> change_;       ///< scratch of newton()
  std::vector<double> row_;          ///< scratch of append()
  Index removals_ = 0;               ///< since the factor was last built from the Gram
};

}  // namespace taut::solver
