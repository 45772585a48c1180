// SPDX-License-Identifier: BSD-3-Clause
#include "taut/core/version.hpp"

namespace taut {

const char* version() { return TAUT_VERSION; }

}  // namespace taut
