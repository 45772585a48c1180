// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>

namespace taut {

/// Signed size and position type of the whole library (the same type as Eigen::Index).
using Index = std::ptrdiff_t;

}  // namespace taut

/// Contract check inside kernels: on in debug and sanitizer builds, nothing in release. Input is
/// validated once, at the Python boundary, so kernels assume what these lines state.
#ifndef NDEBUG
#include <cassert>
#define TAUT_ASSERT(cond) assert(cond)
#else
#define TAUT_ASSERT(cond) ((void)0)
#endif
