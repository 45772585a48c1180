// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/penalty/fused.hpp"
#include "taut/solver/path.hpp"

namespace taut::solver {

/// fit_path() for differences along chains (penalty::Chains): the Lasso in the increments. `factor`
/// (one per column) weighs them; 0 leaves a column equal to the one before at no price. With
/// options.standardize the differences are those of coefficients times the standard deviation of
/// their column. What is active in the report are increments.
PathReport fit_fused_path(const design::Design& X, const datafit::Datafit& datafit,
                          const penalty::Chains& chains, std::vector<double> factor,
                          const double* offset, const PathOptions& options,
                          const double* start_coef, const double* start_intercept, PathOutput out,
                          Monitor& monitor);

}  // namespace taut::solver
