// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/bilevel/lower.hpp"
#include "taut/core/monitor.hpp"

namespace taut::bilevel {

enum class Method {
  automatic,  ///< directly where the problem can, else newton
  fista,      ///< accelerated gradient steps 1 / L for strong convexity mu
  newton      ///< Newton steps by conjugate gradients, with a line search
};

enum class Ending { converged, max_iter, stagnated, not_finite };

struct LowerSolution {
  std::vector<double> x;
  double grad_norm = 0.0;  ///< at x itself: |x - xhat| <= grad_norm / mu
  Index n_grad = 0;        ///< evaluations of value and gradient
  Index n_hvp = 0;         ///< products with the Hessian
  Ending ending = Ending::converged;
};

/// Approximate minimiser of h(., theta) from x0, until |grad h| <= tol or n_grad + n_hvp reaches
/// max_iter. set_theta() must have been called.
///
/// fista is the scheme for strongly convex functions of Chambolle and Pock (Acta Numerica 25, 2016,
/// algorithm 5), whose gradients are those at the extrapolated points; the one with the small
/// gradient is what is returned. An iteration of either kind costs one gradient or one product.
LowerSolution solve_lower(LowerProblem& problem, const double* x0, Method method, double tol,
                          Index max_iter, Monitor& monitor);

struct Adjoint {
  std::vector<double> q;
  double residual = 0.0;  ///< |H q - rhs|, of q itself
  Index n_hvp = 0;
  Ending ending = Ending::converged;
};

/// q with |H q - rhs| <= tol by conjugate gradients from q0, at the point last evaluated. The
/// residual is computed anew before it is believed.
Adjoint solve_adjoint(LowerProblem& problem, const double* rhs, const double* q0, Method method,
                      double tol, Index max_iter, Monitor& monitor);

}  // namespace taut::bilevel
