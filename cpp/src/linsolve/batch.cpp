// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linsolve/batch.hpp"

#include <array>
#include <atomic>
#include <memory>

#include "sweeps.hpp"

namespace taut::linsolve {
namespace {

constexpr Index k_lanes = 8;
using Lanes = std::array<double, k_lanes>;
/// Sweeps between two looks at the clock, times rows: about 20 ms.
constexpr Index k_budget = 2'000'000;

/// The next of count * n_omegas tasks; systems by system, so that the caches keep right-hand sides.
class Queue {
 public:
  explicit Queue(Index size) : size_(size) {}
  /// -1 when there is none left.
  Index take() {
    const Index k = next_.fetch_add(1, std::memory_order_relaxed);
    return k < size_ ? k : -1;
  }

 private:
  std::atomic<Index> next_{0};
  Index size_;
};

/// Eight systems side by side: element i of system l is at [i * 8 + l].
class Worker {
 public:
  Worker(const Batch& batch, const Options& options, Queue& queue, std::int32_t* n_iter)
      : batch_(batch),
        options_(options),
        queue_(queue),
        n_iter_(n_iter),
        n_(batch.a.n),
        r_(n_ * k_lanes, 0.0),
        x_(n_ * k_lanes, 0.0),
        delta_(n_ * k_lanes, 0.0),
        step_(n_ * k_lanes, 0.0),
        rest_(n_ * k_lanes, 0.0) {
    task_.fill(-1);
    target_.fill(0.0);
  }

  bool busy() const { return busy_; }

  void advance() {
    if (!started_) {
      started_ = true;
      for (Index l = 0; l < k_lanes; ++l) load(l);
    }
    const Index sweeps = std::max<Index>(1, k_budget / (n_ + 1));
    for (Index s = 0; s < sweeps; ++s) {
      busy_ = false;
      for (const Index task : task_) busy_ = busy_ || task >= 0;
      if (!busy_) return;
      sweep();
      settle();
    }
  }

 private:
  static std::size_t at(Index l) { return static_cast<std::size_t>(l); }

  /// Puts the next task that needs iterations into lane l, or leaves the lane empty.
  void load(Index l) {
    for (;;) {
      const Index task = queue_.take();
      task_[at(l)] = task;
      if (task < 0) {
        clear(l);
        return;
      }
      if (begin(l, task)) return;
    }
  }

  void clear(Index l) {
    for (Index i = 0; i < n_; ++i) {
      r_[i * k_lanes + l] = x_[i * k_lanes + l] = delta_[i * k_lanes + l] = 0.0;
      step_[i * k_lanes + l] = rest_[i * k_lanes + l] = 0.0;
    }
    target_[at(l)] = -1.0;
  }

  /// False if the task is over before it begins.
  bool begin(Index l, Index task) {
    const Index system = task / batch_.n_omegas;
    const double omega = batch_.omegas[task % batch_.n_omegas];
    const double shift = batch_.shifts[system];
    const double* b = batch_.rhs + system * n_;
    const double most = detail::largest(b, n_);
    if (most == 0.0) {
      n_iter_[task] = 0;
      return false;
    }
    int power = 0;
    std::frexp(most, &power);
    scale_[at(l)] = std::ldexp(1.0, -std::clamp(power, -1000, 1000));
    double sum = 0.0;
    for (Index i = 0; i < n_; ++i) {
      const double d = batch_.a.diag[i] + shift;
      if (!(d > 0.0)) {
        n_iter_[task] = static_cast<std::int32_t>(options_.max_iter);
        return false;
      }
      const Index e = i * k_lanes + l;
      r_[e] = b[i] * scale_[at(l)];
      x_[e] = 0.0;
      step_[e] = omega / d;
      rest_[e] = (1.0 / omega - 1.0) * d;
      sum += r_[e] * r_[e];
    }
    shift_[at(l)] = shift;
    k_[at(l)] = 0;
    target_[at(l)] = std::max(options_.rtol * std::sqrt(sum), options_.atol * scale_[at(l)]);
    return true;
  }

