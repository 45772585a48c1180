// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "stage.hpp"
#include "taut/core/buffer.hpp"
#include "taut/linalg/dense.hpp"

namespace taut::decomposition {

/// Proximal gradient steps on a tile of signals: one matrix product moves them all, and columns that
/// are done leave the tile. A column's bits do not depend on its neighbours.
template <class T>
class GradientSteps {
 public:
  /// Products of a step: with the Gram matrix, or with A and A' where `gram` is null.
  GradientSteps(const linalg::PackedLeft<T>* gram, const linalg::PackedLeft<T>& pulls,
                const linalg::PackedLeft<T>& images, Index p, Index ld,
                const std::vector<double>& squared_norms, T step, Index width);

  /// Codes (ld x width, by signal) of `signals` (p x width) whose pulls are given.
  void solve(DenseView<T> signals, const T* pulls, const std::vector<StagePenalty<T>>& stages,
             double tol, bool nonnegative, bool momentum);

  const T* codes(Index signal) const { return codes_.data() + signal * ld_; }
  bool finished(Index signal) const { return finished_[static_cast<std::size_t>(signal)]; }
  Index n_iter(Index signal) const { return iterations_[static_cast<std::size_t>(signal)]; }

 private:
  template <penalty::Shape S, bool Nonnegative>
  void run_stage(DenseView<T> signals, const T* pulls, const StagePenalty<T>& stage, double tol,
                 bool momentum);
  T largest_change(const T* before, const T* after) const;
  template <penalty::Shape S, bool Nonnegative>
  void step_column(const StagePenalty<T>& stage, const T* at, const T* gradient, T* out) const;
  void gradient(Index n);
  void move_column(Index from, Index to);

