// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/separable_qp.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "taut/core/parallel.hpp"
#include "taut/linalg/kernels.hpp"

namespace taut::solver {
namespace {

using penalty::Folded;
using penalty::Segment;
using penalty::Shape;

constexpr double k_inf = std::numeric_limits<double>::infinity();

/// lq: a second derivative in the factor may be off by this share of the Gram's diagonal.
constexpr double k_stale = 0.05;
constexpr double k_armijo = 1e-4;
constexpr int k_halvings = 40;
/// Times that one coordinate may be sent on by slide() in one go.
constexpr int k_most_slides = 8;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

void SeparableQP::resize(Index size) {
  GramModel::resize(size);
  terms_.resize(at(size));
  position_.resize(at(size), -1);
  change_.resize(at(size), 0.0);
}

void SeparableQP::clear() {
  GramModel::clear();
  terms_.clear();
  position_.clear();
  change_.clear();
}

void SeparableQP::load(const penalty::Penalty& penalty, const Coordinate* coordinates,
                       double scale) {
  for (Index a = 0; a < size_; ++a) {
    Folded& f = terms_[at(a)];
    penalty.as_folded(coordinates[a].feature, f);
    f.weight /= scale;
  }
}

void SeparableQP::gram_changed() {
  factor_.clear();
  for (Index a : support_) position_[at(a)] = -1;
  support_.clear();
  factor_bend_.clear();
  removals_ = 0;
}

double SeparableQP::coordinate_violation(Index a) const {
  return penalty::violation(terms_[at(a)], w_[at(a)], -q_[at(a)], column(a)[a]);
}

/// Minus the derivative of the objective along coordinate a where it is smooth.
double SeparableQP::pull(Index a) const {
  return q_[at(a)] - penalty::slope(terms_[at(a)], w_[at(a)]);
}

double SeparableQP::bend(Index a, double direction) const {
  return penalty::segment(terms_[at(a)], w_[at(a)], direction).curvature;
}

/// Does coordinate a belong to the factor: nonzero, or free, and off its bounds.
bool SeparableQP::wanted(Index a) const {
  const Folded& f = terms_[at(a)];
  const double b = w_[at(a)];
  return (b != 0.0 || f.alpha == 0.0) && b > f.lower && b < f.upper;
}

void SeparableQP::sweep(const std::vector<Index>& coordinates) {
  for (Index a : coordinates) {
    const double* g = column(a);
    if (!(g[a] > 0.0)) continue;
    const double old = w_[at(a)];
    const double now = penalty::prox(terms_[at(a)], old + q_[at(a)] / g[a], 1.0 / g[a]);
    if (now == old) continue;
    w_[at(a)] = now;
    linalg::axpy(old - now, g, q_.data(), size_);
  }
}

/// Takes a into the factor with the curvature of the segment that lies in the given direction; false
/// if its pivot is not positive.
bool SeparableQP::append(Index a, double direction) {
  const double* g = column(a);
  row_.resize(support_.size());
  for (std::size_t i = 0; i < support_.size(); ++i) row_[i] = g[support_[i]];
  const double curvature = bend(a, direction);
  if (!(g[a] + curvature > 0.0)) return false;
  if (!factor_.append(row_.data(), g[a] + curvature, k_pivot_tolerance)) return false;
  position_[at(a)] = static_cast<Index>(support_.size());
  support_.push_back(a);
  factor_bend_.push_back(curvature);
  return true;
}

void SeparableQP::release(Index i) {
  factor_.remove(i);
  ++removals_;
  position_[at(support_[at(i)])] = -1;
  support_.erase(support_.begin() + i);
  factor_bend_.erase(factor_bend_.begin() + i);
  for (std::size_t t = at(i); t < support_.size(); ++t) {
    position_[at(support_[t])] = static_cast<Index>(t);
  }
}

/// Brings the factor to the wanted coordinates and to their present curvatures.
void SeparableQP::sync_factor() {
  const auto stale = [&](std::size_t i) {
    const Index a = support_[i];
    if (!wanted(a)) return true;
    const double off = std::abs(factor_bend_[i] - bend(a, pull(a)));
    return off > (terms_[at(a)].is_piecewise_quadratic() ? 0.0 : k_stale * column(a)[a]);
  };
  std::vector<Index> leaving;
  for (std::size_t i = 0; i < support_.size(); ++i) {
    if (stale(i)) leaving.push_back(static_cast<Index>(i));
  }
  if (removals_ + static_cast<Index>(leaving.size()) > k_max_removals ||
      4 * static_cast<Index>(leaving.size()) > factor_.size()) {
    gram_changed();
  } else {
    std::for_each(leaving.rbegin(), leaving.rend(), [&](Index i) { release(i); });
  }
  for (Index a = 0; a < size_; ++a) {
    if (position_[at(a)] >= 0 || !wanted(a)) continue;
    if (monitor_) monitor_->poll({});
    for (int times = 0; times < k_most_slides && wanted(a); ++times) {
      if (append(a, pull(a)) || !slide(a)) break;
    }
  }
}

/// How far coordinate a can go in a direction before its piece or its box ends, and the value there.
double SeparableQP::room(Index a, double direction, double& wall) const {
  if (direction == 0.0) return k_inf;
  const Folded& f = terms_[at(a)];
  const double b = w_[at(a)];
  Segment s = penalty::segment(f, b, direction);
  // lq has no end but zero, where its slope is infinite: a step stops where sweeps would take over.
  const double least = penalty::least_nonzero(f, column(a)[a]);
  if (least > 0.0 && f.alpha > 0.0) {
    if (b > 0.0) s.lower = std::max(s.lower, std::min(b, least));
    if (b < 0.0) s.upper = std::min(s.upper, std::max(b, -least));
  }
  wall = direction > 0.0 ? s.upper : s.lower;
  return std::isinf(wall) ? k_inf : std::max(0.0, (wall - b) / direction);
}

/// Coordinate a has no positive pivot with those in the factor: along v, v_a = 1, v_S = -H_SS^-1 G_Sa,
/// the second derivative is that pivot, zero or negative. Goes downhill along it until a piece ends.
/// True if a may be tried again.
bool SeparableQP::slide(Index a) {
  const double* g = column(a);
  if (!terms_[at(a)].is_piecewise_quadratic()) return false;
  std::vector<double> c(support_.size());
  for (std::size_t i = 0; i < support_.size(); ++i) c[i] = g[support_[i]];
  factor_.solve(c.data());
  double rate = -pull(a), size = std::abs(rate), pivot = g[a] + bend(a, pull(a));
  for (std::size_t i = 0; i < support_.size(); ++i) {
    const Index b = support_[i];
    if (!terms_[at(b)].is_piecewise_quadratic()) return false;
    if (c[i] * c[i] * column(b)[b] <= k_share_rounding * k_share_rounding * g[a]) c[i] = 0.0;
    pivot -= c[i] * g[b];
    rate += c[i] * pull(b);
    size += std::abs(c[i] * pull(b));
  }
  if (std::abs(rate) <= 1e-12 * size) rate = 0.0;
  // Downhill; where level, so that w_a shrinks.
  const double down = rate != 0.0 ? (rate > 0.0 ? -1.0 : 1.0) : (w_[at(a)] > 0.0 ? -1.0 : 1.0);
  if (rate == 0.0 && (terms_[at(a)].alpha == 0.0 || w_[at(a)] == 0.0)) return false;

  double length = k_inf, stop = 0.0, wall = 0.0;
  Index first = -1;  // place in the support; -1 is a itself
  const double own = room(a, down, wall);
  if (own < length) {
    length = own;
    stop = wall;
  }
  for (std::size_t i = 0; i < support_.size(); ++i) {
    const double other = room(support_[i], -down * c[i], wall);
    if (other < length) {
      length = other;
      stop = wall;
      first = static_cast<Index>(i);
    }
  }
  // A pivot that is positive after all has its minimum on the way.
  const bool short_of = pivot > 0.0 && std::abs(rate) < pivot * length;
  if (short_of) length = std::abs(rate) / pivot;
  if (std::isinf(length)) return false;
  const double t = down * length;
  for (double& x : c) x *= t;
  for (std::size_t i = 0; i < support_.size(); ++i) w_[at(support_[i])] -= c[i];
  w_[at(a)] += t;
  linalg::axpy(-t, g, q_.data(), size_);
  shift(support_, c, 1);
  if (short_of) return false;
  if (first < 0) {
    w_[at(a)] = stop;
    return wanted(a);
  }
  const Index b = support_[at(first)];
  w_[at(b)] = stop;
  release(first);
  if (wanted(b)) append(b, -c[at(first)]);
  return true;
}

/// q += G_.a change_a over the listed coordinates.
void SeparableQP::shift(const std::vector<Index>& moved, const std::vector<double>& change,
                        int n_threads) {
  constexpr Index k_rows = 64;
  const double work = static_cast<double>(moved.size()) * static_cast<double>(size_);
  parallel_blocks(size_, k_rows, work < 1e5 ? 1 : n_threads, [&](Index begin, Index end) {
    double* q = q_.data() + begin;
    std::size_t i = 0;
    for (; i + 4 <= moved.size(); i += 4) {
      linalg::axpy4(&change[i], column(moved[i]) + begin, column(moved[i + 1]) + begin,
                    column(moved[i + 2]) + begin, column(moved[i + 3]) + begin, q, end - begin);
    }
    for (; i < moved.size(); ++i) {
      linalg::axpy(change[i], column(moved[i]) + begin, q, end - begin);
    }
  });
}

/// lq: longest step, halving, at which the objective falls as it should.
double SeparableQP::search(const std::vector<double>& rhs, const std::vector<double>& direction,
                           double longest) const {
  // d'G d = d'H d - sum bend d^2, and H d = rhs.
  double linear = 0.0, quadratic = 0.0, descent = 0.0;
  for (std::size_t i = 0; i < support_.size(); ++i) {
    const double d = direction[i];
    linear -= d * q_[at(support_[i])];
    descent -= d * rhs[i];
    quadratic += d * (rhs[i] - factor_bend_[i] * d);
  }
  double t = longest;
  for (int halving = 0; halving < k_halvings; ++halving, t *= 0.5) {
    double change = t * linear + 0.5 * t * t * quadratic;
    double magnitude = std::abs(t * linear) + std::abs(0.5 * t * t * quadratic);
    for (std::size_t i = 0; i < support_.size(); ++i) {
      const Index a = support_[i];
      const double before = penalty::value(terms_[at(a)], w_[at(a)]);
      change += penalty::value(terms_[at(a)], w_[at(a)] + t * direction[i]) - before;
      magnitude += before;
    }
    if (change <= k_armijo * t * descent + 1e-15 * magnitude) return t;
  }
  return 0.0;
}

/// Moves the coordinates in the factor to their common minimum, through the ends of their pieces.
/// False if nothing moved.
bool SeparableQP::newton(int n_threads) {
  std::vector<Index> moved = support_;
  if (moved.empty()) return false;
  std::vector<double> rhs(moved.size()), direction;
  bool exact = true;
  for (std::size_t i = 0; i < moved.size(); ++i) {
    const Index a = moved[i];
    rhs[i] = pull(a);
    change_[at(a)] = w_[at(a)];
    exact = exact && terms_[at(a)].is_piecewise_quadratic();
  }
  const Index most = 4 * static_cast<Index>(moved.size()) + 16;
  for (Index step = 0; step < most && !support_.empty(); ++step) {
    if (monitor_) monitor_->poll({});
    direction = rhs;
    factor_.solve(direction.data());
    double t = 1.0, stop = 0.0, wall = 0.0;
    Index blocked = -1;
    for (std::size_t i = 0; i < support_.size(); ++i) {
      const double r = room(support_[i], direction[i], wall);
      if (r < t) {
        t = r;
        blocked = static_cast<Index>(i);
        stop = wall;
      }
    }
    if (!exact) {
      const double searched = search(rhs, direction, t);
      if (searched < t) blocked = -1;
      t = searched;
    }
    for (std::size_t i = 0; i < support_.size(); ++i) w_[at(support_[i])] += t * direction[i];
    if (blocked < 0) break;
    // The right-hand side left is (1 - t) of what it was: the model is exact up to the end of a piece
    // and slopes are continuous there, so q need not be brought up to date in between.
    const Index a = support_[at(blocked)];
    const double left = (1.0 - t) * rhs[at(blocked)], heading = direction[at(blocked)];
    w_[at(a)] = stop;
    rhs.erase(rhs.begin() + blocked);
    for (double& x : rhs) x *= 1.0 - t;
    release(blocked);
    if (!exact && t > 0.0) break;
    if (wanted(a) && append(a, heading)) rhs.push_back(left);
  }
  std::size_t kept = 0;
  std::vector<double> change;
  for (Index a : moved) {
    const double d = change_[at(a)] - w_[at(a)];
    if (d == 0.0) continue;
    moved[kept++] = a;
    change.push_back(d);
  }
  moved.resize(kept);
  shift(moved, change, n_threads);
  return kept > 0;
}

GramModel::Report SeparableQP::solve(double target, Index max_rounds, int n_threads) {
  Report report;
  std::vector<Index> active;
  for (Index round = 0; round < max_rounds; ++round) {
    if (monitor_) monitor_->poll({});
    // Newton first, as in ActiveSetQP: a neighbouring problem mostly keeps its support.
    sync_factor();
    if (newton(n_threads)) ++report.newton_steps;
    report.violation = 0.0;
    active.clear();
    for (Index a = 0; a < size_; ++a) {
      const double v = coordinate_violation(a);
      report.violation = std::max(report.violation, v);
      if (v > target) active.push_back(a);
    }
    if (report.violation <= target) {
      report.converged = true;
      return report;
    }
    sweep(active);
    ++report.sweeps;
  }
  report.violation = 0.0;
  for (Index a = 0; a < size_; ++a) {
    report.violation = std::max(report.violation, coordinate_violation(a));
  }
  report.converged = report.violation <= target;
  return report;
}

}  // namespace taut::solver
