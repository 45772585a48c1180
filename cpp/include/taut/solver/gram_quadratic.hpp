// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/solver/active_set_qp.hpp"
#include "taut/solver/inner_solver.hpp"

namespace taut::solver {

/// Inner solver for a quadratic datafit and a penalty made of linear-quadratic pieces: the Gram
/// matrix of every feature that was ever a candidate is kept over the whole path and each restricted
/// problem is solved exactly by ActiveSetQP.
///
/// Memory: m^2 doubles for m candidates, and for a dense X their n x m standardised columns.
class GramQuadratic final : public InnerSolver {
 public:
  explicit GramQuadratic(const Problem& problem);

  void add(const Index* features, Index count) override;
  InnerReport solve(Iterate& at, double target, Index max_iter, Monitor& monitor) override;

 private:
  void fill_gram(Index first);
  void refresh_q(const Iterate& at, Index first);

  const Problem& problem_;
  ActiveSetQP qp_;
  std::vector<Index> features_;
  std::vector<double> packed_;  ///< dense X: sqrt(s) o z_j of the candidates, n x m
  std::vector<double> root_weights_;
  std::vector<double> grad_;  ///< of the candidates, at the last returned iterate
  Index fresh_ = 0;           ///< candidates whose q is not known yet start here
};

}  // namespace taut::solver
