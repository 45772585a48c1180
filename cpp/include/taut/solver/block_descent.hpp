// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/design/packed.hpp"
#include "taut/solver/block_step.hpp"
#include "taut/solver/inner_solver.hpp"

namespace taut::solver {

/// Inner solver for a quadratic datafit with one or several outputs and any convex penalty on blocks
/// of features: cyclic block coordinate descent on the residual, O(nnz of the block's columns) a
/// move, for working sets whose Gram matrix would be too large. Memory: the diagonal blocks of the
/// Gram matrix and the working set once more (a dense one as sqrt(s) o z_j, so that the products of a
/// block are plain matrix products).
///
/// Between sweeps the support's coefficients are extrapolated (Anderson, J. ACM 12, 1965; for
/// coordinate descent Bertrand and Massias, AISTATS 2021), which is kept only if the objective falls.
class BlockDescent final : public InnerSolver {
 public:
  explicit BlockDescent(const Problem& problem);

  void add(const Index* features, Index count) override;
  InnerReport solve(Iterate& at, double target, Index max_iter, Monitor& monitor) override;

 private:
  struct Unit {
    Index block;
    Index first;  ///< slot of its first feature
    Index size;   ///< features
  };

  /// Coefficients and the residual that belongs to them, which is linear in them.
  struct Point {
    std::vector<double> coef;      ///< K per slot
    std::vector<double> residual;  ///< n x K, without its constant part
    std::vector<double> constant;  ///< K: true residual = residual + constant

    void add(double share, const Point& other);
  };

  void load(const Iterate& at);
  void products(Index slot, Index count, double* out) const;
  void move(Point& point, Index slot, Index count, const double* change) const;
  bool step(Index i, double* next);
  void sweep(const std::vector<Index>& units);
  void sweep_chunks(const std::vector<Index>& units);
  double gap(const std::vector<Index>& units);
  double gap_of_listed(double primal);
  double gap_of_support();
  double objective(const std::vector<Index>& units) const;
  void accelerate(const std::vector<Index>& units, Index sweeps, Monitor& monitor);
  void extrapolate(const std::vector<Index>& units);
  void predict(const std::vector<Index>& units);
  void go_if_lower(Point& candidate, const std::vector<Index>& units);
  bool is_zero(const Unit& u) const;

  const Problem& problem_;
  bool sparse_;
  bool norms_;                    ///< the penalty is made of norms, and blocks have exact steps
  design::PackedColumns packed_;  ///< sparse X
  std::vector<double> columns_;   ///< dense X: n x slots
  std::vector<double> root_;      ///< dense X: sqrt(s), in whose metric residuals are kept
  std::vector<Index> features_;
  std::vector<Unit> units_;
  std::vector<BlockStep> steps_;
  Point now_;
  std::vector<Point> history_;  ///< after recent sweeps
  double pace_ = 0.0;           ///< fall of the logarithm of the gap by sweep
  /// The last two strengths and their solutions, with the slots that there were.
  double latest_alpha_ = 0.0, former_alpha_ = 0.0;
  Point latest_, former_;
  std::vector<double> old_, next_, scratch_, chunk_, gram_, changes_;
  std::vector<Index> support_;           ///< units that are not zero
  std::vector<Index> checked_, listed_;  ///< units and features of the last gap(),
  std::vector<double> rows_, grad_;      ///< their coefficients and gradients
};

}  // namespace taut::solver
