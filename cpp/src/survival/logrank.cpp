// SPDX-License-Identifier: BSD-3-Clause
#include "taut/survival/logrank.hpp"

#include <algorithm>
#include <cmath>

#include "taut/core/parallel.hpp"
#include "taut/survival/sort.hpp"

namespace taut::survival {
namespace {

/// Running sums of one stratum, times ascending.
class Accumulator {
 public:
  Accumulator(Index n_groups, const TestSpec& spec) : G_(n_groups), spec_(spec) {
    const auto size = static_cast<std::size_t>(G_);
    sums_.observed.assign(size, 0.0);
    sums_.expected.assign(size, 0.0);
    sums_.score.assign(size, 0.0);
    sums_.weighted_observed.assign(size, 0.0);
    sums_.covariance.assign(size * size, 0.0);
    share_.assign(size, 0.0);
  }

  void new_stratum() { survival_ = prentice_ = 1.0; }

  /// One time with d > 0 events: numbers at risk and events by group.
  void add(const double* n_group, const double* d_group, double n, double d) {
    if (d <= 0.0 || n <= 0.0) return;
    prentice_ *= 1.0 - d / (n + 1.0);
    const double W = weight(n);
    survival_ *= (n - d) / n;
    const double v = n > 1.0 ? W * W * d * (n - d) / (n - 1.0) : 0.0;
    if (G_ == 2) {  // the usual case without loops
      const double p = n_group[0] / n, q = n_group[1] / n;
      double* C = sums_.covariance.data();
      const double c = v * p * q;
      C[0] += c;
      C[1] -= c;
      C[2] -= c;
      C[3] += c;
      group(0, p, d_group[0], d, W);
      group(1, q, d_group[1], d, W);
      return;
    }
    for (Index g = 0; g < G_; ++g) {
      const double p = n_group[g] / n;
      share_[static_cast<std::size_t>(g)] = p;
      group(g, p, d_group[g], d, W);
    }
    if (v == 0.0) return;
    for (Index g = 0; g < G_; ++g) {
      const double p = share_[static_cast<std::size_t>(g)];
      if (p == 0.0) continue;
      double* row = sums_.covariance.data() + g * G_;
      for (Index h = 0; h < G_; ++h) row[h] -= v * p * share_[static_cast<std::size_t>(h)];
      row[g] += v * p;
    }
  }

  TestSums take() { return std::move(sums_); }

 private:
  void group(Index g, double p, double d_group, double d, double W) {
    const auto k = static_cast<std::size_t>(g);
    sums_.observed[k] += d_group;
    sums_.expected[k] += d * p;
    sums_.weighted_observed[k] += W * d_group;
    sums_.score[k] += W * (d_group - d * p);
  }

  double weight(double n) const {
    switch (spec_.weight) {
      case TestWeight::logrank:
        return 1.0;
      case TestWeight::gehan:
        return n;
      case TestWeight::tarone_ware:
        return std::sqrt(n);
      case TestWeight::peto:
        return prentice_;
      case TestWeight::modified_peto:
        return prentice_ * n / (n + 1.0);
      case TestWeight::fleming_harrington:
        return std::pow(survival_, spec_.rho) * std::pow(1.0 - survival_, spec_.gamma);
    }
    return 1.0;
  }

