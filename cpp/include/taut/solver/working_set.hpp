// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <vector>

#include "taut/core/monitor.hpp"
#include "taut/penalty/penalty.hpp"
#include "taut/solver/gradient_bounds.hpp"
#include "taut/solver/inner_solver.hpp"
#include "taut/solver/path.hpp"

namespace taut::solver {

/// The inner solver that the options' route means for this problem.
std::unique_ptr<InnerSolver> make_inner(const Problem& problem, penalty::Penalty& penalty,
                                        const PathOptions& options);

/// Fits the intercept alone at zero coefficients.
void fit_null_intercept(const Problem& problem, Iterate& at, const PathOptions& options,
                        Monitor& monitor);

/// A prepared problem that is solved at one strength after another: who is in the working set, when
/// a strength is done. Views only; `options` are read at each run().
class WorkingSet {
 public:
  WorkingSet(const Problem& problem, penalty::Penalty& penalty, const PathOptions& options,
             InnerSolver& inner, double null_loss, Monitor& monitor);

  /// Features without penalty are in every model; fits the null model and seeds the bounds from its
  /// gradients (p x K), which are also left in `grad`.
  void start(Iterate& at, std::vector<double>& grad, bool grad_known);

  /// Takes in the features that a start has made nonzero.
  void warm_start(const Iterate& at);

  /// Says that thresholds of features changed by other factors than the strength.
  void thresholds_changed() { bounds_.thresholds_changed(); }

  struct Step {
    Index iterations = 0;
    double certificate = 0.0;  ///< duality gap, or subdifferential distance without a dual
    double loss = 0.0;         ///< datafit alone
    double objective = 0.0;    ///< with the penalty
    bool converged = false;
  };

  /// Solves at the penalty's present strength, from `at`, to options.tol.
  Step run(Iterate& at, Progress progress);

  Index active(const Iterate& at) const;
  /// Features whose last known gradient lies beyond the threshold of the present strength, and which
  /// are not in the set: run() would take in all of them.
  Index expected() { return static_cast<Index>(bounds_.beyond(in_set_).size()); }
  const std::vector<Index>& features() const { return set_; }
  const GradientBounds& bounds() const { return bounds_; }
  Index rounds() const { return rounds_; }

 private:
  static constexpr char k_in = 1, k_never = 2;

  void measure(const std::vector<double>& grad);
  void join(Index b);
  void flush();
  InnerReport solve(Iterate& at, double target);
  void admit_expected();
  void certify(const Iterate& at, const InnerReport& inner, Step& step);
  bool admit_violators(Index n_active);

  const Problem& problem_;
  penalty::Penalty& penalty_;
  const PathOptions& options_;
  InnerSolver& inner_;
  Monitor& monitor_;
  const penalty::Blocks& blocks_;
  double unit_;              ///< of certificates: they end at tol times this
  double least_goal_ = 0.0;  ///< what rounding leaves of certificates without a dual
  GradientBounds bounds_;
  std::vector<char> in_set_;
  std::vector<Index> set_, listed_;
  std::vector<double> listed_grad_;
  Index handed_over_ = 0;
  Index rounds_ = 0;
};

}  // namespace taut::solver
