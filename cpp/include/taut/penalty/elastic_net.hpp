// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <utility>
#include <vector>

#include "taut/penalty/penalty.hpp"

namespace taut::penalty {

/// Elastic net with factors and box (Zou and Hastie, JRSS B 67, 2005; Friedman, Hastie and
/// Tibshirani, J. Stat. Softw. 33, 2010, eq. 2), summed over the row of every feature:
///
///   alpha c_j sum_k o_k ( rho |b_jk| + (1 - rho) b_jk^2 / 2 ),   lower_j <= b_jk <= upper_j.
///
/// rho = 1 is the (weighted) Lasso; lower = 0 is the positive one. The factors o_k >= 0 of outputs are
/// mostly 1. A feature with an output of factor 0 is in every model, with that output at least.
class ElasticNet final : public Penalty {
 public:
  /// `output_factor` (one for each output) may be empty. Of the solvers, ProxNewton takes factors that
  /// differ.
  ElasticNet(Index outputs, double l1_ratio, FeatureRules rules,
             std::vector<double> output_factor = {});

  /// Other parameters than those of the constructor; who is excluded stays so.
  void set_shape(double l1_ratio, std::vector<double> factor) {
    l1_ratio_ = l1_ratio;
    rules_.factor = std::move(factor);
  }
  void set_scale(const std::vector<double>& scale) override;
  double value(const double* b, Index j) const override;
  void prox(double* b, double step, Index j) const override;
  double subdiff_distance(const double* b, const double* g, Index j) const override;
  double pull(const double* g, Index j) const override;
  double threshold(Index j) const override;
  double entry_alpha(const double* g, Index j) const override;
  double conjugate(const double* g, Index j) const override;
  double feasible_scale(const double* g, Index j) const override;
  bool is_free(Index j) const override;
  bool is_split(Index j) const override;
  double unopposed(const double* g, Index k, Index j) const override;
  bool is_excluded(Index j) const override;
  bool as_piece(Index j, Piece& piece) const override;
  void coordinate_piece(Index j, Index k, Piece& piece) const override;
  bool is_separable() const override { return true; }

 private:
  Piece piece(Index j, Index k) const;
  /// Strength of feature j's penalty but for the factor of the output.
  double strength(Index j) const;
  double least_output_factor() const;
  double largest_output_factor() const;

  double l1_ratio_;
  FeatureRules rules_;
  std::vector<double> output_factor_;
  std::vector<double> lower_, upper_;  ///< bounds of the rows as they come
};

}  // namespace taut::penalty
