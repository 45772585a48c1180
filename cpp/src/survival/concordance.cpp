// SPDX-License-Identifier: BSD-3-Clause
#include "taut/survival/concordance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "taut/survival/sort.hpp"

namespace taut::survival {
namespace {

/// Sums over ranks 0 .. size-1: add at one, ask for all below one. Each level keeps running sums
/// within runs of 64 entries of the level below: an addition writes on average 32 numbers a level
/// in a row (vector code), a question reads one number a level. Against the binary-indexed tree
/// that is a sixth of the cache lines for a question.
class PrefixTree {
 public:
  explicit PrefixTree(Index size) {
    for (Index m = size;; m = (m + k_fan - 1) / k_fan) {
      levels_.emplace_back((m + k_fan - 1) / k_fan * k_fan, 0.0);
      if (m <= k_fan) break;
    }
  }

  void add(Index rank, double value) {
    total_ += value;
    for (Buffer<double>& level : levels_) {
      const Index end = (rank / k_fan + 1) * k_fan;
      double* at = level.data();
      for (Index k = rank; k < end; ++k) at[k] += value;
      rank /= k_fan;
    }
  }

  /// Sum over ranks < rank.
  double below(Index rank) const {
    double sum = 0.0;
    for (const Buffer<double>& level : levels_) {
      if (rank % k_fan != 0) sum += level[rank - 1];
      rank /= k_fan;
    }
    return sum;
  }

  double total() const { return total_; }

