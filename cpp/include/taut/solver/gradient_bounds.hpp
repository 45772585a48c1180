// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/core/buffer.hpp"
#include "taut/solver/problem.hpp"

namespace taut::solver {

/// Gradients of all features at a moving residual, computed exactly only where they could matter.
///
/// Past residuals whose gradients were computed for every feature span a subspace; an orthonormal
/// basis b_1 .. b_m of it (in the metric <a, b> = sum s a b) and the products z_j'(s b_t) are kept.
/// For a new residual r with component d orthogonal to the span,
///
///   | g_j - ghat_j | <= ||z_j||_s ||d||_s,   ghat_j = -sum_t <r, b_t> z_j'(s b_t),
///
/// so a feature with pull(ghat_j) + ||z_j|| ||d|| <= threshold_j is certified to stay at zero at a
/// cost of m multiply-adds instead of n. The others are computed. A block of features has a bound of
/// its own, with the root of the sum of its ||z_j||^2, and is certified or computed as a whole. Residuals of neighbouring alphas
/// are nearly coplanar, so few are. With one basis vector this is the sequential bound of spec 00,
/// section 13; every further one removes the part of the change that is already known.
class GradientBounds {
 public:
  explicit GradientBounds(const Problem& problem);

  /// Says that the penalty's thresholds changed by more than its threshold_scale().
  void thresholds_changed();

  /// Starts from gradients known for every feature at this residual (p x K, row j at j * K).
  void seed(const Iterate& at, const double* grad);

  /// Refers all features to the present residual: after the call each feature is certified within
  /// its threshold at the penalty's present alpha or listed in violators(); features with skip[j]
  /// nonzero are left out. skip[] is the same for all features of a block.
  void update(const Iterate& at, const std::vector<char>& skip);

  /// Features of blocks beyond their threshold, and their gradients (row c at c * K), both exact.
  const std::vector<Index>& violators() const { return violators_; }
  const std::vector<double>& violator_gradients() const { return violator_grad_; }

  /// Gradient of feature j at the residual of the last update: exact or the estimate ghat.
  const double* gradient(Index j) const { return &grad_[static_cast<std::size_t>(j * outputs_)]; }

  /// Blocks, but for those whose first feature has skip[j] nonzero, whose last known gradient lies
  /// beyond the threshold at the penalty's present alpha.
  std::vector<Index> beyond(const std::vector<char>& skip);

  Index full_passes() const { return full_passes_; }
  double partial_passes() const { return partial_passes_; }

 private:
  template <class Visit>
  void for_ranges(double work_per_feature, Visit&& visit) const;
  void extend_basis(const Iterate& at);
  /// Shares of the residual in the basis (m x K), and what a bound adds to an estimate: the distance
  /// from the span, with the rounding of both.
  double distance(const Iterate& at, std::vector<double>& along) const;
  void estimate(Index first, Index last, const std::vector<double>& along);
  /// Appends the blocks among features first .. last - 1 whose gradient in `grad_`, known to
  /// +- radius ||z_b||, may lie beyond the threshold.
  void list_open(Index first, Index last, double radius, const std::vector<char>& skip,
                 std::vector<Index>& out) const;

  const Problem& problem_;
  Index outputs_;
  Index max_basis_;
  Index basis_size_ = 0;
  std::vector<double> basis_;           ///< n x m
  Buffer<double> products_;             ///< p x m: z_j'(s b_t)
  Buffer<float> correlations_;          ///< the same over ||z_j||, for checks: bound by reading it
  std::vector<double> grad_;            ///< p x K
  std::vector<double> unit_threshold_;  ///< by block
  std::vector<double> block_norm_;      ///< by block: root of the sum of its ||z_j||^2
  std::vector<std::vector<Index>> lists_;  ///< of blocks, by range of features
  std::vector<Index> starts_;              ///< of a range's features in `computed_`
  std::vector<Index> computed_;
  std::vector<double> computed_grad_;
  std::vector<Index> violators_;
  std::vector<double> violator_grad_;
  Index full_passes_ = 0;
  double partial_passes_ = 0.0;
};

}  // namespace taut::solver
