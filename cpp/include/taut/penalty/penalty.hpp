// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/core/types.hpp"

namespace taut::penalty {

/// alpha_max of a penalty that is (nearly) all ridge is infinite; like glmnet we let it end here.
inline constexpr double k_least_l1_ratio = 1e-3;

/// One coordinate of a separable penalty that is linear-quadratic on each side of zero:
///
///   pen(u) = l1 |u| + l2 u^2 / 2   for lower <= u <= upper,   lower <= 0 <= upper.
struct Piece {
  double l1 = 0.0;
  double l2 = 0.0;
  double lower = 0.0;
  double upper = 0.0;
};

/// A penalty alpha * Omega(B) that separates over features: feature j owns the row B_j of
/// `outputs` coefficients (one for a single response). Gradients `g` below are those of the datafit
/// with respect to that row; every method takes pointers to such rows.
///
/// A new penalty is one class with these methods; solvers know nothing else of it.
class Penalty {
 public:
  explicit Penalty(Index outputs) : outputs_(outputs) {}
  Penalty(const Penalty&) = delete;
  Penalty& operator=(const Penalty&) = delete;
  virtual ~Penalty() = default;

  Index outputs() const { return outputs_; }
  double alpha() const { return alpha_; }
  void set_alpha(double alpha) { alpha_ = alpha; }

  /// Says that rows handed over from now on are scale_j times the coefficients that the caller's
  /// rules speak of. The strength acts on the rows as they come; bounds are converted.
  virtual void set_scale(const std::vector<double>& scale) { (void)scale; }

  /// Value of alpha * Omega at row j.
  virtual double value(const double* b, Index j) const = 0;

  /// In place: argmin_u ||u - b||^2 / 2 + step * pen_j(u).
  virtual void prox(double* b, double step, Index j) const = 0;

  /// Distance from -g to the subdifferential of pen_j at b.
  virtual double subdiff_distance(const double* b, const double* g, Index j) const = 0;

  /// A zero row stays zero while pull(g, j) <= threshold(j). pull is homogeneous of degree one in g
  /// and at most the Euclidean norm of g, which is what screening bounds rest on.
  virtual double pull(const double* g, Index j) const = 0;
  /// Proportional to alpha; infinite for a feature that never enters.
  virtual double threshold(Index j) const = 0;

  /// Smallest alpha at which a zero row with gradient g stays zero; alpha_max is the largest of
  /// these over the features. 0 for features that are free or excluded.
  virtual double entry_alpha(const double* g, Index j) const = 0;

  /// sup_u -g'u - pen_j(u): the penalty's part of the dual objective, +inf where unbounded.
  virtual double conjugate(const double* g, Index j) const = 0;
  /// Largest c in [0, 1] with conjugate(c g, j) finite.
  virtual double feasible_scale(const double* g, Index j) const = 0;

  /// True for a feature that no alpha keeps out: it is in every model, the null model too.
  virtual bool is_free(Index j) const = 0;
  /// Size of the gradient of coordinate k of the row where nothing opposes it, neither penalty nor
  /// bound: zero at a solution. Such a direction has no finite conjugate; conjugate() and
  /// feasible_scale() leave it out.
  virtual double unopposed(const double* g, Index k, Index j) const = 0;
  /// True for a feature that must stay at zero.
  virtual bool is_excluded(Index j) const = 0;

  /// Fills `piece` if row j is `outputs` equal coordinates of that form: the fast route of the Gram
  /// kernel. False sends the solver to prox().
  virtual bool as_piece(Index j, Piece& piece) const = 0;

 private:
  Index outputs_;
  double alpha_ = 0.0;
};

/// What a caller says of the features; empty vectors mean 1, -inf, +inf everywhere.
struct FeatureRules {
  std::vector<double> factor;  ///< penalty factors >= 0; 0 unpenalised, inf excluded
  std::vector<double> lower;   ///< <= 0
  std::vector<double> upper;   ///< >= 0
};

}  // namespace taut::penalty
