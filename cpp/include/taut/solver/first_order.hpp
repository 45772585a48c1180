// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/solver/composite.hpp"
#include "taut/solver/inner_solver.hpp"

namespace taut::solver {

enum class Method {
  /// Proximal gradient with fixed step 1 / L.
  proximal_gradient,
  /// FISTA (Beck and Teboulle, SIAM J. Imaging Sci. 2, 2009), restarted when the step turns against
  /// the gradient (O'Donoghue and Candes, Found. Comput. Math. 15, 2015); where the penalty is not
  /// convex, monotone: a step that does not lower the objective is replaced by one from the last
  /// point.
  fista,
  /// Accelerated gradient for nonconvex composite problems (Ghadimi and Lan, Math. Program. 156,
  /// 2016) with the settings of Yang, Asgharian and Bhatnagar (Stat. Comput., 2024, arXiv
  /// 2009.10629) for MCP and SCAD: the concave part belongs to the smooth one.
  accelerated_gradient,
  /// The same with the settings of Ghadimi and Lan, for comparison.
  accelerated_gradient_original,
  /// Proximal steps of Barzilai-Borwein length, and while they leave the support alone nonlinear
  /// conjugate gradients (Polak-Ribiere) on it.
  conjugate_gradient,
};

/// What a run of a first-order method reports of every iteration, if asked to.
struct Trace {
  std::vector<double> objective;
  std::vector<double> products;  ///< with Z or Z', so far
};

struct FirstOrderOptions {
  Method method = Method::fista;
  double target = 0.0;  ///< stop_crit() at which to stop; negative: never
  Index max_iter = 1000;
  double floor = -1e300;  ///< objective at which to stop
  Index check_every = 10;
};

/// Iterates from `point`, which is replaced by the last iterate (of the accelerated gradient, the
/// aggregate, which satisfies a prox equation and is exactly sparse). Returns the iterations spent;
/// `converged` tells why. A product with Z and one with Z' an iteration; `lipschitz` (<= 0: computed)
/// is doubled where the datafit has no bound and the model fails.
Index minimise(Composite& model, Point& point, const FirstOrderOptions& options, double& lipschitz,
               bool& converged, Trace* trace, Monitor& monitor);

/// What fit_first_order() leaves behind.
struct FirstOrderFit {
  std::vector<double> coef;       ///< K x p, on the original scale of X
  std::vector<double> intercept;  ///< K
  Trace trace;
  Index iterations = 0;
  double stop_crit = 0.0;
  double lipschitz = 0.0;
  bool converged = false;
  bool finite = true;  ///< false: X holds NaN or infinity and nothing was done
};

/// One method on one problem with all features, no working set, and every iteration written down: for
/// comparing methods. `start` (K x p, original scale) may be null. options.target is relative to the
/// largest gradient at zero coefficients.
FirstOrderFit fit_first_order(const design::Design& X, const datafit::Datafit& datafit,
                              penalty::Penalty& penalty, double alpha, bool fit_intercept,
                              bool standardize, FirstOrderOptions options, const double* start,
                              int n_threads, Monitor& monitor);

/// A first-order method as inner solver of the path. Needs a Z that can be multiplied with and a
/// penalty with a prox, nothing else. Coordinates outside of what stop_crit() allows although a step
/// of length 1 / L leaves them alone (penalties that jump) get a step of their own length 1 / L_j.
class FirstOrder final : public InnerSolver {
 public:
  FirstOrder(const Problem& problem, Method method) : problem_(problem), method_(method) {}

  /// Why a method does not go with a problem; null if it does.
  static const char* refusal(const Problem& problem, Method method);

  void add(const Index* features, Index count) override;
  InnerReport solve(Iterate& at, double target, Index max_iter, Monitor& monitor) override;

 private:
  bool kick(Composite& model, Point& point) const;

  const Problem& problem_;
  Method method_;
  std::vector<Index> features_;
  std::vector<double> grad_;
  double lipschitz_ = 0.0;
};

}  // namespace taut::solver
