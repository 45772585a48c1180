// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <vector>

#include "taut/solver/inner_solver.hpp"

namespace taut::solver {

/// GramQuadratic while the working set is small enough for its Gram matrix to pay, CoordinateDescent
/// from then on (and from the start for penalties that are not linear-quadratic pieces).
class AutomaticQuadratic final : public InnerSolver {
 public:
  explicit AutomaticQuadratic(const Problem& problem);

  void add(const Index* features, Index count) override;
  InnerReport solve(Iterate& at, double target, Index max_iter, Monitor& monitor) override {
    return inner_->solve(at, target, max_iter, monitor);
  }

 private:
  const Problem& problem_;
  std::unique_ptr<InnerSolver> inner_;
  std::vector<Index> features_;
  Index most_;  ///< features in the Gram matrix; 0 after the switch
};

/// The inner solver for a quadratic datafit that needs no Gram matrix: CoordinateDescent, or
/// BlockDescent where there are blocks or several outputs.
std::unique_ptr<InnerSolver> make_naive(const Problem& problem);

}  // namespace taut::solver
