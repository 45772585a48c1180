// SPDX-License-Identifier: BSD-3-Clause
#include "taut/bilevel/solve.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "taut/linalg/kernels.hpp"

namespace taut::bilevel {
namespace {

using linalg::axpy;
using linalg::dot;
using Vector = std::vector<double>;

Vector zeros(Index n) { return Vector(static_cast<std::size_t>(n)); }

double norm(const Vector& v) {
  return std::sqrt(dot(v.data(), v.data(), static_cast<Index>(v.size())));
}

/// Conjugate gradients on H p = rhs from p, whose residual is `r` when the function is called.
/// Stops at |r| <= tol, after `budget` products, or when the residual has stopped falling.
class Conjugate {
 public:
  Conjugate(LowerProblem& problem, Monitor& monitor) : problem_(problem), monitor_(monitor) {}

  Ending run(Vector& p, Vector& r, double tol, Index budget, Index& count) {
    const auto n = static_cast<Index>(r.size());
    direction_ = r;
    image_.resize(r.size());
    double rr = dot(r.data(), r.data(), n);
    double best = rr;
    for (Index since = 0; std::sqrt(rr) > tol; ++since) {
      if (budget-- <= 0) return Ending::max_iter;
      problem_.hvp(direction_.data(), image_.data());
      ++count;
      monitor_.poll({});
      const double curvature = dot(direction_.data(), image_.data(), n);
      if (!std::isfinite(curvature)) return Ending::not_finite;
      if (!(curvature > 0.0)) return Ending::stagnated;
      const double step = rr / curvature;
      axpy(step, direction_.data(), p.data(), n);
      axpy(-step, image_.data(), r.data(), n);
      const double next = dot(r.data(), r.data(), n);
      const double ratio = next / rr;
      rr = next;
      if (rr < best) {
        best = rr;
        since = 0;
      }
      if (since > 10 * n + 100) return Ending::stagnated;
      for (Index i = 0; i < n; ++i) {
        direction_[static_cast<std::size_t>(i)] =
            r[static_cast<std::size_t>(i)] + ratio * direction_[static_cast<std::size_t>(i)];
      }
    }
    return Ending::converged;
  }