  void sweep() {
    const SplitView& a = batch_.a;
    double* delta = delta_.data();
    for (Index i = 0; i < n_; ++i) {
      Lanes s;
      const double* r = r_.data() + i * k_lanes;
      for (std::size_t l = 0; l < k_lanes; ++l) s[l] = r[l];
      subtract(a.lower, i, delta, s);
      const double* step = step_.data() + i * k_lanes;
      for (std::size_t l = 0; l < k_lanes; ++l)
        delta[i * k_lanes + static_cast<Index>(l)] = step[l] * s[l];
    }
    Lanes sum{};
    for (Index i = 0; i < n_; ++i) {
      Lanes s;
      const double* own = delta + i * k_lanes;
      const double* rest = rest_.data() + i * k_lanes;
      for (std::size_t l = 0; l < k_lanes; ++l) s[l] = rest[l] * own[l];
      subtract(a.upper, i, delta, s);
      double* r = r_.data() + i * k_lanes;
      double* x = x_.data() + i * k_lanes;
      for (std::size_t l = 0; l < k_lanes; ++l) {
        x[l] += own[l];
        r[l] = s[l];
        sum[l] += s[l] * s[l];
      }
    }
    squared_ = sum;
  }

  static void subtract(const TriangleView& t, Index i, const double* delta, Lanes& s) {
    const std::int32_t end = t.ptr[i + 1];
    for (std::int32_t k = t.ptr[i]; k < end; ++k) {
      const double v = t.val[k];
      const double* d = delta + static_cast<Index>(t.idx[k]) * k_lanes;
      for (std::size_t l = 0; l < k_lanes; ++l) s[l] -= v * d[l];
    }
  }

  /// Counts the sweep for every lane and replaces those that are done.
  void settle() {
    for (Index l = 0; l < k_lanes; ++l) {
      if (task_[at(l)] < 0) continue;
      const std::int32_t k = ++k_[at(l)];
      double norm = std::sqrt(squared_[at(l)]);
      if (norm <= target_[at(l)] || k % detail::k_refresh == 0) norm = refresh(l);
      const bool converged = norm <= target_[at(l)];
      if (!converged && norm <= detail::k_blow_up && k < options_.max_iter) continue;
      n_iter_[task_[at(l)]] = converged ? k : static_cast<std::int32_t>(options_.max_iter);
      load(l);
    }
  }

  double refresh(Index l) {
    const SplitView& a = batch_.a;
    const double* b = batch_.rhs + task_[at(l)] / batch_.n_omegas * n_;
    double sum = 0.0;
    for (Index i = 0; i < n_; ++i) {
      double s = b[i] * scale_[at(l)] - (a.diag[i] + shift_[at(l)]) * x_[i * k_lanes + l];
      for (const TriangleView* t : {&a.lower, &a.upper}) {
        for (std::int32_t k = t->ptr[i]; k < t->ptr[i + 1]; ++k) {
          s -= t->val[k] * x_[static_cast<Index>(t->idx[k]) * k_lanes + l];
        }
      }
      r_[i * k_lanes + l] = s;
      sum += s * s;
    }
    return std::sqrt(sum);
  }

  const Batch& batch_;
  const Options& options_;
  Queue& queue_;
  std::int32_t* n_iter_;
  Index n_;
  Buffer<double> r_, x_, delta_, step_, rest_;
  std::array<Index, k_lanes> task_;
  std::array<std::int32_t, k_lanes> k_{};
  Lanes target_, shift_{}, scale_{}, squared_{};
  bool started_ = false, busy_ = true;
};

}  // namespace

void sor_batch(const Batch& batch, const Options& options, std::int32_t* n_iter, Monitor& monitor) {
  const int threads = effective_threads(options.n_threads);
  Queue queue(batch.count * batch.n_omegas);
  std::vector<std::unique_ptr<Worker>> workers;
  for (int w = 0; w < threads; ++w) {
    workers.push_back(std::make_unique<Worker>(batch, options, queue, n_iter));
  }
  for (bool busy = true; busy;) {
    parallel_for(threads, threads,
                 [&](Index w) { workers[static_cast<std::size_t>(w)]->advance(); });
    busy = false;
    for (const auto& worker : workers) busy = busy || worker->busy();
    monitor.poll(Progress{});
  }
}

}  // namespace taut::linsolve
