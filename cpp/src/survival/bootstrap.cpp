// SPDX-License-Identifier: BSD-3-Clause
#include "taut/survival/bootstrap.hpp"

#include <algorithm>
#include <vector>

#include "taut/core/parallel.hpp"
#include "taut/survival/curve.hpp"

namespace taut::survival {
namespace {

void replicate(const RowRecords& r, const BootstrapSpec& spec, Philox random, double* survival,
               double* quantiles, double* means) {
  const auto m = static_cast<std::size_t>(r.m);
  std::vector<double> d(m, 0.0), leave(m, 0.0), enter(m + 1, 0.0), risk(m), S(m);
  for (Index i = 0; i < r.n; ++i) {
    const Index k = random.below(r.n);
    const auto row = static_cast<std::size_t>(r.out[k]);
    leave[row] += 1.0;
    d[row] += static_cast<double>(r.event[k] != 0);
    if (r.in) enter[static_cast<std::size_t>(r.in[k])] += 1.0;
  }
  double left = 0.0;  // who leaves at this row or later, less who enters after it
  for (std::size_t k = m; k-- > 0;) {
    left += leave[k];
    if (r.in) left -= enter[k + 1];
    risk[k] = left;
  }
  double product = 1.0;
  for (std::size_t k = 0; k < m; ++k) {
    if (d[k] > 0.0) product *= (risk[k] - d[k]) / risk[k];
    S[k] = product;
  }
  for (Index q = 0; q < spec.n_at; ++q) {
    survival[q] = spec.at[q] < 0 ? 1.0 : S[static_cast<std::size_t>(spec.at[q])];
  }
  const Index ptr[2] = {0, r.m};
  TableView table;
  table.time = r.time;
  table.n_at_risk = risk.data();
  table.n_event = d.data();
  table.group_ptr = ptr;
  table.n_groups = 1;
  if (spec.n_probs > 0) curve_quantiles(table, S.data(), spec.probs, spec.n_probs, quantiles);
  for (Index q = 0; q < spec.n_tau; ++q) {
    double unused;
    restricted_mean(table, S.data(), spec.tau[q], means + q, &unused);
  }
}

}  // namespace

void bootstrap_curves(const RowRecords& r, const BootstrapSpec& spec, Philox::Key key,
                      double* survival, double* quantiles, double* means, int n_threads,
                      Monitor& monitor) {
  // As many replicates between two looks at the monitor as take a few hundredths of a second.
  const Index turn = std::max<Index>(1, Index{4000000} / (r.n + r.m + 1));
  for (Index first = 0; first < spec.n_boot; first += turn) {
    monitor.poll({});
    const Index last = std::min(spec.n_boot, first + turn);
    parallel_for(last - first, n_threads, [&](Index k) {
      const Index b = first + k;
      replicate(r, spec, Philox(key, static_cast<std::uint64_t>(b)), survival + b * spec.n_at,
                quantiles + b * spec.n_probs, means + b * spec.n_tau);
    });
  }
}

}  // namespace taut::survival
