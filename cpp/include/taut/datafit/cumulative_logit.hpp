// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <vector>

#include "taut/datafit/datafit.hpp"

namespace taut::datafit {

/// Ordered classes 0 .. m with a predictor for each of the m boundaries between them (McCullagh,
/// JRSS B 42, 1980; slopes free to differ by boundary as in Faletto and Bien, ICML 2023, section 2):
///
///   P(y <= k) = sigma(eta_k),   l(y, eta) = -log( sigma(eta_y) - sigma(eta_(y-1)) ),
///
/// with eta_(-1) = -inf, eta_m = +inf. What solvers see are the increments zeta, one column per
/// boundary, so that a penalty on single coefficients is one on the change from boundary to boundary:
///
///   eta_k = theta_k + zeta_0 + .. + zeta_k.
///
/// theta is the model of intercepts alone, the logit of the cumulated shares; hence zeta = 0 is the
/// null model. The loss is +inf where a row's own class has no probability, eta_y <= eta_(y-1), else
/// convex and its own barrier: line searches stay inside without being told of it. Rows of weight
/// zero may be anywhere.
///
/// With a = sigma'(eta_y) / P, b = sigma'(eta_(y-1)) / P and d = a - b, the residual is d in columns
/// before y, a in column y, 0 after. Conversely the residual gives back P = sqrt(1 + 4ab) - a - b and
/// sigma(eta_y) = (1 - d + P) / 2, which is what curvature_point() and dual() rest on.
///
/// O(n m) per call; three exponentials and a logarithm per row, whatever m, one of each in the first
/// and the last class.
class CumulativeLogit final : public Datafit {
 public:
  /// `below` (n x m, column-major) is 1 where y <= k, else 0. Every class has positive weight.
  CumulativeLogit(Index rows, Index boundaries, const double* below, const double* weights);

  double value(const double* zeta) const override;
  void residual(const double* zeta, double* r) const override;
  double evaluate(const double* zeta, double* r) const override;
  double dual(const double* r, double c) const override;
  const double* curvature_point(const double* r, std::vector<double>& store) const override;
  void curvature(const double* point, Index k, Index l, double* h) const override;
  double curvature_sum(const double* point, Index k, Index l, double* h) const override;

  /// theta (m).
  const std::vector<double>& thresholds() const { return theta_; }

 private:
  template <bool want_loss, bool want_residual>
  double pass(const double* zeta, double* r) const;
  struct Block;
  void pick(const double* r, const Block& block, double* a, double* d) const;

  std::vector<double> theta_;
  // Rows of a block by class, and where each class begins: what is done to a row depends on the class
  // alone, so that loops over one class have neither branches nor selections.
  std::vector<std::int32_t> order_, segments_;
};

}  // namespace taut::datafit
