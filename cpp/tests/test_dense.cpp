// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linalg/dense.hpp"

#include <doctest/doctest.h>

#include "reference.hpp"

using namespace taut::linalg;
using reference::at;
using reference::Random;
using taut::Index;

TEST_CASE("gemm: A'B is added to C, with leading dimensions, and nothing else is written") {
  Random random(1);
  for (Index m : {1, 3, 8, 33}) {
    for (Index n : {1, 2, 3, 4, 5, 7, 9, 40}) {
      for (Index k : {0, 1, 5, 64, 257}) {
        const Index lda = k + 2, ldb = k + 5, ldc = m + 3;
        const auto a = random.normals(lda * m), b = random.normals(ldb * n);
        const auto start = random.normals(ldc * n);
        std::vector<double> c = start;
        add_gemm_tn(m, n, k, a.data(), lda, b.data(), ldb, c.data(), ldc);
        double worst = 0.0;
        bool untouched = true;
        for (Index j = 0; j < n; ++j) {
          for (Index i = 0; i < ldc; ++i) {
            const std::size_t t = at(j * ldc + i);
            if (i >= m) {
              untouched = untouched && c[t] == start[t];
              continue;
            }
            long double sum = start[t];
            for (Index r = 0; r < k; ++r) {
              sum += static_cast<long double>(a[at(i * lda + r)]) * b[at(j * ldb + r)];
            }
            worst = std::max(worst, std::abs(static_cast<double>(sum - c[t])));
          }
        }
        // k terms of size about 1: k eps is 6e-14 at most.
        CHECK(worst < 1e-13);
        CHECK(untouched);
      }
    }
  }
}

TEST_CASE("gemm: an empty C is left alone") {
  double c = 3.0;
  const double a = 1.0;
  add_gemm_tn(0, 1, 1, &a, 1, &a, 1, &c, 1);
  add_gemm_tn(1, 0, 1, &a, 1, &a, 1, &c, 1);
  CHECK(c == 3.0);
}

TEST_CASE("gemv: alpha A x is added to y, with a leading dimension") {
  Random random(2);
  for (Index m : {1, 4, 31, 200}) {
    for (Index n : {0, 1, 3, 50}) {
      const Index lda = m + 4;
      const auto a = random.normals(lda * n + 1), x = random.normals(n + 1);
      const auto start = random.normals(m + 1);
      for (double alpha : {1.0, -0.37, 0.0}) {
        std::vector<double> y = start;
        add_gemv(m, n, alpha, a.data(), lda, x.data(), y.data());
        for (Index i = 0; i < m; ++i) {
          long double sum = 0.0L;
          for (Index j = 0; j < n; ++j) {
            sum += static_cast<long double>(a[at(j * lda + i)]) * x[at(j)];
          }
          CHECK(std::abs(static_cast<double>(start[at(i)] + alpha * sum - y[at(i)])) < 1e-13);
        }
        CHECK(y[at(m)] == start[at(m)]);
      }
    }
  }
}

namespace {

template <class T>
void check_packed(double tolerance) {
  Random random(4);
  PackedLeft<T> left;  // used again and again, as in an iteration
  for (Index m : {1, 4, 9, 12, 13, 50, 100}) {
    for (Index k : {1, 3, 40, 256, 300}) {
      for (Index n : {1, 2, 3, 4, 11}) {
        for (bool transposed : {false, true}) {
          const Index rows = PackedLeft<T>::padded_rows(m);
          CHECK(rows >= m);
          CHECK(rows < m + PackedLeft<T>::granule);
          const Index lda = (transposed ? k : m) + 1, ldb = k + 2, ldc = rows + 3;
          const auto cast = [](const std::vector<double>& x) {
            return std::vector<T>(x.begin(), x.end());
          };
          const std::vector<T> a = cast(random.normals(lda * (transposed ? m : k)));
          const std::vector<T> b = cast(random.normals(ldb * n));
          const std::vector<T> base = cast(random.normals(ldc * n));
          left.pack(m, k, a.data(), lda, transposed);
          const Index hole = m > 2 ? 2 : 0;  // rows of A that are taken out
          left.clear_rows(hole, hole + (m > 2 ? 1 : 0));
          std::vector<T> fresh(at(ldc * n), T(5)), added = base;
          left.multiply(T(-2), n, b.data(), ldb, nullptr, 0, fresh.data(), ldc);
          left.multiply(T(-2), n, b.data(), ldb, added.data(), ldc, added.data(), ldc);
          double worst = 0.0;
          bool rest = true;
          for (Index j = 0; j < n; ++j) {
            for (Index i = 0; i < ldc; ++i) {
              const std::size_t t = at(j * ldc + i);
              double sum = 0.0;
              for (Index r = 0; i < m && r < k && !(m > 2 && i == hole); ++r) {
                const T entry = a[at(transposed ? i * lda + r : r * lda + i)];
                sum -= 2.0 * static_cast<double>(entry) * static_cast<double>(b[at(j * ldb + r)]);
              }
              if (i < rows) {
                worst = std::max(worst, std::abs(static_cast<double>(fresh[t]) - sum));
                worst = std::max(worst, std::abs(static_cast<double>(added[t]) -
                                                 static_cast<double>(base[t]) - sum));
              } else {
                rest = rest && fresh[t] == T(5) && added[t] == base[t];
              }
            }
          }
          CHECK(worst < tolerance);
          CHECK(rest);
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("packed left factor: base + alpha A B, padded rows as in the base, the rest untouched") {
  check_packed<double>(1e-12);
  check_packed<float>(2e-3);
}

TEST_CASE("packed left factor: a column has the same bits whatever is computed with it") {
  Random random(5);
  const Index m = 37, k = 50, n = 13, rows = PackedLeft<double>::padded_rows(m);
  const auto a = random.normals(m * k), b = random.normals(k * n);
  PackedLeft<double> left;
  left.pack(m, k, a.data(), m);
  std::vector<double> all(at(rows * n)), one(at(rows * n));
  left.multiply(1.0, n, b.data(), k, nullptr, 0, all.data(), rows);
  for (Index j = 0; j < n; ++j) {
    left.multiply(1.0, 1, b.data() + j * k, k, nullptr, 0, one.data() + j * rows, rows);
  }
  CHECK(all == one);
}
