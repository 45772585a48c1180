// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/core/types.hpp"

/// Bilevel learning: min_theta g(xhat(theta)) with xhat(theta) = argmin_x h(x, theta).
namespace taut::bilevel {

/// What an error bound of a hypergradient needs to know of a lower problem near (x, theta), with
/// H = d2h/dx2 and J = d2h/(dx dtheta). All are bounds that hold, never estimates.
struct Constants {
  double mu = 0.0;          ///< H >= mu, for all x
  double smoothness = 0.0;  ///< H <= smoothness, for all x
  double cross_norm = 0.0;  ///< spectral norm of J at (x, theta)
  double lip_cross = 0.0;   ///< Lipschitz constant of J in x within the radius that was asked for
  double lip_hess = 0.0;    ///< and of H
};

/// h(., theta), twice continuously differentiable and strongly convex.
///
/// set_theta() comes first, then evaluate(); every other member but the constants that depend on
/// theta alone speaks of the last point evaluated, whose intermediate results are kept.
class LowerProblem {
 public:
  virtual ~LowerProblem() = default;

  virtual Index n_x() const = 0;
  virtual Index n_theta() const = 0;

  virtual void set_theta(const double* theta) = 0;
  /// h(x, theta); its gradient in x goes to `grad`.
  virtual double evaluate(const double* x, double* grad) = 0;
  /// out = H v.
  virtual void hvp(const double* v, double* out) = 0;
  /// out = J' q.
  virtual void cross_vjp(const double* q, double* out) = 0;
  /// out = dh/dtheta.
  virtual void grad_theta(double* out) = 0;

  virtual double mu() const = 0;
  virtual double smoothness() const = 0;
  /// Within `radius` of the last point evaluated.
  virtual Constants constants(double radius) = 0;

  /// Minimiser, and out = H^{-1} rhs, by factorising. False where there is no such way.
  virtual bool solve_directly(double* /*x*/) { return false; }
  virtual bool invert_directly(const double* /*rhs*/, double* /*out*/) { return false; }
};

}  // namespace taut::bilevel
