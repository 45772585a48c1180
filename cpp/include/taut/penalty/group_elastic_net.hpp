// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/penalty/penalty.hpp"

namespace taut::penalty {

/// Grouped multi-response penalty (Simon, Friedman and Hastie, arXiv 1311.6529, eq. 2): the row of a
/// feature enters or leaves as one,
///
///   alpha c_j ( rho ||B_j||_2 + (1 - rho) ||B_j||_2^2 / 2 ).
///
/// No factor sqrt(K), as glmnet's type.multinomial = "grouped".
class GroupElasticNet final : public Penalty {
 public:
  /// Of the rules only the factors apply: a box has no closed form with the norm of a row.
  GroupElasticNet(Index outputs, double l1_ratio, FeatureRules rules);

  double value(const double* b, Index j) const override;
  void prox(double* b, double step, Index j) const override;
  double subdiff_distance(const double* b, const double* g, Index j) const override;
  double pull(const double* g, Index j) const override;
  double threshold(Index j) const override;
  double entry_alpha(const double* g, Index j) const override;
  double conjugate(const double* g, Index j) const override;
  double feasible_scale(const double* g, Index j) const override;
  bool is_free(Index j) const override;
  double unopposed(const double* g, Index k, Index j) const override;
  bool is_excluded(Index j) const override;
  bool as_piece(Index, Piece&) const override { return false; }

  /// Strengths of the norm and of its square at feature j.
  double l1(Index j) const;
  double l2(Index j) const;

 private:
  double l1_ratio_;
  FeatureRules rules_;
};

}  // namespace taut::penalty
