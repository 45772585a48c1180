// SPDX-License-Identifier: BSD-3-Clause
#include "taut/core/parallel.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/wait.h>
#include <unistd.h>
#define TAUT_TEST_POSIX 1
#endif

using taut::Index;

namespace {

/// True once all of `blocks` blocks are running at the same time; gives up after 20 s.
bool all_meet(int blocks, int threads) {
  std::atomic<int> inside{0};
  std::atomic<bool> met{true};
  taut::parallel_for(blocks, threads, [&](Index) {
    inside.fetch_add(1);
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (inside.load() < blocks) {
      if (std::chrono::steady_clock::now() > until) {
        met.store(false);
        return;
      }
      std::this_thread::yield();
    }
  });
  return met.load();
}

/// Sums of 1009 terms in blocks of 37, each block on its own, added in order.
double blocked_sum(int threads) {
  constexpr Index n = 1009, block = 37;
  std::vector<double> part((n + block - 1) / block, 0.0);
  taut::parallel_blocks(n, block, threads, [&](Index begin, Index end) {
    double total = 0.0;
    for (Index i = begin; i < end; ++i) total += std::sin(1.0 + static_cast<double>(i));
    part[static_cast<std::size_t>(begin / block)] = total;
  });
  double total = 0.0;
  for (double x : part) total += x;
  return total;
}

}  // namespace

TEST_CASE("parallel: every block is called exactly once") {
  for (int threads : {1, 2, 4, 7}) {
    for (Index blocks : {0, 1, 2, 3, 7, 64, 1000}) {
      std::vector<std::atomic<int>> calls(static_cast<std::size_t>(blocks) + 1);
      for (auto& c : calls) c.store(0);
      taut::parallel_for(blocks, threads,
                         [&](Index b) { calls[static_cast<std::size_t>(b)].fetch_add(1); });
      for (Index b = 0; b < blocks; ++b) CHECK(calls[static_cast<std::size_t>(b)].load() == 1);
      CHECK(calls.back().load() == 0);
    }
  }
}

TEST_CASE("parallel: blocks of fixed size cover the range, the last one short") {
  for (Index n : {0, 1, 63, 64, 65, 1000}) {
    for (int threads : {1, 3}) {
      std::vector<std::atomic<int>> seen(static_cast<std::size_t>(n) + 1);
      for (auto& c : seen) c.store(0);
      std::atomic<bool> good{true};
      taut::parallel_blocks(n, 64, threads, [&](Index begin, Index end) {
        if (begin % 64 != 0 || end <= begin || end > n || (end - begin != 64 && end != n)) {
          good.store(false);
        }
        for (Index i = begin; i < end; ++i) seen[static_cast<std::size_t>(i)].fetch_add(1);
      });
      CHECK(good.load());
      for (Index i = 0; i < n; ++i) CHECK(seen[static_cast<std::size_t>(i)].load() == 1);
    }
  }
}

TEST_CASE("parallel: results have the same bits for any number of threads") {
  const double serial = blocked_sum(1);
  for (int repeat = 0; repeat < 50; ++repeat) {
    for (int threads : {2, 4, 7}) CHECK(blocked_sum(threads) == serial);
  }
}

TEST_CASE("parallel: what blocks wrote is seen by the caller afterwards") {
  std::vector<Index> plain(5000, 0);
  for (Index round = 1; round <= 200; ++round) {
    taut::parallel_blocks(5000, 100, 4, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) plain[static_cast<std::size_t>(i)] += round;
    });
    Index total = 0;
    for (Index x : plain) total += x;
    REQUIRE(total == 5000 * round * (round + 1) / 2);
  }
}

TEST_CASE("parallel: helpers join while there are blocks left") {
  CHECK(all_meet(2, 2));
  CHECK(all_meet(4, 4));
  CHECK(all_meet(7, 7));
}

TEST_CASE("parallel: helpers that went to sleep are woken") {
  REQUIRE(all_meet(3, 3));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(all_meet(3, 3));
}

