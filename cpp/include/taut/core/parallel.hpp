// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <type_traits>

#include "taut/core/types.hpp"

/// The only door to threads.
///
/// Kernels open hundreds of regions of a fraction of a millisecond in a fit. A fork-join runtime such
/// as OpenMP ends each one with a barrier of all its threads, so that on a machine with other work a
/// region lasts until the last thread has been scheduled: measured on two cores with one busy
/// neighbour, a path of 0.28 s took 3.0 s with two libgomp threads. Here the caller works through
/// the blocks itself, helpers join while there are blocks left, and only helpers inside a block are
/// waited for; a helper that is not running costs nothing.
namespace taut {

/// Threads that the machine and the environment (OMP_NUM_THREADS, read at each call) offer.
int max_threads();

/// Threads that a region asking for `requested` may have: 1 inside another region.
int effective_threads(int requested);

/// Threads worth opening a region for: one below about 1e5 multiply-adds of work.
inline int threads_for(double work, int n_threads) { return work < 1e5 ? 1 : n_threads; }

namespace detail {
void run_blocks(Index n_blocks, int n_threads, void (*call)(void*, Index), void* context);
}

/// Calls f(b) for b = 0 .. n_blocks-1, each once, on up to n_threads threads in any order.
///
/// Results are the same bits for any number of threads as long as blocks have a size that does not
/// depend on that number and each block writes only what is its own. f must not throw. A region
/// inside a region, or opened while another thread has one open, runs on the caller alone.
template <class F>
void parallel_for(Index n_blocks, int n_threads, F&& f) {
  if (n_blocks < 2 || n_threads < 2) {
    for (Index b = 0; b < n_blocks; ++b) f(b);
    return;
  }
  using Callable = std::remove_reference_t<F>;
  auto call = [](void* context, Index b) { (*static_cast<Callable*>(context))(b); };
  detail::run_blocks(n_blocks, n_threads, call, const_cast<void*>(static_cast<const void*>(&f)));
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
