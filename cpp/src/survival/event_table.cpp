// SPDX-License-Identifier: BSD-3-Clause
#include "taut/survival/event_table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "taut/core/parallel.hpp"
#include "taut/survival/sort.hpp"

namespace taut::survival {
namespace {

constexpr Index k_block = 1 << 16;

/// Where the records of each group go. Empty codes: one group of all.
struct Places {
  std::vector<Index> ptr;
};

Places place_groups(const Records& r) {
  Places places;
  places.ptr.assign(static_cast<std::size_t>(r.n_groups) + 1, 0);
  if (!r.group) {
    places.ptr.back() = r.n;
    return places;
  }
  for (Index i = 0; i < r.n; ++i) ++places.ptr[static_cast<std::size_t>(r.group[i]) + 1];
  for (std::size_t g = 0; g < static_cast<std::size_t>(r.n_groups); ++g) {
    places.ptr[g + 1] += places.ptr[g];
  }
  return places;
}

/// Calls write(place, i) for every record; records of a group keep their order.
template <class F>
void scatter(const Records& r, const Places& places, int n_threads, F write) {
  if (!r.group) {
    parallel_blocks(r.n, k_block, n_threads, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) write(i, i);
    });
    return;
  }
  std::vector<Index> next(places.ptr.begin(), places.ptr.end() - 1);
  for (Index i = 0; i < r.n; ++i) write(next[static_cast<std::size_t>(r.group[i])]++, i);
}

void allocate(EventTable& table, Index rows, bool entry, bool weighted) {
  table.time = Buffer<double>(rows);
  table.n_at_risk = Buffer<double>(rows);
  table.n_event = Buffer<double>(rows);
  table.n_censor = Buffer<double>(rows);
  if (entry) table.n_enter = Buffer<double>(rows);
  if (!weighted) return;
  table.n_tied = Buffer<double>(rows);
  table.event_squares = Buffer<double>(rows);
  table.censor_squares = Buffer<double>(rows);
}

// --- whole times ----------------------------------------------------------------------------------

EventTable count_table(const Records& r, const Inspection& seen, int n_threads, Monitor& monitor) {
  const auto range = static_cast<Index>(seen.high - seen.low) + 1;
  const Index cells = 2 * range * r.n_groups;
  // Counts are exact, so how they are split over tables does not show in the result.
  const Index parts =
      std::max<Index>(1, std::min<Index>(std::min<Index>(n_threads, 8), r.n / (8 * cells + 1)));
  Buffer<std::uint32_t> counts(cells * parts);
  std::memset(counts.data(), 0, static_cast<std::size_t>(cells * parts) * sizeof(std::uint32_t));
  parallel_for(parts, n_threads, [&](Index part) {
    std::uint32_t* own = counts.data() + part * cells;
    const Index begin = r.n * part / parts, end = r.n * (part + 1) / parts;
    const double low = seen.low;
    if (!r.group) {
      for (Index i = begin; i < end; ++i) {
        const auto cell = static_cast<std::int32_t>(r.time[i] - low);
        ++own[2 * static_cast<Index>(cell) + (r.event[i] == 0)];
      }
    } else {
      for (Index i = begin; i < end; ++i) {
        const auto cell = static_cast<Index>(r.time[i] - low);
        ++own[2 * (r.group[i] * range + cell) + (r.event[i] == 0)];
      }
    }
  });
  monitor.poll({});
  for (Index part = 1; part < parts; ++part) {
    for (Index c = 0; c < cells; ++c) counts[c] += counts[part * cells + c];
  }
  EventTable table;
  Index rows = 0;
  for (Index c = 0; c < cells; c += 2) rows += (counts[c] | counts[c + 1]) != 0;
  allocate(table, rows, false, false);
  table.group_ptr.assign(1, 0);
  Index row = 0;
  for (Index g = 0; g < r.n_groups; ++g) {
    for (Index t = 0; t < range; ++t) {
      const Index c = 2 * (g * range + t);
      if ((counts[c] | counts[c + 1]) == 0) continue;
      table.time[row] = seen.low + static_cast<double>(t) + 0.0;
      table.n_event[row] = counts[c];
      table.n_censor[row] = counts[c + 1];
      ++row;
    }
    table.group_ptr.push_back(row);
    double left = 0.0;
    for (Index k = row; k-- > table.group_ptr[static_cast<std::size_t>(g)];) {
      left += table.n_event[k] + table.n_censor[k];
      table.n_at_risk[k] = left;
    }
  }
  return table;
}

