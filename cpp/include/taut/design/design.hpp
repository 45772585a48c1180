// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <vector>

#include "taut/core/types.hpp"

namespace taut::design {

/// What one pass over a column can tell about it.
struct ColumnScan {
  double weighted_sum = 0.0;     ///< sum_i s_i x_i
  double weighted_square = 0.0;  ///< sum_i s_i x_i^2
  double product = 0.0;          ///< sum_i u_i x_i
};

/// sum_i s_i (x_i - c) and sum_i s_i (x_i - c)^2.
struct CentredScan {
  double sum = 0.0;
  double square = 0.0;
};

/// The matrix X (n x p) of a linear model, seen through its columns. Implementations hold a view of
/// the user's memory: nothing is copied, and a sparse X is never made dense.
///
/// Every operation is on the raw entries; centring and scaling are added by Standardized, implicitly.
class Design {
 public:
  Design(Index rows, Index cols) : rows_(rows), cols_(cols) {}
  Design(const Design&) = delete;
  Design& operator=(const Design&) = delete;
  virtual ~Design() = default;

  Index rows() const { return rows_; }
  Index cols() const { return cols_; }

  virtual bool is_sparse() const = 0;

  /// First entry of a column-major array of doubles with this content, its leading dimension in
  /// `ld`; null if there is none.
  virtual const double* as_matrix(Index& ld) const {
    (void)ld;
    return nullptr;
  }

  /// Stored entries of column j: the cost of one operation on it.
  virtual Index column_entries(Index j) const = 0;

  /// x_j'v.
  virtual double dot(Index j, const double* v) const = 0;

  /// out[c] = x_j'v_c for `count` vectors, each `ld` after the one before.
  virtual void dots(Index j, const double* v, Index ld, Index count, double* out) const {
    for (Index c = 0; c < count; ++c) out[c] = dot(j, v + c * ld);
  }

  /// sum_i h_i x_ij v_i.
  virtual double weighted_dot(Index j, const double* h, const double* v) const = 0;

  /// v += a x_j.
  virtual void axpy(Index j, double a, double* v) const = 0;

  /// v += sum_c a_c x_j for j = columns[c].
  virtual void axpys(const Index* columns, const double* a, Index count, double* v) const {
    for (Index c = 0; c < count; ++c) axpy(columns[c], a[c], v);
  }

  /// Rows begin .. end of column j, written densely.
  virtual void copy_rows(Index j, Index begin, Index end, double* out) const = 0;

  /// x_j[rows[i]] for i < count, rows increasing.
  virtual void gather_rows(Index j, const Index* rows, Index count, double* out) const {
    if (count == 0) return;
    const Index first = rows[0], height = rows[count - 1] + 1 - first;
    std::vector<double> all(static_cast<std::size_t>(height));
    copy_rows(j, first, first + height, all.data());
    for (Index i = 0; i < count; ++i) out[i] = all[static_cast<std::size_t>(rows[i] - first)];
  }

  /// Appends the nonzero entries of column j and their rows.
  virtual void append_entries(Index j, std::vector<double>& val,
                              std::vector<std::int32_t>& idx) const = 0;

  /// Weighted moments and x_j'u in one pass.
  virtual ColumnScan scan(Index j, const double* s, const double* u) const = 0;

  /// Moments about `center`, for columns whose variance cancels in the one-pass formula.
  virtual CentredScan centred_scan(Index j, const double* s, double center) const = 0;

 private:
  Index rows_;
  Index cols_;
};

}  // namespace taut::design
