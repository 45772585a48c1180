// SPDX-License-Identifier: BSD-3-Clause
#include "taut/survival/curve.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "taut/core/parallel.hpp"
#include "taut/linalg/vexp.hpp"

namespace taut::survival {
namespace {

using linalg::detail::select;

constexpr Index k_rows = 8192;   ///< rows of one block of a curve
constexpr Index k_chunk = 1024;  ///< rows of one block of limits
constexpr double k_inf = std::numeric_limits<double>::infinity();
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

/// Kaplan-Meier within one block, from S = 1 and V = 0.
void product_block(const double* n, const double* d, Index size, double* s, double* v) {
  for (Index i = 0; i < size; ++i) {
    const double rest = n[i] - d[i];
    const bool some = d[i] > 0.0;
    s[i] = select(some, rest / n[i], 1.0);
    v[i] = select(some, d[i] / (n[i] * rest), 0.0);
  }
  double product = 1.0, sum = 0.0;
  for (Index i = 0; i < size; ++i) {
    product *= s[i];
    sum += v[i];
    s[i] = product;
    v[i] = sum;
  }
}

/// Hazard and variance within one block, from 0.
void hazard_block(const double* n, const double* d, const double* tied, Index size, bool one_by_one,
                  double* h, double* v) {
  double sum = 0.0, var = 0.0;
  for (Index i = 0; i < size; ++i) {
    if (d[i] > 0.0) {
      const double k = tied ? tied[i] : d[i];
      if (!one_by_one || k <= 1.0) {
        sum += d[i] / n[i];
        var += d[i] / (n[i] * n[i]);
      } else {
        const double w = d[i] / k;
        for (double l = 0.0; l < k; l += 1.0) {
          const double rest = n[i] - l * w;
          sum += w / rest;
          var += w / (rest * rest);
        }
      }
    }
    h[i] = sum;
    v[i] = var;
  }
}

/// Runs `local` on every block of every group and joins the blocks of a group in order by
/// join(first row, size, last row of the block before); `finish` sees each block when it is final.
template <class Local, class Join, class Finish>
void by_blocks(const TableView& table, int n_threads, Local local, Join join, Finish finish) {
  const Index* ptr = table.group_ptr;
  if (n_threads < 2 || table.n_groups >= 64) {
    parallel_blocks(table.n_groups, 16, n_threads, [&](Index first, Index last) {
      for (Index g = first; g < last; ++g) {
        for (Index row = ptr[g]; row < ptr[g + 1]; row += k_rows) {
          const Index size = std::min(k_rows, ptr[g + 1] - row);
          local(row, size);
          if (row > ptr[g]) join(row, size, row - 1);
          finish(row, size);
        }
      }
    });
    return;
  }
  for (Index g = 0; g < table.n_groups; ++g) {
    const Index begin = ptr[g], rows = ptr[g + 1] - begin;
    parallel_blocks(rows, k_rows, n_threads, [&](Index a, Index b) { local(begin + a, b - a); });
    // Last rows first, in order: they carry what the blocks after them need.
    for (Index a = k_rows; a < rows; a += k_rows) {
      const Index last = begin + std::min(a + k_rows, rows) - 1;
      join(last, 1, begin + a - 1);
    }
    parallel_blocks(rows, k_rows, n_threads, [&](Index a, Index b) {
      if (a > 0) join(begin + a, b - a - 1, begin + a - 1);
    });
    parallel_blocks(rows, k_rows, n_threads, [&](Index a, Index b) { finish(begin + a, b - a); });
  }
}

}  // namespace

void survival_curve(const TableView& table, Estimator estimator, double* survival, double* std_err,
                    int n_threads) {
  const double* n = table.n_at_risk;
  const double* d = table.n_event;
  auto add_variance = [std_err](Index row, Index size, Index before) {
    const double v = std_err[before];
    for (Index i = row; i < row + size; ++i) std_err[i] += v;
  };
  auto root = [std_err](Index row, Index size) {
    for (Index i = row; i < row + size; ++i) std_err[i] = std::sqrt(std_err[i]);
  };
  if (estimator == Estimator::kaplan_meier) {
    // The variance stays a variance until all blocks are joined: roots are taken at the end.
    by_blocks(
        table, n_threads,
        [&](Index row, Index size) {
          product_block(n + row, d + row, size, survival + row, std_err + row);
        },
        [&](Index row, Index size, Index before) {
          const double s = survival[before];
          for (Index i = row; i < row + size; ++i) survival[i] *= s;
          add_variance(row, size, before);
        },
        [](Index, Index) {});
  } else {
    const bool one_by_one = estimator == Estimator::fleming_harrington;
    by_blocks(
        table, n_threads,
        [&](Index row, Index size) {
          hazard_block(n + row, d + row, table.n_tied ? table.n_tied + row : nullptr, size,
                       one_by_one, survival + row, std_err + row);
        },
        [&](Index row, Index size, Index before) {
          const double h = survival[before];
          for (Index i = row; i < row + size; ++i) survival[i] += h;
          add_variance(row, size, before);
        },
        [](Index, Index) {});
    parallel_blocks(table.rows(), k_chunk, n_threads, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) survival[i] = linalg::fast_exp(-survival[i]);
    });
  }
  parallel_blocks(table.rows(), k_chunk, n_threads,
                  [&](Index begin, Index end) { root(begin, end - begin); });
}