 private:
  LowerProblem& problem_;
  Monitor& monitor_;
  Vector direction_, image_;
};

/// Residual below which H p = rhs cannot be brought in double precision.
double rounding(double smoothness, const Vector& p, const Vector& rhs) {
  const double scale = std::isfinite(smoothness) ? smoothness * norm(p) : 0.0;
  return 4.0 * std::numeric_limits<double>::epsilon() * (scale + norm(rhs));
}

LowerSolution fista(LowerProblem& problem, const double* x0, double tol, Index max_iter,
                    Monitor& monitor) {
  const Index n = problem.n_x();
  LowerSolution out;
  out.x.assign(x0, x0 + n);
  Vector& y = out.x;
  Vector x = y, grad = zeros(n);
  const double step = 1.0 / problem.smoothness();
  const double q = std::min(1.0, problem.mu() * step);
  double t = 0.0;
  for (;;) {
    problem.evaluate(y.data(), grad.data());
    ++out.n_grad;
    monitor.poll({});
    out.grad_norm = norm(grad);
    out.ending = Ending::converged;
    if (out.grad_norm <= tol) return out;
    out.ending = Ending::not_finite;
    if (!std::isfinite(out.grad_norm)) return out;
    out.ending = Ending::max_iter;
    if (out.n_grad >= max_iter) return out;
    const double s = 1.0 - q * t * t;
    const double next = 0.5 * (s + std::sqrt(s * s + 4.0 * t * t));
    // q = 1: one step is the minimiser of a quadratic, and momentum is 0 / 0.
    const double momentum = q < 1.0 ? (t - 1.0) * (1.0 - next * q) / (next * (1.0 - q)) : 0.0;
    t = next;
    for (std::size_t i = 0; i < y.size(); ++i) {
      const double moved = y[i] - step * grad[i];
      y[i] = moved + momentum * (moved - x[i]);
      x[i] = moved;
    }
  }
}

LowerSolution newton(LowerProblem& problem, const double* x0, double tol, Index max_iter,
                     Monitor& monitor) {
  const Index n = problem.n_x();
  LowerSolution out;
  out.x.assign(x0, x0 + n);
  Vector grad = zeros(n), step = zeros(n), residual = zeros(n), trial = zeros(n),
         trial_grad = zeros(n);
  Conjugate conjugate(problem, monitor);
  double value = problem.evaluate(out.x.data(), grad.data());
  out.n_grad = 1;
  out.grad_norm = norm(grad);
  const double first = out.grad_norm;
  while (out.grad_norm > tol) {
    out.ending = Ending::not_finite;
    if (!std::isfinite(out.grad_norm) || !std::isfinite(value)) return out;
    out.ending = Ending::max_iter;
    if (out.n_grad + out.n_hvp >= max_iter) return out;
    std::fill(step.begin(), step.end(), 0.0);
    for (std::size_t i = 0; i < grad.size(); ++i) residual[i] = -grad[i];
    // Superlinear, but no more than the goal needs (Eisenstat and Walker 1996, choice 2 in spirit).
    const double forcing = std::min(0.3, std::sqrt(out.grad_norm / (first > 0.0 ? first : 1.0)));
    const double goal = std::max(0.5 * tol, 0.3 * forcing * out.grad_norm);
    const Ending inner =
        conjugate.run(step, residual, goal, max_iter - out.n_grad - out.n_hvp, out.n_hvp);
    out.ending = Ending::not_finite;
    if (inner == Ending::not_finite) return out;
    const double slope = dot(grad.data(), step.data(), n);
    if (!(slope < 0.0)) {
      out.ending = Ending::stagnated;
      return out;
    }
    // Values differ by rounding alone near the minimiser: there the gradient decides.
    const double noise = 1e-13 * std::abs(value);
    double length = 1.0;
    bool moved = false;
    for (int halving = 0; halving < 40 && !moved; ++halving, length *= 0.5) {
      for (std::size_t i = 0; i < step.size(); ++i) trial[i] = out.x[i] + length * step[i];
      const double reached = problem.evaluate(trial.data(), trial_grad.data());
      ++out.n_grad;
      monitor.poll({});
      const double trial_norm = norm(trial_grad);
      moved = reached <= value + 1e-4 * length * slope ||
              (reached <= value + noise && trial_norm < out.grad_norm);
      if (moved) {
        out.x.swap(trial);
        grad.swap(trial_grad);
        value = reached;
        out.grad_norm = trial_norm;
      }
    }
    if (!moved) {
      // Leaves the problem at the point that is returned.
      problem.evaluate(out.x.data(), grad.data());
      ++out.n_grad;
      out.ending = Ending::stagnated;
      return out;
    }
  }
  out.ending = Ending::converged;
  return out;
}

}  // namespace

LowerSolution solve_lower(LowerProblem& problem, const double* x0, Method method, double tol,
                          Index max_iter, Monitor& monitor) {
  if (method == Method::fista) return fista(problem, x0, tol, max_iter, monitor);
  if (method == Method::automatic) {
    Vector x = zeros(problem.n_x());
    if (problem.solve_directly(x.data())) {
      Vector grad = zeros(problem.n_x());
      problem.evaluate(x.data(), grad.data());
      LowerSolution out;
      out.grad_norm = norm(grad);
      out.x = std::move(x);
      out.n_grad = 1;
      // What a factorisation leaves is as good as doubles allow.
      out.ending = std::isfinite(out.grad_norm) ? Ending::converged : Ending::not_finite;
      return out;
    }
  }
  return newton(problem, x0, tol, max_iter, monitor);
}

Adjoint solve_adjoint(LowerProblem& problem, const double* rhs, const double* q0, Method method,
                      double tol, Index max_iter, Monitor& monitor) {
  const Index n = problem.n_x();
  Adjoint out;
  out.q.assign(q0, q0 + n);
  const Vector b(rhs, rhs + n);
  Vector residual = zeros(n), image = zeros(n);
  const auto measure = [&] {
    problem.hvp(out.q.data(), image.data());
    ++out.n_hvp;
    for (std::size_t i = 0; i < b.size(); ++i) residual[i] = b[i] - image[i];
    out.residual = norm(residual);
  };
  if (method == Method::automatic && problem.invert_directly(rhs, out.q.data())) {
    measure();
    return out;
  }
  measure();
  // A start worse than zero is not used: it would cost products for nothing.
  const double size = norm(b);
  if (!(out.residual <= size)) {
    std::fill(out.q.begin(), out.q.end(), 0.0);
    residual = b;
    out.residual = size;
  }
  Conjugate conjugate(problem, monitor);
  double before = std::numeric_limits<double>::infinity();
  while (out.residual > tol) {
    // The residual that conjugate gradients carry drifts from the true one: run again from there.
    if (out.residual <= rounding(problem.smoothness(), out.q, b) ||
        !(out.residual < 0.5 * before)) {
      out.ending = Ending::stagnated;
      return out;
    }
    before = out.residual;
    out.ending = conjugate.run(out.q, residual, tol, max_iter - out.n_hvp, out.n_hvp);
    measure();
    if (out.ending != Ending::converged && out.residual > tol) return out;
  }
  out.ending = std::isfinite(out.residual) ? Ending::converged : Ending::not_finite;
  return out;
}

}  // namespace taut::bilevel
