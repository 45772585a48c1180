// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <vector>

#include "taut/design/replaced.hpp"
#include "taut/design/standardized.hpp"

namespace taut::solver {

/// Columns that lie far from zero for their spread, centred beforehand. Implicit centring takes the
/// mean off after a product: with a mean of t standard deviations a product loses a factor t of its
/// digits and a Gram entry t^2, until neither a solver nor its certificate can be believed.
class FarColumns {
 public:
  /// Null where no column of the centred Z is that far, and where a copy of those would have more than
  /// 25 million entries.
  static std::unique_ptr<FarColumns> make(const design::Standardized& Z);

  /// X with the centred columns in place of the far ones.
  const design::Design& design() const { return *design_; }

  /// sum_j m_j coef_j over the far columns: intercepts of X are those of design() minus this.
  double shift(const double* coef) const;

 private:
  FarColumns() = default;

  std::vector<Index> columns_;
  std::vector<double> mean_, values_;
  std::unique_ptr<design::Replaced> design_;
};

}  // namespace taut::solver
