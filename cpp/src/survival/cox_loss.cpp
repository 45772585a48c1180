// SPDX-License-Identifier: BSD-3-Clause
#include "taut/survival/cox_loss.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "taut/linalg/vexp.hpp"
#include "taut/survival/sort.hpp"

namespace taut::survival {
namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

CoxLoss::CoxLoss(const Records& r, const double* weights, double total, int ulps)
    : Datafit(r.n, 1, weights), log_total_(std::log(total)) {
  const Index strata = r.n_groups;
  std::vector<Index> ptr(at(strata) + 1, 0);
  for (Index i = 0; i < r.n; ++i) ++ptr[at(r.group ? r.group[i] : 0) + 1];
  for (Index s = 0; s < strata; ++s) ptr[at(s) + 1] += ptr[at(s)];
  std::vector<Index> next(ptr.begin(), ptr.end() - 1);
  Buffer<Pair> pairs(r.n), scratch(r.n);
  for (Index i = 0; i < r.n; ++i) {
    pairs[next[at(r.group ? r.group[i] : 0)]++] = {order_bits(r.time[i]), static_cast<double>(i)};
  }
  SilentMonitor monitor;
  sort_slices(pairs.data(), scratch.data(), ptr.data(), strata, 1, monitor);
  out_.resize(at(r.n));
  in_.resize(at(r.n));
  event_.resize(at(r.n));
  row_ptr_.assign(1, 0);
  for (Index s = 0; s < strata; ++s) {
    const auto first_row = static_cast<std::int32_t>(d_.size());
    for (Index i = ptr[at(s)]; i < ptr[at(s) + 1];) {
      const Index begin = i;
      double d = 0.0;
      do {
        const auto record = at(static_cast<Index>(pairs[i].value));
        event_[record] = r.event[record] != 0 && weights[record] > 0.0;
        if (event_[record]) d += weights[record];
        ++i;
      } while (i < ptr[at(s) + 1] &&
               pairs[i].key - pairs[i - 1].key <= static_cast<std::uint64_t>(ulps));
      if (d > 0.0) d_.push_back(d);
      for (Index k = begin; k < i; ++k) {
        const auto record = at(static_cast<Index>(pairs[k].value));
        in_[record] = first_row;
        out_[record] = static_cast<std::int32_t>(d_.size());
      }
    }
    row_ptr_.push_back(static_cast<Index>(d_.size()));
  }
  for (const double d : d_) least_ += d * (std::log(d) + log_total_);
  theta_.resize(at(r.n));
  S0_.resize(d_.size());
  cumulative_.resize(d_.size() + 1);
}

/// theta, S0 and the cumulative hazard at eta; returns F.
double CoxLoss::sums(const double* eta) const {
  const double* s = weights();
  const Index n = rows(), R = static_cast<Index>(d_.size());
  shift_ = -std::numeric_limits<double>::infinity();
  for (Index i = 0; i < n; ++i) shift_ = std::max(shift_, eta[i]);
  for (Index i = 0; i < n; ++i) theta_[at(i)] = linalg::fast_exp(eta[i] - shift_);
  std::fill(S0_.begin(), S0_.end(), 0.0);
  double value = 0.0;
  for (Index i = 0; i < n; ++i) {
    if (out_[at(i)] > in_[at(i)]) S0_[at(out_[at(i)] - 1)] += s[i] * theta_[at(i)];
    if (event_[at(i)]) value -= s[i] * (eta[i] - shift_);
  }
  for (std::size_t g = 0; g + 1 < row_ptr_.size(); ++g) {
    for (Index k = row_ptr_[g + 1] - 1; k-- > row_ptr_[g];) S0_[at(k)] += S0_[at(k) + 1];
  }
  cumulative_[0] = 0.0;
  for (Index k = 0; k < R; ++k) {
    value += d_[at(k)] * (std::log(S0_[at(k)]) + log_total_);
    cumulative_[at(k) + 1] = cumulative_[at(k)] + d_[at(k)] / S0_[at(k)];
  }
  return value;
}

double CoxLoss::value(const double* eta) const { return sums(eta); }

void CoxLoss::residual(const double* eta, double* r) const { evaluate(eta, r); }

double CoxLoss::evaluate(const double* eta, double* r) const {
  const double value = sums(eta);
  const Index n = rows();
  for (Index i = 0; i < n; ++i) {
    const double hazard = cumulative_[at(out_[at(i)])] - cumulative_[at(in_[at(i)])];
    r[i] = static_cast<double>(event_[at(i)]) - theta_[at(i)] * hazard;
  }
  Point& point = known_[next_];
  next_ = (next_ + 1) % known_.size();
  point.eta.assign(eta, eta + n);
  point.residual.assign(r, r + n);
  return value;
}

double CoxLoss::dual(const double* r, double c) const {
  const Index n = rows(), R = static_cast<Index>(d_.size());
  const Point* point = find(r);
  if (!point) return -std::numeric_limits<double>::infinity();  // nothing is certified
  sums(point->eta.data());
  const double* s = weights();
  // Entropy of each row's mixture against w: survivors of the row have c w theta / S0 only.
  std::vector<double> S1(at(R), 0.0), entropy(at(R), 0.0), dead(at(R), 0.0);
  for (Index i = 0; i < n; ++i) {
    if (out_[at(i)] <= in_[at(i)]) continue;
    const Index last = out_[at(i)] - 1;
    const double mass = s[i] * theta_[at(i)], x = point->eta[at(i)] - shift_;
    S1[at(last)] += mass * x;
    if (!event_[at(i)]) continue;
    // Of those who die at the row: their own entropy, in place of the survivors' part of it.
    const double q = (1.0 - c) * s[i] / d_[at(last)] + c * mass / S0_[at(last)];
    if (q > 0.0) entropy[at(last)] += q * std::log(q / s[i]);
    if (c > 0.0) {
      entropy[at(last)] -= c * mass / S0_[at(last)] * (x + std::log(c / S0_[at(last)]));
    }
  }
  for (std::size_t g = 0; g + 1 < row_ptr_.size(); ++g) {
    for (Index k = row_ptr_[g + 1] - 1; k-- > row_ptr_[g];) S1[at(k)] += S1[at(k) + 1];
  }
  double total = 0.0;
  for (Index k = 0; k < R; ++k) {
    double sum = entropy[at(k)] - log_total_;
    if (c > 0.0) sum += c * (S1[at(k)] / S0_[at(k)] + std::log(c / S0_[at(k)]));
    total -= d_[at(k)] * sum;
  }
  return total;
}

void CoxLoss::curvature(const double* r, Index, Index, double* h) const {
  const double* s = weights();
  for (Index i = 0; i < rows(); ++i) {
    h[i] = s[i] * std::max(0.0, static_cast<double>(event_[at(i)]) - r[i]);
  }
  const Point* point = find(r);
  if (!point) return;
  sums(point->eta.data());
  std::vector<double> squares(d_.size() + 1, 0.0);
  for (std::size_t k = 0; k < d_.size(); ++k) {
    squares[k + 1] = squares[k] + d_[k] / (S0_[k] * S0_[k]);
  }
  for (Index i = 0; i < rows(); ++i) {
    const double mass = s[i] * theta_[at(i)];
    const double own = mass * mass * (squares[at(out_[at(i)])] - squares[at(in_[at(i)])]);
    h[i] = std::max(std::min(h[i], 2.0 * (h[i] - own)), 1e-12 * h[i]);
  }
}

const CoxLoss::Point* CoxLoss::find(const double* r) const {
  for (const Point& p : known_) {
    if (!p.residual.empty() && std::equal(p.residual.begin(), p.residual.end(), r)) return &p;
  }
  return nullptr;
}

}  // namespace taut::survival
