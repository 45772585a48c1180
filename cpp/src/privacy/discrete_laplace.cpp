// SPDX-License-Identifier: BSD-3-Clause
#include "taut/privacy/discrete_laplace.hpp"

namespace taut::privacy {

void discrete_laplace(ChaCha20& random, std::uint64_t s, std::uint64_t t, std::int64_t* out,
                      Index n, Monitor& monitor) {
  for (Index i = 0; i < n; ++i) {
    if (i % 4096 == 0) monitor.poll({});
    out[i] = discrete_laplace(random, s, t);
  }
}

}  // namespace taut::privacy
