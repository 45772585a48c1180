// SPDX-License-Identifier: BSD-3-Clause
#include "taut/ot/smooth.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace taut::ot {
namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

double dot(const std::vector<double>& x, const std::vector<double>& y) {
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
  return sum;
}

/// -S'' on the entries of one column of the plan. The entries are of two kinds (see
/// SupportProjection), and t is linear in the scores s: with sums over the kinds,
///
///   dt_whole = (ds - dtau) / (gamma + rho),   dt_shared = (ds - dtau - gamma dnu) / rho,
///
/// where dtau and dnu keep the mass of the column and the places of the shared entries. Without a
/// centre rho = 0, all entries are whole, and this is (I - 11'/count) / gamma.
class ColumnCurvature {
 public:
  ColumnCurvature(const SemiDual& problem, const ColumnPlan& plan, Index j)
      : begin_(at(plan.ptr[at(j)])),
        end_(at(plan.ptr[at(j + 1)])),
        gamma_(problem.gamma()),
        rho_(problem.rho()),
        shared_(plan.shared.empty() ? nullptr : plan.shared.data()) {
    for (std::size_t e = begin_; shared_ != nullptr && e < end_; ++e) n_shared_ += shared_[e];
    const double n_whole = static_cast<double>(end_ - begin_) - n_shared_;
    if (n_shared_ > 0.0) {
      const double left = std::max(static_cast<double>(problem.k()) - n_whole, 0.0);
      places_ = rho_ * left + gamma_ * n_shared_;
      weight_ = left / places_;
    }
    total_ = n_whole / (gamma_ + rho_) + weight_ * n_shared_;
  }

  std::size_t begin() const { return begin_; }
  std::size_t end() const { return end_; }

  double diagonal(std::size_t e) const {
    if (!is_shared(e)) return (1.0 - 1.0 / ((gamma_ + rho_) * total_)) / (gamma_ + rho_);
    const double tau = weight_ / total_;
    return (1.0 - tau - gamma_ * (1.0 - n_shared_ * tau) / places_) / rho_;
  }

  void multiply(const std::vector<Index>& row, const std::vector<double>& v,
                std::vector<double>& out) const {
    if (end_ - begin_ < 2) return;
    double whole = 0.0, shared = 0.0;
    for (std::size_t e = begin_; e < end_; ++e) (is_shared(e) ? shared : whole) += v[at(row[e])];
    const double tau = (whole / (gamma_ + rho_) + weight_ * shared) / total_;
    const double nu = n_shared_ > 0.0 ? (shared - n_shared_ * tau) / places_ : 0.0;
    for (std::size_t e = begin_; e < end_; ++e) {
      const double over = v[at(row[e])] - tau;
      out[at(row[e])] += is_shared(e) ? (over - gamma_ * nu) / rho_ : over / (gamma_ + rho_);
    }
  }

 private:
  bool is_shared(std::size_t e) const { return shared_ != nullptr && shared_[e]; }

  std::size_t begin_, end_;
  double gamma_, rho_;
  const char* shared_;
  double n_shared_ = 0.0, places_ = 0.0, weight_ = 0.0, total_ = 0.0;
};

/// Sum over the columns of a row, of those with other rows beside it, of 1 / gamma.
std::vector<double> column_counts(const SemiDual& problem, const ColumnPlan& plan) {
  std::vector<double> counts(at(problem.sources()));
  for (std::size_t j = 0; j + 1 < plan.ptr.size(); ++j) {
    if (plan.ptr[j + 1] - plan.ptr[j] < 2) continue;
    for (Index e = plan.ptr[j]; e < plan.ptr[j + 1]; ++e) {
      counts[at(plan.row[at(e)])] += 1.0 / problem.gamma();
    }
  }
  return counts;
}

/// out = (H + diag(damp)) v with H = -S''; counts as above, read only without a centre.
void hessian(const SemiDual& problem, const ColumnPlan& plan, const std::vector<double>& damp,
             const std::vector<double>& counts, const std::vector<double>& v,
             std::vector<double>& out) {
  if (!problem.has_centre()) {
    // All entries are of one kind: out_i = (damp_i + counts_i) v_i - sum_j mean_j(v) / gamma.
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = (damp[i] + counts[i]) * v[i];
    const Index* row = plan.row.data();
    for (std::size_t j = 0; j + 1 < plan.ptr.size(); ++j) {
      const Index begin = plan.ptr[j], end = plan.ptr[j + 1];
      if (end - begin < 2) continue;
      double sum = 0.0;
      for (Index e = begin; e < end; ++e) sum += v[at(row[e])];
      const double mean = sum / (static_cast<double>(end - begin) * problem.gamma());
      for (Index e = begin; e < end; ++e) out[at(row[e])] -= mean;
    }
    return;
  }
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = damp[i] * v[i];
  for (Index j = 0; j < plan.cols(); ++j) {
    ColumnCurvature(problem, plan, j).multiply(plan.row, v, out);
  }
}

