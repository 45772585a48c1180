// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "taut/core/buffer.hpp"
#include "taut/core/parallel.hpp"
#include "taut/linsolve/relax.hpp"

/// What the methods of relax.hpp share.
namespace taut::linsolve::detail {

/// Rows of a partial sum.
constexpr Index k_block = 4096;
/// Rows of a block of a phase, and those of a phase that are worth a parallel region.
constexpr Index k_phase_block = 1024;
constexpr Index k_wide = 2 * k_phase_block;
/// A norm beyond which iterates are given up, in units of the first residual.
constexpr double k_blow_up = 1e140;
/// Residuals are computed afresh after so many iterations.
constexpr Index k_refresh = 50;

inline double subtract_row(const TriangleView& t, Index i, const double* v, double s) {
  const std::int32_t end = t.ptr[i + 1];
  for (std::int32_t k = t.ptr[i]; k < end; ++k) s -= t.val[k] * v[t.idx[k]];
  return s;
}

/// Runs of rows in the order of elimination, each in parallel or one row after the other.
class Schedule {
 public:
  Schedule(const SplitView& a, int n_threads) : n_(a.n), n_threads_(n_threads) {
    if (n_threads < 2) {
      runs_.push_back({0, a.n, false});
      return;
    }
    for (Index p = 0; p < a.n_phases; ++p) {
      const Index begin = a.phases[p], end = a.phases[p + 1];
      const bool wide = end - begin >= k_wide;
      if (!wide && !runs_.empty() && !runs_.back().wide) {
        runs_.back().end = end;
      } else {
        runs_.push_back({begin, end, wide});
      }
    }
    if (a.n_phases == 0) runs_.push_back({0, a.n, false});
  }

  /// f(begin, end) over pieces in ascending order of the runs.
  template <class F>
  void ascend(F&& f) const {
    for (const Run& run : runs_) do_run(run, f);
  }

  /// The same from the last run to the first; f goes through its rows downwards.
  template <class F>
  void descend(F&& f) const {
    for (std::size_t k = runs_.size(); k-- > 0;) do_run(runs_[k], f);
  }

  /// f(begin, end) over blocks of all rows, in any order.
  template <class F>
  void anywhere(F&& f) const {
    parallel_blocks(n_, k_block, n_threads_, f);
  }

  /// Sum over blocks of all rows of f(begin, end), added in their order.
  template <class F>
  double sum(F&& f) {
    return sums([&](Index begin, Index end) { return Pair{f(begin, end), 0.0}; }).first;
  }

  /// The same for two sums at once.
  using Pair = std::pair<double, double>;
  template <class F>
  Pair sums(F&& f) {
    partial_.resize(static_cast<std::size_t>((n_ + k_block - 1) / k_block));
    anywhere([&](Index begin, Index end) {
      partial_[static_cast<std::size_t>(begin / k_block)] = f(begin, end);
    });
    Pair total{0.0, 0.0};
    for (const Pair& part : partial_) {
      total.first += part.first;
      total.second += part.second;
    }
    return total;
  }

 private:
  struct Run {
    Index begin, end;
    bool wide;
  };

  template <class F>
  void do_run(const Run& run, F& f) const {
    if (!run.wide) {
      f(run.begin, run.end);
      return;
    }
    parallel_blocks(run.end - run.begin, k_phase_block, n_threads_,
                    [&](Index begin, Index end) { f(run.begin + begin, run.begin + end); });
  }

  Index n_;
  int n_threads_;
  std::vector<Run> runs_;
  std::vector<Pair> partial_;
};

/// Iterations between two looks at the clock: about 0.2 ms of work.
inline Index poll_interval(const SplitView& a) {
  const Index work = a.n + a.lower.ptr[a.n] + a.upper.ptr[a.n];
  return std::clamp<Index>(200000 / (work + 1), 1, 1000);
}

inline double largest(const double* v, Index n) {
  double most = 0.0;
  for (Index i = 0; i < n; ++i) most = std::max(most, std::abs(v[i]));
  return most;
}

/// x, and r = b - A x in a unit: 1, or a power of two near the largest residual where squares might
/// leave the range of numbers. Scaling by powers of two rounds nothing.
class State {
 public:
  State(const SplitView& a, const double* b, const Options& options, double* x);

  double norm() const { return norm_; }
  double target() const { return target_; }
  double unit() const { return unit_; }
  bool done() const { return norm_ <= target_; }
  bool lost() const { return !(norm_ <= k_blow_up); }
  double* x() { return x_; }
  double* r() { return r_.data(); }
  Schedule& schedule() { return schedule_; }

  void set_norm_squared(double squared) { norm_ = std::sqrt(squared); }
  /// r and its norm from x.
  void refresh();
  /// The report for x as it is, or for the start where x has left the range of numbers.
  Report report(Index n_iter, Ending ending);

 private:
  void set_unit(int power);

  const SplitView& a_;
  const double* b_;
  double* x_;
  Buffer<double> start_, r_;
  Schedule schedule_;
  int power_ = 0;
  double unit_ = 1.0, inverse_unit_ = 1.0, norm_ = 0.0, target_ = 0.0;
};

}  // namespace taut::linsolve::detail
