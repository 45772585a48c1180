// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/datafit/datafit.hpp"

namespace taut::datafit {

/// Least squares, l(y, eta) = (y - eta)^2 / 2, summed over the outputs.
class Quadratic final : public Datafit {
 public:
  Quadratic(Index rows, const double* y, const double* weights) : Quadratic(rows, 1, y, weights) {}
  /// y: rows x outputs, column-major.
  Quadratic(Index rows, Index outputs, const double* y, const double* weights)
      : Datafit(rows, outputs, weights), y_(y) {}

  bool is_quadratic() const override { return true; }
  double curvature_bound() const override { return 1.0; }
  double value(const double* eta) const override;
  void residual(const double* eta, double* r) const override;
  /// sum_i y v - v^2 / (2 s) at v = c s r.
  double dual(const double* r, double c) const override;
  double best_scale(const double* r, double c_max) const override;
  void curvature(const double* r, Index k, Index l, double* h) const override;
  /// The mean of r (one output).
  bool best_shift(const double* eta, const double* r, double& shift) const override;
  /// The root of the mean square of y.
  double residual_scale() const override;

 private:
  double fit(const double* r) const;
  double size(const double* r) const;

  const double* y_;
};

}  // namespace taut::datafit