/// Conjugate gradients with Jacobi preconditioner; d is the result, from zero.
void conjugate_gradients(const SemiDual& problem, const ColumnPlan& plan,
                         const std::vector<double>& damp, const std::vector<double>& diagonal,
                         const std::vector<double>& rhs, double tol, Index max_steps,
                         std::vector<double>& d) {
  const std::size_t n = rhs.size();
  const std::vector<double> counts = column_counts(problem, plan);
  std::vector<double> r = rhs, z(n), p(n), w(n);
  d.assign(n, 0.0);
  for (std::size_t i = 0; i < n; ++i) z[i] = r[i] / diagonal[i];
  p = z;
  double rz = dot(r, z);
  const double stop = tol * tol * rz;
  for (Index step = 0; step < max_steps && rz > stop && rz > 0.0; ++step) {
    hessian(problem, plan, damp, counts, p, w);
    const double curvature = dot(p, w);
    if (!(curvature > 0.0)) break;
    const double length = rz / curvature;
    for (std::size_t i = 0; i < n; ++i) {
      d[i] += length * p[i];
      r[i] -= length * w[i];
    }
    for (std::size_t i = 0; i < n; ++i) z[i] = r[i] / diagonal[i];
    const double next = dot(r, z);
    const double ratio = next / rz;
    rz = next;
    for (std::size_t i = 0; i < n; ++i) p[i] = z[i] + ratio * p[i];
  }
}

void note(SemiDual& problem, double error, SmoothReport& report) {
  report.errors.push_back(error);
  report.values.push_back(report.point.value);
  problem.progress().step = problem.evaluations();
  problem.progress().gap = error;
}

/// How far alpha of each of `rows` must rise until some column takes the row in.
void distances_to_columns(const SemiDual& problem, const std::vector<double>& alpha,
                          const SemiDualPoint& point, const std::vector<Index>& rows,
                          std::vector<double>& distance) {
  distance.assign(rows.size(), std::numeric_limits<double>::infinity());
  for (Index j = 0; j < problem.targets(); ++j) {
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const double score = alpha[at(rows[r])] - problem.cost(rows[r], j);
      distance[r] = std::min(distance[r], point.level[at(j)] - score);
    }
  }
}

/// A strength at which columns of average mass have some dozens of active rows although alpha = 0:
/// over sampled columns, the sum over the 32 cheapest rows of c_(32) - c_i, divided by the mean of b.
/// Not by each b_j: columns of hardly any mass would rule.
double starting_gamma(const SemiDual& problem) {
  const Index n = problem.sources(), m = problem.targets();
  const Index wanted = std::min<Index>(32, n);
  const Index samples = std::min<Index>(24, m), rows = std::min<Index>(n, 4000);
  double sum = 0.0;
  std::vector<double> costs(at(rows));
  for (Index s = 0; s < samples; ++s) {
    const Index j = s * m / samples;
    for (Index r = 0; r < rows; ++r) costs[at(r)] = problem.cost(r * n / rows, j);
    const Index count = std::max<Index>(1, wanted * rows / n);
    std::nth_element(costs.begin(), costs.begin() + (count - 1), costs.end());
    double total = 0.0;
    for (Index r = 0; r < count; ++r) total += costs[at(count - 1)] - costs[at(r)];
    total *= static_cast<double>(wanted) / static_cast<double>(count);
    sum += total;
  }
  return sum / static_cast<double>(samples) * static_cast<double>(m) / problem.mass();
}

bool small_gap(const SmoothReport& report, double tol) {
  const PlanValue& value = report.relaxed_value;
  return value.objective - report.point.value <=
         tol * std::max(std::abs(value.objective), std::abs(value.linear));
}

}  // namespace

