// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/design/packed.hpp"
#include "taut/penalty/folded.hpp"
#include "taut/solver/inner_solver.hpp"

namespace taut::solver {

/// Inner solver for a quadratic datafit and any penalty: cyclic coordinate descent on the residual,
/// O(nnz_j) per coordinate and no memory beyond a few vectors (and, for a sparse X, the entries of
/// the working set once more), for working sets whose Gram matrix would be too large or too dear.
///
/// Between sweeps over the support, penalties made of linear-quadratic pieces take a Newton step on
/// it (spec of the engine, route D, without a factor): conjugate gradients on the support's normal
/// equations with the signs held. The step is projected, coordinates that would change sign ending
/// at zero, and accepted only if the objective falls; else it stops at the first sign change. That
/// replaces the slow tail of coordinate descent on nearly dependent columns, whose number of sweeps
/// grows with the condition number, by one that grows with its root.
class CoordinateDescent final : public InnerSolver {
 public:
  explicit CoordinateDescent(const Problem& problem);

  void add(const Index* features, Index count) override;
  InnerReport solve(Iterate& at, double target, Index max_iter, Monitor& monitor) override;

 private:
  /// What a coordinate move needs of its feature, side by side in memory.
  struct Slot {
    Index feature;
    Index column;  ///< in packed_ or in X
    double mean;
    double inverse_scale;
    double curvature;  ///< ||z_j||_s^2
    double coef;
    penalty::Piece piece;
    penalty::Folded folded;
  };
  struct Local {
    double rest, bend;
  };

  double gradient(const Slot& slot) const;
  void shift_residual(const Slot& slot, double change);
  void sweep(const std::vector<Index>& slots);
  Local local(const Slot& slot) const;
  double wall(const Slot& slot, double direction, bool pieces) const;
  void newton(const std::vector<Index>& support);
  void apply_normal(const std::vector<Index>& slots, const std::vector<double>& v,
                    std::vector<double>& out);
  double gap(const std::vector<Index>& slots);
  double support_objective(const std::vector<Index>& slots) const;
  void load(const Iterate& at);
  void store(Iterate& at) const;

  const Problem& problem_;
  bool sparse_;
  design::PackedColumns packed_;
  std::vector<Index> features_;
  std::vector<Slot> slots_;
  bool pieces_ = true;                  ///< every feature so far is a linear-quadratic piece
  bool folded_ = true;                  ///< every feature so far has a folded penalty
  double uniform_ = 0.0;                ///< the common weight, 0 if weights differ
  std::vector<double> residual_;        ///< without its constant part
  double constant_ = 0.0;               ///< true residual = residual_ + constant_
  design::PackedColumns support_;       ///< columns of the support, scaled: newton()'s matrix
  std::vector<double> scales_, means_;  ///< of the support
  std::vector<double> product_;         ///< scratch of length n
  std::vector<Index> listed_;           ///< scratch of gap()
  std::vector<double> rows_, grad_;     ///< scratch of gap()
};

}  // namespace taut::solver
