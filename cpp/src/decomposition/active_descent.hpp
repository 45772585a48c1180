// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "stage.hpp"
#include "taut/core/buffer.hpp"

namespace taut::decomposition {

/// Coordinate descent for the code of one signal after the other.
///
/// The active atoms have a Gram matrix of their own, contiguous and small enough for the first
/// cache, on which sweeps cost m^2; the pulls of all atoms are renewed only when sweeps have done
/// what they can. An update is a chain of about thirty cycles (pull, prox, difference, pull of the
/// next), which is why the loops are as short as they are.
template <class T>
class ActiveDescent {
 public:
  ActiveDescent(const T* gram, Index ld, const std::vector<double>& squared_norms);

  /// Code of the signal whose pulls A's are `pulls` (ld); true if it was finished.
  bool solve(const T* pulls, const std::vector<StagePenalty<T>>& stages, double tol,
             bool nonnegative);

  Index size() const { return size_; }
  std::int32_t atom(Index i) const { return atom_[i]; }
  T value(Index i) const { return value_[i]; }
  Index n_iter() const { return n_iter_; }
  Index n_updates() const { return n_updates_; }

 private:
  /// Rows of the small matrix come in multiples of this; those beyond the last atom are zero.
  static constexpr Index k_block = 8;
  /// Entries of the scan for the largest pull whose maximum is kept.
  static constexpr Index k_scan = 32;
  /// Sweeps before it is looked whether another atom should come in.
  static constexpr Index k_few = 3;
  /// L1 has one minimum, whoever comes first: atoms of at least this share of the largest pull come
  /// in together.
  static constexpr double k_share = 0.6;

  void begin(const T* pulls);
  void enter_stage(const StagePenalty<T>& stage);
  void gather(const StagePenalty<T>& stage, Index i);
  void add(std::int32_t k, const StagePenalty<T>& stage);
  void grow();
  void renew_pulls();
  template <bool Nonnegative>
  T largest_score();
  template <bool Nonnegative>
  void add_above(T least, bool several, const StagePenalty<T>& stage);
  template <penalty::Shape S, bool Nonnegative>
  bool run_stage(const StagePenalty<T>& stage, double tol);
  template <penalty::Shape S, bool Nonnegative>
  T sweep();

  const T* all_gram_;
  const Index ld_;
  std::vector<T> norm_, inverse_;  ///< ||a_k||, 1 / ||a_k||^2
  Buffer<T> pull_, scale_, block_max_;
  Index size_ = 0, capacity_ = 0;
  T step_scale_ = T(0);  ///< max |a_k's| / ||a_k||
  Index n_iter_ = 0, n_updates_ = 0;

