// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/core/monitor.hpp"
#include "taut/core/types.hpp"

namespace taut::ot {

struct RouteOptions {
  double gamma = 1.0;
  Index max_nz = 1;  ///< partners of each target at most
  double tol = 1e-3;
  Index max_iter = 100;
  int n_threads = 1;
};

/// Partners of every target of every group, strongest first: index (groups, m, max_nz) with -1 for
/// none, mass likewise, error (groups) the L1 error of the row sums relative to their total.
struct Routes {
  std::vector<Index> index;
  std::vector<double> mass;
  std::vector<double> error;
};

/// Maximises <T, S_g> - gamma/2 |T|^2 with row sums a (n), column sums b (m) and at most max_nz
/// entries a column for each group g. scores (groups, m, n): a target's scores lie together. Groups
/// are independent and run in parallel, each on one thread.
Routes route(const double* scores, Index groups, Index m, Index n, const double* a, const double* b,
             const RouteOptions& options, Monitor& monitor);

}  // namespace taut::ot
