// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/path.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>

#include "taut/core/views.hpp"
#include "taut/design/dense.hpp"
#include "taut/design/reordered.hpp"
#include "taut/design/standardized.hpp"
#include "taut/linalg/kernels.hpp"
#include "taut/solver/far_columns.hpp"
#include "taut/solver/free_basis.hpp"
#include "taut/solver/plain_least_squares.hpp"
#include "taut/solver/problem.hpp"
#include "taut/solver/working_set.hpp"

namespace taut::solver {
namespace {

/// glmnet's rules for ending a path (glmnet.control: fdev, devmax, mnlam).
constexpr double k_least_gain = 1e-5;
constexpr double k_most_explained = 0.999;
constexpr Index k_least_steps = 5;

/// A gradient below this share of column times residual is rounding.
constexpr double k_least_pull = 1e-12;

/// A strength far below the last one lets in all features whose gradients were large there. If they are
/// more than this and more than are active, the way down is made in steps of this factor, to this
/// tolerance: 20 times faster from zero to 0.1 alpha_max (1000 x 5000, 50 of them in the truth).
constexpr Index k_many = 30;
constexpr double k_descent = 0.8;
constexpr double k_rough = 1e-3;

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

namespace {

/// Solves roughly at strengths between `from`, where the driver stands, and the penalty's present one
/// as long as too many features would come in at once. The inner iterations that took.
Index approach(WorkingSet& driver, penalty::Penalty& penalty, PathOptions& options, double from,
               Iterate& at, const Progress& progress) {
  const double alpha = progress.alpha, tol = options.tol;
  options.tol = std::max(tol, k_rough);
  Index iterations = 0;
  while (from * k_descent * k_descent > alpha &&
         driver.expected() > std::max(k_many, driver.active(at))) {
    from *= k_descent;
    penalty.set_alpha(from);
    iterations += driver.run(at, progress).iterations;
    penalty.set_alpha(alpha);
  }
  options.tol = tol;
  return iterations;
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
  if (const auto far = FarColumns::make(Z)) {
    std::vector<double> shifted(at_(K), 0.0);
    for (Index k = 0; start_coef && k < K; ++k) {
      shifted[at_(k)] =
          (start_intercept ? start_intercept[k] : 0.0) + far->shift(start_coef + k * p);
    }
    report = fit_in_basis(far->design(), nullptr, datafit, penalty, offset, options, start_coef,
                          start_intercept ? shifted.data() : nullptr, out, caller);
    for (Index step = 0; step < report.n_done; ++step) {
      double* intercepts = out.intercepts + step * K;
      double mean = 0.0;
      for (Index k = 0; k < K; ++k) {
        double* coef = out.coefs + (step * K + k) * p;
        intercepts[k] -= far->shift(coef);
        if (basis) basis->from_basis(coef, intercepts + k);
        mean += intercepts[k] / static_cast<double>(K);
      }
      for (Index k = 0; datafit.is_shift_invariant() && k < K; ++k) intercepts[k] -= mean;
    }
    return report;
  }
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
  report.tol_unit = datafit.excess(report.null_loss);
  PathOptions now = options;
  WorkingSet driver(solved, penalty, now, *inner, report.tol_unit, monitor);
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
    // Where there are several minima, which one is found must not hang on steps between.
    Index rough = 0;
    if (penalty.has_dual() && (step > 0 || !start_coef)) {
      const double from = step > 0 ? alphas[at_(step - 1)] : report.alpha_max;
      rough = approach(driver, penalty, now, from, at, progress);
    }
    WorkingSet::Step done = driver.run(at, progress);
    done.iterations += rough;

    if (!out.zeroed) std::fill_n(out.coefs + step * K * p, K * p, 0.0);
    double* intercepts = out.intercepts + step * K;
    for (Index k = 0; k < K; ++k) intercepts[k] = at.intercept[at_(k)] + intercept_outside[at_(k)];
    write(Z, penalty.blocks(), at, driver.features(), K,
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
        done.converged &&
        (shortage == 0.0 || report.dual_gaps.back() <= options.tol * report.tol_unit));
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
  report.candidates = static_cast<Index>(driver.features().size());
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
