// SPDX-License-Identifier: BSD-3-Clause
#include "taut/datafit/multinomial.hpp"

#include <algorithm>

#include "taut/linalg/kernels.hpp"
#include "taut/linalg/vexp.hpp"

namespace taut::datafit {
namespace {

/// Rows that are worked on together: their intermediate values stay in the first-level cache.
constexpr Index k_block = 256;

/// top = max_k eta_k for rows 0 .. m of a block, columns n apart.
void row_maximum(const double* eta, Index n, Index K, Index m, double* top) {
  std::copy_n(eta, m, top);
  for (Index k = 1; k < K; ++k) {
    const double* x = eta + k * n;
    for (Index i = 0; i < m; ++i) top[i] = linalg::detail::select(top[i] < x[i], x[i], top[i]);
  }
}

}  // namespace

double Multinomial::value(const double* eta) const {
  const Index n = rows(), K = outputs();
  double top[k_block], sum[k_block], linear[k_block];
  double total = 0.0;
  for (Index begin = 0; begin < n; begin += k_block) {
    const Index m = std::min(k_block, n - begin);
    row_maximum(eta + begin, n, K, m, top);
    std::fill_n(sum, m, 0.0);
    std::fill_n(linear, m, 0.0);
    for (Index k = 0; k < K; ++k) {
      const double* x = eta + begin + k * n;
      const double* y = Y_ + begin + k * n;
      for (Index i = 0; i < m; ++i) {
        const double d = x[i] - top[i];
        sum[i] += linalg::fast_exp(d);
        linear[i] += y[i] * d;
      }
    }
    // Rows of Y sum to one, so the maximum drops out of the loss.
    for (Index i = 0; i < m; ++i) sum[i] = linalg::fast_log(sum[i]) - linear[i];
    total += linalg::dot(weights() + begin, sum, m);
  }
  return total;
}

void Multinomial::residual(const double* eta, double* r) const {
  const Index n = rows(), K = outputs();
  double top[k_block], sum[k_block];
  for (Index begin = 0; begin < n; begin += k_block) {
    const Index m = std::min(k_block, n - begin);
    row_maximum(eta + begin, n, K, m, top);
    std::fill_n(sum, m, 0.0);
    for (Index k = 0; k < K; ++k) {
      const double* x = eta + begin + k * n;
      double* out = r + begin + k * n;
      for (Index i = 0; i < m; ++i) {
        out[i] = linalg::fast_exp(x[i] - top[i]);
        sum[i] += out[i];
      }
    }
    for (Index i = 0; i < m; ++i) sum[i] = 1.0 / sum[i];
    for (Index k = 0; k < K; ++k) {
      const double* y = Y_ + begin + k * n;
      double* out = r + begin + k * n;
      for (Index i = 0; i < m; ++i) out[i] = y[i] - out[i] * sum[i];
    }
  }
}

double Multinomial::evaluate(const double* eta, double* r) const {
  const Index n = rows(), K = outputs();
  double top[k_block], sum[k_block], linear[k_block];
  double total = 0.0;
  for (Index begin = 0; begin < n; begin += k_block) {
    const Index m = std::min(k_block, n - begin);
    row_maximum(eta + begin, n, K, m, top);
    std::fill_n(sum, m, 0.0);
    std::fill_n(linear, m, 0.0);
    for (Index k = 0; k < K; ++k) {
      const double* x = eta + begin + k * n;
      const double* y = Y_ + begin + k * n;
      double* out = r + begin + k * n;
      for (Index i = 0; i < m; ++i) {
        const double d = x[i] - top[i];
        out[i] = linalg::fast_exp(d);
        sum[i] += out[i];
        linear[i] += y[i] * d;
      }
    }
    for (Index i = 0; i < m; ++i) {
      top[i] = linalg::fast_log(sum[i]) - linear[i];
      sum[i] = 1.0 / sum[i];
    }
    total += linalg::dot(weights() + begin, top, m);
    for (Index k = 0; k < K; ++k) {
      const double* y = Y_ + begin + k * n;
      double* out = r + begin + k * n;
      for (Index i = 0; i < m; ++i) out[i] = y[i] - out[i] * sum[i];
    }
  }
  return total;
}

double Multinomial::dual(const double* r, double c) const {
  const Index n = rows(), K = outputs();
  double entropy[k_block];
  double total = 0.0;
  for (Index k = 0; k < K; ++k) {
    const double* y = Y_ + k * n;
    const double* res = r + k * n;
    for (Index begin = 0; begin < n; begin += k_block) {
      const Index m = std::min(k_block, n - begin);
      for (Index i = 0; i < m; ++i) {
        entropy[i] = linalg::xlogx(y[begin + i] - c * res[begin + i]);
      }
      total -= linalg::dot(weights() + begin, entropy, m);
    }
  }
  return total;
}

void Multinomial::curvature(const double* r, Index k, Index l, double* h) const {
  const Index n = rows();
  const double* s = weights();
  const double* yk = Y_ + k * n;
  const double* rk = r + k * n;
  if (k == l) {
    for (Index i = 0; i < n; ++i) {
      const double p = yk[i] - rk[i];
      h[i] = s[i] * (p * (1.0 - p));
    }
    return;
  }
  const double* yl = Y_ + l * n;
  const double* rl = r + l * n;
  for (Index i = 0; i < n; ++i) h[i] = -s[i] * ((yk[i] - rk[i]) * (yl[i] - rl[i]));
}

}  // namespace taut::datafit
