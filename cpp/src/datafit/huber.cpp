// SPDX-License-Identifier: BSD-3-Clause
#include "taut/datafit/huber.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "taut/linalg/kernels.hpp"

namespace taut::datafit {
namespace {

constexpr Index k_block = 256;
constexpr int k_location_steps = 200;

}  // namespace

Huber::Huber(Index rows, const double* y, double delta, const double* weights)
    : Datafit(rows, 1, weights), y_(y), delta_(delta) {
  for (Index i = 0; i < rows; ++i) scale_ += weights[i] * std::abs(y[i]);
}

double Huber::value(const double* eta) const {
  const double* s = weights();
  double loss[k_block];
  double total = 0.0;
  for (Index begin = 0; begin < rows(); begin += k_block) {
    const Index m = std::min(k_block, rows() - begin);
    for (Index i = 0; i < m; ++i) {
      // r (e - r / 2) is both branches at once.
      const double e = y_[begin + i] - eta[begin + i];
      const double r = std::min(std::max(e, -delta_), delta_);
      loss[i] = r * (e - 0.5 * r);
    }
    total += linalg::dot(s + begin, loss, m);
  }
  return total;
}

void Huber::residual(const double* eta, double* r) const {
  for (Index i = 0; i < rows(); ++i) r[i] = std::min(std::max(y_[i] - eta[i], -delta_), delta_);
}

double Huber::evaluate(const double* eta, double* r) const {
  const double* s = weights();
  double loss[k_block];
  double total = 0.0;
  for (Index begin = 0; begin < rows(); begin += k_block) {
    const Index m = std::min(k_block, rows() - begin);
    for (Index i = 0; i < m; ++i) {
      const double e = y_[begin + i] - eta[begin + i];
      const double clipped = std::min(std::max(e, -delta_), delta_);
      loss[i] = clipped * (e - 0.5 * clipped);
      r[begin + i] = clipped;
    }
    total += linalg::dot(s + begin, loss, m);
  }
  return total;
}

double Huber::dual(const double* r, double c) const {
  const double yr = linalg::weighted_dot(weights(), y_, r, rows());
  const double rr = linalg::weighted_dot(weights(), r, r, rows());
  return c * yr - 0.5 * c * c * rr;
}

double Huber::best_scale(const double* r, double c_max) const {
  const double yr = linalg::weighted_dot(weights(), y_, r, rows());
  const double rr = linalg::weighted_dot(weights(), r, r, rows());
  return rr > 0.0 ? std::clamp(yr / rr, 0.0, c_max) : c_max;
}

void Huber::curvature(const double* r, Index, Index, double* h) const {
  const double* s = weights();
  for (Index i = 0; i < rows(); ++i) h[i] = std::abs(r[i]) < delta_ ? s[i] : 0.0;
}

bool Huber::best_shift(const double* eta, const double*, double& shift) const {
  const double* s = weights();
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (Index i = 0; i < rows(); ++i) {
    if (s[i] == 0.0) continue;
    low = std::min(low, y_[i] - eta[i]);
    high = std::max(high, y_[i] - eta[i]);
  }
  // Newton's method on the sum of clipped deviations, kept inside of a shrinking bracket: it ends
  // exactly, because the function is linear between finitely many points.
  double at = low <= 0.0 && high >= 0.0 ? 0.0 : (low > 0.0 ? low : high);
  for (int step = 0; step < k_location_steps; ++step) {
    double slope = 0.0, inside = 0.0;
    for (Index i = 0; i < rows(); ++i) {
      const double e = (y_[i] - eta[i]) - at;
      slope += s[i] * std::min(std::max(e, -delta_), delta_);
      inside += std::abs(e) < delta_ ? s[i] : 0.0;
    }
    if (slope == 0.0) break;
    (slope > 0.0 ? low : high) = at;
    const double newton = at + slope / inside;
    const double next = newton > low && newton < high ? newton : 0.5 * (low + high);
    if (next == at || !(next > low && next < high)) break;
    at = next;
  }
  shift = at;
  return true;
}

}  // namespace taut::datafit
