// SPDX-License-Identifier: BSD-3-Clause
#include "taut/survival/sort.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "taut/core/parallel.hpp"

namespace taut::survival {
namespace {

constexpr Index k_insertion = 24;   ///< below this, insertion
constexpr int k_max_digit = 11;     ///< bins of one pass stay in the first-level cache and the TLB
constexpr Index k_wide = 1 << 16;   ///< above this, a pass is shared by the threads
constexpr Index k_block = 1 << 16;  ///< keys of one piece of a shared pass
constexpr Index k_many = 4096;      ///< slices between two looks at the monitor

inline std::uint64_t key_of(std::uint64_t k) { return k; }
inline std::uint64_t key_of(const Pair& p) { return p.key; }
inline bool before(std::uint64_t a, std::uint64_t b) { return a < b; }
inline bool before(const Pair& a, const Pair& b) {
  return a.key < b.key || (a.key == b.key && a.value < b.value);
}

template <class R>
void insertion(R* a, Index n) {
  for (Index i = 1; i < n; ++i) {
    const R x = a[i];
    Index j = i;
    for (; j > 0 && before(x, a[j - 1]); --j) a[j] = a[j - 1];
    a[j] = x;
  }
}

/// Equal keys: nothing to do, or pairs to be put in the order of their values.
void settle(std::uint64_t*, Index) {}
void settle(Pair* a, Index n) {
  std::sort(a, a + n, [](const Pair& x, const Pair& y) { return x.value < y.value; });
}

struct Range {
  std::uint64_t low, high;
};

template <class R>
Range range_of(const R* a, Index n) {
  std::uint64_t low = ~std::uint64_t{0}, high = 0;
  for (Index i = 0; i < n; ++i) {
    const std::uint64_t k = key_of(a[i]);
    low = std::min(low, k);
    high = std::max(high, k);
  }
  return {low, high};
}

/// Bits of a digit for n keys: about four keys a bin.
int digit_bits(Index n) {
  int bits = 3;
  while (bits < k_max_digit && (Index{4} << bits) < n) ++bits;
  return bits;
}

/// How far to shift so that high - low fits into `bits` bits.
int digit_shift(const Range& range, int bits) {
  int shift = 0;
  while (((range.high - range.low) >> shift) >> bits != 0) ++shift;
  return shift;
}

/// Sorts `a`; the result is in `a` again. `b` is scratch of the same length.
template <class R>
void sort_one(R* a, R* b, Index n) {
  if (n <= k_insertion) {
    insertion(a, n);
    return;
  }
  const Range range = range_of(a, n);
  if (range.low == range.high) {
    settle(a, n);
    return;
  }
  const int bits = digit_bits(n);
  const int shift = digit_shift(range, bits);
  const std::uint64_t low = range.low;
  std::uint32_t start[(1 << k_max_digit) + 1];
  const std::size_t bins = std::size_t{1} << bits;
  std::memset(start, 0, (bins + 1) * sizeof(std::uint32_t));
  for (Index i = 0; i < n; ++i) ++start[((key_of(a[i]) - low) >> shift) + 1];
  for (std::size_t k = 0; k < bins; ++k) start[k + 1] += start[k];
  // After the pass start[k] is where bin k ends, hence where bin k + 1 begins.
  for (Index i = 0; i < n; ++i) b[start[(key_of(a[i]) - low) >> shift]++] = a[i];
  Index begin = 0;
  for (std::size_t k = 0; k < bins; ++k) {
    const auto end = static_cast<Index>(start[k]);
    const Index size = end - begin;
    if (size > k_insertion) {
      sort_one(b + begin, a + begin, size);
    } else if (size > 1) {
      insertion(b + begin, size);
    }
    begin = end;
  }
  std::memcpy(static_cast<void*>(a), b, static_cast<std::size_t>(n) * sizeof(R));
}

/// One pass over a large slice, shared by the threads; then each bin by itself. A bin that is still
/// large takes the shared pass again.
template <class R>
void sort_wide(R* a, R* b, Index n, int n_threads, Monitor& monitor) {
  monitor.poll({});
  const Index blocks = (n + k_block - 1) / k_block;
  std::vector<Range> ranges(static_cast<std::size_t>(blocks));
  parallel_for(blocks, n_threads, [&](Index k) {
    ranges[static_cast<std::size_t>(k)] =
        range_of(a + k * k_block, std::min(k_block, n - k * k_block));
  });
  Range range = ranges[0];
  for (const Range& r : ranges) {
    range = {std::min(range.low, r.low), std::max(range.high, r.high)};
  }
  if (range.low == range.high) {
    settle(a, n);
    return;
  }
  const int shift = digit_shift(range, k_max_digit);
  const std::uint64_t low = range.low;
  constexpr std::size_t bins = std::size_t{1} << k_max_digit;
  // Places of every (block, bin): a bin holds the keys of block 0, then those of block 1, ...
  std::vector<Index> place(static_cast<std::size_t>(blocks) * bins, 0);
  parallel_for(blocks, n_threads, [&](Index k) {
    Index* count = place.data() + static_cast<std::size_t>(k) * bins;
    const Index end = std::min(n, (k + 1) * k_block);
    for (Index i = k * k_block; i < end; ++i) ++count[(key_of(a[i]) - low) >> shift];
  });
  std::vector<Index> start(bins + 1);
  Index at = 0;
  for (std::size_t d = 0; d < bins; ++d) {
    start[d] = at;
    for (Index k = 0; k < blocks; ++k) {
      Index& slot = place[static_cast<std::size_t>(k) * bins + d];
      const Index size = slot;
      slot = at;
      at += size;
    }
  }
  start[bins] = n;
  monitor.poll({});
  parallel_for(blocks, n_threads, [&](Index k) {
    Index* to = place.data() + static_cast<std::size_t>(k) * bins;
    const Index end = std::min(n, (k + 1) * k_block);
    for (Index i = k * k_block; i < end; ++i) b[to[(key_of(a[i]) - low) >> shift]++] = a[i];
  });
  monitor.poll({});
  // Bins in turns, so that the monitor is heard between them.
  constexpr std::size_t turn = bins / 16;
  for (std::size_t first = 0; first < bins; first += turn) {
    parallel_for(static_cast<Index>(turn), n_threads, [&](Index k) {
      const std::size_t d = first + static_cast<std::size_t>(k);
      const Index begin = start[d], size = start[d + 1] - begin;
      if (size == 0 || size > k_wide) return;
      sort_one(b + begin, a + begin, size);
      std::memcpy(static_cast<void*>(a + begin), b + begin,
                  static_cast<std::size_t>(size) * sizeof(R));
    });
    monitor.poll({});
    for (std::size_t d = first; d < first + turn; ++d) {
      const Index begin = start[d], size = start[d + 1] - begin;
      if (size <= k_wide) continue;
      sort_wide(b + begin, a + begin, size, n_threads, monitor);
      std::memcpy(static_cast<void*>(a + begin), b + begin,
                  static_cast<std::size_t>(size) * sizeof(R));
    }
  }
}

template <class R>
void slices(R* a, R* b, const Index* ptr, Index n_slices, int n_threads, Monitor& monitor) {
  for (Index first = 0; first < n_slices; first += k_many) {
    const Index last = std::min(n_slices, first + k_many);
    parallel_blocks(last - first, 16, n_threads, [&](Index begin, Index end) {
      for (Index g = first + begin; g < first + end; ++g) {
        const Index size = ptr[g + 1] - ptr[g];
        if (size <= k_wide) sort_one(a + ptr[g], b + ptr[g], size);
      }
    });
    monitor.poll({});
    for (Index g = first; g < last; ++g) {
      const Index size = ptr[g + 1] - ptr[g];
      if (size > k_wide) sort_wide(a + ptr[g], b + ptr[g], size, n_threads, monitor);
    }
  }
}

}  // namespace

void sort_keys(std::uint64_t* keys, std::uint64_t* scratch, Index n, int n_threads,
               Monitor& monitor) {
  const Index ptr[2] = {0, n};
  slices(keys, scratch, ptr, 1, n_threads, monitor);
}

void sort_pairs(Pair* pairs, Pair* scratch, Index n, int n_threads, Monitor& monitor) {
  const Index ptr[2] = {0, n};
  slices(pairs, scratch, ptr, 1, n_threads, monitor);
}

void sort_slices(std::uint64_t* keys, std::uint64_t* scratch, const Index* ptr, Index n_slices,
                 int n_threads, Monitor& monitor) {
  slices(keys, scratch, ptr, n_slices, n_threads, monitor);
}

void sort_slices(Pair* pairs, Pair* scratch, const Index* ptr, Index n_slices, int n_threads,
                 Monitor& monitor) {
  slices(pairs, scratch, ptr, n_slices, n_threads, monitor);
}

}  // namespace taut::survival
