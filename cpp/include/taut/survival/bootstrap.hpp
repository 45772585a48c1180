// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

#include "taut/core/monitor.hpp"
#include "taut/core/philox.hpp"
#include "taut/core/types.hpp"

namespace taut::survival {

/// Records as rows of a table of m distinct times: what a bootstrap draws from.
struct RowRecords {
  Index n = 0;
  Index m = 0;
  const double* time = nullptr;          ///< of the rows (m), ascending
  const std::int32_t* out = nullptr;     ///< row at which each record leaves (n)
  const std::int32_t* in = nullptr;      ///< first row at which it is at risk; null: 0
  const unsigned char* event = nullptr;  ///< (n)
};

/// What is wanted of each replicate; any count may be 0.
struct BootstrapSpec {
  Index n_boot = 0;
  const std::int32_t* at = nullptr;  ///< rows whose S is wanted; -1: before the first
  Index n_at = 0;
  const double* probs = nullptr;  ///< quantiles
  Index n_probs = 0;
  const double* tau = nullptr;  ///< restricted means up to these times
  Index n_tau = 0;
};

/// Kaplan-Meier curves of n_boot samples of n records drawn with replacement. Nothing is sorted
/// again: a draw is a count on a row. Replicate b uses stream b of the key, so the result does not
/// depend on the number of threads. Outputs are row-major, one row per replicate.
/// O(n_boot (n + m)), 32 m bytes a thread block.
void bootstrap_curves(const RowRecords& records, const BootstrapSpec& spec, Philox::Key key,
                      double* survival, double* quantiles, double* means, int n_threads,
                      Monitor& monitor);

}  // namespace taut::survival
