// SPDX-License-Identifier: BSD-3-Clause
#include "taut/decomposition/dictionary.hpp"

#include <algorithm>
#include <cmath>

#include "taut/linalg/dense.hpp"
#include "taut/linalg/kernels.hpp"

namespace taut::decomposition {
namespace {

/// Exponent of the forgetting factor (1 - 1/t)^rho.
constexpr double k_forgetting = 2.0;
constexpr double k_least_moment = 1e-10;
/// Of the usage: about the last hundred batches.
constexpr double k_usage_fade = 0.99;
constexpr std::int64_t k_dead_window = 100;
constexpr double k_dead_share = 1e-3;
constexpr std::int64_t k_control_window = 20;
constexpr double k_control_gain = 0.5;
constexpr double k_homeostasis = 0.1;
constexpr double k_objective_fade = 0.9;
constexpr Index k_stop_window = 10;

template <class T>
class Learner {
 public:
  Learner(DenseView<T> signals, const LearningOptions& options, LearnerState& state,
          Monitor& monitor)
      : signals_(signals), options_(options), state_(state), monitor_(monitor) {}

  /// Codes the given columns and moves the dictionary.
  void step(const std::int64_t* columns, Index b, LearningCurves& curves);

 private:
  void measure(const Codes<T>& codes, Index b, LearningCurves& curves);
  void update_online(const Codes<T>& codes, Index b);
  void update_sgd(const Codes<T>& codes, Index b);
  void replace_dead(Index b);
  void steer(double active);
  double* atom(Index k) { return state_.atoms.data() + k * state_.p; }
  bool normalise(double* a) const;