void cumulative_hazard(const TableView& table, Estimator estimator, double* hazard, double* std_err,
                       int n_threads) {
  const bool one_by_one = estimator == Estimator::fleming_harrington;
  by_blocks(
      table, n_threads,
      [&](Index row, Index size) {
        hazard_block(table.n_at_risk + row, table.n_event + row,
                     table.n_tied ? table.n_tied + row : nullptr, size, one_by_one, hazard + row,
                     std_err + row);
      },
      [&](Index row, Index size, Index before) {
        const double h = hazard[before], v = std_err[before];
        for (Index i = row; i < row + size; ++i) {
          hazard[i] += h;
          std_err[i] += v;
        }
      },
      [](Index, Index) {});
  parallel_blocks(table.rows(), k_chunk, n_threads, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) std_err[i] = std::sqrt(std_err[i]);
  });
}

namespace {

struct Pair2 {
  double low, high;
};

inline double cut(double x) { return select(x < 0.0, 0.0, select(x > 1.0, 1.0, x)); }

/// Limits of one chunk: limit(S, z s, z s k) gives the lower and the upper one for 0 < S < 1, where k
/// multiplies s below. The arrays do not overlap (the caller allocates the results), which
/// makes the loop SIMD code throughout.
template <bool Scaled, class F>
void limit_chunk(const double* __restrict survival, const double* __restrict std_err,
                 const double* __restrict lower_scale, Index n, double z, double* __restrict lower,
                 double* __restrict upper, F limit) {
#pragma omp simd
  for (Index i = 0; i < n; ++i) {
    const double s = survival[i], r = z * std_err[i];
    const Pair2 both = limit(s, r, Scaled ? r * lower_scale[i] : r);
    const bool sure = s >= 1.0, gone = s <= 0.0;
    lower[i] = select(gone, k_nan, select(sure, 1.0, cut(both.low)));
    upper[i] = select(gone, k_nan, select(sure, 1.0, cut(both.high)));
  }
}

/// The default scale in short loops over arrays in the first-level cache: a logarithm and four
/// exponentials in one loop body spill registers and take 17 ns, this takes 7.
void log_log_chunk(const double* __restrict survival, const double* __restrict std_err,
                   const double* __restrict lower_scale, Index n, double z,
                   double* __restrict lower, double* __restrict upper) {
  double log_s[k_chunk], factor[k_chunk];
  linalg::log_array(survival, log_s, n);
  for (Index i = 0; i < n; ++i) factor[i] = z * std_err[i] / log_s[i];
  for (Index i = 0; i < n; ++i) factor[i] = linalg::fast_exp(factor[i]);
  for (Index i = 0; i < n; ++i) upper[i] = linalg::fast_exp(log_s[i] * factor[i]);
  if (lower_scale) {
    for (Index i = 0; i < n; ++i) factor[i] = z * std_err[i] * lower_scale[i] / log_s[i];
    for (Index i = 0; i < n; ++i) factor[i] = linalg::fast_exp(factor[i]);
  }
  for (Index i = 0; i < n; ++i) factor[i] = log_s[i] / factor[i];
  for (Index i = 0; i < n; ++i) lower[i] = linalg::fast_exp(factor[i]);
  for (Index i = 0; i < n; ++i) {
    const double s = survival[i];
    const bool sure = s >= 1.0, gone = s <= 0.0;
    lower[i] = select(gone, k_nan, select(sure, 1.0, cut(lower[i])));
    upper[i] = select(gone, k_nan, select(sure, 1.0, cut(upper[i])));
  }
}

}  // namespace

