// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <vector>

#include "taut/bilevel/group_ridge.hpp"
#include "taut/bilevel/lower.hpp"
#include "taut/core/buffer.hpp"
#include "taut/core/views.hpp"

namespace taut::bilevel {

/// Least squares with a ridge strength for every group of coefficients:
///
///   h(w, theta) = |y - X w|^2 / (2 n) + sum_j e^{theta_{group(j)}} w_j^2 / 2.
///
/// Given by gram = X'X / n (p x p, both triangles), moment = X'y / n and square = y'y / n, so that
/// nothing costs more than p^2 but the factorisation. `eigen_min` and `eigen_max` bound the spectrum
/// of gram from below and above. Minimiser and adjoint come from one Cholesky factor for each theta.
class Ridge final : public LowerProblem {
 public:
  Ridge(DenseView<double> gram, VecView<double> moment, double square, VecView<std::int64_t> group,
        Index n_groups, double eigen_min, double eigen_max, int n_threads);

  Index n_x() const override { return gram_.cols; }
  Index n_theta() const override { return penalty_.n_groups(); }
  void set_theta(const double* theta) override;
  double evaluate(const double* x, double* grad) override;
  void hvp(const double* v, double* out) override;
  void cross_vjp(const double* q, double* out) override { penalty_.cross_vjp(x_.data(), q, out); }
  void grad_theta(double* out) override { penalty_.grad_theta(x_.data(), out); }
  double mu() const override { return eigen_min_ + penalty_.smallest(); }
  double smoothness() const override { return eigen_max_ + penalty_.largest(); }
  Constants constants(double radius) override;
  bool solve_directly(double* x) override;
  bool invert_directly(const double* rhs, double* out) override;

 private:
  void multiply_gram(const double* v, double* out) const;

  DenseView<double> gram_;
  VecView<double> moment_;
  double square_;
  GroupRidge penalty_;
  double eigen_min_, eigen_max_;
  int n_threads_;
  std::vector<double> x_;
  Buffer<double> factor_;
  bool factored_ = false;
};

}  // namespace taut::bilevel
