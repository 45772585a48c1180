// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <utility>
#include <vector>

#include "taut/core/types.hpp"
#include "taut/penalty/blocks.hpp"

namespace taut::penalty {

struct Folded;

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

/// One block of a penalty made of norms:
///
///   pen(u) = lasso ||u||_1 + norm ||u||_2 + ridge ||u||_2^2 / 2.
struct BlockNorm {
  double lasso = 0.0;
  double norm = 0.0;
  double ridge = 0.0;
};

/// A penalty alpha * Omega(B) that separates over blocks of features, mostly of one feature each.
/// Feature j owns the row B_j of `outputs` coefficients (one for a single response); block b owns the
/// rows of its features, one after another, width(b) numbers. Gradients `g` below are those of the
/// datafit with respect to these; every method takes a block and pointers to such rows.
///
/// A new penalty is one class with these methods; solvers know nothing else of it.
class Penalty {
 public:
  explicit Penalty(Index outputs, Blocks blocks = {})
      : outputs_(outputs), blocks_(std::move(blocks)) {}
  Penalty(const Penalty&) = delete;
  Penalty& operator=(const Penalty&) = delete;
  virtual ~Penalty() = default;

  Index outputs() const { return outputs_; }
  const Blocks& blocks() const { return blocks_; }
  /// Numbers that block b owns.
  Index width(Index b) const { return blocks_.size(b) * outputs_; }
  double alpha() const { return alpha_; }
  void set_alpha(double alpha) { alpha_ = alpha; }

  /// Says that rows handed over from now on are scale_j times the coefficients that the caller's
  /// rules speak of (infinite: of a column that is zero). The strength acts on the rows as they come;
  /// bounds are converted.
  virtual void set_scale(const std::vector<double>& scale) { (void)scale; }

  /// Hands over upper bounds L_j of the datafit's curvature along every feature (infinite where there
  /// is none), for penalties whose stationarity is measured by a step of length 1 / L_j.
  virtual void set_curvature(const std::vector<double>& bound) { (void)bound; }

  /// False for a penalty without a useful dual (not convex): its solutions are certified by
  /// subdiff_distance, and conjugate() and feasible_scale() are not called.
  virtual bool has_dual() const { return true; }

  /// Value of alpha * Omega at block b, for the rows u.
  virtual double value(const double* u, Index b) const = 0;

  /// In place: argmin_v ||v - u||^2 / 2 + step * pen_b(v).
  virtual void prox(double* u, double step, Index b) const = 0;

  /// Distance from -g to the subdifferential of pen_b at u, or where that says nothing (penalties
  /// that jump or have a cusp at zero) L |u - prox(u - g / L, 1 / L)|: zero at a stationary point,
  /// in units of a gradient.
  virtual double subdiff_distance(const double* u, const double* g, Index b) const = 0;

  /// A zero block stays zero while pull(g, b) <= threshold(b). pull is a norm of (a part of) g and at
  /// most the Euclidean one, which is what screening bounds rest on.
  virtual double pull(const double* g, Index b) const = 0;
  /// Proportional to threshold_scale(); infinite for a block that never enters.
  virtual double threshold(Index b) const = 0;
  /// How thresholds grow with alpha.
  virtual double threshold_scale() const { return alpha_; }

  /// Smallest alpha at which a zero block with gradient g stays zero; alpha_max is the largest of
  /// these over the blocks. 0 for blocks that are free or excluded.
  virtual double entry_alpha(const double* g, Index b) const = 0;

  /// sup_u -g'u - pen_b(u): the penalty's part of the dual objective, +inf where unbounded.
  virtual double conjugate(const double* g, Index b) const = 0;
  /// Largest c in [0, 1] with conjugate(c g, b) finite.
  virtual double feasible_scale(const double* g, Index b) const = 0;

  /// True for a block that no alpha keeps out, at least one coordinate of it: it is in every model,
  /// the null model too.
  virtual bool is_free(Index b) const = 0;
  /// True for such a block of which other coordinates are penalised.
  virtual bool is_split(Index b) const {
    (void)b;
    return false;
  }
  /// Size of the gradient of coordinate k < width(b) of the block where nothing opposes it, neither
  /// penalty nor bound: zero at a solution. Such a direction has no finite conjugate; conjugate() and
  /// feasible_scale() leave it out.
  virtual double unopposed(const double* g, Index k, Index b) const = 0;
  /// True for a block that must stay at zero.
  virtual bool is_excluded(Index b) const = 0;

  /// The forms that Gram models (solver/gram_model.hpp) have fast routes for; a penalty has the same
  /// form at every block. One that has none goes by prox().
  ///
  /// Fills `piece` if block b is width(b) equal coordinates of that form.
  virtual bool as_piece(Index b, Piece& piece) const {
    (void)b, (void)piece;
    return false;
  }
  /// The piece of coordinate k of block b, for a penalty whose as_piece() speaks of the first one only:
  /// where outputs have factors of their own.
  virtual void coordinate_piece(Index b, Index k, Piece& piece) const {
    (void)k;
    as_piece(b, piece);
  }
  /// Fills `norm` if block b is of that form.
  virtual bool as_norm(Index b, BlockNorm& norm) const {
    (void)b, (void)norm;
    return false;
  }
  /// Fills `folded` if block b is width(b) equal coordinates of that form.
  virtual bool as_folded(Index b, Folded& folded) const {
    (void)b, (void)folded;
    return false;
  }
  /// True if the penalty is a sum over single coefficients, so that prox() acts on each by itself.
  virtual bool is_separable() const { return false; }

 private:
  Index outputs_;
  Blocks blocks_;
  double alpha_ = 0.0;
};

/// What a caller says of the features; empty vectors mean 1, -inf, +inf everywhere.
struct FeatureRules {
  std::vector<double> factor;  ///< of every block, >= 0; 0 unpenalised, inf excluded
  std::vector<double> lower;   ///< <= 0
  std::vector<double> upper;   ///< >= 0
};

}  // namespace taut::penalty
