// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "taut/decomposition/sparse_coder.hpp"
#include "taut/penalty/folded_prox.hpp"

/// The penalties that are solved in turn, entry by entry and in the type of the arithmetic.
namespace taut::decomposition {

/// One penalty, from the codes of the one before.
struct CodingStage {
  penalty::Shape shape;
  double alpha, gamma;
  Index max_iter;
};

inline std::vector<CodingStage> stages_of(const CodingOptions& options) {
  constexpr Index soft_steps = 10;
  constexpr int strengths = 5;
  std::vector<CodingStage> out;
  const CodingStage last{options.shape, options.alpha, options.gamma, options.max_iter};
  if (options.start == Start::l1) {
    penalty::Folded f{options.shape, options.alpha, options.gamma};
    if (f.shape == penalty::Shape::cel0) f.shape = penalty::Shape::l0;
    out.push_back({penalty::Shape::l1, 0.5 * penalty::threshold(f, 1.0), 1.0, soft_steps});
  } else if (options.start == Start::continuation) {
    for (int i = 0; i + 1 < strengths; ++i) {
      out.push_back(last);
      out.back().alpha *= std::pow(10.0, 1.0 - i / (strengths - 1.0));
      out.back().max_iter = std::max<Index>(1, options.max_iter / strengths);
    }
  }
  out.push_back(last);
  return out;
}

/// The penalty of every atom, and its prox with a step of the atom's own.
template <class T>
struct StagePenalty {
  penalty::Shape shape = penalty::Shape::l1;
  Index max_iter = 0;
  bool jumps = false;  ///< a code that enters is not small
  std::vector<T> alpha, gamma;
  std::vector<T> step;        ///< step of the prox times the weight
  std::vector<T> cut;         ///< lq: |z| up to which the prox is zero
  std::vector<T> pull_scale;  ///< one over the pull |a_k'e| at which an atom at zero enters (cd)
  bool uniform = false;       ///< the same for every atom
};

/// `curvature` is ||a_k||^2, `step` that of the prox. Both have `padded` entries of which the first
/// K count: the others never enter.
template <class T>
StagePenalty<T> make_stage(const CodingStage& stage, const double* weights, Index K, Index padded,
                           const std::vector<double>& curvature, const std::vector<double>& step) {
  using penalty::Shape;
  const auto size = static_cast<std::size_t>(padded);
  StagePenalty<T> out;
  out.shape = stage.shape;
  out.max_iter = stage.max_iter;
  out.alpha.assign(size, T(0));
  out.gamma.assign(size, T(1));
  out.step.assign(size, T(0));
  out.cut.assign(size, T(0));
  out.pull_scale.assign(size, T(0));
  out.uniform = true;
  for (Index i = 0; i < K; ++i) {
    const auto k = static_cast<std::size_t>(i);
    if (!(curvature[k] > 0.0)) {
      out.uniform = false;
      continue;
    }
    penalty::Folded f{stage.shape, stage.alpha, stage.gamma, weights ? weights[k] : 1.0};
    if (stage.shape == Shape::cel0) {
      // CEL0 of strength w alpha is MCP of this strength and concavity, of weight one.
      f.alpha = std::sqrt(2.0 * f.weight * stage.alpha * curvature[k]);
      f.gamma = 1.0 / curvature[k];
      f.weight = 1.0;
    }
    out.jumps = f.jumps();
    out.alpha[k] = static_cast<T>(f.alpha);
    out.gamma[k] = static_cast<T>(f.gamma);
    out.step[k] = static_cast<T>(step[k] * f.weight);
    // The tie-breaker of threshold() is lost on float, which has a coarser one.
    const double tie = std::is_same_v<T, float> ? 1.0 + 1e-6 : 1.0;
    if (stage.shape == Shape::lq) {
      out.cut[k] = static_cast<T>(penalty::lq_threshold(step[k] * f.weight * f.alpha, f.gamma));
    }
    const double least = std::numeric_limits<T>::min() * 1e8;
    const double entry = tie * penalty::threshold(f, curvature[k]);
    out.pull_scale[k] = static_cast<T>(1.0 / std::max(entry, least));
    out.uniform = out.uniform && out.alpha[k] == out.alpha[0] && out.gamma[k] == out.gamma[0] &&
                  out.step[k] == out.step[0];
  }
  return out;
}

/// Signed prox of one entry; `Nonnegative` sends what is below zero there.
template <penalty::Shape S, bool Nonnegative, class T>
inline T signed_prox(T alpha, T gamma, T step, T cut, T z) {
  const T size = std::abs(z);
  T u;
  if constexpr (S == penalty::Shape::lq) {
    u = size <= cut ? T(0) : penalty::lq_above(size, step * alpha, gamma);
  } else {
    u = penalty::prox_at<S>(alpha, gamma, size, step);
  }
  if constexpr (Nonnegative) return z > T(0) ? u : T(0);
  return std::copysign(u, z);
}

/// Calls f with the shape and the sign constraint as compile-time constants: the one switch outside
/// of the loops.
template <class F>
void with_shape(penalty::Shape shape, bool nonnegative, F&& f) {
  using penalty::Shape;
  const auto signs = [&](auto fixed) {
    if (nonnegative) {
      f(fixed, std::true_type{});
    } else {
      f(fixed, std::false_type{});
    }
  };
  switch (shape) {
    case Shape::l1:
      return signs(std::integral_constant<Shape, Shape::l1>{});
    case Shape::mcp:
      return signs(std::integral_constant<Shape, Shape::mcp>{});
    case Shape::scad:
      return signs(std::integral_constant<Shape, Shape::scad>{});
    case Shape::cel0:
      return signs(std::integral_constant<Shape, Shape::cel0>{});
    case Shape::l0:
      return signs(std::integral_constant<Shape, Shape::l0>{});
    case Shape::lq:
      return signs(std::integral_constant<Shape, Shape::lq>{});
  }
}

}  // namespace taut::decomposition
