// SPDX-License-Identifier: BSD-3-Clause
#include "taut/bilevel/group_ridge.hpp"

#include <algorithm>
#include <cmath>

namespace taut::bilevel {

GroupRidge::GroupRidge(VecView<std::int64_t> group, Index n_groups)
    : group_(group), strength_(static_cast<std::size_t>(n_groups)) {}

void GroupRidge::set_theta(const double* theta) {
  for (std::size_t g = 0; g < strength_.size(); ++g) strength_[g] = std::exp(theta[g]);
  smallest_ = *std::min_element(strength_.begin(), strength_.end());
  largest_ = *std::max_element(strength_.begin(), strength_.end());
}

double GroupRidge::add_gradient(const double* x, double* grad) const {
  double value = 0.0;
  for (Index j = 0; j < group_.size; ++j) {
    const double shrunk = strength(j) * x[j];
    value += shrunk * x[j];
    grad[j] += shrunk;
  }
  return 0.5 * value;
}

void GroupRidge::add_product(const double* v, double* out) const {
  for (Index j = 0; j < group_.size; ++j) out[j] += strength(j) * v[j];
}

void GroupRidge::cross_vjp(const double* x, const double* q, double* out) const {
  std::fill_n(out, n_groups(), 0.0);
  for (Index j = 0; j < group_.size; ++j) out[group_.data[j]] += x[j] * q[j];
  for (std::size_t g = 0; g < strength_.size(); ++g) out[g] *= strength_[g];
}

void GroupRidge::grad_theta(const double* x, double* out) const {
  cross_vjp(x, x, out);
  for (Index g = 0; g < n_groups(); ++g) out[g] *= 0.5;
}

double GroupRidge::cross_norm(const double* x) const {
  std::vector<double> squares(strength_.size(), 0.0);
  for (Index j = 0; j < group_.size; ++j) {
    squares[static_cast<std::size_t>(group_.data[j])] += x[j] * x[j];
  }
  double norm = 0.0;
  for (std::size_t g = 0; g < strength_.size(); ++g) {
    norm = std::max(norm, strength_[g] * std::sqrt(squares[g]));
  }
  return norm;
}

}  // namespace taut::bilevel
