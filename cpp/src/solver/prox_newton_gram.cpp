// SPDX-License-Identifier: BSD-3-Clause
// The quadratic model that is made of a Gram matrix: who is in it, its solution, when a new one pays.
#include <algorithm>
#include <cmath>
#include <limits>

#include "taut/linalg/kernels.hpp"
#include "taut/penalty/folded.hpp"
#include "taut/solver/prox_newton.hpp"
#include "taut/solver/separable_qp.hpp"

namespace taut::solver {
namespace {

/// Nonconvex penalties: how often a model is damped until its step pays.
constexpr int k_dampings = 20;
/// Relative ridge of the Gram: it makes the row-shift direction of the multinomial Hessian definite.
constexpr double k_ridge = 1e-9;
/// Zero coefficients whose gradient is within this share of the threshold join a new model. Whoever
/// comes later costs a pass over the others for each output.
constexpr double k_near = 0.9, k_near_of_several = 0.7;
constexpr double k_jump_near = 0.5;
constexpr Index k_jump_rounds = 50;
/// Each model is solved to this share of the violation it starts from.
constexpr double k_model_accuracy = 0.02;
/// Work, in multiply-adds of a matrix product: one entry of a dot product, of a softmax.
constexpr double k_dot_work = 3.0, k_softmax_work = 60.0, k_pack_work = 4.0;
/// A new Hessian serves later steps too: its cost counts by this share.
constexpr double k_build_share = 0.5;

/// Models with more coordinates than this have no Gram: coordinate descent on the rows instead.
constexpr Index k_gram_limit = 2500;
constexpr Index k_coordinates_per_entry = 16;
constexpr Index k_least_gram = 256;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

/// Distance of -g from the subdifferential of one coordinate.
double coordinate_violation(const penalty::Piece& e, double b, double g) {
  constexpr double k_inf = std::numeric_limits<double>::infinity();
  const double smooth = g + e.l2 * b;
  const double up = b < e.upper ? smooth + (b >= 0.0 ? e.l1 : -e.l1) : k_inf;
  const double down = b > e.lower ? smooth + (b > 0.0 ? e.l1 : -e.l1) : -k_inf;
  return std::max({0.0, -up, down});
}

}  // namespace

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
  const double near = K > 1 ? k_near_of_several : k_near;
  Index size = 0;
  if (count() * K <= gram_limit_) return count() * K;
  for_each_block(problem_, features_.data(), count(), [&](Index b, Index first, Index c) {
    if (linalg::any_nonzero(&at.coef[at_(first * K)], penalty.width(b)) || penalty.is_free(b) ||
        penalty.pull(&grad_[at_(c * K)], b) > near * penalty.threshold(b)) {
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
    const bool majorise = mode_ == Mode::majorise;
    hessian_.reset(at.residual, majorise ? 0.0 : damping_, majorise ? bound_ : 0.0);
    std::fill(in_model_.begin(), in_model_.end(), char{0});
    rebuild_ = false;
    curvature_scale_ = 1.0;
    path_scale_ = 1.0;
    ++counters_.hessians;
  }
  joining_.clear();
  const double near = !rebuild ? 1.0 : K > 1 ? k_near_of_several : k_near;
  const auto join = [&](Index c, Index k) {
    in_model_[at_(c * K + k)] = 1;
    joining_.push_back({features_[at_(c)], k});
  };
  if (!model_->takes_single_coordinates()) {
    for_each_block(problem_, features_.data(), count(), [&](Index b, Index first, Index c) {
      if (in_model_[at_(c * K)] || penalty.is_excluded(b)) return;
      const Index width = penalty.width(b);
      if (linalg::any_nonzero(&at.coef[at_(first * K)], width) || penalty.is_free(b) ||
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
        if (penalty.as_piece(j, e)) {
          penalty.coordinate_piece(j, k, e);
        } else {
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
  const int dampings = mode_ != Mode::newton || problem_.penalty.has_dual() ? 0 : k_dampings;
  for (int times = 0; !step.moved && times < dampings; ++times) {
    curvature_scale_ *= k_damping;
    step.moved = scaled_step(at, step, violation, max_rounds);
  }
  return step;
}

/// Takes the penalty for what it is near the nonzero coordinates, straight, and leaves the others out:
/// Newton's method among models of one support.
void ProxNewton::hold_support() {
  auto& qp = static_cast<SeparableQP&>(*model_);
  for (Index a = 0; a < hessian_.size(); ++a) {
    penalty::Folded& f = qp.term(a);
    if (qp.w(a) == 0.0) {
      f.lower = f.upper = 0.0;
    } else {
      qp.q(a) -= penalty::slope(f, qp.w(a));
    }
    f.alpha = 0.0;
  }
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
  if (mode_ == Mode::hold) hold_support();
  // Where the penalty jumps a model need not have a fixed point that its own steps find.
  const Index rounds = bound_ > 0.0 ? std::min(max_rounds, k_jump_rounds) : max_rounds;
  qp.solve(k_model_accuracy * inverse_scale * violation, rounds, problem_.n_threads);
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

}  // namespace taut::solver