// --- sorted keys ----------------------------------------------------------------------------------

/// One piece of a group's sorted keys: begins and ends where a tie does.
struct Piece {
  Index group, begin, end, rows, first_row;
};

/// True if key k begins a new time after key j <= k.
inline bool apart(std::uint64_t j, std::uint64_t k, std::uint64_t tol) {
  return (k >> 1) - (j >> 1) > tol;
}

std::vector<Piece> cut_pieces(const std::uint64_t* keys, const std::vector<Index>& ptr,
                              std::uint64_t tol) {
  std::vector<Piece> pieces;
  for (std::size_t g = 0; g + 1 < ptr.size(); ++g) {
    for (Index begin = ptr[g]; begin < ptr[g + 1];) {
      Index end = std::min(ptr[g + 1], begin + k_block);
      while (end < ptr[g + 1] && !apart(keys[end - 1], keys[end], tol)) ++end;
      pieces.push_back({static_cast<Index>(g), begin, end, 0, 0});
      begin = end;
    }
  }
  return pieces;
}

Index count_rows(const std::uint64_t* keys, Index begin, Index end, std::uint64_t tol) {
  Index rows = 1;
  for (Index i = begin + 1; i < end; ++i) rows += apart(keys[i - 1], keys[i], tol);
  return rows;
}

void fill_rows(const std::uint64_t* keys, const Piece& piece, Index group_end, std::uint64_t tol,
               EventTable& table) {
  Index row = piece.first_row;
  for (Index i = piece.begin; i < piece.end; ++row) {
    const Index first = i;
    Index censored = static_cast<Index>(keys[i] & 1);
    for (++i; i < piece.end && !apart(keys[i - 1], keys[i], tol); ++i) {
      censored += static_cast<Index>(keys[i] & 1);
    }
    table.time[row] = packed_time(keys[first]);
    table.n_at_risk[row] = static_cast<double>(group_end - first);
    table.n_event[row] = static_cast<double>(i - first - censored);
    table.n_censor[row] = static_cast<double>(censored);
  }
}

EventTable key_table(const Records& r, const Places& places, int ulps, int n_threads,
                     Monitor& monitor) {
  Buffer<std::uint64_t> keys(r.n);
  {
    Buffer<std::uint64_t> scratch(r.n);
    scatter(r, places, n_threads,
            [&](Index place, Index i) { keys[place] = pack(r.time[i], r.event[i] != 0); });
    sort_slices(keys.data(), scratch.data(), places.ptr.data(), r.n_groups, n_threads, monitor);
  }
  const auto tol = static_cast<std::uint64_t>(ulps);
  std::vector<Piece> pieces = cut_pieces(keys.data(), places.ptr, tol);
  const auto n_pieces = static_cast<Index>(pieces.size());
  parallel_blocks(n_pieces, 8, n_threads, [&](Index begin, Index end) {
    for (Index k = begin; k < end; ++k) {
      Piece& p = pieces[static_cast<std::size_t>(k)];
      p.rows = count_rows(keys.data(), p.begin, p.end, tol);
    }
  });
  EventTable table;
  table.group_ptr.assign(static_cast<std::size_t>(r.n_groups) + 1, 0);
  Index rows = 0;
  for (Piece& p : pieces) {
    p.first_row = rows;
    rows += p.rows;
    table.group_ptr[static_cast<std::size_t>(p.group) + 1] = rows;
  }
  for (std::size_t g = 1; g < table.group_ptr.size(); ++g) {
    table.group_ptr[g] = std::max(table.group_ptr[g], table.group_ptr[g - 1]);
  }
  monitor.poll({});
  allocate(table, rows, false, false);
  parallel_blocks(n_pieces, 8, n_threads, [&](Index begin, Index end) {
    for (Index k = begin; k < end; ++k) {
      const Piece& p = pieces[static_cast<std::size_t>(k)];
      fill_rows(keys.data(), p, places.ptr[static_cast<std::size_t>(p.group) + 1], tol, table);
    }
  });
  return table;
}

