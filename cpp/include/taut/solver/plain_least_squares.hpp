// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "taut/core/monitor.hpp"
#include "taut/datafit/sqrt_quadratic.hpp"
#include "taut/design/dense.hpp"
#include "taut/solver/problem.hpp"
#include "taut/solver/reduction.hpp"

namespace taut::solver {

/// Least squares, or its root, without intercept and offset: columns are centred, and what is to be
/// fitted is the residual of the null model, which also keeps the gap exact for a y of large mean and
/// small variance. With many rows and few columns, p rows take the place of n (Reduction).
class PlainLeastSquares {
 public:
  /// `eta` (n x K) is the null model's; `grad` (p x K) are the gradients of the datafit there.
  PlainLeastSquares(const Problem& full, const std::vector<double>& eta,
                    const std::vector<double>& grad, bool may_reduce, Monitor& monitor);

  /// True for the datafits that this is for.
  static bool serves(const datafit::Datafit& datafit);

  const Problem& problem() const { return *problem_; }

  /// What objectives of the full problem have more than those of this one.
  double shift() const { return reduction_ && !root_ ? 0.5 * reduction_->rest : 0.0; }

  /// Of the root-mean-square loss, at an iterate of problem().
  struct Root {
    double sigma = 0.0;
    double norm = 0.0;          ///< root of the mean square residual
    double loss_excess = 0.0;   ///< by which the loss of problem() is above the full one's
    double gap_shortage = 0.0;  ///< by which a gap of problem() may be below the full one's
  };
  std::optional<Root> root(const Iterate& at) const;

 private:
  void make_datafit(Index rows, Index outputs, const double* y, const double* weights);
  bool keep_rest(double total);

  std::vector<double> target_;
  const datafit::SqrtQuadratic* root_;  ///< of the full problem, or null
  std::optional<Reduction> reduction_;
  std::optional<design::Dense<double>> X_;
  std::optional<design::Standardized> Z_;
  std::unique_ptr<datafit::Datafit> fit_;
  std::optional<Problem> problem_;
};

}  // namespace taut::solver
