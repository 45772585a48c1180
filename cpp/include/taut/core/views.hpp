// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/core/types.hpp"

namespace taut {

/// Column-major matrix owned by somebody else; column j starts at data + j * ld.
template <class T>
struct DenseView {
  const T* data = nullptr;
  Index rows = 0;
  Index cols = 0;
  Index ld = 0;

  const T* col(Index j) const { return data + j * ld; }
};

/// Compressed sparse columns owned by somebody else: column j holds entries ptr[j] .. ptr[j+1].
/// Row indices are in range and unique within a column; their order does not matter.
template <class T, class I>
struct CscView {
  const T* val = nullptr;
  const I* idx = nullptr;
  const I* ptr = nullptr;
  Index rows = 0;
  Index cols = 0;
};

/// Contiguous vector owned by somebody else.
template <class T>
struct VecView {
  const T* data = nullptr;
  Index size = 0;
};

}  // namespace taut
