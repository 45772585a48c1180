// SPDX-License-Identifier: BSD-3-Clause
#include "taut/core/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#define TAUT_HAS_FORK 1
#endif

namespace taut {
namespace {

/// A helper looks for the next region this long before it sleeps: longer than what a solver does
/// between two regions. It gives way to any other thread meanwhile. Helpers that the last region did
/// not ask for, or for which there is no processor, sleep at once.
constexpr auto k_linger = std::chrono::milliseconds(1);

thread_local bool inside_region = false;

inline void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

class Pool {
 public:
  /// False if another thread has a region open: the caller then works alone.
  bool run(Index n_blocks, int n_threads, void (*call)(void*, Index), void* context) {
    std::unique_lock<std::mutex> owner(owner_, std::try_to_lock);
    if (!owner.owns_lock()) return false;
    hire(n_threads - 1);
    call_ = call;
    context_ = context;
    n_parts_ = n_threads;
    if (parts_.size() < static_cast<std::size_t>(n_threads)) {
      parts_ = std::vector<Part>(static_cast<std::size_t>(n_threads));
    }
    for (int t = 0; t < n_threads; ++t) {
      parts_[static_cast<std::size_t>(t)].next.store(n_blocks * t / n_threads,
                                                     std::memory_order_relaxed);
      parts_[static_cast<std::size_t>(t)].end = n_blocks * (t + 1) / n_threads;
    }
    wanted_.store(n_threads - 1, std::memory_order_relaxed);
    // Open the gate: a new generation, not closed, nobody inside.
    const std::uint64_t generation = (gate_.load(std::memory_order_relaxed) >> k_shift) + 1;
    gate_.store(generation << k_shift);
    for (int h = 0; h < std::min(n_threads - 1, hired()); ++h) {
      Helper& helper = *helpers_[static_cast<std::size_t>(h)];
      if (!helper.asleep.load()) continue;
      const std::lock_guard<std::mutex> lock(helper.sleep);
      helper.wake.notify_one();
    }
    work(0);
    gate_.fetch_or(k_closed);
    for (int spins = 0; (gate_.load(std::memory_order_acquire) & k_count) != 0; ++spins) {
      if (spins < 4096) {
        pause();
      } else {
        std::this_thread::yield();
      }
    }
    return true;
  }

 private:
  // gate_ = generation | closed | helpers inside. Helpers enter by raising the count while the gate
  // is open, so after closing it the owner knows who is still at work.
  static constexpr int k_shift = 16;
  static constexpr std::uint64_t k_closed = 1U << 15;
  static constexpr std::uint64_t k_count = k_closed - 1;

  struct alignas(64) Part {
    std::atomic<Index> next{0};
    Index end = 0;
  };

  struct Helper {
    std::mutex sleep;
    std::condition_variable wake;
    std::atomic<bool> asleep{false};
  };

  int hired() const { return static_cast<int>(helpers_.size()); }

  void hire(int helpers) {
    try {
      while (hired() < helpers) {
        const int place = hired();
        helpers_.push_back(std::make_unique<Helper>());
        try {
          std::thread([this, place, self = helpers_.back().get()] { help(place, *self); }).detach();
        } catch (...) {
          helpers_.pop_back();
          throw;
        }
      }
    } catch (const std::system_error&) {
      // No thread to be had: those that there are do the work.
    }
  }

  /// Thread `slot` does its own part first, so that a thread meets the same data in every region of
  /// a solve and finds it in its cache; then it helps with the parts of others.
  void work(int slot) {
    inside_region = true;
    for (int t = 0; t < n_parts_; ++t) {
      Part& part = parts_[static_cast<std::size_t>((slot + t) % n_parts_)];
      for (Index b = part.next.fetch_add(1, std::memory_order_relaxed); b < part.end;
           b = part.next.fetch_add(1, std::memory_order_relaxed)) {
        call_(context_, b);
      }
    }
    inside_region = false;
  }

  /// A region that has not been seen is open and asks for the helper in this place. What is read of
  /// wanted_ may belong to a later region than the gate; entering checks that the gate still stands.
  bool news(std::uint64_t seen, std::uint64_t gate, int place) const {
    return (gate >> k_shift) != seen && (gate & k_closed) == 0 &&
           place < wanted_.load(std::memory_order_relaxed);
  }

  void help(int place, Helper& self) {
    const bool may_linger = place + 1 < max_threads();
    std::uint64_t seen = 0;
    const auto asked = [&] { return news(seen, gate_.load(), place); };
    while (true) {
      if (may_linger && place < wanted_.load(std::memory_order_relaxed)) {
        const auto until = std::chrono::steady_clock::now() + k_linger;
        while (!asked() && std::chrono::steady_clock::now() < until) {
          for (int i = 0; i < 256 && !asked(); ++i) pause();
          if (!asked()) std::this_thread::yield();
        }
      }
      if (!asked()) {
        std::unique_lock<std::mutex> lock(self.sleep);
        self.asleep.store(true);
        self.wake.wait(lock, asked);
        self.asleep.store(false);
      }
      std::uint64_t gate = gate_.load();
      while (news(seen, gate, place)) {
        if (!gate_.compare_exchange_weak(gate, gate + 1)) continue;
        work(place + 1);
        gate_.fetch_sub(1, std::memory_order_release);
        break;
      }
      seen = gate >> k_shift;
    }
  }

  std::mutex owner_;
  void (*call_)(void*, Index) = nullptr;
  void* context_ = nullptr;
  int n_parts_ = 1;
  std::vector<Part> parts_;
  std::atomic<int> wanted_{0};  ///< helpers that the region asks for
  std::atomic<std::uint64_t> gate_{k_closed};
  std::vector<std::unique_ptr<Helper>> helpers_;  ///< changed by the owner of a region only
};

/// Never destroyed: helpers may outlive static destructors. Threads do not survive a fork, so a
/// child starts with no pool and makes its own.
std::atomic<Pool*> the_pool{nullptr};

Pool& pool() {
#ifdef TAUT_HAS_FORK
  static const int armed = pthread_atfork(nullptr, nullptr, [] { the_pool.store(nullptr); });
  (void)armed;
#endif
  Pool* present = the_pool.load();
  if (present) return *present;
  Pool* made = new Pool;
  if (the_pool.compare_exchange_strong(present, made)) return *made;
  delete made;
  return *present;
}

}  // namespace

int max_threads() {
  if (const char* limit = std::getenv("OMP_NUM_THREADS")) {
    const long n = std::strtol(limit, nullptr, 10);
    if (n > 0 && n < 4096) return static_cast<int>(n);
  }
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return CPU_COUNT(&allowed);
#endif
  const unsigned n = std::thread::hardware_concurrency();
  return n > 0 ? static_cast<int>(n) : 1;
}

int effective_threads(int requested) {
  constexpr int k_most = 1024;  // what is larger is a mistake, not a machine
  return requested > 1 && !inside_region ? std::min(requested, k_most) : 1;
}

void detail::run_blocks(Index n_blocks, int n_threads, void (*call)(void*, Index), void* context) {
  const int k = static_cast<int>(std::min<Index>(effective_threads(n_threads), n_blocks));
  if (k > 1 && pool().run(n_blocks, k, call, context)) return;
  for (Index b = 0; b < n_blocks; ++b) call(context, b);
}

}  // namespace taut
