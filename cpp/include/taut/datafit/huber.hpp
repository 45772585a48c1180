// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/datafit/datafit.hpp"

namespace taut::datafit {

/// Huber's loss (Ann. Math. Statist. 35, 1964) of e = y - eta,
///
///   l = e^2 / 2 for |e| <= delta,   delta |e| - delta^2 / 2 beyond,   r = clip(e, -delta, delta).
///
/// The curvature is one on the rows inside and zero on the others. delta is in the units of y.
class Huber final : public Datafit {
 public:
  Huber(Index rows, const double* y, double delta, const double* weights);

  const double* y() const { return y_; }
  double delta() const { return delta_; }

  double curvature_bound() const override { return 1.0; }
  bool is_semismooth() const override { return true; }
  double value(const double* eta) const override;
  void residual(const double* eta, double* r) const override;
  double evaluate(const double* eta, double* r) const override;
  /// sum_i y v - v^2 / (2 s) at v = c s r, where |v| <= s delta.
  double dual(const double* r, double c) const override;
  double best_scale(const double* r, double c_max) const override;
  void curvature(const double* r, Index k, Index l, double* h) const override;
  /// Huber's estimate of location of y - eta: a root of a falling piecewise linear function.
  bool best_shift(const double* eta, const double* r, double& shift) const override;
  double residual_scale() const override { return scale_; }

 private:
  const double* y_;
  double delta_;
  double scale_ = 0.0;  ///< sum s |y|: the rounding of residuals is a share of it
};

}  // namespace taut::datafit
