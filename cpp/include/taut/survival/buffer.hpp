// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "taut/core/types.hpp"

namespace taut::survival {

/// Array of numbers whose memory is not set before it is written. Event tables hold hundreds of
/// megabytes that are written once: zeroing them, and touching them in pages of 4 kB, costs more
/// than the estimate. Large arrays ask the kernel for huge pages.
template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Buffer() = default;
  explicit Buffer(Index size) : size_(size) {
    if (size <= 0) return;
    const std::size_t bytes = static_cast<std::size_t>(size) * sizeof(T);
    const std::size_t align = bytes < k_large ? 64 : k_page;
    const std::size_t padded = (bytes + align - 1) / align * align;
    data_.reset(static_cast<T*>(std::aligned_alloc(align, padded)));
    if (!data_) throw std::bad_alloc();
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (align == k_page) (void)madvise(data_.get(), padded, MADV_HUGEPAGE);
#endif
  }
  Buffer(Index size, T value) : Buffer(size) {
    for (Index i = 0; i < size_; ++i) data_.get()[i] = value;
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  Index size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](Index i) { return data_.get()[i]; }
  const T& operator[](Index i) const { return data_.get()[i]; }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }

  /// Forgets what lies beyond `size`; the memory stays.
  void shrink(Index size) {
    TAUT_ASSERT(size <= size_);
    size_ = size;
  }

 private:
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  static constexpr std::size_t k_page = std::size_t{1} << 21;
  static constexpr std::size_t k_large = std::size_t{1} << 22;

  std::unique_ptr<T, Free> data_;
  Index size_ = 0;
};

}  // namespace taut::survival
