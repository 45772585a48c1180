// SPDX-License-Identifier: BSD-3-Clause
#include "taut/ot/certificate.hpp"

#include <algorithm>
#include <utility>

namespace taut::ot {
namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

/// Adds the entries of one column up by row, in the order of rows.
class ColumnAdder {
 public:
  explicit ColumnAdder(Index rows) : mass_(at(rows)), cost_(at(rows)), used_(at(rows)) {}

  void add(Index row, double mass, double cost) {
    if (!used_[at(row)]) {
      used_[at(row)] = 1;
      rows_.push_back(row);
      mass_[at(row)] = 0.0;
    }
    mass_[at(row)] += mass;
    cost_[at(row)] = cost;
  }

  void close(ColumnPlan& out) {
    std::sort(rows_.begin(), rows_.end());
    for (const Index i : rows_) {
      used_[at(i)] = 0;
      if (mass_[at(i)] == 0.0) continue;
      out.row.push_back(i);
      out.mass.push_back(mass_[at(i)]);
      out.cost.push_back(cost_[at(i)]);
    }
    rows_.clear();
    out.ptr.push_back(static_cast<Index>(out.row.size()));
  }

 private:
  std::vector<double> mass_, cost_;
  std::vector<char> used_;
  std::vector<Index> rows_;
};

}  // namespace

std::vector<double> row_sums(const ColumnPlan& plan, Index rows) {
  std::vector<double> sums(at(rows));
  for (std::size_t e = 0; e < plan.row.size(); ++e) sums[at(plan.row[e])] += plan.mass[e];
  return sums;
}

ColumnPlan combine(const std::vector<const ColumnPlan*>& plans, const std::vector<double>& weights,
                   Index rows) {
  ColumnPlan out;
  out.ptr.push_back(0);
  ColumnAdder adder(rows);
  const Index m = plans.front()->cols();
  for (Index j = 0; j < m; ++j) {
    for (std::size_t r = 0; r < plans.size(); ++r) {
      const ColumnPlan& plan = *plans[r];
      for (Index e = plan.ptr[at(j)]; e < plan.ptr[at(j + 1)]; ++e) {
        adder.add(plan.row[at(e)], weights[r] * plan.mass[at(e)], plan.cost[at(e)]);
      }
    }
    adder.close(out);
  }
  return out;
}

ColumnPlan feasible_plan(const SemiDual& problem, const ColumnPlan& plan) {
  const Index n = problem.sources(), m = problem.targets();
  ColumnPlan scaled = plan;
  std::vector<double> rows = row_sums(plan, n), shrink(at(n), 1.0), lack_row(at(n));
  for (Index i = 0; i < n; ++i) {
    const double a = problem.a()[i];
    if (rows[at(i)] > a) shrink[at(i)] = a / rows[at(i)];
  }
  std::vector<double> lack_col(at(m));
  for (Index j = 0; j < m; ++j) {
    double sum = 0.0;
    for (Index e = plan.ptr[at(j)]; e < plan.ptr[at(j + 1)]; ++e) {
      scaled.mass[at(e)] *= shrink[at(scaled.row[at(e)])];
      sum += scaled.mass[at(e)];
    }
    const double b = problem.b()[j];
    if (sum > b) {
      for (Index e = plan.ptr[at(j)]; e < plan.ptr[at(j + 1)]; ++e) scaled.mass[at(e)] *= b / sum;
    }
    lack_col[at(j)] = std::max(b - sum, 0.0);
  }
  rows = row_sums(scaled, n);
  for (Index i = 0; i < n; ++i) lack_row[at(i)] = std::max(problem.a()[i] - rows[at(i)], 0.0);

  ColumnPlan out;
  out.ptr.push_back(0);
  ColumnAdder adder(n);
  Index i = 0;
  for (Index j = 0; j < m; ++j) {
    for (Index e = plan.ptr[at(j)]; e < plan.ptr[at(j + 1)]; ++e) {
      adder.add(scaled.row[at(e)], scaled.mass[at(e)], scaled.cost[at(e)]);
    }
    double missing = lack_col[at(j)];
    while (missing > 0.0 && i < n) {
      const double moved = std::min(missing, lack_row[at(i)]);
      if (moved > 0.0) adder.add(i, moved, problem.cost(i, j));
      missing -= moved;
      lack_row[at(i)] -= moved;
      if (lack_row[at(i)] <= 0.0) ++i;
    }
    adder.close(out);
  }
  return out;
}

PlanValue plan_value(const SemiDual& problem, const ColumnPlan& plan) {
  PlanValue out;
  double squares = 0.0;
  std::vector<double> column;
  for (Index j = 0; j < plan.cols(); ++j) {
    column.clear();
    double linear = 0.0;
    for (Index e = plan.ptr[at(j)]; e < plan.ptr[at(j + 1)]; ++e) {
      linear += plan.mass[at(e)] * plan.cost[at(e)];
      column.push_back(plan.mass[at(e)]);
    }
    out.linear += linear;
    squares += k_support_square(column, problem.k());
  }
  out.objective = out.linear + 0.5 * problem.gamma() * squares;
  return out;
}

}  // namespace taut::ot
