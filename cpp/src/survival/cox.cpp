// SPDX-License-Identifier: BSD-3-Clause
#include "taut/survival/cox.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "taut/survival/sort.hpp"

namespace taut::survival {
namespace {

std::size_t idx(Index i) { return static_cast<std::size_t>(i); }

/// out += a x x', lower triangle of a row-major p x p matrix.
inline void rank_one(double a, const double* x, Index p, double* out) {
  for (Index j = 0; j < p; ++j) {
    const double ax = a * x[j];
    double* row = out + j * p;
    for (Index k = 0; k <= j; ++k) row[k] += ax * x[k];
  }
}

inline void mirror(double* A, Index p) {
  for (Index j = 0; j < p; ++j) {
    for (Index k = 0; k < j; ++k) A[k * p + j] = A[j * p + k];
  }
}

}  // namespace

Cox::Cox(const Records& r, const double* X, Index p, const double* offset, Ties ties, int ulps,
         int n_threads, Monitor& monitor)
    : n_(r.n), p_(p), ties_(ties), truncated_(r.entry != nullptr), monitor_(&monitor) {
  while (poll_mask_ > 0 && poll_mask_ * p_ * p_ > (Index{1} << 22)) poll_mask_ >>= 1;
  const auto tol = static_cast<std::uint64_t>(ulps);
  const Index strata = r.n_groups;
  std::vector<Index> ptr(idx(strata) + 1, 0);
  for (Index i = 0; i < n_; ++i) ++ptr[idx(r.group ? r.group[i] : 0) + 1];
  for (Index s = 0; s < strata; ++s) ptr[idx(s) + 1] += ptr[idx(s)];
  Buffer<Pair> exits(n_), entries(truncated_ ? n_ : 0), scratch(n_);
  {
    std::vector<Index> next(ptr.begin(), ptr.end() - 1);
    for (Index i = 0; i < n_; ++i) {
      poll(i);
      const Index place = next[idx(r.group ? r.group[i] : 0)]++;
      exits[place] = {order_bits(r.time[i]), static_cast<double>(i)};
      if (truncated_) entries[place] = {order_bits(r.entry[i]), static_cast<double>(i)};
    }
  }
  sort_slices(exits.data(), scratch.data(), ptr.data(), strata, n_threads, monitor);
  if (truncated_) {
    sort_slices(entries.data(), scratch.data(), ptr.data(), strata, n_threads, monitor);
  }

  order_.resize(idx(n_));
  in_.resize(idx(n_));
  out_.resize(idx(n_));
  event_.resize(idx(n_));
  weight_.resize(idx(n_));
  offset_.resize(idx(n_));
  std::vector<Index> entered(truncated_ ? idx(n_) : 0);  // rows at or before the entry, by record
  row_ptr_.assign(1, 0);
  died_ptr_.assign(1, 0);
  for (Index s = 0; s < strata; ++s) {
    Index i = ptr[idx(s)], e = i;
    const Index end = ptr[idx(s) + 1];
    const auto first_row = static_cast<Index>(row_time_.size());
    for (Index step = 0; i < end; ++step) {
      poll(step);
      const Index first_exit = i, first_entry = e;
      std::uint64_t highest = 0, lowest = 0;
      for (bool first = true; i < end || (truncated_ && e < end); first = false) {
        const bool is_exit = i < end && (!truncated_ || e == end || exits[i].key <= entries[e].key);
        const std::uint64_t key = is_exit ? exits[i].key : entries[e].key;
        if (!first && key - highest > tol) break;
        highest = key;
        if (first) lowest = key;
        is_exit ? ++i : ++e;
      }
      double events = 0.0, weight = 0.0;
      for (Index k = first_exit; k < i; ++k) {
        const auto record = static_cast<Index>(exits[k].value);
        const double w = r.weight ? r.weight[record] : 1.0;
        order_[idx(k)] = record;
        event_[idx(k)] = r.event[record] != 0 && w > 0.0;
        weight_[idx(k)] = w;
        offset_[idx(k)] = offset ? offset[record] : 0.0;
        if (event_[idx(k)]) {
          events += 1.0;
          weight += w;
          died_.push_back(k);
        }
      }
      if (events > 0.0) {
        // Times that differ in rounding only: the dead of one row in the order of the caller.
        std::sort(died_.begin() + died_ptr_.back(), died_.end(),
                  [&](Index a, Index b) { return order_[idx(a)] < order_[idx(b)]; });
        row_time_.push_back(from_order_bits(lowest));
        row_events_.push_back(events);
        row_weight_.push_back(weight);
        died_ptr_.push_back(static_cast<Index>(died_.size()));
      }
      const auto row = static_cast<Index>(row_time_.size());
      for (Index k = first_exit; k < i; ++k) {
        in_[idx(k)] = first_row;
        out_[idx(k)] = row;
      }
      for (Index k = first_entry; k < e; ++k) {
        entered[idx(static_cast<Index>(entries[k].value))] = row;
      }
    }
    row_ptr_.push_back(static_cast<Index>(row_time_.size()));
  }
  if (truncated_) {
    for (Index k = 0; k < n_; ++k) in_[idx(k)] = entered[idx(order_[idx(k)])];
  }

  for (const double w : weight_) total_weight_ += w;
  means_.assign(idx(p_), 0.0);
  X_ = Buffer<double>(n_ * p_);
  for (Index k = 0; k < n_; ++k) {
    poll(k);
    const double* x = X + order_[idx(k)] * p_;
    double* to = X_.data() + k * p_;
    for (Index j = 0; j < p_; ++j) {
      to[j] = x[j];
      means_[idx(j)] += weight_[idx(k)] * x[j];
    }
  }
  for (double& m : means_) m /= total_weight_;
  for (Index k = 0; k < n_; ++k) {
    poll(k);
    double* to = X_.data() + k * p_;
    for (Index j = 0; j < p_; ++j) to[j] -= means_[idx(j)];
  }
  coef_.assign(idx(p_), 0.0);
  eta_.resize(idx(n_));
  theta_.resize(idx(n_));
}

/// out[k] = sum over the risk set of row k of w theta value, for values of `width` numbers each
/// (null: 1). Sums of what leaves, from the last row of a stratum, less what enters.
void Cox::risk_sums(const double* value, Index width, double* out) const {
  const Index R = rows();
  std::fill(out, out + R * width, 0.0);
  for (Index k = 0; k < n_; ++k) {
    poll(k);
    const Index in = in_[idx(k)], last = out_[idx(k)] - 1;
    if (last < in) continue;
    const double a = weight_[idx(k)] * theta_[idx(k)];
    for (Index j = 0; j < width; ++j) {
      out[last * width + j] += value ? a * value[k * width + j] : a;
    }
  }
  for (Index s = 0; s + 1 < static_cast<Index>(row_ptr_.size()); ++s) {
    for (Index row = row_ptr_[idx(s) + 1] - 1; row-- > row_ptr_[idx(s)];) {
      poll(row);
      for (Index j = 0; j < width; ++j) out[row * width + j] += out[(row + 1) * width + j];
    }
  }
  if (!truncated_) return;
  std::vector<double> late(idx(R * width), 0.0), size(idx(R), 0.0);
  std::vector<Index> count(idx(R), 0);
  for (Index k = 0; k < n_; ++k) {
    poll(k);
    const Index in = in_[idx(k)], last = out_[idx(k)] - 1;
    if (last < in) continue;
    ++count[idx(last)];
    const double a = weight_[idx(k)] * theta_[idx(k)];
    size[idx(last)] += a;
    // Rows of the same stratum before `in` must not count it.
    const bool inside = in > 0 && std::binary_search(row_ptr_.begin(), row_ptr_.end(), in) == false;
    if (!inside) continue;
    --count[idx(in) - 1];
    for (Index j = 0; j < width; ++j) {
      late[idx((in - 1) * width + j)] += value ? a * value[k * width + j] : a;
    }
  }
  for (Index s = 0; s + 1 < static_cast<Index>(row_ptr_.size()); ++s) {
    const Index first = row_ptr_[idx(s)], end = row_ptr_[idx(s) + 1];
    for (Index row = end; row-- > first;) {
      if (row + 1 < end) {
        size[idx(row)] += size[idx(row) + 1];
        for (Index j = 0; j < width; ++j) {
          late[idx(row * width + j)] += late[idx((row + 1) * width + j)];
        }
      }
    }
    double S = 0.0;
    bool restart = false;
    for (Index row = first; row < end && !restart; ++row) {
      // S0 against the size of what was added and taken away again.
      S = S0_.empty() || !value ? out[row * width] - late[idx(row * width)] : S0_[idx(row)];
      restart = S < 1e-8 * size[idx(row)];
    }
    if (!restart) {
      for (Index k = first * width; k < end * width; ++k) out[k] -= late[idx(k)];
      continue;
    }
    // Some risk set is tiny beside the sums: add up each one by itself, from the rows of its records.
    std::fill(out + first * width, out + end * width, 0.0);
    for (Index k = 0; k < n_; ++k) {
      poll(k);
      if (in_[idx(k)] < first || out_[idx(k)] > end) continue;
      const double a = weight_[idx(k)] * theta_[idx(k)];
      for (Index row = in_[idx(k)]; row < out_[idx(k)]; ++row) {
        for (Index j = 0; j < width; ++j) {
          out[row * width + j] += value ? a * value[k * width + j] : a;
        }
      }
    }
  }
}

double Cox::scale_of(Index row, Index l) const {
  return ties_ == Ties::efron ? static_cast<double>(l) / row_events_[idx(row)] : 0.0;
}

double Cox::set(const double* coef) {
  std::copy_n(coef, p_, coef_.begin());
  double mean = 0.0;
  for (Index k = 0; k < n_; ++k) {
    poll(k);
    const double* x = X_.data() + k * p_;
    double eta = offset_[idx(k)];
    for (Index j = 0; j < p_; ++j) eta += x[j] * coef_[idx(j)];
    eta_[idx(k)] = eta;
    mean += weight_[idx(k)] * eta;
  }
  shift_ = mean / total_weight_;
  double top = 0.0;
  for (Index k = 0; k < n_; ++k) {
    poll(k);
    eta_[idx(k)] -= shift_;
    theta_[idx(k)] = std::exp(eta_[idx(k)]);
    top = std::max(top, theta_[idx(k)]);
  }
  if (!std::isfinite(top)) return std::numeric_limits<double>::quiet_NaN();
  const Index R = rows();
  std::vector<double> sums(idx(R));
  S0_.clear();
  risk_sums(nullptr, 1, sums.data());
  S0_ = std::move(sums);
  D0_.assign(idx(R), 0.0);
  hazard_.plain.assign(idx(R), 0.0);
  hazard_.dying.assign(idx(R), 0.0);
  double loglik = 0.0;
  for (Index row = 0; row < R; ++row) {
    poll(row);
    for (Index d = died_ptr_[idx(row)]; d < died_ptr_[idx(row) + 1]; ++d) {
      const auto k = idx(died_[idx(d)]);
      D0_[idx(row)] += weight_[k] * theta_[k];
      loglik += weight_[k] * eta_[k];
    }
    const double v = row_weight_[idx(row)] / row_events_[idx(row)];
    if (ties_ == Ties::breslow) {
      loglik -= row_weight_[idx(row)] * std::log(S0_[idx(row)]);
      hazard_.plain[idx(row)] = hazard_.dying[idx(row)] = row_weight_[idx(row)] / S0_[idx(row)];
      continue;
    }
    for (Index l = 0; l < static_cast<Index>(row_events_[idx(row)]); ++l) {
      const double f = scale_of(row, l);
      const double S = S0_[idx(row)] - f * D0_[idx(row)];
      loglik -= v * std::log(S);
      hazard_.plain[idx(row)] += v / S;
      hazard_.dying[idx(row)] += (1.0 - f) * v / S;
    }
  }
  cumulative_.assign(idx(R) + 1, 0.0);
  for (Index row = 0; row < R; ++row) {
    poll(row);
    cumulative_[idx(row) + 1] = cumulative_[idx(row)] + hazard_.plain[idx(row)];
  }
  return loglik;
}

void Cox::gradient(double* out) const {
  std::fill(out, out + p_, 0.0);
  for (Index k = 0; k < n_; ++k) {
    poll(k);
    const Index in = in_[idx(k)], end = out_[idx(k)];
    double hazard = end > in ? cumulative_[idx(end)] - cumulative_[idx(in)] : 0.0;
    if (event_[idx(k)]) hazard -= hazard_.plain[idx(end) - 1] - hazard_.dying[idx(end) - 1];
    const double m =
        weight_[idx(k)] * (static_cast<double>(event_[idx(k)]) - theta_[idx(k)] * hazard);
    const double* x = X_.data() + k * p_;
    for (Index j = 0; j < p_; ++j) out[j] += m * x[j];
  }
}

void Cox::information(const double* row_scale, double* out) const {
  const Index R = rows();
  std::fill(out, out + p_ * p_, 0.0);
  std::vector<double> cumulative(idx(R) + 1, 0.0);
  for (Index row = 0; row < R; ++row) {
    poll(row);
    const double g = row_scale ? row_scale[row] : 1.0;
    cumulative[idx(row) + 1] = cumulative[idx(row)] + g * hazard_.plain[idx(row)];
  }
  for (Index k = 0; k < n_; ++k) {
    poll(k);
    const Index in = in_[idx(k)], end = out_[idx(k)];
    double hazard = end > in ? cumulative[idx(end)] - cumulative[idx(in)] : 0.0;
    if (event_[idx(k)]) {
      const double g = row_scale ? row_scale[end - 1] : 1.0;
      hazard -= g * (hazard_.plain[idx(end) - 1] - hazard_.dying[idx(end) - 1]);
    }
    if (hazard != 0.0) {
      rank_one(weight_[idx(k)] * theta_[idx(k)] * hazard, X_.data() + k * p_, p_, out);
    }
  }
  std::vector<double> S1(idx(R * p_)), mean(idx(p_)), D1(idx(p_));
  risk_sums(X_.data(), p_, S1.data());
  for (Index row = 0; row < R; ++row) {
    poll(row);
    const double g = row_scale ? row_scale[row] : 1.0;
    const double v = g * row_weight_[idx(row)] / row_events_[idx(row)];
    const double* s = S1.data() + row * p_;
    if (ties_ == Ties::breslow) {
      for (Index j = 0; j < p_; ++j) mean[idx(j)] = s[j] / S0_[idx(row)];
      rank_one(-g * row_weight_[idx(row)], mean.data(), p_, out);
      continue;
    }
    std::fill(D1.begin(), D1.end(), 0.0);
    for (Index d = died_ptr_[idx(row)]; d < died_ptr_[idx(row) + 1]; ++d) {
      const Index k = died_[idx(d)];
      const double a = weight_[idx(k)] * theta_[idx(k)];
      for (Index j = 0; j < p_; ++j) D1[idx(j)] += a * X_[k * p_ + j];
    }
    for (Index l = 0; l < static_cast<Index>(row_events_[idx(row)]); ++l) {
      const double f = scale_of(row, l), S = S0_[idx(row)] - f * D0_[idx(row)];
      for (Index j = 0; j < p_; ++j) mean[idx(j)] = (s[j] - f * D1[idx(j)]) / S;
      rank_one(-v, mean.data(), p_, out);
    }
  }
  mirror(out, p_);
}

void Cox::schoenfeld(double* out) const {
  const Index R = rows();
  std::vector<double> S1(idx(R * p_)), mean(idx(p_)), D1(idx(p_));
  risk_sums(X_.data(), p_, S1.data());
  for (Index row = 0; row < R; ++row) {
    poll(row);
    const Index begin = died_ptr_[idx(row)], end = died_ptr_[idx(row) + 1];
    std::fill(D1.begin(), D1.end(), 0.0);
    std::fill(mean.begin(), mean.end(), 0.0);
    for (Index d = begin; d < end; ++d) {
      const Index k = died_[idx(d)];
      const double a = weight_[idx(k)] * theta_[idx(k)];
      for (Index j = 0; j < p_; ++j) D1[idx(j)] += a * X_[k * p_ + j];
    }
    const auto ties = static_cast<Index>(row_events_[idx(row)]);
    for (Index l = 0; l < ties; ++l) {
      const double f = scale_of(row, l), S = S0_[idx(row)] - f * D0_[idx(row)];
      for (Index j = 0; j < p_; ++j) {
        mean[idx(j)] += (S1[idx(row * p_ + j)] - f * D1[idx(j)]) / (S * static_cast<double>(ties));
      }
    }
    for (Index d = begin; d < end; ++d) {
      const Index k = died_[idx(d)];
      for (Index j = 0; j < p_; ++j) out[d * p_ + j] = X_[k * p_ + j] - mean[idx(j)];
    }
  }
}

void Cox::score(const double* row_scale, double* out) const {
  std::vector<double> residual(died_.size() * idx(p_));
  schoenfeld(residual.data());
  std::fill(out, out + p_, 0.0);
  for (Index row = 0; row < rows(); ++row) {
    poll(row);
    for (Index d = died_ptr_[idx(row)]; d < died_ptr_[idx(row) + 1]; ++d) {
      const double a = (row_scale ? row_scale[row] : 1.0) * weight_[idx(died_[idx(d)])];
      for (Index j = 0; j < p_; ++j) out[j] += a * residual[idx(d * p_ + j)];
    }
  }
}

void Cox::martingale(double* out) const {
  for (Index k = 0; k < n_; ++k) {
    poll(k);
    const Index in = in_[idx(k)], end = out_[idx(k)];
    double hazard = end > in ? cumulative_[idx(end)] - cumulative_[idx(in)] : 0.0;
    if (event_[idx(k)]) hazard -= hazard_.plain[idx(end) - 1] - hazard_.dying[idx(end) - 1];
    out[order_[idx(k)]] = static_cast<double>(event_[idx(k)]) - theta_[idx(k)] * hazard;
  }
}

void Cox::score_residuals(double* out) const {
  const Index R = rows();
  std::vector<double> S1(idx(R * p_)), B(idx((R + 1) * p_), 0.0);
  // Of those who die at a row: their own mean, and what the row adds to the compensator.
  std::vector<double> death_mean(idx(R * p_), 0.0), death_B(idx(R * p_), 0.0), D1(idx(p_));
  risk_sums(X_.data(), p_, S1.data());
  for (Index row = 0; row < R; ++row) {
    poll(row);
    std::fill(D1.begin(), D1.end(), 0.0);
    for (Index d = died_ptr_[idx(row)]; d < died_ptr_[idx(row) + 1]; ++d) {
      const Index k = died_[idx(d)];
      const double a = weight_[idx(k)] * theta_[idx(k)];
      for (Index j = 0; j < p_; ++j) D1[idx(j)] += a * X_[k * p_ + j];
    }
    const auto ties = static_cast<Index>(row_events_[idx(row)]);
    const double v = row_weight_[idx(row)] / row_events_[idx(row)];
    for (Index j = 0; j < p_; ++j) B[idx((row + 1) * p_ + j)] = B[idx(row * p_ + j)];
    for (Index l = 0; l < ties; ++l) {
      const double f = scale_of(row, l), S = S0_[idx(row)] - f * D0_[idx(row)];
      for (Index j = 0; j < p_; ++j) {
        const double m = (S1[idx(row * p_ + j)] - f * D1[idx(j)]) / S;
        B[idx((row + 1) * p_ + j)] += v / S * m;
        death_B[idx(row * p_ + j)] += (1.0 - f) * v / S * m;
        death_mean[idx(row * p_ + j)] += m / static_cast<double>(ties);
      }
    }
  }
  for (Index k = 0; k < n_; ++k) {
    poll(k);
    const Index in = in_[idx(k)], end = out_[idx(k)];
    const double* x = X_.data() + k * p_;
    double* to = out + order_[idx(k)] * p_;
    const bool died = event_[idx(k)] != 0;
    double hazard = end > in ? cumulative_[idx(end)] - cumulative_[idx(in)] : 0.0;
    if (died) hazard -= hazard_.plain[idx(end) - 1] - hazard_.dying[idx(end) - 1];
    for (Index j = 0; j < p_; ++j) {
      double mean_part = end > in ? B[idx(end * p_ + j)] - B[idx(in * p_ + j)] : 0.0;
      double value = 0.0;
      if (died) {
        const Index row = end - 1;
        mean_part -= B[idx(end * p_ + j)] - B[idx(row * p_ + j)] - death_B[idx(row * p_ + j)];
        value = x[j] - death_mean[idx(row * p_ + j)];
      }
      to[j] = value - theta_[idx(k)] * (x[j] * hazard - mean_part);
    }
  }
}

void Cox::baseline(double* out) const {
  double at_zero = shift_;
  for (Index j = 0; j < p_; ++j) at_zero += means_[idx(j)] * coef_[idx(j)];
  // eta = (x - mean) b + offset - shift, so x = 0 has hazard e^(-mean b - shift) times ours.
  const double factor = std::exp(-at_zero);
  for (Index row = 0; row < rows(); ++row) out[row] = hazard_.plain[idx(row)] * factor;
}

void solve_symmetric(const std::vector<double>& A, Index p, const double* b, double* x,
                     double* inverse, std::vector<char>& aliased) {
  std::vector<double> L(A);
  const auto at = [&](Index i, Index j) -> double& { return L[idx(i * p + j)]; };
  aliased.assign(idx(p), 0);
  for (Index j = 0; j < p; ++j) {
    double pivot = at(j, j);
    for (Index k = 0; k < j; ++k) pivot -= at(j, k) * at(j, k);
    if (!(pivot > 1e-11 * A[idx(j * p + j)]) || !(pivot > 0.0)) {
      aliased[idx(j)] = 1;
      for (Index i = 0; i < p; ++i) {
        if (i >= j) at(i, j) = 0.0;
        if (i <= j) at(j, i) = 0.0;
      }
      at(j, j) = 1.0;
      continue;
    }
    at(j, j) = std::sqrt(pivot);
    for (Index i = j + 1; i < p; ++i) {
      double sum = at(i, j);
      for (Index k = 0; k < j; ++k) sum -= at(i, k) * at(j, k);
      at(i, j) = sum / at(j, j);
    }
  }
  const auto solve = [&](double* v) {
    for (Index i = 0; i < p; ++i) {
      if (aliased[idx(i)]) v[i] = 0.0;
      for (Index k = 0; k < i; ++k) v[i] -= at(i, k) * v[k];
      v[i] /= at(i, i);
    }
    for (Index i = p; i-- > 0;) {
      for (Index k = i + 1; k < p; ++k) v[i] -= at(k, i) * v[k];
      v[i] /= at(i, i);
      if (aliased[idx(i)]) v[i] = 0.0;
    }
  };
  if (x) {
    std::copy_n(b, p, x);
    solve(x);
  }
  if (!inverse) return;
  std::vector<double> column(idx(p));
  for (Index j = 0; j < p; ++j) {
    std::fill(column.begin(), column.end(), 0.0);
    if (!aliased[idx(j)]) column[idx(j)] = 1.0;
    solve(column.data());
    for (Index i = 0; i < p; ++i) inverse[i * p + j] = column[idx(i)];
  }
}

CoxFit fit_cox(Cox& problem, double tol, Index max_iter, Monitor& monitor) {
  const Index p = problem.features();
  CoxFit fit;
  fit.coef.assign(idx(p), 0.0);
  fit.aliased.assign(idx(p), 0);
  fit.information.assign(idx(p * p), 0.0);
  fit.information_null = fit.information;
  std::vector<double> gradient(idx(p)), step(idx(p)), trial(idx(p));
  fit.loglik = fit.loglik_null = problem.set(fit.coef.data());
  problem.gradient(gradient.data());
  problem.information(nullptr, fit.information.data());
  fit.score_null = gradient;
  fit.information_null = fit.information;
  while (true) {
    monitor.poll({});
    solve_symmetric(fit.information, p, gradient.data(), step.data(), nullptr, fit.aliased);
    double decrement = 0.0;
    for (Index j = 0; j < p; ++j) decrement += 0.5 * gradient[idx(j)] * step[idx(j)];
    fit.stop_crit = decrement;
    fit.converged = decrement <= tol * std::max(1.0, std::abs(fit.loglik));
    // One more step after the tolerance is met costs little and squares what is left.
    const bool last = fit.converged;
    if (!last && fit.n_iter >= max_iter) break;
    double loglik = 0.0, size = 1.0;
    bool better = false;
    for (int halvings = 0; halvings < 40 && !better; ++halvings, size *= 0.5) {
      for (Index j = 0; j < p; ++j) trial[idx(j)] = fit.coef[idx(j)] + size * step[idx(j)];
      loglik = problem.set(trial.data());
      better = std::isfinite(loglik) && loglik >= fit.loglik - 1e-14 * std::abs(fit.loglik);
    }
    if (!better) {
      problem.set(fit.coef.data());
      break;
    }
    fit.coef = trial;
    fit.loglik = loglik;
    ++fit.n_iter;
    problem.gradient(gradient.data());
    problem.information(nullptr, fit.information.data());
    if (last) break;
  }
  fit.next.assign(idx(p), 0.0);
  solve_symmetric(fit.information, p, gradient.data(), fit.next.data(), nullptr, fit.aliased);
  return fit;
}

}  // namespace taut::survival
