// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <vector>

#include "taut/core/views.hpp"

/// Relaxation methods for sparse systems A x = b with a positive diagonal, and the adversarial
/// bandits that choose their parameter.
///
/// A is kept as diagonal and strict triangles, each by rows: a sweep then has no branch, divides
/// nothing, and reads every entry once an iteration, residual included.
namespace taut::linsolve {

/// Square matrix by compressed rows: row i holds entries ptr[i] .. ptr[i+1], columns rising.
struct RowsView {
  const std::int32_t* idx = nullptr;
  const std::int32_t* ptr = nullptr;
  Index n = 0;
};

enum class Ordering {
  natural,     ///< rows as they come
  levels,      ///< the same method: rows that wait for the same number of others together
  multicolor,  ///< rows of one colour are not coupled; two colours where the graph is bipartite
};

/// How A falls into diagonal and triangles in an order of its rows; depends on the pattern only.
struct Pattern {
  std::vector<std::int32_t> order;   ///< order[k] is the row of A that comes k-th
  std::vector<std::int64_t> phases;  ///< starts of runs of uncoupled rows, and n; empty: natural
  std::vector<std::int32_t> lower_ptr, lower_idx, upper_ptr, upper_idx;
  /// Positions in the values of A of the entries above and of the diagonal (-1 where it is absent).
  std::vector<std::int32_t> lower_from, upper_from, diag_from;
  std::vector<std::int32_t> lower_mirror;  ///< of a_ji for the entry a_ij of `lower`, or -1
  std::vector<std::int32_t> unpaired;      ///< upper entries without a counterpart
};

/// O(nnz). Entries of a row keep the order of A, so that sums have the bits of the natural order.
Pattern analyse(const RowsView& rows, Ordering ordering);

/// Phases that `Ordering::levels` would have: rows per level say whether threads pay.
Index count_levels(const RowsView& rows);

/// The parts of a pattern that values are sorted by, owned by somebody else.
struct PatternView {
  VecView<std::int32_t> order, lower_ptr, lower_idx, lower_from, lower_mirror, upper_from,
      diag_from, unpaired;
};

struct ValuesReport {
  bool symmetric = true;    ///< |a_ij - a_ji| <= 1e-10 sqrt(a_ii a_jj)
  bool exact = true;        ///< a_ij = a_ji
  bool finite = true;       ///< off the diagonal
  Index bad_diagonal = -1;  ///< first row of A whose diagonal is not positive and finite
};

/// Values of A + shift I in the order of a pattern (arrays of the sizes of order, lower_from and
/// upper_from), with what has to be known of them. One pass.
ValuesReport split_values(const PatternView& pattern, const double* values, double shift,
                          double* diag, double* lower, double* upper);

/// Strict triangle by rows.
struct TriangleView {
  const double* val = nullptr;
  const std::int32_t* idx = nullptr;
  const std::int32_t* ptr = nullptr;
};

/// A = lower + diag + upper, in the order in which rows are visited.
struct SplitView {
  Index n = 0;
  const double* diag = nullptr;
  TriangleView lower, upper;
  const std::int64_t* phases = nullptr;  ///< starts of runs of uncoupled rows, and n
  Index n_phases = 0;                    ///< 0: every row may depend on the one before
  bool exact = false;                    ///< upper is lower transposed, to the last bit
};

}  // namespace taut::linsolve
