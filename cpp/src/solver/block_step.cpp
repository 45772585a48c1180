// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/block_step.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "taut/linalg/kernels.hpp"
#include "taut/linalg/symmetric.hpp"

namespace taut::solver {
namespace {

/// Larger blocks have no eigenbasis: 10 n^3 flops would no longer be nothing.
constexpr Index k_most_eigen = 256;
/// Majorised steps on one block before the others hear of it.
constexpr int k_majorised_steps = 5;
constexpr int k_root_steps = 50;
constexpr double k_inf = std::numeric_limits<double>::infinity();
/// Eigenvalues below this share of the largest are rounding of zero.
constexpr double k_rank_tolerance = 1e-13;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

double square_of(const double* x, Index n) {
  double square = 0.0;
  for (Index i = 0; i < n; ++i) square += x[i] * x[i];
  return square;
}

}  // namespace

double norm_root(const double* squares, const double* values, Index size, double ridge,
                 double norm) {
  double total = 0.0, least = k_inf, most = 0.0;
  for (Index i = 0; i < size; ++i) {
    total += squares[i];
    least = std::min(least, values[i]);
    most = std::max(most, values[i]);
  }
  const double excess = std::sqrt(total) - norm;
  if (!(excess > 0.0)) return 0.0;
  double low = excess / (most + ridge);
  double high = least + ridge > 0.0 ? excess / (least + ridge) : k_inf;
  // Newton on S^(-1/2) - 1, which is nearly linear in h; it is concave, so that from the left every
  // step falls short and the iterates increase.
  double h = low;
  for (int step = 0; step < k_root_steps && low < high; ++step) {
    double s = 0.0, t = 0.0;
    for (Index i = 0; i < size; ++i) {
      const double a = values[i] + ridge;
      const double inverse = 1.0 / (a * h + norm);
      const double term = squares[i] * inverse * inverse;
      s += term;
      t += term * a * inverse;
    }
    if (s >= 1.0) {
      low = h;
    } else {
      high = h;
    }
    const double change = s * (std::sqrt(s) - 1.0) / t;
    if (!(std::abs(change) > 1e-15 * h)) break;
    h += change;
    if (!(h >= low && h <= high)) h = std::isinf(high) ? 2.0 * low : 0.5 * (low + high);
  }
  return h;
}

void prox_norm(const penalty::BlockNorm& norm, double curvature, Index size, double* z) {
  const double inverse = 1.0 / curvature;
  const double lasso = norm.lasso * inverse, t = norm.norm * inverse;
  double square = 0.0;
  for (Index i = 0; i < size; ++i) {
    if (lasso > 0.0) z[i] = z[i] > lasso ? z[i] - lasso : (z[i] < -lasso ? z[i] + lasso : 0.0);
    square += z[i] * z[i];
  }
  const double length = std::sqrt(square);
  const double shrink = length > t ? (1.0 - t / length) / (1.0 + norm.ridge * inverse) : 0.0;
  for (Index i = 0; i < size; ++i) z[i] *= shrink;
}

BlockStep::BlockStep(Index size, const double* H, Index ld) : size_(size), gram_(at(size * size)) {
  double rows = 0.0, square = 0.0;
  for (Index b = 0; b < size; ++b) {
    double sum = 0.0;
    for (Index a = 0; a < size; ++a) {
      const double value = H[a + b * ld];
      gram_[at(a + b * size)] = value;
      sum += std::abs(value);
      square += value * value;
    }
    rows = std::max(rows, sum);
  }
  bound_ = std::min(rows, std::sqrt(square));
  if (size > k_most_eigen) return;
  values_.resize(at(size));
  if (size == 1) {
    values_[0] = gram_[0];
    return;
  }
  vectors_.resize(at(size * size));
  std::vector<double> work = gram_;
  linalg::eigen_jacobi(size, work.data(), values_.data(), vectors_.data());
  for (double& x : values_) x = std::max(x, 0.0);
  bound_ = *std::max_element(values_.begin(), values_.end()) * (1.0 + 1e-12);
}

void BlockStep::exact(const penalty::BlockNorm& norm, Index outputs, double* w,
                      const double* residual, std::vector<double>& scratch) const {
  const Index K = outputs, n = size_;
  if (n == 1) {
    // H is a number: v = H w + residual is shrunk.
    const double curvature = values_[0];
    if (!(curvature + norm.ridge > 0.0)) return;
    double square = 0.0;
    for (Index k = 0; k < K; ++k) {
      w[k] = curvature * w[k] + residual[k];
      square += w[k] * w[k];
    }
    const double length = std::sqrt(square);
    const double shrink =
        length > norm.norm ? (1.0 - norm.norm / length) / (curvature + norm.ridge) : 0.0;
    for (Index k = 0; k < K; ++k) w[k] *= shrink;
    return;
  }
  // In the eigenbasis: c = V'w, v = values c + V'residual.
  scratch.resize(at(2 * n * K + n));
  double* c = scratch.data();
  double* v = c + n * K;
  double* squares = v + n * K;
  for (Index i = 0; i < n; ++i) {
    const double* vector = &vectors_[at(i * n)];
    if (K == 1) {
      double along = 0.0, rest = 0.0;
      for (Index a = 0; a < n; ++a) {
        along += vector[a] * w[a];
        rest += vector[a] * residual[a];
      }
      c[i] = along;
      v[i] = values_[at(i)] * along + rest;
      squares[i] = v[i] * v[i];
      continue;
    }
    double* ci = c + i * K;
    double* vi = v + i * K;
    std::fill_n(ci, K, 0.0);
    std::fill_n(vi, K, 0.0);
    for (Index a = 0; a < n; ++a) {
      linalg::axpy(vector[a], w + a * K, ci, K);
      linalg::axpy(vector[a], residual + a * K, vi, K);
    }
    linalg::axpy(values_[at(i)], ci, vi, K);
    squares[i] = square_of(vi, K);
  }
  if (norm.norm > 0.0) {
    const double h = norm_root(squares, values_.data(), n, norm.ridge, norm.norm);
    for (Index i = 0; i < n; ++i) {
      const double factor = h > 0.0 ? h / ((values_[at(i)] + norm.ridge) * h + norm.norm) : 0.0;
      for (Index k = 0; k < K; ++k) c[i * K + k] = factor * v[i * K + k];
    }
  } else {
    for (Index i = 0; i < n; ++i) {
      const double curvature = values_[at(i)] + norm.ridge;
      // Directions without curvature and penalty stay where they are.
      if (!(curvature > k_rank_tolerance * bound_)) continue;
      for (Index k = 0; k < K; ++k) c[i * K + k] = v[i * K + k] / curvature;
    }
  }
  std::fill_n(w, n * K, 0.0);
  for (Index i = 0; i < n; ++i) {
    const double* vector = &vectors_[at(i * n)];
    for (Index a = 0; a < n; ++a) {
      for (Index k = 0; k < K; ++k) w[a * K + k] += vector[a] * c[i * K + k];
    }
  }
}

bool BlockStep::majorised(const penalty::BlockNorm& norm, Index outputs, double* w,
                          const double* residual, std::vector<double>& scratch) const {
  const Index K = outputs, n = size_ * K;
  if (!(bound_ > 0.0)) return false;
  scratch.resize(at(2 * n));
  double* next = scratch.data();
  double* rest = next + n;
  std::copy_n(residual, n, rest);
  bool changed = false;
  for (int step = 0; step < k_majorised_steps; ++step) {
    const double inverse = 1.0 / bound_;
    for (Index i = 0; i < n; ++i) next[i] = w[i] + rest[i] * inverse;
    prox_norm(norm, bound_, n, next);
    double moved = 0.0;
    for (Index i = 0; i < n; ++i) {
      const double now = next[i];
      next[i] = now - w[i];
      moved = std::max(moved, std::abs(next[i]));
      w[i] = now;
    }
    if (moved == 0.0) break;
    changed = true;
    for (Index a = 0; a < size_; ++a) {
      const double* column = &gram_[at(a * size_)];
      if (K == 1) {
        if (next[a] != 0.0) linalg::axpy(-next[a], column, rest, size_);
        continue;
      }
      for (Index b = 0; b < size_; ++b) linalg::axpy(-column[b], next + a * K, rest + b * K, K);
    }
  }
  return changed;
}

bool BlockStep::operator()(const penalty::BlockNorm& norm, Index outputs, double* w,
                           const double* residual, std::vector<double>& scratch) const {
  const Index n = size_ * outputs;
  if (norm.norm > 0.0 && std::all_of(w, w + n, [](double x) { return x == 0.0; })) {
    // At zero, and it stays there if what pulls is weaker than the norm.
    double square = 0.0;
    for (Index i = 0; i < n; ++i) {
      const double over = std::max(0.0, std::abs(residual[i]) - norm.lasso);
      square += over * over;
    }
    if (square <= norm.norm * norm.norm) return false;
  }
  if (norm.lasso > 0.0 || values_.empty()) return majorised(norm, outputs, w, residual, scratch);
  exact(norm, outputs, w, residual, scratch);
  return true;
}

}  // namespace taut::solver
