// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/datafit/datafit.hpp"

namespace taut::datafit {

/// Multinomial loss of class proportions Y (n x K, column-major; one-hot rows for plain classes), in
/// the symmetric form without a reference class (Friedman, Hastie and Tibshirani, J. Stat. Softw.
/// 33, 2010, section 4.1):
///
///   l(Y, eta) = log sum_k e^eta_k - sum_k Y_k eta_k,   P = softmax(eta),   r = Y - P.
///
/// Rows of Y sum to one. Adding a constant to a row of eta changes nothing, so the Hessian
/// diag(P) - P P' is singular along the ones; a penalty, or the solver, picks the representative.
/// For proportions the loss is not zero at its best: no entropy is subtracted.
///
/// O(n K) per call with one exponential per entry; the log-sum-exp takes the row maximum out.
class Multinomial final : public Datafit {
 public:
  Multinomial(Index rows, Index classes, const double* Y, const double* weights)
      : Datafit(rows, classes, weights), Y_(Y) {}

  bool is_shift_invariant() const override { return true; }
  double curvature_bound() const override { return 0.5; }
  double value(const double* eta) const override;
  void residual(const double* eta, double* r) const override;
  double evaluate(const double* eta, double* r) const override;
  /// -sum_i s_i sum_k Q log Q with Q = Y - c R.
  double dual(const double* r, double c) const override;
  void curvature(const double* r, Index k, Index l, double* h) const override;

 private:
  const double* Y_;
};

}  // namespace taut::datafit
