// SPDX-License-Identifier: BSD-3-Clause
#include "taut/penalty/fused.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace taut::penalty {
namespace {

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

struct Line {
  double slope, constant;
  double operator()(double x) const { return slope * x + constant; }
  /// Where the line has this value.
  double reaches(double value) const { return (value - constant) / slope; }
};

}  // namespace

void TotalVariationProx::operator()(double* x, const double* weight, Index n) {
  if (n < 2) return;
  constexpr double k_inf = std::numeric_limits<double>::infinity();
  knots_.resize(at_(2 * n));
  low_.resize(at_(n));
  high_.resize(at_(n));
  // Knots first .. last - 1 are alive; they grow at both ends from the middle.
  Index first = n, last = n;
  Line left{1.0, -x[0]}, right = left;  // the derivative beyond all knots
  for (Index i = 0; i + 1 < n; ++i) {
    const double limit = weight[i + 1];
    if (std::isinf(limit)) {
      low_[at_(i)] = -k_inf;
      high_[at_(i)] = k_inf;
    } else {
      while (first < last && left(knots_[at_(first)].at) <= -limit) {
        const Knot& knot = knots_[at_(first++)];
        left.slope += knot.slope;
        left.constant += knot.constant;
      }
      while (first < last && right(knots_[at_(last - 1)].at) >= limit) {
        const Knot& knot = knots_[at_(--last)];
        right.slope -= knot.slope;
        right.constant -= knot.constant;
      }
      const double low = left.reaches(-limit), high = std::max(right.reaches(limit), low);
      knots_[at_(--first)] = {low, left.slope, left.constant + limit};
      knots_[at_(last++)] = {high, -right.slope, limit - right.constant};
      left = {0.0, -limit};
      right = {0.0, limit};
      low_[at_(i)] = low;
      high_[at_(i)] = high;
    }
    left.slope += 1.0;
    left.constant -= x[i + 1];
    right.slope += 1.0;
    right.constant -= x[i + 1];
  }
  while (first < last && left(knots_[at_(first)].at) <= 0.0) {
    const Knot& knot = knots_[at_(first++)];
    left.slope += knot.slope;
    left.constant += knot.constant;
  }
  x[n - 1] = left.reaches(0.0);
  for (Index i = n - 2; i >= 0; --i) x[i] = std::clamp(x[i + 1], low_[at_(i)], high_[at_(i)]);
}

Chains::Chains(const std::vector<Index>& label, Index columns)
    : before_(at_(columns), -1), first_(at_(columns), 0), reversed_(at_(columns), 0) {
  if (label.empty()) {
    for (Index j = 1; j < columns; ++j) before_[at_(j)] = j - 1;
    return;
  }
  std::vector<Index> latest(at_(*std::max_element(label.begin(), label.end()) + 1), -1);
  for (Index j = 0; j < columns; ++j) {
    before_[at_(j)] = latest[at_(label[at_(j)])];
    latest[at_(label[at_(j)])] = j;
    first_[at_(j)] = before(j) < 0 ? j : first(before(j));
  }
}

void Chains::set_roots(const std::vector<double>& norm, const std::vector<double>& factor) {
  std::vector<double> total(before_.size(), 0.0), ahead(before_.size(), 0.0);
  for (Index j = 0; j < columns(); ++j) total[at_(first(j))] += norm[at_(j)];
  for (Index j = 0; j < columns(); ++j) {
    const std::size_t chain = at_(first(j));
    reversed_[at_(j)] =
        before(j) >= 0 && factor[chain] == 0.0 && ahead[chain] < total[chain] - ahead[chain];
    ahead[chain] += norm[at_(j)];
  }
}

void Chains::to_increments(double* b) const {
  for (Index j = columns() - 1; j >= 0; --j) {
    if (before(j) >= 0) b[j] -= b[before(j)];
  }
  for (Index j = 0; j < columns(); ++j) {
    if (reversed(j)) b[first(j)] += b[j];
  }
}

void Chains::to_coefficients(double* d) const {
  // From the root to the first, whose place carries the value reached; then from the root on.
  for (Index j = columns() - 1; j >= 0; --j) {
    if (!reversed(j)) continue;
    const double step = d[j];
    d[j] = d[first(j)];
    d[first(j)] -= step;
  }
  for (Index j = 0; j < columns(); ++j) {
    if (before(j) >= 0 && !reversed(j)) d[j] += d[before(j)];
  }
}

}  // namespace taut::penalty
