// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/first_order.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "taut/linalg/kernels.hpp"
#include "taut/solver/prox_newton.hpp"

namespace taut::solver {
namespace {

constexpr double k_inf = std::numeric_limits<double>::infinity();
constexpr int k_doublings = 60;
/// Rounding of an objective: smaller changes say nothing.
constexpr double k_noise = 1e-14;
constexpr double k_armijo = 1e-4;
/// A method has come to its end, where the penalty jumps, at this share of the target.
constexpr double k_stuck = 0.3;
/// Settings of 4b: share of 1 / L that a step is.
constexpr double k_share = 0.99;
/// Conjugate gradients on a support: steps, and the share of the first gradient at which they end.
constexpr int k_cg_steps = 50;
constexpr double k_cg_accuracy = 1e-3;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  return linalg::dot(a.data(), b.data(), static_cast<Index>(a.size()));
}

/// a x + b y.
Vector mix(double a, const Vector& x, double b, const Vector& y) {
  Vector out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = a * x[i] + b * y[i];
  return out;
}

double distance2(const Vector& a, const Vector& b) {
  double total = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) total += (a[i] - b[i]) * (a[i] - b[i]);
  return total;
}

/// What every method shares: when to stop, what to write down, how long a step may be.
class Run {
 public:
  Run(Composite& model, const FirstOrderOptions& options, double& lipschitz, Trace* trace,
      Monitor& monitor)
      : model_(model), options_(options), trace_(trace), monitor_(monitor), lipschitz_(lipschitz) {
    const double bound = model.problem().datafit.curvature_bound();
    bounded_ = std::isfinite(bound);
    penalty::Folded f;
    jumps_ =
        model.features() > 0 && model.problem().penalty.as_folded(model.list()[0], f) && f.jumps();
    if (!(lipschitz_ > 0.0)) lipschitz_ = model.lipschitz(bounded_ ? bound : 1.0);
  }

  Composite& model() { return model_; }
  double L() const { return lipschitz_; }
  bool bounded() const { return bounded_; }
  void grow() { lipschitz_ *= 2.0; }
  Index iterations() const { return iterations_; }
  bool converged() const { return converged_; }

  /// Does a step from y (gradient g there) to z obey the quadratic bound?
  bool obeys(const Point& y, const Vector& g, const Point& z) const {
    double linear = 0.0;
    for (std::size_t i = 0; i < g.size(); ++i) linear += g[i] * (z.x[i] - y.x[i]);
    const double before = model_.smooth(y), after = model_.smooth(z);
    return after <= before + linear + 0.5 * lipschitz_ * distance2(z.x, y.x) +
                        k_noise * (1.0 + std::abs(before));
  }

  /// Will the next call of done() look at the objective or the gradient of its point?
  bool due() const {
    return trace_ || options_.floor > -1e299 || iterations_ + 1 >= options_.max_iter ||
           (options_.target >= 0.0 && (iterations_ + 1) % options_.check_every == 0);
  }

  /// After an iteration that ended at `point`; true if it was the last. `known`: datafit_gradient()
  /// belongs to it. `moved`: the largest step of a coordinate, over the step length: where the penalty
  /// jumps, a method can do no more once that is zero, whatever stop_crit() says.
  bool done(Point& point, bool known, double moved) {
    ++iterations_;
    monitor_.poll({});
    double objective = 0.0;
    if (trace_ || options_.floor > -1e299) objective = model_.objective(point);
    if (trace_) {
      trace_->objective.push_back(objective);
      trace_->products.push_back(model_.products());
    }
    if (options_.floor > -1e299 && objective <= options_.floor) converged_ = true;
    const bool last = iterations_ >= options_.max_iter;
    if (options_.target >= 0.0 && (known || last || iterations_ % options_.check_every == 0)) {
      if (!known) model_.gradient(point, scratch_);
      converged_ = converged_ || model_.stop_crit(point) <= options_.target;
    }
    const bool stuck = jumps_ && moved <= k_stuck * std::max(options_.target, 0.0);
    return converged_ || last || stuck || !std::isfinite(point.loss);
  }

 private:
  Composite& model_;
  const FirstOrderOptions& options_;
  Trace* trace_;
  Monitor& monitor_;
  double& lipschitz_;
  bool bounded_ = true;
  bool jumps_ = false;
  Index iterations_ = 0;
  bool converged_ = false;
  Vector scratch_;
};

