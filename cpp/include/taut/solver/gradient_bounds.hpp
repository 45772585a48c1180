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

  /// Starts from gradients known for every feature at this residual (p x K, row j at j * K).
  void seed(const Iterate& at, const double* grad);

  /// Refers all features to the present residual: after the call each feature is exact (listed in
  /// exact(), features with skip[j] nonzero left out) or certified below its threshold at the
  /// penalty's present alpha. skip[] is the same for all features of a block.
  void update(const Iterate& at, const std::vector<char>& skip);

  /// Features computed exactly by the last update, and their gradients (row c at c * K).
  const std::vector<Index>& exact() const { return exact_; }
  const std::vector<double>& exact_gradients() const { return exact_grad_; }

  /// Gradient of feature j at the residual of the last update: exact or the estimate ghat.
  const double* gradient(Index j) const { return &grad_[static_cast<std::size_t>(j * outputs_)]; }

  /// Blocks, but for those whose first feature has skip[j] nonzero, whose last known gradient lies
  /// beyond the threshold at the penalty's present alpha.
  std::vector<Index> beyond(const std::vector<char>& skip) const;

  Index full_passes() const { return full_passes_; }
  double partial_passes() const { return partial_passes_; }

 private:
  void extend_basis(const Iterate& at);

  const Problem& problem_;
  Index outputs_;
  Index max_basis_;
  Index basis_size_ = 0;
  std::vector<double> basis_;           ///< n x m
  Buffer<double> products_;             ///< p x m: z_j'(s b_t)
  std::vector<double> grad_;            ///< p x K
  std::vector<double> unit_threshold_;  ///< by block
  std::vector<double> block_norm_;      ///< by block; empty where blocks are features
  std::vector<Index> exact_;
  std::vector<double> exact_grad_;
  Index full_passes_ = 0;
  double partial_passes_ = 0.0;
};

}  // namespace taut::solver