  // By place in the active set.
  Buffer<std::int32_t> atom_;
  Buffer<T> value_, sent_, local_, gram_, inverse_at_, norm_at_, alpha_, gamma_, prox_step_, cut_;
};

template <class T>
ActiveDescent<T>::ActiveDescent(const T* gram, Index ld, const std::vector<double>& squared_norms)
    : all_gram_(gram),
      ld_(ld),
      norm_(static_cast<std::size_t>(ld), T(0)),
      inverse_(static_cast<std::size_t>(ld), T(0)),
      pull_(ld),
      scale_(ld),
      block_max_((ld + k_scan - 1) / k_scan) {
  for (std::size_t k = 0; k < squared_norms.size(); ++k) {
    if (!(squared_norms[k] > 0.0)) continue;
    norm_[k] = static_cast<T>(std::sqrt(squared_norms[k]));
    inverse_[k] = static_cast<T>(1.0 / squared_norms[k]);
  }
  grow();
}

template <class T>
void ActiveDescent<T>::grow() {
  const Index before = capacity_;
  capacity_ = std::max<Index>(64, 2 * before);
  for (Buffer<T>* buffer :
       {&value_, &sent_, &local_, &inverse_at_, &norm_at_, &alpha_, &gamma_, &prox_step_, &cut_}) {
    buffer->reserve(capacity_, before);
  }
  atom_.reserve(capacity_, before);
  Buffer<T> larger(capacity_ * capacity_);
  for (Index i = 0; i < before; ++i) {
    std::copy_n(gram_.data() + i * before, before, larger.data() + i * capacity_);
  }
  gram_.swap(larger);
}

template <class T>
void ActiveDescent<T>::begin(const T* pulls) {
  size_ = 0;
  n_iter_ = n_updates_ = 0;
  std::copy_n(pulls, ld_, pull_.data());
  T largest = T(0);
  const T* norm = norm_.data();
  const T* inverse = inverse_.data();
#pragma omp simd reduction(max : largest)
  for (Index k = 0; k < ld_; ++k) {
    const T size = std::abs(pulls[k]) * norm[k] * inverse[k];
    largest = size > largest ? size : largest;
  }
  step_scale_ = largest;
}

template <class T>
void ActiveDescent<T>::gather(const StagePenalty<T>& stage, Index i) {
  const auto k = static_cast<std::size_t>(atom_[i]);
  alpha_[i] = stage.alpha[k];
  gamma_[i] = stage.gamma[k];
  prox_step_[i] = stage.step[k];
  cut_[i] = stage.cut[k];
  scale_[atom_[i]] = T(0);
}

template <class T>
void ActiveDescent<T>::enter_stage(const StagePenalty<T>& stage) {
  std::copy_n(stage.pull_scale.data(), ld_, scale_.data());
  for (Index i = 0; i < size_; ++i) gather(stage, i);
}

template <class T>
void ActiveDescent<T>::add(std::int32_t k, const StagePenalty<T>& stage) {
  if (size_ == capacity_) grow();
  const Index i = size_++;
  atom_[i] = k;
  value_[i] = sent_[i] = T(0);
  local_[i] = pull_[k];
  norm_at_[i] = norm_[static_cast<std::size_t>(k)];
  inverse_at_[i] = inverse_[static_cast<std::size_t>(k)];
  gather(stage, i);
  if (i % k_block == 0) {
    for (Index j = 0; j < i; ++j) std::fill_n(gram_.data() + j * capacity_ + i, k_block, T(0));
    std::fill_n(local_.data() + i + 1, k_block - 1, T(0));
  }
  const T* column = all_gram_ + k * ld_;
  T* own = gram_.data() + i * capacity_;
  for (Index j = 0; j < i; ++j) own[j] = gram_[j * capacity_ + i] = column[atom_[j]];
  own[i] = column[k];
  std::fill(own + i + 1, own + (i / k_block + 1) * k_block, T(0));
}

/// pull = A'(s - A r) after sweeps have changed r, four columns of the Gram matrix at a time.
template <class T>
void ActiveDescent<T>::renew_pulls() {
  T* __restrict pull = pull_.data();
  T change[4];
  const T* column[4];
  int n = 0;
  const auto apply = [&] {
    const T d0 = change[0], d1 = change[1], d2 = change[2], d3 = change[3];
    const T* __restrict g0 = column[0], * __restrict g1 = column[1];
    const T* __restrict g2 = column[2], * __restrict g3 = column[3];
    for (Index k = 0; k < ld_; ++k) {
      pull[k] -= (d0 * g0[k] + d1 * g1[k]) + (d2 * g2[k] + d3 * g3[k]);
    }
    n = 0;
  };
  for (Index i = 0; i < size_; ++i) {
    if (value_[i] == sent_[i]) continue;
    change[n] = value_[i] - sent_[i];
    column[n] = all_gram_ + atom_[i] * ld_;
    sent_[i] = value_[i];
    if (++n == 4) apply();
  }
  if (n > 0) {
    for (int rest = n; rest < 4; ++rest) {
      change[rest] = T(0);
      column[rest] = column[0];
    }
    apply();
  }
  for (Index i = 0; i < size_; ++i) local_[i] = pull_[atom_[i]];
}

/// Pull of the atom that is farthest above its threshold, in units of that.
template <class T>
template <bool Nonnegative>
T ActiveDescent<T>::largest_score() {
  const T* pull = pull_.data();
  const T* scale = scale_.data();
  T best = T(0);
  for (Index from = 0, b = 0; from < ld_; from += k_scan, ++b) {
    const Index to = std::min(from + k_scan, ld_);
    T largest = T(0);
#pragma omp simd reduction(max : largest)
    for (Index k = from; k < to; ++k) {
      const T score = (Nonnegative ? pull[k] : std::abs(pull[k])) * scale[k];
      largest = score > largest ? score : largest;
    }
    block_max_[b] = largest;
    best = largest > best ? largest : best;
  }
  return best;
}

/// Adds the first atom that scores `least`, or all of them.
template <class T>
template <bool Nonnegative>
void ActiveDescent<T>::add_above(T least, bool several, const StagePenalty<T>& stage) {
  for (Index from = 0, b = 0; from < ld_; from += k_scan, ++b) {
    if (block_max_[b] < least) continue;
    const Index to = std::min(from + k_scan, ld_);
    for (Index k = from; k < to; ++k) {
      const T score = (Nonnegative ? pull_[k] : std::abs(pull_[k])) * scale_[k];
      if (score < least) continue;
      add(static_cast<std::int32_t>(k), stage);
      if (!several) return;
    }
  }
}

/// One pass over the active atoms; the largest change, in units of the signal.
template <class T>
template <penalty::Shape S, bool Nonnegative>
T ActiveDescent<T>::sweep() {
  const Index padded = (size_ + k_block - 1) / k_block * k_block;
  T* __restrict local = local_.data();
  T largest = T(0);
  for (Index i = 0; i < size_; ++i) {
    const T z = value_[i] + local[i] * inverse_at_[i];
    const T next = signed_prox<S, Nonnegative>(alpha_[i], gamma_[i], prox_step_[i], cut_[i], z);
    const T change = next - value_[i];
    if (change == T(0)) continue;
    value_[i] = next;
    largest = std::max(largest, std::abs(change) * norm_at_[i]);
    const T* __restrict column = gram_.data() + i * capacity_;
    for (Index from = 0; from < padded; from += k_block) {
      for (Index j = 0; j < k_block; ++j) local[from + j] -= change * column[from + j];
    }
  }
  return largest;
}

template <class T>
template <penalty::Shape S, bool Nonnegative>
bool ActiveDescent<T>::run_stage(const StagePenalty<T>& stage, double tol) {
  const T least_change = static_cast<T>(tol) * step_scale_;
  constexpr bool several = S == penalty::Shape::l1;
  bool settled = size_ == 0;
  // An atom enters when its step would be worth a sweep.
  T enter = T(-1);
  Index used = 0, budget = k_few;
  for (;;) {
    for (Index s = 0; s < budget && !settled; ++s) {
      if (used == stage.max_iter) {
        renew_pulls();
        n_iter_ += used;
        return false;
      }
      ++used;
      n_updates_ += size_;
      settled = sweep<S, Nonnegative>() <= least_change;
    }
    renew_pulls();
    const T best = largest_score<Nonnegative>();
    if (enter < T(0)) enter = T(1) + (stage.jumps ? T(0) : static_cast<T>(tol) * best);
    if (best > enter) {
      const T share = static_cast<T>(k_share) * best;
      add_above<Nonnegative>(several ? std::max(enter, share) : best, several, stage);
      settled = false;
      budget = k_few;
    } else if (settled) {
      n_iter_ += used;
      return true;
    } else {
      budget = stage.max_iter;
    }
  }
}

template <class T>
bool ActiveDescent<T>::solve(const T* pulls, const std::vector<StagePenalty<T>>& stages, double tol,
                             bool nonnegative) {
  begin(pulls);
  bool finished = true;
  if (step_scale_ == T(0)) return finished;
  for (const StagePenalty<T>& stage : stages) {
    enter_stage(stage);
    with_shape(stage.shape, nonnegative, [&](auto shape, auto sign) {
      finished = run_stage<decltype(shape)::value, decltype(sign)::value>(stage, tol);
    });
  }
  return finished;
}

}  // namespace taut::decomposition
