// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/bilevel/lower.hpp"
#include "taut/core/buffer.hpp"

namespace taut::bilevel {

/// Fields of experts with smoothed absolute values: for images of h x w pixels, K filters k_i of
/// s x s (s odd), and u_i = k_i correlated with x, reflected at the borders without the edge twice,
///
///   h(x, theta) = |x - y|^2 / 2 + (e^{a} / 2) sum_i e^{b_i} sum_pixels sqrt(u_i^2 + nu_i^2),
///
/// theta = (a, b_1 .. b_K, log nu_1 .. log nu_K, taps of k_1, .., taps of k_K). With
/// c_i = e^{a + b_i} / 2 and a pixel counted at most four times by reflection, |K_i| <= 2 |k_i|_1,
/// smoothness = 1 + sum_i c_i 4 |k_i|_1^2 / nu_i.
///
/// A product takes 4 K s^2 flops a pixel, in two correlations for each filter; work is split by
/// images and groups of filters, so that the sums have one order.
class FieldsOfExperts final : public LowerProblem {
 public:
  FieldsOfExperts(const double* images, Index count, Index height, Index width, Index n_filters,
                  Index size, int n_threads);

  Index n_x() const override { return count_ * height_ * width_; }
  Index n_theta() const override { return 1 + 2 * filters_ + filters_ * size_ * size_; }
  void set_theta(const double* theta) override;
  double evaluate(const double* x, double* grad) override;
  void hvp(const double* v, double* out) override;
  void cross_vjp(const double* q, double* out) override;
  void grad_theta(double* out) override;
  double mu() const override { return 1.0; }
  double smoothness() const override;
  Constants constants(double radius) override;

 private:
  struct Expert {
    double weight = 0.0;  ///< c_i
    double nu = 1.0;
    double sum_abs = 0.0;     ///< |k_i|_1
    double sum_square = 0.0;  ///< |k_i|_2^2
    const double* taps = nullptr;
  };

  Index pixels() const { return height_ * width_; }
  double* response(Index image, Index i) {
    return response_.data() + (image * filters_ + i) * pixels();
  }
  double* inverse(Index image, Index i) {
    return inverse_.data() + (image * filters_ + i) * pixels();
  }
  void pad(const double* x);
  template <class F>
  void each_unit(F&& f);
  template <class F>
  void back_project(F&& weight, double* out);

  const double* images_;
  Index count_, height_, width_, filters_, size_;
  Index padded_height_, padded_width_;
  int n_threads_;
  std::vector<double> theta_, x_;
  std::vector<Expert> experts_;
  Buffer<double> padded_;              ///< images with reflected borders
  Buffer<double> response_, inverse_;  ///< u_i and 1 / sqrt(u_i^2 + nu_i^2)
  Buffer<double> folded_;              ///< by unit of work, on the padded grid
  Buffer<double> values_;              ///< by unit of work
};

}  // namespace taut::bilevel
