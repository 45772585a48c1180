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

  void products(Index slot, Index count, double* out) const;
  void move(Index slot, Index count, const double* change);
  bool step(Index i, double* next);
  void sweep(const std::vector<Index>& units);
  void sweep_chunks(const std::vector<Index>& units);
  double gap(const std::vector<Index>& units);
  double objective(const std::vector<Index>& units) const;
  void extrapolate(const std::vector<Index>& units);
  void predict(const std::vector<Index>& units);
  void refresh_residual(const std::vector<Index>& units);
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
  std::vector<double> coef_;                  ///< K per slot
  std::vector<double> target_;                ///< n x K: the residual at zero coefficients
  std::vector<double> residual_;              ///< n x K, without its constant part
  std::vector<double> constant_;              ///< K: true residual = residual_ + constant_
  std::vector<std::vector<double>> history_;  ///< coefficients of the support after recent sweeps
  /// The last two strengths and their solutions, K per slot that there was.
  double latest_alpha_ = 0.0, former_alpha_ = 0.0;
  std::vector<double> latest_, former_;
  std::vector<double> old_, next_, scratch_, chunk_, gram_, changes_;
  std::vector<Index> listed_;
  std::vector<double> rows_, grad_;
};

}  // namespace taut::solver
