// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "taut/datafit/quadratic.hpp"
#include "taut/datafit/sqrt_quadratic.hpp"
#include "taut/solver/inner_solver.hpp"

namespace taut::solver {

/// Inner solver for the root-mean-square loss and any convex penalty: the solution at strength alpha
/// is the least-squares one at alpha sigma, sigma = max(sigma_min, ||y - eta||), so a solver for
/// least squares does the work and one number is left to be found (Sun and Zhang, Biometrika 99,
/// 2012, section 2, whose iteration it shortens).
///
/// While the support and its signs stay, ||y - eta||^2 = a + (alpha sigma)^2 q with constants a and q
/// (Lasso), so the fixed point follows from two solutions, and from one where q is known from the
/// strength before. Between pieces the secant is kept inside of the bracket that the falling ratio
/// ||y - eta|| / sigma gives.
/// A positive sigma_min keeps the least-squares strength away from zero where the fit interpolates.
class ScaledLasso final : public InnerSolver {
 public:
  using Make = std::function<std::unique_ptr<InnerSolver>(const Problem&)>;

  /// `problem` has a SqrtQuadratic datafit, no offset and no intercept; `penalty` is the problem's
  /// own, whose strength is borrowed during a solve; `make` gives the solver for least squares.
  ScaledLasso(const Problem& problem, penalty::Penalty& penalty, const Make& make);

  void add(const Index* features, Index count) override;
  InnerReport solve(Iterate& at, double target, Index max_iter, Monitor& monitor) override;

 private:
  const Problem& problem_;
  penalty::Penalty& penalty_;
  const datafit::SqrtQuadratic& root_;
  datafit::Quadratic squares_;
  Problem least_squares_;
  std::unique_ptr<InnerSolver> inner_;
  std::vector<Index> features_;
  std::vector<double> grad_;
  double alpha_ = 0.0;      ///< the last strength
  double stiffness_ = 0.0;  ///< q found there
};

}  // namespace taut::solver