// --- everything -----------------------------------------------------------------------------------

/// Sums of one group, from the last time to the first, written to rows ending at `row_end`.
/// Sums run backwards because the weight at risk late in a study is small: a total less a prefix
/// would carry the rounding of the total.
struct BackwardScan {
  const Pair* exits;  ///< value = weight, sign bit set if censored
  Index n_exit;
  const Pair* entries;
  Index n_entry;
  std::uint64_t tol;
  bool entry_rows;

  /// Returns the first row written; rows lie in [result, row_end).
  Index run(EventTable& out, Index row_end) const {
    Index i = n_exit, e = n_entry, row = row_end;
    double left = 0.0, entered = 0.0;  // weights with exit >= t, with entry >= t
    Index n_left = 0, n_entered = 0;   // the same, records of positive weight
    double waiting = 0.0;              // entries not yet written to a row
    while (i > 0 || (e > 0 && entry_rows)) {
      // One time: all keys in a chain of neighbours at most tol apart, from either list.
      std::uint64_t lowest = 0;
      double d = 0.0, c = 0.0, a = 0.0, dd = 0.0, cc = 0.0;
      Index tied = 0, leaving = 0, entering = 0;
      bool has_exit = false;
      for (bool first = true; i > 0 || e > 0; first = false) {
        const bool is_exit = i > 0 && (e == 0 || exits[i - 1].key >= entries[e - 1].key);
        const Pair& next = is_exit ? exits[i - 1] : entries[e - 1];
        if (!first && lowest - next.key > tol) break;
        lowest = next.key;
        const double w = next.value;
        if (!is_exit) {
          a += w;
          entering += w != 0.0;
          --e;
          continue;
        }
        has_exit = true;
        leaving += w != 0.0;
        if (std::signbit(w)) {
          c -= w;
          cc += w * w;
        } else {
          d += w;
          dd += w * w;
          tied += w != 0.0;
        }
        --i;
      }
      left += d + c;
      n_left += leaving;
      entered += a;
      n_entered += entering;
      if (!has_exit && !entry_rows) continue;
      --row;
      const Index at_risk = n_left - n_entered;
      if (at_risk < leaving) out.consistent = false;
      double n = at_risk == 0 ? 0.0 : left - entered;
      if (at_risk == tied) n = d;  // all die: the same number, whatever the rounding of the sums
      out.time[row] = from_order_bits(lowest);
      out.n_at_risk[row] = n;
      out.n_event[row] = d;
      out.n_censor[row] = c;
      if (!out.n_tied.empty()) {
        out.n_tied[row] = static_cast<double>(tied);
        out.event_squares[row] = dd;
        out.censor_squares[row] = cc;
      }
      if (!out.n_enter.empty()) {
        if (entry_rows) {
          out.n_enter[row] = a;
        } else {
          // Entries at or after this row and before the next one belong to the next row.
          if (row + 1 < row_end) out.n_enter[row + 1] = entered - waiting;
          waiting = entered;
        }
      }
    }
    if (!out.n_enter.empty() && !entry_rows && row < row_end) {
      for (; e > 0; --e) entered += entries[e - 1].value;
      out.n_enter[row] = entered - waiting;
    }
    return row;
  }
};

