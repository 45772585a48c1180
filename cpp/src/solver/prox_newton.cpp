// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/prox_newton.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "taut/core/parallel.hpp"
#include "taut/linalg/kernels.hpp"
#include "taut/penalty/folded.hpp"

namespace taut::solver {
namespace {

constexpr double k_armijo = 1e-4;
constexpr int k_halvings = 30;
/// Rounding of an objective summed over n rows is about this times (25 + sqrt n), relative: smaller
/// changes say nothing, and the step, which comes from exact gradients, knows better.
constexpr double k_rounding = 4e-16;
/// Without a dual: steps that may pass before the violation falls (a feature that leaves or enters
/// makes it rise).
constexpr int k_patience = 20;
/// The same: steps that may lower it by less than half before a model must majorise.
constexpr int k_slow_steps = 8;
/// And such steps of a majoriser, nobody entering or leaving, before Newton's take over, or of those
/// before the majoriser is asked who should.
constexpr int k_steady_steps = 2;
/// After so many changes between the two there is no solution to be found (classes that can be
/// separated, and nothing that shrinks).
constexpr int k_most_entries = 200;
/// Steps of a majoriser are lengthened up to this factor.
constexpr double k_longest = 1e9;
/// The intercept's gradient |sum s r_k| (sum s = 1) is at most this times the residuals' scale before a
/// certificate is made.
constexpr double k_intercept_slope = 1e-14;
constexpr int k_polish_steps = 50;
/// A new Hessian must contract better than this, or a fresh one is made at once.
constexpr double k_poor_contraction = 0.7;
/// Smallest share of s by which a semi-smooth Hessian is raised, if at all.
constexpr double k_least_damping = 1e-3;

constexpr Index k_feature_block = 16;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

double rounding(Index n) { return k_rounding * (25.0 + std::sqrt(static_cast<double>(n))); }

/// The shift c that minimises sum_k l1 |b_k - c| + l2 (b_k - c)^2 / 2; the midpoint of the set of
/// minimisers where that is not one point (l2 = 0 and an even number of classes).
double row_shift(const double* b, Index K, double l1, double l2) {
  std::vector<double> sorted(b, b + K);
  std::sort(sorted.begin(), sorted.end());
  double mean = 0.0;
  for (double x : sorted) mean += x / static_cast<double>(K);
  if (l1 == 0.0) return mean;
  if (l2 == 0.0) return 0.5 * (sorted[at_((K - 1) / 2)] + sorted[at_(K / 2)]);
  // Slope to the left and right of each breakpoint; linear in between.
  const double k = static_cast<double>(K);
  for (Index i = 0; i < K; ++i) {
    const double c = sorted[at_(i)];
    const double smooth = l2 * k * (c - mean);
    const double left = smooth + l1 * (2.0 * static_cast<double>(i) - k);
    if (left >= 0.0) return mean + l1 * (k - 2.0 * static_cast<double>(i)) / (l2 * k);
    if (left + 2.0 * l1 >= 0.0) return c;
  }
  return mean;
}

}  // namespace

ProxNewton::ProxNewton(const Problem& problem, bool naive)
    : problem_(problem),
      naive_(naive),
      model_(make_gram_model(problem.penalty, 1)),
      hessian_(problem),
      slope_limit_(k_intercept_slope * problem.datafit.residual_scale()),
      sparse_(problem.Z.raw().is_sparse()),
      gram_limit_(gram_limit(problem)),
      slot_(at_(problem.cols()), -1) {
  naive_ = naive_ || !model_;
  penalty::Folded folded;
  if (problem.cols() > 0 && problem.penalty.as_folded(0, folded) && folded.jumps()) {
    bound_ = problem.datafit.curvature_bound();
  }
  const Index n = problem.rows(), K = width();
  u_.resize(at_(n * K));
  sums_.resize(at_(K));
  direction_.resize(at_(n * K));
  constant_.resize(at_(K));
  trial_eta_.resize(at_(n * K));
  trial_residual_.resize(at_(n * K));
  grad0_.resize(at_(K));
  change0_.resize(at_(K));
  inverse_.resize(at_(K * K));
}

void ProxNewton::add(const Index* features, Index count) {
  for (Index c = 0; c < count; ++c) {
    slot_[at_(features[c])] = static_cast<Index>(features_.size());
    features_.push_back(features[c]);
    if (sparse_) packed_.append(problem_.Z.raw(), features[c]);
  }
  grad_.resize(features_.size() * at_(width()), 0.0);
  in_model_.resize(features_.size() * at_(width()), 0);
}

/// Datafit and residual at the iterate's eta.
void ProxNewton::evaluate(Iterate& at) {
  value_ = problem_.datafit.evaluate(at.eta.data(), at.residual.data());
}

/// Gradients of the features from slot `first` on, and of the intercepts.
void ProxNewton::update_gradient(const Iterate& at, Index first) {
  const Index n = problem_.rows(), K = width();
  const double* s = problem_.Z.weights();
  for (Index k = 0; k < K; ++k) {
    double* u = &u_[at_(k * n)];
    const double* r = &at.residual[at_(k * n)];
    for (Index i = 0; i < n; ++i) u[i] = -s[i] * r[i];
    sums_[at_(k)] = linalg::sum(u, n);
    grad0_[at_(k)] = problem_.fit_intercept ? sums_[at_(k)] : 0.0;
  }
  const double work = static_cast<double>(n) * static_cast<double>((count() - first) * K);
  parallel_blocks(count() - first, k_feature_block, threads_for(work, problem_.n_threads),
                  [&](Index begin, Index end) {
                    for (Index c = first + begin; c < first + end; ++c) {
                      const Index j = features_[at_(c)];
                      if (!sparse_) {
                        problem_.Z.dots(j, u_.data(), sums_.data(), K, &grad_[at_(c * K)]);
                        continue;
                      }
                      const double mean = problem_.Z.mean(j), scale = problem_.Z.scale(j);
                      for (Index k = 0; k < K; ++k) {
                        const double raw = packed_.dot(c, &u_[at_(k * n)]);
                        grad_[at_(c * K + k)] = (raw - mean * sums_[at_(k)]) / scale;
                      }
                    }
                  });
  known_ = count();
}

double ProxNewton::violation(const Iterate& at) const {
  return subdiff_distance(problem_, at, features_.data(), count(), grad_.data());
}

double ProxNewton::size(const Iterate& at) const {
  const Index K = width();
  double total = 0.0;
  for (Index j : features_) {
    for (Index k = 0; k < K; ++k) total += std::abs(at.coef[at_(j * K + k)]);
  }
  return total;
}

double ProxNewton::intercept_slope() const {
  double worst = 0.0;
  for (double g : grad0_) worst = std::max(worst, std::abs(g));
  return worst;
}

/// Newton on the intercepts alone until their gradient is rounding: O(n K) a step, mostly one or two
/// steps because the model has moved them along. grad_ is stale afterwards.
void ProxNewton::polish_intercept(Iterate& at) {
  const Index n = problem_.rows(), K = width();
  const double* s = problem_.Z.weights();
  ++counters_.polishes;
  double last = std::numeric_limits<double>::infinity();
  for (int step = 0; step < k_polish_steps; ++step) {
    for (Index k = 0; k < K; ++k) {
      grad0_[at_(k)] = -linalg::dot(s, &at.residual[at_(k * n)], n);
    }
    const double slope = intercept_slope();
    if (slope <= slope_limit_) return;
    if (slope >= 0.5 * last && slope <= 1e3 * slope_limit_) return;  // rounding
    last = slope;
    if (!problem_.datafit.best_shift(at.eta.data(), at.residual.data(), change0_[0])) {
      const double* point = problem_.datafit.curvature_point(at.residual.data(), store_);
      intercept_hessian_inverse(problem_, point, 0.0, 0.0, scratch_, inverse_.data());
      for (Index k = 0; k < K; ++k) {
        change0_[at_(k)] = -linalg::dot(&inverse_[at_(k * K)], grad0_.data(), K);
      }
    }
    double descent = 0.0;
    for (Index k = 0; k < K; ++k) descent += change0_[at_(k)] * grad0_[at_(k)];
    double t = 1.0;
    bool accepted = false;
    for (int halving = 0; halving <= k_halvings && !accepted; ++halving, t *= 0.5) {
      for (Index k = 0; k < K; ++k) {
        const double d = t * change0_[at_(k)];
        const double* from = &at.eta[at_(k * n)];
        double* to = &trial_eta_[at_(k * n)];
        for (Index i = 0; i < n; ++i) to[i] = from[i] + d;
      }
      const double value = problem_.datafit.evaluate(trial_eta_.data(), trial_residual_.data());
      if (value <= value_ + k_armijo * t * descent + rounding(n) * std::abs(value_)) {
        accepted = true;
        value_ = value;
        at.eta.swap(trial_eta_);
        at.residual.swap(trial_residual_);
        for (Index k = 0; k < K; ++k) at.intercept[at_(k)] += t * change0_[at_(k)];
      }
    }
    if (!accepted) return;
  }
}

/// Rows that the model holds for flat may not be so for long: a step that gains less than the model
/// promised gives the next one some of their curvature (at damping one the model is a majoriser), and
/// good steps take it away again.
void ProxNewton::adapt_damping(const Step& step) {
  if (!problem_.datafit.is_semismooth() || mode_ == Mode::majorise) return;
  if (!step.moved || !step.full || step.gain < 0.2) {
    damping_ = std::clamp(4.0 * damping_, k_least_damping, 1.0);
  } else if (step.gain > 0.4) {
    damping_ = damping_ > k_least_damping ? 0.2 * damping_ : 0.0;
  }
}

/// Armijo search along the model's step: eta + t Z d with Z d formed once.
bool ProxNewton::line_search(Iterate& at, Step& step, const std::vector<Coordinate>& coordinates) {
  const Index n = problem_.rows(), K = width();
  const Index m = static_cast<Index>(coordinates.size());

  // Coordinates that move, by output; and the rows they belong to.
  std::vector<std::vector<Index>> moving(at_(K)), moving_feature(at_(K));
  std::vector<std::vector<double>> moving_change(at_(K));
  std::vector<Index> rows;
  double slope = 0.0, work = 0.0;
  bool keeps_support = true;
  for (Index k = 0; k < K; ++k) slope += grad0_[at_(k)] * change0_[at_(k)];
  for (Index a = 0; a < m; ++a) {
    const double d = change_[at_(a)];
    if (d == 0.0) continue;
    if (!std::isfinite(d)) return false;
    const Coordinate& c = coordinates[at_(a)];
    moving[at_(c.output)].push_back(a);
    moving_feature[at_(c.output)].push_back(c.feature);
    moving_change[at_(c.output)].push_back(d);
    rows.push_back(c.feature);
    keeps_support = keeps_support && target_[at_(a)] != 0.0 && target_[at_(a)] != d;
    slope += grad_[at_(slot_[at_(c.feature)] * K + c.output)] * d;
    work += static_cast<double>(n);
  }
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());

