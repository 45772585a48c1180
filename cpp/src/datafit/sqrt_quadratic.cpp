// SPDX-License-Identifier: BSD-3-Clause
#include "taut/datafit/sqrt_quadratic.hpp"

#include <algorithm>
#include <cmath>

#include "taut/linalg/kernels.hpp"

namespace taut::datafit {

double SqrtQuadratic::norm(const double* eta) const {
  const double* s = weights();
  double total = 0.0;
  for (Index i = 0; i < rows(); ++i) {
    const double e = y_[i] - eta[i];
    total += s[i] * e * e;
  }
  return std::sqrt(total);
}

double SqrtQuadratic::sigma(const double* eta) const { return std::max(sigma_min_, norm(eta)); }

double SqrtQuadratic::value(const double* eta) const {
  const double size = norm(eta);
  return size >= sigma_min_ ? size : 0.5 * (size * (size / sigma_min_) + sigma_min_);
}

void SqrtQuadratic::residual(const double* eta, double* r) const {
  const double scale = sigma(eta);
  const double inverse = scale > 0.0 ? 1.0 / scale : 0.0;
  for (Index i = 0; i < rows(); ++i) r[i] = inverse * (y_[i] - eta[i]);
}

double SqrtQuadratic::dual(const double* r, double c) const {
  const double yr = linalg::weighted_dot(weights(), y_, r, rows());
  const double rr = linalg::weighted_dot(weights(), r, r, rows());
  return c * yr + 0.5 * sigma_min_ * (1.0 - c * c * rr);
}

double SqrtQuadratic::best_scale(const double* r, double c_max) const {
  const double yr = linalg::weighted_dot(weights(), y_, r, rows());
  const double bend = sigma_min_ * linalg::weighted_dot(weights(), r, r, rows());
  if (yr <= 0.0) return 0.0;
  return bend * c_max > yr ? yr / bend : c_max;
}

void SqrtQuadratic::curvature(const double*, Index, Index, double* h) const {
  TAUT_ASSERT(false);
  std::copy_n(weights(), rows(), h);
}

bool SqrtQuadratic::best_shift(const double* eta, const double*, double& shift) const {
  const double* s = weights();
  shift = 0.0;
  for (Index i = 0; i < rows(); ++i) shift += s[i] * (y_[i] - eta[i]);
  return true;
}

}  // namespace taut::datafit
