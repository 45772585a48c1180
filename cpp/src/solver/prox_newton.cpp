// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/prox_newton.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "taut/core/parallel.hpp"
#include "taut/linalg/kernels.hpp"
#include "taut/penalty/folded.hpp"
#include "taut/solver/block_step.hpp"

namespace taut::solver {
namespace {

constexpr double k_armijo = 1e-4;
constexpr int k_halvings = 30;
/// Nonconvex penalties: how often, and by how much, a model is damped until its step pays, and steps
/// that may pass without the violation falling (a feature that leaves or enters makes it rise).
constexpr int k_dampings = 20;
constexpr double k_damping = 4.0;
constexpr int k_patience = 20;
/// Rounding of an objective summed over n rows is about this times (25 + sqrt n), relative: smaller
/// changes say nothing, and the step, which comes from exact gradients, knows better.
constexpr double k_rounding = 4e-16;
/// The intercept's gradient |sum s r_k| (sum s = 1) is at most this times the residuals' scale before a
/// certificate is made.
constexpr double k_intercept_slope = 1e-14;
constexpr int k_polish_steps = 50;
/// Relative ridge of the Gram: it makes the row-shift direction of the multinomial Hessian definite.
constexpr double k_ridge = 1e-9;
/// Zero coefficients whose gradient is within this share of the threshold join a new model.
constexpr double k_near = 0.9;
constexpr double k_jump_near = 0.5;
/// Each model is solved to this share of the violation it starts from.
constexpr double k_model_accuracy = 0.02;
/// A new Hessian must contract better than this, or a fresh one is made at once.
constexpr double k_poor_contraction = 0.7;
/// Work, in multiply-adds of a matrix product: one entry of a dot product, of a softmax.
constexpr double k_dot_work = 3.0, k_softmax_work = 60.0, k_pack_work = 4.0;
/// A new Hessian serves later steps too: its cost counts by this share.
constexpr double k_build_share = 0.5;

/// Models with more coordinates than this have no Gram: coordinate descent on the rows instead.
constexpr Index k_gram_limit = 2500;
constexpr Index k_coordinates_per_entry = 16;
constexpr Index k_least_gram = 256;
/// Sweeps of that descent for one model, and the share of the violation at which it ends.
constexpr int k_naive_sweeps = 100;
constexpr double k_naive_accuracy = 0.05;

/// Smallest share of s by which a semi-smooth Hessian is raised, if at all.
constexpr double k_least_damping = 1e-3;

constexpr Index k_feature_block = 16;
constexpr double k_parallel_work = 1e5;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

double rounding(Index n) { return k_rounding * (25.0 + std::sqrt(static_cast<double>(n))); }

int threads_for(double work, int n_threads) { return work < k_parallel_work ? 1 : n_threads; }

bool any_nonzero(const double* b, Index K) {
  return std::any_of(b, b + K, [](double x) { return x != 0.0; });
}

/// Distance of -g from the subdifferential of one coordinate.
double coordinate_violation(const penalty::Piece& e, double b, double g) {
  constexpr double k_inf = std::numeric_limits<double>::infinity();
  const double smooth = g + e.l2 * b;
  const double up = b < e.upper ? smooth + (b >= 0.0 ? e.l1 : -e.l1) : k_inf;
  const double down = b > e.lower ? smooth + (b > 0.0 ? e.l1 : -e.l1) : -k_inf;
  return std::max({0.0, -up, down});
}

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
      intercept_hessian_inverse(problem_, at.residual.data(), 0.0, scratch_, inverse_.data());
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

/// Models with more coordinates than this go without a Gram. Norms of blocks, unlike the Lasso, leave
/// more coefficients nonzero than there are rows, and then X is the smaller matrix.
/// And on sparse columns descent costs their entries where a Gram costs its size.
Index ProxNewton::gram_limit(const Problem& problem) {
  if (problem.outputs() > 1) return k_gram_limit;
  if (!problem.penalty.blocks().single()) {
    return std::clamp(problem.rows(), k_least_gram, k_gram_limit);
  }
  const design::Design& X = problem.Z.raw();
  if (!X.is_sparse() || X.cols() == 0) return k_gram_limit;
  Index entries = 0;
  for (Index j = 0; j < X.cols(); ++j) entries += X.column_entries(j);
  return std::clamp(k_coordinates_per_entry * (entries / X.cols()), k_least_gram, k_gram_limit);
}

/// Coordinates that a new model would have.
Index ProxNewton::model_size(const Iterate& at) const {
  const Index K = width();
  const penalty::Penalty& penalty = problem_.penalty;
  Index size = 0;
  if (count() * K <= gram_limit_) return count() * K;
  for_each_block(problem_, features_.data(), count(), [&](Index b, Index first, Index c) {
    if (any_nonzero(&at.coef[at_(first * K)], penalty.width(b)) || penalty.is_free(b) ||
        penalty.pull(&grad_[at_(c * K)], b) > k_near * penalty.threshold(b)) {
      size += penalty.width(b);
    }
  });
  return size;
}

/// Whether a new Hessian now is cheaper than going on with the one at hand.
bool ProxNewton::model_pays(double expected_gap, double target) const {
  const double n = static_cast<double>(problem_.rows()), K = static_cast<double>(width());
  const double m = static_cast<double>(hessian_.size());
  const double step =
      n * (k_dot_work * (static_cast<double>(count()) * K + m) + k_softmax_work * K);
  const double ahead = std::log(std::max(expected_gap / std::max(target, 1e-300), 1.5));
  const double stale = ahead / -std::log(std::min(contraction_, 0.95));
  const double fresh = ahead / -std::log(std::clamp(fresh_contraction_, 1e-4, 0.5));
  return (stale - fresh) * step > k_build_share * build_work_;
}

/// Brings coordinates into the model; true if an existing model got new ones.
bool ProxNewton::select(const Iterate& at, bool rebuild) {
  const Index K = width();
  const penalty::Penalty& penalty = problem_.penalty;
  if (rebuild) {
    model_->clear();
    hessian_.reset(at.residual, damping_);
    std::fill(in_model_.begin(), in_model_.end(), char{0});
    rebuild_ = false;
    curvature_scale_ = 1.0;
    path_scale_ = 1.0;
    ++counters_.hessians;
  }
  joining_.clear();
  const double near = rebuild ? k_near : 1.0;
  const auto join = [&](Index c, Index k) {
    in_model_[at_(c * K + k)] = 1;
    joining_.push_back({features_[at_(c)], k});
  };
  if (!model_->takes_single_coordinates()) {
    for_each_block(problem_, features_.data(), count(), [&](Index b, Index first, Index c) {
      if (in_model_[at_(c * K)] || penalty.is_excluded(b)) return;
      const Index width = penalty.width(b);
      if (any_nonzero(&at.coef[at_(first * K)], width) || penalty.is_free(b) ||
          penalty.pull(&grad_[at_(c * K)], b) > near * penalty.threshold(b)) {
        for (Index i = 0; i < width; ++i) join(c + i / K, i % K);
      }
    });
  } else {
    // By output, so that a new model's blocks h_kl are contiguous.
    penalty::Piece e;
    penalty::Folded f;
    for (Index k = 0; k < K; ++k) {
      for (Index c = 0; c < count(); ++c) {
        const Index j = features_[at_(c)];
        if (in_model_[at_(c * K + k)]) continue;
        if (!penalty.as_piece(j, e)) {
          penalty.as_folded(j, f);
          e = {penalty.threshold(j), 0.0, f.lower, f.upper};
          // The threshold speaks of a bound of the curvature, the model has the curvature itself.
          if (f.jumps()) e.l1 *= rebuild ? k_jump_near : 1.0;
        }
        if (e.lower == 0.0 && e.upper == 0.0) continue;
        const double b = at.coef[at_(j * K + k)], g = grad_[at_(c * K + k)];
        e.l1 *= near;
        if (b != 0.0 || e.l1 == 0.0 || coordinate_violation(e, b, g) > 0.0) join(c, k);
      }
    }
  }
  if (joining_.empty()) return false;
  const Index first = hessian_.size(), m = first + static_cast<Index>(joining_.size());
  model_->resize(m);
  hessian_.append(joining_.data(), m - first, model_->column(0), model_->ld());
  for (Index a = first; a < m; ++a) {
    double& diagonal = model_->column(a)[a];
    const double norm = problem_.Z.norm(hessian_.coordinates()[at_(a)].feature);
    diagonal = std::max(diagonal * (1.0 + k_ridge), 1e-14 * norm * norm);
  }
  if (rebuild) {
    const double size = static_cast<double>(m), K_ = static_cast<double>(K);
    build_work_ =
        static_cast<double>(problem_.rows()) * (0.5 * size * size + k_pack_work * size * K_);
  }
  return first > 0;
}

/// Solves the quadratic model around the iterate and goes there.
ProxNewton::Step ProxNewton::model_step(Iterate& at, bool rebuild, double violation,
                                        Index max_rounds) {
  const Index K = width();
  Step step;
  step.complete = !select(at, rebuild);
  const std::vector<Coordinate>& coordinates = hessian_.coordinates();
  const Index m = hessian_.size();
  if (m == 0) return step;

  model_grad_.resize(at_(m));
  change_.resize(at_(m));
  for (Index a = 0; a < m; ++a) {
    const Coordinate& c = coordinates[at_(a)];
    model_grad_[at_(a)] = grad_[at_(slot_[at_(c.feature)] * K + c.output)];
  }
  hessian_.eliminate(grad0_.data(), model_grad_.data());
  step.moved = scaled_step(at, step, violation, max_rounds);
  // Along a straight line a nonconvex penalty may rise before it falls, so a step that fails is not
  // shortened but found anew in a model of larger curvature, which majorises in the end.
  for (int times = 0; !step.moved && !problem_.penalty.has_dual() && times < k_dampings; ++times) {
    curvature_scale_ *= k_damping;
    step.moved = scaled_step(at, step, violation, max_rounds);
  }
  return step;
}

/// The step of a model whose curvature is curvature_scale_ times the Gram's.
bool ProxNewton::scaled_step(Iterate& at, Step& step, double violation, Index max_rounds) {
  const Index K = width(), m = hessian_.size();
  GramModel& qp = *model_;
  const std::vector<Coordinate>& coordinates = hessian_.coordinates();
  for (Index a = 0; a < m; ++a) {
    const Coordinate& c = coordinates[at_(a)];
    qp.w(a) = at.coef[at_(c.feature * K + c.output)];
    change_[at_(a)] = qp.w(a);
  }
  // The Gram stays as it is and all else is divided.
  const double inverse_scale = 1.0 / curvature_scale_;
  for (Index a = 0; a < m; ++a) qp.q(a) = -inverse_scale * model_grad_[at_(a)];
  qp.load(problem_.penalty, coordinates.data(), curvature_scale_);
  qp.solve(k_model_accuracy * inverse_scale * violation, max_rounds, problem_.n_threads);
  model_curvature_ = 0.0;
  target_.resize(at_(m));
  for (Index a = 0; a < m; ++a) {
    target_[at_(a)] = qp.w(a);
    const double d = qp.w(a) - change_[at_(a)];
    change_[at_(a)] = d;
    // q falls by G d.
    model_curvature_ -= d * (inverse_scale * model_grad_[at_(a)] + qp.q(a));
  }
  for (double& g : grad0_) g *= inverse_scale;
  hessian_.intercept_step(grad0_.data(), change_.data(), change0_.data());
  for (double& g : grad0_) g *= curvature_scale_;
  return line_search(at, step, coordinates);
}

/// The model without a Gram, its Hessian being diag(h) for every output alike: exact for one output,
/// a majoriser (Gershgorin) for several. Coordinate descent keeps Z d up to date, O(nnz_j) a move;
/// any penalty will do. The intercept's step is eliminated: weighted means under h are taken out.
ProxNewton::Step ProxNewton::naive_step(Iterate& at, double violation) {
  const Index n = problem_.rows(), K = width();
  const design::Standardized& Z = problem_.Z;
  const penalty::Penalty& penalty = problem_.penalty;
  ++counters_.hessians;
  rebuild_ = true;  // should a Gram be made later, what there is of it is stale

  std::vector<double> h(at_(n), 0.0), row(at_(n));
  for (Index k = 0; k < K; ++k) {
    std::vector<double> total(at_(n), 0.0);
    for (Index l = 0; l < K; ++l) {
      problem_.datafit.curvature(at.residual.data(), k, l, row.data());
      for (Index i = 0; i < n; ++i) total[at_(i)] += std::abs(row[at_(i)]);
    }
    for (Index i = 0; i < n; ++i) h[at_(i)] = std::max(h[at_(i)], total[at_(i)]);
  }
  const double* s = Z.weights();
  for (Index i = 0; i < n; ++i) {
    h[at_(i)] = naive_scale_ * std::max(h[at_(i)] + damping_ * s[i], 1e-12 * s[i]);
  }
  const double sum_h = linalg::sum(h.data(), n);

  // Features that can move, and the blocks they make up.
  struct Row {
    Index feature, slot;
    double h_dot, curvature;  // z'h, z'(h o z) with the h-mean taken out
  };
  struct Range {
    Index block, first;  // rows first .. first + size of the block
  };
  std::vector<Row> rows;
  std::vector<Range> ranges;
  for_each_block(problem_, features_.data(), count(), [&](Index b, Index first, Index c) {
    const Index size = penalty.blocks().size(b);
    if (penalty.is_excluded(b) || (size == 1 && Z.norm(first) == 0.0)) return;
    if (any_nonzero(&at.coef[at_(first * K)], size * K) || penalty.is_free(b) ||
        penalty.subdiff_distance(&at.coef[at_(first * K)], &grad_[at_(c * K)], b) > 0.0) {
      ranges.push_back({b, static_cast<Index>(rows.size())});
      for (Index i = 0; i < size; ++i) rows.push_back({first + i, c + i, 0.0, 0.0});
    }
  });
  const Index height = static_cast<Index>(rows.size());
  const bool centre = problem_.fit_intercept;
  // Sparse columns times sqrt(h), side by side; directions are then sqrt(h) times what they stand for.
  design::PackedColumns columns;
  if (sparse_) {
    for (Index i = 0; i < n; ++i) row[at_(i)] = std::sqrt(h[at_(i)]);
    for (const Row& f : rows) columns.append(packed_, f.slot, row.data());
  }
  parallel_blocks(
      height, k_feature_block, threads_for(static_cast<double>(n * height), problem_.n_threads),
      [&](Index begin, Index end) {
        std::vector<double> column(at_(n));
        for (Index r = begin; r < end; ++r) {
          Row& f = rows[at_(r)];
          const double scale = Z.scale(f.feature);
          double constant = -Z.mean(f.feature) / scale, raw = 0.0;
          // z'(h o z) = z'(h o x/d) - (m/d) z'h, the first by the stored entries alone.
          if (sparse_) {
            f.h_dot = (packed_.dot(f.slot, h.data()) - Z.mean(f.feature) * sum_h) / scale;
            raw = columns.square(r) / scale;
          } else {
            f.h_dot = Z.dot(f.feature, h.data(), sum_h);
            std::fill(column.begin(), column.end(), 0.0);
            constant = Z.add_to(f.feature, 1.0, column.data());
            raw = Z.raw().weighted_dot(f.feature, h.data(), column.data());
          }
          const double hx = f.h_dot - constant * sum_h;
          f.curvature = raw / Z.scale(f.feature) + constant * (2.0 * hx + constant * sum_h);
          if (centre) f.curvature -= f.h_dot * f.h_dot / sum_h;
          f.curvature = std::max(f.curvature, 1e-14 * Z.norm(f.feature) * Z.norm(f.feature));
        }
      });

  // The block's part of the Hessian, the h-mean taken out.
  std::vector<BlockStep> steps(ranges.size());
  const Index n_ranges = static_cast<Index>(ranges.size());
  parallel_blocks(
      n_ranges, k_feature_block, threads_for(static_cast<double>(n * height), problem_.n_threads),
      [&](Index begin, Index end) {
        std::vector<Index> features;
        std::vector<double> gram;
        for (Index i = begin; i < end; ++i) {
          const Index first = ranges[at_(i)].first;
          const Index size = penalty.blocks().size(ranges[at_(i)].block);
          features.clear();
          for (Index a = 0; a < size; ++a) {
            features.push_back(rows[at_(first + a)].feature);
          }
          gram.resize(at_(size * size));
          if (size > 1) {
            Z.gram(features.data(), size, features.data(), size, h.data(), 1, gram.data(), size);
          }
          for (Index a = 0; a < size; ++a) {
            const double dot_a = rows[at_(first + a)].h_dot;
            for (Index c = 0; centre && c < size; ++c) {
              gram[at_(c * size + a)] -= dot_a * rows[at_(first + c)].h_dot / sum_h;
            }
            gram[at_(a * size + a)] = rows[at_(first + a)].curvature;
          }
          steps[at_(i)] = BlockStep(size, gram.data(), size);
        }
      });

  // eta moves by direction_k + shift_k; h_sum_k = sum h o direction_k.
  std::fill(direction_.begin(), direction_.end(), 0.0);
  std::vector<double> h_sum(at_(K), 0.0), constants(at_(K), 0.0);
  std::vector<double> next(at_(penalty.blocks().largest() * K)), old;
  std::vector<double> b(at_(height * K));
  for (Index r = 0; r < height; ++r) {
    std::copy_n(&at.coef[at_(rows[at_(r)].feature * K)], K, &b[at_(r * K)]);
  }
  const auto intercept_shift = [&](Index k) {
    // Total constant of output k at the minimiser over the intercept, given the direction.
    return centre ? -(grad0_[at_(k)] + h_sum[at_(k)]) / sum_h : constants[at_(k)];
  };
  penalty::BlockNorm norm;
  const bool norms = penalty.as_norm(0, norm);
  std::vector<double> scratch;
  const auto visit = [&](Index place) {
    const Range& range = ranges[at_(place)];
    const Index size = penalty.blocks().size(range.block);
    double* now = &b[at_(range.first * K)];
    for (Index i = 0; i < size; ++i) {
      const Row& f = rows[at_(range.first + i)];
      for (Index k = 0; k < K; ++k) {
        const double* d = &direction_[at_(k * n)];
        const double h_x_d = sparse_ ? columns.dot(range.first + i, d)
                                     : Z.raw().weighted_dot(f.feature, h.data(), d);
        const double product = (h_x_d - Z.mean(f.feature) * h_sum[at_(k)]) / Z.scale(f.feature) +
                               intercept_shift(k) * f.h_dot;
        next[at_(i * K + k)] = -(grad_[at_(f.slot * K + k)] + product);
      }
    }
    const double curvature = steps[at_(place)].bound();
    if (!(curvature > 0.0)) return 0.0;
    old.assign(now, now + size * K);
    if (norms) {
      penalty.as_norm(range.block, norm);
      if (!steps[at_(place)](norm, K, now, next.data(), scratch)) return 0.0;
    } else {
      for (Index k = 0; k < size * K; ++k) now[k] += next[at_(k)] / curvature;
      penalty.prox(now, 1.0 / curvature, range.block);
    }
    double moved = 0.0;
    for (Index i = 0; i < size; ++i) {
      const Row& f = rows[at_(range.first + i)];
      for (Index k = 0; k < K; ++k) {
        const double change = now[i * K + k] - old[at_(i * K + k)];
        if (change == 0.0) continue;
        moved = std::max(moved, curvature * std::abs(change));
        double* d = &direction_[at_(k * n)];
        double constant = -change * Z.mean(f.feature) / Z.scale(f.feature);
        if (sparse_) {
          columns.axpy(range.first + i, change / Z.scale(f.feature), d);
        } else {
          constant = Z.add_to(f.feature, change, d);
        }
        constants[at_(k)] += constant;
        h_sum[at_(k)] += change * f.h_dot - constant * sum_h;
      }
    }
    return moved;
  };
  const double goal = k_naive_accuracy * violation;
  std::vector<Index> support;
  int sweeps = 0;
  while (sweeps < k_naive_sweeps) {
    double moved = 0.0;
    for (Index i = 0; i < n_ranges; ++i) moved = std::max(moved, visit(i));
    ++sweeps;
    if (moved <= goal) break;
    support.clear();
    for (Index i = 0; i < n_ranges; ++i) {
      const Range& range = ranges[at_(i)];
      if (any_nonzero(&b[at_(range.first * K)], penalty.width(range.block))) support.push_back(i);
    }
    for (; sweeps < k_naive_sweeps && moved > goal; ++sweeps) {
      moved = 0.0;
      for (Index i : support) moved = std::max(moved, visit(i));
    }
  }

  std::vector<Coordinate> coordinates;
  change_.clear();
  target_.clear();
  for (Index r = 0; r < height; ++r) {
    for (Index k = 0; k < K; ++k) {
      const double before = at.coef[at_(rows[at_(r)].feature * K + k)], after = b[at_(r * K + k)];
      if (after == before) continue;
      coordinates.push_back({rows[at_(r)].feature, k});
      change_.push_back(after - before);
      target_.push_back(after);
    }
  }
  for (Index k = 0; k < K; ++k) {
    change0_[at_(k)] = centre ? intercept_shift(k) - constants[at_(k)] : 0.0;
  }
  Step step;
  step.moved = line_search(at, step, coordinates);
  if (!problem_.penalty.has_dual()) {
    naive_scale_ = step.moved ? std::max(1.0, naive_scale_ / k_damping) : k_damping * naive_scale_;
  }
  return step;
}

/// The curvature found along the last step over the model's: a Hessian mostly ages by shrinking as a
/// whole while the fit gets better, and one number then restores fast contraction.
void ProxNewton::rescale() {
  const Index K = width(), m = hessian_.size();
  scratch_.resize(at_(m));
  for (Index a = 0; a < m; ++a) {
    const Coordinate& c = hessian_.coordinates()[at_(a)];
    scratch_[at_(a)] = grad_[at_(slot_[at_(c.feature)] * K + c.output)];
  }
  hessian_.eliminate(grad0_.data(), scratch_.data());
  double found = 0.0;
  for (Index a = 0; a < m; ++a) {
    found += change_[at_(a)] * (scratch_[at_(a)] - model_grad_[at_(a)]);
  }
  if (!(model_curvature_ > 0.0)) return;
  const double scale = found / model_curvature_;
  if (scale > 0.1 && scale < 10.0) curvature_scale_ = scale;
}

/// Rows that the model holds for flat may not be so for long: a step that gains less than the model
/// promised gives the next one some of their curvature (at damping one the model is a majoriser), and
/// good steps take it away again.
void ProxNewton::adapt_damping(const Step& step) {
  if (!problem_.datafit.is_semismooth()) return;
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
      if (any_nonzero(trial.data(), width)) total += problem_.penalty.value(trial.data(), b);
    });
    return total;
  };
  const double penalty_before = penalty_at(0.0);
  const double descent = slope + penalty_at(1.0) - penalty_before;
  const double noise = rounding(n) * (std::abs(value_) + penalty_before);

  const int halvings = problem_.penalty.has_dual() ? k_halvings : 0;
  double t = 1.0;
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
    if (!any_nonzero(b, K)) continue;
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
  bool rebuild = rebuild_;
  int stalls = 0;
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
    rebuild = rebuild || rebuild_ || (contraction_ > 0.0 && model_pays(expected, target));
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
    if (step.moved && step.full && !naive) rescale();
    if (along_path) path_scale_ = curvature_scale_;
    along_path = false;
    adapt_damping(step);
    if (!step.full) {
      rebuild = !fresh || step.moved;
    } else if (step.complete || fresh) {
      contraction_ = std::clamp(worst / std::max(before, 1e-300), 1e-6, 1.0);
      if (fresh) fresh_contraction_ = contraction_;
      if (contraction_ > k_poor_contraction) rebuild = true;
    }
    // A majorised model gains little at a time, but gains.
    const bool falls = problem_.datafit.is_semismooth() && step.moved && step.progress;
    if (falls || worst < (naive ? 0.999 : 0.9) * least) {
      least = std::min(least, worst);
      stalls = 0;
    } else if (!step.moved || (fresh && step.full)) {
      ++stalls;
    }
    if (!step.moved) rebuild = true;
    monitor.poll({});
  }
}

}  // namespace taut::solver
