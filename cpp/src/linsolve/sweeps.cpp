// SPDX-License-Identifier: BSD-3-Clause
#include "sweeps.hpp"

namespace taut::linsolve::detail {
namespace {

int exponent(double v) {
  int power = 0;
  std::frexp(v, &power);
  return power;
}

bool safe(double v) { return v >= 1e-100 && v <= 1e100; }

}  // namespace

State::State(const SplitView& a, const double* b, const Options& options, double* x)
    : a_(a),
      b_(b),
      x_(x),
      start_(a.n),
      r_(a.n),
      schedule_(a, effective_threads(options.n_threads)) {
  std::copy_n(x, a.n, start_.data());
  const double most_b = largest(b, a.n);
  refresh();
  if (!(safe(norm_) || norm_ == 0.0) || (norm_ == 0.0 && most_b > 0.0)) {
    set_unit(exponent(std::max(most_b, largest(x, a.n))));
    refresh();
    const double most = largest(r_.data(), a.n);
    if (most > 0.0 && std::isfinite(most)) {
      set_unit(power_ + exponent(most));
      refresh();
    }
  }
  double reference = norm_;
  if (options.reference == Reference::rhs) {
    const int power_b = most_b > 0.0 ? exponent(most_b) : 0;
    double sum = 0.0;
    for (Index i = 0; i < a.n; ++i) {
      const double v = std::ldexp(b[i], -power_b);
      sum += v * v;
    }
    reference = std::ldexp(std::sqrt(sum), power_b - power_);
  }
  target_ = std::max(options.rtol * reference, std::ldexp(options.atol, -power_));
}

void State::set_unit(int power) {
  power_ = std::clamp(power, -1000, 1000);
  unit_ = std::ldexp(1.0, power_);
  inverse_unit_ = std::ldexp(1.0, -power_);
}

void State::refresh() {
  const double u = inverse_unit_;
  set_norm_squared(schedule_.sum([&](Index begin, Index end) {
    double sum = 0.0;
    for (Index i = begin; i < end; ++i) {
      double s = b_[i] * u - a_.diag[i] * (x_[i] * u);
      for (const TriangleView* t : {&a_.lower, &a_.upper}) {
        for (std::int32_t k = t->ptr[i]; k < t->ptr[i + 1]; ++k) {
          s -= t->val[k] * (x_[t->idx[k]] * u);
        }
      }
      r_[i] = s;
      sum += s * s;
    }
    return sum;
  }));
}

Report State::report(Index n_iter, Ending ending) {
  if (ending != Ending::converged) refresh();
  if (!std::isfinite(norm_)) {
    std::copy_n(start_.data(), a_.n, x_);
    refresh();
    if (ending == Ending::max_iter) ending = Ending::diverged;
  }
  return {n_iter, std::ldexp(norm_, power_), ending};
}

}  // namespace taut::linsolve::detail
