// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "taut/core/philox.hpp"
#include "taut/privacy/cells.hpp"

using namespace taut::privacy;
using taut::Index;

namespace {

/// One record at a time, from the definition.
std::vector<std::int64_t> slowly(const CellRecords& r, const Layout& layout, const double* grid) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(layout.cells()));
  for (Index i = 0; i < r.n; ++i) {
    Index k = layout.bins;
    for (Index b = layout.bins; b-- > 0;) {
      if (r.time[i] <= grid[b + 1]) k = b;
    }
    if (r.event[i] > 1) k = layout.bins;
    const Index group = r.group ? r.group[i] : 0;
    Index cell = group * layout.width();
    if (group < layout.groups) {
      cell += k == layout.bins ? 2 * k : r.event[i] == 1 ? k : layout.bins + k;
    }
    ++counts[static_cast<std::size_t>(cell)];
  }
  return counts;
}

}  // namespace

TEST_CASE("counts agree with the definition on grids of any kind") {
  taut::Philox random({5, 6});
  taut::SilentMonitor monitor;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<std::vector<double>> grids = {
      {0.0, 1.0}, {0.0, 0.25, 0.5, 0.75, 1.0}, {0.0, 1e-9, 1e-6, 1e-3, 1.0}, {0.0, 5e-324}};
  for (const auto& grid : grids) {
    std::vector<double> time = {nan, inf, -inf, 0.0, -0.0, -1.0};
    for (const double g : grid) time.push_back(g);
    for (int i = 0; i < 5000; ++i) time.push_back(1.2 * random.uniform());
    const auto n = static_cast<Index>(time.size());
    std::vector<unsigned char> event;
    std::vector<std::int32_t> group;
    for (Index i = 0; i < n; ++i) {
      event.push_back(static_cast<unsigned char>(random.below(4)));
      group.push_back(static_cast<std::int32_t>(random.below(3)));
    }
    const auto bins = static_cast<Index>(grid.size()) - 1;
    for (const bool grouped : {false, true}) {
      const Layout layout{bins, grouped ? 2 : 1, grouped, 0};
      const CellRecords records{n, time.data(), event.data(), grouped ? group.data() : nullptr};
      std::vector<std::int64_t> counts(static_cast<std::size_t>(layout.cells()), -1);
      count_cells(records, layout, grid.data(), counts.data(), 2, monitor);
      CHECK(counts == slowly(records, layout, grid.data()));
    }
  }
}

TEST_CASE("sizes of a layout") {
  CHECK(Layout{7, 2, true, 3}.cells() == 31);
  CHECK(Layout{7, 2, true, 3}.blocks() == 3);
  CHECK(Layout{7, 2, true, 3}.size() == 43);
  CHECK(Layout{7, 1, false, 0}.size() == 15);
}
