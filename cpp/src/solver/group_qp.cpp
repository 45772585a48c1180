// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/group_qp.hpp"

#include <algorithm>
#include <cmath>

#include "taut/core/parallel.hpp"
#include "taut/linalg/kernels.hpp"

namespace taut::solver {
namespace {

/// Majorised steps on one block before the others hear of it.
constexpr int k_block_steps = 2;
/// Sweeps cost m |S|, a Newton step |S|^3 / 3: this many sweeps at least come before one.
constexpr Index k_least_sweeps = 8;
constexpr double k_pivot_tolerance = 1e-13;
constexpr int k_halvings = 12;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

double norm(const double* x, Index n) {
  double square = 0.0;
  for (Index i = 0; i < n; ++i) square += x[i] * x[i];
  return std::sqrt(square);
}

}  // namespace

void GroupQP::clear() {
  GramModel::clear();
  blocks_.clear();
}

void GroupQP::gram_changed() { bounded_ = 0; }

void GroupQP::load(const penalty::Penalty& penalty, const Coordinate* coordinates, double scale) {
  // Where the penalty's outputs are coordinates of this model, a feature has several.
  const Index rows = penalty.outputs() / outputs_;
  for (Index a = blocks_.empty() ? 0 : blocks_.back().begin + blocks_.back().size; a < size_;) {
    Block g;
    g.begin = a;
    g.size = penalty.blocks().size(penalty.blocks().of(coordinates[a].feature)) * rows;
    blocks_.push_back(g);
    a += g.size;
    TAUT_ASSERT(a <= size_);
  }
  const double inverse = 1.0 / scale;
  for (Block& g : blocks_) {
    penalty.as_norm(penalty.blocks().of(coordinates[g.begin].feature), g.norm);
    g.norm.lasso *= inverse;
    g.norm.norm *= inverse;
    g.norm.ridge *= inverse;
  }
}

/// An upper bound of the largest eigenvalue of each diagonal block.
void GroupQP::update_bounds() {
  for (; bounded_ < static_cast<Index>(blocks_.size()); ++bounded_) {
    Block& g = blocks_[at(bounded_)];
    double rows = 0.0, square = 0.0;
    for (Index b = g.begin; b < g.begin + g.size; ++b) {
      double sum = 0.0;
      for (Index a = g.begin; a < g.begin + g.size; ++a) {
        const double value = column(b)[a];
        sum += std::abs(value);
        square += value * value;
      }
      rows = std::max(rows, sum);
    }
    g.bound = std::min(rows, std::sqrt(square));
  }
}

bool GroupQP::is_zero(const Block& g) const {
  const double* w = rows(g);
  return std::all_of(w, w + width(g), [](double x) { return x == 0.0; });
}

double GroupQP::violation(const Block& g) const {
  const Index n = width(g);
  const double* w = rows(g);
  const double* q = &q_[at(g.begin * outputs_)];
  const double size = norm(w, n);
  const double l1 = g.norm.norm, l2 = g.norm.ridge;
  if (size == 0.0) return std::max(0.0, norm(q, n) - l1);
  double square = 0.0;
  for (Index k = 0; k < n; ++k) {
    const double d = (l1 / size + l2) * w[k] - q[k];
    square += d * d;
  }
  return std::sqrt(square);
}

/// q after coordinate a has changed by that much in every output.
void GroupQP::shift(Index a, const double* change) {
  const double* g = column(a);
  if (outputs_ == 1) {
    if (change[0] != 0.0) linalg::axpy(-change[0], g, q_.data(), size_);
    return;
  }
  double* q = q_.data();
  for (Index i = 0; i < size_; ++i, q += outputs_) {
    for (Index k = 0; k < outputs_; ++k) q[k] -= g[i] * change[k];
  }
}

void GroupQP::sweep(const std::vector<Index>& blocks) {
  const Index K = outputs_;
  for (Index i : blocks) {
    const Block& g = blocks_[at(i)];
    const Index n = width(g);
    const double l1 = g.norm.norm, l2 = g.norm.ridge;
    if (!(g.bound + l2 > 0.0)) continue;
    step_.resize(at(n));
    old_.resize(at(2 * n));
    double* residual = old_.data() + n;
    double* w = rows(g);
    std::copy_n(w, n, old_.data());
    std::copy_n(&q_[at(g.begin * K)], n, residual);
    bool changed = false;
    for (int it = 0; it < k_block_steps; ++it) {
      for (Index k = 0; k < n; ++k) step_[at(k)] = g.bound * w[k] + residual[k];
      const double size = norm(step_.data(), n);
      const double shrink = size > l1 ? (1.0 - l1 / size) / (g.bound + l2) : 0.0;
      double moved = 0.0;
      for (Index k = 0; k < n; ++k) {
        const double now = shrink * step_[at(k)];
        step_[at(k)] = now - w[k];
        moved = std::max(moved, std::abs(step_[at(k)]));
        w[k] = now;
      }
      if (moved == 0.0) break;
      changed = true;
      for (Index a = 0; a < g.size; ++a) {
        const double* gram = column(g.begin + a) + g.begin;
        for (Index b = 0; b < g.size; ++b) {
          linalg::axpy(-gram[b], &step_[at(a * K)], residual + b * K, K);
        }
      }
    }
    if (!changed) continue;
    for (Index k = 0; k < n; ++k) old_[at(k)] = w[k] - old_[at(k)];
    for (Index a = 0; a < g.size; ++a) shift(g.begin + a, &old_[at(a * K)]);
  }
}

/// One damped Newton step on the blocks that are nonzero or free; false if the objective would not
/// fall.
bool GroupQP::newton() {
  if (outputs_ > 1) return false;
  // Coordinates of the support and their blocks.
  std::vector<Index> support, place, owner;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& g = blocks_[i];
    if (g.norm.norm > 0.0 && is_zero(g)) continue;
    support.push_back(static_cast<Index>(i));
    for (Index a = 0; a < g.size; ++a) {
      place.push_back(g.begin + a);
      owner.push_back(static_cast<Index>(i));
    }
  }
  const Index m = static_cast<Index>(place.size());
  if (m == 0) return false;

