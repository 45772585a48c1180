// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/core/types.hpp"

/// One column of a plan with Omega(t) = gamma/2 |t|^2 + [at most k entries], t >= 0: the conjugates
/// of Liu, Puigcerver, Blondel (ICLR 2023), section 3, and the biconjugate.
namespace taut::ot {

/// A row that may take part in a column: its score alpha_i - C_ij.
struct Candidate {
  double score;
  Index row;
};

/// Keeps the k best candidates; among equal scores the lowest row. Returns the best score that was
/// left out, -infinity if none was. O(size).
double keep_top(std::vector<Candidate>& candidates, Index k);

/// The tau with sum_i max(s_i - tau, 0) = mass, mass > 0; candidates below tau may be missing.
/// O(size) in practice.
double simplex_threshold(const std::vector<Candidate>& candidates, double mass);

/// min { sum_i t_i^2 / theta_i : 0 <= theta <= 1, sum theta <= k } of t >= 0: the square of the
/// k-support norm (Argyriou, Foygel, Srebro, NIPS 2012, proposition 2.1). Sorts `values`.
double k_support_square(std::vector<double>& values, Index k);

/// The t >= 0 with sum t = mass that maximises v't - gamma/2 |t|_(k)^2 - rho/2 |t|^2, where |t|_(k) is
/// the k-support norm. With v sorted from above, the first `whole` entries (theta = 1 in the form
/// above) are (v - tau) / (gamma + rho), the next `shared` ones (theta = t / nu < 1) are
/// (v - tau - gamma nu) / rho, and all others are 0: nothing with v <= level takes part.
struct SupportProjection {
  double tau = 0.0, nu = 0.0, level = 0.0;
  Index whole = 0, shared = 0;
};

/// `sorted` holds all candidates with a score above the resulting level, best first; rho > 0.
/// O(k size) at worst; the loop over `whole` ends where the optimality conditions hold.
SupportProjection k_support_projection(const std::vector<Candidate>& sorted, Index k, double gamma,
                                       double rho, double mass);

}  // namespace taut::ot
