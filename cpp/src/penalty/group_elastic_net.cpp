// SPDX-License-Identifier: BSD-3-Clause
#include "taut/penalty/group_elastic_net.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace taut::penalty {
namespace {

constexpr double k_inf = std::numeric_limits<double>::infinity();

double norm(const double* b, Index n) {
  double square = 0.0;
  for (Index k = 0; k < n; ++k) square += b[k] * b[k];
  return std::sqrt(square);
}

}  // namespace

GroupElasticNet::GroupElasticNet(Index outputs, double l1_ratio, FeatureRules rules)
    : Penalty(outputs), l1_ratio_(l1_ratio), rules_(std::move(rules)) {
  TAUT_ASSERT(rules_.lower.empty() && rules_.upper.empty());
}

double GroupElasticNet::l1(Index j) const {
  const double c = rules_.factor.empty() ? 1.0 : rules_.factor[static_cast<std::size_t>(j)];
  return std::isinf(c) ? k_inf : alpha() * c * l1_ratio_;
}

double GroupElasticNet::l2(Index j) const {
  const double c = rules_.factor.empty() ? 1.0 : rules_.factor[static_cast<std::size_t>(j)];
  return std::isinf(c) ? 0.0 : alpha() * c * (1.0 - l1_ratio_);
}

double GroupElasticNet::value(const double* b, Index j) const {
  const double size = norm(b, outputs());
  return size == 0.0 ? 0.0 : l1(j) * size + 0.5 * l2(j) * size * size;
}

void GroupElasticNet::prox(double* b, double step, Index j) const {
  if (step == 0.0) return;
  const double size = norm(b, outputs());
  const double t = step * l1(j);
  const double shrink = size > t ? (1.0 - t / size) / (1.0 + step * l2(j)) : 0.0;
  for (Index k = 0; k < outputs(); ++k) b[k] *= shrink;
}

double GroupElasticNet::subdiff_distance(const double* b, const double* g, Index j) const {
  if (is_excluded(j)) return 0.0;
  const double size = norm(b, outputs());
  if (size == 0.0) return std::max(0.0, norm(g, outputs()) - l1(j));
  double square = 0.0;
  for (Index k = 0; k < outputs(); ++k) {
    const double d = g[k] + (l1(j) / size + l2(j)) * b[k];
    square += d * d;
  }
  return std::sqrt(square);
}

double GroupElasticNet::pull(const double* g, Index) const { return norm(g, outputs()); }

double GroupElasticNet::threshold(Index j) const { return l1(j); }

double GroupElasticNet::entry_alpha(const double* g, Index j) const {
  const double c = rules_.factor.empty() ? 1.0 : rules_.factor[static_cast<std::size_t>(j)];
  if (c == 0.0 || is_excluded(j)) return 0.0;
  return pull(g, j) / (c * std::max(l1_ratio_, k_least_l1_ratio));
}

double GroupElasticNet::conjugate(const double* g, Index j) const {
  if (is_excluded(j)) return 0.0;
  const double excess = norm(g, outputs()) - l1(j);
  if (excess <= 0.0 || (l1(j) == 0.0 && l2(j) == 0.0)) return 0.0;
  return l2(j) > 0.0 ? 0.5 * excess * excess / l2(j) : k_inf;
}

double GroupElasticNet::feasible_scale(const double* g, Index j) const {
  if (is_excluded(j) || l2(j) > 0.0 || l1(j) == 0.0) return 1.0;
  const double size = norm(g, outputs());
  return size > l1(j) ? l1(j) / size : 1.0;
}

double GroupElasticNet::unopposed(const double* g, Index k, Index j) const {
  return l1(j) == 0.0 && l2(j) == 0.0 ? std::abs(g[k]) : 0.0;
}

bool GroupElasticNet::is_free(Index j) const {
  return !rules_.factor.empty() && rules_.factor[static_cast<std::size_t>(j)] == 0.0;
}

bool GroupElasticNet::is_excluded(Index j) const { return std::isinf(l1(j)); }

}  // namespace taut::penalty