TEST_CASE("parallel: a region inside a region runs on its caller, in order") {
  std::atomic<int> wrong{0}, calls{0};
  taut::parallel_for(16, 4, [&](Index) {
    if (taut::effective_threads(4) != 1) wrong.fetch_add(1);
    const std::thread::id self = std::this_thread::get_id();
    Index expected = 0;
    taut::parallel_for(10, 4, [&](Index b) {
      if (std::this_thread::get_id() != self || b != expected++) wrong.fetch_add(1);
      calls.fetch_add(1);
    });
  });
  CHECK(wrong.load() == 0);
  CHECK(calls.load() == 160);
  CHECK(taut::effective_threads(4) == 4);  // the region is closed again
  CHECK(taut::effective_threads(1) == 1);
  CHECK(taut::effective_threads(0) == 1);
  CHECK(taut::effective_threads(1 << 30) == 1024);
}

TEST_CASE("parallel: many short regions in a row lose no block") {
  std::atomic<Index> total{0};
  for (Index region = 0; region < 20000; ++region) {
    taut::parallel_for(5, 1 + static_cast<int>(region % 4),
                       [&](Index b) { total.fetch_add(b + 1); });
    if (total.load() != 15 * (region + 1)) {
      REQUIRE(total.load() == 15 * (region + 1));
    }
  }
  CHECK(total.load() == 300000);
}

TEST_CASE("parallel: regions opened by several threads at once are all complete") {
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&wrong] {
      for (int region = 0; region < 2000; ++region) {
        Index part[8] = {};
        taut::parallel_for(8, 3, [&](Index b) { part[b] += b + 1; });
        Index total = 0;
        for (Index x : part) total += x;
        if (total != 36) wrong.fetch_add(1);
      }
    });
  }
  for (std::thread& t : callers) t.join();
  CHECK(wrong.load() == 0);
}

TEST_CASE("parallel: no more threads work in a region than were asked for") {
  REQUIRE(all_meet(7, 7));  // six helpers exist from here on
  for (int asked : {2, 3}) {
    for (int repeat = 0; repeat < 100; ++repeat) {
      std::mutex lock;
      std::set<std::thread::id> workers;
      taut::parallel_for(64, asked, [&](Index) {
        const std::lock_guard<std::mutex> held(lock);
        workers.insert(std::this_thread::get_id());
      });
      CHECK(workers.size() <= static_cast<std::size_t>(asked));
    }
  }
}

#ifdef TAUT_TEST_POSIX
TEST_CASE("parallel: OMP_NUM_THREADS is heeded at each call and nonsense in it is not") {
  const char* before = std::getenv("OMP_NUM_THREADS");
  const std::string saved = before ? before : "";
  setenv("OMP_NUM_THREADS", "3", 1);
  CHECK(taut::max_threads() == 3);
  setenv("OMP_NUM_THREADS", "5", 1);
  CHECK(taut::max_threads() == 5);
  unsetenv("OMP_NUM_THREADS");
  const int machine = taut::max_threads();
  CHECK(machine >= 1);
  for (const char* nonsense : {"0", "-2", "many", "", "99999999999999999999"}) {
    setenv("OMP_NUM_THREADS", nonsense, 1);
    CHECK(taut::max_threads() == machine);
  }
  if (before) {
    setenv("OMP_NUM_THREADS", saved.c_str(), 1);
  } else {
    unsetenv("OMP_NUM_THREADS");
  }
}

// The thread sanitizer ends a process that starts threads after a fork.
#ifndef __SANITIZE_THREAD__
TEST_CASE("parallel: a child made by fork has helpers of its own, and the parent keeps his") {
  REQUIRE(all_meet(3, 3));
  const double expected = blocked_sum(1);
  for (int repeat = 0; repeat < 3; ++repeat) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      alarm(60);  // a child that hangs is a failure, not a test that never ends
      _exit(all_meet(3, 3) && blocked_sum(4) == expected ? 0 : 1);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    CHECK(all_meet(3, 3));
  }
}
#endif
#endif
