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

struct Move {
  Index row, column;
  double mass;
};

/// Places of the largest entries, at most `limit` of them, largest first, none that is zero.
std::vector<Index> largest(const std::vector<double>& x, std::size_t limit) {
  std::vector<Index> places;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] > 0.0) places.push_back(static_cast<Index>(i));
  }
  const auto last = places.begin() + static_cast<std::ptrdiff_t>(std::min(limit, places.size()));
  std::partial_sort(places.begin(), last, places.end(), [&](Index i, Index j) {
    return x[at(i)] > x[at(j)] || (x[at(i)] == x[at(j)] && i < j);
  });
  places.erase(last, places.end());
  return places;
}

/// Mass from rows to columns that lack it, the columns that lack most first, each from the row of
/// least c_ij - alpha_i that has some left. Takes what is moved off both; in the order of columns.
std::vector<Move> cheap_moves(const SemiDual& problem, const double* alpha,
                              std::vector<double>& lack_row, std::vector<double>& lack_col) {
  constexpr std::size_t k_most = 2048;  // of either kind: the search is quadratic
  std::vector<Index> rows = largest(lack_row, k_most);
  std::vector<Move> moves;
  std::vector<double> price;
  for (const Index j : largest(lack_col, k_most)) {
    price.clear();
    for (const Index i : rows) price.push_back(problem.cost(i, j) - alpha[i]);
    while (lack_col[at(j)] > 0.0 && !rows.empty()) {
      const auto r = std::min_element(price.begin(), price.end()) - price.begin();
      const Index i = rows[at(r)];
      const double moved = std::min(lack_col[at(j)], lack_row[at(i)]);
      moves.push_back({i, j, moved});
      lack_col[at(j)] -= moved;
      lack_row[at(i)] -= moved;
      if (lack_row[at(i)] > 0.0) break;
      rows.erase(rows.begin() + r);
      price.erase(price.begin() + r);
    }
  }
  std::stable_sort(moves.begin(), moves.end(),
                   [](const Move& x, const Move& y) { return x.column < y.column; });
  return moves;
}

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

ColumnPlan feasible_plan(const SemiDual& problem, const ColumnPlan& plan, const double* alpha) {
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

  const std::vector<Move> moves =
      alpha != nullptr ? cheap_moves(problem, alpha, lack_row, lack_col) : std::vector<Move>{};
  ColumnPlan out;
  out.ptr.push_back(0);
  ColumnAdder adder(n);
  Index i = 0;
  auto move = moves.begin();
  for (Index j = 0; j < m; ++j) {
    for (Index e = plan.ptr[at(j)]; e < plan.ptr[at(j + 1)]; ++e) {
      adder.add(scaled.row[at(e)], scaled.mass[at(e)], scaled.cost[at(e)]);
    }
    for (; move != moves.end() && move->column == j; ++move) {
      adder.add(move->row, move->mass, problem.cost(move->row, j));
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
