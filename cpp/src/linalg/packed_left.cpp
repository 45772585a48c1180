// SPDX-License-Identifier: BSD-3-Clause
#include <Eigen/Core>
#include <algorithm>
#include <type_traits>

#include "taut/linalg/dense.hpp"

namespace taut::linalg {
namespace {

template <class T>
using Packet = typename Eigen::internal::packet_traits<T>::type;

template <class T>
constexpr Index k_lanes = Eigen::internal::packet_traits<T>::size;

/// Columns of A between two passes over the result: a panel of them stays in the first cache.
constexpr Index k_depth = 256;

/// One tile: Height vectors of rows by Width columns, in registers. Three by four keeps both
/// multipliers of an AVX2 core busy (12 sums in flight, 7 loads for 12 products).
template <int Height, int Width, class T>
inline void multiply_tile(Index depth, T alpha, const T* a, const T* b, Index ldb, const T* base,
                          Index ldbase, T* out, Index ldo) {
  using namespace Eigen::internal;
  using P = Packet<T>;
  constexpr Index lanes = k_lanes<T>;
  P sum[Width][Height];
  for (int c = 0; c < Width; ++c) {
    for (int h = 0; h < Height; ++h) sum[c][h] = pset1<P>(T(0));
  }
  for (Index k = 0; k < depth; ++k) {
    P column[Height];
    for (int h = 0; h < Height; ++h) column[h] = ploadu<P>(a + h * lanes);
    a += Height * lanes;
    for (int c = 0; c < Width; ++c) {
      const P weight = pset1<P>(b[c * ldb + k]);
      for (int h = 0; h < Height; ++h) sum[c][h] = pmadd(column[h], weight, sum[c][h]);
    }
  }
  const P factor = pset1<P>(alpha);
  for (int c = 0; c < Width; ++c) {
    for (int h = 0; h < Height; ++h) {
      const Index at = h * lanes;
      const P from = base ? ploadu<P>(base + c * ldbase + at) : pset1<P>(T(0));
      pstoreu(out + c * ldo + at, pmadd(factor, sum[c][h], from));
    }
  }
}

template <int Height, class T>
inline void multiply_panel(Index depth, T alpha, const T* a, Index n, const T* b, Index ldb,
                           const T* base, Index ldbase, T* out, Index ldo) {
  Index j = 0;
  const auto from = [&] { return base ? base + j * ldbase : nullptr; };
  const auto tile = [&](auto width) {
    multiply_tile<Height, decltype(width)::value>(depth, alpha, a, b + j * ldb, ldb, from(), ldbase,
                                                  out + j * ldo, ldo);
  };
  for (; j + 4 <= n; j += 4) tile(std::integral_constant<int, 4>());
  if (n - j == 3) tile(std::integral_constant<int, 3>());
  if (n - j == 2) tile(std::integral_constant<int, 2>());
  if (n - j == 1) tile(std::integral_constant<int, 1>());
}

/// Vectors of rows 0 .. n_vectors in panels of three, with twos at the end where three do not
/// divide (and a one where there is no other way): calls visit(first vector, height).
template <class F>
inline void for_each_panel(Index n_vectors, F&& visit) {
  const Index panels = (n_vectors + 2) / 3;
  Index short_by = 3 * panels - n_vectors;
  Index at = 0;
  for (Index p = 0; p < panels; ++p) {
    const Index left = panels - p;
    const Index less = std::min<Index>(2, (short_by + left - 1) / left);
    visit(at, 3 - less);
    at += 3 - less;
    short_by -= less;
  }
}

}  // namespace

template <class T>
const Index PackedLeft<T>::granule = k_lanes<T>;

template <class T>
void PackedLeft<T>::pack(Index m, Index k, const T* a, Index lda, bool transposed) {
  rows_ = m;
  depth_ = k;
  const Index rows = padded_rows(m);
  data_.reserve(rows * k);
  T* out = data_.data();
  for (Index begin = 0; begin < k; begin += k_depth) {
    const Index end = std::min(begin + k_depth, k);
    for_each_panel(rows / granule, [&](Index vector, Index height) {
      const Index first = vector * granule, count = height * granule;
      const Index present = std::clamp<Index>(m - first, 0, count);
      for (Index c = begin; c < end; ++c, out += count) {
        if (transposed) {
          for (Index i = 0; i < present; ++i) out[i] = a[(first + i) * lda + c];
        } else {
          std::copy_n(a + c * lda + first, present, out);
        }
        std::fill(out + present, out + count, T(0));
      }
    });
  }
}

template <class T>
void PackedLeft<T>::clear_rows(Index begin, Index end) {
  T* out = data_.data();
  for (Index from = 0; from < depth_; from += k_depth) {
    const Index depth = std::min(k_depth, depth_ - from);
    for_each_panel(padded_rows(rows_) / granule, [&](Index vector, Index height) {
      const Index first = vector * granule, count = height * granule;
      const Index low = std::max(begin - first, Index{0}), high = std::min(end - first, count);
      for (Index c = 0; c < depth && low < high; ++c) {
        std::fill(out + c * count + low, out + c * count + high, T(0));
      }
      out += depth * count;
    });
  }
}

template <class T>
void PackedLeft<T>::multiply(T alpha, Index n, const T* b, Index ldb, const T* base, Index ldbase,
                             T* out, Index ldo) const {
  const T* a = data_.data();
  for (Index begin = 0; begin < depth_; begin += k_depth) {
    const Index depth = std::min(k_depth, depth_ - begin);
    for_each_panel(padded_rows(rows_) / granule, [&](Index vector, Index height) {
      const Index first = vector * granule;
      const T* from = base ? base + first : nullptr;
      const auto panel = [&](auto h) {
        multiply_panel<decltype(h)::value>(depth, alpha, a, n, b + begin, ldb, from, ldbase,
                                           out + first, ldo);
      };
      if (height == 3) panel(std::integral_constant<int, 3>());
      if (height == 2) panel(std::integral_constant<int, 2>());
      if (height == 1) panel(std::integral_constant<int, 1>());
      a += depth * height * granule;
    });
    base = out;
    ldbase = ldo;
  }
}

template class PackedLeft<double>;
template class PackedLeft<float>;

}  // namespace taut::linalg
