// SPDX-License-Identifier: BSD-3-Clause
#include "taut/penalty/blocks.hpp"

#include <algorithm>

namespace taut::penalty {

Blocks::Blocks(const std::vector<Index>& label, Index count) {
  const auto at = [](Index i) { return static_cast<std::size_t>(i); };
  const Index p = static_cast<Index>(label.size());
  begin_.assign(at(count + 1), 0);
  for (const Index b : label) {
    TAUT_ASSERT(b >= 0 && b < count);
    ++begin_[at(b + 1)];
  }
  for (Index b = 0; b < count; ++b) {
    TAUT_ASSERT(begin_[at(b + 1)] > 0);
    largest_ = std::max(largest_, begin_[at(b + 1)]);
    begin_[at(b + 1)] += begin_[at(b)];
  }
  of_.resize(at(p));
  order_.resize(at(p));
  std::vector<Index> next(begin_.begin(), begin_.end() - 1);
  for (Index j = 0; j < p; ++j) {
    const Index place = next[at(label[at(j)])]++;
    order_[at(place)] = j;
    of_[at(place)] = label[at(j)];
  }
  if (std::is_sorted(order_.begin(), order_.end())) order_.clear();
  if (count == p) of_.clear();  // blocks of one feature, in some order
}

}  // namespace taut::penalty
