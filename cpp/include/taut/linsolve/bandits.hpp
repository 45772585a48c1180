// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

#include "taut/core/philox.hpp"

/// Adversarial bandits that set a parameter of a solver from the iterations they see (Khodak, Chow,
/// Balcan, Talwalkar: "Learning to Relax", ICLR 2024). Losses are >= 1; what exceeds 1 counts.
/// State lies in arrays of the caller; round t of a key draws from block t of its stream.
namespace taut::linsolve {

/// p_i = 4 / (eta (q_i - x))^2 with q = estimates / scale, x < min q such that they sum to one: the
/// distribution of Tsallis-INF with exponent 1/2 (Zimmert and Seldin, JMLR 22, 2021). Newton from
/// min q - 2/eta, where the sum is at least one and convex in x: it converges monotonically.
void tsallis_probabilities(Index n_arms, const double* estimates, double scale, double eta,
                           double* p);

/// The arm that the uniform number of a round falls on.
Index draw_arm(Index n_arms, const double* p, const Philox& stream, std::uint64_t round);

/// Least squares on Chebyshev features of a context, one fit an arm, with inverse-gap weighting.
struct ChebState {
  Index n_arms = 0, n_features = 0;
  double* theta = nullptr;    ///< (n_arms, n_features), in units of `scale`
  double* gram = nullptr;     ///< (n_arms, n_features, n_features), sums of phi phi'
  double* rhs = nullptr;      ///< (n_arms, n_features), sums of (loss - 1) phi
  double* square = nullptr;   ///< (n_arms,), sums of (loss - 1)^2
  double* seen = nullptr;     ///< (n_arms,), rounds of each arm
  double* scalars = nullptr;  ///< those below
  enum Scalar { rounds, eta, scale, least, most, surprise, n_scalars };
};

/// phi(u) = T_0(u) .. T_{m-1}(u), u in [-1, 1].
void chebyshev(Index n_features, double u, double* phi);

/// Fills p for the features phi; returns the prediction of every arm in `predicted`.
void cheb_probabilities(const ChebState& state, const double* phi, double* p, double* predicted);

/// Learns the loss of `arm` at phi, which was predicted as `predicted`.
void cheb_update(const ChebState& state, Index arm, const double* phi, double predicted,
                 double loss);

/// Minimiser of theta' G theta / 2 - g' theta over |theta_j| <= box_j, of least norm among the
/// minimisers of a face; G is positive semidefinite, m x m. theta is the result.
void box_least_squares(Index m, const double* gram, const double* g, const double* box,
                       double* theta);

}  // namespace taut::linsolve
