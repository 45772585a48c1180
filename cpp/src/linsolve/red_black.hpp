// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "sweeps.hpp"

namespace taut::linsolve::detail {

/// Vectors of a system in two colours, in a unit (a power of two) in which b and D x are near one.
class TwoColors {
 public:
  TwoColors(Index n, const double* b, const double* x, double largest_diag, Index n_red,
            Index n_black)
      : red(n_red, 0.0),
        next(n_red, 0.0),
        black(n_black, 0.0),
        b_red(n_red, 0.0),
        b_black(n_black, 0.0) {
    const double most = std::max(largest(b, n), largest_diag * largest(x, n));
    if (most > 0.0 && std::isfinite(most)) std::frexp(most, &power_);
    power_ = std::clamp(power_, -1000, 1000);
  }

  int power() const { return power_; }
  double unit() const { return std::ldexp(1.0, power_); }
  double inverse_unit() const { return std::ldexp(1.0, -power_); }
  double rhs_norm() const {
    double sum = 0.0;
    for (const double v : b_red) sum += v * v;
    for (const double v : b_black) sum += v * v;
    return std::sqrt(sum);
  }

  /// Red values have two buffers: the residual of red rows after a sweep is what the next one begins
  /// with, and by the time it is known they have been relaxed.
  Buffer<double> red, next, black, b_red, b_black;

 private:
  int power_ = 0;
};

/// SOR in two colours. relax(is_red, gain, own, other, out) writes own + gain * residual / diagonal
/// of all rows of a colour to `out` and returns the sum of their squared residuals. The residual of
/// red rows after a sweep comes with the next one, that of black rows is (1 - omega) times what they
/// were corrected by: nothing is computed for it. join(x) hands the result over.
template <class Relax, class Join>
Report red_black(TwoColors& v, const Options& options, Index interval, Monitor& monitor,
                 Relax&& relax, Join&& join) {
  const double omega = options.omega;
  const auto relax_red = [&] { return relax(true, omega, v.red, v.black, v.next); };
  const auto black_residual = [&] { return relax(false, 0.0, v.black, v.red, v.black); };
  double of_red = relax_red();
  double norm = std::sqrt(of_red + black_residual());
  const double first = norm;
  const double reference = options.reference == Reference::start ? norm : v.rhs_norm();
  const double target = std::max(options.rtol * reference, std::ldexp(options.atol, -v.power()));
  Report report;
  if (norm <= target) report.ending = Ending::converged;
  Progress progress;
  progress.n_steps = options.max_iter;
  while (report.ending == Ending::max_iter && report.n_iter < options.max_iter) {
    const double of_black =
        (1.0 - omega) * (1.0 - omega) * relax(false, omega, v.black, v.next, v.black);
    v.red.swap(v.next);
    of_red = relax_red();
    norm = std::sqrt(of_red + of_black);
    ++report.n_iter;
    if (norm <= target) norm = std::sqrt(of_red + black_residual());
    if (norm <= target) report.ending = Ending::converged;
    if (!(norm <= k_blow_up)) report.ending = Ending::diverged;
    if (report.n_iter % interval == 0) {
      progress.step = report.n_iter;
      progress.gap = norm;
      monitor.poll(progress);
    }
  }
  norm = std::sqrt(of_red + black_residual());
  if (std::isfinite(norm)) {
    join();
  } else {
    norm = first;
    report.ending = Ending::diverged;
  }
  report.residual_norm = std::ldexp(norm, v.power());
  return report;
}

}  // namespace taut::linsolve::detail
