// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/bilevel/lower.hpp"
#include "taut/core/buffer.hpp"

namespace taut::bilevel {

/// Smoothed anisotropic total variation of m images of h x w pixels, in row order, theta = (log
/// strength, log smoothing):
///
///   h(x, theta) = |x - y|^2 / 2 + (e^{theta_0} / 2) sum_edges sqrt(d^2 + nu^2),  nu = e^{theta_1},
///
/// d the differences of horizontal and vertical neighbours. With phi = sqrt(d^2 + nu^2):
/// |D|^2 <= 8, |phi'''| <= 0.8587 / nu^2, and an entry of D v is at most sqrt 2 |v|, so that
/// smoothness = 1 + 4 e^{theta_0} / nu, lip_cross = 4 sqrt 2 e^{theta_0} / nu and
/// lip_hess = 4 sqrt 2 0.8587 e^{theta_0} / nu^2.
///
/// A product reads v and 1 / phi of both edges and writes out: 32 bytes a pixel.
class TotalVariation final : public LowerProblem {
 public:
  TotalVariation(const double* images, Index count, Index height, Index width, int n_threads);

  Index n_x() const override { return count_ * height_ * width_; }
  Index n_theta() const override { return 2; }
  void set_theta(const double* theta) override;
  double evaluate(const double* x, double* grad) override;
  void hvp(const double* v, double* out) override;
  void cross_vjp(const double* q, double* out) override;
  void grad_theta(double* out) override;
  double mu() const override { return 1.0; }
  double smoothness() const override { return 1.0 + 8.0 * half_ / nu_; }
  Constants constants(double radius) override;

 private:
  template <class Row>
  void rows(Row&& row);
  template <class Flux>
  void divergence(Flux&& flux, double* out);
  double sum(const Buffer<double>& parts) const;

  const double* images_;
  Index count_, height_, width_;
  int n_threads_;
  double half_ = 0.0, nu_ = 1.0;  ///< e^{theta_0} / 2, e^{theta_1}
  std::vector<double> x_;
  Buffer<double> across_, down_;  ///< 1 / phi of the edge to the right and to the pixel below
  Buffer<double> first_, second_, third_;  ///< sums by chunks of rows
};

}  // namespace taut::bilevel
