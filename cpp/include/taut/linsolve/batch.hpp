// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/core/monitor.hpp"
#include "taut/linsolve/relax.hpp"

namespace taut::linsolve {

/// Systems (A + shift I) x = b that share A, each to be solved by SOR with several omega from x = 0.
struct Batch {
  SplitView a;
  const double* shifts = nullptr;  ///< (count,)
  const double* rhs = nullptr;     ///< (count, n), rows contiguous, in the order of `a`
  Index count = 0;
  const double* omegas = nullptr;  ///< (n_omegas,)
  Index n_omegas = 0;
};

/// n_iter[c * n_omegas + k]: iterations of `sor` on system c with omega k; max_iter where it did not
/// converge. Eight systems advance together, interleaved so that a sweep is made of vector
/// operations without a gather; one that is done makes room for the next. Entries whose shifted
/// diagonal is not positive count as not converged.
void sor_batch(const Batch& batch, const Options& options, std::int32_t* n_iter, Monitor& monitor);

}  // namespace taut::linsolve