void shift_down(Buffer<double>& column, Index from, Index to, Index size) {
  if (!column.empty() && from != to) {
    std::memmove(column.data() + to, column.data() + from,
                 static_cast<std::size_t>(size) * sizeof(double));
  }
}

EventTable pair_table(const Records& r, const Places& places, int ulps, bool entry_rows,
                      int n_threads, Monitor& monitor) {
  Buffer<Pair> exits(r.n);
  Buffer<Pair> entries(r.entry ? r.n : 0);
  {
    Buffer<Pair> scratch(r.n);
    scatter(r, places, n_threads, [&](Index place, Index i) {
      const double w = r.weight ? r.weight[i] : 1.0;
      exits[place] = {order_bits(r.time[i]), r.event[i] != 0 ? w : -w};
    });
    sort_slices(exits.data(), scratch.data(), places.ptr.data(), r.n_groups, n_threads, monitor);
    if (r.entry) {
      scatter(r, places, n_threads, [&](Index place, Index i) {
        entries[place] = {order_bits(r.entry[i]), r.weight ? r.weight[i] : 1.0};
      });
      sort_slices(entries.data(), scratch.data(), places.ptr.data(), r.n_groups, n_threads,
                  monitor);
    }
  }
  const bool truncated = r.entry != nullptr;
  const Index room = truncated && entry_rows ? 2 : 1;
  EventTable table;
  allocate(table, room * r.n, truncated, r.weight != nullptr);
  std::vector<Index> first(static_cast<std::size_t>(r.n_groups));
  std::vector<char> consistent(static_cast<std::size_t>(r.n_groups), 1);
  monitor.poll({});
  parallel_for(r.n_groups, n_threads, [&](Index g) {
    const Index begin = places.ptr[static_cast<std::size_t>(g)];
    const Index end = places.ptr[static_cast<std::size_t>(g) + 1];
    const BackwardScan scan{exits.data() + begin,
                            end - begin,
                            truncated ? entries.data() + begin : nullptr,
                            truncated ? end - begin : 0,
                            static_cast<std::uint64_t>(ulps),
                            entry_rows};
    first[static_cast<std::size_t>(g)] = scan.run(table, room * end);
  });
  monitor.poll({});
  table.group_ptr.assign(1, 0);
  const std::array<Buffer<double>*, 8> all = {
      &table.time,    &table.n_at_risk, &table.n_event,       &table.n_censor,
      &table.n_enter, &table.n_tied,    &table.event_squares, &table.censor_squares};
  Index row = 0;
  for (Index g = 0; g < r.n_groups; ++g) {
    const Index from = first[static_cast<std::size_t>(g)];
    const Index size = room * places.ptr[static_cast<std::size_t>(g) + 1] - from;
    for (Buffer<double>* column : all) {
      shift_down(*column, from, row, size);
    }
    row += size;
    table.group_ptr.push_back(row);
  }
  for (Buffer<double>* column : all) {
    if (!column->empty()) column->shrink(row);
  }
  return table;
}

}  // namespace