  parallel_for(K, threads_for(work, problem_.n_threads), [&](Index k) {
    double* d = &direction_[at_(k * n)];
    std::fill_n(d, n, 0.0);
    const double constant =
        change0_[at_(k)] + problem_.Z.add_to(moving_feature[at_(k)].data(),
                                             moving_change[at_(k)].data(),
                                             static_cast<Index>(moving_feature[at_(k)].size()), d);
    for (Index i = 0; i < n; ++i) d[i] += constant;
  });

  // Rows of coefficients before and after the full step.
  const penalty::Blocks& blocks = problem_.penalty.blocks();
  if (!blocks.single()) {
    // The penalty is known of whole blocks only.
    std::vector<Index> whole;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Index b = blocks.of(rows[i]);
      if (!whole.empty() && rows[i] <= whole.back()) continue;
      for (Index j = blocks.begin(b); j < blocks.begin(b) + blocks.size(b); ++j) whole.push_back(j);
    }
    rows.swap(whole);
  }
  const Index height = static_cast<Index>(rows.size());
  std::vector<double> before(at_(height * K)), delta(at_(height * K), 0.0);
  std::vector<double> trial(at_(blocks.largest() * K));
  for (Index i = 0; i < height; ++i) {
    std::copy_n(&at.coef[at_(rows[at_(i)] * K)], K, &before[at_(i * K)]);
  }
  for (Index k = 0; k < K; ++k) {
    for (Index a : moving[at_(k)]) {
      const auto i = std::lower_bound(rows.begin(), rows.end(), coordinates[at_(a)].feature);
      delta[at_((i - rows.begin()) * K + k)] = change_[at_(a)];
    }
  }
  const auto penalty_at = [&](double t) {
    double total = 0.0;
    for_each_block(problem_, rows.data(), height, [&](Index b, Index, Index i) {
      const Index width = problem_.penalty.width(b);
      for (Index k = 0; k < width; ++k) {
        trial[at_(k)] = before[at_(i * K + k)] + t * delta[at_(i * K + k)];
      }
      if (linalg::any_nonzero(trial.data(), width))
        total += problem_.penalty.value(trial.data(), b);
    });
    return total;
  };
  const double penalty_before = penalty_at(0.0);
  const double descent = slope + penalty_at(1.0) - penalty_before;
  const double noise = rounding(n) * (std::abs(value_) + penalty_before);

  const auto change_at = [&](double t) {
    for (Index i = 0; i < n * K; ++i) {
      trial_eta_[at_(i)] = at.eta[at_(i)] + t * direction_[at_(i)];
    }
    return (problem_.datafit.value(trial_eta_.data()) - value_) + (penalty_at(t) - penalty_before);
  };
  const int halvings = problem_.penalty.has_dual() || mode_ == Mode::hold ? k_halvings : 0;
  double t = 1.0;
  step.steady = keeps_support;
  if (mode_ == Mode::majorise && keeps_support) {
    // A majoriser's steps are short, and while nobody enters or leaves, longer ones are as good.
    for (double best = change_at(t); t < k_longest; t *= 2.0) {
      const double longer = change_at(2.0 * t);
      if (!(longer < best)) break;
      best = longer;
    }
  }
  for (int halving = 0; halving <= halvings; ++halving, t *= 0.5) {
    for (Index i = 0; i < n * K; ++i) {
      trial_eta_[at_(i)] = at.eta[at_(i)] + t * direction_[at_(i)];
    }
    const double value = problem_.datafit.evaluate(trial_eta_.data(), trial_residual_.data());
    const double change = (value - value_) + (penalty_at(t) - penalty_before);
    if (change <= k_armijo * t * std::min(descent, 0.0) + noise) {
      at.eta.swap(trial_eta_);
      at.residual.swap(trial_residual_);
      value_ = value;
      for (Index i = 0; i < height; ++i) {
        for (Index k = 0; k < K; ++k) {
          double& b = at.coef[at_(rows[at_(i)] * K + k)];
          const double d = delta[at_(i * K + k)];
          // A full step that ends at zero or a bound ends there exactly: b + (w - b) may not.
          b = before[at_(i * K + k)] + t * d;
        }
      }
      if (t == 1.0) {
        for (Index a = 0; a < m; ++a) {
          const Coordinate& c = coordinates[at_(a)];
          if (change_[at_(a)] != 0.0) at.coef[at_(c.feature * K + c.output)] = target_[at_(a)];
        }
      }
      for (Index k = 0; k < K; ++k) at.intercept[at_(k)] += t * change0_[at_(k)];
      step.full = t == 1.0;
      step.gain = descent < 0.0 ? change / descent : 1.0;
      step.progress = change < -noise;
      return true;
    }
    ++counters_.halvings;
  }
  step.full = false;
  return false;
}

