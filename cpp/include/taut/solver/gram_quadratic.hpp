// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <vector>

#include "taut/core/buffer.hpp"
#include "taut/solver/gram_model.hpp"
#include "taut/solver/inner_solver.hpp"

namespace taut::solver {

/// Inner solver for a quadratic datafit, with one or several outputs, and a penalty that a GramModel
/// exists for: the Gram matrix of every feature that was ever a candidate is kept over the whole path
/// and each restricted problem is solved by the model. Outputs share the Gram matrix.
///
/// Memory: m^2 doubles for m candidates, and for a dense X their n x m standardised columns.
class GramQuadratic final : public InnerSolver {
 public:
  /// True if there is a model for the problem's penalty; the constructor asks for it.
  static bool fits(const Problem& problem);

  explicit GramQuadratic(const Problem& problem);

  void add(const Index* features, Index count) override;
  InnerReport solve(Iterate& at, double target, Index max_iter, Monitor& monitor) override;

 private:
  void fill_gram(Index first);
  void refresh_gradient(const Iterate& at, Index first);

  const Problem& problem_;
  std::unique_ptr<GramModel> model_;
  std::vector<Index> features_;
  std::vector<Coordinate> coordinates_;  ///< the same, as the model wants them
  Buffer<double> packed_;                ///< dense X: sqrt(s) o z_j of the candidates, n x m
  std::vector<double> root_weights_;
  std::vector<double> grad_;  ///< of the candidates, K each
  double largest_ = 0.0;      ///< gradient seen so far: its rounding stays in all others
  Index fresh_ = 0;           ///< candidates whose gradient is not known yet start here
};

}  // namespace taut::solver
