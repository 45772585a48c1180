// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/ot/certificate.hpp"
#include "taut/ot/semi_dual.hpp"

namespace taut::ot {

enum class SmoothSolver {
  automatic,  ///< Newton; proximal where the semi-dual has a kink at its maximum
  newton,     ///< semismooth Newton with conjugate gradients
  lbfgs,      ///< the method of the paper
  proximal,   ///< proximal points of the plan, each by Newton
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
  Index n_mixed = 0;   ///< columns of `relaxed` that mix choices of k entries, or with ties
  std::vector<double> errors, values;  ///< after each accepted step
  bool used_relaxation = false;        ///< `relaxed` comes from the bundle or proximal method
};

/// Maximises the semi-dual.
///
/// Newton: where no ties are, S is quadratic with Hessian -(1/gamma) sum_j (I_j - 11'/|A_j|) on the
/// active rows A_j of column j, the Laplacian of a graph, so a system costs O(nnz(T)) per step of
/// conjugate gradients and never touches C (Lorenz, Manns, Meyer 2021, for k = n). Levenberg
/// damping and a backtracking line search make it global; strengths above gamma come first.
///
/// Proximal: for small k the maximum is a kink, where gradient methods stop early and a plan with k
/// entries and exact rows need not exist. With rho/2 |T - T_r|^2 added, T_r the last plan, the
/// relaxation has a smooth semi-dual again, which Newton maximises (the projection of a column is
/// k_support_projection). The relaxation is piecewise quadratic, so the plans and potentials
/// converge at any linear rate for a small enough rho (Rockafellar 1976; Luque 1984), which falls
/// from step to step. Stops on the duality gap.
///
/// Bundle (spec of a proximal bundle method with aggregation, Lemarechal and Sagastizabal 1997):
/// needs evaluations only, hundreds of them for a dozen rows. The convex combination of the plans
/// met is optimal for the relaxation.
SmoothReport maximise(SemiDual& problem, const SmoothOptions& options, std::vector<double> start);

namespace detail {

/// min over the simplex of lambda'Q lambda / 2 + e'lambda by an active-set method; lambda is the
/// start and the result. Q is (size, size) row-major, positive semidefinite.
void simplex_qp(const std::vector<double>& Q, const std::vector<double>& e, Index size,
                std::vector<double>& lambda);

/// All continue from report.alpha and report.point.
bool newton(SemiDual& problem, double target, Index budget, SmoothReport& report);
bool bundle(SemiDual& problem, double tol, Index budget, SmoothReport& report);
bool proximal(SemiDual& problem, double tol, Index budget, SmoothReport& report);
bool lbfgs(SemiDual& problem, double target, Index budget, bool dual, SmoothReport& report);

double row_error(const SemiDual& problem, const std::vector<double>& row_mass);

}  // namespace detail
}  // namespace taut::ot