 private:
  static constexpr Index k_fan = 64;
  std::vector<Buffer<double>> levels_;
  double total_ = 0.0;
};

/// Records in the order of time, ties as rows.
struct Ordered {
  std::vector<Index> row_ptr;  ///< first record of each distinct time, and n
  Buffer<std::int32_t> rank;   ///< of the score, equal scores equal
  Buffer<unsigned char> event;
  Buffer<double> weight;
  Buffer<std::int32_t> entry_order;  ///< records (in this order) by entry time
  std::vector<Index> entry_ptr;      ///< entries before row k: entry_order[0 .. entry_ptr[k])
  Index n_ranks = 0;
};

Ordered arrange(const Records& r, const double* score, std::uint64_t tol, int n_threads,
                Monitor& monitor) {
  Ordered o;
  Buffer<Pair> by_time(r.n), other(r.n), scratch(r.n);
  for (Index i = 0; i < r.n; ++i) {
    by_time[i] = {order_bits(r.time[i]), static_cast<double>(i)};
    other[i] = {order_bits(score[i]), static_cast<double>(i)};
  }
  sort_pairs(by_time.data(), scratch.data(), r.n, n_threads, monitor);
  sort_pairs(other.data(), scratch.data(), r.n, n_threads, monitor);
  Buffer<std::int32_t> rank(r.n);
  std::int32_t current = 0;
  for (Index k = 0; k < r.n; ++k) {
    current += k > 0 && other[k].key != other[k - 1].key;
    rank[static_cast<Index>(other[k].value)] = current;
  }
  o.n_ranks = current + 1;
  o.rank = Buffer<std::int32_t>(r.n);
  o.event = Buffer<unsigned char>(r.n);
  o.weight = Buffer<double>(r.n);
  for (Index k = 0; k < r.n; ++k) {
    const auto i = static_cast<Index>(by_time[k].value);
    o.rank[k] = rank[i];
    o.event[k] = r.event[i] != 0;
    o.weight[k] = r.weight ? r.weight[i] : 1.0;
  }
  if (!r.entry) {
    for (Index k = 0; k < r.n; ++k) {
      if (k == 0 || by_time[k].key - by_time[k - 1].key > tol) o.row_ptr.push_back(k);
    }
    o.row_ptr.push_back(r.n);
    return o;
  }
  for (Index k = 0; k < r.n; ++k) {
    other[k] = {order_bits(r.entry[static_cast<Index>(by_time[k].value)]), static_cast<double>(k)};
  }
  sort_pairs(other.data(), scratch.data(), r.n, n_threads, monitor);
  o.entry_order = Buffer<std::int32_t>(r.n);
  for (Index k = 0; k < r.n; ++k) o.entry_order[k] = static_cast<std::int32_t>(other[k].value);
  // Exits and entries merged, so that a chain of nearly equal times is one time for both.
  Index i = 0, e = 0;
  while (i < r.n) {
    const Index first_exit = i, first_entry = e;
    std::uint64_t highest = 0;
    for (bool first = true; i < r.n || e < r.n; first = false) {
      const bool is_exit = i < r.n && (e == r.n || by_time[i].key <= other[e].key);
      const std::uint64_t key = is_exit ? by_time[i].key : other[e].key;
      if (!first && key - highest > tol) break;
      highest = key;
      is_exit ? ++i : ++e;
    }
    if (i == first_exit) continue;
    o.row_ptr.push_back(first_exit);
    o.entry_ptr.push_back(first_entry);
  }
  o.row_ptr.push_back(r.n);
  return o;
}

}  // namespace

Concordance concordance(const Records& r, const double* score, int ulps,
                        const ConcordanceSpec& spec, int n_threads, Monitor& monitor) {
  const Ordered o = arrange(r, score, static_cast<std::uint64_t>(ulps), n_threads, monitor);
  const auto rows = static_cast<Index>(o.row_ptr.size()) - 1;
  const auto row_begin = [&](Index k) { return o.row_ptr[static_cast<std::size_t>(k)]; };
  const bool truncated = r.entry != nullptr;

  // What a pair counts at each row.
  std::vector<double> row_weight(static_cast<std::size_t>(rows), 1.0);
  {
    std::vector<double> at_risk(static_cast<std::size_t>(rows));
    double left = 0.0, total = 0.0;
    Index e = r.n;
    for (Index k = rows; k-- > 0;) {
      for (Index i = row_begin(k); i < row_begin(k + 1); ++i) left += o.weight[i];
      double entered = 0.0;
      if (truncated) {
        // Whoever enters at this row's time or later is not at risk.
        for (; e > o.entry_ptr[static_cast<std::size_t>(k)]; --e) {
          entered += o.weight[o.entry_order[e - 1]];
        }
        left -= entered;
      }
      at_risk[static_cast<std::size_t>(k)] = left;
    }
    for (Index i = 0; i < r.n; ++i) total += o.weight[i];
    double S = 1.0, G = 1.0;
    for (Index k = 0; k < rows; ++k) {
      double d = 0.0, c = 0.0;
      for (Index i = row_begin(k); i < row_begin(k + 1); ++i) {
        (o.event[i] ? d : c) += o.weight[i];
      }
      const double n = at_risk[static_cast<std::size_t>(k)];
      const double G_after = c > 0.0 ? G * (1.0 - c / (n - d)) : G;
      const double G_used = spec.left_limit ? G : G_after;
      double& w = row_weight[static_cast<std::size_t>(k)];
      switch (spec.weight) {
        case PairWeight::n:
          break;
        case PairWeight::S:
          w = total * S / n;
          break;
        case PairWeight::S_G:
          w = total * S / (G_used * n);
          break;
        case PairWeight::n_G2:
          w = 1.0 / (G_used * G_used);
          break;
        case PairWeight::I:
          w = 1.0 / n;
          break;
      }
      if (d > 0.0) S *= (n - d) / n;
      G = G_after;
    }
  }
  if (spec.truncate) {
    // Times of rows are those of their first record; a row below tau lies below tau entirely, up to
    // the tie tolerance.
    std::vector<double> times(r.time, r.time + r.n);
    std::sort(times.begin(), times.end());
    for (Index k = 0; k < rows; ++k) {
      if (!(times[static_cast<std::size_t>(row_begin(k))] < spec.tau)) {
        row_weight[static_cast<std::size_t>(k)] = 0.0;
      }
    }
  }

  Concordance out;
  Buffer<double> pairs(r.n), scores(r.n);  // per record: comparable pairs, concordant + tied/2
  constexpr Index k_poll = 1 << 14;
  {
    // From the last time: who is at risk at each event.
    PrefixTree tree(o.n_ranks);
    Index e = r.n;
    std::vector<std::pair<std::int32_t, double>> tied;
    for (Index k = rows; k-- > 0;) {
      if (k % k_poll == 0) monitor.poll({});
      const Index begin = row_begin(k), end = row_begin(k + 1);
      const double tw = row_weight[static_cast<std::size_t>(k)];
      for (Index i = begin; i < end; ++i) {
        if (!o.event[i]) {
          tree.add(o.rank[i], o.weight[i]);
          pairs[i] = scores[i] = 0.0;
        }
      }
      if (truncated) {
        for (; e > o.entry_ptr[static_cast<std::size_t>(k)]; --e) {
          const Index j = o.entry_order[e - 1];
          tree.add(o.rank[j], -o.weight[j]);
        }
      }
      tied.clear();
      double tied_sum = 0.0, tied_square = 0.0;
      for (Index i = begin; i < end; ++i) {
        if (!o.event[i]) continue;
        const double w = o.weight[i];
        const double low = tree.below(o.rank[i]);
        const double same = tree.below(o.rank[i] + 1) - low;
        const double high = tree.total() - low - same;
        pairs[i] = tw * tree.total();
        scores[i] = tw * (high + 0.5 * same);
        out.concordant += tw * w * high;
        out.discordant += tw * w * low;
        out.tied_risk += tw * w * same;
        tied.emplace_back(o.rank[i], w);
        tied_sum += w;
        tied_square += w * w;
      }
      if (tied.size() > 1) {
        std::sort(tied.begin(), tied.end());
        double both = 0.0;
        for (std::size_t a = 0; a < tied.size();) {
          double sum = 0.0, square = 0.0;
          const std::int32_t rank = tied[a].first;
          for (; a < tied.size() && tied[a].first == rank; ++a) {
            sum += tied[a].second;
            square += tied[a].second * tied[a].second;
          }
          both += 0.5 * (sum * sum - square);
        }
        out.tied_both += tw * both;
        out.tied_time += tw * (0.5 * (tied_sum * tied_sum - tied_square) - both);
      }
      for (Index i = begin; i < end; ++i) {
        if (o.event[i]) tree.add(o.rank[i], o.weight[i]);
      }
    }
  }
  {
    // From the first time: which events each record outlived.
    PrefixTree tree(o.n_ranks);
    const auto share = [&](Index j, double sign) {
      const double low = tree.below(o.rank[j]);
      const double same = tree.below(o.rank[j] + 1) - low;
      pairs[j] += sign * tree.total();
      scores[j] += sign * (low + 0.5 * same);
    };
    Index e = 0;
    for (Index k = 0; k < rows; ++k) {
      if (k % k_poll == 0) monitor.poll({});
      const Index begin = row_begin(k), end = row_begin(k + 1);
      const double tw = row_weight[static_cast<std::size_t>(k)];
      if (truncated) {
        // Entered before this row: events up to now do not count against them.
        for (; e < o.entry_ptr[static_cast<std::size_t>(k)]; ++e) share(o.entry_order[e], -1.0);
      }
      for (Index i = begin; i < end; ++i) {
        if (o.event[i]) share(i, 1.0);
      }
      for (Index i = begin; i < end; ++i) {
        if (o.event[i] && tw != 0.0) tree.add(o.rank[i], tw * o.weight[i]);
      }
      for (Index i = begin; i < end; ++i) {
        if (!o.event[i]) share(i, 1.0);
      }
    }
  }
  const double total = out.concordant + out.discordant + out.tied_risk;
  if (!(total > 0.0)) {
    out.statistic = out.variance = std::numeric_limits<double>::quiet_NaN();
    return out;
  }
  out.statistic = (out.concordant + 0.5 * out.tied_risk) / total;
  for (Index i = 0; i < r.n; ++i) {
    const double u = o.weight[i] * (scores[i] - out.statistic * pairs[i]) / total;
    out.variance += u * u;
  }
  return out;
}

}  // namespace taut::survival
