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

void GroupQP::resize(Index size) {
  TAUT_ASSERT(size % width_ == 0);
  if (size > ld_) {
    const Index ld = std::max<Index>({size, ld_ + ld_ / 2, 128});
    std::vector<double> gram(at(ld * ld));
    for (Index a = 0; a < size_; ++a) std::copy_n(column(a), size_, &gram[at(a * ld)]);
    gram_.swap(gram);
    ld_ = ld;
  }
  w_.resize(at(size), 0.0);
  q_.resize(at(size), 0.0);
  l1_.resize(at(size / width_), 0.0);
  l2_.resize(at(size / width_), 0.0);
  bound_.resize(at(size / width_), 0.0);
  size_ = size;
}

void GroupQP::gram_changed() { bounded_ = 0; }

/// An upper bound of the largest eigenvalue of each diagonal block.
void GroupQP::update_bounds() {
  for (; bounded_ < blocks(); ++bounded_) {
    const Index begin = bounded_ * width_;
    double rows = 0.0, square = 0.0;
    for (Index b = begin; b < begin + width_; ++b) {
      double sum = 0.0;
      for (Index a = begin; a < begin + width_; ++a) {
        const double value = column(b)[a];
        sum += std::abs(value);
        square += value * value;
      }
      rows = std::max(rows, sum);
    }
    bound_[at(bounded_)] = std::min(rows, std::sqrt(square));
  }
}

double GroupQP::block_violation(Index g) const {
  const double* w = &w_[at(g * width_)];
  const double* q = &q_[at(g * width_)];
  const double size = norm(w, width_);
  const double l1 = l1_[at(g)], l2 = l2_[at(g)];
  if (size == 0.0) return std::max(0.0, norm(q, width_) - l1);
  double square = 0.0;
  for (Index k = 0; k < width_; ++k) {
    const double d = (l1 / size + l2) * w[k] - q[k];
    square += d * d;
  }
  return std::sqrt(square);
}

void GroupQP::sweep(const std::vector<Index>& blocks) {
  step_.resize(at(width_));
  old_.resize(at(2 * width_));
  double* residual = old_.data() + width_;
  for (Index g : blocks) {
    const Index begin = g * width_;
    const double bound = bound_[at(g)], l1 = l1_[at(g)], l2 = l2_[at(g)];
    if (!(bound + l2 > 0.0)) continue;
    double* w = &w_[at(begin)];
    std::copy_n(w, width_, old_.data());
    std::copy_n(&q_[at(begin)], width_, residual);
    bool changed = false;
    for (int it = 0; it < k_block_steps; ++it) {
      for (Index k = 0; k < width_; ++k) step_[at(k)] = bound * w[k] + residual[k];
      const double size = norm(step_.data(), width_);
      const double shrink = size > l1 ? (1.0 - l1 / size) / (bound + l2) : 0.0;
      double moved = 0.0;
      for (Index k = 0; k < width_; ++k) {
        const double now = shrink * step_[at(k)];
        step_[at(k)] = now - w[k];
        moved = std::max(moved, std::abs(step_[at(k)]));
        w[k] = now;
      }
      if (moved == 0.0) break;
      changed = true;
      for (Index k = 0; k < width_; ++k) {
        linalg::axpy(-step_[at(k)], column(begin + k) + begin, residual, width_);
      }
    }
    if (!changed) continue;
    for (Index k = 0; k < width_; ++k) {
      const double change = w[k] - old_[at(k)];
      if (change != 0.0) linalg::axpy(-change, column(begin + k), q_.data(), size_);
    }
  }
}

/// One damped Newton step on the blocks that are nonzero or free; false if the objective would not
/// fall.
bool GroupQP::newton() {
  std::vector<Index> support;
  for (Index g = 0; g < blocks(); ++g) {
    if (l1_[at(g)] == 0.0 || norm(&w_[at(g * width_)], width_) > 0.0) support.push_back(g);
  }
  const Index m = static_cast<Index>(support.size()) * width_;
  if (m == 0) return false;

  linalg::UpdatableCholesky factor;
  std::vector<double> row(at(m)), direction(at(m));
  for (Index i = 0; i < m; ++i) {
    const Index g = support[at(i / width_)], k = i % width_;
    const double* w = &w_[at(g * width_)];
    const double* column_a = column(g * width_ + k);
    const double size = norm(w, width_), l1 = l1_[at(g)], l2 = l2_[at(g)];
    for (Index t = 0; t <= i; ++t) {
      row[at(t)] = column_a[support[at(t / width_)] * width_ + t % width_];
    }
    double slope = q_[at(g * width_ + k)] - l2 * w[k];
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
    const Index a = support[at(i / width_)] * width_ + i % width_;
    linalg::axpy(direction[at(i)], column(a), change_q.data(), size_);
  }
  double linear = 0.0, quadratic = 0.0, descent = 0.0;
  for (Index i = 0; i < m; ++i) {
    const Index a = support[at(i / width_)] * width_ + i % width_;
    linear -= direction[at(i)] * q_[at(a)];
    quadratic += direction[at(i)] * change_q[at(a)];
    descent -= direction[at(i)] * slope[at(i)];
  }
  std::vector<double> moved(at(width_));
  double t = 1.0;
  for (int halving = 0; halving <= k_halvings; ++halving, t *= 0.5) {
    double change = t * linear + 0.5 * t * t * quadratic, magnitude = std::abs(change);
    for (std::size_t s = 0; s < support.size(); ++s) {
      const Index g = support[s];
      const double* w = &w_[at(g * width_)];
      for (Index k = 0; k < width_; ++k) {
        moved[at(k)] = w[k] + t * direction[s * at(width_) + at(k)];
      }
      const double before = norm(w, width_), after = norm(moved.data(), width_);
      change +=
          l1_[at(g)] * (after - before) + 0.5 * l2_[at(g)] * (after - before) * (after + before);
      magnitude += l1_[at(g)] * before;
    }
    if (change <= 1e-4 * t * descent + 1e-15 * magnitude) {
      for (Index i = 0; i < m; ++i) {
        w_[at(support[at(i / width_)] * width_ + i % width_)] += t * direction[at(i)];
      }
      linalg::axpy(-t, change_q.data(), q_.data(), size_);
      return true;
    }
  }
  return false;
}

ActiveSetQP::Report GroupQP::solve(double target, Index max_rounds, int) {
  ActiveSetQP::Report report;
  update_bounds();
  std::vector<Index> active;
  for (Index round = 0; round < max_rounds; ++round) {
    report.violation = 0.0;
    active.clear();
    for (Index g = 0; g < blocks(); ++g) {
      const double v = block_violation(g);
      report.violation = std::max(report.violation, v);
      if (v > target || norm(&w_[at(g * width_)], width_) > 0.0) active.push_back(g);
    }
    if (report.violation <= target) {
      report.converged = true;
      return report;
    }
    const Index sweeps = std::max(k_least_sweeps, static_cast<Index>(active.size()) * width_ / 6);
    for (Index s = 0; s < sweeps; ++s) {
      sweep(active);
      ++report.sweeps;
      double worst = 0.0;
      for (Index g : active) worst = std::max(worst, block_violation(g));
      if (worst <= 0.5 * target) break;
    }
    double worst = 0.0;
    for (Index g : active) worst = std::max(worst, block_violation(g));
    if (worst > target && newton()) ++report.newton_steps;
  }
  return report;
}

}  // namespace taut::solver
