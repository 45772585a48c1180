// SPDX-License-Identifier: BSD-3-Clause
#include "red_black.hpp"

namespace taut::linsolve {
namespace {

using detail::State;
using detail::subtract_row;

/// Sweeps of one system. With s_i = r_i - sum over rows that came before of a_ij delta_j, the
/// correction is delta_i = omega s_i / a_ii, and (1 - omega) s_i is what is left of the residual
/// before the rows that come after take their part.
class Sweeps {
 public:
  Sweeps(const SplitView& a, const Options& options, State& state)
      : a_(a),
        state_(state),
        left_(1.0 - options.omega),
        unit_(state.unit()),
        r_(state.r()),
        x_(state.x()),
        step_(a.n),
        delta_(a.n),
        scatters_(a.exact) {
    for (Index p = 0; p < a.n_phases; ++p) {
      if (a.phases[p + 1] - a.phases[p] >= detail::k_wide) scatters_ = false;
    }
    for (Index i = 0; i < a.n; ++i) step_[i] = options.omega / a.diag[i];
  }

  void forward() {
    if (scatters()) {
      for (Index i = 0; i < a_.n; ++i) relax_and_scatter(a_.lower, i);
      measure();
      return;
    }
    state_.schedule().ascend([&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) relax(a_.lower, i);
    });
    gather(a_.upper);
  }

  void backward() {
    if (scatters()) {
      for (Index i = a_.n; i-- > 0;) relax_and_scatter(a_.upper, i);
      measure();
      return;
    }
    state_.schedule().descend([&](Index begin, Index end) {
      for (Index i = end; i-- > begin;) relax(a_.upper, i);
    });
    gather(a_.lower);
  }

 private:
  /// One triangle does for both where rows go one after the other: a_ij delta_j into s_i, and
  /// a_ij delta_i into r_j at once. A third of the memory traffic is saved. The choice must not
  /// depend on the number of threads.
  bool scatters() const { return scatters_; }

  void relax(const TriangleView& before, Index i) {
    const double s = subtract_row(before, i, delta_.data(), r_[i]);
    const double delta = step_[i] * s;
    delta_[i] = delta;
    r_[i] = left_ * s;
    x_[i] += unit_ * delta;
  }

  void relax_and_scatter(const TriangleView& before, Index i) {
    relax(before, i);
    const double delta = delta_[i];
    const std::int32_t end = before.ptr[i + 1];
    for (std::int32_t k = before.ptr[i]; k < end; ++k) r_[before.idx[k]] -= before.val[k] * delta;
  }

  void gather(const TriangleView& after) {
    state_.set_norm_squared(state_.schedule().sum([&](Index begin, Index end) {
      double sum = 0.0;
      for (Index i = begin; i < end; ++i) {
        const double r = subtract_row(after, i, delta_.data(), r_[i]);
        r_[i] = r;
        sum += r * r;
      }
      return sum;
    }));
  }

  void measure() {
    state_.set_norm_squared(state_.schedule().sum([&](Index begin, Index end) {
      double sum = 0.0;
#pragma omp simd reduction(+ : sum)
      for (Index i = begin; i < end; ++i) sum += r_[i] * r_[i];
      return sum;
    }));
  }

  const SplitView& a_;
  State& state_;
  double left_, unit_;
  double *r_, *x_;
  Buffer<double> step_, delta_;
  bool scatters_;
};

/// Rows 0 .. n_red are red: their couplings are all in the upper triangle, those of black rows in
/// the lower.
Report sor_two_colors(const SplitView& a, const double* b, const Options& options, double* x,
                      Monitor& monitor) {
  const Index n_red = a.phases[1], n_black = a.n - n_red;
  detail::TwoColors v(a.n, b, x, detail::largest(a.diag, a.n), n_red, n_black);
  const double u = v.inverse_unit();
  for (Index i = 0; i < n_red; ++i) {
    v.red[i] = x[i] * u;
    v.b_red[i] = b[i] * u;
  }
  for (Index i = 0; i < n_black; ++i) {
    v.black[i] = x[n_red + i] * u;
    v.b_black[i] = b[n_red + i] * u;
  }
  const int threads = effective_threads(options.n_threads);
  std::vector<double> partial;
  const auto relax = [&](bool is_red, double gain, const Buffer<double>& own,
                         const Buffer<double>& other, Buffer<double>& out) {
    const TriangleView& t = is_red ? a.upper : a.lower;
    const Index first = is_red ? 0 : n_red, count = is_red ? n_red : n_black;
    const double* rhs = is_red ? v.b_red.data() : v.b_black.data();
    const double* diag = a.diag + first;
    // Columns of red rows are black: their values count from the first black row on.
    const auto base = static_cast<std::int32_t>(is_red ? n_red : 0);
    partial.assign(static_cast<std::size_t>(count / detail::k_block + 1), 0.0);
    parallel_blocks(count, detail::k_block, threads, [&](Index begin, Index end) {
      double sum = 0.0;
      for (Index i = begin; i < end; ++i) {
        double r = rhs[i] - diag[i] * own[i];
        const std::int32_t last = t.ptr[first + i + 1];
        for (std::int32_t k = t.ptr[first + i]; k < last; ++k) {
          r -= t.val[k] * other[t.idx[k] - base];
        }
        out[i] = own[i] + gain * r / diag[i];
        sum += r * r;
      }
      partial[static_cast<std::size_t>(begin / detail::k_block)] = sum;
    });
    double total = 0.0;
    for (const double part : partial) total += part;
    return total;
  };
  return detail::red_black(v, options, detail::poll_interval(a), monitor, relax, [&] {
    for (Index i = 0; i < n_red; ++i) x[i] = v.red[i] * v.unit();
    for (Index i = 0; i < n_black; ++i) x[n_red + i] = v.black[i] * v.unit();
  });
}

}  // namespace

Report sor(const SplitView& a, const double* b, const Options& options, bool symmetric, double* x,
           Monitor& monitor) {
  if (a.n_phases == 2 && !symmetric) return sor_two_colors(a, b, options, x, monitor);
  State state(a, b, options, x);
  if (state.done()) return state.report(0, Ending::converged);
  Sweeps sweeps(a, options, state);
  const Index interval = detail::poll_interval(a);
  Progress progress;
  progress.n_steps = options.max_iter;
  for (Index k = 1; k <= options.max_iter; ++k) {
    sweeps.forward();
    if (symmetric) sweeps.backward();
    if (state.done() || k % detail::k_refresh == 0) state.refresh();
    if (state.done()) return state.report(k, Ending::converged);
    if (state.lost()) return state.report(k, Ending::diverged);
    if (k % interval == 0) {
      progress.step = k;
      progress.gap = state.norm();
      monitor.poll(progress);
    }
  }
  return state.report(options.max_iter, Ending::max_iter);
}

}  // namespace taut::linsolve
