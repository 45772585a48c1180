// SPDX-License-Identifier: BSD-3-Clause
#include "taut/privacy/cells.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "taut/core/parallel.hpp"

namespace taut::privacy {
namespace {

constexpr Index k_stretch = 2048;        // records at a time: their slices stay in cache
constexpr Index k_max_slices = 1 << 14;  // and so does the table

/// Finds the bin of a time. Times map to slices of equal length by the same rounded product as grid
/// points do, which is monotone: a grid point in an earlier slice is less, one in a later slice more.
class Locator {
 public:
  Locator(const double* grid, Index bins) : grid_(grid), bins_(bins) {
    for (Index slices = 64; slices <= k_max_slices && !simple_; slices *= 4) {
      const double scale = static_cast<double>(slices) / grid[bins];
      if (slices > 64 && slices < bins) continue;
      // A range too small to be divided is one slice.
      scale_ = std::isfinite(scale) ? scale : 0.0;
      last_ = std::isfinite(scale) ? static_cast<double>(slices - 1) : 0.0;
      fill();
    }
  }

  /// No slice holds more than one grid point.
  bool simple() const { return simple_; }

  /// Slice of a time: the first for those at or before 0, the last for NaN and beyond the grid.
  std::int32_t slice(double t) const {
    double at = t * scale_;
    at = at < last_ ? at : last_;
    at = at > 0.0 ? at : 0.0;
    return static_cast<std::int32_t>(at);
  }

  /// Bin of a time in a slice, `bins` if it is beyond the grid or NaN; needs simple().
  Index bin(double t, std::int32_t slice) const {
    const Index k = below_[static_cast<std::size_t>(slice)];
    return k + static_cast<Index>(!(t <= grid_[k + 1]));
  }

  /// The same for any grid.
  Index search(double t, std::int32_t slice) const {
    if (!(t <= grid_[bins_])) return bins_;
    const std::int32_t* k = below_.data() + slice;
    const double* first = grid_ + 1;
    return std::lower_bound(first + k[0], first + k[1], t) - first;
  }

 private:
  /// below_[s]: grid points after the first one that lie in slices before s.
  void fill() {
    const auto slices = static_cast<std::int32_t>(last_) + 1;
    below_.assign(static_cast<std::size_t>(slices) + 1, 0);
    simple_ = true;
    Index next = 1;
    for (std::int32_t s = 0; s < slices; ++s) {
      const Index before = next - 1;
      below_[static_cast<std::size_t>(s)] = static_cast<std::int32_t>(before);
      while (next <= bins_ && slice(grid_[next]) == s) ++next;
      simple_ = simple_ && next - 1 - before <= 1;
    }
    below_.back() = static_cast<std::int32_t>(bins_);
  }

  const double* grid_;
  Index bins_;
  bool simple_ = false;
  double scale_ = 0.0;
  double last_ = 0.0;
  std::vector<std::int32_t> below_;
};

/// Table of a part of the records: entry 3 * ((bins + 1) * group + bin) + code, where the code is 0
/// censored, 1 event, 2 unknown. Twice, because neighbouring records often belong to one cell, and an
/// increment waits for the one before it.
class Counter {
 public:
  explicit Counter(const Layout& layout)
      : stride_(3 * (layout.bins + 1)),
        half_(stride_ * (layout.groups + 1)),
        table_(static_cast<std::size_t>(2 * half_)) {}

  void add(const CellRecords& r, const Locator& locator, Index begin, Index end) {
    if (r.group) {
      locator.simple() ? add<true, true>(r, locator, begin, end)
                       : add<true, false>(r, locator, begin, end);
    } else {
      locator.simple() ? add<false, true>(r, locator, begin, end)
                       : add<false, false>(r, locator, begin, end);
    }
  }

  /// Adds what was counted to the cells.
  void flush(const Layout& layout, std::int64_t* counts) const {
    const Index K = layout.bins;
    const auto at = [this](Index i) {
      return table_[static_cast<std::size_t>(i)] + table_[static_cast<std::size_t>(half_ + i)];
    };
    for (Index g = 0; g < layout.groups; ++g) {
      std::int64_t* cells = counts + g * layout.width();
      const Index base = g * stride_;
      for (Index k = 0; k < K; ++k) {
        cells[k] += at(base + 3 * k + 1);
        cells[K + k] += at(base + 3 * k);
        cells[2 * K] += at(base + 3 * k + 2);
      }
      for (Index code = 0; code < 3; ++code) cells[2 * K] += at(base + 3 * K + code);
    }
    if (!layout.other) return;
    std::int64_t& other = counts[layout.groups * layout.width()];
    for (Index i = 0; i < stride_; ++i) other += at(layout.groups * stride_ + i);
  }

 private:
  template <bool Grouped, bool Simple>
  void add(const CellRecords& r, const Locator& locator, Index begin, Index end) {
    std::int32_t slice[k_stretch];
    std::int64_t* const even = table_.data();
    std::int64_t* const odd = even + half_;
    const Index stride = stride_;
    for (; begin < end; begin += k_stretch) {
      const Index size = std::min(k_stretch, end - begin);
      const double* t = r.time + begin;
      const unsigned char* event = r.event + begin;
      const std::int32_t* group = Grouped ? r.group + begin : nullptr;
      for (Index i = 0; i < size; ++i) slice[i] = locator.slice(t[i]);
      // Not one loop to find cells and one to count: compilers would make gathers of the first.
      const auto cell = [&](Index i) {
        const Index k = Simple ? locator.bin(t[i], slice[i]) : locator.search(t[i], slice[i]);
        const Index code = event[i] < 2 ? event[i] : 2;
        return 3 * k + code + (Grouped ? stride * group[i] : 0);
      };
      Index i = 0;
      for (; i + 1 < size; i += 2) {
        ++even[cell(i)];
        ++odd[cell(i + 1)];
      }
      if (i < size) ++even[cell(i)];
    }
  }

  Index stride_;
  Index half_;
  std::vector<std::int64_t> table_;
};

}  // namespace

void count_cells(const CellRecords& records, const Layout& layout, const double* grid,
                 std::int64_t* counts, int n_threads, Monitor& monitor) {
  std::fill_n(counts, layout.cells(), std::int64_t{0});
  const Locator locator(grid, layout.bins);
  // Parts are large beside their tables, and a turn of them takes some hundredths of a second.
  const Index part = std::max(Index{1} << 18, 64 * layout.cells());
  const Index turn = 32;
  const Index parts = (records.n + part - 1) / part;
  for (Index first = 0; first < parts; first += turn) {
    monitor.poll({});
    const Index count = std::min(turn, parts - first);
    std::vector<Counter> counters;
    counters.reserve(static_cast<std::size_t>(count));
    for (Index p = 0; p < count; ++p) counters.emplace_back(layout);
    parallel_for(count, n_threads, [&](Index p) {
      const Index begin = (first + p) * part;
      counters[static_cast<std::size_t>(p)].add(records, locator, begin,
                                                std::min(records.n, begin + part));
    });
    for (const Counter& counter : counters) counter.flush(layout, counts);
  }
}

}  // namespace taut::privacy