double largest_change(const Vector& a, const Vector& b) {
  double most = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

/// z = prox(y - g / L), evaluated; L grows until the model holds.
void prox_step(Run& run, const Point& y, const Vector& g, Point& z, double share) {
  for (int times = 0; times < k_doublings; ++times) {
    const double step = share / run.L();
    z.x = mix(1.0, y.x, -step, g);
    run.model().prox(z.x, step);
    run.model().evaluate(z);
    if (run.obeys(y, g, z)) return;
    run.grow();
  }
}

void proximal_gradient(Run& run, Point& x) {
  Vector g;
  Point z;
  do {
    run.model().gradient(x, g);
    prox_step(run, x, g, z, k_share);
    std::swap(x, z);
  } while (!run.done(x, false, run.L() * largest_change(x.x, z.x)));
}

void fista(Run& run, Point& x) {
  Composite& model = run.model();
  const bool monotone = !model.problem().penalty.has_dual();
  Vector g;
  Point y = x, z;
  double t = 1.0, objective = model.objective(x);
  bool plain = true;  // y is x
  while (true) {
    model.gradient(y, g);
    prox_step(run, y, g, z, 1.0);
    const double next = monotone ? model.objective(z) : 0.0;
    if (monotone && next > objective + k_noise * (1.0 + std::abs(objective)) && !plain) {
      y = x;
      t = 1.0;
      plain = true;
      continue;
    }
    objective = next;
    const double moved = run.L() * largest_change(y.x, z.x);
    double turn = 0.0;
    for (std::size_t i = 0; i < z.x.size(); ++i) turn += (y.x[i] - z.x[i]) * (z.x[i] - x.x[i]);
    if (turn > 0.0) t = 1.0;
    const double t_next = 0.5 * (1.0 + std::sqrt(1.0 + 4.0 * t * t));
    const double beta = (t - 1.0) / t_next;
    plain = beta == 0.0;
    y.x = mix(1.0 + beta, z.x, -beta, x.x);
    y.eta = mix(1.0 + beta, z.eta, -beta, x.eta);
    model.judge(y);
    std::swap(x, z);
    t = t_next;
    if (run.done(x, false, moved)) return;
  }
}

/// Spec: md = (1 - a) ag + a b; b <- S(b - l g, l), ag <- S(md - w g, w).
void accelerated_gradient(Run& run, Point& ag, bool original) {
  Composite& model = run.model();
  const bool check = !run.bounded();
  Vector beta = ag.x, g;
  Point md = ag, next;
  double a = 1.0;
  for (Index k = 1;; ++k) {
    const double omega = (original ? 0.5 : k_share) / run.L();
    a = original ? 2.0 / static_cast<double>(k + 1) : 2.0 / (1.0 + std::sqrt(1.0 + 4.0 / (a * a)));
    const double length = original ? 0.5 * static_cast<double>(k) * omega : omega / a;
    md.x = mix(1.0 - a, ag.x, a, beta);
    model.evaluate(md);
    model.gradient(md, g);
    beta = mix(1.0, beta, -length, g);
    model.prox(beta, length);
    next.x = mix(1.0, md.x, -omega, g);
    model.prox(next.x, omega);
    // The aggregate itself enters no step: its predictor is for those who look at it.
    const bool looked_at = check || run.due();
    if (looked_at) {
      model.evaluate(next);
      if (!check) model.discount();
    } else {
      next.loss = md.loss;
    }
    if (check && !run.obeys(md, g, next)) {
      // A longer step than the curvature allows: everything again from the aggregate.
      run.grow();
      beta = ag.x;
      a = 1.0;
      k = 0;
      if (run.L() > 1e12) return;
      continue;
    }
    std::swap(ag, next);
    if (run.done(ag, false, largest_change(md.x, ag.x) / omega)) {
      if (!looked_at) model.evaluate(ag);
      return;
    }
  }
}

/// Spec: P1, prox steps of Barzilai-Borwein length; P2, conjugate gradients on a settled support.
class ConjugateGradient {
 public:
  explicit ConjugateGradient(Run& run) : run_(run), model_(run.model()) {}

  void minimise(Point& x) {
    model_.gradient(x, g_);
    Vector signs = sign_pattern(x.x);
    double step = 1.0 / run_.L();
    while (true) {
      Point z;
      if (!prox_search(x, z, step)) {
        run_.done(x, true, 0.0);
        return;
      }
      Vector old = g_;
      model_.gradient(z, g_);
      double ss = 0.0, sy = 0.0;
      for (std::size_t i = 0; i < g_.size(); ++i) {
        const double s = z.x[i] - x.x[i];
        ss += s * s;
        sy += s * (g_[i] - old[i]);
      }
      const double least = 1.0 / run_.L();
      step = sy > 0.0 ? std::clamp(ss / sy, least, 1e4 * least) : 10.0 * least;
      std::swap(x, z);
      if (run_.done(x, true, largest_change(x.x, z.x) * run_.L())) return;
      Vector now = sign_pattern(x.x);
      const bool settled = now == signs;
      signs.swap(now);
      if (!settled || !descend(x)) continue;
      signs = sign_pattern(x.x);
      model_.gradient(x, g_);
      if (run_.done(x, true, k_inf)) return;
    }
  }

 private:
  Vector sign_pattern(const Vector& x) const {
    Vector out(x.size());
    const Index coefficients = model_.features() * model_.problem().outputs();
    for (Index i = 0; i < coefficients; ++i) {
      out[at_(i)] = x[at_(i)] > 0.0 ? 1.0 : (x[at_(i)] < 0.0 ? -1.0 : 0.0);
    }
    return out;
  }

  /// z = prox(x - t g), t halved until the objective falls enough; false if it does not.
  bool prox_search(const Point& x, Point& z, double step) {
    const double before = model_.objective(x);
    for (int times = 0; times < k_doublings; ++times, step *= 0.5) {
      z.x = mix(1.0, x.x, -step, g_);
      model_.prox(z.x, step);
      model_.evaluate(z);
      const double moved = distance2(z.x, x.x);
      if (moved == 0.0) return false;
      // A fall that rounding hides is believed of short steps only.
      const double noise = step * run_.L() <= 1.0 ? k_noise * (1.0 + std::abs(before)) : 0.0;
      if (model_.objective(z) <= before - k_armijo * moved / step + noise) return true;
    }
    return false;
  }

  /// Conjugate gradients where the problem is smooth; false if nothing was gained.
  bool descend(Point& x) {
    std::vector<char> in;
    if (!model_.smooth_rows(x.x, in)) return false;
    Vector g, d, old, image;
    double first = 0.0, size = 0.0, old_size = 0.0, before = model_.objective(x);
    bool any = false;
    for (int step = 0; step < k_cg_steps; ++step) {
      if (step == 0) {  // known from the prox step
        g = g_;
        for (std::size_t i = 0; i < g.size(); ++i) g[i] = in[i] ? g[i] : 0.0;
      } else {
        model_.gradient(x, in, g);
      }
      model_.add_kink_gradient(x.x, in, g);
      size = dot(g, g);
      if (step == 0) first = size;
      if (size <= k_cg_accuracy * k_cg_accuracy * first || size == 0.0) break;
      double weight = 0.0;
      if (step > 0) weight = std::max(0.0, (size - dot(g, old)) / old_size);
      d = step > 0 ? mix(weight, d, -1.0, g) : mix(0.0, g, -1.0, g);
      double slope = dot(g, d);
      if (slope > -1e-10 * std::sqrt(size * dot(d, d))) {
        d = mix(0.0, g, -1.0, g);
        slope = -size;
      }
      model_.direction(d, image);
      const double bend = model_.curvature(x, d, image);
      double t = bend > 0.0 ? -slope / bend : 1.0 / run_.L(), wall = k_inf;
      Index blocked = -1;
      for (Index i = 0; i < model_.size(); ++i) {
        if (d[at_(i)] * x.x[at_(i)] >= 0.0 || !model_.has_kink(i)) continue;
        const double room = -x.x[at_(i)] / d[at_(i)];
        if (room < wall) {
          wall = room;
          blocked = i;
        }
      }
      if (wall <= t) {
        t = wall;
      } else {
        blocked = -1;
      }
      Point z;
      bool accepted = false;
      for (int times = 0; times < k_doublings; ++times, t *= 0.5) {
        z.x = mix(1.0, x.x, t, d);
        if (blocked >= 0) z.x[at_(blocked)] = 0.0;
        z.eta = mix(1.0, x.eta, t, image);
        model_.judge(z);
        const double now = model_.objective(z);
        if (now <= before + k_armijo * t * slope + k_noise * (1.0 + std::abs(before))) {
          accepted = true;
          before = now;
          break;
        }
        blocked = -1;
      }
      if (!accepted || !feasible(z.x)) break;
      any = true;
      old = g;
      old_size = size;
      std::swap(x, z);
      if (blocked >= 0) break;
    }
    return any;
  }

  /// Bounds are the prox's business: a step of conjugate gradients must not leave them.
  bool feasible(const Vector& x) const {
    Vector u = x;
    model_.prox(u, 0.0);
    return u == x;
  }

  Run& run_;
  Composite& model_;
  Vector g_;
};

}  // namespace

