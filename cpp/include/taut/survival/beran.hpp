// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

#include "taut/core/monitor.hpp"
#include "taut/core/types.hpp"

/// Product-limit curves that depend on covariates (Beran 1981): each record j counts K_j(x), which
/// falls with its distance from x.
///
///   curve(x) = product over positions j with a jump of  (R_j - K_j) / R_j,   R_j = sum_{k >= j} K_k,
///
/// records in ascending order of (time, those that leave first). Jumps of one time telescope to one
/// factor, so this is the Kaplan-Meier estimate with weights K; a factor 0 / 0 counts as 1.
///
/// Both R and the product come from one walk from the last record to the first, with 16 curves side
/// by side in vector lanes: no n x n matrix, nothing of length n but the records, and sums from the
/// end, which keep the digits that "total less those before" loses. R_j - K_j is R_{j+1}, so that a
/// run of jumps costs one division. O(points * records * dim); the same bits for any number of threads.
namespace taut::survival {

/// K as a function of u = scale |X_j - x|^2: exp(-u / 2), max(0, 1 - u), max(0, 1 - u)^2.
enum class Smoother { gaussian, epanechnikov, biweight };

struct BeranRecords {
  Index n = 0;
  Index dim = 0;                       ///< 0: the curve does not depend on x
  const double* X = nullptr;           ///< n x dim, row-major
  const double* weight = nullptr;      ///< n, multiplies K
  const std::uint8_t* jump = nullptr;  ///< n, 1 where the curve has a factor
};

/// Where curves are wanted.
struct BeranPoints {
  Index m = 0;
  const double* X = nullptr;      ///< m x dim, row-major
  const double* scale = nullptr;  ///< n_scales x m, row-major; >= 0
  Index n_scales = 1;
  const Index* self = nullptr;  ///< m, position of a record left out, or -1
};

/// out[q] = product over the positions below stop[q]; one scale.
void beran_at(const BeranRecords& records, const BeranPoints& points, Smoother smoother,
              const Index* stop, double* out, int n_threads, Monitor& monitor);

/// out[q * n_stops + k] = product over the positions below stop[k], ascending; one scale.
void beran_curves(const BeranRecords& records, const BeranPoints& points, Smoother smoother,
                  const Index* stop, Index n_stops, double* out, int n_threads, Monitor& monitor);

/// How well curves foretell when the points' own times will be passed.
///
/// Point q has its time at positions from passed[q] on. At position j, the last one of its time, the
/// squared error (1{j < passed[q]} - curve after j)^2 counts times[j]; beyond passed[q] only where
/// known[q], which says that the time at passed[q] is the very time that the curve is about. At
/// position drop[q], if it is not -1, it counts once less.
struct BeranTruth {
  const double* times = nullptr;        ///< n, 0 at positions that do not count
  const Index* passed = nullptr;        ///< m
  const std::uint8_t* known = nullptr;  ///< m
  const Index* drop = nullptr;          ///< m
};

/// error[s * m + q] = sum of the squared errors of point q for scale s; distances are computed once
/// for all scales. count[q] = how many there are.
void beran_errors(const BeranRecords& records, const BeranPoints& points, Smoother smoother,
                  const BeranTruth& truth, double* error, double* count, int n_threads,
                  Monitor& monitor);

}  // namespace taut::survival
