// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/core/types.hpp"

namespace taut::penalty {

/// In place: argmin_u sum_i (u_i - x_i)^2 / 2 + sum_{i > 0} weight_i |u_i - u_{i-1}|, the proximal
/// point of one-dimensional total variation. `weight` holds n numbers >= 0 (infinity joins two
/// entries for good), the first of which is not read.
///
/// Dynamic programming over the chain (Johnson, J. Comput. Graph. Stat. 22, 2013): the best value of
/// entries 0 .. i as a function of u_i has a piecewise linear derivative, which the next difference
/// clips at +-weight. Every entry adds two breakpoints, each removed at most once: O(n) in all.
class TotalVariationProx {
 public:
  void operator()(double* x, const double* weight, Index n);

 private:
  /// A breakpoint of the derivative and what the line gains there, from left to right.
  struct Knot {
    double at, slope, constant;
  };
  std::vector<Knot> knots_;
  std::vector<double> low_, high_;  ///< u_i lies in [low, high] cut at u_{i+1}
};

/// The fused Lasso as a Lasso. Over chains of columns, the penalty
///
///   sum_j factor_j |b_j - b_{j-1}|,   j - 1 the column before j in its chain,
///
/// (factor_j |b_j| for the first of a chain) is the L1 norm of the increments d_j = b_j - b_{j-1},
/// and X b = sum_j d_j (x_j + x_{j+1} + .. to the end of the chain). Everything that is known of
/// the Lasso, screening and certificates above all, serves without change, and coefficients of one
/// piece are equal to the last bit.
///
/// Where the first of a chain is free, any other coefficient of the chain may be the free one in its
/// place, the root: an increment up to the root then moves those before it instead, by -d_j. It is
/// the same problem, but with the root at the heaviest columns the sums are of light ones: counted
/// from the first, columns ahead of one that is 10^6 times as large have sums that agree in six
/// digits, and neither solver nor certificate sees what tells them apart.
class Chains {
 public:
  /// `label` gives the chain of each column; empty: one chain of all. Within a chain columns stand in
  /// their order.
  Chains(const std::vector<Index>& label, Index columns);

  Index columns() const { return static_cast<Index>(before_.size()); }
  /// The column before j in its chain, -1 for the first.
  Index before(Index j) const { return before_[static_cast<std::size_t>(j)]; }
  /// The first column of the chain of j. Its place holds the coefficient of the root.
  Index first(Index j) const { return first_[static_cast<std::size_t>(j)]; }
  /// Whether the increment at j moves the columns before it: j lies after the first, up to the root.
  bool reversed(Index j) const { return reversed_[static_cast<std::size_t>(j)] != 0; }

  /// Puts the root of every chain whose first has factor 0 at the middle of its columns' norms.
  void set_roots(const std::vector<double>& norm, const std::vector<double>& factor);

  /// In place, over all columns: coefficients to increments, and back.
  void to_increments(double* b) const;
  void to_coefficients(double* d) const;

 private:
  std::vector<Index> before_, first_;
  std::vector<char> reversed_;
};

}  // namespace taut::penalty
