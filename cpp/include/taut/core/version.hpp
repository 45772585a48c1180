// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace taut {

/// Version of the compiled library, "major.minor.patch".
const char* version();

}  // namespace taut
