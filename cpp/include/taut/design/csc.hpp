// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

#include "taut/core/views.hpp"
#include "taut/design/design.hpp"

namespace taut::design {

/// A compressed-sparse-column X, used where it lies; float or double entries, 32- or 64-bit indices.
template <class T, class I>
class Csc final : public Design {
 public:
  explicit Csc(CscView<T, I> X) : Design(X.rows, X.cols), X_(X) {}

  bool is_sparse() const override { return true; }
  Index column_entries(Index j) const override {
    return static_cast<Index>(X_.ptr[j + 1] - X_.ptr[j]);
  }
  double dot(Index j, const double* v) const override;
  double weighted_dot(Index j, const double* h, const double* v) const override;
  void axpy(Index j, double a, double* v) const override;
  void copy_rows(Index j, Index begin, Index end, double* out) const override;
  void append_entries(Index j, std::vector<double>& val,
                      std::vector<std::int32_t>& idx) const override;
  ColumnScan scan(Index j, const double* s, const double* u) const override;
  CentredScan centred_scan(Index j, const double* s, double center) const override;

 private:
  CscView<T, I> X_;
};

extern template class Csc<double, std::int32_t>;
extern template class Csc<double, std::int64_t>;
extern template class Csc<float, std::int32_t>;
extern template class Csc<float, std::int64_t>;

}  // namespace taut::design
