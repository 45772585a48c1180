// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/plain_least_squares.hpp"

#include <algorithm>
#include <cmath>

#include "taut/datafit/quadratic.hpp"
#include "taut/linalg/kernels.hpp"

namespace taut::solver {
namespace {

/// Share of ||y|| below which a root-mean-square residual counts as none.
constexpr double k_interpolated = 1e-7;
/// The reduction keeps a root-mean-square loss while that much of ||y||^2 cannot be fitted.
constexpr double k_least_rest = 1e-6;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

bool PlainLeastSquares::serves(const datafit::Datafit& datafit) {
  return datafit.is_quadratic() || dynamic_cast<const datafit::SqrtQuadratic*>(&datafit);
}

PlainLeastSquares::PlainLeastSquares(const Problem& full, const std::vector<double>& eta,
                                     const std::vector<double>& grad, bool may_reduce,
                                     Monitor& monitor)
    : target_(eta.size()), root_(dynamic_cast<const datafit::SqrtQuadratic*>(&full.datafit)) {
  const design::Standardized& Z = full.Z;
  const Index K = full.outputs();
  const double sigma = root_ ? root_->sigma(eta.data()) : 1.0;
  full.datafit.residual(eta.data(), target_.data());
  for (double& r : target_) r *= sigma;
  may_reduce = may_reduce && Reduction::pays(Z);
  if (may_reduce) {
    std::vector<double> slopes(grad);
    for (double& g : slopes) g *= sigma;
    reduction_.emplace(Z, K, target_.data(), slopes.data(), full.n_threads, monitor);
    if (root_) {
      may_reduce =
          keep_rest(linalg::weighted_dot(Z.weights(), target_.data(), target_.data(), Z.rows()));
    }
  }
  if (may_reduce) {
    const Index p = Z.cols(), rows = static_cast<Index>(reduction_->weights.size());
    X_.emplace(DenseView<double>{reduction_->R.data(), rows, p, rows});
    Z_.emplace(*X_, reduction_->weights.data(), false, false, nullptr, 1);
    make_datafit(rows, K, reduction_->t.data(), reduction_->weights.data());
  } else {
    reduction_.reset();
    make_datafit(Z.rows(), K, target_.data(), Z.weights());
  }
  problem_.emplace(Problem{Z_ ? *Z_ : Z, *fit_, full.penalty, nullptr, false, full.n_threads});
}

void PlainLeastSquares::make_datafit(Index rows, Index outputs, const double* y,
                                     const double* weights) {
  if (!root_) {
    fit_ = std::make_unique<datafit::Quadratic>(rows, outputs, y, weights);
    return;
  }
  // Below the floor a fit interpolates: the smoothed problem is solved in place of the root's.
  const double size = std::sqrt(linalg::weighted_dot(weights, y, y, rows));
  const double floor = std::max(root_->sigma_min(), k_interpolated * size);
  fit_ = std::make_unique<datafit::SqrtQuadratic>(rows, y, floor, weights);
}

/// Under a root the rest is no constant: one more row holds it. False if there is (nearly) none, of
/// which the reduction has lost the digits.
bool PlainLeastSquares::keep_rest(double total) {
  Reduction& r = *reduction_;
  if (!(r.rest > k_least_rest * total)) return false;
  const Index p = static_cast<Index>(r.t.size());
  const double scale = std::sqrt(static_cast<double>(p + 1) / static_cast<double>(p));
  std::vector<double> R(at_((p + 1) * p), 0.0);
  for (Index j = 0; j < p; ++j) {
    for (Index i = 0; i <= j; ++i) R[at_(j * (p + 1) + i)] = scale * r.R[at_(j * p + i)];
  }
  r.R.swap(R);
  for (double& x : r.t) x *= scale;
  r.t.push_back(std::sqrt(static_cast<double>(p + 1) * r.rest));
  r.weights.assign(at_(p + 1), 1.0 / static_cast<double>(p + 1));
  return true;
}

std::optional<PlainLeastSquares::Root> PlainLeastSquares::root(const Iterate& at) const {
  if (!root_) return std::nullopt;
  const auto& fit = static_cast<const datafit::SqrtQuadratic&>(*fit_);
  Root out;
  out.norm = fit.norm(at.eta.data());
  out.sigma = std::max(root_->sigma_min(), out.norm);
  if (out.norm >= fit.sigma_min()) return out;
  // At any point the smoothed loss is above the full one by `loss_excess`; its dual value is above by
  // at most half of the difference of the floors.
  const double low = root_->sigma_min();
  const double loss = out.norm >= low ? out.norm : 0.5 * (out.norm * (out.norm / low) + low);
  out.loss_excess = fit.value(at.eta.data()) - loss;
  out.gap_shortage = std::max(0.0, 0.5 * (fit.sigma_min() - low) - out.loss_excess);
  return out;
}

}  // namespace taut::solver
