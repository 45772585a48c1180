// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/datafit/datafit.hpp"
#include "taut/design/standardized.hpp"
#include "taut/penalty/penalty.hpp"

namespace taut::solver {

/// What is minimised, over B (p x K) and b0 (K):
///
///   F( offset + b0 + Z B ) + penalty(B).
///
/// Views only; the owner outlives the solver.
struct Problem {
  const design::Standardized& Z;
  const datafit::Datafit& datafit;
  const penalty::Penalty& penalty;
  const double* offset = nullptr;  ///< n x K, column-major, or null
  bool fit_intercept = true;       ///< an unpenalised intercept; Z is then centred
  int n_threads = 1;

  Index rows() const { return Z.rows(); }
  Index cols() const { return Z.cols(); }
  Index outputs() const { return datafit.outputs(); }
  /// Blocks that the penalty acts on.
  Index blocks() const { return penalty.blocks().count(cols()); }
};

/// Where a solver stands. eta and residual always belong to coef and intercept.
struct Iterate {
  std::vector<double> coef;       ///< p x K, row of feature j at coef[j * K]; scale of Z
  std::vector<double> intercept;  ///< K
  std::vector<double> eta;        ///< n x K, column-major
  std::vector<double> residual;   ///< n x K, -l'(eta)

  /// The zero model: no coefficients, no intercept; eta is the offset.
  static Iterate zero(const Problem& problem);
};

/// Calls visit(block, first feature of the block, its place in the list) for every block of a list of
/// features (null: 0 .. count-1). Lists hold whole blocks, the features of one in their order: what
/// belongs to a block is contiguous wherever there are K numbers per feature.
template <class Visit>
void for_each_block(const Problem& problem, const Index* features, Index count, Visit&& visit) {
  const penalty::Blocks& blocks = problem.penalty.blocks();
  if (blocks.single()) {
    for (Index c = 0; c < count; ++c)
      visit(features ? features[c] : c, features ? features[c] : c, c);
    return;
  }
  for (Index c = 0; c < count;) {
    const Index first = features ? features[c] : c;
    const Index block = blocks.of(first);
    visit(block, first, c);
    c += blocks.size(block);
  }
}

/// eta = offset + intercept + Z coef and the residual, from scratch, given that coefficients outside
/// of the listed features (null: 0 .. count-1) are zero. O(nnz of the active columns).
void refresh(const Problem& problem, Iterate& at, const Index* features, Index count);

/// out[c * K + k] = -z_j'(s r_k): gradients of the datafit for the listed features (all when null).
void gradients(const Problem& problem, const Iterate& at, const Index* features, Index count,
               double* out);

/// The penalty at the iterate, coefficients outside of the listed features being zero.
double penalty_value(const Problem& problem, const Iterate& at, const Index* features, Index count);

/// Largest distance of a block's -gradient from the subdifferential of the penalty, over the listed
/// features; `grad` holds their gradients as `gradients` gives them.
double subdiff_distance(const Problem& problem, const Iterate& at, const Index* features,
                        Index count, const double* grad);

/// F + penalty at the iterate, coefficients outside of the listed features being zero.
double objective(const Problem& problem, const Iterate& at, const Index* features, Index count);

/// Primal minus dual objective, the dual point being the residual scaled until it is feasible for
/// the listed features; `grad` holds their gradients as `gradients` gives them. It bounds the
/// suboptimality of the problem restricted to these features (and of the whole problem, when all
/// others are known to obey their threshold), provided the intercept's gradient is zero. Slopes
/// that nothing opposes (no penalty, no bound) have no dual: they count as slope times the distance
/// that they may still have to go.
double duality_gap(const Problem& problem, const Iterate& at, const Index* features, Index count,
                   const double* grad);

/// The same for a caller who knows the objective at the iterate: no pass over eta.
double duality_gap(const Problem& problem, const Iterate& at, const Index* features, Index count,
                   const double* grad, double primal);

/// The same from what a solver has at hand: the residual, and the rows of coefficients and gradients
/// in the order of the list.
double duality_gap(const Problem& problem, const double* residual, const Index* features,
                   Index count, const double* rows, const double* grad, double primal);

}  // namespace taut::solver
