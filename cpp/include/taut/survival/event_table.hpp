// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <vector>

#include "taut/core/buffer.hpp"
#include "taut/core/monitor.hpp"
#include "taut/core/types.hpp"

namespace taut::survival {

/// Censored records as arrays. Record i is at risk at t if entry < t <= time.
struct Records {
  Index n = 0;
  const double* time = nullptr;          ///< exit times, finite
  const unsigned char* event = nullptr;  ///< 1 event, 0 censored
  const double* entry = nullptr;         ///< below `time`; none: at risk from the start
  const double* weight = nullptr;        ///< >= 0; none: all one
  const std::int32_t* group = nullptr;   ///< 0 .. n_groups-1; none: one group
  Index n_groups = 1;
};

/// What a look at all records says; O(n), one pass.
struct Inspection {
  bool finite = true;
  bool integer = false;  ///< every time is a whole number, and max - min < 2^31
  double low = 0.0, high = 0.0;
  Index bad = -1;  ///< first record whose time is not finite
};
Inspection inspect(const double* time, Index n, int n_threads);

/// Distinct exit times with what happened at each: the sufficient statistic of curves and tests.
///
/// Rows of group g are group_ptr[g] .. group_ptr[g+1], times ascending. n_event and n_censor are sums
/// of weights; n_enter (left truncation only) is the weight that entered since the row before, with
/// entries at the row's own time left to the next row, where they are first at risk.
struct EventTable {
  Buffer<double> time, n_at_risk, n_event, n_censor;
  Buffer<double> n_enter;  ///< empty without left truncation
  Buffer<double> n_tied;   ///< number of records with an event, if there are weights; else empty
  Buffer<double> event_squares, censor_squares;  ///< sums of squared weights, if there are weights
  std::vector<Index> group_ptr;
  /// False if more records leave at a time than are at risk: a record whose entry and exit are one
  /// time under the tie tolerance.
  bool consistent = true;
};

/// Builds the table. Times at most `ulps` units in the last place above the time before are one
/// time, of which the first value is kept; entry and exit times are compared together.
///
/// Four ways, by what the records are:
///   whole times in a range below 4 n      counting, no sort, 9 bytes read per record
///   times >= 0, no weights, no entry      one sort of 8-byte keys
///   anything else                         sort of 16-byte pairs, entries apart
/// With `entry_rows` the times at which somebody enters are rows too (tables that will be merged
/// need them; n_enter is then what enters exactly at the row's time).
/// The same bits for any number of threads and any order of the records. Polls the monitor.
EventTable build_table(const Records& records, int ulps, bool entry_rows, int n_threads,
                       Monitor& monitor);

/// Rows of one group, owned by somebody else.
struct TableRows {
  Index m = 0;
  const double* time = nullptr;
  const double* n_event = nullptr;
  const double* n_censor = nullptr;
  const double* n_enter = nullptr;  ///< at exactly the row's time; null: nobody enters late
};

/// Sum of two tables on the union of their times. O(m_a + m_b).
EventTable merge_tables(const TableRows& a, const TableRows& b);

/// Weight at risk at each row, by a sum from the end: what leaves at or after the row's time less
/// what enters then.
void at_risk(const TableRows& rows, double* out);

}  // namespace taut::survival
