// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/penalty/folded.hpp"
#include "taut/solver/problem.hpp"

namespace taut::solver {

/// Where a first-order method stands: unknowns, linear predictor and what the datafit says there.
struct Point {
  std::vector<double> x;         ///< K per feature of the list, then the K intercepts
  std::vector<double> eta;       ///< n x K
  std::vector<double> residual;  ///< n x K
  double loss = 0.0;             ///< of the datafit
};

/// A problem restricted to a list of features, as smooth part plus part with a prox: the view that
/// first-order methods have of it. Every product with Z or Z' is counted, in units of a full one.
///
/// With `split`, penalties of the form alpha |u| + h(u), h concave and smooth (MCP, SCAD, CEL0), are
/// taken apart: h joins the smooth part and what is left has the prox of L1, for steps of any length.
class Composite {
 public:
  Composite(const Problem& problem, const std::vector<Index>& features, bool split);

  Index size() const { return size_ + outputs_; }
  Index features() const { return static_cast<Index>(list_.size()); }
  bool split() const { return split_; }

  Point start(const Iterate& at) const;
  void store(const Point& point, Iterate& at) const;

  /// eta, residual and loss of the unknowns: one product.
  void evaluate(Point& point);
  /// The same for a point whose eta is known.
  void judge(Point& point) const;
  /// Gradient of the smooth part: one product.
  void gradient(const Point& point, std::vector<double>& g);
  /// Gradient of the datafit alone, as the last call of gradient() found it (K per feature).
  const std::vector<double>& datafit_gradient() const { return raw_; }

  double smooth(const Point& point) const { return point.loss + concave(point.x); }
  double objective(const Point& point) const { return point.loss + penalty(point.x); }
  double penalty(const std::vector<double>& x) const;
  void prox(std::vector<double>& x, double step) const;

  /// Upper bound of the curvature of the smooth part: of the datafit, `bound` (l'' at most that)
  /// times the largest eigenvalue of Z'SZ by Lanczos' method, and of the concave part.
  double lipschitz(double bound);

  /// Features with nonzero rows, those without penalty and nothing else: where the problem is
  /// smooth. False if the form of the penalty is not known.
  bool smooth_rows(const std::vector<double>& x, std::vector<char>& in) const;
  /// Adds the gradient of the part with a prox at the coordinates marked by smooth_rows().
  void add_kink_gradient(const std::vector<double>& x, const std::vector<char>& in,
                         std::vector<double>& g) const;
  /// True if coordinate i of x may not go through zero: a kink lies there.
  bool has_kink(Index i) const;
  /// out (n x K) = Z d + d_intercept, given that only marked coordinates of d are nonzero.
  void direction(const std::vector<double>& d, std::vector<double>& out);
  /// d'Hd of the smooth part and of the kink's norm, at the point, `image` being direction(d).
  double curvature(const Point& point, const std::vector<double>& d,
                   const std::vector<double>& image) const;
  /// gradient(), only at marked coordinates; the others are 0.
  void gradient(const Point& point, const std::vector<char>& in, std::vector<double>& g);

  /// Largest distance from stationarity over the features and the intercepts, given datafit_gradient().
  double stop_crit(const Point& point) const;

  double products() const { return products_; }
  void reset_products() { products_ = 0.0; }
  /// A product that served an observer only.
  void discount() { products_ -= 1.0; }

  const Problem& problem() const { return problem_; }
  const std::vector<Index>& list() const { return list_; }

 private:
  double concave(const std::vector<double>& x) const;
  void scatter(const std::vector<double>& x);

  const Problem& problem_;
  const std::vector<Index>& list_;
  Index outputs_;
  Index size_;  ///< coefficients
  bool split_;
  std::vector<penalty::Folded> folded_;  ///< of every feature, if the penalty has that form
  Iterate scratch_;
  std::vector<double> raw_;
  double products_ = 0.0;
};

}  // namespace taut::solver
