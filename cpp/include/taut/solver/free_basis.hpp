// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <vector>

#include "taut/design/design.hpp"
#include "taut/design/replaced.hpp"
#include "taut/penalty/penalty.hpp"

namespace taut::solver {

/// An orthonormal basis of the columns that nothing holds back, neither penalty nor bound, to stand in
/// their place: those of factor 0, or at strength 0 all. It changes no model, but where such columns
/// nearly depend on each other it changes what can be said of one: along a combination of them that is
/// almost zero every slope is small however far the solution is, so neither a descent moves nor a
/// certificate made of slopes notices. In the basis slopes are distances.
///
///   Z_A = Q R,  Q'diag(s) Q = I,  Z_A the free columns (centred when there is an intercept):
///
/// Gram and Schmidt's process, each column taken twice (Giraud, Langou, Rozloznik and van den Eshof,
/// Numer. Math. 101, 2005: twice is enough). A column whose rest is at most 1e-10 of itself depends on
/// those before it: its coefficient is zero.
class FreeBasis {
 public:
  /// For what is free at the penalty's present strength. Null where slopes say enough (less than two
  /// free columns, or nearly orthogonal ones), and where there are too many to store a basis (1000
  /// columns, 25 million entries) or as many as rows.
  static std::unique_ptr<FreeBasis> make(const design::Design& X, const double* weights,
                                         const penalty::Penalty& penalty, bool fit_intercept,
                                         bool standardize);

  /// X with the basis in place of the free columns.
  const design::Design& design() const { return *design_; }

  /// Coefficients (one output) of X as those of design(), and back. The predictor stays the same.
  void to_basis(double* coef, double* intercept) const;
  void from_basis(double* coef, double* intercept) const;

 private:
  FreeBasis() = default;
  bool orthogonalise(const design::Design& X, const double* weights, bool centre);

  std::vector<Index> columns_;
  std::vector<double> mean_, R_, Q_;  ///< R a x a upper triangle, zero rows for dependent columns
  std::unique_ptr<design::Replaced> design_;
};

}  // namespace taut::solver