void confidence_limits(const double* survival, const double* std_err, const double* lower_scale,
                       Index n, LimitType type, double z, double* lower, double* upper,
                       int n_threads) {
  const auto run = [&](auto limit) {
    parallel_blocks(n, k_chunk, n_threads, [&](Index begin, Index end) {
      if (lower_scale) {
        limit_chunk<true>(survival + begin, std_err + begin, lower_scale + begin, end - begin, z,
                          lower + begin, upper + begin, limit);
      } else {
        limit_chunk<false>(survival + begin, std_err + begin, nullptr, end - begin, z,
                           lower + begin, upper + begin, limit);
      }
    });
  };
  using linalg::fast_exp;
  switch (type) {
    case LimitType::plain:
      run([](double s, double up, double down) { return Pair2{s * (1.0 - down), s * (1.0 + up)}; });
      break;
    case LimitType::log:
      run([](double s, double up, double down) {
        return Pair2{s * fast_exp(-down), s * fast_exp(up)};
      });
      break;
    case LimitType::log_log:
      parallel_blocks(n, k_chunk, n_threads, [&](Index begin, Index end) {
        log_log_chunk(survival + begin, std_err + begin,
                      lower_scale ? lower_scale + begin : nullptr, end - begin, z, lower + begin,
                      upper + begin);
      });
      break;
    case LimitType::logit:
      run([](double s, double up, double down) {
        const double odds = s / (1.0 - s), inverse = 1.0 / (1.0 - s);
        return Pair2{1.0 - 1.0 / (1.0 + odds * fast_exp(-down * inverse)),
                     1.0 - 1.0 / (1.0 + odds * fast_exp(up * inverse))};
      });
      break;
    case LimitType::arcsin:
      run([](double s, double up, double down) {
        if (!(s > 0.0 && s < 1.0)) return Pair2{s, s};
        const double angle = std::asin(std::sqrt(s)), slope = 0.5 * std::sqrt(s / (1.0 - s));
        const double a = std::sin(std::max(0.0, angle - down * slope));
        const double b = std::sin(std::min(1.5707963267948966, angle + up * slope));
        return Pair2{a * a, b * b};
      });
      break;
  }
}

void jackknife_std_err(const TableView& table, const Records& records, Estimator estimator,
                       double* std_err) {
  // A record of the table is worth loss[j] = -dH_j/dw to everybody at risk at row j, and gain[j] more
  // to those who die there. U_i(t) = gain(T_i) - (L(min(t, T_i)) - L(entry)), L the sums of loss.
  const Index rows = table.rows();
  const auto size = static_cast<std::size_t>(rows);
  std::vector<double> L(size), gain(size, 0.0);
  std::vector<double> gone(size, 0.0);  // departed: sum w^2 U^2
  std::vector<double> w0(size, 0.0);    // at risk: sum w^2
  std::vector<double> w1(size, 0.0);    //          sum w^2 L(entry)
  std::vector<double> w2(size, 0.0);    //          sum w^2 L(entry)^2
  const auto at = [](std::vector<double>& v, Index k) -> double& {
    return v[static_cast<std::size_t>(k)];
  };
  for (Index g = 0; g < table.n_groups; ++g) {
    double sum = 0.0;
    for (Index k = table.group_ptr[g]; k < table.group_ptr[g + 1]; ++k) {
      const double n = table.n_at_risk[k], d = table.n_event[k];
      if (d > 0.0) {
        const double tied = table.n_tied ? table.n_tied[k] : d;
        if (estimator == Estimator::kaplan_meier) {
          if (n > d) {
            sum += d / (n * (n - d));
            at(gain, k) = 1.0 / (n - d);
          }
        } else if (estimator == Estimator::nelson_aalen || tied <= 1.0) {
          sum += d / (n * n);
          at(gain, k) = 1.0 / n;
        } else {
          const double w = d / tied;
          for (double l = 0.0; l < tied; l += 1.0) {
            const double rest = n - l * w;
            sum += w / (rest * rest);
            at(gain, k) += (1.0 / rest + l * w / (rest * rest)) / tied;
          }
        }
      }
      at(L, k) = sum;
    }
  }
  if (!records.entry) {
    for (Index k = 0; k < rows; ++k) {
      const double u = at(gain, k) - at(L, k), v = at(L, k);
      const double d = table.event_squares ? table.event_squares[k] : table.n_event[k];
      const double c = table.censor_squares ? table.censor_squares[k] : table.n_censor[k];
      at(gone, k) = d * u * u + c * v * v;
      at(w0, k) = d + c;  // leaves at this row; turned into what is still there below
    }
    for (Index g = 0; g < table.n_groups; ++g) {
      double left = 0.0;
      for (Index k = table.group_ptr[g + 1]; k-- > table.group_ptr[g];) {
        const double leaving = at(w0, k);
        at(w0, k) = left;
        left += leaving;
      }
      // As differences, which is what the sums below add up.
      for (Index k = table.group_ptr[g + 1] - 1; k > table.group_ptr[g]; --k) {
        at(w0, k) -= at(w0, k - 1);
      }
    }
  }
  for (Index i = 0; records.entry && i < records.n; ++i) {
    const Index g = records.group ? records.group[i] : 0;
    const double* first = table.time + table.group_ptr[g];
    const double* last = table.time + table.group_ptr[g + 1];
    const Index out = (std::upper_bound(first, last, records.time[i]) - table.time) - 1;
    // Rows at or before the entry: the record is not yet at risk there.
    const Index in = records.entry ? std::upper_bound(first, last, records.entry[i]) - table.time
                                   : table.group_ptr[g];
    const double begin = in > table.group_ptr[g] ? at(L, in - 1) : 0.0;
    const double w = records.weight ? records.weight[i] : 1.0;
    const double u = begin - at(L, out) + (records.event[i] != 0 ? at(gain, out) : 0.0);
    const double ww = w * w;
    at(gone, out) += ww * u * u;
    if (in < out) {  // at risk in rows in .. out-1 and still there after them
      at(w0, in) += ww;
      at(w1, in) += ww * begin;
      at(w2, in) += ww * begin * begin;
      at(w0, out) -= ww;
      at(w1, out) -= ww * begin;
      at(w2, out) -= ww * begin * begin;
    }
  }
  for (Index g = 0; g < table.n_groups; ++g) {
    double left = 0.0, s0 = 0.0, s1 = 0.0, s2 = 0.0;
    bool zero = false;
    for (Index k = table.group_ptr[g]; k < table.group_ptr[g + 1]; ++k) {
      left += at(gone, k);
      s0 += at(w0, k);
      s1 += at(w1, k);
      s2 += at(w2, k);
      const double a = at(L, k);
      const double sum = left + (s2 - 2.0 * a * s1 + a * a * s0);
      zero = zero || (estimator == Estimator::kaplan_meier && table.n_event[k] > 0.0 &&
                      !(table.n_at_risk[k] > table.n_event[k]));
      std_err[k] = zero ? k_inf : std::sqrt(std::max(0.0, sum));
    }
  }
}