  linalg::UpdatableCholesky factor;
  std::vector<double> row(at(m)), direction(at(m));
  for (Index i = 0; i < m; ++i) {
    const Block& g = blocks_[at(owner[at(i)])];
    const Index k = place[at(i)] - g.begin;
    const double* w = rows(g);
    const double* column_a = column(place[at(i)]);
    const double size = norm(w, g.size), l1 = g.norm.norm, l2 = g.norm.ridge;
    for (Index t = 0; t <= i; ++t) row[at(t)] = column_a[place[at(t)]];
    double slope = q_[at(place[at(i)])] - l2 * w[k];
    if (size > 0.0) {
      slope -= l1 * w[k] / size;
      for (Index t = 0; t <= k; ++t) row[at(i - k + t)] -= l1 * w[k] * w[t] / (size * size * size);
      row[at(i)] += l1 / size;
    }
    row[at(i)] += l2;
    direction[at(i)] = slope;
    // The curvature along the ones may be zero for a free block: a dependent row gets a ridge.
    if (!factor.append(row.data(), row[at(i)], k_pivot_tolerance) &&
        !factor.append(row.data(), row[at(i)] * (1.0 + 1e-8), k_pivot_tolerance)) {
      return false;
    }
  }
  const std::vector<double> slope = direction;
  factor.solve(direction.data());

  std::vector<double> change_q(at(size_), 0.0);
  for (Index i = 0; i < m; ++i) {
    linalg::axpy(direction[at(i)], column(place[at(i)]), change_q.data(), size_);
  }
  double linear = 0.0, quadratic = 0.0, descent = 0.0;
  for (Index i = 0; i < m; ++i) {
    const Index a = place[at(i)];
    linear -= direction[at(i)] * q_[at(a)];
    quadratic += direction[at(i)] * change_q[at(a)];
    descent -= direction[at(i)] * slope[at(i)];
  }
  std::vector<double> moved;
  double t = 1.0;
  for (int halving = 0; halving <= k_halvings; ++halving, t *= 0.5) {
    double change = t * linear + 0.5 * t * t * quadratic, magnitude = std::abs(change);
    const double* d = direction.data();
    for (Index s : support) {
      const Block& g = blocks_[at(s)];
      const double* w = rows(g);
      moved.resize(at(g.size));
      for (Index k = 0; k < g.size; ++k) moved[at(k)] = w[k] + t * d[k];
      d += g.size;
      const double before = norm(w, g.size), after = norm(moved.data(), g.size);
      change +=
          g.norm.norm * (after - before) + 0.5 * g.norm.ridge * (after - before) * (after + before);
      magnitude += g.norm.norm * before;
    }
    if (change <= 1e-4 * t * descent + 1e-15 * magnitude) {
      for (Index i = 0; i < m; ++i) w_[at(place[at(i)])] += t * direction[at(i)];
      linalg::axpy(-t, change_q.data(), q_.data(), size_);
      return true;
    }
  }
  return false;
}

GramModel::Report GroupQP::solve(double target, Index max_rounds, int) {
  Report report;
  update_bounds();
  std::vector<Index> active;
  Index width_active = 0;
  for (Index round = 0; round < max_rounds; ++round) {
    report.violation = 0.0;
    active.clear();
    width_active = 0;
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      const double v = violation(blocks_[i]);
      report.violation = std::max(report.violation, v);
      if (v > target || !is_zero(blocks_[i])) {
        active.push_back(static_cast<Index>(i));
        width_active += blocks_[i].size;
      }
    }
    if (report.violation <= target) {
      report.converged = true;
      return report;
    }
    const auto worst = [&] {
      double most = 0.0;
      for (Index i : active) most = std::max(most, violation(blocks_[at(i)]));
      return most;
    };
    const Index sweeps = std::max(k_least_sweeps, width_active / 6);
    for (Index s = 0; s < sweeps; ++s) {
      sweep(active);
      ++report.sweeps;
      if (worst() <= 0.5 * target) break;
    }
    if (worst() > target && newton()) ++report.newton_steps;
  }
  return report;
}

}  // namespace taut::solver
