// SPDX-License-Identifier: BSD-3-Clause
#include "taut/survival/concordance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "taut/core/parallel.hpp"
#include "taut/survival/sort.hpp"

namespace taut::survival {
namespace {

/// Sums over ranks 0 .. size-1: add at one, ask for all below one. Each level holds, for every node,
/// the sum of its siblings before it, of 16 siblings each: an addition is four vector instructions a
/// level and a question one load a level, neither with a branch that depends on the rank.
class PrefixTree {
 public:
  explicit PrefixTree(Index size) {
    Index end = 0;
    for (Index nodes = size;; nodes = (nodes + k_fan - 1) / k_fan) {
      starts_.push_back(end);
      end += (nodes + k_fan - 1) / k_fan * k_fan;
      if (nodes <= k_fan) break;
    }
    sums_ = Buffer<double>(end, 0.0);
  }

  void add(Index rank, double value) {
    for (const Index start : starts_) {
      double* siblings = sums_.data() + start + rank / k_fan * k_fan;
      const auto place = static_cast<double>(rank % k_fan);
      for (int k = 0; k < k_fan; ++k) siblings[k] += static_cast<double>(k) > place ? value : 0.0;
      rank /= k_fan;
    }
  }

  /// Sum over ranks < rank.
  double below(Index rank) const {
    double sum = 0.0;
    for (const Index start : starts_) {
      sum += sums_[start + rank];
      rank /= k_fan;
    }
    return sum;
  }

 private:
  static constexpr int k_fan = 16;
  std::vector<Index> starts_;  ///< of each level, leaves first
  Buffer<double> sums_;
};

/// Answers questions about prefix sums that are all known beforehand. `steps(take)` calls
/// take(rank, weight, who) in one order, the same each time; for each step with who >= 0,
/// answer(who, low, same, total) gets the weight of the steps before it at lower ranks, at its own
/// and in all; then the step's weight counts too.
///
/// One tree over all ranks would miss the caches at every step. So ranks are cut into blocks whose
/// trees fit: a sweep sums over blocks and deals the steps out to their block, each block answers
/// its own, and a last sweep collects. Every pass reads and writes in sequence, 20 bytes a step.
template <class Steps, class Answer>
void prefix_sums_in_order(Index n_ranks, const Steps& steps, const Answer& answer, int n_threads,
                          Monitor& monitor) {
  constexpr Index k_min_width = 1 << 14, k_max_blocks = 256, k_batch = 16;
  const Index width = std::max(k_min_width, (n_ranks + k_max_blocks - 1) / k_max_blocks);
  const Index n_blocks = (n_ranks + width - 1) / width;
  std::vector<Index> begin(static_cast<std::size_t>(n_blocks) + 1, 0), at;
  // The block of a rank, by a multiplication: exact, since ranks and widths are below 2^31.
  const std::uint64_t inverse = (std::uint64_t{1} << 62) / static_cast<std::uint64_t>(width) + 1;
  const auto block_of = [&](Index rank) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::size_t>((static_cast<Wide>(inverse) * static_cast<Wide>(rank)) >> 62);
  };
  steps([&](Index rank, double, Index) { ++begin[block_of(rank) + 1]; });
  for (std::size_t b = 0; b + 1 < begin.size(); ++b) begin[b + 1] += begin[b];

