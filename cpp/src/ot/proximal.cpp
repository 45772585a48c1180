// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>
#include <utility>

#include "taut/ot/smooth.hpp"

namespace taut::ot::detail {
namespace {

/// Columns that mix several choices of k entries.
Index mixed_columns(const ColumnPlan& plan) {
  Index count = 0;
  for (std::size_t j = 0; j + 1 < plan.ptr.size(); ++j) {
    const auto begin = plan.shared.begin() + plan.ptr[j],
               end = plan.shared.begin() + plan.ptr[j + 1];
    count += std::find(begin, end, char{1}) != end ? 1 : 0;
  }
  return count;
}

}  // namespace

bool proximal(SemiDual& problem, double tol, Index budget, SmoothReport& report) {
  const double mass = problem.mass();
  const auto m = static_cast<std::size_t>(problem.targets());
  report.used_relaxation = true;
  // The first centre is the zero plan: no plan at hand has the right rows.
  ColumnPlan centre;
  centre.ptr.assign(m + 1, 0);
  SmoothReport inner;
  inner.alpha = report.alpha;
  inner.point = report.point;
  SemiDualPoint trial;
  double rho = problem.gamma();
  double accuracy = 1e-2;
  bool first = true;
  Index mixed = 0;
  while (true) {
    problem.set_centre(&centre, rho);
    problem.evaluate(inner.alpha.data(), &inner.point, inner.point);
    const Index before = problem.evaluations();
    const Index allowed = std::min(budget, before + 100);
    const bool solved = newton(problem, accuracy * mass, allowed, inner);
    const double error = row_error(problem, inner.point.row_mass);
    problem.set_centre(nullptr, 0.0);
    report.errors.insert(report.errors.end(), inner.errors.begin(), inner.errors.end());
    report.values.insert(report.values.end(), inner.values.begin(), inner.values.end());
    inner.errors.clear();
    inner.values.clear();

    ColumnPlan plan = feasible_plan(problem, inner.point.plan, inner.alpha.data());
    const PlanValue value = plan_value(problem, plan);
    const double scale = std::max(std::abs(value.objective), std::abs(value.linear));
    if (first || value.objective <= report.relaxed_value.objective + 1e-13 * scale) {
      report.relaxed = std::move(plan);
      report.relaxed_value = value;
      report.error = error;
      mixed = mixed_columns(inner.point.plan);
    }
    problem.evaluate(inner.alpha.data(), &report.point, trial);
    if (trial.value > report.point.value) {
      std::swap(report.point, trial);
      report.alpha = inner.alpha;
    }
    first = false;
    const double gap = report.relaxed_value.objective - report.point.value;
    const bool enough = report.error <= tol * mass && gap <= std::max(0.1 * tol, 1e-9) * scale;
    if (enough || problem.evaluations() >= budget) {
      report.n_mixed = mixed;
      return enough;
    }
    centre = inner.point.plan;
    // A rho that is too small for Newton's arithmetic leaves plans that are off: back up.
    if (solved) {
      rho *= 0.2;
    } else if (error > tol * mass) {
      rho *= 5.0;
    }
    accuracy = std::max(accuracy * 0.1, std::max(1e-4 * tol, 1e-12));
  }
}

}  // namespace taut::ot::detail
