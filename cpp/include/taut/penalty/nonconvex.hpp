// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/penalty/folded.hpp"
#include "taut/penalty/penalty.hpp"

namespace taut::penalty {

/// A folded concave penalty of every coefficient (penalty/folded.hpp): MCP, SCAD, CEL0, L0 or lq,
/// with factors and box. A factor c_j multiplies the strength, alpha_j = c_j alpha, and leaves the
/// concavity gamma alone (as ncvreg does): what a factor says is when a feature enters, not how hard
/// its problem is.
///
/// There is no dual. MCP and SCAD are certified by the distance of -g from the subdifferential; L0,
/// lq and CEL0 by a step of length 1 / L_j along each coordinate, L_j as given to set_curvature().
/// CEL0 is made of the same L_j: for least squares it has the minimisers of L0 and fewer local ones.
class Nonconvex final : public Penalty {
 public:
  /// `gamma`: the concavity of MCP (> 0) and SCAD (> 2), the exponent of lq; not used by the others.
  Nonconvex(Index outputs, Shape shape, double gamma, FeatureRules rules);

  void set_scale(const std::vector<double>& scale) override;
  void set_curvature(const std::vector<double>& bound) override;
  bool has_dual() const override { return false; }
  double value(const double* u, Index j) const override;
  void prox(double* u, double step, Index j) const override;
  double subdiff_distance(const double* u, const double* g, Index j) const override;
  double pull(const double* g, Index j) const override;
  double threshold(Index j) const override;
  double threshold_scale() const override;
  double entry_alpha(const double* g, Index j) const override;
  double conjugate(const double*, Index) const override { return 0.0; }
  double feasible_scale(const double*, Index) const override { return 1.0; }
  bool is_free(Index j) const override;
  double unopposed(const double* g, Index k, Index j) const override;
  bool is_excluded(Index j) const override;
  bool as_folded(Index j, Folded& folded) const override;
  bool is_separable() const override { return true; }

 private:
  double factor(Index j) const;
  double curvature(Index j) const;
  Folded folded(Index j) const;

  Shape shape_;
  double gamma_;
  FeatureRules rules_;
  std::vector<double> lower_, upper_;  ///< bounds of the rows as they come
  std::vector<double> curvature_;      ///< L_j; empty: 1
};

}  // namespace taut::penalty