/// Picks the representative among equal models of the symmetric multinomial form: rows of
/// coefficients shifted to least penalty (mean zero where there is none), intercepts to mean zero.
void ProxNewton::centre(Iterate& at) {
  const Index n = problem_.rows(), K = width();
  if (K == 1 || !problem_.datafit.is_shift_invariant()) return;
  penalty::Piece e;
  penalty::BlockNorm norm;
  std::vector<double> shift(at_(n), 0.0);
  double constant = 0.0;
  bool any = false;
  for (Index j : features_) {
    double* b = &at.coef[at_(j * K)];
    if (!linalg::any_nonzero(b, K)) continue;
    double c = 0.0, largest = 0.0;
    for (Index k = 0; k < K; ++k) largest = std::max(largest, std::abs(b[k]));
    const Index block = problem_.penalty.blocks().of(j);
    const bool norms = problem_.penalty.as_norm(block, norm) && norm.lasso == 0.0;
    if (!norms && (!problem_.penalty.as_piece(block, e) || std::isfinite(e.lower) ||
                   std::isfinite(e.upper))) {
      continue;
    }
    if (norms || problem_.penalty.is_free(block)) {
      for (Index k = 0; k < K; ++k) c += b[k] / static_cast<double>(K);
    } else {
      c = row_shift(b, K, e.l1, e.l2);
    }
    if (std::abs(c) <= 1e-13 * largest) continue;
    for (Index k = 0; k < K; ++k) b[k] -= c;
    constant += problem_.Z.add_to(j, -c, shift.data());
    any = true;
  }
  double mean = 0.0;
  if (problem_.fit_intercept) {
    for (double b : at.intercept) mean += b / static_cast<double>(K);
    for (double& b : at.intercept) b -= mean;
  }
  if (!any && std::abs(mean) <= 1e-15) return;
  for (double& x : shift) x += constant - mean;
  for (Index k = 0; k < K; ++k) linalg::axpy(1.0, shift.data(), &at.eta[at_(k * n)], n);
}