Index minimise(Composite& model, Point& point, const FirstOrderOptions& options, double& lipschitz,
               bool& converged, Trace* trace, Monitor& monitor) {
  Run run(model, options, lipschitz, trace, monitor);
  switch (options.method) {
    case Method::proximal_gradient:
      proximal_gradient(run, point);
      break;
    case Method::fista:
      fista(run, point);
      break;
    case Method::accelerated_gradient:
    case Method::accelerated_gradient_original:
      accelerated_gradient(run, point, options.method == Method::accelerated_gradient_original);
      break;
    case Method::conjugate_gradient:
      ConjugateGradient(run).minimise(point);
      break;
  }
  converged = run.converged();
  return run.iterations();
}

FirstOrderFit fit_first_order(const design::Design& X, const datafit::Datafit& datafit,
                              penalty::Penalty& penalty, double alpha, bool fit_intercept,
                              bool standardize, FirstOrderOptions options, const double* start,
                              int n_threads, Monitor& monitor) {
  if (!penalty.blocks().single()) {
    throw std::invalid_argument("a single method takes penalties of single features only.");
  }
  FirstOrderFit fit;
  const Index p = X.cols(), K = datafit.outputs();
  const design::Standardized Z(X, datafit.weights(), fit_intercept, standardize, nullptr,
                               n_threads);
  fit.finite = Z.finite();
  if (!fit.finite) return fit;
  penalty.set_scale(Z.scales());
  std::vector<double> curvature(at_(p));
  for (Index j = 0; j < p; ++j) {
    curvature[at_(j)] = datafit.curvature_bound() * Z.norm(j) * Z.norm(j);
  }
  penalty.set_curvature(curvature);
  penalty.set_alpha(alpha);
  const Problem problem{Z, datafit, penalty, nullptr, fit_intercept, n_threads};
  if (const char* why = FirstOrder::refusal(problem, options.method)) {
    throw std::invalid_argument(why);
  }
  std::vector<Index> all;
  for (Index j = 0; j < p; ++j) {
    if (Z.norm(j) > 0.0 && !penalty.is_excluded(j)) all.push_back(j);
  }

  Iterate at = Iterate::zero(problem);
  if (fit_intercept) ProxNewton(problem).solve(at, 0.0, 100, monitor);
  Composite model(problem, all, options.method != Method::fista);
  Vector g;
  Point point = model.start(at);
  model.gradient(point, g);
  double unit = 0.0;
  for (std::size_t c = 0; c < all.size(); ++c) {
    unit = std::max(unit, penalty.pull(&model.datafit_gradient()[c * at_(K)], all[c]));
  }
  options.target *= unit;
  if (start) {
    for (std::size_t c = 0; c < all.size(); ++c) {
      for (Index k = 0; k < K; ++k) {
        const double b = start[k * p + all[c]];
        point.x[c * at_(K) + at_(k)] = Z.norm(all[c]) > 0.0 ? b * Z.scale(all[c]) : 0.0;
      }
    }
    model.evaluate(point);
  }
  const double bound = datafit.curvature_bound();
  fit.lipschitz = model.lipschitz(std::isfinite(bound) ? bound : 1.0);
  model.reset_products();
  fit.iterations =
      minimise(model, point, options, fit.lipschitz, fit.converged, &fit.trace, monitor);
  model.gradient(point, g);
  fit.stop_crit = model.stop_crit(point);

  fit.coef.assign(at_(K * p), 0.0);
  fit.intercept.assign(at_(K), 0.0);
  for (Index k = 0; k < K; ++k) {
    fit.intercept[at_(k)] = point.x[all.size() * at_(K) + at_(k)];
    for (std::size_t c = 0; c < all.size(); ++c) {
      const double b = point.x[c * at_(K) + at_(k)] / Z.scale(all[c]);
      fit.coef[at_(k * p + all[c])] = b;
      if (b != 0.0) fit.intercept[at_(k)] -= Z.mean(all[c]) * b;
    }
  }
  return fit;
}

