// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/ot/certificate.hpp"
#include "taut/ot/semi_dual.hpp"

namespace taut::ot {

enum class SmoothSolver {
  automatic,  ///< Newton; bundle where the semi-dual has a kink at its maximum
  newton,     ///< semismooth Newton with conjugate gradients
  lbfgs,      ///< the method of the paper
  bundle      ///< proximal bundle, for any concave function
};

struct SmoothOptions {
  SmoothSolver solver = SmoothSolver::automatic;
  bool dual = false;      ///< L-BFGS on both potentials instead of the semi-dual
  double tol = 1e-6;      ///< on the L1 error of the row sums, relative to the mass of a
  Index max_iter = 1000;  ///< evaluations of the (semi-)dual
};

struct SmoothReport {
  std::vector<double> alpha;
  SemiDualPoint point;  ///< at alpha: k-sparse plan, columns exact (dual form: nearly)
  ColumnPlan relaxed;   ///< rows and columns exact; its value bounds the optimum from above
  PlanValue relaxed_value;
  bool converged = false;
  double error = 0.0;  ///< L1 row error of what converged (of `relaxed` before repair)
  std::vector<double> errors, values;  ///< after each accepted step
  bool used_bundle = false;
};

/// Maximises the semi-dual.
///
/// Newton: where no ties are, S is quadratic with Hessian -(1/gamma) sum_j (I_j - 11'/|A_j|) on the
/// active rows A_j of column j, the Laplacian of a graph, so a system costs O(nnz(T)) per step of
/// conjugate gradients and never touches C (Lorenz, Manns, Meyer 2021, for k = n). Levenberg
/// damping and a backtracking line search make it global; strengths above gamma come first.
///
/// Bundle (spec of a proximal bundle method with aggregation, Lemarechal and Sagastizabal 1997):
/// for small k the maximum is a kink, where gradient methods stop early and a plan with k entries
/// and exact rows need not exist. The convex combination of the plans met is optimal for the
/// relaxation.
SmoothReport maximise(SemiDual& problem, const SmoothOptions& options, std::vector<double> start);

namespace detail {

/// min over the simplex of lambda'Q lambda / 2 + e'lambda by an active-set method; lambda is the
/// start and the result. Q is (size, size) row-major, positive semidefinite.
void simplex_qp(const std::vector<double>& Q, const std::vector<double>& e, Index size,
                std::vector<double>& lambda);

/// Both continue from report.alpha and report.point.
bool newton(SemiDual& problem, double target, Index budget, SmoothReport& report);
bool bundle(SemiDual& problem, double tol, Index budget, SmoothReport& report);
bool lbfgs(SemiDual& problem, double target, Index budget, bool dual, SmoothReport& report);

double row_error(const SemiDual& problem, const std::vector<double>& row_mass);

}  // namespace detail
}  // namespace taut::ot
