// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/core/monitor.hpp"
#include "taut/core/types.hpp"
#include "taut/survival/event_table.hpp"

namespace taut::survival {

/// What a pair counts, by the time t of its earlier event; n(t) is the weight at risk, N the total.
enum class PairWeight {
  n,     ///< 1 (Harrell)
  S,     ///< N S(t-) / n(t)
  S_G,   ///< N S(t-) / (G(t-) n(t))
  n_G2,  ///< 1 / G(t-)^2 (Uno et al. 2011)
  I,     ///< 1 / n(t)
};

struct ConcordanceSpec {
  PairWeight weight = PairWeight::n;
  double tau = 0.0;        ///< events at times below tau count as the earlier one
  bool truncate = false;   ///< whether tau is meant
  bool left_limit = true;  ///< G(t-) and S(t-); false takes G(t)
};

struct Concordance {
  double concordant = 0.0, discordant = 0.0, tied_risk = 0.0;  ///< weighted pairs
  double tied_time = 0.0, tied_both = 0.0;  ///< two events at one time, scores apart or the same
  double statistic = 0.0;                   ///< (c + t/2) / (c + d + t); NaN without such a pair
  double variance = 0.0;                    ///< infinitesimal jackknife over records
};

/// Harrell's C and its relatives: records i, j with T_i < T_j and an event at T_i (a record censored
/// at T_i counts as later) are concordant if score_i < score_j: a high score means long survival.
///
/// Records by time, a tree of prefix sums over the ranks of the scores; one sweep from the last time
/// asks for each event who is at risk, one from the first asks for each record which events it
/// outlived, so that each record's share is known for the variance. O(n log n) time, 60 n bytes.
Concordance concordance(const Records& records, const double* score, int ulps,
                        const ConcordanceSpec& spec, int n_threads, Monitor& monitor);

}  // namespace taut::survival