  const DenseView<T> signals_;
  const LearningOptions& options_;
  LearnerState& state_;
  Monitor& monitor_;
  std::vector<T> batch_, dictionary_;
  std::vector<double> residual_, weights_, before_;
};

template <class T>
bool Learner<T>::normalise(double* a) const {
  const double norm = std::sqrt(linalg::dot(a, a, state_.p));
  if (!(norm > 0.0)) return false;
  for (Index i = 0; i < state_.p; ++i) a[i] /= norm;
  return true;
}

/// Residuals, usage and the curves of this batch.
template <class T>
void Learner<T>::measure(const Codes<T>& codes, Index b, LearningCurves& curves) {
  const Index p = state_.p;
  const CodingOptions& coding = options_.coding;
  penalty::Folded f{coding.shape, state_.alpha, coding.gamma};
  if (f.shape == penalty::Shape::cel0) {
    f.alpha = std::sqrt(2.0 * state_.alpha);
    f.gamma = 1.0;
  }
  for (double& share : state_.usage) share *= k_usage_fade;
  double error = 0.0, total = 0.0, cost = 0.0;
  for (Index i = 0; i < b; ++i) {
    const auto from = static_cast<std::size_t>(codes.starts[static_cast<std::size_t>(i)]);
    const auto to = static_cast<std::size_t>(codes.starts[static_cast<std::size_t>(i) + 1]);
    double* rest = residual_.data() + i * p;
    const T* signal = batch_.data() + i * p;
    for (Index j = 0; j < p; ++j) rest[j] = static_cast<double>(signal[j]);
    total += linalg::dot(rest, rest, p);
    for (std::size_t e = from; e < to; ++e) {
      const auto k = static_cast<std::size_t>(codes.atoms[e]);
      const auto value = static_cast<double>(codes.values[e]);
      linalg::axpy(-value, atom(codes.atoms[e]), rest, p);
      cost += penalty::value(f, value) * (weights_.empty() ? 1.0 : weights_[k]);
      state_.window[k] += 1.0;
      state_.usage[k] += (1.0 - k_usage_fade) / static_cast<double>(b);
    }
    error += linalg::dot(rest, rest, p);
  }
  const auto n = static_cast<double>(b);
  curves.error.push_back(total > 0.0 ? error / total : 0.0);
  curves.active.push_back(static_cast<double>(codes.values.size()) / n);
  curves.objective.push_back((0.5 * error + cost) / n);
}

template <class T>
void Learner<T>::update_online(const Codes<T>& codes, Index b) {
  const Index p = state_.p, K = state_.K;
  const double fade = std::pow(1.0 - 1.0 / static_cast<double>(state_.n_batches + 1), k_forgetting);
  for (double& entry : state_.moments) entry *= fade;
  for (double& entry : state_.cross) entry *= fade;
  const double share = 1.0 / static_cast<double>(b);
  for (Index i = 0; i < b; ++i) {
    const auto from = static_cast<std::size_t>(codes.starts[static_cast<std::size_t>(i)]);
    const auto to = static_cast<std::size_t>(codes.starts[static_cast<std::size_t>(i) + 1]);
    for (std::size_t e = from; e < to; ++e) {
      const double value = share * static_cast<double>(codes.values[e]);
      linalg::axpy(value, batch_.data() + i * p, state_.cross.data() + codes.atoms[e] * p, p);
      double* column = state_.moments.data() + codes.atoms[e] * K;
      for (std::size_t other = from; other < to; ++other) {
        column[codes.atoms[other]] += value * static_cast<double>(codes.values[other]);
      }
    }
  }
  std::vector<double>& change = before_;
  change.resize(static_cast<std::size_t>(p));
  for (Index k = 0; k < K; ++k) {
    const double* column = state_.moments.data() + k * K;
    const double own = column[k];
    if (own == 0.0) continue;
    std::copy_n(state_.cross.data() + k * p, p, change.data());
    linalg::add_gemv(p, K, -1.0, state_.atoms.data(), p, column, change.data());
    linalg::axpy(1.0 / std::max(own, k_least_moment), change.data(), atom(k), p);
    // An atom that its signals have cancelled starts again from what they leave.
    if (!normalise(atom(k))) {
      std::copy_n(state_.cross.data() + k * p, p, atom(k));
      if (!normalise(atom(k))) atom(k)[0] = 1.0;
    }
  }
}

/// Olshausen and Field's gradient step; divided by the largest mean square code it cannot overshoot.
template <class T>
void Learner<T>::update_sgd(const Codes<T>& codes, Index b) {
  const Index p = state_.p;
  std::vector<double> square(static_cast<std::size_t>(state_.K), 0.0);
  for (std::size_t e = 0; e < codes.values.size(); ++e) {
    const auto value = static_cast<double>(codes.values[e]);
    square[static_cast<std::size_t>(codes.atoms[e])] += value * value;
  }
  const double largest = *std::max_element(square.begin(), square.end());
  if (!(largest > 0.0)) return;
  for (Index i = 0; i < b; ++i) {
    const auto from = static_cast<std::size_t>(codes.starts[static_cast<std::size_t>(i)]);
    const auto to = static_cast<std::size_t>(codes.starts[static_cast<std::size_t>(i) + 1]);
    for (std::size_t e = from; e < to; ++e) {
      linalg::axpy(options_.rate * static_cast<double>(codes.values[e]) / largest,
                   residual_.data() + i * p, atom(codes.atoms[e]), p);
    }
  }
  for (Index k = 0; k < state_.K; ++k) {
    if (square[static_cast<std::size_t>(k)] > 0.0 && !normalise(atom(k))) atom(k)[0] = 1.0;
  }
}

/// Atoms that hardly anybody uses become what the dictionary fails to say of some signal.
template <class T>
void Learner<T>::replace_dead(Index b) {
  const Index p = state_.p, K = state_.K;
  double mean = 0.0;
  for (const double uses : state_.window) mean += uses / static_cast<double>(K);
  Philox random(options_.key, static_cast<std::uint64_t>(state_.n_batches));
  for (Index k = 0; k < K; ++k) {
    const auto at = static_cast<std::size_t>(k);
    if (state_.window[at] >= k_dead_share * mean && state_.window[at] > 0.0) continue;
    const double* rest = residual_.data() + random.below(b) * p;
    if (!(linalg::dot(rest, rest, p) > 0.0)) continue;
    std::copy_n(rest, p, atom(k));
    normalise(atom(k));
    for (Index j = 0; j < K; ++j) {
      state_.moments[static_cast<std::size_t>(k * K + j)] = 0.0;
      state_.moments[static_cast<std::size_t>(j * K + k)] = 0.0;
    }
    std::fill_n(state_.cross.data() + k * p, p, 0.0);
    ++state_.n_dead;
  }
  std::fill(state_.window.begin(), state_.window.end(), 0.0);
}

template <class T>
void Learner<T>::steer(double active) {
  state_.recent_active += active;
  if (options_.target_sparsity <= 0.0 || state_.n_batches % k_control_window != 0) return;
  const double mean = state_.recent_active / static_cast<double>(k_control_window);
  // Codes that are all zero say only that alpha is far too large.
  const double ratio = std::max(mean / options_.target_sparsity, 0.01);
  state_.alpha *= std::pow(ratio, k_control_gain);
  state_.recent_active = 0.0;
}

template <class T>
void Learner<T>::step(const std::int64_t* columns, Index b, LearningCurves& curves) {
  const Index p = state_.p, K = state_.K;
  batch_.resize(static_cast<std::size_t>(p * b));
  residual_.resize(static_cast<std::size_t>(p * b));
  for (Index i = 0; i < b; ++i) {
    std::copy_n(signals_.col(static_cast<Index>(columns[i])), p, batch_.data() + i * p);
  }
  dictionary_.assign(state_.atoms.begin(), state_.atoms.end());
  CodingOptions coding = options_.coding;
  coding.alpha = state_.alpha;
  coding.refit = false;
  if (options_.homeostasis && state_.n_batches > 0) {
    double mean = 0.0;
    for (const double share : state_.usage) mean += share / static_cast<double>(K);
    weights_.assign(static_cast<std::size_t>(K), 1.0);
    for (std::size_t k = 0; mean > 0.0 && k < weights_.size(); ++k) {
      weights_[k] = std::clamp(std::pow(state_.usage[k] / mean, k_homeostasis), 0.5, 2.0);
    }
    coding.weights = weights_.data();
  }
  const SparseCoder<T> coder({dictionary_.data(), p, K, p}, coding.method);
  const Codes<T> codes = coder.encode({batch_.data(), p, b, p}, coding, monitor_);
  measure(codes, b, curves);
  if (options_.update == Update::online) {
    update_online(codes, b);
  } else {
    update_sgd(codes, b);
  }
  ++state_.n_batches;
  if (state_.n_batches % k_dead_window == 0) replace_dead(b);
  steer(curves.active.back());
}

}  // namespace

template <class T>
LearningCurves learn(DenseView<T> signals, const std::int64_t* order, Index n_order,
                     const LearningOptions& options, LearnerState& state, Monitor& monitor) {
  LearningCurves curves;
  Learner<T> learner(signals, options, state, monitor);
  std::vector<double> smooth;
  for (Index from = 0; from < n_order; from += options.batch_size) {
    learner.step(order + from, std::min(options.batch_size, n_order - from), curves);
    const double now = curves.objective.back();
    smooth.push_back(
        smooth.empty() ? now : k_objective_fade * smooth.back() + (1.0 - k_objective_fade) * now);
    const auto n = static_cast<Index>(smooth.size());
    if (options.tol > 0.0 && n > k_stop_window) {
      const double before = smooth[static_cast<std::size_t>(n - 1 - k_stop_window)];
      if (std::abs(smooth.back() - before) <= options.tol * std::abs(before)) break;
    }
  }
  return curves;
}

template LearningCurves learn<double>(DenseView<double>, const std::int64_t*, Index,
                                      const LearningOptions&, LearnerState&, Monitor&);
template LearningCurves learn<float>(DenseView<float>, const std::int64_t*, Index,
                                     const LearningOptions&, LearnerState&, Monitor&);

}  // namespace taut::decomposition
