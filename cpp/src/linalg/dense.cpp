// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linalg/dense.hpp"

#include <Eigen/Core>

namespace taut::linalg {
namespace {

using Matrix = Eigen::Map<const Eigen::MatrixXd, 0, Eigen::OuterStride<>>;
using Output = Eigen::Map<Eigen::MatrixXd, 0, Eigen::OuterStride<>>;

/// A product of few columns by few: packing them, as products of large matrices do first, would cost
/// as much as the arithmetic. C (Rows x Cols) += A' B.
template <int Rows, int Cols>
void add_dots(Index k, const double* a, Index lda, const double* b, Index ldb, double* c,
              Index ldc) {
  using Panel = Eigen::Matrix<double, 4, 1>;
  Panel sums[Rows][Cols];
  for (auto& row : sums) {
    for (Panel& sum : row) sum.setZero();
  }
  Index i = 0;
  for (; i + 4 <= k; i += 4) {
    Panel right[Cols];
    for (int t = 0; t < Cols; ++t) right[t] = Eigen::Map<const Panel>(b + t * ldb + i);
    for (int r = 0; r < Rows; ++r) {
      const Panel left = Eigen::Map<const Panel>(a + r * lda + i);
      for (int t = 0; t < Cols; ++t) sums[r][t] += left.cwiseProduct(right[t]);
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int t = 0; t < Cols; ++t) {
      double total = sums[r][t].sum();
      for (Index j = i; j < k; ++j) total += a[r * lda + j] * b[t * ldb + j];
      c[t * ldc + r] += total;
    }
  }
}

template <int Cols>
void add_thin(Index m, Index k, const double* a, Index lda, const double* b, Index ldb, double* c,
              Index ldc) {
  Index r = 0;
  for (; r + 4 <= m; r += 4) add_dots<4, Cols>(k, a + r * lda, lda, b, ldb, c + r, ldc);
  for (; r < m; ++r) add_dots<1, Cols>(k, a + r * lda, lda, b, ldb, c + r, ldc);
}

}  // namespace

void add_gemm_tn(Index m, Index n, Index k, const double* a, Index lda, const double* b, Index ldb,
                 double* c, Index ldc) {
  constexpr Index k_thin = 12;
  if (n <= k_thin) {
    Index t = 0;
    for (; n - t == 3 || n - t > 4; t += 3) {
      add_thin<3>(m, k, a, lda, b + t * ldb, ldb, c + t * ldc, ldc);
    }
    for (; n - t >= 2; t += 2) add_thin<2>(m, k, a, lda, b + t * ldb, ldb, c + t * ldc, ldc);
    if (t < n) add_thin<1>(m, k, a, lda, b + t * ldb, ldb, c + t * ldc, ldc);
    return;
  }
  const Matrix A(a, k, m, Eigen::OuterStride<>(lda));
  const Matrix B(b, k, n, Eigen::OuterStride<>(ldb));
  Output(c, m, n, Eigen::OuterStride<>(ldc)).noalias() += A.transpose() * B;
}

void add_gemm(Index m, Index n, Index k, double alpha, const double* a, Index lda, const double* b,
              Index ldb, double* c, Index ldc) {
  const Matrix A(a, m, k, Eigen::OuterStride<>(lda));
  const Matrix B(b, k, n, Eigen::OuterStride<>(ldb));
  Output(c, m, n, Eigen::OuterStride<>(ldc)).noalias() += alpha * A * B;
}

void add_syrk_t(Index m, Index k, const double* a, Index lda, double* c, Index ldc) {
  const Matrix A(a, k, m, Eigen::OuterStride<>(lda));
  Output(c, m, m, Eigen::OuterStride<>(ldc))
      .selfadjointView<Eigen::Lower>()
      .rankUpdate(A.transpose());
}

void add_gemv(Index m, Index n, double alpha, const double* a, Index lda, const double* x,
              double* y) {
  const Eigen::Map<const Eigen::VectorXd> v(x, n);
  Eigen::Map<Eigen::VectorXd>(y, m).noalias() +=
      alpha * (Matrix(a, m, n, Eigen::OuterStride<>(lda)) * v);
}

}  // namespace taut::linalg
