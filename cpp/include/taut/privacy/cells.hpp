// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

#include "taut/core/monitor.hpp"
#include "taut/core/types.hpp"

namespace taut::privacy {

/// Where a record of censored data is counted, and what is measured: everything public.
///
/// Bin k of a group is (grid[k], grid[k+1]]; the first one takes what lies before it too. A group has
/// 2 bins + 1 cells: events by bin, censorings by bin, and one of all that was not seen to leave
/// within the grid. One more cell takes the records of no known group. With blocks, sums over `block`
/// bins in a row, events and then censorings, are measured as well, group by group.
struct Layout {
  Index bins = 0;
  Index groups = 1;
  bool other = false;
  Index block = 0;  ///< bins in a block; 0: cells only

  Index width() const { return 2 * bins + 1; }
  Index cells() const { return groups * width() + (other ? 1 : 0); }
  Index blocks() const { return block > 0 ? (bins + block - 1) / block : 0; }
  Index size() const { return cells() + groups * 2 * blocks(); }
};

/// Records as the caller has them. Nothing in them is an error: a time that is NaN or beyond the grid,
/// or an event that is neither 0 nor 1, is one that was not seen to leave.
struct CellRecords {
  Index n = 0;
  const double* time = nullptr;
  const unsigned char* event = nullptr;
  const std::int32_t* group = nullptr;  ///< 0 .. groups, the last for none; null: all in group 0
};

/// Counts the cells (layout.cells() of them); the time it takes is not made to hide anything. Equal
/// for any number of threads. O(n), 9 bytes read a record (13 with groups): a table over equal slices
/// of the grid's range says which bins a time may be in; one comparison decides where no slice holds
/// more than one grid point, bisection of the slice's points elsewhere.
void count_cells(const CellRecords& records, const Layout& layout, const double* grid,
                 std::int64_t* counts, int n_threads, Monitor& monitor);

}  // namespace taut::privacy
