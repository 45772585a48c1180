// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/datafit/datafit.hpp"

namespace taut::datafit {

/// Logistic loss of a response in [0, 1] (a class or a proportion),
///
///   l(y, eta) = log(1 + e^eta) - y eta,   p = 1 / (1 + e^-eta),   r = y - p.
///
/// For a proportion the loss is not zero at its best: no entropy is subtracted. All methods are one
/// vectorised pass, without a libm call, and neither overflow nor lose digits for large |eta|.
class Logistic final : public Datafit {
 public:
  Logistic(Index rows, const double* y, const double* weights) : Datafit(rows, 1, weights), y_(y) {}

  double curvature_bound() const override { return 0.25; }
  double value(const double* eta) const override;
  void residual(const double* eta, double* r) const override;
  double evaluate(const double* eta, double* r) const override;
  /// -sum_i s_i (q log q + (1 - q) log(1 - q)) with q = y - c r in [0, 1].
  double dual(const double* r, double c) const override;
  void curvature(const double* r, Index k, Index l, double* h) const override;

 private:
  const double* y_;
};

}  // namespace taut::datafit
