// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/datafit/datafit.hpp"

namespace taut::datafit {

/// Poisson loss of counts (any y >= 0) with the log link,
///
///   l(y, eta) = e^eta - y eta,   mu = e^eta,   r = y - mu.
///
/// log y! is left out, so the loss can be negative; relative tolerances refer to what it has more
/// than the saturated model (half the deviance). The curvature e^eta has no bound: full steps may
/// overshoot and are the solver's to guard. A predictor above 700 counts as 700 in e^eta, so that a
/// row never turns infinite, and a row of weight zero never undefined.
class Poisson final : public Datafit {
 public:
  Poisson(Index rows, const double* y, const double* weights);

  double value(const double* eta) const override;
  void residual(const double* eta, double* r) const override;
  double evaluate(const double* eta, double* r) const override;
  /// -sum_i s_i (q log q - q) with q = y - c r >= 0.
  double dual(const double* r, double c) const override;
  void curvature(const double* r, Index k, Index l, double* h) const override;
  /// log(sum s y / sum s mu); none if all counts are zero.
  bool best_shift(const double* eta, const double* r, double& shift) const override;
  double residual_scale() const override { return mean_; }
  double excess(double value) const override;

 private:
  const double* y_;
  double mean_ = 0.0;       ///< sum s y
  double saturated_ = 0.0;  ///< sum s (y - y log y): the infimum of the loss
};

}  // namespace taut::datafit
