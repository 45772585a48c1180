// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <vector>

#include "taut/core/buffer.hpp"
#include "taut/core/monitor.hpp"
#include "taut/penalty/penalty.hpp"

namespace taut::solver {

/// Models that keep a factor of G over the coordinates in use share these.
/// A coordinate whose pivot falls below this share of its diagonal depends on those in the factor.
constexpr double k_pivot_tolerance = 1e-11;
/// Rebuilding the factor from the Gram bounds the rounding that updates pile up.
constexpr Index k_max_removals = 2000;
/// Shares of a column in another, norms being equal, below which they are rounding.
constexpr double k_share_rounding = 1e-10;

/// One scalar unknown of a model with several outputs: B[feature, output].
struct Coordinate {
  Index feature = 0;
  Index output = 0;
};

/// Minimises over W (m coordinates x `outputs` columns that share one Gram matrix)
///
///   sum_k ( W_k'G W_k / 2 - c_k'W_k ) + penalty(W),
///
/// the quadratic problem that inner solvers hand down once a Gram matrix is at hand. A kind of
/// penalty that deserves its own method is one class derived from this one and one line in
/// make_gram_model(); GramQuadratic and ProxNewton know only what stands here.
///
/// State: q_k = c_k - G W_k for all coordinates, kept exact under every move.
class GramModel {
 public:
  struct Report {
    Index sweeps = 0;
    Index newton_steps = 0;
    double violation = 0.0;  ///< largest subdifferential distance over all coordinates
    bool converged = false;
  };

  explicit GramModel(Index outputs = 1) : outputs_(outputs) {}
  GramModel(const GramModel&) = delete;
  GramModel& operator=(const GramModel&) = delete;
  virtual ~GramModel() = default;

  /// Appends coordinates with w = 0; columns of G must be filled by the caller before solve().
  virtual void resize(Index size);
  /// Forgets all coordinates.
  virtual void clear();
  Index size() const { return size_; }
  Index outputs() const { return outputs_; }

  /// Column a of G: `size()` entries, leading dimension ld() (it changes in resize()).
  double* column(Index a) { return gram_.data() + a * ld_; }
  const double* column(Index a) const { return gram_.data() + a * ld_; }
  Index ld() const { return ld_; }
  /// Says that entries of G changed among coordinates that were there at the last solve().
  virtual void gram_changed() = 0;

  /// W and q, the `outputs` numbers of coordinate a from a * outputs on. The caller sets q when c or
  /// w were changed from outside.
  double& w(Index i) { return w_[static_cast<std::size_t>(i)]; }
  double w(Index i) const { return w_[static_cast<std::size_t>(i)]; }
  double& q(Index i) { return q_[static_cast<std::size_t>(i)]; }
  double q(Index i) const { return q_[static_cast<std::size_t>(i)]; }

  /// True if coordinates may come in any order, each by itself. Else they come by whole blocks of the
  /// penalty, by feature and then (where outputs() is 1 but the penalty has more) by output.
  virtual bool takes_single_coordinates() const { return false; }

  /// Takes the penalty of every coordinate (`coordinates`, size() of them) at its present strength,
  /// divided by `scale`. Called before each solve().
  virtual void load(const penalty::Penalty& penalty, const Coordinate* coordinates,
                    double scale) = 0;

  /// Whom to poll during a solve; outlives it. What it throws leaves the solve unfinished.
  void watch(Monitor& monitor) { monitor_ = &monitor; }

  /// Until every coordinate's subdifferential distance is at most `target`.
  virtual Report solve(double target, Index max_rounds, int n_threads) = 0;

 protected:
  Index size_ = 0;
  Index ld_ = 0;
  Index outputs_;
  Buffer<double> gram_;        ///< ld x ld
  std::vector<double> w_, q_;  ///< size x outputs
  Monitor* monitor_ = nullptr;
};

/// The model for a penalty, null if none fits: the solver then goes without a Gram matrix.
/// `outputs` > 1 asks for that many columns on one Gram; the model may decline (outputs() is then 1)
/// if the penalty is a sum over columns, which are solved one by one.
std::unique_ptr<GramModel> make_gram_model(const penalty::Penalty& penalty, Index outputs);

}  // namespace taut::solver
