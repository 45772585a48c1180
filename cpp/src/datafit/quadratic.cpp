// SPDX-License-Identifier: BSD-3-Clause
#include "taut/datafit/quadratic.hpp"

#include <algorithm>
#include <cmath>

#include "taut/linalg/kernels.hpp"

namespace taut::datafit {

double Quadratic::value(const double* eta) const {
  const double* s = weights();
  double total = 0.0;
  for (Index k = 0; k < outputs(); ++k) {
    const double* y = y_ + k * rows();
    const double* fitted = eta + k * rows();
    for (Index i = 0; i < rows(); ++i) {
      const double r = y[i] - fitted[i];
      total += s[i] * r * r;
    }
  }
  return 0.5 * total;
}

double Quadratic::residual_scale() const {
  double square = 0.0;
  for (Index k = 0; k < outputs(); ++k) {
    const double* y = y_ + k * rows();
    square += linalg::weighted_dot(weights(), y, y, rows());
  }
  return std::sqrt(square);
}

void Quadratic::residual(const double* eta, double* r) const {
  for (Index i = 0; i < rows() * outputs(); ++i) r[i] = y_[i] - eta[i];
}

/// sum_i s_i y_i r_i.
double Quadratic::fit(const double* r) const {
  double total = 0.0;
  for (Index k = 0; k < outputs(); ++k) {
    total += linalg::weighted_dot(weights(), y_ + k * rows(), r + k * rows(), rows());
  }
  return total;
}

/// sum_i s_i r_i^2.
double Quadratic::size(const double* r) const {
  double total = 0.0;
  for (Index k = 0; k < outputs(); ++k) {
    total += linalg::weighted_dot(weights(), r + k * rows(), r + k * rows(), rows());
  }
  return total;
}

double Quadratic::dual(const double* r, double c) const {
  return c * fit(r) - 0.5 * c * c * size(r);
}

double Quadratic::best_scale(const double* r, double c_max) const {
  const double rr = size(r);
  return rr > 0.0 ? std::clamp(fit(r) / rr, 0.0, c_max) : c_max;
}

/// Outputs do not curve together.
void Quadratic::curvature(const double*, Index k, Index l, double* h) const {
  if (k == l) {
    std::copy_n(weights(), rows(), h);
  } else {
    std::fill_n(h, rows(), 0.0);
  }
}

bool Quadratic::best_shift(const double*, const double* r, double& shift) const {
  if (outputs() > 1) return false;
  shift = linalg::dot(weights(), r, rows());
  return true;
}

}  // namespace taut::datafit
