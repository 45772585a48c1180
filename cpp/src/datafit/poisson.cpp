// SPDX-License-Identifier: BSD-3-Clause
#include "taut/datafit/poisson.hpp"

#include <algorithm>
#include <cmath>

#include "taut/linalg/kernels.hpp"
#include "taut/linalg/vexp.hpp"

namespace taut::datafit {
namespace {

constexpr Index k_block = 256;
/// e^700 = 1e304: its product with a weight and with another predictor is still finite.
constexpr double k_highest = 700.0;
/// Share of the mean count below which a deviance is rounding.
constexpr double k_least_excess = 1e-8;

double capped_exp(double eta) {
  return linalg::fast_exp(linalg::detail::select(eta > k_highest, k_highest, eta));
}

}  // namespace

Poisson::Poisson(Index rows, const double* y, const double* weights)
    : Datafit(rows, 1, weights), y_(y) {
  for (Index i = 0; i < rows; ++i) {
    mean_ += weights[i] * y[i];
    saturated_ += weights[i] * (y[i] - linalg::xlogx(y[i]));
  }
}

double Poisson::value(const double* eta) const {
  const double* s = weights();
  double loss[k_block];
  double total = 0.0;
  for (Index begin = 0; begin < rows(); begin += k_block) {
    const Index m = std::min(k_block, rows() - begin);
    const double* x = eta + begin;
    const double* y = y_ + begin;
    for (Index i = 0; i < m; ++i) loss[i] = capped_exp(x[i]) - y[i] * x[i];
    total += linalg::dot(s + begin, loss, m);
  }
  return total;
}

void Poisson::residual(const double* eta, double* r) const {
  for (Index i = 0; i < rows(); ++i) r[i] = y_[i] - capped_exp(eta[i]);
}

double Poisson::evaluate(const double* eta, double* r) const {
  const double* s = weights();
  double loss[k_block];
  double total = 0.0;
  for (Index begin = 0; begin < rows(); begin += k_block) {
    const Index m = std::min(k_block, rows() - begin);
    const double* x = eta + begin;
    const double* y = y_ + begin;
    double* out = r + begin;
    for (Index i = 0; i < m; ++i) {
      const double mu = capped_exp(x[i]);
      loss[i] = mu - y[i] * x[i];
      out[i] = y[i] - mu;
    }
    total += linalg::dot(s + begin, loss, m);
  }
  return total;
}

double Poisson::dual(const double* r, double c) const {
  const double* s = weights();
  double entropy[k_block];
  double total = 0.0;
  for (Index begin = 0; begin < rows(); begin += k_block) {
    const Index m = std::min(k_block, rows() - begin);
    for (Index i = 0; i < m; ++i) {
      const double q = y_[begin + i] - c * r[begin + i];
      entropy[i] = q - linalg::xlogx(q);
    }
    total += linalg::dot(s + begin, entropy, m);
  }
  return total;
}

void Poisson::curvature(const double* r, Index, Index, double* h) const {
  const double* s = weights();
  for (Index i = 0; i < rows(); ++i) h[i] = s[i] * std::max(y_[i] - r[i], 0.0);
}

bool Poisson::best_shift(const double*, const double* r, double& shift) const {
  const double* s = weights();
  double fitted = 0.0;
  for (Index i = 0; i < rows(); ++i) fitted += s[i] * (y_[i] - r[i]);
  if (!(mean_ > 0.0) || !(fitted > 0.0) || !std::isfinite(fitted)) return false;
  shift = std::log(mean_) - std::log(fitted);
  return true;
}

double Poisson::excess(double value) const {
  return std::max(value - saturated_, k_least_excess * mean_);
}

}  // namespace taut::datafit
