// SPDX-License-Identifier: BSD-3-Clause
#include "taut/design/csc.hpp"

#include <algorithm>

namespace taut::design {

template <class T, class I>
double Csc<T, I>::dot(Index j, const double* v) const {
  double even = 0.0, odd = 0.0;
  I e = X_.ptr[j];
  const I end = X_.ptr[j + 1];
  for (; e + 1 < end; e += 2) {
    even += static_cast<double>(X_.val[e]) * v[X_.idx[e]];
    odd += static_cast<double>(X_.val[e + 1]) * v[X_.idx[e + 1]];
  }
  if (e < end) even += static_cast<double>(X_.val[e]) * v[X_.idx[e]];
  return even + odd;
}

template <class T, class I>
double Csc<T, I>::weighted_dot(Index j, const double* h, const double* v) const {
  double total = 0.0;
  for (I e = X_.ptr[j]; e < X_.ptr[j + 1]; ++e) {
    total += h[X_.idx[e]] * static_cast<double>(X_.val[e]) * v[X_.idx[e]];
  }
  return total;
}

template <class T, class I>
void Csc<T, I>::axpy(Index j, double a, double* v) const {
  for (I e = X_.ptr[j]; e < X_.ptr[j + 1]; ++e) {
    v[X_.idx[e]] += a * static_cast<double>(X_.val[e]);
  }
}

template <class T, class I>
void Csc<T, I>::copy_rows(Index j, Index begin, Index end, double* out) const {
  std::fill(out, out + (end - begin), 0.0);
  for (I e = X_.ptr[j]; e < X_.ptr[j + 1]; ++e) {
    const Index i = static_cast<Index>(X_.idx[e]);
    if (i >= begin && i < end) out[i - begin] = static_cast<double>(X_.val[e]);
  }
}

template <class T, class I>
void Csc<T, I>::append_entries(Index j, std::vector<double>& val,
                               std::vector<std::int32_t>& idx) const {
  for (I e = X_.ptr[j]; e < X_.ptr[j + 1]; ++e) {
    val.push_back(static_cast<double>(X_.val[e]));
    idx.push_back(static_cast<std::int32_t>(X_.idx[e]));
  }
}

template <class T, class I>
ColumnScan Csc<T, I>::scan(Index j, const double* s, const double* u) const {
  ColumnScan out;
  for (I e = X_.ptr[j]; e < X_.ptr[j + 1]; ++e) {
    const double x = static_cast<double>(X_.val[e]);
    const double sx = s[X_.idx[e]] * x;
    out.weighted_sum += sx;
    out.weighted_square += sx * x;
    out.product += u[X_.idx[e]] * x;
  }
  return out;
}

template <class T, class I>
CentredScan Csc<T, I>::centred_scan(Index j, const double* s, double center) const {
  // The weight of absent entries is added up, not taken as 1 minus that of the stored ones: where it
  // is zero (a full column, or a fold without its other rows) rounding would pass for variance.
  CentredScan out;
  std::vector<char> stored(static_cast<std::size_t>(rows()), 0);
  for (I e = X_.ptr[j]; e < X_.ptr[j + 1]; ++e) {
    const double d = static_cast<double>(X_.val[e]) - center;
    out.sum += s[X_.idx[e]] * d;
    out.square += s[X_.idx[e]] * d * d;
    stored[static_cast<std::size_t>(X_.idx[e])] = 1;
  }
  double absent = 0.0;
  for (Index i = 0; i < rows(); ++i) {
    if (!stored[static_cast<std::size_t>(i)]) absent += s[i];
  }
  out.sum -= absent * center;
  out.square += absent * center * center;
  return out;
}

template class Csc<double, std::int32_t>;
template class Csc<double, std::int64_t>;
template class Csc<float, std::int32_t>;
template class Csc<float, std::int64_t>;

}  // namespace taut::design
