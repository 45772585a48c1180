// SPDX-License-Identifier: BSD-3-Clause
#include "taut/design/reordered.hpp"

namespace taut::design {

void Reordered::axpys(const Index* columns, const double* a, Index count, double* v) const {
  std::vector<Index> there(static_cast<std::size_t>(count));
  for (Index c = 0; c < count; ++c) there[static_cast<std::size_t>(c)] = at(columns[c]);
  X_.axpys(there.data(), a, count, v);
}

}  // namespace taut::design