  const Index n_steps = begin.back();
  Buffer<std::int32_t> ranks(n_steps);          // within the block
  Buffer<double> lows(n_steps), same(n_steps);  // `same` holds the weight until it is answered
  at.assign(begin.begin(), begin.end() - 1);
  {
    PrefixTree blocks(n_blocks);
    steps([&](Index rank, double weight, Index who) {
      const std::size_t b = block_of(rank);
      const Index k = at[b]++;
      ranks[k] = static_cast<std::int32_t>(rank - static_cast<Index>(b) * width);
      same[k] = weight;
      lows[k] = who >= 0 ? blocks.below(static_cast<Index>(b)) : 0.0;
      if (weight != 0.0) blocks.add(static_cast<Index>(b), weight);
    });
  }
  for (Index first = 0; first < n_blocks; first += k_batch) {
    monitor.poll({});
    parallel_for(std::min(k_batch, n_blocks - first), n_threads, [&](Index offset) {
      const auto b = static_cast<std::size_t>(first + offset);
      PrefixTree tree(width + 1);
      for (Index k = begin[b]; k < begin[b + 1]; ++k) {
        const Index rank = ranks[k];
        const double weight = same[k], low = tree.below(rank);
        lows[k] += low;
        same[k] = tree.below(rank + 1) - low;
        if (weight != 0.0) tree.add(rank, weight);
      }
    });
  }
  at.assign(begin.begin(), begin.end() - 1);
  double total = 0.0;
  steps([&](Index rank, double weight, Index who) {
    const Index k = at[block_of(rank)]++;
    if (who >= 0) answer(who, lows[k], same[k], total);
    total += weight;
  });
}

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
  o.rank = Buffer<std::int32_t>(r.n);
  o.event = Buffer<unsigned char>(r.n);
  o.weight = Buffer<double>(r.n);
  Buffer<Pair> by_time(r.n), other(r.n), scratch(r.n);
  // The flag travels with the record's number: one array less to be read out of order.
  for (Index i = 0; i < r.n; ++i) {
    by_time[i] = {order_bits(r.time[i]), static_cast<double>(2 * i + (r.event[i] != 0))};
  }
  sort_pairs(by_time.data(), scratch.data(), r.n, n_threads, monitor);
  for (Index k = 0; k < r.n; ++k) {
    const auto coded = static_cast<Index>(by_time[k].value);
    const Index i = coded / 2;
    other[k] = {order_bits(score[i]), static_cast<double>(k)};
    o.event[k] = coded % 2 != 0;
    o.weight[k] = r.weight ? r.weight[i] : 1.0;
  }
  sort_pairs(other.data(), scratch.data(), r.n, n_threads, monitor);
  std::int32_t current = 0;
  for (Index k = 0; k < r.n; ++k) {
    current += k > 0 && other[k].key != other[k - 1].key;
    o.rank[static_cast<Index>(other[k].value)] = current;
  }
  o.n_ranks = current + 1;
  if (!r.entry) {
    for (Index k = 0; k < r.n; ++k) {
      if (k == 0 || by_time[k].key - by_time[k - 1].key > tol) o.row_ptr.push_back(k);
    }
    o.row_ptr.push_back(r.n);
    return o;
  }
  for (Index k = 0; k < r.n; ++k) {
    other[k] = {order_bits(r.entry[static_cast<Index>(by_time[k].value) / 2]),
                static_cast<double>(k)};
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
  if (spec.weight != PairWeight::n) {
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
  Buffer<double> pairs(r.n, 0.0), scores(r.n, 0.0);  // comparable; concordant + tied/2
  constexpr Index k_poll = 1 << 14;
  {
    // From the last time: who is at risk at each event.
    double tw = 0.0;
    const auto steps = [&](const auto& take) {
      Index e = r.n;
      for (Index k = rows; k-- > 0;) {
        if (k % k_poll == 0) monitor.poll({});
        const Index begin = row_begin(k), end = row_begin(k + 1);
        tw = row_weight[static_cast<std::size_t>(k)];
        Index events = 0;
        for (Index i = begin; i < end; ++i) {
          events += o.event[i];
          if (!o.event[i]) take(o.rank[i], o.weight[i], Index{-1});
        }
        if (truncated) {
          for (; e > o.entry_ptr[static_cast<std::size_t>(k)]; --e) {
            const Index j = o.entry_order[e - 1];
            take(o.rank[j], -o.weight[j], Index{-1});
          }
        }
        // Events at one time do not count for each other.
        for (Index i = begin; i < end; ++i) {
          if (o.event[i]) take(o.rank[i], events == 1 ? o.weight[i] : 0.0, i);
        }
        if (events > 1) {
          for (Index i = begin; i < end; ++i) {
            if (o.event[i]) take(o.rank[i], o.weight[i], Index{-1});
          }
        }
      }
    };
    const auto answer = [&](Index i, double low, double same, double total) {
      const double w = tw * o.weight[i], high = total - low - same;
      pairs[i] = tw * total;
      scores[i] = tw * (high + 0.5 * same);
      out.concordant += w * high;
      out.discordant += w * low;
      out.tied_risk += w * same;
    };
    prefix_sums_in_order(o.n_ranks, steps, answer, n_threads, monitor);
  }
  std::vector<std::pair<std::int32_t, double>> tied;
  for (Index k = 0; k < rows; ++k) {
    if (row_begin(k + 1) - row_begin(k) == 1) continue;
    tied.clear();
    double tied_sum = 0.0, tied_square = 0.0;
    for (Index i = row_begin(k); i < row_begin(k + 1); ++i) {
      if (!o.event[i]) continue;
      tied.emplace_back(o.rank[i], o.weight[i]);
      tied_sum += o.weight[i];
      tied_square += o.weight[i] * o.weight[i];
    }
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
    const double tw = row_weight[static_cast<std::size_t>(k)];
    out.tied_both += tw * both;
    out.tied_time += tw * (0.5 * (tied_sum * tied_sum - tied_square) - both);
  }
  {
    // From the first time: which events each record outlived.
    double sign = 1.0;
    const auto steps = [&](const auto& take) {
      Index e = 0;
      for (Index k = 0; k < rows; ++k) {
        if (k % k_poll == 0) monitor.poll({});
        const Index begin = row_begin(k), end = row_begin(k + 1);
        const double tw = row_weight[static_cast<std::size_t>(k)];
        if (truncated) {
          // Entered before this row: events up to now do not count against them.
          sign = -1.0;
          for (; e < o.entry_ptr[static_cast<std::size_t>(k)]; ++e) {
            take(o.rank[o.entry_order[e]], 0.0, o.entry_order[e]);
          }
          sign = 1.0;
        }
        Index events = 0;
        for (Index i = begin; i < end; ++i) events += o.event[i];
        for (Index i = begin; i < end; ++i) {
          if (o.event[i]) take(o.rank[i], events == 1 ? tw * o.weight[i] : 0.0, i);
        }
        if (events > 1) {
          for (Index i = begin; i < end; ++i) {
            if (o.event[i]) take(o.rank[i], tw * o.weight[i], Index{-1});
          }
        }
        for (Index i = begin; i < end; ++i) {
          if (!o.event[i]) take(o.rank[i], 0.0, i);
        }
      }
    };
    const auto answer = [&](Index j, double low, double same, double total) {
      pairs[j] += sign * total;
      scores[j] += sign * (low + 0.5 * same);
    };
    prefix_sums_in_order(o.n_ranks, steps, answer, n_threads, monitor);
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
