// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/penalty/penalty.hpp"

namespace taut::penalty {

/// Sparse group Lasso (Simon, Friedman, Hastie and Tibshirani, J. Comput. Graph. Stat. 22, 2013,
/// eq. 3): blocks are chosen, and coefficients within them,
///
///   alpha ( tau ||B_b||_1 + (1 - tau) c_b ||B_b||_2 ).
///
/// tau = 1 is the Lasso, tau = 0 the group Lasso. Factors c_b weigh the norms alone: c_b = 0 leaves
/// block b its L1 part, infinity excludes it.
class SparseGroup final : public Penalty {
 public:
  /// Of the rules only the factors apply.
  SparseGroup(Index outputs, double l1_ratio, FeatureRules rules, Blocks blocks = {});

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
  double factor(Index b) const;
  double dual_norm(const double* g, Index b) const;

  double l1_ratio_;
  FeatureRules rules_;
};

/// The lambda >= 0 with || S(g, lambda tau) ||_2 = lambda nu, S the soft threshold: the dual norm of
/// tau ||.||_1 + nu ||.||_2 at g (size n), tau + nu > 0. O(n log n): between two sorted entries of
/// |g| the equation is quadratic.
double sparse_group_dual_norm(const double* g, Index n, double tau, double nu);

}  // namespace taut::penalty
