// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/automatic_quadratic.hpp"

#include <algorithm>

#include "taut/solver/block_descent.hpp"
#include "taut/solver/coordinate_descent.hpp"
#include "taut/solver/gram_quadratic.hpp"

namespace taut::solver {
namespace {

/// 256 MiB of Gram matrix.
constexpr Index k_most_features = 5792;
/// A Gram move costs the working set, a residual move the entries of a column: on sparse columns
/// the Gram pays only while the one is not much larger than the other.
constexpr Index k_features_per_entry = 32;
constexpr Index k_least_features = 256;

Index gram_limit(const Problem& problem) {
  const design::Design& X = problem.Z.raw();
  // Norms of blocks, unlike the Lasso, leave more coefficients nonzero than there are rows, and then
  // X is the smaller matrix.
  penalty::BlockNorm norm;
  if (problem.penalty.as_norm(0, norm) && !X.is_sparse()) {
    return std::clamp(X.rows() / 4, k_least_features, k_most_features);
  }
  if (!X.is_sparse() || X.cols() == 0) return k_most_features;
  Index entries = 0;
  for (Index j = 0; j < X.cols(); ++j) entries += X.column_entries(j);
  return std::clamp(k_features_per_entry * (entries / X.cols()), k_least_features, k_most_features);
}

}  // namespace

std::unique_ptr<InnerSolver> make_naive(const Problem& problem) {
  if (problem.outputs() == 1 && problem.penalty.blocks().single()) {
    return std::make_unique<CoordinateDescent>(problem);
  }
  return std::make_unique<BlockDescent>(problem);
}

AutomaticQuadratic::AutomaticQuadratic(const Problem& problem)
    : problem_(problem), most_(gram_limit(problem)) {
  if (GramQuadratic::fits(problem)) {
    inner_ = std::make_unique<GramQuadratic>(problem);
  } else {
    most_ = 0;
    inner_ = make_naive(problem);
  }
}

void AutomaticQuadratic::add(const Index* features, Index count) {
  features_.insert(features_.end(), features, features + count);
  if (most_ > 0 && static_cast<Index>(features_.size()) > most_) {
    most_ = 0;
    inner_ = make_naive(problem_);
    inner_->add(features_.data(), static_cast<Index>(features_.size()));
  } else {
    inner_->add(features, count);
  }
}

}  // namespace taut::solver
