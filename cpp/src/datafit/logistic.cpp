// SPDX-License-Identifier: BSD-3-Clause
#include "taut/datafit/logistic.hpp"

#include <algorithm>
#include <cmath>

#include "taut/linalg/kernels.hpp"
#include "taut/linalg/vexp.hpp"

namespace taut::datafit {
namespace {

/// Rows that are worked on together: their intermediate values stay in the first-level cache.
constexpr Index k_block = 256;

}  // namespace

double Logistic::value(const double* eta) const {
  const double* s = weights();
  double loss[k_block];
  double total = 0.0;
  for (Index begin = 0; begin < rows(); begin += k_block) {
    const Index m = std::min(k_block, rows() - begin);
    const double* x = eta + begin;
    const double* y = y_ + begin;
    for (Index i = 0; i < m; ++i) {
      const double size = std::abs(x[i]);
      const double positive = 0.5 * (x[i] + size);
      loss[i] = (positive - y[i] * x[i]) + linalg::fast_log1p_unit(linalg::fast_exp(-size));
    }
    total += linalg::dot(s + begin, loss, m);
  }
  return total;
}

void Logistic::residual(const double* eta, double* r) const {
  for (Index i = 0; i < rows(); ++i) {
    const double t = linalg::fast_exp(-std::abs(eta[i]));
    // p and 1 - p each to full relative precision: r must not lose the digits of a saturated fit.
    const double large = 1.0 / (1.0 + t), small = t * large;
    const double p = linalg::detail::select(eta[i] < 0.0, small, large);
    const double q = linalg::detail::select(eta[i] < 0.0, large, small);
    r[i] = y_[i] * q - (1.0 - y_[i]) * p;
  }
}

double Logistic::evaluate(const double* eta, double* r) const {
  const double* s = weights();
  double loss[k_block];
  double total = 0.0;
  for (Index begin = 0; begin < rows(); begin += k_block) {
    const Index m = std::min(k_block, rows() - begin);
    const double* x = eta + begin;
    const double* y = y_ + begin;
    double* out = r + begin;
    for (Index i = 0; i < m; ++i) {
      const double size = std::abs(x[i]);
      const double positive = 0.5 * (x[i] + size);
      const double t = linalg::fast_exp(-size);
      const double large = 1.0 / (1.0 + t), small = t * large;
      const double p = linalg::detail::select(x[i] < 0.0, small, large);
      const double q = linalg::detail::select(x[i] < 0.0, large, small);
      loss[i] = (positive - y[i] * x[i]) + linalg::fast_log1p_unit(t);
      out[i] = y[i] * q - (1.0 - y[i]) * p;
    }
    total += linalg::dot(s + begin, loss, m);
  }
  return total;
}

double Logistic::dual(const double* r, double c) const {
  const double* s = weights();
  double entropy[k_block];
  double total = 0.0;
  for (Index begin = 0; begin < rows(); begin += k_block) {
    const Index m = std::min(k_block, rows() - begin);
    for (Index i = 0; i < m; ++i) {
      const double q = y_[begin + i] - c * r[begin + i];
      entropy[i] = linalg::xlogx(q) + linalg::xlogx(1.0 - q);
    }
    total -= linalg::dot(s + begin, entropy, m);
  }
  return total;
}

void Logistic::curvature(const double* r, Index, Index, double* h) const {
  const double* s = weights();
  for (Index i = 0; i < rows(); ++i) {
    const double p = y_[i] - r[i];
    h[i] = s[i] * (p * (1.0 - p));
  }
}

}  // namespace taut::datafit
