// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/fused_path.hpp"

#include <utility>

#include "taut/design/cumulative.hpp"
#include "taut/design/standardized.hpp"
#include "taut/penalty/elastic_net.hpp"

namespace taut::solver {

PathReport fit_fused_path(const design::Design& X, const datafit::Datafit& datafit,
                          const penalty::Chains& chains, std::vector<double> factor,
                          const double* offset, const PathOptions& options,
                          const double* start_coef, const double* start_intercept, PathOutput out,
                          Monitor& monitor) {
  const Index p = X.cols(), K = datafit.outputs();
  std::vector<double> scale;
  if (options.standardize) {
    scale =
        design::Standardized(X, datafit.weights(), true, true, nullptr, options.n_threads).scales();
  }
  penalty::Chains rooted = chains;
  {
    const design::Standardized Z(X, datafit.weights(), options.fit_intercept, false, nullptr,
                                 options.n_threads);
    std::vector<double> norm(static_cast<std::size_t>(p));
    for (Index j = 0; j < p; ++j) {
      const auto at = static_cast<std::size_t>(j);
      norm[at] = Z.norm(j) / (scale.empty() ? 1.0 : scale[at]);
    }
    rooted.set_roots(norm, factor);
  }
  const design::Cumulative sums(X, rooted, scale, options.n_threads);
  PathOptions plain = options;
  plain.standardize = false;

  std::vector<double> start;
  if (start_coef) {
    start.assign(start_coef, start_coef + K * p);
    for (Index k = 0; k < K; ++k) {
      double* b = &start[static_cast<std::size_t>(k * p)];
      for (Index j = 0; j < p && !scale.empty(); ++j) b[j] *= scale[static_cast<std::size_t>(j)];
      rooted.to_increments(b);
    }
  }
  penalty::ElasticNet penalty(K, 1.0, penalty::FeatureRules{std::move(factor), {}, {}});
  PathReport report = fit_path(sums.design(), datafit, penalty, offset, plain,
                               start_coef ? start.data() : nullptr, start_intercept, out, monitor);
  for (Index row = 0; row < report.n_done * K; ++row) {
    double* b = out.coefs + row * p;
    rooted.to_coefficients(b);
    for (Index j = 0; j < p && !scale.empty(); ++j) b[j] /= scale[static_cast<std::size_t>(j)];
  }
  return report;
}

}  // namespace taut::solver