  const linalg::PackedLeft<T>* gram_;
  const linalg::PackedLeft<T>&pulls_left_, &images_left_;
  const Index p_, ld_, ld_signal_;
  const T step_;
  std::vector<T> norm_, inverse_norm_;
  Buffer<T> codes_, at_, base_, signal_, gradient_, before_, image_;
  std::vector<Index> who_;  ///< signal in each column of the tile
  std::vector<double> inertia_;
  std::vector<Index> iterations_;
  std::vector<T> scale_;
  std::vector<char> finished_;
};

template <class T>
GradientSteps<T>::GradientSteps(const linalg::PackedLeft<T>* gram,
                                const linalg::PackedLeft<T>& pulls,
                                const linalg::PackedLeft<T>& images, Index p, Index ld,
                                const std::vector<double>& squared_norms, T step, Index width)
    : gram_(gram),
      pulls_left_(pulls),
      images_left_(images),
      p_(p),
      ld_(ld),
      ld_signal_(linalg::PackedLeft<T>::padded_rows(p)),
      step_(step),
      norm_(static_cast<std::size_t>(ld), T(0)),
      inverse_norm_(static_cast<std::size_t>(ld), T(0)),
      codes_(ld * width),
      at_(ld * width),
      base_(ld * width),
      signal_(gram ? 0 : ld_signal_ * width),
      gradient_(ld * width),
      before_(ld),
      image_(gram ? 0 : ld_signal_ * width),
      who_(static_cast<std::size_t>(width)),
      inertia_(static_cast<std::size_t>(width)),
      iterations_(static_cast<std::size_t>(width)),
      scale_(static_cast<std::size_t>(width)),
      finished_(static_cast<std::size_t>(width)) {
  for (std::size_t k = 0; k < squared_norms.size(); ++k) {
    if (!(squared_norms[k] > 0.0)) continue;
    norm_[k] = static_cast<T>(std::sqrt(squared_norms[k]));
    inverse_norm_[k] = static_cast<T>(1.0 / std::sqrt(squared_norms[k]));
  }
}

/// gradient_ = A'(s - A at_) for the first n columns of the tile.
template <class T>
void GradientSteps<T>::gradient(Index n) {
  if (gram_) {
    gram_->multiply(T(-1), n, at_.data(), ld_, base_.data(), ld_, gradient_.data(), ld_);
    return;
  }
  images_left_.multiply(T(-1), n, at_.data(), ld_, signal_.data(), ld_signal_, image_.data(),
                        ld_signal_);
  pulls_left_.multiply(T(1), n, image_.data(), ld_signal_, nullptr, 0, gradient_.data(), ld_);
}

template <class T>
void GradientSteps<T>::move_column(Index from, Index to) {
  if (from == to) return;
  who_[static_cast<std::size_t>(to)] = who_[static_cast<std::size_t>(from)];
  inertia_[static_cast<std::size_t>(to)] = inertia_[static_cast<std::size_t>(from)];
  for (Buffer<T>* buffer : {&at_, &base_, &gradient_}) {
    std::copy_n(buffer->data() + from * ld_, ld_, buffer->data() + to * ld_);
  }
  if (!gram_) {
    std::copy_n(signal_.data() + from * ld_signal_, ld_signal_, signal_.data() + to * ld_signal_);
  }
}

template <class T>
template <penalty::Shape S, bool Nonnegative>
void GradientSteps<T>::step_column(const StagePenalty<T>& stage, const T* __restrict at,
                                   const T* __restrict gradient, T* __restrict out) const {
  const T step = step_;
  if (stage.uniform) {
    const T alpha = stage.alpha[0], gamma = stage.gamma[0], t = stage.step[0], cut = stage.cut[0];
    for (Index k = 0; k < ld_; ++k) {
      out[k] = signed_prox<S, Nonnegative>(alpha, gamma, t, cut, at[k] + step * gradient[k]);
    }
    return;
  }
  const T *alpha = stage.alpha.data(), *gamma = stage.gamma.data(), *t = stage.step.data();
  const T *cut = stage.cut.data(), *norm = norm_.data();
  for (Index k = 0; k < ld_; ++k) {
    const T z = at[k] + step * gradient[k];
    const T u = signed_prox<S, Nonnegative>(alpha[k], gamma[k], t[k], cut[k], z);
    out[k] = norm[k] > T(0) ? u : T(0);
  }
}

template <class T>
T GradientSteps<T>::largest_change(const T* before, const T* after) const {
  const T* norm = norm_.data();
  T largest = T(0);
#pragma omp simd reduction(max : largest)
  for (Index k = 0; k < ld_; ++k) {
    const T change = std::abs(after[k] - before[k]) * norm[k];
    largest = change > largest ? change : largest;
  }
  return largest;
}

template <class T>
template <penalty::Shape S, bool Nonnegative>
void GradientSteps<T>::run_stage(DenseView<T> signals, const T* pulls, const StagePenalty<T>& stage,
                                 double tol, bool momentum) {
  Index n = 0;
  for (Index i = 0; i < signals.cols; ++i) {
    const auto signal = static_cast<std::size_t>(i);
    finished_[signal] = scale_[signal] == T(0);
    if (finished_[signal]) continue;
    who_[static_cast<std::size_t>(n)] = i;
    inertia_[static_cast<std::size_t>(n)] = 1.0;
    std::copy_n(codes_.data() + i * ld_, ld_, at_.data() + n * ld_);
    std::copy_n(pulls + i * ld_, ld_, base_.data() + n * ld_);
    if (!gram_) {
      T* to = signal_.data() + n * ld_signal_;
      std::copy_n(signals.col(i), p_, to);
      std::fill(to + p_, to + ld_signal_, T(0));
    }
    ++n;
  }
  for (Index iteration = 0; iteration < stage.max_iter && n > 0; ++iteration) {
    gradient(n);
    // From the last column, so that what moves into a gap has been dealt with.
    for (Index c = n - 1; c >= 0; --c) {
      const auto column = static_cast<std::size_t>(c);
      const auto signal = static_cast<std::size_t>(who_[column]);
      T* code = codes_.data() + who_[column] * ld_;
      T* at = at_.data() + c * ld_;
      std::copy_n(code, ld_, before_.data());
      step_column<S, Nonnegative>(stage, at, gradient_.data() + c * ld_, code);
      ++iterations_[signal];
      if (largest_change(before_.data(), code) <= static_cast<T>(tol) * scale_[signal]) {
        finished_[signal] = 1;
        move_column(--n, c);
        continue;
      }
      if (!momentum) {
        std::copy_n(code, ld_, at);
        continue;
      }
      // Restart by the gradient scheme (O'Donoghue and Candes, Found. Comput. Math. 15, 2015).
      T along = T(0);
      const T* before = before_.data();
      for (Index k = 0; k < ld_; ++k) along += (at[k] - code[k]) * (code[k] - before[k]);
      const double inertia = along > T(0) ? 1.0 : inertia_[column];
      const double next = 0.5 * (1.0 + std::sqrt(1.0 + 4.0 * inertia * inertia));
      const T beta = along > T(0) ? T(0) : static_cast<T>((inertia - 1.0) / next);
      for (Index k = 0; k < ld_; ++k) at[k] = code[k] + beta * (code[k] - before[k]);
      inertia_[column] = along > T(0) ? 1.0 : next;
    }
  }
}

template <class T>
void GradientSteps<T>::solve(DenseView<T> signals, const T* pulls,
                             const std::vector<StagePenalty<T>>& stages, double tol,
                             bool nonnegative, bool momentum) {
  std::fill(iterations_.begin(), iterations_.end(), Index{0});
  std::fill_n(codes_.data(), signals.cols * ld_, T(0));
  for (Index i = 0; i < signals.cols; ++i) {
    T largest = T(0);
    for (Index k = 0; k < ld_; ++k) {
      largest = std::max(largest,
                         std::abs(pulls[i * ld_ + k]) * inverse_norm_[static_cast<std::size_t>(k)]);
    }
    scale_[static_cast<std::size_t>(i)] = largest;
  }
  for (const StagePenalty<T>& stage : stages) {
    with_shape(stage.shape, nonnegative, [&](auto shape, auto sign) {
      run_stage<decltype(shape)::value, decltype(sign)::value>(
          signals, pulls, stage, tol, momentum && stage.shape == penalty::Shape::l1);
    });
  }
}

}  // namespace taut::decomposition
