// SPDX-License-Identifier: BSD-3-Clause
#include "taut/penalty/group_elastic_net.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace taut::penalty {
namespace {

constexpr double k_inf = std::numeric_limits<double>::infinity();

double norm(const double* u, Index n) {
  double square = 0.0;
  for (Index k = 0; k < n; ++k) square += u[k] * u[k];
  return std::sqrt(square);
}

}  // namespace

GroupElasticNet::GroupElasticNet(Index outputs, double l1_ratio, FeatureRules rules, Blocks blocks)
    : Penalty(outputs, std::move(blocks)), l1_ratio_(l1_ratio), rules_(std::move(rules)) {
  TAUT_ASSERT(rules_.lower.empty() && rules_.upper.empty());
}

double GroupElasticNet::l1(Index b) const {
  const double c = rules_.factor.empty() ? 1.0 : rules_.factor[static_cast<std::size_t>(b)];
  return std::isinf(c) ? k_inf : alpha() * c * l1_ratio_;
}

double GroupElasticNet::l2(Index b) const {
  const double c = rules_.factor.empty() ? 1.0 : rules_.factor[static_cast<std::size_t>(b)];
  return std::isinf(c) ? 0.0 : alpha() * c * (1.0 - l1_ratio_);
}

double GroupElasticNet::value(const double* u, Index b) const {
  const double size = norm(u, width(b));
  return size == 0.0 ? 0.0 : l1(b) * size + 0.5 * l2(b) * size * size;
}

void GroupElasticNet::prox(double* u, double step, Index b) const {
  if (step == 0.0) return;
  const double size = norm(u, width(b));
  const double t = step * l1(b);
  const double shrink = size > t ? (1.0 - t / size) / (1.0 + step * l2(b)) : 0.0;
  for (Index k = 0; k < width(b); ++k) u[k] *= shrink;
}

double GroupElasticNet::subdiff_distance(const double* u, const double* g, Index b) const {
  if (is_excluded(b)) return 0.0;
  const double size = norm(u, width(b));
  if (size == 0.0) return std::max(0.0, norm(g, width(b)) - l1(b));
  double square = 0.0;
  for (Index k = 0; k < width(b); ++k) {
    const double d = g[k] + (l1(b) / size + l2(b)) * u[k];
    square += d * d;
  }
  return std::sqrt(square);
}

double GroupElasticNet::pull(const double* g, Index b) const { return norm(g, width(b)); }

double GroupElasticNet::threshold(Index b) const { return l1(b); }

double GroupElasticNet::entry_alpha(const double* g, Index b) const {
  const double c = rules_.factor.empty() ? 1.0 : rules_.factor[static_cast<std::size_t>(b)];
  if (c == 0.0 || is_excluded(b)) return 0.0;
  return pull(g, b) / (c * std::max(l1_ratio_, k_least_l1_ratio));
}

double GroupElasticNet::conjugate(const double* g, Index b) const {
  if (is_excluded(b)) return 0.0;
  const double excess = norm(g, width(b)) - l1(b);
  if (excess <= 0.0 || (l1(b) == 0.0 && l2(b) == 0.0)) return 0.0;
  return l2(b) > 0.0 ? 0.5 * excess * excess / l2(b) : k_inf;
}

double GroupElasticNet::feasible_scale(const double* g, Index b) const {
  if (is_excluded(b) || l2(b) > 0.0 || l1(b) == 0.0) return 1.0;
  const double size = norm(g, width(b));
  return size > l1(b) ? l1(b) / size : 1.0;
}

double GroupElasticNet::unopposed(const double* g, Index k, Index b) const {
  return l1(b) == 0.0 && l2(b) == 0.0 ? std::abs(g[k]) : 0.0;
}

bool GroupElasticNet::is_free(Index b) const {
  return !rules_.factor.empty() && rules_.factor[static_cast<std::size_t>(b)] == 0.0;
}

bool GroupElasticNet::is_excluded(Index b) const { return std::isinf(l1(b)); }

bool GroupElasticNet::as_norm(Index b, BlockNorm& norm) const {
  norm = {0.0, l1(b), l2(b)};
  return true;
}

}  // namespace taut::penalty
