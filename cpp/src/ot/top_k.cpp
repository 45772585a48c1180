// SPDX-License-Identifier: BSD-3-Clause
#include "taut/ot/top_k.hpp"

#include <algorithm>
#include <functional>
#include <limits>

namespace taut::ot {

double keep_top(std::vector<Candidate>& candidates, Index k) {
  double left_out = -std::numeric_limits<double>::infinity();
  if (static_cast<Index>(candidates.size()) <= k) return left_out;
  const auto better = [](const Candidate& x, const Candidate& y) {
    return x.score > y.score || (x.score == y.score && x.row < y.row);
  };
  const auto cut = candidates.begin() + k;
  std::nth_element(candidates.begin(), cut, candidates.end(), better);
  for (auto it = cut; it != candidates.end(); ++it) left_out = std::max(left_out, it->score);
  candidates.erase(cut, candidates.end());
  return left_out;
}

double simplex_threshold(const std::vector<Candidate>& candidates, double mass) {
  TAUT_ASSERT(!candidates.empty() && mass > 0.0);
  // Scores relative to the best one: sums of large potentials would cancel.
  double top = candidates.front().score;
  for (const Candidate& c : candidates) top = std::max(top, c.score);
  constexpr std::size_t k_few = 256;
  if (candidates.size() <= k_few) {
    // Scores side by side, filled up to whole vectors with some that never take part.
    double s[k_few + 4];
    std::size_t size = 0;
    for (const Candidate& c : candidates) s[size++] = c.score - top;
    while (size % 4 != 0) s[size++] = -std::numeric_limits<double>::infinity();
    double tau = -mass, before = -1.0;
    while (true) {
      double sum[4] = {}, count[4] = {};
      for (std::size_t i = 0; i < size; i += 4) {
        for (std::size_t l = 0; l < 4; ++l) {
          sum[l] += s[i + l] > tau ? s[i + l] : 0.0;
          count[l] += s[i + l] > tau ? 1.0 : 0.0;
        }
      }
      const double active = (count[0] + count[1]) + (count[2] + count[3]);
      if (active == before || active == 0.0) return tau + top;
      before = active;
      // It never falls, but for rounding, which must not make it go round in circles.
      tau = std::max(tau, ((sum[0] + sum[1]) + (sum[2] + sum[3]) - mass) / active);
    }
  }
  // Michelot: the threshold of a set that holds all active rows rises to that of the active ones.
  double tau = -std::numeric_limits<double>::infinity();
  Index before = -1;
  while (true) {
    double sum = 0.0;
    Index count = 0;
    for (const Candidate& c : candidates) {
      const double s = c.score - top;
      const bool in = s > tau;
      sum += in ? s : 0.0;
      count += in ? 1 : 0;
    }
    if (count == before) break;
    before = count;
    tau = std::max(tau, (sum - mass) / static_cast<double>(count));
  }
  return tau + top;
}

double k_support_square(std::vector<double>& values, Index k) {
  std::sort(values.begin(), values.end(), std::greater<>());
  while (!values.empty() && values.back() <= 0.0) values.pop_back();
  const auto count = static_cast<Index>(values.size());
  double tail = 0.0, head = 0.0;
  if (count <= k) {
    for (const double t : values) head += t * t;
    return head;
  }
  for (const double t : values) tail += t;
  // theta_i = min(1, t_i / nu) with sum theta = k; the `whole` largest entries have theta = 1.
  Index whole = 0;
  for (; whole < k; ++whole) {
    const double nu = tail / static_cast<double>(k - whole);
    const double t = values[static_cast<std::size_t>(whole)];
    if (t < nu) break;
    if (whole + 1 == k) break;
    head += t * t;
    tail -= t;
  }
  return head + tail * tail / static_cast<double>(k - whole);
}

SupportProjection k_support_projection(const std::vector<Candidate>& sorted, Index k, double gamma,
                                       double rho, double mass) {
  TAUT_ASSERT(!sorted.empty() && mass > 0.0 && rho > 0.0);
  const auto size = static_cast<Index>(sorted.size());
  const double top = sorted.front().score;
  constexpr double k_inf = std::numeric_limits<double>::infinity();
  const auto score = [&](Index i) { return sorted[static_cast<std::size_t>(i)].score - top; };
  const double both = gamma + rho;
  SupportProjection out;
  // Without the limit first: it does not bind where at most k entries are positive.
  double sum = 0.0;
  Index active = 0;
  for (; active < size; ++active) {
    const double next = (sum + score(active) - both * mass) / static_cast<double>(active + 1);
    if (score(active) <= next) break;
    sum += score(active);
    out.tau = next;
  }
  if (active <= k) {
    out.whole = active;
    out.tau += top;
    out.level = out.tau;
    return out;
  }
  // Otherwise `whole` entries have theta = 1, and the others share what is left of k.
  double least = k_inf, head = 0.0;
  for (Index whole = 0; whole <= k && least > 0.0; ++whole) {
    const double left = static_cast<double>(k - whole);
    const auto try_one = [&](Index shared, double tail) {
      const auto count = static_cast<double>(shared);
      const double weight = shared == 0 ? 0.0 : left / (rho * left + gamma * count);
      const double tau = (head / both + weight * tail - mass) /
                         (static_cast<double>(whole) / both + weight * count);
      const double after = whole + shared < size ? score(whole + shared) : -k_inf;
      const double nu = shared == 0 ? std::max((after - tau) / gamma, 0.0)
                                    : (tail - count * tau) / (rho * left + gamma * count);
      double wrong = after - tau - gamma * nu;
      if (shared == 0) wrong = 0.0;  // nu was chosen so
      if (whole > 0) wrong = std::max(wrong, both * nu - (score(whole - 1) - tau));
      if (shared > 0) {
        wrong = std::max(wrong, score(whole) - tau - both * nu);
        wrong = std::max(wrong, tau + gamma * nu - score(whole + shared - 1));
      }
      wrong = std::max(wrong, 0.0);
      if (wrong < least) {
        least = wrong;
        out = {tau + top, nu, tau + top + gamma * nu, whole, shared};
      }
    };
    if (whole == k) {
      try_one(0, 0.0);
      break;
    }
    double tail = 0.0;
    for (Index shared = 1; whole + shared <= size && least > 0.0; ++shared) {
      tail += score(whole + shared - 1);
      if (shared >= k - whole) try_one(shared, tail);
    }
    head += score(whole);
  }
  return out;
}

}  // namespace taut::ot
