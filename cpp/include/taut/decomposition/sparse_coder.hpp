// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <vector>

#include "taut/core/buffer.hpp"
#include "taut/core/monitor.hpp"
#include "taut/core/views.hpp"
#include "taut/linalg/dense.hpp"
#include "taut/penalty/folded.hpp"

/// Signals as sparse combinations of atoms.
///
/// A code r of the signal s in the dictionary A (p x K, atoms are columns) is a local minimum of
///
///   F(r) = ||s - A r||^2 / 2 + sum_k w_k phi(r_k)
///
/// with phi a value of penalty::Folded (Rentzeperis, Calatroni, Perrinet and Prandi, "Beyond l1
/// sparse coding in V1", PLOS Comput. Biol. 19, 2023).
namespace taut::decomposition {

enum class Method {
  /// Coordinate descent on an active set to which the atom of the largest pull is added, one at a
  /// time where the penalty is concave: who comes first decides the minimum that is found.
  cd,
  ista,   ///< proximal gradient steps of length 1 / ||A||^2 on all codes together
  fista,  ///< the same with momentum, taken back when it points uphill; for the convex L1
};

/// Where the descent starts: what comes before is other penalties, solved in turn.
enum class Start {
  zero,
  l1,            ///< ten iterations of L1 at half the threshold of the penalty
  continuation,  ///< five strengths from ten times alpha down to it
};

struct CodingOptions {
  Method method = Method::cd;
  penalty::Shape shape = penalty::Shape::cel0;
  double alpha = 1.0;
  double gamma = 3.0;  ///< concavity or exponent; that of CEL0 comes from the atoms
  Start start = Start::zero;
  Index max_iter = 1000;  ///< sweeps over the active set, or gradient steps; a fifth on the way
  /// A signal is done when no ||a_k|| |dr_k| of an iteration exceeds tol max_k |a_k's| / ||a_k||.
  double tol = 1e-4;
  bool nonnegative = false;
  bool refit = false;               ///< least squares on the atoms that the penalty leaves
  const double* weights = nullptr;  ///< w (K), or null for ones
  int n_threads = 1;
};

/// Codes of n signals, row by row as in a CSR matrix.
template <class T>
struct Codes {
  std::vector<T> values;
  std::vector<std::int32_t> atoms;   ///< ascending within a signal
  std::vector<std::int64_t> starts;  ///< n + 1
  Index n_unfinished = 0;            ///< signals that ran into max_iter
  Index n_iter = 0;                  ///< most of any signal, with those before the start
  Index n_updates = 0;               ///< of single codes by descent, one after the other
};

template <class T>
struct StagePenalty;

/// A dictionary made ready for many signals. T is the type of the arithmetic. The dictionary is
/// not copied; atoms need not have unit norm, and atoms of zero are not used.
///
/// Cost per signal: p K for the pulls A's; then cd K m for each time that the m active codes are
/// brought to the others and m^2 a sweep, ista K min(K, 2 p) a step. Memory: K^2 (with ista only
/// for K < 2 p), and about 3 K a signal of a tile.
template <class T>
class SparseCoder {
 public:
  SparseCoder(DenseView<T> dictionary, Method method);

  /// Codes of the columns of `signals` (p x n). The bits do not depend on the number of threads,
  /// nor on the other signals. Polls the monitor between groups of tiles.
  Codes<T> encode(DenseView<T> signals, const CodingOptions& options, Monitor& monitor) const;

  Index n_atoms() const { return dictionary_.cols; }
  /// A bound on ||A||^2 from above, within a percent or so; made for ista and fista only.
  double lipschitz() const { return lipschitz_; }

 private:
  struct Tile;
  void encode_tile(DenseView<T> tile, const CodingOptions& options,
                   const std::vector<StagePenalty<T>>& stages, Tile& out) const;

  DenseView<T> dictionary_;
  Index ld_ = 0;  ///< K in whole vector registers
  Buffer<T> gram_;
  std::vector<double> squared_norms_;
  double lipschitz_ = 0.0;
  linalg::PackedLeft<T> pulls_;   ///< A'
  linalg::PackedLeft<T> images_;  ///< A, where there is no Gram matrix
  linalg::PackedLeft<T> packed_gram_;
};

extern template class SparseCoder<double>;
extern template class SparseCoder<float>;

/// A bound from above on the largest eigenvalue of A'A: that of the power iteration, raised until a
/// Cholesky factorisation proves it. A is p x K in doubles.
double largest_eigenvalue(Index p, Index K, const double* a);

}  // namespace taut::decomposition
