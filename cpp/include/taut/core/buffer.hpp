// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "taut/core/types.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace taut {

/// Array of numbers that are written before they are read: not initialised unless asked for, so that
/// room which is not used costs nothing, and in huge pages where it is large: the page faults of a
/// working memory of some megabytes would otherwise be a tenth of a short solve.
template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Buffer() = default;
  explicit Buffer(Index size) { reserve(size); }
  Buffer(Index size, T value) : Buffer(size) { std::fill_n(data(), size_, value); }
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  T& operator[](Index i) { return data_.get()[i]; }
  const T& operator[](Index i) const { return data_.get()[i]; }
  Index size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }

  /// Grows to at least `size` entries, of which the first `keep` stay what they are.
  void reserve(Index size, Index keep = 0) {
    if (size <= size_) return;
    Buffer larger;
    larger.allocate(size);
    std::copy_n(data(), keep, larger.data());
    swap(larger);
  }

  /// Forgets what lies beyond `size`; the memory stays.
  void shrink(Index size) {
    TAUT_ASSERT(size <= size_);
    size_ = size;
  }

  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }

 private:
  static constexpr std::size_t k_line = 64;
  static constexpr std::size_t k_huge_page = std::size_t{1} << 21;

  void allocate(Index size) {
    const std::size_t bytes = static_cast<std::size_t>(size) * sizeof(T);
    const std::align_val_t alignment{bytes >= k_huge_page ? k_huge_page : k_line};
    data_ = Memory(static_cast<T*>(::operator new(bytes, alignment)), Free{alignment});
    size_ = size;
#if defined(__linux__)
    // Advice only; a kernel without huge pages ignores it.
    if (bytes >= k_huge_page) (void)madvise(data_.get(), bytes, MADV_HUGEPAGE);
#endif
  }

  struct Free {
    std::align_val_t alignment{k_line};
    void operator()(T* data) const { ::operator delete(data, alignment); }
  };
  using Memory = std::unique_ptr<T[], Free>;

  Memory data_;
  Index size_ = 0;
};

}  // namespace taut
