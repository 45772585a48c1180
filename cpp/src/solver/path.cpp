// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/path.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>

#include "taut/core/views.hpp"
#include "taut/datafit/huber.hpp"
#include "taut/datafit/sqrt_quadratic.hpp"
#include "taut/design/dense.hpp"
#include "taut/design/reordered.hpp"
#include "taut/design/standardized.hpp"
#include "taut/linalg/kernels.hpp"
#include "taut/solver/automatic_quadratic.hpp"
#include "taut/solver/first_order.hpp"
#include "taut/solver/free_basis.hpp"
#include "taut/solver/gradient_bounds.hpp"
#include "taut/solver/gram_quadratic.hpp"
#include "taut/solver/huber_gram.hpp"
#include "taut/solver/inner_solver.hpp"
#include "taut/solver/plain_least_squares.hpp"
#include "taut/solver/problem.hpp"
#include "taut/solver/prox_newton.hpp"
#include "taut/solver/scaled_lasso.hpp"

namespace taut::solver {
namespace {

/// glmnet's rules for ending a path (glmnet.control: fdev, devmax, mnlam).
constexpr double k_least_gain = 1e-5;
constexpr double k_most_explained = 0.999;
constexpr Index k_least_steps = 5;

/// The working set grows by at most this many features at once, or by the size of the support.
constexpr Index k_growth = 100;

/// Inner problems are solved to this share of the gap that the whole problem may have.
constexpr double k_inner_share = 0.7;

/// Below this share of the unit of certificates (null loss, largest gradient) there is only rounding.
constexpr double k_least_target = 1e-17;

/// A gradient below this share of column times residual is rounding.
constexpr double k_least_pull = 1e-12;

/// A null model with unpenalised features is fitted to this share of the null loss.
constexpr double k_null_accuracy = 1e-14;
/// A strength at which no penalised coefficient of a block that is free in part enters a model.
constexpr double k_all_out = 1e30;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

/// Inner solvers poll to be interruptible but do not know where the path stands: their empty progress
/// becomes the last one that the driver told.
class PathMonitor final : public Monitor {
 public:
  PathMonitor(Monitor& outer, Index n_steps) : outer_(outer) { last_.n_steps = n_steps; }

  void poll(const Progress& progress) override {
    if (progress.n_steps > 0) last_ = progress;
    outer_.poll(last_);
  }

 private:
  Monitor& outer_;
  Progress last_;
};

/// One path over a prepared problem: who is in the working set, when an alpha is done.
class Driver {
 public:
  Driver(const Problem& problem, penalty::Penalty& penalty, const PathOptions& options,
         InnerSolver& inner, double null_loss, Monitor& monitor)
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

