// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <vector>

#include "taut/core/buffer.hpp"
#include "taut/datafit/huber.hpp"
#include "taut/solver/active_set_qp.hpp"
#include "taut/solver/inner_solver.hpp"

namespace taut::solver {

/// Inner solver for Huber's loss and a penalty made of linear-quadratic pieces, exact whatever delta
/// is. The loss is least squares in which every row may be moved at a price (She and Owen, J. Am.
/// Stat. Assoc. 106, 2011, section 2),
///
///   l(y, eta) = min over o of  (y - eta - o)^2 / 2 + delta |o|,
///
/// so the model is a Lasso over the columns of X and of the identity, and what solves the Lasso
/// solves it: ActiveSetQP on the Gram matrix of the candidates, rows beyond delta among them. Rows
/// come in as features do, when they violate their condition |y - eta| <= delta.
///
/// Memory: (m + rows ever beyond delta)^2 doubles, and for a dense X the n x m candidates.
class HuberGram final : public InnerSolver {
 public:
  explicit HuberGram(const Problem& problem);

  /// For penalties that take single coordinates, and one intercept at most.
  static bool fits(const Problem& problem);

  void add(const Index* features, Index count) override;
  /// Leaves the iterate at a point that is no solution if too_large() turns true on the way.
  InnerReport solve(Iterate& at, double target, Index max_iter, Monitor& monitor) override;

  /// More candidates than a Gram matrix should hold.
  bool too_large() const { return qp_.size() > k_most; }

 private:
  static constexpr Index k_most = 4096;

  bool join_rows();

  const Problem& problem_;
  const datafit::Huber& huber_;
  ActiveSetQP qp_;
  std::vector<Index> features_, rows_;            ///< in the order in which they came
  std::vector<Index> feature_place_, row_place_;  ///< coordinates of these
  std::vector<Index> place_of_row_;               ///< -1: not a candidate
  Buffer<double> packed_;  ///< dense X: sqrt(s) o z_j of the candidates, n x m
  std::vector<double> root_weights_, rest_, column_, block_, grad_;
};

/// HuberGram while its Gram matrix is of a size to keep, ProxNewton from then on.
class AutomaticHuber final : public InnerSolver {
 public:
  explicit AutomaticHuber(const Problem& problem);

  void add(const Index* features, Index count) override;
  InnerReport solve(Iterate& at, double target, Index max_iter, Monitor& monitor) override;

 private:
  void switch_over();

  const Problem& problem_;
  HuberGram* gram_ = nullptr;  ///< what inner_ is, until the switch
  std::unique_ptr<InnerSolver> inner_;
  std::vector<Index> features_;
};

}  // namespace taut::solver