const char* FirstOrder::refusal(const Problem& problem, Method method) {
  penalty::Folded f;
  penalty::Piece piece;
  penalty::BlockNorm norm;
  if (problem.cols() == 0) return nullptr;
  const bool folded = problem.penalty.as_folded(0, f);
  const bool jumps = folded && (f.shape == penalty::Shape::l0 || f.shape == penalty::Shape::lq);
  const bool accelerated =
      method == Method::accelerated_gradient || method == Method::accelerated_gradient_original;
  if (accelerated && jumps) {
    return "the accelerated gradient needs a penalty that is convex, or L1 plus a smooth concave "
           "part";
  }
  if (method == Method::conjugate_gradient && !folded && !problem.penalty.as_piece(0, piece) &&
      !problem.penalty.as_norm(0, norm)) {
    return "conjugate gradients need a penalty that is smooth on its support";
  }
  return nullptr;
}

void FirstOrder::add(const Index* features, Index count) {
  features_.insert(features_.end(), features, features + count);
  lipschitz_ = 0.0;
}

/// Coordinates that violate stop_crit() although the common step leaves them be, each by its own prox.
/// True if one moved.
bool FirstOrder::kick(Composite& model, Point& point) const {
  penalty::Folded f;
  const double bound = problem_.datafit.curvature_bound();
  if (problem_.cols() == 0 || !problem_.penalty.as_folded(0, f) || !f.jumps() ||
      !std::isfinite(bound)) {
    return false;
  }
  const Index n = problem_.rows(), K = problem_.outputs();
  std::vector<double> u(at_(n)), row(at_(K));
  bool any = false;
  for (Index c = 0; c < model.features(); ++c) {
    const Index j = features_[at_(c)];
    const double norm = problem_.Z.norm(j);
    double* b = &point.x[at_(c * K)];
    if (norm == 0.0 ||
        problem_.penalty.subdiff_distance(b, &model.datafit_gradient()[at_(c * K)], j) == 0.0) {
      continue;
    }
    for (Index k = 0; k < K; ++k) {
      const double* s = problem_.datafit.weights();
      const double* r = &point.residual[at_(k * n)];
      for (Index i = 0; i < n; ++i) u[at_(i)] = -s[i] * r[i];
      const double g = problem_.Z.dot(j, u.data(), linalg::sum(u.data(), n));
      row[at_(k)] = b[k] - g / (bound * norm * norm);
    }
    problem_.penalty.prox(row.data(), 1.0 / (bound * norm * norm), j);
    bool moved = false;
    for (Index k = 0; k < K; ++k) {
      const double change = row[at_(k)] - b[k];
      if (change == 0.0) continue;
      double* eta = &point.eta[at_(k * n)];
      const double constant = problem_.Z.add_to(j, change, eta);
      for (Index i = 0; i < n; ++i) eta[i] += constant;
      b[k] = row[at_(k)];
      moved = true;
    }
    if (moved) model.judge(point);
    any = any || moved;
  }
  return any;
}