Inspection inspect(const double* time, Index n, int n_threads) {
  const Index blocks = (n + k_block - 1) / k_block;
  std::vector<Inspection> seen(static_cast<std::size_t>(blocks));
  parallel_for(blocks, n_threads, [&](Index b) {
    const Index begin = b * k_block, end = std::min(n, begin + k_block);
    constexpr double k_inf = std::numeric_limits<double>::infinity();
    double low = k_inf, high = -k_inf, odd = 0.0, rest = 0.0;
    for (Index i = begin; i < end; ++i) {
      const double t = time[i];
      low = t < low ? t : low;
      high = t > high ? t : high;
      odd += t * 0.0;  // NaN as soon as a time is not finite
    }
    Inspection& s = seen[static_cast<std::size_t>(b)];
    s.low = low;
    s.high = high;
    s.finite = odd == 0.0;
    s.integer = s.finite && low > -2147483648.0 && high < 2147483648.0;
    for (Index i = begin; i < end && s.integer; i += 256) {
      const Index stop = std::min(end, i + 256);
      rest = 0.0;
      for (Index k = i; k < stop; ++k) {
        const double gap = time[k] - static_cast<double>(static_cast<std::int32_t>(time[k]));
        rest += gap * gap;
      }
      s.integer = rest == 0.0;
    }
    if (!s.finite) {
      for (Index i = begin; i < end && s.bad < 0; ++i) {
        if (!std::isfinite(time[i])) s.bad = i;
      }
    }
  });
  Inspection all;
  for (std::size_t b = 0; b < seen.size(); ++b) {
    const Inspection& s = seen[b];
    if (b == 0) {
      all = s;
      continue;
    }
    all.low = std::min(all.low, s.low);
    all.high = std::max(all.high, s.high);
    all.integer = all.integer && s.integer;
    if (!s.finite && all.finite) all.bad = s.bad;
    all.finite = all.finite && s.finite;
  }
  all.integer = all.integer && all.high - all.low < 2147483647.0;
  return all;
}

EventTable build_table(const Records& r, int ulps, bool entry_rows, int n_threads,
                       Monitor& monitor) {
  TAUT_ASSERT(r.n > 0 && ulps >= 0);
  if (!r.entry && !r.weight) {
    const Inspection seen = inspect(r.time, r.n, n_threads);
    monitor.poll({});
    const double range = seen.high - seen.low + 1.0;
    if (seen.integer && range * static_cast<double>(r.n_groups) < 4.0 * static_cast<double>(r.n) &&
        r.n < (Index{1} << 32)) {
      return count_table(r, seen, n_threads, monitor);
    }
    if (seen.low >= 0.0) return key_table(r, place_groups(r), ulps, n_threads, monitor);
  }
  return pair_table(r, place_groups(r), ulps, entry_rows, n_threads, monitor);
}

EventTable merge_tables(const TableRows& a, const TableRows& b) {
  const bool truncated = a.n_enter || b.n_enter;
  EventTable out;
  allocate(out, a.m + b.m, truncated, false);
  Index i = 0, j = 0, row = 0;
  while (i < a.m || j < b.m) {
    const bool take_a = j == b.m || (i < a.m && a.time[i] <= b.time[j]);
    const bool take_b = i == a.m || (j < b.m && b.time[j] <= a.time[i]);
    out.time[row] = (take_a ? a.time[i] : b.time[j]) + 0.0;
    out.n_event[row] = (take_a ? a.n_event[i] : 0.0) + (take_b ? b.n_event[j] : 0.0);
    out.n_censor[row] = (take_a ? a.n_censor[i] : 0.0) + (take_b ? b.n_censor[j] : 0.0);
    if (truncated) {
      out.n_enter[row] =
          (take_a && a.n_enter ? a.n_enter[i] : 0.0) + (take_b && b.n_enter ? b.n_enter[j] : 0.0);
    }
    i += take_a;
    j += take_b;
    ++row;
  }
  for (Buffer<double>* column :
       {&out.time, &out.n_at_risk, &out.n_event, &out.n_censor, &out.n_enter}) {
    if (!column->empty()) column->shrink(row);
  }
  out.group_ptr = {0, row};
  at_risk({row, out.time.data(), out.n_event.data(), out.n_censor.data(),
           truncated ? out.n_enter.data() : nullptr},
          out.n_at_risk.data());
  return out;
}

void at_risk(const TableRows& rows, double* out) {
  double left = 0.0;
  for (Index k = rows.m; k-- > 0;) {
    left += rows.n_event[k] + rows.n_censor[k];
    if (rows.n_enter) left -= rows.n_enter[k];
    out[k] = left;
  }
}

}  // namespace taut::survival
