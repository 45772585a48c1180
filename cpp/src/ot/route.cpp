// SPDX-License-Identifier: BSD-3-Clause
#include "taut/ot/route.hpp"

#include <algorithm>

#include "taut/core/parallel.hpp"
#include "taut/ot/smooth.hpp"

namespace taut::ot {

Routes route(const double* scores, Index groups, Index m, Index n, const double* a, const double* b,
             const RouteOptions& options, Monitor& monitor) {
  const auto at = [](Index i) { return static_cast<std::size_t>(i); };
  const Index k = options.max_nz;
  Routes out;
  out.index.assign(at(groups * m * k), -1);
  out.mass.assign(at(groups * m * k), 0.0);
  out.error.assign(at(groups), 0.0);
  const auto one = [&](Index group) {
    std::vector<double> cost(at(m * n));
    const double* own = scores + group * m * n;
    for (Index e = 0; e < m * n; ++e) cost[at(e)] = -own[e];
    SilentMonitor silent;
    const auto columns = make_scores(DenseCost<double>(cost.data(), m, n));
    SemiDual problem(*columns, a, b, options.gamma, k, 1, silent);
    SmoothOptions smooth;
    smooth.solver = SmoothSolver::newton;
    smooth.tol = options.tol;
    smooth.max_iter = options.max_iter;
    const SmoothReport report = maximise(problem, smooth, {});
    const ColumnPlan& plan = report.point.plan;
    out.error[at(group)] = detail::row_error(problem, report.point.row_mass) / problem.mass();
    std::vector<Index> order;
    for (Index j = 0; j < m; ++j) {
      order.clear();
      for (Index e = plan.ptr[at(j)]; e < plan.ptr[at(j + 1)]; ++e) order.push_back(e);
      std::stable_sort(order.begin(), order.end(),
                       [&](Index x, Index y) { return plan.mass[at(x)] > plan.mass[at(y)]; });
      for (std::size_t r = 0; r < order.size(); ++r) {
        const std::size_t place = at((group * m + j) * k) + r;
        out.index[place] = plan.row[at(order[r])];
        out.mass[place] = plan.mass[at(order[r])];
      }
    }
  };
  // Slices of about 0.05 s, so that the caller is heard between them.
  Progress progress;
  progress.n_steps = groups;
  const double work = static_cast<double>(m * n) * static_cast<double>(options.max_iter);
  const Index slice = options.n_threads * std::max<Index>(1, static_cast<Index>(1e7 / work));
  for (Index first = 0; first < groups; first += slice) {
    parallel_for(std::min(slice, groups - first), options.n_threads,
                 [&](Index g) { one(first + g); });
    progress.step = std::min(first + slice, groups);
    monitor.poll(progress);
  }
  return out;
}

}  // namespace taut::ot