void ProxNewton::enter(Mode mode) {
  mode_ = mode;
  rebuild_ = true;
}

InnerReport ProxNewton::solve(Iterate& at, double target, Index max_iter, Monitor& monitor) {
  InnerReport report;
  if (model_) model_->watch(monitor);
  if (at.residual == residual_) {
    if (known_ < count()) update_gradient(at, known_);
  } else {
    evaluate(at);
    if (problem_.fit_intercept && features_.empty()) polish_intercept(at);
    update_gradient(at, 0);
  }

  // The first step at a new penalty strength goes along the path, and the curvature in that direction
  // is best foretold by the one found there the last time.
  bool along_path = problem_.penalty.alpha() != alpha_;
  if (along_path) curvature_scale_ = path_scale_;
  alpha_ = problem_.penalty.alpha();

  double worst = violation(at), before = worst;
  double least = std::numeric_limits<double>::infinity();
  if (mode_ != Mode::newton) enter(Mode::newton);
  bool rebuild = rebuild_;
  int stalls = 0, slow = 0, entries = 0;
  const auto finish = [&] {
    centre(at);
    residual_ = at.residual;
    report.grad = grad_.data();
    report.value = value_;
    return report;
  };
  while (true) {
    // Without a dual the violation is the certificate itself.
    const bool dual = problem_.penalty.has_dual();
    const double scale = dual ? std::max(size(at), 1e-300) : 1.0;
    const double expected = (dual ? gap_ratio_ : 1.0) * worst * scale;
    const bool last =
        report.iterations >= max_iter || stalls >= (dual ? 3 : k_patience) || count() == 0;
    if ((dual ? 0.7 : 1.0) * expected <= target || last) {
      if (problem_.fit_intercept && intercept_slope() > slope_limit_) {
        const double slope = intercept_slope();
        polish_intercept(at);
        update_gradient(at, 0);
        worst = violation(at);
        // Far from it: the model would have done better than the intercept alone.
        const double again = (dual ? 0.7 * gap_ratio_ : 1.0) * worst * scale;
        if (slope > 1e11 * slope_limit_ && !last && again > target) continue;
      }
      ++counters_.gaps;
      report.gap =
          dual ? duality_gap(problem_, at, features_.data(), count(), grad_.data(),
                             value_ + penalty_value(problem_, at, features_.data(), count()))
               : worst;
      if (dual && worst > 0.0) gap_ratio_ = std::clamp(report.gap / (worst * scale), 1e-3, 2.0);
      report.converged = report.gap <= target;
      if (report.converged || last) return finish();
    }
    if (!std::isfinite(worst) || !std::isfinite(value_)) {
      report.gap = std::numeric_limits<double>::quiet_NaN();
      return finish();
    }

    const Index hessians = counters_.hessians;
    const bool naive = naive_ || model_size(at) > gram_limit_;
    if (slow > (mode_ == Mode::newton ? k_slow_steps : k_steady_steps)) {
      enter(mode_ != Mode::majorise ? Mode::majorise : naive ? Mode::newton : Mode::hold);
      slow = 0;
      if (++entries <= k_most_entries) stalls = 0;
    }
    rebuild = rebuild || rebuild_ ||
              (mode_ == Mode::newton && contraction_ > 0.0 && model_pays(expected, target));
    const Step step = naive ? naive_step(at, worst) : model_step(at, rebuild, worst, max_iter);
    const bool fresh = counters_.hessians > hessians;
    ++report.iterations;
    ++counters_.iterations;
    rebuild = false;
    if (step.moved) {
      // Whoever expects to be done now makes the certificate's intercepts exact first.
      const double guess = std::max(contraction_, fresh ? fresh_contraction_ : 0.0);
      if (problem_.fit_intercept && guess * expected <= target) polish_intercept(at);
      update_gradient(at, 0);
    } else if (problem_.fit_intercept) {
      polish_intercept(at);
      update_gradient(at, 0);
    }
    before = worst;
    worst = violation(at);
    if (bound_ > 0.0 && worst > 0.5 * before) ++slow;
    if (mode_ == Mode::majorise && !step.steady) slow = 0;
    if (step.moved && step.full && !naive && mode_ == Mode::newton) rescale();
    if (along_path) path_scale_ = curvature_scale_;
    along_path = false;
    adapt_damping(step);
    if (mode_ != Mode::newton) {
      rebuild = mode_ == Mode::hold;
    } else if (!step.full) {
      rebuild = !fresh || step.moved;
    } else if (step.complete || fresh) {
      contraction_ = std::clamp(worst / std::max(before, 1e-300), 1e-6, 1.0);
      if (fresh) fresh_contraction_ = contraction_;
      if (contraction_ > k_poor_contraction) rebuild = true;
    }
    // A majorised model gains little at a time, but gains.
    const bool falls =
        (mode_ != Mode::newton || problem_.datafit.is_semismooth()) && step.moved && step.progress;
    if ((falls && entries <= k_most_entries) || worst < (naive ? 0.999 : 0.9) * least) {
      least = std::min(least, worst);
      stalls = 0;
    } else if (!step.moved || (fresh && step.full)) {
      ++stalls;
    }
    if (!step.moved && mode_ == Mode::newton) rebuild = true;
    monitor.poll({});
  }
}

}  // namespace taut::solver
