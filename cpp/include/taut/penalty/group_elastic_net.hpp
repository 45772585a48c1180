// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/penalty/penalty.hpp"

namespace taut::penalty {

/// Group Lasso (Yuan and Lin, JRSS B 68, 2006) with a ridge share: all coefficients of a block enter
/// or leave as one,
///
///   alpha c_b ( rho ||B_b||_2 + (1 - rho) ||B_b||_2^2 / 2 ).
///
/// With blocks of one feature and several outputs it is the grouped multi-response penalty (Simon,
/// Friedman and Hastie, arXiv 1311.6529, eq. 2), without a factor sqrt(K), as glmnet's
/// type.multinomial = "grouped". Factors c_b are the caller's: sqrt of the block's size is customary.
class GroupElasticNet final : public Penalty {
 public:
  /// Of the rules only the factors apply: a box has no closed form with the norm of a block.
  GroupElasticNet(Index outputs, double l1_ratio, FeatureRules rules, Blocks blocks = {});

  double value(const double* u, Index b) const override;
  void prox(double* u, double step, Index b) const override;
  double subdiff_distance(const double* u, const double* g, Index b) const override;
  double pull(const double* g, Index b) const override;
  double threshold(Index b) const override;
  double entry_alpha(const double* g, Index b) const override;
  double conjugate(const double* g, Index b) const override;
  double feasible_scale(const double* g, Index b) const override;
  bool is_free(Index b) const override;
  double unopposed(const double* g, Index k, Index b) const override;
  bool is_excluded(Index b) const override;
  bool as_norm(Index b, BlockNorm& norm) const override;

 private:
  double l1(Index b) const;
  double l2(Index b) const;

  double l1_ratio_;
  FeatureRules rules_;
};

}  // namespace taut::penalty
