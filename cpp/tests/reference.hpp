// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "taut/core/types.hpp"
#include "taut/design/csc.hpp"
#include "taut/design/dense.hpp"

/// Slow and plain counterparts of what the library does, for tests: loops over explicit matrices,
/// sums in long double, nothing taken from the library but its types.
namespace reference {

using taut::Index;

inline constexpr double k_inf = std::numeric_limits<double>::infinity();

inline std::size_t at(Index i) { return static_cast<std::size_t>(i); }

/// Uniform and normal deviates that do not depend on the standard library's distributions.
class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}

  double uniform(double low = 0.0, double high = 1.0) {
    return low + (high - low) * static_cast<double>(engine_() >> 11) / 9007199254740992.0;
  }
  Index below(Index n) { return static_cast<Index>(engine_() % static_cast<std::uint64_t>(n)); }
  double normal() {
    const double u = 1.0 - uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * uniform());
  }
  std::vector<double> normals(Index n) {
    std::vector<double> out(at(n));
    for (double& x : out) x = normal();
    return out;
  }
  /// Weights of sum 1, every `zero_every`-th of them 0 (none if 0).
  std::vector<double> weights(Index n, Index zero_every = 0) {
    std::vector<double> s(at(n));
    double total = 0.0;
    for (Index i = 0; i < n; ++i) {
      s[at(i)] = zero_every > 0 && i % zero_every == 0 ? 0.0 : uniform(0.2, 2.0);
      total += s[at(i)];
    }
    for (double& x : s) x /= total;
    return s;
  }

 private:
  std::mt19937_64 engine_;
};

/// Column-major matrix that owns its entries.
struct Matrix {
  Index rows = 0, cols = 0;
  std::vector<double> data;

  Matrix() = default;
  Matrix(Index n, Index p) : rows(n), cols(p), data(at(n * p), 0.0) {}

  double& operator()(Index i, Index j) { return data[at(j * rows + i)]; }
  double operator()(Index i, Index j) const { return data[at(j * rows + i)]; }
};

/// Solves A x = b by Gaussian elimination with row pivoting; false if A is singular to `tolerance`.
inline bool solve(Matrix A, std::vector<double> b, std::vector<double>& x,
                  double tolerance = 1e-12) {
  const Index n = A.rows;
  double largest = 0.0;
  for (double a : A.data) largest = std::max(largest, std::abs(a));
  for (Index k = 0; k < n; ++k) {
    Index best = k;
    for (Index i = k + 1; i < n; ++i) {
      if (std::abs(A(i, k)) > std::abs(A(best, k))) best = i;
    }
    if (!(std::abs(A(best, k)) > tolerance * largest)) return false;
    for (Index j = 0; j < n; ++j) std::swap(A(k, j), A(best, j));
    std::swap(b[at(k)], b[at(best)]);
    for (Index i = k + 1; i < n; ++i) {
      const double f = A(i, k) / A(k, k);
      for (Index j = k; j < n; ++j) A(i, j) -= f * A(k, j);
      b[at(i)] -= f * b[at(k)];
    }
  }
  x.assign(at(n), 0.0);
  for (Index k = n - 1; k >= 0; --k) {
    double rest = b[at(k)];
    for (Index j = k + 1; j < n; ++j) rest -= A(k, j) * x[at(j)];
    x[at(k)] = rest / A(k, k);
  }
  return true;
}

/// A sparse copy of a matrix that owns its memory; entries of a column in shuffled order if asked.
template <class T, class I>
struct SparseCopy {
  std::vector<T> val;
  std::vector<I> idx, ptr{0};
  Index rows, cols;

  explicit SparseCopy(const Matrix& X, unsigned shuffle = 0) : rows(X.rows), cols(X.cols) {
    Random random(shuffle);
    for (Index j = 0; j < X.cols; ++j) {
      std::vector<Index> held;
      for (Index i = 0; i < X.rows; ++i) {
        if (X(i, j) != 0.0) held.push_back(i);
      }
      for (Index e = static_cast<Index>(held.size()) - 1; shuffle > 0 && e > 0; --e) {
        std::swap(held[at(e)], held[at(random.below(e + 1))]);
      }
      for (Index i : held) {
        val.push_back(static_cast<T>(X(i, j)));
        idx.push_back(static_cast<I>(i));
      }
      ptr.push_back(static_cast<I>(val.size()));
    }
  }

  taut::CscView<T, I> view() const { return {val.data(), idx.data(), ptr.data(), rows, cols}; }
};

}  // namespace reference
