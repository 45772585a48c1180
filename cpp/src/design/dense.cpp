// SPDX-License-Identifier: BSD-3-Clause
#include "taut/design/dense.hpp"

#include <algorithm>
#include <type_traits>

#include "taut/linalg/kernels.hpp"

namespace taut::design {

template <class T>
const double* Dense<T>::as_matrix(Index& ld) const {
  ld = X_.ld;
  if constexpr (std::is_same_v<T, double>) return X_.data;
  return nullptr;
}

template <class T>
double Dense<T>::dot(Index j, const double* v) const {
  return linalg::dot(X_.col(j), v, rows());
}

template <class T>
void Dense<T>::dots(Index j, const double* v, Index ld, Index count, double* out) const {
  linalg::dot_columns(X_.col(j), v, ld, rows(), count, out);
}

template <class T>
double Dense<T>::weighted_dot(Index j, const double* h, const double* v) const {
  return linalg::weighted_dot(h, X_.col(j), v, rows());
}

template <class T>
void Dense<T>::axpy(Index j, double a, double* v) const {
  linalg::axpy(a, X_.col(j), v, rows());
}

template <class T>
void Dense<T>::axpys(const Index* columns, const double* a, Index count, double* v) const {
  Index c = 0;
  for (; c + 4 <= count; c += 4) {
    linalg::axpy4(a + c, X_.col(columns[c]), X_.col(columns[c + 1]), X_.col(columns[c + 2]),
                  X_.col(columns[c + 3]), v, rows());
  }
  for (; c < count; ++c) axpy(columns[c], a[c], v);
}

template <class T>
void Dense<T>::copy_rows(Index j, Index begin, Index end, double* out) const {
  std::copy(X_.col(j) + begin, X_.col(j) + end, out);
}

template <class T>
void Dense<T>::gather_rows(Index j, const Index* rows, Index count, double* out) const {
  const T* x = X_.col(j);
  for (Index i = 0; i < count; ++i) out[i] = static_cast<double>(x[rows[i]]);
}

template <class T>
void Dense<T>::append_entries(Index j, std::vector<double>& val,
                              std::vector<std::int32_t>& idx) const {
  for (Index i = 0; i < rows(); ++i) {
    if (X_.col(j)[i] == T(0)) continue;
    val.push_back(static_cast<double>(X_.col(j)[i]));
    idx.push_back(static_cast<std::int32_t>(i));
  }
}

template <class T>
ColumnScan Dense<T>::scan(Index j, const double* s, const double* u) const {
  constexpr Index k_lanes = 8;
  const T* x = X_.col(j);
  const Index n = rows();
  double sum[k_lanes] = {}, square[k_lanes] = {}, product[k_lanes] = {};
  Index i = 0;
  for (; i + k_lanes <= n; i += k_lanes) {
    for (Index t = 0; t < k_lanes; ++t) {
      const double xi = static_cast<double>(x[i + t]);
      const double sx = s[i + t] * xi;
      sum[t] += sx;
      square[t] += sx * xi;
      product[t] += u[i + t] * xi;
    }
  }
  ColumnScan out;
  for (; i < n; ++i) {
    const double xi = static_cast<double>(x[i]);
    out.weighted_sum += s[i] * xi;
    out.weighted_square += s[i] * xi * xi;
    out.product += u[i] * xi;
  }
  for (Index t = 0; t < k_lanes; ++t) {
    out.weighted_sum += sum[t];
    out.weighted_square += square[t];
    out.product += product[t];
  }
  return out;
}

template <class T>
CentredScan Dense<T>::centred_scan(Index j, const double* s, double center) const {
  const T* x = X_.col(j);
  CentredScan out;
  for (Index i = 0; i < rows(); ++i) {
    const double d = static_cast<double>(x[i]) - center;
    out.sum += s[i] * d;
    out.square += s[i] * d * d;
  }
  return out;
}

template class Dense<double>;
template class Dense<float>;

}  // namespace taut::design
