// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/datafit/datafit.hpp"

namespace taut::datafit {

/// Root of the mean square (square-root Lasso: Belloni, Chernozhukov and Wang, Biometrika 98, 2011)
/// with a floor under the scale (smoothed concomitant Lasso: Ndiaye et al., J. Phys. Conf. Ser. 904,
/// 2017, eq. 4). With e = y - eta and ||e||^2 = sum_i s_i e_i^2,
///
///   F = min over sigma >= sigma_min of  ||e||^2 / (2 sigma) + sigma / 2,
///
/// which is ||e|| where that is at least sigma_min. The best sigma is max(sigma_min, ||e||) and
/// r = e / sigma. The loss does not separate over rows: its Hessian is no diagonal matrix. Its
/// minimiser at strength alpha is that of least squares at alpha sigma, which is how it is found
/// (solver::ScaledLasso); this class certifies.
class SqrtQuadratic final : public Datafit {
 public:
  SqrtQuadratic(Index rows, const double* y, double sigma_min, const double* weights)
      : Datafit(rows, 1, weights), y_(y), sigma_min_(sigma_min) {}

  const double* y() const { return y_; }
  double sigma_min() const { return sigma_min_; }
  /// ||y - eta||.
  double norm(const double* eta) const;
  /// max(sigma_min, ||y - eta||).
  double sigma(const double* eta) const;

  double value(const double* eta) const override;
  void residual(const double* eta, double* r) const override;
  /// sum_i y v + sigma_min (1 - sum v^2 / s) / 2 at v = c s r, where sum v^2 / s <= 1.
  double dual(const double* r, double c) const override;
  double best_scale(const double* r, double c_max) const override;
  /// Not available: no solver that works row by row may ask.
  void curvature(const double* r, Index k, Index l, double* h) const override;
  /// The mean of y - eta.
  bool best_shift(const double* eta, const double* r, double& shift) const override;

 private:
  const double* y_;
  double sigma_min_;
};

}  // namespace taut::datafit
