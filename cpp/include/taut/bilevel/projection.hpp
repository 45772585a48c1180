// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cmath>
#include <vector>

#include "taut/core/types.hpp"

namespace taut::bilevel {

/// The tau with sum_i max(x_i - tau, 0) = total > 0, for n > 0 finite numbers: O(n) as a rule, n^2 at
/// worst (Condat, Math. Program. 158, 2016, algorithm 1). Entries above tau are gathered in one pass
/// with a running lower bound of it, those passed over too early are looked at again, and the rest is
/// thinned out until nobody leaves.
inline double simplex_threshold(const double* x, Index n, double total) {
  std::vector<double> kept{x[0]}, later;
  double tau = x[0] - total;
  for (Index i = 1; i < n; ++i) {
    if (!(x[i] > tau)) continue;
    tau += (x[i] - tau) / static_cast<double>(kept.size() + 1);
    if (tau > x[i] - total) {
      kept.push_back(x[i]);
    } else {
      later.insert(later.end(), kept.begin(), kept.end());
      kept.assign(1, x[i]);
      tau = x[i] - total;
    }
  }
  for (const double value : later) {
    if (!(value > tau)) continue;
    kept.push_back(value);
    tau += (value - tau) / static_cast<double>(kept.size());
  }
  for (std::size_t before = 0; before != kept.size();) {
    before = kept.size();
    double sum = 0.0;
    for (const double value : kept) sum += value;
    tau = (sum - total) / static_cast<double>(before);
    std::size_t count = 0;
    for (const double value : kept) {
      if (value > tau) kept[count++] = value;
    }
    // Rounding may push out everybody when they are equal; then tau is what they have in common.
    if (count == 0) return tau;
    kept.resize(count);
  }
  return tau;
}

/// In place: the nearest point with entries >= 0 whose sum is `total` >= 0. Zeros are exact.
inline void project_simplex(double* x, Index n, double total) {
  if (n == 0) return;
  const double tau = total > 0.0 ? simplex_threshold(x, n, total) : INFINITY;
  for (Index i = 0; i < n; ++i) x[i] = x[i] > tau ? x[i] - tau : 0.0;
}

/// In place: the nearest point with sum |x_i| <= radius.
inline void project_l1(double* x, Index n, double radius) {
  double sum = 0.0;
  std::vector<double> size(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) sum += size[static_cast<std::size_t>(i)] = std::abs(x[i]);
  if (sum <= radius) return;
  const double tau = radius > 0.0 ? simplex_threshold(size.data(), n, radius) : INFINITY;
  for (Index i = 0; i < n; ++i) {
    const double rest = std::abs(x[i]) - tau;
    x[i] = rest > 0.0 ? std::copysign(rest, x[i]) : 0.0;
  }
}

}  // namespace taut::bilevel
