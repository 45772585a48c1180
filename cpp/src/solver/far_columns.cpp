// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/far_columns.hpp"

#include <cmath>

namespace taut::solver {
namespace {

/// Standard deviations from zero beyond which a mean is far: a Gram entry keeps ten digits.
constexpr double k_far = 1e3;
constexpr double k_most_entries = 2.5e7;

}  // namespace

std::unique_ptr<FarColumns> FarColumns::make(const design::Standardized& Z) {
  if (!Z.centred()) return nullptr;
  const Index n = Z.rows();
  std::unique_ptr<FarColumns> far(new FarColumns);
  for (Index j = 0; j < Z.cols(); ++j) {
    const double spread = Z.norm(j) * Z.scale(j);
    if (!(spread > 0.0 && std::abs(Z.mean(j)) > k_far * spread)) continue;
    far->columns_.push_back(j);
    far->mean_.push_back(Z.mean(j));
  }
  const Index count = static_cast<Index>(far->columns_.size());
  if (count == 0 || static_cast<double>(count) * static_cast<double>(n) > k_most_entries)
    return nullptr;
  far->values_.resize(static_cast<std::size_t>(n * count));
  for (Index c = 0; c < count; ++c) {
    double* x = &far->values_[static_cast<std::size_t>(c * n)];
    Z.raw().copy_rows(far->columns_[static_cast<std::size_t>(c)], 0, n, x);
    for (Index i = 0; i < n; ++i) x[i] -= far->mean_[static_cast<std::size_t>(c)];
  }
  far->design_ = std::make_unique<design::Replaced>(
      Z.raw(), far->columns_, DenseView<double>{far->values_.data(), n, count, n});
  return far;
}

double FarColumns::shift(const double* coef) const {
  double total = 0.0;
  for (std::size_t c = 0; c < columns_.size(); ++c) total += mean_[c] * coef[columns_[c]];
  return total;
}

}  // namespace taut::solver
