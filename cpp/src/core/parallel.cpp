// SPDX-License-Identifier: BSD-3-Clause
#include "taut/core/parallel.hpp"

#include <atomic>

#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#define TAUT_HAS_FORK 1
#endif

namespace taut {
namespace {

std::atomic<bool> region_opened{false};
std::atomic<bool> forked_after_region{false};

void in_child() {
  if (region_opened.load()) forked_after_region.store(true);
}

bool arm_fork_guard() {
#ifdef TAUT_HAS_FORK
  pthread_atfork(nullptr, nullptr, &in_child);
#endif
  return true;
}

}  // namespace

int max_threads() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

int effective_threads(int requested) {
#ifdef _OPENMP
  if (requested <= 1 || forked_after_region.load(std::memory_order_relaxed) || omp_in_parallel()) {
    return 1;
  }
  return requested;
#else
  (void)requested;
  return 1;
#endif
}

void note_parallel_region() {
  static const bool armed = arm_fork_guard();
  (void)armed;
  region_opened.store(true, std::memory_order_relaxed);
}

}  // namespace taut
