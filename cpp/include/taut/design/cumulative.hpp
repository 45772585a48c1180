// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "taut/design/design.hpp"
#include "taut/penalty/fused.hpp"

namespace taut::design {

/// A matrix of which column j is the sum of x_k / scale_k over k = j and the columns after it in its
/// chain, or for increments that move the columns before them (Chains::reversed) minus the sum of
/// those: what multiplies the increments of fused coefficients.
///
/// Stored (in double): a column would else cost its chain's length at every use. Dense X: n p
/// doubles. Sparse X: the entries of the sums, of which there are at most L / 2 times those of X for
/// chains of L columns.
class Cumulative {
 public:
  /// `scale` (one per column) may be empty.
  Cumulative(const Design& X, const penalty::Chains& chains, const std::vector<double>& scale,
             int n_threads);

  const Design& design() const { return *design_; }

 private:
  void fill_dense(const Design& X, const penalty::Chains& chains, const std::vector<double>& scale,
                  int n_threads);
  void fill_sparse(const Design& X, const penalty::Chains& chains,
                   const std::vector<double>& scale);

  std::vector<double> values_;
  std::vector<std::int64_t> rows_, starts_;
  std::unique_ptr<Design> design_;
};

}  // namespace taut::design
