// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/active_set_qp.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "taut/core/parallel.hpp"
#include "taut/linalg/kernels.hpp"

namespace taut::solver {
namespace {

constexpr double k_inf = std::numeric_limits<double>::infinity();

/// Rates of penalty below this share of their parts are rounding.
constexpr double k_tie = 1e-12;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

void ActiveSetQP::resize(Index size) {
  GramModel::resize(size);
  pieces_.resize(at(size));
  position_.resize(at(size), -1);
  change_.resize(at(size), 0.0);
}

void ActiveSetQP::clear() {
  GramModel::clear();
  pieces_.clear();
  position_.clear();
  change_.clear();
}

void ActiveSetQP::load(const penalty::Penalty& penalty, const Coordinate* coordinates,
                       double scale) {
  const double inverse = 1.0 / scale;
  for (Index a = 0; a < size_; ++a) {
    penalty::Piece& e = pieces_[at(a)];
    penalty.coordinate_piece(coordinates[a].feature, coordinates[a].output, e);
    e.l1 *= inverse;
    e.l2 *= inverse;
  }
}

void ActiveSetQP::gram_changed() {
  factor_.clear();
  for (Index a : support_) position_[at(a)] = -1;
  support_.clear();
  factor_l2_.clear();
  removals_ = 0;
}

double ActiveSetQP::coordinate_violation(Index a) const {
  const penalty::Piece& e = pieces_[at(a)];
  const double b = w_[at(a)];
  const double smooth = e.l2 * b - q_[at(a)];
  const double up = b < e.upper ? smooth + (b >= 0.0 ? e.l1 : -e.l1) : k_inf;
  const double down = b > e.lower ? smooth + (b > 0.0 ? e.l1 : -e.l1) : -k_inf;
  return std::max({0.0, -up, down});
}

double ActiveSetQP::violation() const {
  double worst = 0.0;
  for (Index a = 0; a < size_; ++a) worst = std::max(worst, coordinate_violation(a));
  return worst;
}

void ActiveSetQP::sweep(const std::vector<Index>& coordinates) {
  for (Index a : coordinates) {
    const double* g = column(a);
    const penalty::Piece& e = pieces_[at(a)];
    const double curvature = g[a] + e.l2;
    if (!(curvature > 0.0)) continue;
    const double old = w_[at(a)];
    const double now = std::clamp(linalg::soft_threshold(g[a] * old + q_[at(a)], e.l1) / curvature,
                                  e.lower, e.upper);
    if (now == old) continue;
    w_[at(a)] = now;
    linalg::axpy(old - now, g, q_.data(), size_);
  }
}

/// Brings the factor to the coordinates that are nonzero and off their bounds (a free coordinate
/// belongs to it at zero too). A coordinate that depends on those present trades places with one of
/// them or goes to zero (slide()), so a solution is reached also where it is not unique.
void ActiveSetQP::sync_factor() {
  const auto wanted = [&](Index a) {
    const penalty::Piece& e = pieces_[at(a)];
    const double b = w_[at(a)];
    return (b != 0.0 || e.l1 == 0.0) && b > e.lower && b < e.upper;
  };
  Index stale = 0;
  for (std::size_t i = 0; i < support_.size(); ++i) {
    stale += !wanted(support_[i]) || factor_l2_[i] != pieces_[at(support_[i])].l2;
  }
  if (removals_ + stale > k_max_removals || 2 * stale > factor_.size()) gram_changed();
  for (Index i = factor_.size() - 1; i >= 0; --i) {
    const Index a = support_[at(i)];
    if (!wanted(a) || factor_l2_[at(i)] != pieces_[at(a)].l2) release(i);
  }
  std::vector<double> row;
  for (Index a = 0; a < size_; ++a) {
    if (position_[at(a)] >= 0 || !wanted(a)) continue;
    const double* g = column(a);
    const double l2 = pieces_[at(a)].l2;
    if (monitor_) monitor_->poll({});
    bool entered = false, more = true;
    while (!entered && more) {
      row.resize(support_.size());
      for (std::size_t i = 0; i < support_.size(); ++i) row[i] = g[support_[i]];
      entered = factor_.append(row.data(), g[a] + l2, k_pivot_tolerance);
      more = entered || slide(a);
    }
    if (!entered) continue;
    position_[at(a)] = static_cast<Index>(support_.size());
    support_.push_back(a);
    factor_l2_.push_back(l2);
  }
}

/// Coordinate a is a combination of the support, G_a = G_S c: moving w_a by t and w_S by -t c leaves
/// the smooth part as it is, and the penalty changes at a constant rate until a coordinate reaches
/// zero or a bound. Goes there, downhill. True if that was one of the support, which is released:
/// a may then be independent of the rest. Coordinate descent would need a number of sweeps that
/// grows without limit as the penalty falls.
bool ActiveSetQP::slide(Index a) {
  const double* g = column(a);
  const auto slope = [&](Index i, double direction) {
    const penalty::Piece& e = pieces_[at(i)];
    const double b = w_[at(i)];
    return direction * (b > 0.0 ? e.l1 : (b < 0.0 ? -e.l1 : 0.0)) + direction * e.l2 * b;
  };
  std::vector<double> c(support_.size());
  for (std::size_t i = 0; i < support_.size(); ++i) c[i] = g[support_[i]];
  factor_.solve(c.data());
  // Shares that are rounding take no part: a walk along them would have no end in sight.
  for (std::size_t i = 0; i < support_.size(); ++i) {
    const Index b = support_[i];
    if (c[i] * c[i] * column(b)[b] <= k_share_rounding * k_share_rounding * g[a]) c[i] = 0.0;
  }
  double rate = slope(a, 1.0);
  for (std::size_t i = 0; i < support_.size(); ++i) rate -= slope(support_[i], c[i]);
  double size = std::abs(slope(a, 1.0));
  for (std::size_t i = 0; i < support_.size(); ++i) size += std::abs(slope(support_[i], c[i]));
  if (std::abs(rate) <= k_tie * size) rate = 0.0;
  if (rate == 0.0 && (pieces_[at(a)].l1 == 0.0 || w_[at(a)] == 0.0)) return false;
  // On a tie w_a goes to zero, which leaves a basic solution.
  const double down = rate != 0.0 ? (rate > 0.0 ? -1.0 : 1.0) : (w_[at(a)] > 0.0 ? -1.0 : 1.0);

  double length = k_inf, stop = 0.0;
  Index first = -1;  // place in the support; -1 is a itself
  const auto meet = [&](Index coordinate, double d, Index place) {
    if (d == 0.0) return;
    const penalty::Piece& e = pieces_[at(coordinate)];
    const double b = w_[at(coordinate)];
    double wall = d > 0.0 ? e.upper : e.lower;
    if (e.l1 > 0.0 && b * d < 0.0) wall = 0.0;
    if (std::isinf(wall)) return;
    const double room = std::max(0.0, (wall - b) / d);
    if (room < length) {
      length = room;
      stop = wall;
      first = place;
    }
  };
  meet(a, down, -1);
  for (std::size_t i = 0; i < support_.size(); ++i) {
    meet(support_[i], -down * c[i], static_cast<Index>(i));
  }
  if (std::isinf(length)) return false;  // nothing opposes the direction, nothing is gained by it
  const double t = down * length;
  w_[at(a)] += t;
  linalg::axpy(-t, g, q_.data(), size_);
  for (std::size_t i = 0; i < support_.size(); ++i) {
    w_[at(support_[i])] -= t * c[i];
    linalg::axpy(t * c[i], column(support_[i]), q_.data(), size_);
  }
  if (first < 0) {
    w_[at(a)] = stop;
    return false;
  }
  w_[at(support_[at(first)])] = stop;
  release(first);
  return true;
}

void ActiveSetQP::release(Index i) {
  factor_.remove(i);
  ++removals_;
  position_[at(support_[at(i)])] = -1;
  support_.erase(support_.begin() + i);
  factor_l2_.erase(factor_l2_.begin() + i);
  for (std::size_t t = at(i); t < support_.size(); ++t) {
    position_[at(support_[t])] = static_cast<Index>(t);
  }
}

Index ActiveSetQP::newton(int n_threads) {
  const std::vector<Index> moved = support_;
  if (moved.empty()) return 0;
  std::vector<double> rhs(moved.size()), direction;
  for (std::size_t i = 0; i < moved.size(); ++i) {
    const Index a = moved[i];
    const penalty::Piece& e = pieces_[at(a)];
    const double b = w_[at(a)];
    change_[at(a)] = b;
    rhs[i] = q_[at(a)] - (b > 0.0 ? e.l1 : (b < 0.0 ? -e.l1 : 0.0)) - e.l2 * b;
  }
  std::vector<double> rest = rhs;  // before substitution, to be taken `left` times
  double left = 1.0;
  Index steps = 0;
  Index known = 0;  // entries of rhs that are forward-substituted already
  while (!support_.empty()) {
    ++steps;
    if (monitor_) monitor_->poll({});
    factor_.forward(rhs.data(), known);
    direction = rhs;
    factor_.backward(direction.data());
    double t = 1.0;
    Index blocked = -1;
    double stop = 0.0;
    for (std::size_t i = 0; i < support_.size(); ++i) {
      const Index a = support_[i];
      const penalty::Piece& e = pieces_[at(a)];
      const double b = w_[at(a)], d = direction[i];
      double wall = d > 0.0 ? e.upper : e.lower;
      if (e.l1 > 0.0 && b * d < 0.0) wall = 0.0;
      const double room = std::isinf(wall) ? k_inf : (wall - b) / d;
      if (d != 0.0 && room < t) {
        t = std::max(0.0, room);
        blocked = static_cast<Index>(i);
        stop = wall;
      }
    }
    for (std::size_t i = 0; i < support_.size(); ++i) w_[at(support_[i])] += t * direction[i];
    if (blocked < 0) break;
    // The right-hand side left on the remaining coordinates is (1 - t) of what it was: the
    // quadratic model is exact, so q need not be brought up to date in between.
    w_[at(support_[at(blocked)])] = stop;
    rest.erase(rest.begin() + blocked);
    rhs.erase(rhs.begin() + blocked);
    left *= 1.0 - t;
    for (Index i = 0; i < blocked; ++i) rhs[at(i)] *= 1.0 - t;
    for (std::size_t i = at(blocked); i < rhs.size(); ++i) rhs[i] = left * rest[i];
    known = blocked;
    release(blocked);
  }
  for (Index a : moved) change_[at(a)] = w_[at(a)] - change_[at(a)];
  constexpr Index k_rows = 64;
  const double work = static_cast<double>(moved.size()) * static_cast<double>(size_);
  parallel_blocks(size_, k_rows, work < 1e5 ? 1 : n_threads, [&](Index begin, Index end) {
    double* q = q_.data() + begin;
    std::size_t i = 0;
    for (; i + 4 <= moved.size(); i += 4) {
      const double a[4] = {-change_[at(moved[i])], -change_[at(moved[i + 1])],
                           -change_[at(moved[i + 2])], -change_[at(moved[i + 3])]};
      linalg::axpy4(a, column(moved[i]) + begin, column(moved[i + 1]) + begin,
                    column(moved[i + 2]) + begin, column(moved[i + 3]) + begin, q, end - begin);
    }
    for (; i < moved.size(); ++i) {
      linalg::axpy(-change_[at(moved[i])], column(moved[i]) + begin, q, end - begin);
    }
  });
  for (Index a : moved) change_[at(a)] = 0.0;
  return steps;
}

ActiveSetQP::Report ActiveSetQP::solve(double target, Index max_rounds, int n_threads) {
  Report report;
  std::vector<Index> active;
  for (Index round = 0; round < max_rounds; ++round) {
    // A neighbouring problem mostly keeps its support, so Newton goes first and sweeps bring in whom
    // it leaves violating. The other order takes eight times as many steps: a coordinate that enters
    // before the others have moved overshoots.
    sync_factor();
    report.newton_steps += newton(n_threads);
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
  report.violation = violation();
  report.converged = report.violation <= target;
  return report;
}

}  // namespace taut::solver
