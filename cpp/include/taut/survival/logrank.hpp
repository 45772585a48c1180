// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/core/monitor.hpp"
#include "taut/core/types.hpp"
#include "taut/survival/event_table.hpp"

namespace taut::survival {

enum class TestWeight {
  logrank,             ///< 1 (Mantel 1966)
  gehan,               ///< n (Gehan 1965)
  tarone_ware,         ///< sqrt n (Tarone & Ware 1977)
  peto,                ///< S~(t) = prod (1 - d/(n + 1)), with the present time (Peto & Peto 1972)
  modified_peto,       ///< S~ n/(n + 1) (Andersen)
  fleming_harrington,  ///< S(t-)^rho (1 - S(t-))^gamma, pooled Kaplan-Meier
};

struct TestSpec {
  TestWeight weight = TestWeight::logrank;
  double rho = 0.0, gamma = 0.0;
};

/// Sums of a weighted log-rank test over G groups.
struct TestSums {
  std::vector<double> observed, expected;  ///< unweighted events and their expectation (G)
  std::vector<double> score;               ///< sum of W (d_g - d n_g/n) (G)
  std::vector<double> covariance;          ///< G x G, hypergeometric
  std::vector<double> weighted_observed;   ///< sum of W d_g (G)
};

/// Adds up O - E and its covariance over the event times of each stratum; weighting curves are per
/// stratum. `records.group` are the groups compared, records.weight are counts (repeated records).
/// `stratum` may be null. One sort of 16-byte pairs, then O(n + D G^2) for D event times.
/// The same bits for any order of the records.
TestSums logrank_sums(const Records& records, const std::int32_t* stratum, Index n_strata, int ulps,
                      const TestSpec& spec, int n_threads, Monitor& monitor);

/// A column of event tables side by side: the same sums from tables that know no records.
TestSums logrank_sums(const std::vector<TableRows>& groups, const TestSpec& spec);

}  // namespace taut::survival
