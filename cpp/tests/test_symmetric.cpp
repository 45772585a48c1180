// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linalg/symmetric.hpp"

#include <doctest/doctest.h>

#include "reference.hpp"

using namespace taut;
using reference::at;
using reference::Matrix;
using reference::Random;

namespace {

/// A'A for a random A of `rank` rows.
Matrix square(Index n, Index rank, Random& random) {
  const std::vector<double> a = random.normals(n * rank);
  Matrix out(n, n);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < n; ++j) {
      for (Index k = 0; k < rank; ++k) out(i, j) += a[at(i * rank + k)] * a[at(j * rank + k)];
    }
  }
  return out;
}

}  // namespace

TEST_CASE("Cholesky: factor and solution of definite systems, refusal of others") {
  Random random(1);
  for (Index n : {1, 2, 3, 8, 17, 70}) {
    const Matrix A = square(n, n + 3, random);
    Matrix L = A;
    REQUIRE(linalg::factor_cholesky(n, L.data.data(), n));
    const Index count = 1 + random.below(3);
    std::vector<double> b = random.normals(n * count), x = b;
    linalg::solve_cholesky(n, L.data.data(), n, count, x.data(), n);
    for (Index c = 0; c < count; ++c) {
      for (Index i = 0; i < n; ++i) {
        double sum = 0.0, size = 0.0;
        for (Index j = 0; j < n; ++j) {
          sum += A(i, j) * x[at(c * n + j)];
          size += std::abs(A(i, j) * x[at(c * n + j)]);
        }
        CHECK(std::abs(sum - b[at(c * n + i)]) <= 1e-12 * (1.0 + size));
      }
    }
  }
  std::vector<double> indefinite{1.0, 2.0, 2.0, 1.0};
  CHECK_FALSE(linalg::factor_cholesky(2, indefinite.data(), 2));
}

TEST_CASE("Jacobi: values and vectors rebuild the matrix") {
  Random random(2);
  for (Index n : {1, 2, 3, 5, 12, 40}) {
    for (Index rank : {n, (n + 1) / 2}) {
      const Matrix A = square(n, rank, random);
      double size = 0.0;
      for (double a : A.data) size = std::max(size, std::abs(a));
      std::vector<double> work = A.data, values(at(n)), v(at(n * n));
      linalg::eigen_jacobi(n, work.data(), values.data(), v.data());
      for (Index i = 0; i < n; ++i) {
        for (Index j = 0; j < n; ++j) {
          double rebuilt = 0.0, product = 0.0;
          for (Index k = 0; k < n; ++k) {
            rebuilt += v[at(i + k * n)] * values[at(k)] * v[at(j + k * n)];
            product += v[at(k + i * n)] * v[at(k + j * n)];
          }
          CHECK(std::abs(rebuilt - A(i, j)) <= 1e-12 * size);
          CHECK(std::abs(product - (i == j)) <= 1e-13);
        }
      }
    }
  }
  std::vector<double> zero(4, 0.0), values(2), v(4);
  linalg::eigen_jacobi(2, zero.data(), values.data(), v.data());
  CHECK(values == std::vector<double>{0.0, 0.0});
}
