// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/design/standardized.hpp"

namespace taut::solver {

/// A least-squares problem with many more rows than columns, turned into one with p rows:
///
///   sum_i s_i (r_i - z_i'b)^2 = ||t - R b||^2 / p + rest,   R'R / p = Z'SZ,   R't / p = Z'S r.
///
/// R comes from the Gram matrix by Cholesky, so X is read twice in all; every later pass costs p^2
/// in place of n p. Duality gaps are unchanged: the constant `rest` is in both objectives.
struct Reduction {
  std::vector<double> R;        ///< p x p, column-major, upper triangular
  std::vector<double> t;        ///< p x K
  std::vector<double> weights;  ///< p, all 1/p
  double rest = 0.0;

  /// `r` (n x K): what is to be fitted. `grad` (K per feature): -Z'S r.
  Reduction(const design::Standardized& Z, Index outputs, const double* r, const double* grad,
            int n_threads, Monitor& monitor);

  static bool pays(const design::Standardized& Z);
};

}  // namespace taut::solver
