// SPDX-License-Identifier: BSD-3-Clause
#include "taut/datafit/quadratic.hpp"

#include <algorithm>

#include "taut/linalg/kernels.hpp"

namespace taut::datafit {

double Quadratic::value(const double* eta) const {
  const double* s = weights();
  double total = 0.0;
  for (Index i = 0; i < rows(); ++i) {
    const double r = y_[i] - eta[i];
    total += s[i] * r * r;
  }
  return 0.5 * total;
}

void Quadratic::residual(const double* eta, double* r) const {
  for (Index i = 0; i < rows(); ++i) r[i] = y_[i] - eta[i];
}

double Quadratic::dual(const double* r, double c) const {
  const double yr = linalg::weighted_dot(weights(), y_, r, rows());
  const double rr = linalg::weighted_dot(weights(), r, r, rows());
  return c * yr - 0.5 * c * c * rr;
}

double Quadratic::best_scale(const double* r, double c_max) const {
  const double yr = linalg::weighted_dot(weights(), y_, r, rows());
  const double rr = linalg::weighted_dot(weights(), r, r, rows());
  return rr > 0.0 ? std::clamp(yr / rr, 0.0, c_max) : c_max;
}

void Quadratic::curvature(const double*, Index, Index, double* h) const {
  std::copy_n(weights(), rows(), h);
}

}  // namespace taut::datafit
