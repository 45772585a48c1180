// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/datafit/datafit.hpp"

namespace taut::datafit {

/// Least squares, l(y, eta) = (y - eta)^2 / 2.
class Quadratic final : public Datafit {
 public:
  Quadratic(Index rows, const double* y, const double* weights)
      : Datafit(rows, 1, weights), y_(y) {}

  bool is_quadratic() const override { return true; }
  double value(const double* eta) const override;
  void residual(const double* eta, double* r) const override;
  /// sum_i y v - v^2 / (2 s) at v = c s r.
  double dual(const double* r, double c) const override;
  double best_scale(const double* r, double c_max) const override;
  void curvature(const double* r, Index k, Index l, double* h) const override;

 private:
  const double* y_;
};

}  // namespace taut::datafit