InnerReport FirstOrder::solve(Iterate& at, double target, Index max_iter, Monitor& monitor) {
  InnerReport report;
  const bool dual = problem_.penalty.has_dual();
  const bool split = method_ != Method::fista;
  Composite model(problem_, features_, split);
  FirstOrderOptions options;
  options.method = method_;
  // The gap is about the violation times the size of the solution.
  const auto size = [&](const Point& point) {
    double total = 1e-300;
    for (double x : point.x) total += std::abs(x);
    return total;
  };
  Point point = model.start(at);
  std::vector<double> g;
  model.gradient(point, g);
  double violation = dual ? model.stop_crit(point) : target;
  while (true) {
    if (dual) {
      const double guess = 0.3 * target / size(point);
      violation = std::max(std::min(guess, 0.5 * violation), 1e-16);
    }
    options.target = violation;
    options.max_iter = std::max<Index>(1, max_iter - report.iterations);
    bool converged = false;
    report.iterations += minimise(model, point, options, lipschitz_, converged, nullptr, monitor);
    model.store(point, at);
    if (problem_.fit_intercept) {
      ProxNewton(problem_).solve(at, 0.0, 100, monitor);
      point = model.start(at);
    }
    model.gradient(point, g);
    grad_ = model.datafit_gradient();
    const bool spent = report.iterations >= max_iter || !std::isfinite(point.loss);
    if (dual) {
      report.gap = duality_gap(problem_, at, features_.data(), static_cast<Index>(features_.size()),
                               grad_.data());
      report.converged = report.gap <= target;
    } else {
      report.converged = model.stop_crit(point) <= target;
      if (!report.converged && !spent && kick(model, point)) continue;
    }
    if (report.converged || spent || !dual || violation <= 1e-16) break;
  }
  model.store(point, at);
  report.grad = grad_.data();
  report.value = point.loss;
  return report;
}

}  // namespace taut::solver