void curve_quantiles(const TableView& table, const double* curve, const double* probs,
                     Index n_probs, double* out) {
  constexpr double tol = 0x1p-26;
  for (Index g = 0; g < table.n_groups; ++g) {
    const Index begin = table.group_ptr[g], end = table.group_ptr[g + 1];
    for (Index q = 0; q < n_probs; ++q) {
      const double y = 1.0 - probs[q];
      Index k = begin;
      while (k < end && !(curve[k] < y + tol)) ++k;
      double value = k < end ? table.time[k] : k_nan;
      if (k < end && std::abs(curve[k] - y) < tol) {
        Index next = k;
        while (next < end && !(curve[next] < y - tol)) ++next;
        value = 0.5 * (value + table.time[next < end ? next : end - 1]);
      }
      out[g * n_probs + q] = value;
    }
  }
}

void curve_lookup(const TableView& table, const double* curve, double before, const double* at,
                  Index n_at, double* out) {
  for (Index g = 0; g < table.n_groups; ++g) {
    const double* first = table.time + table.group_ptr[g];
    const double* last = table.time + table.group_ptr[g + 1];
    for (Index q = 0; q < n_at; ++q) {
      const double* k = std::upper_bound(first, last, at[q]);
      out[g * n_at + q] = k == first ? before : curve[k - table.time - 1];
    }
  }
}

void restricted_mean(const TableView& table, const double* survival, double tau, double* mean,
                     double* std_err) {
  for (Index g = 0; g < table.n_groups; ++g) {
    const Index begin = table.group_ptr[g], end = table.group_ptr[g + 1];
    Index stop = begin;
    while (stop < end && table.time[stop] <= tau) ++stop;
    // From the right: the area from row k to tau is what the variance needs.
    double area = 0.0, variance = 0.0, right = tau;
    for (Index k = stop; k-- > begin;) {
      area += survival[k] * (right - table.time[k]);
      right = table.time[k];
      const double n = table.n_at_risk[k], d = table.n_event[k];
      if (d > 0.0 && n > d) variance += area * area * d / (n * (n - d));
    }
    const double start = begin < end ? std::min(0.0, table.time[begin]) : 0.0;
    mean[g] = start + area + (right - start);
    std_err[g] = std::sqrt(variance);
  }
}

}  // namespace taut::survival
