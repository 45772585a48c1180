// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/coordinate_descent.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "taut/linalg/kernels.hpp"
#include "taut/penalty/folded.hpp"

namespace taut::solver {
namespace {

constexpr double k_inf = std::numeric_limits<double>::infinity();
/// Sweeps over the support between Newton steps.
constexpr int k_sweeps = 2;
/// The support is solved to this share of the gap allowed before all of the working set is swept.
constexpr double k_support_share = 0.5;
/// Rounds in which the gap of the support may fail to fall by a tenth.
constexpr int k_most_stalls = 5;
constexpr Index k_cg_iterations = 50;
constexpr double k_cg_tolerance = 0.05;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

double sign(double b) { return b > 0.0 ? 1.0 : (b < 0.0 ? -1.0 : 0.0); }

}  // namespace

CoordinateDescent::CoordinateDescent(const Problem& problem)
    : problem_(problem), sparse_(problem.Z.raw().is_sparse()) {
  TAUT_ASSERT(problem.outputs() == 1 && problem.penalty.blocks().single());
  const Index n = problem.rows();
  const double* s = problem.Z.weights();
  if (n > 0 && std::all_of(s, s + n, [&](double x) { return x == s[0]; })) uniform_ = s[0];
  product_.resize(at_(n));
}

void CoordinateDescent::add(const Index* features, Index count) {
  const design::Standardized& Z = problem_.Z;
  penalty::Piece piece;
  penalty::Folded folded;
  for (Index c = 0; c < count; ++c) {
    const Index j = features[c];
    pieces_ = pieces_ && problem_.penalty.as_piece(j, piece);
    folded_ = folded_ && problem_.penalty.as_folded(j, folded);
    if (sparse_) packed_.append(Z.raw(), j);
    const Index column = sparse_ ? packed_.cols() - 1 : j;
    slots_.push_back(
        {j, column, Z.mean(j), 1.0 / Z.scale(j), Z.norm(j) * Z.norm(j), 0.0, piece, folded});
    features_.push_back(j);
  }
}

/// -z_j'(s r). With centred columns sum s r = 0, so only the constant part of r needs care.
double CoordinateDescent::gradient(const Slot& slot) const {
  const double* r = residual_.data();
  const double* s = problem_.Z.weights();
  double raw;
  if (uniform_ > 0.0) {
    raw = uniform_ * (sparse_ ? packed_.dot(slot.column, r) : problem_.Z.raw().dot(slot.column, r));
  } else {
    raw = sparse_ ? packed_.weighted_dot(slot.column, s, r)
                  : problem_.Z.raw().weighted_dot(slot.column, s, r);
  }
  return -(raw + constant_ * slot.mean) * slot.inverse_scale;
}

void CoordinateDescent::shift_residual(const Slot& slot, double change) {
  const double raw = -change * slot.inverse_scale;
  if (sparse_) {
    packed_.axpy(slot.column, raw, residual_.data());
  } else {
    problem_.Z.raw().axpy(slot.column, raw, residual_.data());
  }
  constant_ -= raw * slot.mean;
}

void CoordinateDescent::sweep(const std::vector<Index>& slots) {
  for (Index c : slots) {
    Slot& slot = slots_[at_(c)];
    const double old = slot.coef;
    double now = old - gradient(slot) / slot.curvature;
    if (pieces_) {
      const double t = slot.piece.l1 / slot.curvature;
      const double soft = linalg::soft_threshold(now, t);
      now = std::clamp(soft / (1.0 + slot.piece.l2 / slot.curvature), slot.piece.lower,
                       slot.piece.upper);
    } else if (folded_) {
      now = penalty::prox(slot.folded, now, 1.0 / slot.curvature);
    } else {
      problem_.penalty.prox(&now, 1.0 / slot.curvature, slot.feature);
    }
    if (now == old) continue;
    slot.coef = now;
    shift_residual(slot, now - old);
  }
}

/// out = Z_S' S Z_S v for the support last given to newton(). A centred column has z'S 1 = 0, so the
/// constant that centring adds to Z v needs no product of its own: out_j gains mean_j times it.
void CoordinateDescent::apply_normal(const std::vector<Index>& slots, const std::vector<double>& v,
                                     std::vector<double>& out) {
  const design::Design& X = problem_.Z.raw();
  const std::size_t m = slots.size();
  double* product = product_.data();
  std::fill(product_.begin(), product_.end(), 0.0);
  double constant = 0.0;
  for (std::size_t a = 0; a < m; ++a) {
    if (sparse_) {
      support_.axpy(static_cast<Index>(a), v[a], product);
    } else {
      X.axpy(slots_[at_(slots[a])].column, v[a] * scales_[a], product);
    }
    constant -= v[a] * means_[a];
  }
  const double* s = problem_.Z.weights();
  for (Index i = 0; i < problem_.rows(); ++i) product[i] *= s[i];
  for (std::size_t a = 0; a < m; ++a) {
    out[a] = sparse_ ? support_.dot(static_cast<Index>(a), product)
                     : X.dot(slots_[at_(slots[a])].column, product) * scales_[a];
    out[a] += constant * means_[a];
  }
}

double CoordinateDescent::support_objective(const std::vector<Index>& slots) const {
  const double* s = problem_.Z.weights();
  double loss = 0.0;
  for (Index i = 0; i < problem_.rows(); ++i) {
    const double r = residual_[at_(i)] + constant_;
    loss += s[i] * r * r;
  }
  double total = 0.5 * loss;
  for (Index c : slots) {
    const Slot& slot = slots_[at_(c)];
    total +=
        folded_ ? penalty::value(slot.folded, slot.coef)
                : slot.piece.l1 * std::abs(slot.coef) + 0.5 * slot.piece.l2 * slot.coef * slot.coef;
  }
  return total;
}

/// Minus the slope of the penalty at a nonzero coefficient, and its second derivative on that side of
/// the coefficient to which the slope of the whole points.
CoordinateDescent::Local CoordinateDescent::local(const Slot& slot) const {
  const double pull = -gradient(slot);
  if (!folded_) {
    return {pull - slot.piece.l1 * sign(slot.coef) - slot.piece.l2 * slot.coef, slot.piece.l2};
  }
  const double rest = pull - penalty::slope(slot.folded, slot.coef);
  return {rest, penalty::segment(slot.folded, slot.coef, rest).curvature};
}

/// Where a coefficient that moves in a direction has to stop: at zero if a kink lies there, at its
/// bound, and (`pieces`) where its piece ends.
double CoordinateDescent::wall(const Slot& slot, double direction, bool pieces) const {
  if (!folded_) {
    if (slot.piece.l1 > 0.0 && slot.coef * direction < 0.0) return 0.0;
    return direction > 0.0 ? slot.piece.upper : slot.piece.lower;
  }
  const penalty::Folded& f = slot.folded;
  if (pieces) {
    const penalty::Segment s = penalty::segment(f, slot.coef, direction);
    return direction > 0.0 ? s.upper : s.lower;
  }
  const bool kink = f.alpha > 0.0 && f.shape != penalty::Shape::l0;
  if (kink && slot.coef * direction < 0.0) return 0.0;
  return direction > 0.0 ? f.upper : f.lower;
}

void CoordinateDescent::newton(const std::vector<Index>& support) {
  std::vector<Index> slots;  // where one coordinate by itself is convex
  std::vector<double> rest, bend, diagonal;
  support_.clear();
  scales_.clear();
  means_.clear();
  for (Index c : support) {
    const Slot& slot = slots_[at_(c)];
    const Local here = local(slot);
    if (!(slot.curvature + here.bend > 0.0)) continue;
    slots.push_back(c);
    if (sparse_) support_.append(packed_, slot.column, slot.inverse_scale);
    scales_.push_back(slot.inverse_scale);
    means_.push_back(slot.mean * slot.inverse_scale);
    rest.push_back(here.rest);
    bend.push_back(here.bend);
    diagonal.push_back(slot.curvature + here.bend);
  }
  const std::size_t m = slots.size();
  std::vector<double> step(m, 0.0), search(m), image(m);
  // Conjugate gradients, preconditioned by the diagonal.
  double rho = 0.0;
  for (std::size_t a = 0; a < m; ++a) {
    search[a] = rest[a] / diagonal[a];
    rho += rest[a] * search[a];
  }
  const double stop = k_cg_tolerance * k_cg_tolerance * rho;
  for (Index it = 0; it < k_cg_iterations && rho > stop; ++it) {
    apply_normal(slots, search, image);
    double curvature = 0.0;
    for (std::size_t a = 0; a < m; ++a) {
      image[a] += bend[a] * search[a];
      curvature += search[a] * image[a];
    }
    if (!(curvature > 0.0)) break;
    const double length = rho / curvature;
    double next = 0.0;
    for (std::size_t a = 0; a < m; ++a) {
      step[a] += length * search[a];
      rest[a] -= length * image[a];
      next += rest[a] * rest[a] / diagonal[a];
    }
    for (std::size_t a = 0; a < m; ++a) {
      search[a] = rest[a] / diagonal[a] + (next / rho) * search[a];
    }
    rho = next;
  }

  // Full projected step if it pays, else as far as the first sign change or bound.
  const double before = support_objective(slots);
  const std::vector<double> saved = residual_;
  const double saved_constant = constant_;
  std::vector<double> old(m);
  double first = 1.0;
  for (std::size_t a = 0; a < m; ++a) {
    Slot& slot = slots_[at_(slots[a])];
    const double b = slot.coef;
    old[a] = b;
    if (step[a] == 0.0) continue;
    const double near = wall(slot, step[a], true), far = wall(slot, step[a], false);
    if (std::abs(near) < k_inf) first = std::min(first, (near - b) / step[a]);
    double now = b + step[a];
    if (step[a] > 0.0 ? now > far : now < far) now = far;
    if (now == b) continue;
    slot.coef = now;
    shift_residual(slot, now - b);
  }
  if (support_objective(slots) <= before) return;
  residual_ = saved;
  constant_ = saved_constant;
  first = std::max(0.0, first);
  for (std::size_t a = 0; a < m; ++a) {
    Slot& slot = slots_[at_(slots[a])];
    slot.coef = old[a] + first * step[a];
    shift_residual(slot, first * step[a]);
  }
  // lq bends on the way.
  if (!folded_ || support_objective(slots) <= before) return;
  residual_ = saved;
  constant_ = saved_constant;
  for (std::size_t a = 0; a < m; ++a) slots_[at_(slots[a])].coef = old[a];
}

void CoordinateDescent::load(const Iterate& at) {
  residual_ = at.residual;
  constant_ = 0.0;
  for (Slot& slot : slots_) {
    slot.coef = at.coef[at_(slot.feature)];
    if (pieces_) problem_.penalty.as_piece(slot.feature, slot.piece);
    if (folded_) problem_.penalty.as_folded(slot.feature, slot.folded);
  }
}

void CoordinateDescent::store(Iterate& at) const {
  for (const Slot& slot : slots_) at.coef[at_(slot.feature)] = slot.coef;
  refresh(problem_, at, features_.data(), static_cast<Index>(features_.size()));
}

/// Duality gap of the problem restricted to the slots (subdifferential distance for a penalty without
/// a dual), from what lies here: gradients are taken from the packed columns and nothing is written
/// back.
double CoordinateDescent::gap(const std::vector<Index>& slots) {
  const std::size_t m = slots.size();
  listed_.resize(m);
  rows_.resize(m);
  grad_.resize(m);
  double penalty = 0.0, distance = 0.0;
  const bool dual = problem_.penalty.has_dual();
  for (std::size_t a = 0; a < m; ++a) {
    const Slot& slot = slots_[at_(slots[a])];
    listed_[a] = slot.feature;
    rows_[a] = slot.coef;
    grad_[a] = gradient(slot);
    penalty += problem_.penalty.value(&slot.coef, slot.feature);
    if (!dual) {
      distance = std::max(distance,
                          problem_.penalty.subdiff_distance(&slot.coef, &grad_[a], slot.feature));
    }
  }
  if (!dual) return distance;
  for (Index i = 0; i < problem_.rows(); ++i) {
    product_[at_(i)] = residual_[at_(i)] + constant_;
  }
  const double* r = product_.data();
  const double loss = 0.5 * linalg::weighted_dot(problem_.Z.weights(), r, r, problem_.rows());
  return duality_gap(problem_, r, listed_.data(), static_cast<Index>(m), rows_.data(), grad_.data(),
                     loss + penalty);
}

InnerReport CoordinateDescent::solve(Iterate& at, double target, Index max_iter, Monitor& monitor) {
  InnerReport report;
  const Index m = static_cast<Index>(slots_.size());
  std::vector<Index> all(at_(m)), support;
  std::iota(all.begin(), all.end(), Index{0});
  load(at);
  while (true) {
    sweep(all);
    ++report.iterations;
    support.clear();
    for (Index c : all) {
      if (slots_[at_(c)].coef != 0.0) support.push_back(c);
    }
    double least = k_inf;
    for (int stalls = 0;
         !support.empty() && stalls < k_most_stalls && report.iterations < max_iter;) {
      const double now = gap(support);
      if (now <= k_support_share * target) break;
      // Near rounding the gap stops falling; the rest of the working set must still have its turn.
      stalls = now < 0.9 * least ? 0 : stalls + 1;
      least = std::min(least, now);
      if (pieces_ || folded_) newton(support);
      for (int t = 0; t < k_sweeps; ++t) sweep(support);
      report.iterations += k_sweeps;
      support.erase(std::remove_if(support.begin(), support.end(),
                                   [&](Index c) { return slots_[at_(c)].coef == 0.0; }),
                    support.end());
      monitor.poll({});
    }
    report.gap = gap(all);
    report.converged = report.gap <= target;
    if (report.converged || report.iterations >= max_iter) break;
    monitor.poll({});
  }
  store(at);
  return report;
}

}  // namespace taut::solver
