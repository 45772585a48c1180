// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <vector>

#include "taut/core/monitor.hpp"
#include "taut/linalg/cholesky.hpp"
#include "taut/penalty/penalty.hpp"

namespace taut::solver {

/// Minimises over w (m coordinates), with a Gram matrix at hand,
///
///   w'G w / 2 - c'w + sum_a ( l1_a |w_a| + l2_a w_a^2 / 2 ),   lower_a <= w_a <= upper_a.
///
/// Two moves alternate (spec of the engine, routes C and D): sweeps of coordinate descent, which
/// settle who is zero, and Newton steps on the nonzero coordinates with their signs held, which are
/// exact once that is settled. A step that would take a coordinate through zero or a bound ends
/// there and releases it. The Cholesky factor of the active block is updated as coordinates come
/// and go and survives from call to call, so a neighbouring problem costs O(|S|^2) a change.
///
/// State: q = c - G w for all m coordinates, kept exact under every move. O(m) per coordinate move,
/// O(|S| (|S| + m)) per Newton step; no virtual call.
class ActiveSetQP {
 public:
  /// Appends coordinates with w = 0; columns of G must be filled by the caller before solve().
  void resize(Index size);
  Index size() const { return size_; }

  /// Column a of G: `size()` entries, leading dimension ld() (it changes in resize()).
  double* column(Index a) { return gram_.get() + a * ld_; }
  const double* column(Index a) const { return gram_.get() + a * ld_; }
  Index ld() const { return ld_; }
  /// Says that entries of G among the first size() coordinates changed: drops the factor.
  void gram_changed();

  penalty::Piece& piece(Index a) { return pieces_[static_cast<std::size_t>(a)]; }
  double& w(Index a) { return w_[static_cast<std::size_t>(a)]; }
  double w(Index a) const { return w_[static_cast<std::size_t>(a)]; }
  /// q_a = c_a - (G w)_a; set by the caller when c or w were changed from outside.
  double& q(Index a) { return q_[static_cast<std::size_t>(a)]; }
  double q(Index a) const { return q_[static_cast<std::size_t>(a)]; }

  /// Whom to poll during a solve; outlives it. What it throws leaves the solve unfinished.
  void watch(Monitor& monitor) { monitor_ = &monitor; }

  struct Report {
    Index sweeps = 0;
    Index newton_steps = 0;
    double violation = 0.0;  ///< largest subdifferential distance over all coordinates
    bool converged = false;
  };

  /// Until every coordinate's subdifferential distance is at most `target`.
  Report solve(double target, Index max_rounds, int n_threads);

  /// Largest subdifferential distance over all coordinates.
  double violation() const;

 private:
  double coordinate_violation(Index a) const;
  void sweep(const std::vector<Index>& coordinates);
  void sync_factor();
  bool slide(Index a);
  void release(Index i);
  Index newton(int n_threads);

  Index size_ = 0;
  Index ld_ = 0;
  std::unique_ptr<double[]> gram_;  ///< ld x ld; not initialised, so unused room costs nothing
  std::vector<double> w_, q_;
  std::vector<penalty::Piece> pieces_;
  linalg::UpdatableCholesky factor_;
  std::vector<Index> support_;     ///< coordinates in the factor, in its order
  std::vector<Index> position_;    ///< place in support_ or -1
  std::vector<double> factor_l2_;  ///< l2 with which each coordinate was factored
  Monitor* monitor_ = nullptr;
  std::vector<double> change_;  ///< scratch of newton(): zero between calls
  Index removals_ = 0;          ///< since the factor was last built from the Gram
};

}  // namespace taut::solver
