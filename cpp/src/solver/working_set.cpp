// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/working_set.hpp"

#include <algorithm>
#include <stdexcept>

#include "taut/datafit/huber.hpp"
#include "taut/datafit/sqrt_quadratic.hpp"
#include "taut/linalg/kernels.hpp"
#include "taut/solver/automatic_quadratic.hpp"
#include "taut/solver/first_order.hpp"
#include "taut/solver/gram_quadratic.hpp"
#include "taut/solver/huber_gram.hpp"
#include "taut/solver/prox_newton.hpp"
#include "taut/solver/scaled_lasso.hpp"

namespace taut::solver {
namespace {

/// The working set grows by at most this many features at once, or by the size of the support.
constexpr Index k_growth = 100;

/// Inner problems are solved to this share of the gap that the whole problem may have.
constexpr double k_inner_share = 0.7;

/// Below this share of the unit of certificates (null loss, largest gradient) there is only rounding.
constexpr double k_least_target = 1e-17;

/// A null model with unpenalised features is fitted to this share of the null loss.
constexpr double k_null_accuracy = 1e-14;

/// A strength at which no penalised coefficient of a block that is free in part enters a model.
constexpr double k_all_out = 1e30;
/// Gradients have rounding of this share of column times the magnitude of residuals.
constexpr double k_gradient_rounding = 4e-16;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

/// The first-order method that a route names; false for the other routes.
bool first_order(Route route, Method& method) {
  if (route == Route::fista) method = Method::fista;
  if (route == Route::accelerated_gradient) method = Method::accelerated_gradient;
  if (route == Route::conjugate_gradient) method = Method::conjugate_gradient;
  return route == Route::fista || route == Route::accelerated_gradient ||
         route == Route::conjugate_gradient;
}

}  // namespace

std::unique_ptr<InnerSolver> make_inner(const Problem& problem, penalty::Penalty& penalty,
                                        const PathOptions& options) {
  if (dynamic_cast<const datafit::SqrtQuadratic*>(&problem.datafit)) {
    if (!penalty.has_dual()) {
      throw std::invalid_argument(
          "the root of the mean square goes with penalties that grow in proportion to alpha.");
    }
    return std::make_unique<ScaledLasso>(problem, penalty, [&](const Problem& least_squares) {
      return make_inner(least_squares, penalty, options);
    });
  }
  Method method;
  if (first_order(options.route, method)) {
    if (const char* why = FirstOrder::refusal(problem, method)) throw std::invalid_argument(why);
    return std::make_unique<FirstOrder>(problem, method);
  }
  if (options.route != Route::naive && dynamic_cast<const datafit::Huber*>(&problem.datafit) &&
      HuberGram::fits(problem)) {
    return std::make_unique<AutomaticHuber>(problem);
  }
  if (!problem.datafit.is_quadratic()) {
    return std::make_unique<ProxNewton>(problem, options.route == Route::naive);
  }
  if (options.route == Route::gram && GramQuadratic::fits(problem)) {
    return std::make_unique<GramQuadratic>(problem);
  }
  if (options.route == Route::naive) return make_naive(problem);
  return std::make_unique<AutomaticQuadratic>(problem);
}

void fit_null_intercept(const Problem& problem, Iterate& at, const PathOptions& options,
                        Monitor& monitor) {
  if (!problem.fit_intercept) return;
  double shift = 0.0;
  if (problem.outputs() == 1 &&
      problem.datafit.best_shift(at.eta.data(), at.residual.data(), shift)) {
    at.intercept[0] = shift;
    refresh(problem, at, nullptr, 0);
  } else if (problem.datafit.is_quadratic()) {
    for (Index k = 0; k < problem.outputs(); ++k) {
      at.intercept[at_(k)] = linalg::dot(problem.datafit.weights(),
                                         &at.residual[at_(k * problem.rows())], problem.rows());
    }
    refresh(problem, at, nullptr, 0);
  } else {
    ProxNewton(problem, options.route == Route::naive).solve(at, 0.0, options.max_iter, monitor);
  }
}

WorkingSet::WorkingSet(const Problem& problem, penalty::Penalty& penalty,
                       const PathOptions& options, InnerSolver& inner, double null_loss,
                       Monitor& monitor)
    : problem_(problem),
      penalty_(penalty),
      options_(options),
      inner_(inner),
      monitor_(monitor),
      blocks_(penalty.blocks()),
      unit_(null_loss),
      bounds_(problem),
      in_set_(at_(problem.cols()), 0) {
  for_each_block(problem, nullptr, problem.cols(), [&](Index b, Index first, Index) {
    const Index end = first + blocks_.size(b);
    bool never = true;
    for (Index j = first; j < end; ++j) never = never && problem.Z.norm(j) == 0.0;
    if (never || penalty.is_excluded(b))
      std::fill(&in_set_[at_(first)], &in_set_[0] + end, k_never);
  });
}

void WorkingSet::start(Iterate& at, std::vector<double>& grad, bool grad_known) {
  measure(grad);
  bool split = false;
  for (Index b = 0; b < problem_.blocks(); ++b) {
    if (in_set_[at_(blocks_.begin(b))] || !penalty_.is_free(b)) continue;
    split = split || penalty_.is_split(b);
    join(b);
  }
  flush();
  if (!set_.empty() || !grad_known) {
    if (split) penalty_.set_alpha(k_all_out);
    solve(at, k_null_accuracy * std::max(unit_, 1e-300));
    gradients(problem_, at, nullptr, problem_.cols(), grad.data());
    measure(grad);
  }
  bounds_.seed(at, grad.data());
}

void WorkingSet::warm_start(const Iterate& at) {
  for_each_block(problem_, nullptr, problem_.cols(), [&](Index b, Index first, Index) {
    const double* u = &at.coef[at_(first * problem_.outputs())];
    if (!in_set_[at_(first)] &&
        std::any_of(u, u + penalty_.width(b), [](double x) { return x != 0.0; })) {
      join(b);
    }
  });
  flush();
}

WorkingSet::Step WorkingSet::run(Iterate& at, Progress progress) {
  Step step;
  const double goal = std::max(options_.tol * unit_, least_goal_);
  double target = k_inner_share * goal;
  admit_expected();
  while (true) {
    const InnerReport inner = solve(at, target);
    step.iterations += inner.iterations;
    progress.gap = step.certificate;
    progress.n_active = active(at);
    monitor_.poll(progress);
    certify(at, inner, step);
    step.converged = step.certificate <= goal;
    if (step.converged || step.iterations >= options_.max_iter) return step;
    if (!admit_violators(progress.n_active)) {
      // Nobody is missing: the restricted problem itself must be solved more exactly. Below
      // rounding of the objective that ends.
      target *= 0.1;
      if (target < k_least_target * unit_) return step;
    }
  }
}

Index WorkingSet::active(const Iterate& at) const {
  const Index K = problem_.outputs();
  return std::count_if(set_.begin(), set_.end(), [&](Index j) {
    const double* b = &at.coef[at_(j * K)];
    return std::any_of(b, b + K, [](double x) { return x != 0.0; });
  });
}

/// Without a dual, certificates are gradients and the largest pull of the null model is their unit.
/// It may be rounding, of which no solver can leave less.
void WorkingSet::measure(const std::vector<double>& grad) {
  if (penalty_.has_dual()) return;
  unit_ = 0.0;
  double norm = 0.0;
  for_each_block(problem_, nullptr, problem_.cols(), [&](Index b, Index first, Index) {
    if (in_set_[at_(first)] == k_never) return;
    for (Index j = first; j < first + blocks_.size(b); ++j) {
      norm = std::max(norm, problem_.Z.norm(j));
    }
    unit_ = std::max(unit_, penalty_.pull(&grad[at_(first * problem_.outputs())], b));
  });
  least_goal_ = k_gradient_rounding * norm * problem_.datafit.residual_scale();
}

void WorkingSet::join(Index b) {
  for (Index j = blocks_.begin(b); j < blocks_.begin(b) + blocks_.size(b); ++j) {
    in_set_[at_(j)] = k_in;
    set_.push_back(j);
  }
}

void WorkingSet::flush() {
  inner_.add(set_.data() + handed_over_, static_cast<Index>(set_.size()) - handed_over_);
  handed_over_ = static_cast<Index>(set_.size());
}

InnerReport WorkingSet::solve(Iterate& at, double target) {
  ++rounds_;
  return inner_.solve(at, target, options_.max_iter, monitor_);
}

/// Features whose last known gradient lies beyond the new threshold: they will be violators.
void WorkingSet::admit_expected() {
  for (Index b : bounds_.beyond(in_set_)) join(b);
  flush();
}

/// Certificate of the whole problem: the working set and every feature beyond its threshold. The
/// others are best at zero, where their conjugate vanishes.
void WorkingSet::certify(const Iterate& at, const InnerReport& inner, Step& step) {
  const Index K = problem_.outputs();
  bounds_.update(at, in_set_);
  listed_ = set_;
  listed_.insert(listed_.end(), bounds_.violators().begin(), bounds_.violators().end());
  listed_grad_.resize(listed_.size() * at_(K));
  if (inner.grad) {
    std::copy_n(inner.grad, set_.size() * at_(K), listed_grad_.data());
  } else {
    gradients(problem_, at, set_.data(), static_cast<Index>(set_.size()), listed_grad_.data());
  }
  std::copy(bounds_.violator_gradients().begin(), bounds_.violator_gradients().end(),
            listed_grad_.begin() + static_cast<std::ptrdiff_t>(set_.size()) * K);
  step.loss = inner.value ? *inner.value : problem_.datafit.value(at.eta.data());
  step.objective =
      step.loss + penalty_value(problem_, at, set_.data(), static_cast<Index>(set_.size()));
  const Index count = static_cast<Index>(listed_.size());
  step.certificate =
      penalty_.has_dual()
          ? duality_gap(problem_, at, listed_.data(), count, listed_grad_.data(), step.objective)
          : subdiff_distance(problem_, at, listed_.data(), count, listed_grad_.data());
}

/// Adds the worst violators; false if there are none.
bool WorkingSet::admit_violators(Index n_active) {
  std::vector<std::pair<double, Index>> violators;
  for_each_block(problem_, bounds_.violators().data(),
                 static_cast<Index>(bounds_.violators().size()), [&](Index b, Index, Index c) {
                   const Index first = c * problem_.outputs();
                   const double pull = penalty_.pull(&bounds_.violator_gradients()[at_(first)], b);
                   const double limit = penalty_.threshold(b);
                   if (pull > limit) violators.emplace_back(-(pull - limit), b);
                 });
  if (violators.empty()) return false;
  const Index most = static_cast<Index>(set_.size()) + std::max(k_growth, n_active);
  std::sort(violators.begin(), violators.end());
  for (const auto& v : violators) {
    if (static_cast<Index>(set_.size()) >= most) break;
    join(v.second);
  }
  flush();
  return true;
}

}  // namespace taut::solver
