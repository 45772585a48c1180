// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/ot/semi_dual.hpp"

namespace taut::ot {

/// A plan near `plan` with row sums a and column sums b: rows and columns that hold too much are
/// scaled down (Altschuler, Weed, Rigollet, NIPS 2017, algorithm 2), and what is missing is added by
/// the north-west corner rule, at most n + m - 1 entries. With potentials alpha of the rows, the
/// rows and columns that lack most are first joined where c_ij - alpha_i is least: far cheaper where
/// costs between remote points are large, at a search of all pairs of at most 2048 of each.
/// Columns are returned with rows in order.
ColumnPlan feasible_plan(const SemiDual& problem, const ColumnPlan& plan,
                         const double* alpha = nullptr);

struct PlanValue {
  double linear = 0.0;     ///< <T, C>
  double objective = 0.0;  ///< with the biconjugate, gamma/2 sum_j (k-support norm of t_j)^2
};

/// Value of a plan in the convex relaxation, whose optimum is the maximum of the semi-dual: an upper
/// bound of it for every plan with the right marginals.
PlanValue plan_value(const SemiDual& problem, const ColumnPlan& plan);

/// Row sums.
std::vector<double> row_sums(const ColumnPlan& plan, Index rows);

/// sum_r weight_r plan_r, rows in order.
ColumnPlan combine(const std::vector<const ColumnPlan*>& plans, const std::vector<double>& weights,
                   Index rows);

}  // namespace taut::ot
