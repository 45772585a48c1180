// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <vector>

#include "taut/design/packed.hpp"
#include "taut/solver/gram_model.hpp"
#include "taut/solver/hessian_gram.hpp"
#include "taut/solver/inner_solver.hpp"

namespace taut::solver {

/// Inner solver for datafits that are not quadratic, with one or several outputs: proximal Newton
/// (Lee, Sun and Saunders, SIAM J. Optim. 24, 2014) whose quadratic models live in Gram space.
///
/// An outer iteration costs one pass over the working set (gradient), one over the coefficients that
/// move (direction) and one evaluation of the datafit. The Gram matrix of the Hessian, which costs
/// far more, is kept over iterations and over penalty strengths while the iteration contracts well
/// enough that a new one would not pay for itself, and covers only coordinates that can move. Each
/// model is solved exactly (by a GramModel); an Armijo search guards the step.
///
/// Where the penalty jumps at zero a solution is a fixed point of steps that the datafit's largest
/// curvature allows, and a model of less curvature may go from one to the next without end. When the
/// violation does not fall, models therefore take that bound for their curvature: they majorise, so the
/// objective falls until nobody moves, and their fixed points are those that are looked for. What
/// remains within one support is Newton's again.
///
/// Intercepts are free coordinates of the model, eliminated from it, and are polished by Newton steps
/// of their own before a certificate is computed.
class ProxNewton final : public InnerSolver {
 public:
  /// `naive` forbids the Gram; otherwise it is left out only where it would be too large.
  explicit ProxNewton(const Problem& problem, bool naive = false);

  void add(const Index* features, Index count) override;
  InnerReport solve(Iterate& at, double target, Index max_iter, Monitor& monitor) override;

  struct Counters {
    Index iterations = 0;
    Index hessians = 0;
    Index gaps = 0;
    Index polishes = 0;
    Index halvings = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  enum class Mode {
    newton,    ///< models of the datafit's curvature at hand
    majorise,  ///< of its bound, to find out who is zero
    hold,      ///< of the curvature at hand, nobody entering or leaving
  };

  struct Step {
    bool moved = false;    ///< the iterate changed
    bool full = true;      ///< with step length one
    bool progress = true;  ///< the objective fell by more than rounding
    double gain = 1.0;     ///< its change over the change to first order
    bool steady = true;    ///< nobody became zero or nonzero
    bool complete = true;  ///< no coordinate joined the model for it
  };

  /// By how much a model of a nonconvex penalty is damped when its step does not pay.
  static constexpr double k_damping = 4.0;

  Index width() const { return problem_.outputs(); }
  Index count() const { return static_cast<Index>(features_.size()); }

  void evaluate(Iterate& at);
  void update_gradient(const Iterate& at, Index first);
  double violation(const Iterate& at) const;
  double size(const Iterate& at) const;
  double intercept_slope() const;
  void polish_intercept(Iterate& at);
  bool model_pays(double expected_gap, double target) const;

  Step model_step(Iterate& at, bool rebuild, double violation, Index max_rounds);
  bool select(const Iterate& at, bool rebuild);
  bool scaled_step(Iterate& at, Step& step, double violation, Index max_rounds);
  void enter(Mode mode);
  void hold_support();
  Step naive_step(Iterate& at, double violation);
  Index model_size(const Iterate& at) const;
  static Index gram_limit(const Problem& problem);
  bool line_search(Iterate& at, Step& step, const std::vector<Coordinate>& coordinates);
  void rescale();
  void adapt_damping(const Step& step);
  void centre(Iterate& at);

  const Problem& problem_;
  bool naive_;
  std::unique_ptr<GramModel> model_;
  HessianGram hessian_;
  double bound_ = 0.0;  ///< curvature of a majoriser, for a penalty that jumps
  Mode mode_ = Mode::newton;
  double slope_limit_;  ///< slopes of the intercepts up to this are rounding

  bool sparse_;
  Index gram_limit_;              ///< coordinates
  design::PackedColumns packed_;  ///< sparse X: the working set, side by side

  std::vector<Index> features_;
  std::vector<Index> slot_;       ///< of a feature among features_, by feature; -1 outside
  std::vector<char> in_model_;    ///< K per feature of the working set
  std::vector<double> grad_;      ///< K per feature of the working set
  std::vector<double> grad0_;     ///< K
  Index known_ = 0;               ///< features whose gradient is up to date
  double value_ = 0.0;            ///< datafit at the iterate
  std::vector<double> residual_;  ///< to which grad_ and value_ belong

  std::vector<double> u_, sums_, direction_, constant_, trial_eta_, trial_residual_, scratch_;
  std::vector<double> store_;  ///< of Datafit::curvature_point()
  std::vector<double> model_grad_, change_, target_, change0_, inverse_;
  std::vector<Coordinate> joining_;

  double contraction_ = 0.0;        ///< of the violation by the last full model step
  double fresh_contraction_ = 0.1;  ///< by the last step with a new Hessian
  double gap_ratio_ = 0.5;          ///< gap / (violation * sum |b|), as last seen
  double build_work_ = 0.0;
  double curvature_scale_ = 1.0;  ///< the Hessian in use is this times the Gram
  double naive_scale_ = 1.0;      ///< the same of a model without a Gram
  double path_scale_ = 1.0;       ///< the same, as the last first step along the path found it
  double damping_ = 0.0;          ///< share of s by which the next Hessian is raised
  double alpha_ = -1.0;           ///< penalty strength of the last solve
  double model_curvature_ = 0.0;  ///< d'G d of the last step
  bool rebuild_ = true;
  Counters counters_;
};

}  // namespace taut::solver
