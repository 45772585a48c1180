// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linalg/symmetric.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

namespace taut::linalg {
namespace {

constexpr int k_sweeps = 30;
constexpr double k_rotation_tolerance = 1e-15;

}  // namespace

bool factor_cholesky(Index n, double* a, Index lda) {
  using Matrix = Eigen::Map<Eigen::MatrixXd, 0, Eigen::OuterStride<>>;
  Matrix A(a, n, n, Eigen::OuterStride<>(lda));
  const Eigen::LLT<Eigen::Ref<Eigen::MatrixXd>, Eigen::Lower> factor(A);
  return factor.info() == Eigen::Success;
}

void solve_cholesky(Index n, const double* l, Index ldl, Index count, double* x, Index ldx) {
  const Eigen::Map<const Eigen::MatrixXd, 0, Eigen::OuterStride<>> L(l, n, n,
                                                                     Eigen::OuterStride<>(ldl));
  if (count == 1) {
    Eigen::Map<Eigen::VectorXd> X(x, n);
    L.triangularView<Eigen::Lower>().solveInPlace(X);
    L.transpose().triangularView<Eigen::Upper>().solveInPlace(X);
    return;
  }
  Eigen::Map<Eigen::MatrixXd, 0, Eigen::OuterStride<>> X(x, n, count, Eigen::OuterStride<>(ldx));
  L.triangularView<Eigen::Lower>().solveInPlace(X);
  L.transpose().triangularView<Eigen::Upper>().solveInPlace(X);
}

void eigen_jacobi(Index n, double* a, double* values, double* v) {
  std::fill_n(v, n * n, 0.0);
  for (Index i = 0; i < n; ++i) v[i + i * n] = 1.0;
  double size = 0.0;
  for (Index i = 0; i < n * n; ++i) size = std::max(size, std::abs(a[i]));
  for (int sweep = 0; sweep < k_sweeps && size > 0.0; ++sweep) {
    double off = 0.0;
    for (Index q = 1; q < n; ++q) {
      for (Index p = 0; p < q; ++p) {
        const double apq = a[p + q * n];
        off = std::max(off, std::abs(apq));
        if (std::abs(apq) <= k_rotation_tolerance * size) continue;
        const double theta = 0.5 * (a[q + q * n] - a[p + p * n]) / apq;
        const double t =
            (theta >= 0.0 ? 1.0 : -1.0) / (std::abs(theta) + std::sqrt(theta * theta + 1.0));
        const double c = 1.0 / std::sqrt(t * t + 1.0), s = t * c;
        double* ap = a + p * n;
        double* aq = a + q * n;
        for (Index i = 0; i < n; ++i) {
          const double x = ap[i], y = aq[i];
          ap[i] = c * x - s * y;
          aq[i] = s * x + c * y;
        }
        for (Index i = 0; i < n; ++i) {
          const double x = a[p + i * n], y = a[q + i * n];
          a[p + i * n] = c * x - s * y;
          a[q + i * n] = s * x + c * y;
        }
        double* vp = v + p * n;
        double* vq = v + q * n;
        for (Index i = 0; i < n; ++i) {
          const double x = vp[i], y = vq[i];
          vp[i] = c * x - s * y;
          vq[i] = s * x + c * y;
        }
      }
    }
    if (off <= k_rotation_tolerance * size) break;
  }
  for (Index i = 0; i < n; ++i) values[i] = a[i + i * n];
}

}  // namespace taut::linalg
