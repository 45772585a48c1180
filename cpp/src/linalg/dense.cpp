// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linalg/dense.hpp"

#include <Eigen/Core>

namespace taut::linalg {
namespace {

using Matrix = Eigen::Map<const Eigen::MatrixXd, 0, Eigen::OuterStride<>>;
using Output = Eigen::Map<Eigen::MatrixXd, 0, Eigen::OuterStride<>>;

}  // namespace

void add_gemm_tn(Index m, Index n, Index k, const double* a, Index lda, const double* b, Index ldb,
                 double* c, Index ldc) {
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
