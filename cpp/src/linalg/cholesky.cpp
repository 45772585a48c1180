// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linalg/cholesky.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "taut/linalg/kernels.hpp"

namespace taut::linalg {
namespace {

struct Rotation {
  double c, s;
};

inline void rotate(const Rotation& g, double& l, double& x) {
  const double t = g.c * l + g.s * x;
  x = g.c * x - g.s * l;
  l = t;
}

}  // namespace

void UpdatableCholesky::reserve(Index size) {
  if (size <= ld_) return;
  const Index ld = std::max<Index>({size, 2 * ld_, 64});
  Buffer<double> data(ld * ld);
  for (Index i = 0; i < size_; ++i) std::copy_n(row(i), i + 1, data.data() + i * ld);
  data_.swap(data);
  ld_ = ld;
}

/// x = L^{-1} x, four rows at a time: x is read once for all four.
void UpdatableCholesky::forward(double* x, Index known) const {
  Index i = known;
  for (; i + 4 <= size_; i += 4) {
    double dots[4];
    dot_block<4>(x, row(i), ld_, i, dots);
    for (Index t = 0; t < 4; ++t) {
      const double* l = row(i + t);
      double sum = x[i + t] - dots[t];
      for (Index k = i; k < i + t; ++k) sum -= l[k] * x[k];
      x[i + t] = sum / l[i + t];
    }
  }
  for (; i < size_; ++i) x[i] = (x[i] - dot(row(i), x, i)) / row(i)[i];
}

/// x = L'^{-1} x, likewise.
void UpdatableCholesky::backward(double* x) const {
  Index i = size_;
  for (; i % 4 != 0; --i) {
    x[i - 1] /= row(i - 1)[i - 1];
    axpy(-x[i - 1], row(i - 1), x, i - 1);
  }
  for (; i > 0; i -= 4) {
    const Index first = i - 4;
    double a[4];
    for (Index t = 3; t >= 0; --t) {
      double sum = x[first + t];
      for (Index k = t + 1; k < 4; ++k) sum += a[k] * row(first + k)[first + t];
      x[first + t] = sum / row(first + t)[first + t];
      a[t] = -x[first + t];
    }
    axpy4(a, row(first), row(first + 1), row(first + 2), row(first + 3), x, first);
  }
}

bool UpdatableCholesky::append(const double* a, double diagonal, double tolerance) {
  reserve(size_ + 1);
  double* l = row(size_);
  std::copy_n(a, size_, l);
  forward(l);
  const double pivot = diagonal - dot(l, l, size_);
  if (!(pivot > tolerance * diagonal)) return false;
  l[size_] = std::sqrt(pivot);
  ++size_;
  return true;
}

void UpdatableCholesky::remove(Index i) {
  // Rows below i lose column i, which is put back into their trailing block as a rank-one update:
  // L33 L33' + l3i l3i'. Rotations are found row by row; four rows meet the known rotations
  // together, because one row alone is a chain of dependent operations.
  const Index m = size_;
  std::vector<Rotation> rotations(static_cast<std::size_t>(m));
  constexpr Index k_rows = 4;
  for (Index r = i + 1; r < m; r += k_rows) {
    const Index rows = std::min(k_rows, m - r);
    double* l[k_rows];
    double x[k_rows] = {};
    for (Index t = 0; t < rows; ++t) {
      l[t] = row(r + t);
      x[t] = l[t][i];
    }
    if (rows == k_rows) {
      for (Index k = i + 1; k < r; ++k) {
        const Rotation g = rotations[static_cast<std::size_t>(k)];
        for (Index t = 0; t < k_rows; ++t) rotate(g, l[t][k], x[t]);
      }
    } else {
      for (Index t = 0; t < rows; ++t) {
        for (Index k = i + 1; k < r; ++k)
          rotate(rotations[static_cast<std::size_t>(k)], l[t][k], x[t]);
      }
    }
    for (Index t = 0; t < rows; ++t) {
      for (Index k = r; k < r + t; ++k)
        rotate(rotations[static_cast<std::size_t>(k)], l[t][k], x[t]);
      const Index d = r + t;
      const double size = std::hypot(l[t][d], x[t]);
      rotations[static_cast<std::size_t>(d)] = {l[t][d] / size, x[t] / size};
      l[t][d] = size;
    }
  }
  for (Index r = i + 1; r < m; ++r) {
    double* to = row(r - 1);
    const double* from = row(r);
    std::copy_n(from, i, to);
    std::copy(from + i + 1, from + r + 1, to + i);
  }
  --size_;
}

void UpdatableCholesky::solve(double* x) const {
  forward(x);
  backward(x);
}

}  // namespace taut::linalg
