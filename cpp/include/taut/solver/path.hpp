// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/core/monitor.hpp"
#include "taut/datafit/datafit.hpp"
#include "taut/design/design.hpp"
#include "taut/penalty/penalty.hpp"

namespace taut::solver {

/// How each restricted problem is solved.
enum class Route {
  automatic,  ///< Gram while it pays, else naive
  gram,       ///< Gram matrix of the candidates, coordinate descent and active-set Newton
  naive,      ///< coordinate descent on the residual; any penalty, any size
  fista,      ///< first-order methods (solver/first_order.hpp): products with X and X' only
  accelerated_gradient,
  conjugate_gradient,
};

struct PathOptions {
  std::vector<double> alphas;  ///< in this order; empty: n_alphas from alpha_max to eps * alpha_max
  Index n_alphas = 100;
  double eps = 1e-3;
  bool fit_intercept = true;
  bool standardize = false;
  /// Relative to the loss of the null model; for a penalty without a dual, to its largest gradient.
  double tol = 1e-6;
  Index max_iter = 1000;
  bool early_stop = false;
  Index max_active = -1;  ///< end the path when more features are active; < 0: no limit
  Route route = Route::automatic;
  int n_threads = 1;
};

/// Where the coefficients of a path go: the caller owns the memory.
struct PathOutput {
  double* coefs = nullptr;       ///< k x K x p, on the original scale of X
  double* intercepts = nullptr;  ///< k x K
  /// False if coefs is not zero yet: it is cleared as the path goes, while a row is in the cache.
  bool zeroed = true;
};

struct PathReport {
  Index n_done = 0;  ///< alphas solved; fewer than asked after an early stop
  std::vector<double> alphas, objective, dev_ratio;
  std::vector<double> dual_gaps;   ///< NaN for a penalty without a dual
  std::vector<double> stop_crits;  ///< largest subdifferential distance of such a one, else NaN
  std::vector<Index> n_iter, n_active;
  std::vector<double> sigmas;  ///< of a root-mean-square loss; empty for others
  std::vector<char> converged;
  double null_loss = 0.0;
  double tol_unit = 0.0;  ///< what duality gaps are compared with, times the tolerance
  double alpha_max = 0.0;
  bool finite = true;  ///< false: X holds NaN or infinity and nothing was solved
  Index full_passes = 0;
  double partial_passes = 0.0;  ///< in units of a full pass
  Index candidates = 0;         ///< features that were ever in the working set
  Index rounds = 0;             ///< restricted problems solved
};

/// Number of alphas that fit_path() will be asked for: what the caller allocates.
Index path_length(const PathOptions& options);

/// Solves min F(b0 + X B) + alpha * Omega(B) for a sequence of alphas by warm starts over a working
/// set of features, each alpha until the duality gap of the whole problem is at most
/// tol * F(null); a penalty without a dual is held to its subdifferential distance instead, against
/// tol times the largest pull of the null model. The gap is computed from the final iterate of each alpha; features outside of the
/// working set enter it by a certified bound or by their exact gradient (GradientBounds).
///
/// `start_coef` (K x p, original scale) and `start_intercept` (K) may be null.
PathReport fit_path(const design::Design& X, const datafit::Datafit& datafit,
                    penalty::Penalty& penalty, const double* offset, const PathOptions& options,
                    const double* start_coef, const double* start_intercept, PathOutput out,
                    Monitor& monitor);

}  // namespace taut::solver
