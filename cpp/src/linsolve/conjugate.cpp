// SPDX-License-Identifier: BSD-3-Clause
#include "sweeps.hpp"

namespace taut::linsolve {
namespace {

using detail::State;
using detail::subtract_row;

/// A claim of convergence is tested on the residual computed from x; where rounding has led the
/// recurrence astray the iteration starts again from x, as long as that helps.
class Claims {
 public:
  /// True to go on from x.
  bool refuted(const State& state) {
    const bool helps = state.norm() < 0.5 * last_;
    last_ = state.norm();
    return helps;
  }

 private:
  double last_ = std::numeric_limits<double>::infinity();
};

class Poll {
 public:
  Poll(const SplitView& a, const Options& options, Monitor& monitor)
      : interval_(detail::poll_interval(a)), monitor_(monitor) {
    progress_.n_steps = options.max_iter;
  }
  void operator()(Index k, double norm) {
    if (k % interval_ != 0) return;
    progress_.step = k;
    progress_.gap = norm;
    monitor_.poll(progress_);
  }

 private:
  Index interval_;
  Monitor& monitor_;
  Progress progress_;
};

}  // namespace

Report ssor_cg(const SplitView& a, const double* b, const Options& options, double* x,
               Monitor& monitor) {
  State state(a, b, options, x);
  if (state.done()) return state.report(0, Ending::converged);
  const Index n = a.n;
  const double omega = options.omega;
  const double kc = 2.0 / omega - 1.0;  // c = kc D is what Lo + Up exceed A by
  const double kq = 1.0 - 1.0 / omega;
  const double unit = state.unit();
  detail::Schedule& schedule = state.schedule();
  double* r = state.r();
  const double* d = a.diag;
  // h = Lo^{-1} r is the preconditioned residual, t and y the two halves of the step, q = A t.
  Buffer<double> step(n), h(n), p(n), t(n), y(n), q(n);
  for (Index i = 0; i < n; ++i) step[i] = omega / d[i];
  double rho = 0.0;
  const auto begin_anew = [&] {
    schedule.ascend([&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) h[i] = step[i] * subtract_row(a.lower, i, h.data(), r[i]);
    });
    rho = schedule.sum([&](Index begin, Index end) {
      double sum = 0.0;
      for (Index i = begin; i < end; ++i) {
        p[i] = 0.0;
        sum += kc * d[i] * h[i] * h[i];
      }
      return sum;
    });
  };
  begin_anew();
  double beta = 0.0;
  Claims claims;
  Poll poll(a, options, monitor);
  for (Index k = 1; k <= options.max_iter; ++k) {
    schedule.descend([&](Index begin, Index end) {
      for (Index i = end; i-- > begin;) {
        p[i] = kc * d[i] * h[i] + beta * p[i];
        t[i] = step[i] * subtract_row(a.upper, i, t.data(), p[i]);
      }
    });
    schedule.ascend([&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        double s = p[i] - kc * d[i] * t[i];
        double image = p[i] + kq * d[i] * t[i];
        const std::int32_t last = a.lower.ptr[i + 1];
        for (std::int32_t e = a.lower.ptr[i]; e < last; ++e) {
          const double v = a.lower.val[e];
          const std::int32_t j = a.lower.idx[e];
          image += v * t[j];
          s -= v * y[j];
        }
        y[i] = step[i] * s;
        q[i] = image;
      }
    });
    const double curvature = schedule.sum([&](Index begin, Index end) {
      double sum = 0.0;
      for (Index i = begin; i < end; ++i) sum += p[i] * (t[i] + y[i]);
      return sum;
    });
    if (!(curvature > 0.0) || !std::isfinite(rho / curvature)) {
      return state.report(k - 1, Ending::indefinite);
    }
    const double length = rho / curvature;
    const auto [squared, next] = schedule.sums([&](Index begin, Index end) {
      double residual = 0.0, preconditioned = 0.0;
      for (Index i = begin; i < end; ++i) {
        x[i] += unit * (length * t[i]);
        h[i] -= length * (t[i] + y[i]);
        r[i] -= length * q[i];
        residual += r[i] * r[i];
        preconditioned += kc * d[i] * h[i] * h[i];
      }
      return std::pair<double, double>{residual, preconditioned};
    });
    state.set_norm_squared(squared);
    beta = next / rho;
    rho = next;
    if (state.done()) {
      state.refresh();
      if (state.done()) return state.report(k, Ending::converged);
      if (!claims.refuted(state)) return state.report(k, Ending::stagnated);
      begin_anew();
      beta = 0.0;
    }
    if (state.lost()) return state.report(k, Ending::diverged);
    poll(k, state.norm());
  }
  return state.report(options.max_iter, Ending::max_iter);
}

Report cg(const SplitView& a, const double* b, const Options& options, double* x,
          Monitor& monitor) {
  State state(a, b, options, x);
  if (state.done()) return state.report(0, Ending::converged);
  const double unit = state.unit();
  detail::Schedule& schedule = state.schedule();
  double* r = state.r();
  Buffer<double> p(a.n, 0.0), q(a.n);
  double rho = state.norm() * state.norm(), beta = 0.0;
  Claims claims;
  Poll poll(a, options, monitor);
  for (Index k = 1; k <= options.max_iter; ++k) {
    schedule.anywhere([&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) p[i] = r[i] + beta * p[i];
    });
    const double curvature = schedule.sum([&](Index begin, Index end) {
      double sum = 0.0;
      for (Index i = begin; i < end; ++i) {
        const double off =
            subtract_row(a.lower, i, p.data(), subtract_row(a.upper, i, p.data(), 0));
        q[i] = a.diag[i] * p[i] - off;
        sum += p[i] * q[i];
      }
      return sum;
    });
    if (!(curvature > 0.0) || !std::isfinite(rho / curvature)) {
      return state.report(k - 1, Ending::indefinite);
    }
    const double length = rho / curvature;
    const double next = schedule.sum([&](Index begin, Index end) {
      double sum = 0.0;
      for (Index i = begin; i < end; ++i) {
        x[i] += unit * (length * p[i]);
        r[i] -= length * q[i];
        sum += r[i] * r[i];
      }
      return sum;
    });
    state.set_norm_squared(next);
    beta = next / rho;
    rho = next;
    if (state.done()) {
      state.refresh();
      if (state.done()) return state.report(k, Ending::converged);
      if (!claims.refuted(state)) return state.report(k, Ending::stagnated);
      rho = state.norm() * state.norm();
      beta = 0.0;
    }
    if (state.lost()) return state.report(k, Ending::diverged);
    poll(k, state.norm());
  }
  return state.report(options.max_iter, Ending::max_iter);
}

void ssor_apply(const SplitView& a, double omega, const double* v, double* out) {
  const double scale = 2.0 / omega - 1.0;
  Buffer<double> y(a.n);
  for (Index i = 0; i < a.n; ++i) {
    y[i] = omega / a.diag[i] * subtract_row(a.lower, i, y.data(), v[i]);
  }
  for (Index i = a.n; i-- > 0;) {
    out[i] = omega / a.diag[i] * subtract_row(a.upper, i, out, scale * a.diag[i] * y[i]);
  }
}

}  // namespace taut::linsolve