  Index G_;
  TestSpec spec_;
  TestSums sums_;
  std::vector<double> share_;
  double survival_ = 1.0;  ///< Kaplan-Meier before the present time
  double prentice_ = 1.0;  ///< prod (1 - d/(n + 1)), the present time included
};

/// A pair's value holds group, count and flag, so that nothing is read at random after the sort:
/// group + count * 2^20, an exact integer, with the sign bit set for censored records.
constexpr double k_shift = 1048576.0;

}  // namespace

TestSums logrank_sums(const Records& r, const std::int32_t* stratum, Index n_strata, int ulps,
                      const TestSpec& spec, int n_threads, Monitor& monitor) {
  const Index G = r.n_groups;
  TAUT_ASSERT(G < (Index{1} << 20));
  std::vector<Index> ptr(static_cast<std::size_t>(n_strata) + 1, 0);
  for (Index i = 0; i < r.n; ++i) ++ptr[static_cast<std::size_t>(stratum ? stratum[i] : 0) + 1];
  for (std::size_t s = 0; s < static_cast<std::size_t>(n_strata); ++s) ptr[s + 1] += ptr[s];
  Buffer<Pair> exits(r.n), entries(r.entry ? r.n : 0), scratch(r.n);
  std::vector<Index> next(ptr.begin(), ptr.end() - 1);
  for (Index i = 0; i < r.n; ++i) {
    const Index place = next[static_cast<std::size_t>(stratum ? stratum[i] : 0)]++;
    const double count = r.weight ? r.weight[i] : 1.0;
    const double value = count * k_shift + static_cast<double>(r.group[i]);
    exits[place] = {order_bits(r.time[i]), r.event[i] != 0 ? value : -value};
    if (r.entry) entries[place] = {order_bits(r.entry[i]), value};
  }
  sort_slices(exits.data(), scratch.data(), ptr.data(), n_strata, n_threads, monitor);
  if (r.entry)
    sort_slices(entries.data(), scratch.data(), ptr.data(), n_strata, n_threads, monitor);

  const auto tol = static_cast<std::uint64_t>(ulps);
  const auto groups = static_cast<std::size_t>(G);
  Accumulator sums(G, spec);
  std::vector<double> n_group(groups), d_group(groups), leaving(groups), entering(groups);
  for (Index s = 0; s < n_strata; ++s) {
    sums.new_stratum();
    std::fill(n_group.begin(), n_group.end(), 0.0);
    Index i = ptr[static_cast<std::size_t>(s)], e = i;
    const Index end = ptr[static_cast<std::size_t>(s) + 1];
    const Index last_entry = r.entry ? end : e;
    double n = 0.0;
    if (!r.entry) {
      for (Index k = i; k < end; ++k) {
        const double value = std::abs(exits[k].value), count = std::floor(value / k_shift);
        n_group[static_cast<std::size_t>(value - count * k_shift)] += count;
        n += count;
      }
    }
    while (i < end) {
      double d = 0.0, all = 0.0, new_n = 0.0;
      std::uint64_t highest = 0;
      for (bool first = true; i < end || e < last_entry; first = false) {
        const bool is_exit = i < end && (e >= last_entry || exits[i].key <= entries[e].key);
        const Pair& p = is_exit ? exits[i] : entries[e];
        if (!first && p.key - highest > tol) break;
        highest = p.key;
        const double value = std::abs(p.value);
        const double count = std::floor(value * (1.0 / k_shift));
        const auto g = static_cast<std::size_t>(value - count * k_shift);
        if (!is_exit) {
          entering[g] += count;
          new_n += count;
          ++e;
          continue;
        }
        if (!std::signbit(p.value)) {
          d_group[g] += count;
          d += count;
        }
        leaving[g] += count;
        all += count;
        ++i;
      }
      if (d > 0.0) sums.add(n_group.data(), d_group.data(), n, d);
      n += new_n - all;
      for (std::size_t g = 0; g < groups; ++g) {
        n_group[g] += entering[g] - leaving[g];
        d_group[g] = leaving[g] = entering[g] = 0.0;
      }
    }
    monitor.poll({});
  }
  return sums.take();
}

TestSums logrank_sums(const std::vector<TableRows>& tables, const TestSpec& spec) {
  const auto G = static_cast<Index>(tables.size());
  const auto groups = tables.size();
  Accumulator sums(G, spec);
  sums.new_stratum();
  std::vector<Index> at(groups, 0);
  std::vector<std::vector<double>> risk(groups);
  for (std::size_t g = 0; g < groups; ++g) {
    risk[g].resize(static_cast<std::size_t>(tables[g].m));
    at_risk(tables[g], risk[g].data());
  }
  std::vector<double> n_group(groups), d_group(groups);
  while (true) {
    bool some = false;
    double now = 0.0;
    for (std::size_t g = 0; g < groups; ++g) {
      if (at[g] == tables[g].m) continue;
      const double t = tables[g].time[at[g]];
      now = some ? std::min(now, t) : t;
      some = true;
    }
    if (!some) break;
    double n = 0.0, d = 0.0;
    for (std::size_t g = 0; g < groups; ++g) {
      const TableRows& table = tables[g];
      const Index k = at[g];
      n_group[g] = d_group[g] = 0.0;
      if (k == table.m) continue;
      // Nobody of the group leaves or enters between now and its next row.
      n_group[g] = risk[g][static_cast<std::size_t>(k)];
      if (table.time[k] == now) {
        d_group[g] = table.n_event[k];
        ++at[g];
      }
      n += n_group[g];
      d += d_group[g];
    }
    sums.add(n_group.data(), d_group.data(), n, d);
  }
  return sums.take();
}

}  // namespace taut::survival
