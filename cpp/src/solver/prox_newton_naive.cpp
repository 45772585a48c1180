// SPDX-License-Identifier: BSD-3-Clause
// The quadratic model without a Gram matrix, solved by descent on the rows.
#include <algorithm>
#include <cmath>

#include "taut/core/parallel.hpp"
#include "taut/linalg/kernels.hpp"
#include "taut/solver/block_step.hpp"
#include "taut/solver/prox_newton.hpp"

namespace taut::solver {
namespace {

/// Sweeps for one model, and the share of the violation at which they end.
constexpr int k_naive_sweeps = 100;
constexpr double k_naive_accuracy = 0.05;
constexpr Index k_feature_block = 16;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

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
  const double* point = problem_.datafit.curvature_point(at.residual.data(), store_);
  for (Index k = 0; k < K; ++k) {
    std::vector<double> total(at_(n), 0.0);
    for (Index l = 0; l < K; ++l) {
      problem_.datafit.curvature(point, k, l, row.data());
      for (Index i = 0; i < n; ++i) total[at_(i)] += std::abs(row[at_(i)]);
    }
    for (Index i = 0; i < n; ++i) h[at_(i)] = std::max(h[at_(i)], total[at_(i)]);
  }
  const double* s = Z.weights();
  const bool majorise = mode_ == Mode::majorise;
  for (Index i = 0; i < n; ++i) {
    h[at_(i)] = majorise ? bound_ * s[i]
                         : naive_scale_ * std::max(h[at_(i)] + damping_ * s[i], 1e-12 * s[i]);
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
    if (linalg::any_nonzero(&at.coef[at_(first * K)], size * K) || penalty.is_free(b) ||
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
      if (linalg::any_nonzero(&b[at_(range.first * K)], penalty.width(range.block)))
        support.push_back(i);
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
  if (!problem_.penalty.has_dual() && !majorise) {
    naive_scale_ = step.moved ? std::max(1.0, naive_scale_ / k_damping) : k_damping * naive_scale_;
  }
  return step;
}

}  // namespace taut::solver
