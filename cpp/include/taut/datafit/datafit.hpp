// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <limits>
#include <vector>

#include "taut/core/types.hpp"
#include "taut/linalg/kernels.hpp"

namespace taut::datafit {

/// A smooth convex loss of the linear predictor,
///
///   F(eta) = sum_i s_i l(y_i, eta_i),   s_i >= 0, sum s = 1,
///
/// eta holds `outputs` columns of n values (column-major). All methods work on whole vectors: a
/// virtual call per sample would not be free.
///
/// `residual` is r = -l'(eta) (y - eta, y - p, Y - P), so that the gradient for column z is -z'(s r)
/// and v = c s r, c in [0, 1], is a candidate for the dual.
class Datafit {
 public:
  /// `weights` is viewed, not owned.
  Datafit(Index rows, Index outputs, const double* weights)
      : rows_(rows), outputs_(outputs), weights_(weights) {}
  Datafit(const Datafit&) = delete;
  Datafit& operator=(const Datafit&) = delete;
  virtual ~Datafit() = default;

  Index rows() const { return rows_; }
  Index outputs() const { return outputs_; }
  const double* weights() const { return weights_; }

  /// The largest second derivative of l in any direction; infinite if there is none.
  virtual double curvature_bound() const { return std::numeric_limits<double>::infinity(); }

  /// True if F is quadratic with Hessian diag(s), so that one Gram matrix serves a whole path.
  virtual bool is_quadratic() const { return false; }

  /// True if adding a constant to a row of eta changes nothing (the symmetric multinomial form).
  virtual bool is_shift_invariant() const { return false; }

  virtual double value(const double* eta) const = 0;
  virtual void residual(const double* eta, double* r) const = 0;

  /// Both at once: the residual into r, the value returned.
  virtual double evaluate(const double* eta, double* r) const {
    residual(eta, r);
    return value(eta);
  }

  /// The datafit's part of the dual objective at v = c s r: -F*(-v), taken at residual r.
  /// With offset o the caller subtracts v'o.
  virtual double dual(const double* r, double c) const = 0;

  /// Best c in [0, c_max] for dual(r, c) when it has a closed form, else c_max.
  virtual double best_scale(const double* r, double c_max) const {
    (void)r;
    return c_max;
  }

  /// What curvature() is asked with at the point whose residual is r: r itself, or what its values for
  /// all pairs of outputs are made of, in `store`. Both must outlive the questions.
  virtual const double* curvature_point(const double* r, std::vector<double>& store) const {
    (void)store;
    return r;
  }

  /// h (n) = s_i d2 l / d eta_k d eta_l at a point as curvature_point() gives it.
  virtual void curvature(const double* point, Index k, Index l, double* h) const = 0;
  /// The sum over rows of what curvature() writes; h (n) is scratch.
  virtual double curvature_sum(const double* point, Index k, Index l, double* h) const {
    curvature(point, k, l, h);
    return linalg::sum(h, rows_);
  }

  /// True if the curvature jumps between 0 and s: models made of it may need some more of s.
  virtual bool is_semismooth() const { return false; }

  /// For one output: the constant whose addition to eta minimises F, when there is a direct way to
  /// it; `r` is the residual at eta. False sends the solver to Newton's method.
  virtual bool best_shift(const double* eta, const double* r, double& shift) const {
    (void)eta, (void)r, (void)shift;
    return false;
  }

  /// Magnitude whose rounding the residuals have: slopes below about 1e-16 of it are zero.
  virtual double residual_scale() const { return 1.0; }

  /// What tolerances are relative to at a model whose loss is `value`: the loss itself where its
  /// infimum is (nearly) zero, else what it has more than that.
  virtual double excess(double value) const { return value; }

 private:
  Index rows_;
  Index outputs_;
  const double* weights_;
};

}  // namespace taut::datafit
