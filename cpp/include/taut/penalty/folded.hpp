// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "taut/core/types.hpp"

/// Penalties of one coordinate that are even, grow with |u| and are concave there: a kink or a jump
/// at zero keeps small coefficients out, a slope that falls with |u| leaves large ones alone.
namespace taut::penalty {

enum class Shape {
  l1,    ///< alpha |u|
  mcp,   ///< alpha |u| - u^2 / (2 gamma) up to |u| = gamma alpha, then flat (Zhang, Ann. Stat. 38,
         ///< 2010, eq. 2.1)
  scad,  ///< slope alpha up to |u| = alpha, falling to 0 at gamma alpha, then flat (Fan and Li, JASA
         ///< 96, 2001, eq. 2.7)
  cel0,  ///< MCP again, of concavity 1 / curvature: all that CEL0 is (Soubies, Blanc-Feraud and
         ///< Aubert, SIAM J. Imaging Sci. 8, 2015), and judged as L0 is
  l0,    ///< alpha 1{u != 0}
  lq,    ///< alpha |u|^gamma, 0 < gamma < 1
};

/// weight * pen(u) on lower <= u <= upper, lower <= 0 <= upper. `gamma` is the concavity of MCP and
/// SCAD (infinite: L1) and the exponent of lq. A trivial value: solvers keep one per coordinate and
/// call no virtual function.
struct Folded {
  Shape shape = Shape::l1;
  double alpha = 0.0;
  double gamma = std::numeric_limits<double>::infinity();
  double weight = 1.0;
  double lower = -std::numeric_limits<double>::infinity();
  double upper = std::numeric_limits<double>::infinity();

  /// Linear-quadratic between points where its form changes (lq alone is not).
  bool is_piecewise_quadratic() const { return shape != Shape::lq; }
  /// True where only a fixed point of the prox says anything about optimality: the subdifferential
  /// of l0 and lq at zero is all of R, CEL0 is flat along a coordinate that it should send to zero.
  bool jumps() const { return shape == Shape::l0 || shape == Shape::lq || shape == Shape::cel0; }
};

/// Part of one side of zero on which a Folded is smooth.
struct Segment {
  double lower = 0.0, upper = 0.0;  ///< its ends, signed; bounds of the box included
  double curvature = 0.0;           ///< second derivative at the point
};

/// weight * pen(u); the box is the caller's business.
double value(const Folded& f, double u);

/// Derivative of weight * pen at u != 0 (0 at zero).
double slope(const Folded& f, double u);

/// The segment that u != 0 enters when it moves towards `direction`.
Segment segment(const Folded& f, double u, double direction);

/// argmin over lower <= u <= upper of (u - z)^2 / 2 + step * weight * pen(u), for every step > 0: past
/// the concavity the one-dimensional problem has two local minima, and they are compared. Exact up
/// to rounding; a tie goes to the smaller |u|.
double prox(const Folded& f, double z, double step);

/// Largest |g| that leaves a zero coordinate at zero: the slope at zero, and where the penalty jumps
/// the |g| up to which zero minimises g u + curvature u^2 / 2 + pen(u).
double threshold(const Folded& f, double curvature);

/// The alpha at which `pull` = threshold().
double entry_alpha(const Folded& f, double pull, double curvature);

/// How far the coordinate is from stationary, in units of the gradient g: the distance of -g from
/// the subdifferential, and where the penalty jumps curvature * |u - prox(u - g / curvature)|. At a
/// bound only the inward direction counts.
double violation(const Folded& f, double u, double g, double curvature);

/// Where lq is least among its local minima of g u + curvature u^2 / 2 + pen(u) that beat zero; 0
/// for the other shapes.
double least_nonzero(const Folded& f, double curvature);

}  // namespace taut::penalty