namespace detail {

double row_error(const SemiDual& problem, const std::vector<double>& row_mass) {
  double sum = 0.0;
  for (std::size_t i = 0; i < row_mass.size(); ++i) sum += std::abs(problem.a()[i] - row_mass[i]);
  return sum;
}

bool newton(SemiDual& problem, double target, Index budget, SmoothReport& report) {
  const std::size_t n = at(problem.sources());
  std::vector<double>& alpha = report.alpha;
  SemiDualPoint& point = report.point;
  std::vector<double> g(n), d(n), damp(n), diagonal(n), trial_alpha(n), lift(n, 1.0), distance;
  std::vector<Index> outside;
  SemiDualPoint trial;
  double relative = problem.has_centre() ? 1e-3 : 0.1;  // the last solution is near
  double error = row_error(problem, point.row_mass);
  double best = error;
  Index without_gain = 0, stuck = 0;
  while (error > target) {
    if (problem.evaluations() >= budget) return false;
    // The diagonal of H; rows that are nowhere active have none.
    std::fill(diagonal.begin(), diagonal.end(), 0.0);
    double total = 0.0;
    for (Index j = 0; j < point.plan.cols(); ++j) {
      const ColumnCurvature curvature(problem, point.plan, j);
      for (std::size_t e = curvature.begin(); e < curvature.end(); ++e) {
        diagonal[at(point.plan.row[e])] += curvature.diagonal(e);
      }
      total += static_cast<double>(curvature.end() - curvature.begin()) /
               (problem.gamma() + problem.rho());
    }
    const double average = total / static_cast<double>(n);
    outside.clear();
    for (std::size_t i = 0; i < n; ++i) {
      if (point.row_mass[i] == 0.0) outside.push_back(static_cast<Index>(i));
    }
    // The step of such a row is a / damp: as far as the nearest column, and then about its own mass,
    // if few rows are to be looked at; else the average curvature, twice as far each time.
    const auto number = static_cast<Index>(outside.size());
    const bool few = number <= std::max<Index>(8, problem.sources() / 16) ||
                     number * problem.targets() <= 4000000;
    if (few) distances_to_columns(problem, alpha, point, outside, distance);
    for (std::size_t r = 0; r < outside.size(); ++r) {
      const std::size_t i = at(outside[r]);
      const double mass = problem.a()[i];
      if (few) {
        damp[i] = mass / (std::max(distance[r], 0.0) + (problem.gamma() + problem.rho()) * mass);
      } else {
        damp[i] = average * lift[i];
        lift[i] = std::max(lift[i] * 0.5, 1e-9);
      }
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (point.row_mass[i] != 0.0) {
        damp[i] = average * relative;
        lift[i] = 1.0;
      }
      diagonal[i] += damp[i];
      g[i] = problem.a()[i] - point.row_mass[i];
    }
    const double accuracy = std::clamp(0.3 * error / problem.mass(), 1e-4, 0.1);
    conjugate_gradients(problem, point.plan, damp, diagonal, g, accuracy, 300, d);
    const double slope = dot(g, d);
    double magnitude = 0.0;  // of the terms of S, which may cancel
    for (std::size_t i = 0; i < n; ++i) magnitude += problem.a()[i] * std::abs(alpha[i]);
    double step = 1.0;
    bool accepted = false;
    double trial_error = error, whole_gain = 0.0;
    for (int halvings = 0; halvings < 24 && problem.evaluations() < budget; ++halvings) {
      for (std::size_t i = 0; i < n; ++i) trial_alpha[i] = alpha[i] + step * d[i];
      problem.evaluate(trial_alpha.data(), &point, trial);
      trial_error = row_error(problem, trial.row_mass);
      const double gain = trial.value - point.value;
      if (step == 1.0) whole_gain = gain;
      const double rounding = 1e-13 * std::abs(point.value) + 1e-14 * magnitude;
      if (gain >= 1e-4 * step * slope ||
          (trial_error <= (slope < rounding ? 0.99 : 0.7) * error && gain >= -rounding)) {
        accepted = true;
        break;
      }
      // Maximum of the parabola through value, slope and trial value.
      const double curve = step * slope - gain;
      step = std::clamp(0.5 * step * step * slope / curve, 0.1 * step, 0.5 * step);
    }
    if (!accepted) {
      relative *= 10.0;
      if (++stuck > 3) return false;
      continue;
    }
    stuck = 0;
    // Less damping only as far as the model foretold the gain of the whole step (Levenberg,
    // Marquardt): where weights span decades an undamped step crosses many kinks at once, and the
    // way back takes longer than the way there.
    const double foretold = whole_gain / (0.5 * slope);
    if (step < 1.0) {
      relative *= std::clamp(1.0 / step, 2.0, 30.0);
    } else if (foretold > 0.9) {
      relative *= 0.2;
    } else if (foretold > 0.6) {
      relative *= 0.3;
    } else if (foretold < 0.3) {
      relative *= 3.0;
    }
    relative = std::clamp(relative, 1e-10, 10.0);
    std::swap(point, trial);
    std::swap(alpha, trial_alpha);
    error = trial_error;
    note(problem, error, report);
    if (error < 0.8 * best) {
      best = error;
      without_gain = 0;
    } else if (problem.k() < problem.sources() && !problem.has_centre() && ++without_gain > 15) {
      return false;  // a kink: the error of the best gradient does not tend to zero
    }
  }
  return true;
}

bool lbfgs(SemiDual& problem, double target, Index budget, bool dual, SmoothReport& report) {
  constexpr std::size_t k_memory = 10;
  const std::size_t n = at(problem.sources()), m = at(problem.targets());
  const std::size_t size = dual ? n + m : n;
  std::vector<double> x(size), g(size), next(size), next_g(size), d(size);
  std::copy(report.alpha.begin(), report.alpha.end(), x.begin());
  for (std::size_t j = 0; dual && j < m; ++j) x[n + j] = -report.point.tau[j];
  SemiDualPoint trial;
  const auto evaluate = [&](const std::vector<double>& v, const SemiDualPoint* near,
                            SemiDualPoint& out, std::vector<double>& gradient) {
    if (dual) {
      problem.evaluate_dual(v.data(), v.data() + n, out);
      for (std::size_t j = 0; j < m; ++j) {
        double sum = 0.0;
        for (Index e = out.plan.ptr[j]; e < out.plan.ptr[j + 1]; ++e) sum += out.plan.mass[at(e)];
        gradient[n + j] = problem.b()[j] - sum;
      }
    } else {
      problem.evaluate(v.data(), near, out);
    }
    for (std::size_t i = 0; i < n; ++i) gradient[i] = problem.a()[i] - out.row_mass[i];
  };
  const auto size_of = [](const std::vector<double>& v) {
    double sum = 0.0;
    for (const double value : v) sum += std::abs(value);
    return sum;
  };
  evaluate(x, &report.point, report.point, g);
  std::vector<std::vector<double>> steps, changes;
  double error = size_of(g);
  bool converged = error <= target;
  while (!converged && problem.evaluations() < budget) {
    d = g;
    std::vector<double> factor(steps.size());
    for (std::size_t r = steps.size(); r-- > 0;) {
      factor[r] = dot(steps[r], d) / dot(steps[r], changes[r]);
      for (std::size_t i = 0; i < size; ++i) d[i] -= factor[r] * changes[r][i];
    }
    const double scale =
        steps.empty() ? problem.gamma() / static_cast<double>(problem.targets())
                      : dot(steps.back(), changes.back()) / dot(changes.back(), changes.back());
    for (double& value : d) value *= scale;
    for (std::size_t r = 0; r < steps.size(); ++r) {
      const double back = dot(changes[r], d) / dot(steps[r], changes[r]);
      for (std::size_t i = 0; i < size; ++i) d[i] += steps[r][i] * (factor[r] - back);
    }
    // Bisection for the weak Wolfe conditions.
    const double slope = dot(g, d);
    double step = 1.0, low = 0.0, high = std::numeric_limits<double>::infinity();
    bool accepted = false;
    for (int trials = 0; trials < 40 && problem.evaluations() < budget; ++trials) {
      for (std::size_t i = 0; i < size; ++i) next[i] = x[i] + step * d[i];
      evaluate(next, &report.point, trial, next_g);
      const double along = dot(next_g, d);
      // Near the maximum the gain drowns in rounding; then slopes decide (Hager and Zhang 2005).
      const bool level = trial.value >= report.point.value - 1e-13 * std::abs(report.point.value) &&
                         along >= -0.8 * slope;
      if (trial.value < report.point.value + 1e-4 * step * slope && !level) {
        high = step;
      } else if (along > 0.9 * slope) {
        low = step;
      } else {
        accepted = true;
        break;
      }
      step = std::isinf(high) ? 2.0 * low : 0.5 * (low + high);
    }
    if (!accepted) {
      if (steps.empty()) break;
      steps.clear();  // once more along the gradient
      changes.clear();
      continue;
    }
    std::vector<double> s(size), y(size);
    for (std::size_t i = 0; i < size; ++i) {
      s[i] = next[i] - x[i];
      y[i] = g[i] - next_g[i];
    }
    if (dot(s, y) > 1e-300) {
      if (steps.size() == k_memory) {
        steps.erase(steps.begin());
        changes.erase(changes.begin());
      }
      steps.push_back(std::move(s));
      changes.push_back(std::move(y));
    }
    x.swap(next);
    g.swap(next_g);
    std::swap(report.point, trial);
    error = size_of(g);
    note(problem, error, report);
    converged = error <= target;
  }
  std::copy_n(x.begin(), n, report.alpha.begin());
  return converged;
}

}  // namespace detail

