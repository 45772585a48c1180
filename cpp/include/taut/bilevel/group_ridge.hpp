// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <vector>

#include "taut/core/types.hpp"
#include "taut/core/views.hpp"

namespace taut::bilevel {

/// sum_j e^{theta_{group(j)}} x_j^2 / 2. Its J has columns e^theta_g x_g of disjoint supports.
class GroupRidge {
 public:
  GroupRidge(VecView<std::int64_t> group, Index n_groups);

  Index n_groups() const { return static_cast<Index>(strength_.size()); }
  void set_theta(const double* theta);
  double smallest() const { return smallest_; }
  double largest() const { return largest_; }
  double strength(Index j) const { return strength_[static_cast<std::size_t>(group_.data[j])]; }

  /// The penalty; adds its gradient to `grad`.
  double add_gradient(const double* x, double* grad) const;
  void add_product(const double* v, double* out) const;
  void cross_vjp(const double* x, const double* q, double* out) const;
  void grad_theta(const double* x, double* out) const;
  double cross_norm(const double* x) const;

 private:
  VecView<std::int64_t> group_;
  std::vector<double> strength_;  ///< e^theta
  double smallest_ = 0.0, largest_ = 0.0;
};

}  // namespace taut::bilevel
