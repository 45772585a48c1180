// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <limits>
#include <optional>

#include "taut/core/monitor.hpp"
#include "taut/solver/problem.hpp"

namespace taut::solver {

struct InnerReport {
  Index iterations = 0;
  /// Duality gap of the problem restricted to the working set; NaN if the solver does not need it.
  double gap = std::numeric_limits<double>::quiet_NaN();
  bool converged = false;  ///< by the solver's own lights; the certificate is the driver's
  /// Gradients of the working set at the returned iterate, K per feature in the order of add(), if
  /// the solver has them; valid until its next call.
  const double* grad = nullptr;
  /// Value of the datafit there, if the solver has it.
  std::optional<double> value;
};

/// Minimises a problem over a growing working set of features and the intercept. The path driver
/// decides which features those are; the inner solver decides how.
class InnerSolver {
 public:
  virtual ~InnerSolver() = default;

  /// Features that join the working set (each once; they start at the iterate's coefficients).
  virtual void add(const Index* features, Index count) = 0;

  /// Minimises over the working set, at the penalty's present alpha, until the duality gap of the
  /// restricted problem is at most about `target` or `max_iter` outer iterations are spent. On return the
  /// iterate is complete: coef, intercept, eta and residual belong together, and the intercept's
  /// gradient is zero to rounding.
  virtual InnerReport solve(Iterate& at, double target, Index max_iter, Monitor& monitor) = 0;
};

}  // namespace taut::solver