SmoothReport maximise(SemiDual& problem, const SmoothOptions& options, std::vector<double> start) {
  SmoothReport report;
  const Index n = problem.sources(), k = problem.k();
  const double gamma = problem.gamma(), target = options.tol * problem.mass();
  report.alpha = start.empty() ? std::vector<double>(at(n), 0.0) : std::move(start);
  problem.progress().n_steps = options.max_iter;
  const bool newton = options.solver == SmoothSolver::automatic ||
                      options.solver == SmoothSolver::newton ||
                      options.solver == SmoothSolver::proximal;
  problem.evaluate(report.alpha.data(), nullptr, report.point);
  const double rough = 0.1 * problem.mass();
  if (newton && !options.dual && detail::row_error(problem, report.point.row_mass) > 5.0 * rough) {
    // From strong to weak regularisation, without the limit on entries: easy problems first, each
    // solved roughly. Fewer than k active rows at gamma is the answer for k. The first is the weakest
    // whose rows are about right at the start: beyond it what the start knows would be lost.
    const double strongest = std::max(gamma, starting_gamma(problem));
    double now = gamma;
    while (now < strongest && detail::row_error(problem, report.point.row_mass) > 5.0 * rough) {
      now = std::min(5.0 * now, strongest);
      problem.set(now, n);
      problem.evaluate(report.alpha.data(), nullptr, report.point);
    }
    while (problem.evaluations() < options.max_iter) {
      problem.set(now, n);
      problem.evaluate(report.alpha.data(), &report.point, report.point);
      const bool last = now <= gamma;
      detail::newton(
          problem, last && k == n ? target : rough,
          last ? options.max_iter : std::min(options.max_iter, problem.evaluations() + 25), report);
      if (last) break;
      now = std::max(gamma, now / 5.0);
    }
    problem.set(gamma, k);
    problem.evaluate(report.alpha.data(), &report.point, report.point);
  }
  switch (options.solver) {
    case SmoothSolver::lbfgs:
      report.converged = detail::lbfgs(problem, target, options.max_iter, options.dual, report);
      break;
    case SmoothSolver::proximal:
      report.converged = detail::proximal(problem, options.tol, options.max_iter, report);
      break;
    case SmoothSolver::bundle:
      report.converged = detail::bundle(problem, options.tol, options.max_iter, report);
      break;
    default:
      report.converged = options.dual
                             ? detail::lbfgs(problem, target, options.max_iter, true, report)
                             : detail::newton(problem, target, options.max_iter, report);
      if (!report.converged && options.solver == SmoothSolver::automatic && !options.dual) {
        // Without a limit there is no kink, only an ill-conditioned Newton system.
        report.converged = k < n ? detail::proximal(problem, options.tol, options.max_iter, report)
                                 : detail::lbfgs(problem, target, options.max_iter, false, report);
      }
  }
  if (!report.used_relaxation) {
    const auto certify = [&] {
      report.error = detail::row_error(problem, report.point.row_mass);
      report.relaxed = feasible_plan(problem, report.point.plan);
      report.relaxed_value = plan_value(problem, report.relaxed);
      if (!small_gap(report, options.tol)) {
        ColumnPlan plan = feasible_plan(problem, report.point.plan, report.alpha.data());
        const PlanValue value = plan_value(problem, plan);
        if (value.objective < report.relaxed_value.objective) {
          report.relaxed = std::move(plan);
          report.relaxed_value = value;
        }
      }
      return small_gap(report, options.tol);
    };
    // Right rows are no small gap yet where costs between remote points are large.
    double finer = target;
    while (!certify() && report.converged && newton && !options.dual &&
           finer > 1e-13 * problem.mass() && problem.evaluations() < options.max_iter) {
      finer *= 0.1;
      if (!detail::newton(problem, finer, options.max_iter, report)) break;
    }
  } else {
    report.relaxed_value = plan_value(problem, report.relaxed);
  }
  if (!options.dual) {
    double largest = 0.0;
    for (const double c : report.point.plan.cost) largest = std::max(largest, std::abs(c));
    problem.evaluate(report.alpha.data(), &report.point, report.point,
                     std::max(1e-12, 1e-2 * options.tol) * largest);
  }
  report.n_mixed = std::max(report.n_mixed, report.point.n_ties);
  return report;
}

}  // namespace taut::ot
