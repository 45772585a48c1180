// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/core/types.hpp"

namespace taut {

/// Threads that the machine and the environment offer (1 without OpenMP).
int max_threads();

/// Threads that a region asking for `requested` gets: 1 inside another region, and 1 in a process
/// forked after a region had opened threads (libgomp would hang there for ever).
int effective_threads(int requested);

/// Says that a region with several threads is about to open; arms the fork guard.
void note_parallel_region();

/// Calls f(b) for b = 0 .. n_blocks-1, each once, by up to n_threads threads in any order.
///
/// Results are the same bits for any number of threads as long as blocks have a size that does not
/// depend on that number and each block writes only what is its own. f must not throw.
template <class F>
void parallel_for(Index n_blocks, int n_threads, F&& f) {
  const int k = n_blocks < 2 ? 1 : effective_threads(n_threads);
  if (k > 1) {
    note_parallel_region();
#ifdef _OPENMP
#pragma omp parallel for num_threads(k) schedule(dynamic, 1)
#endif
    for (Index b = 0; b < n_blocks; ++b) f(b);
    return;
  }
  for (Index b = 0; b < n_blocks; ++b) f(b);
}

/// Splits 0 .. n into blocks of fixed size and calls f(begin, end) for each.
template <class F>
void parallel_blocks(Index n, Index block, int n_threads, F&& f) {
  parallel_for((n + block - 1) / block, n_threads, [&](Index b) {
    const Index begin = b * block;
    f(begin, begin + block < n ? begin + block : n);
  });
}

}  // namespace taut
