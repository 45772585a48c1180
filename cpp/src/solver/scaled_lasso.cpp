// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/scaled_lasso.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "taut/linalg/kernels.hpp"

namespace taut::solver {
namespace {

/// Least squares is solved to this share of the gap that the root may have.
constexpr double k_inner_share = 0.2;
constexpr Index k_most_solves = 200;
/// As many steps in a row may leave more than half of log(y / x).
constexpr Index k_most_creeping = 3;
/// Where the bracket ends at zero it is cut to this share.
constexpr double k_plunge = 1e-3;

/// Lends the penalty another strength for a while.
class Strength {
 public:
  explicit Strength(penalty::Penalty& penalty) : penalty_(penalty), alpha_(penalty.alpha()) {}
  Strength(const Strength&) = delete;
  Strength& operator=(const Strength&) = delete;
  ~Strength() { penalty_.set_alpha(alpha_); }

 private:
  penalty::Penalty& penalty_;
  double alpha_;
};

}  // namespace

ScaledLasso::ScaledLasso(const Problem& problem, penalty::Penalty& penalty, const Make& make)
    : problem_(problem),
      penalty_(penalty),
      root_(static_cast<const datafit::SqrtQuadratic&>(problem.datafit)),
      squares_(problem.rows(), 1, root_.y(), root_.weights()),
      least_squares_{problem.Z, squares_, problem.penalty, nullptr, false, problem.n_threads},
      inner_(make(least_squares_)) {
  TAUT_ASSERT(!problem.offset && !problem.fit_intercept);
}

void ScaledLasso::add(const Index* features, Index count) {
  features_.insert(features_.end(), features, features + count);
  inner_->add(features, count);
}

InnerReport ScaledLasso::solve(Iterate& at, double target, Index max_iter, Monitor& monitor) {
  InnerReport report;
  const Index n = problem_.rows(), m = static_cast<Index>(features_.size());
  const double alpha = penalty_.alpha();
  grad_.resize(static_cast<std::size_t>(m * problem_.outputs()));

  // In squares: x = sigma^2 is looked for with y(x) = ||y - eta||^2 = x. Since y rises and y / x falls,
  // the fixed point lies between x and y(x) and on their side of every x: a bracket that only shrinks.
  const double least = root_.sigma_min() * root_.sigma_min();
  const double most =
      std::max(linalg::weighted_dot(root_.weights(), root_.y(), root_.y(), n), least);
  double low = least, high = most;
  double x_before = -1.0, y_before = 0.0, off_before = std::numeric_limits<double>::infinity();
  double x = std::max(std::pow(root_.norm(at.eta.data()), 2), least);
  if (alpha_ > 0.0 && stiffness_ > 0.0) {
    // What it becomes if no sign changes: a / (1 - alpha^2 q), a known from the strength before.
    const double constant = 1.0 - alpha_ * alpha_ * stiffness_;
    const double share = 1.0 - alpha * alpha * stiffness_;
    if (share > 0.0 && constant > 0.0) x *= std::clamp(constant / share, 0.25, 4.0);
    x = std::max(x, least);
  }
  alpha_ = alpha;
  Index solves = 0, creeping = 0;
  while (true) {
    const double sigma = std::sqrt(x);
    InnerReport inner;
    {
      const Strength strength(penalty_);
      penalty_.set_alpha(alpha * sigma);
      squares_.residual(at.eta.data(), at.residual.data());
      inner = inner_->solve(at, k_inner_share * target * sigma, max_iter, monitor);
    }
    report.iterations += std::max<Index>(inner.iterations, 1);
    if (inner.grad) {
      std::copy_n(inner.grad, grad_.size(), grad_.data());
    } else {
      gradients(least_squares_, at, features_.data(), m, grad_.data());
    }
    const double y = std::pow(root_.norm(at.eta.data()), 2);
    const double now = root_.sigma(at.eta.data());
    const double inverse = now > 0.0 ? 1.0 / now : 0.0;
    for (double& g : grad_) g *= inverse;
    for (Index i = 0; i < n; ++i) at.residual[static_cast<std::size_t>(i)] *= inverse;
    const double value = root_.value(at.eta.data());
    report.grad = grad_.data();
    report.value = value;
    report.gap = duality_gap(problem_, at, features_.data(), m, grad_.data(),
                             value + penalty_value(problem_, at, features_.data(), m));
    report.converged = report.gap <= target;
    ++solves;
    if (report.converged || m == 0 || report.iterations >= max_iter) return report;

    if (y <= x && x <= least) return report;  // the floor holds: sigma goes no lower
    const double off = std::abs(std::log(y / x));
    if (y > x) {
      low = std::min(y, high);
    } else {
      high = std::max(y, low);
    }
    double slope = stiffness_ * alpha * alpha;
    if (x_before >= 0.0 && x != x_before) {
      slope = (y - y_before) / (x - x_before);
      if (alpha > 0.0) stiffness_ = std::clamp(slope, 0.0, 1.0) / (alpha * alpha);
    }
    x_before = x;
    y_before = y;
    // The end of this piece, without a slope the step of Sun and Zhang. Where the fit interpolates the
    // slope is one or more and both creep, the former out of the bracket: then its middle on the scale
    // of logarithms.
    double next = slope > 0.0 && slope < 1.0 ? (y - slope * x) / (1.0 - slope) : y;
    creeping = off > 0.5 * off_before ? creeping + 1 : 0;
    off_before = off;
    if (!(next >= low && next <= high) || slope >= 1.0 || creeping >= k_most_creeping) {
      next = low > 0.0 ? std::sqrt(low) * std::sqrt(high) : k_plunge * high;
      creeping = 0;
    }
    // The floor itself is far where it is there for rounding alone, and dear: by steps.
    if (low <= least) next = std::max({next, least, k_plunge * high});
    if (std::abs(next - x) <= 4.0 * std::numeric_limits<double>::epsilon() * x) return report;
    if (solves >= k_most_solves) return report;
    x = next;
  }
}

}  // namespace taut::solver