  /// Features without penalty are in every model; fits the null model and seeds the bounds from its
  /// gradients (p x K), which are also left in `grad`.
  void start(Iterate& at, std::vector<double>& grad, bool grad_known) {
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

  void warm_start(const Iterate& at) {
    for_each_block(problem_, nullptr, problem_.cols(), [&](Index b, Index first, Index) {
      const double* u = &at.coef[at_(first * problem_.outputs())];
      if (!in_set_[at_(first)] &&
          std::any_of(u, u + penalty_.width(b), [](double x) { return x != 0.0; })) {
        join(b);
      }
    });
    flush();
  }

  struct Step {
    Index iterations = 0;
    double certificate = 0.0;  ///< duality gap, or subdifferential distance without a dual
    double loss = 0.0;         ///< datafit alone
    double objective = 0.0;    ///< with the penalty
    bool converged = false;
  };

  Step run(Iterate& at, Progress progress) {
    Step step;
    const double goal = options_.tol * unit_;
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

  Index active(const Iterate& at) const {
    const Index K = problem_.outputs();
    return std::count_if(set_.begin(), set_.end(), [&](Index j) {
      const double* b = &at.coef[at_(j * K)];
      return std::any_of(b, b + K, [](double x) { return x != 0.0; });
    });
  }

  const std::vector<Index>& working_set() const { return set_; }
  const GradientBounds& bounds() const { return bounds_; }
  Index rounds() const { return rounds_; }

 private:
  static constexpr char k_in = 1, k_never = 2;

  /// Without a dual, certificates are gradients and the largest pull of the null model is their unit.
  void measure(const std::vector<double>& grad) {
    if (penalty_.has_dual()) return;
    unit_ = 0.0;
    for_each_block(problem_, nullptr, problem_.cols(), [&](Index b, Index first, Index) {
      if (in_set_[at_(first)] == k_never) return;
      unit_ = std::max(unit_, penalty_.pull(&grad[at_(first * problem_.outputs())], b));
    });
  }

  void join(Index b) {
    for (Index j = blocks_.begin(b); j < blocks_.begin(b) + blocks_.size(b); ++j) {
      in_set_[at_(j)] = k_in;
      set_.push_back(j);
    }
  }

  void flush() {
    inner_.add(set_.data() + handed_over_, static_cast<Index>(set_.size()) - handed_over_);
    handed_over_ = static_cast<Index>(set_.size());
  }

  InnerReport solve(Iterate& at, double target) {
    ++rounds_;
    return inner_.solve(at, target, options_.max_iter, monitor_);
  }

  /// Features whose last known gradient lies beyond the new threshold: they will be violators.
  void admit_expected() {
    for (Index b : bounds_.beyond(in_set_)) join(b);
    flush();
  }

  /// Certificate of the whole problem: the working set and every feature beyond its threshold. The
  /// others are best at zero, where their conjugate vanishes.
  void certify(const Iterate& at, const InnerReport& inner, Step& step) {
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
  bool admit_violators(Index n_active) {
    std::vector<std::pair<double, Index>> violators;
    for_each_block(problem_, bounds_.violators().data(),
                   static_cast<Index>(bounds_.violators().size()), [&](Index b, Index, Index c) {
                     const Index first = c * problem_.outputs();
                     const double pull =
                         penalty_.pull(&bounds_.violator_gradients()[at_(first)], b);
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

  const Problem& problem_;
  penalty::Penalty& penalty_;
  const PathOptions& options_;
  InnerSolver& inner_;
  Monitor& monitor_;
  const penalty::Blocks& blocks_;
  double unit_;  ///< of certificates: they end at tol times this
  GradientBounds bounds_;
  std::vector<char> in_set_;
  std::vector<Index> set_, listed_;
  std::vector<double> listed_grad_;
  Index handed_over_ = 0;
  Index rounds_ = 0;
};

/// The first-order method that a route names; false for the other routes.
bool first_order(Route route, Method& method) {
  if (route == Route::fista) method = Method::fista;
  if (route == Route::accelerated_gradient) method = Method::accelerated_gradient;
  if (route == Route::conjugate_gradient) method = Method::conjugate_gradient;
  return route == Route::fista || route == Route::accelerated_gradient ||
         route == Route::conjugate_gradient;
}

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

/// Fits the intercept alone at zero coefficients.
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

/// Column of X that is feature j.
Index column_of(const penalty::Blocks& blocks, Index j) {
  return blocks.order().empty() ? j : blocks.order()[at_(j)];
}

/// Puts the iterate at a start given on the scale of X. Z standardises X; `solved` may be a problem
/// in its place, without an intercept.
void place(const design::Standardized& Z, const Problem& solved, const double* coef,
           const double* intercept, Iterate& at) {
  const Index p = Z.cols(), K = solved.outputs();
  const penalty::Blocks& blocks = solved.penalty.blocks();
  for (Index k = 0; k < K; ++k) {
    const bool shifted = solved.fit_intercept && intercept;
    if (shifted) at.intercept[at_(k)] = intercept[k];
    for (Index j = 0; j < p; ++j) {
      const double b = coef[k * p + column_of(blocks, j)];
      const bool may_enter = Z.norm(j) > 0.0 && !solved.penalty.is_excluded(blocks.of(j));
      at.coef[at_(j * K + k)] = may_enter ? b * Z.scale(j) : 0.0;
      if (shifted && may_enter) at.intercept[at_(k)] += Z.mean(j) * b;
    }
  }
  // A start outside of the bounds is no start: a step of length zero only projects.
  for_each_block(solved, nullptr, p, [&](Index b, Index first, Index) {
    solved.penalty.prox(&at.coef[at_(first * K)], 0.0, b);
  });
  refresh(solved, at, nullptr, p);
}

/// Writes the iterate on the scale of X; only the listed features can be nonzero.
void write(const design::Standardized& Z, const penalty::Blocks& blocks, const Iterate& at,
           const std::vector<Index>& features, Index K, bool centre_intercepts, double* coefs,
           double* intercepts) {
  for (Index j : features) {
    const Index column = column_of(blocks, j);
    for (Index k = 0; k < K; ++k) {
      const double b = at.coef[at_(j * K + k)];
      if (b == 0.0 || Z.norm(j) == 0.0) continue;  // a column of zeros in a group has rounding
      const double raw = b / Z.scale(j);
      coefs[k * Z.cols() + column] = raw;
      intercepts[k] -= Z.mean(j) * raw;
    }
  }
  if (!centre_intercepts) return;
  double mean = 0.0;
  for (Index k = 0; k < K; ++k) mean += intercepts[k] / static_cast<double>(K);
  for (Index k = 0; k < K; ++k) intercepts[k] -= mean;
}

/// The largest strength at which a block enters the model `at` of the problem that is solved; zero if
/// all that pulls is rounding. Z standardises X; `rest` is the mean square residual that the problem
/// leaves out.
double entry_alpha(const design::Standardized& Z, const Problem& problem, const Iterate& at,
                   const std::vector<double>& grad, double rest) {
  const Index K = problem.outputs(), n = problem.rows();
  const penalty::Blocks& blocks = problem.penalty.blocks();
  double square = rest;
  for (Index k = 0; k < K; ++k) {
    const double* r = &at.residual[at_(k * n)];
    square += linalg::weighted_dot(problem.Z.weights(), r, r, n);
  }
  double alpha = 0.0;
  for_each_block(problem, nullptr, problem.cols(), [&](Index b, Index first, Index) {
    double norm = 0.0;
    for (Index j = first; j < first + blocks.size(b); ++j) norm += std::pow(Z.norm(j), 2);
    const double* g = &grad[at_(first * K)];
    if (norm == 0.0 || problem.penalty.pull(g, b) <= k_least_pull * std::sqrt(square * norm))
      return;
    alpha = std::max(alpha, problem.penalty.entry_alpha(g, b));
  });
  return alpha;
}

/// alpha_max, alpha_max * eps^(1/(k-1)), .. , alpha_max * eps.
std::vector<double> alpha_grid(double alpha_max, double eps, Index k) {
  std::vector<double> alphas(at_(k));
  for (Index i = 0; i < k; ++i) {
    const double share = k > 1 ? static_cast<double>(i) / static_cast<double>(k - 1) : 0.0;
    alphas[at_(i)] = alpha_max * std::exp(share * std::log(eps));
  }
  return alphas;
}

}  // namespace

Index path_length(const PathOptions& options) {
  return options.alphas.empty() ? options.n_alphas : static_cast<Index>(options.alphas.size());
}

namespace {

/// fit_path() with a basis of the free columns in their place, if there is one.
PathReport fit_in_basis(const design::Design& given, const FreeBasis* basis,
                        const datafit::Datafit& datafit, penalty::Penalty& penalty,
                        const double* offset, const PathOptions& options, const double* start_coef,
                        const double* start_intercept, PathOutput out, Monitor& caller) {
  const design::Design& columns = basis ? basis->design() : given;
  std::vector<double> start, start_shift;
  if (basis && start_coef) {
    const Index K = datafit.outputs(), p = given.cols();
    start.assign(start_coef, start_coef + K * p);
    start_shift.assign(at_(K), 0.0);
    if (start_intercept) std::copy_n(start_intercept, K, start_shift.data());
    for (Index k = 0; k < K; ++k) basis->to_basis(&start[at_(k * p)], &start_shift[at_(k)]);
    start_coef = start.data();
    if (start_intercept) start_intercept = start_shift.data();
  }
  // From here on features stand in the order of the penalty's blocks.
  std::optional<design::Reordered> reordered;
  if (!penalty.blocks().order().empty()) reordered.emplace(columns, penalty.blocks().order());
  const design::Design& X = reordered ? static_cast<const design::Design&>(*reordered) : columns;

  const Index n = X.rows(), p = X.cols(), K = datafit.outputs();
  const double* s = datafit.weights();
  PathReport report;
  PathMonitor monitor(caller, path_length(options));
  penalty.set_alpha(1.0);  // thresholds in units of alpha; rules that free a feature show at any

  // The null model needs no X; its residual then shares the one pass that standardisation makes.
  // An empty design stands in for X until that is done.
  std::vector<double> u(at_(n));
  Iterate at;
  {
    const design::Dense<double> nothing(DenseView<double>{nullptr, n, 0, n});
    const design::Standardized Z(nothing, s, options.fit_intercept, false, nullptr, 1);
    const Problem null{Z, datafit, penalty, offset, options.fit_intercept, 1};
    at = Iterate::zero(null);
    fit_null_intercept(null, at, options, monitor);
    for (Index i = 0; i < n; ++i) u[at_(i)] = -s[i] * at.residual[at_(i)];
  }
  report.null_loss = datafit.value(at.eta.data());
  // The dual at zero is the infimum of the loss: what deviances are measured from.
  const double least_loss = datafit.dual(at.residual.data(), 0.0);
  at.coef.assign(at_(p * K), 0.0);

  const design::Standardized Z(X, s, options.fit_intercept, options.standardize, u.data(),
                               options.n_threads);
  report.finite = Z.finite();
  if (!report.finite) return report;
  penalty.set_scale(Z.scales());
  std::vector<double> curvature(at_(p));
  for (Index j = 0; j < p; ++j) {
    curvature[at_(j)] = datafit.curvature_bound() * Z.norm(j) * Z.norm(j);
  }
  penalty.set_curvature(curvature);
  const Problem problem{Z, datafit, penalty, offset, options.fit_intercept, options.n_threads};
  std::vector<double> grad(at_(p * K));
  if (K == 1) {
    grad = Z.product();
  } else {
    gradients(problem, at, nullptr, p, grad.data());
  }

  std::vector<double> intercept_outside(at_(K));  // of a problem that is solved without its own
  std::optional<PlainLeastSquares> plain;
  if (PlainLeastSquares::serves(datafit)) {
    plain.emplace(problem, at.eta, grad, options.route != Route::naive, monitor);
    intercept_outside = at.intercept;
    at = Iterate::zero(plain->problem());
  }
  const Problem& solved = plain ? plain->problem() : problem;
  const auto null_root = plain ? plain->root(at) : std::nullopt;
  const double null_norm = null_root ? null_root->norm : 0.0;
  const double shift = plain ? plain->shift() : 0.0;

  const auto inner = make_inner(solved, penalty, options);
  const double unit_loss = datafit.excess(report.null_loss);
  Driver driver(solved, penalty, options, *inner, unit_loss, monitor);
  driver.start(at, grad, true);
  report.alpha_max = entry_alpha(Z, solved, at, grad, 2.0 * shift);
  const std::vector<double> alphas =
      options.alphas.empty() ? alpha_grid(report.alpha_max, options.eps, options.n_alphas)
                             : options.alphas;

  if (start_coef) {
    place(Z, solved, start_coef, start_intercept, at);
    driver.warm_start(at);
  }

  const Index steps = static_cast<Index>(alphas.size());
  double explained_before = 0.0;
  for (Index step = 0; step < steps; ++step) {
    penalty.set_alpha(alphas[at_(step)]);
    const Progress progress{step, steps, alphas[at_(step)], 0.0, 0};
    monitor.poll(progress);
    const Driver::Step done = driver.run(at, progress);

    if (!out.zeroed) std::fill_n(out.coefs + step * K * p, K * p, 0.0);
    double* intercepts = out.intercepts + step * K;
    for (Index k = 0; k < K; ++k) intercepts[k] = at.intercept[at_(k)] + intercept_outside[at_(k)];
    write(Z, penalty.blocks(), at, driver.working_set(), K,
          options.fit_intercept && datafit.is_shift_invariant(), out.coefs + step * K * p,
          intercepts);
    for (Index k = 0; basis && k < K; ++k) {
      basis->from_basis(out.coefs + (step * K + k) * p, intercepts + k);
    }
    const double loss = done.loss + shift;
    double explained = report.null_loss > least_loss
                           ? 1.0 - (loss - least_loss) / (report.null_loss - least_loss)
                           : 0.0;
    const auto root = plain ? plain->root(at) : std::nullopt;
    if (root) {
      // Explained of the mean square, as for least squares.
      explained = null_norm > 0.0 ? 1.0 - std::pow(root->norm / null_norm, 2) : 0.0;
      report.sigmas.push_back(root->sigma);
    }
    const Index active = driver.active(at);
    report.alphas.push_back(alphas[at_(step)]);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const double shortage = root ? root->gap_shortage : 0.0;
    report.dual_gaps.push_back(penalty.has_dual() ? done.certificate + shortage : nan);
    report.stop_crits.push_back(penalty.has_dual() ? nan : done.certificate);
    report.objective.push_back(shift + done.objective - (root ? root->loss_excess : 0.0));
    report.dev_ratio.push_back(explained);
    report.n_iter.push_back(done.iterations);
    report.n_active.push_back(active);
    report.converged.push_back(
        done.converged && (shortage == 0.0 || report.dual_gaps.back() <= options.tol * unit_loss));
    ++report.n_done;

    if (options.max_active >= 0 && active > options.max_active) break;
    if (options.early_stop && step + 1 >= std::min(k_least_steps, steps)) {
      if (explained > k_most_explained) break;
      // glmnet measures the gain relative to what is explained for least squares only.
      const double unit = datafit.is_quadratic() ? explained : 1.0;
      if (explained - explained_before < k_least_gain * unit) break;
    }
    explained_before = explained;
  }
  report.full_passes = driver.bounds().full_passes();
  report.partial_passes = driver.bounds().partial_passes();
  report.candidates = static_cast<Index>(driver.working_set().size());
  report.rounds = driver.rounds();
  return report;
}

/// What a part of a path tells, after what the part before told.
void append(PathReport& report, const PathReport& more) {
  const auto join = [](auto& to, const auto& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  report.n_done += more.n_done;
  join(report.alphas, more.alphas);
  join(report.objective, more.objective);
  join(report.dev_ratio, more.dev_ratio);
  join(report.dual_gaps, more.dual_gaps);
  join(report.stop_crits, more.stop_crits);
  join(report.n_iter, more.n_iter);
  join(report.n_active, more.n_active);
  join(report.sigmas, more.sigmas);
  join(report.converged, more.converged);
  report.full_passes += more.full_passes;
  report.partial_passes += more.partial_passes;
  report.candidates = std::max(report.candidates, more.candidates);
  report.rounds += more.rounds;
}

}  // namespace

PathReport fit_path(const design::Design& X, const datafit::Datafit& datafit,
                    penalty::Penalty& penalty, const double* offset, const PathOptions& options,
                    const double* start_coef, const double* start_intercept, PathOutput out,
                    Monitor& monitor) {
  const auto basis_at = [&](double alpha) {
    penalty.set_alpha(alpha);
    return FreeBasis::make(X, datafit.weights(), penalty, options.fit_intercept,
                           options.standardize);
  };
  const auto basis = basis_at(1.0);
  PathOptions part = options;
  while (!part.alphas.empty() && part.alphas.back() == 0.0) part.alphas.pop_back();
  const Index rest = path_length(options) - static_cast<Index>(part.alphas.size());
  // At strength zero all columns are free. The path there is one of its own, after the others.
  const auto all = options.alphas.empty() || rest == 0 ? nullptr : basis_at(0.0);
  if (!all) {
    return fit_in_basis(X, basis.get(), datafit, penalty, offset, options, start_coef,
                        start_intercept, out, monitor);
  }
  part.n_alphas = 0;
  PathReport report = fit_in_basis(X, basis.get(), datafit, penalty, offset, part, start_coef,
                                   start_intercept, out, monitor);
  const Index first = static_cast<Index>(part.alphas.size());
  if (!report.finite || report.n_done < first) return report;
  const Index K = datafit.outputs(), size = K * X.cols();
  if (first > 0) {
    start_coef = out.coefs + (first - 1) * size;
    start_intercept = out.intercepts + (first - 1) * K;
  }
  part.alphas.assign(at_(rest), 0.0);
  out.coefs += first * size;
  out.intercepts += first * K;
  append(report, fit_in_basis(X, all.get(), datafit, penalty, offset, part, start_coef,
                              start_intercept, out, monitor));
  return report;
}

}  // namespace taut::solver
