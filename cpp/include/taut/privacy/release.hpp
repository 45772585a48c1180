// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/core/monitor.hpp"
#include "taut/core/types.hpp"
#include "taut/privacy/cells.hpp"

/// From noisy counts to survival curves. What happens here looks at noisy counts and public numbers
/// only, so it costs no privacy.
namespace taut::privacy {

/// How negative and inconsistent counts become a table of records.
enum class Postprocess {
  balanced_isotonic,  ///< cumulated counts made monotone, each kind by itself
  simplex,            ///< nearest counts >= 0 with the right sum
  gondara_wang,       ///< the recursion on signed counts; the curve is made monotone at the end
};

/// Where results go, each row-major over (rows, groups, bins).
struct CurveOutput {
  double* survival = nullptr;  ///< S at the end of each bin
  double* at_risk = nullptr;   ///< at risk at its start
  double* event = nullptr;
  double* censor = nullptr;
  double* beyond = nullptr;  ///< (rows, groups): left after the last bin
};

/// Curves of `rows` noisy measurements of layout.size() numbers each: cells of group 0, of group 1,
/// ..., the cell of the others, then the block sums.
///
/// 1. The levels are made to agree with each other and with the number of records `n` where it is
///    public (n >= 0), by least squares. Within a group without `n`, the sum of its cells, at least 1,
///    is the number of its records. gondara_wang starts from `n` and leaves the cells as they are.
/// 2. The table of counts, by `kind`.
/// 3. Actuarial hazards d / max(r - c/2, floor), at most 1, and 0 where r - c/2 <= 1/2; S is the
///    product of 1 - hazard. The floor is 1/2 or, if that is more, the standard deviation of the noise
///    in r: where fewer are left, the noise of d would end the curve. (gondara_wang: 1/2.)
///
/// `noise_variance` is that of each measurement. Equal for any number of threads. O(rows * cells), simplex with a logarithm.
void curves(const Layout& layout, Postprocess kind, double n, double noise_variance,
            const double* noisy, Index rows, const CurveOutput& out, int n_threads,
            Monitor& monitor);

/// Variance of the noise in the number at risk at the start of each bin of a group, after step 1, in
/// units of that of one measurement. `known`: the number of records is public.
std::vector<double> at_risk_variance(const Layout& layout, bool known);

/// Nearest non-decreasing sequence in squared distance, in place (pool adjacent violators). O(n).
void isotonic(double* values, Index n);

/// Nearest point of {x >= 0, sum x = total}, in place. O(n log n).
void project_simplex(double* values, Index n, double total);

}  // namespace taut::privacy
