// SPDX-License-Identifier: BSD-3-Clause
#include "taut/survival/beran.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "taut/core/buffer.hpp"
#include "taut/core/parallel.hpp"
#include "taut/linalg/exp2.hpp"

namespace taut::survival {
namespace {

constexpr Index k_lanes = 16;
constexpr int k_packs = static_cast<int>(k_lanes) / linalg::k_pack;
/// Kernel values between two polls of the monitor, per thread: some 20 ms.
constexpr Index k_work = Index{1} << 24;

using linalg::Pack;

/// 16 numbers in registers: as arrays they would travel through memory at each step.
struct Lanes {
  Pack v[k_packs];
};

/// K by u = scale |X - x|^2.
struct Gaussian {
  [[gnu::always_inline]] static void values(Lanes& u, Lanes& k) {
    constexpr double k_half_log2e = 0.72134752044448170368;
    constexpr double k_least = 9.33263618503218879e-302;  // 2^-1000, what exp2 gives below it
    for (Pack& x : u.v) x *= -k_half_log2e;
    linalg::exp2_packs<k_packs>(u.v, k.v);
    for (Pack& x : k.v) x -= k_least;
  }
};

struct Epanechnikov {
  [[gnu::always_inline]] static void values(Lanes& u, Lanes& k) {
    for (int p = 0; p < k_packs; ++p) {
      const Pack v = 1.0 - u.v[p], zero{};
      k.v[p] = v > zero ? v : zero;
    }
  }
};

struct Biweight {
  [[gnu::always_inline]] static void values(Lanes& u, Lanes& k) {
    Epanechnikov::values(u, k);
    for (Pack& x : k.v) x *= x;
  }
};

inline double& lane(Lanes& x, Index w) { return reinterpret_cast<double*>(&x)[w]; }
inline double lane(const Lanes& x, Index w) { return reinterpret_cast<const double*>(&x)[w]; }

/// before / sum, 1 for 0 / 0.
[[gnu::always_inline]] inline Lanes factors(const Lanes& before, const Lanes& sum) {
  Lanes out;
  for (int p = 0; p < k_packs; ++p) {
    const Pack ratio = before.v[p] / sum.v[p], zero{}, one = zero + 1.0;
    out.v[p] = sum.v[p] > zero ? ratio : one;
  }
  return out;
}

[[gnu::always_inline]] inline void operator*=(Lanes& x, const Lanes& y) {
  for (int p = 0; p < k_packs; ++p) x.v[p] *= y.v[p];
}

[[gnu::always_inline]] inline void operator+=(Lanes& x, const Lanes& y) {
  for (int p = 0; p < k_packs; ++p) x.v[p] += y.v[p];
}

/// 16 points on their way from the last record to the first. `lanes` points at 16 point numbers.
class Tile {
 public:
  Tile(const BeranRecords& records, const BeranPoints& points, const Index* lanes)
      : records_(&records),
        scales_(points.n_scales),
        x_(records.dim),
        scale_(points.n_scales),
        sum_(points.n_scales, Lanes{}),
        at_(records.n) {
    for (Index w = 0; w < k_lanes; ++w) {
      const Index q = lanes[w];
      for (Index k = 0; k < records.dim; ++k) lane(x_[k], w) = points.X[q * records.dim + k];
      for (Index s = 0; s < scales_; ++s) lane(scale_[s], w) = points.scale[s * points.m + q];
      self_[w] = points.self[q];
      if (self_[w] >= 0) {
        first_self_ = std::min(first_self_, self_[w]);
        last_self_ = std::max(last_self_, self_[w]);
      }
    }
  }

 protected:
  /// Adds the kernel values of the records from `at_` down to `low`.
  template <class K>
  void add(Index low) {
    if (at_ > first_self_ && low <= last_self_) {
      add<K, true>(low);
    } else {
      add<K, false>(low);
    }
    at_ = low;
  }

  /// Start of the run of records before `at_` that all jump or all do not, not below `low`.
  Index run(Index low) const {
    const std::uint8_t* jump = records_->jump;
    Index start = at_ - 1;
    while (start > low && jump[start - 1] == jump[at_ - 1]) --start;
    return start;
  }

  bool jumps() const { return records_->jump[at_ - 1] != 0; }

  const BeranRecords* records_;
  Index scales_;
  Buffer<Lanes> x_, scale_, sum_;
  Index self_[k_lanes];
  Index first_self_ = std::numeric_limits<Index>::max(), last_self_ = -1;
  Index at_;

 private:
  template <class K, bool Self>
  void add(Index low) {
    const Index dim = records_->dim;
    for (Index j = at_ - 1; j >= low; --j) {
      Lanes distance{};
      const double* x = records_->X + j * dim;
      for (Index k = 0; k < dim; ++k) {
        for (int p = 0; p < k_packs; ++p) {
          const Pack step = x[k] - x_[k].v[p];
          distance.v[p] += step * step;
        }
      }
      const double weight = records_->weight[j];
      for (Index s = 0; s < scales_; ++s) {
        Lanes u = distance, value;
        u *= scale_[s];
        K::values(u, value);
        if constexpr (Self) {
          for (Index w = 0; w < k_lanes; ++w) {
            if (self_[w] == j) lane(value, w) = 0.0;
          }
        }
        for (int p = 0; p < k_packs; ++p) sum_[s].v[p] += weight * value.v[p];
      }
    }
  }
};

/// One number for each point, at a position of its own.
class StopTile : public Tile {
 public:
  StopTile(const BeranRecords& records, const BeranPoints& points, const Index* lanes,
           const Index* stop, double* out)
      : Tile(records, points, lanes), lanes_(lanes), out_(out) {
    for (Index w = 0; w < k_lanes; ++w) {
      stop_[w] = stop[lanes[w]];
      lane(product_, w) = 1.0;
    }
    first_ = *std::min_element(stop_, stop_ + k_lanes);
    last_ = *std::max_element(stop_, stop_ + k_lanes);
  }

  template <class K>
  void advance(Index low) {
    while (at_ > low) {
      if (at_ > last_) {
        add<K>(std::max(low, last_));
        continue;
      }
      // Between the stops of the lanes, record by record; below them all, run by run.
      const Index position = at_ - 1;
      const bool mixed = position >= first_, jump = jumps();
      const Lanes before = sum_[0], product = product_;
      add<K>(mixed ? position : run(low));
      if (!jump) continue;
      product_ *= factors(before, sum_[0]);
      if (!mixed) continue;
      for (Index w = 0; w < k_lanes; ++w) {
        if (position >= stop_[w]) lane(product_, w) = lane(product, w);
      }
    }
  }

  void finish() const {
    for (Index w = 0; w < k_lanes; ++w) out_[lanes_[w]] = lane(product_, w);
  }

 private:
  const Index* lanes_;
  double* out_;
  Index stop_[k_lanes];
  Index first_, last_;
  Lanes product_;
};

/// Curves at positions that all points share: products between two stops, multiplied up at the end.
class CurveTile : public Tile {
 public:
  CurveTile(const BeranRecords& records, const BeranPoints& points, const Index* lanes,
            const Index* stop, Index n_stops, double* out)
      : Tile(records, points, lanes),
        lanes_(lanes),
        stop_(stop),
        stops_(n_stops),
        k_(n_stops),
        out_(out) {
    for (Pack& x : product_.v) x = Pack{} + 1.0;
  }

  template <class K>
  void advance(Index low) {
    while (at_ > low) {
      // Segment k ends before stop k and begins at stop k-1.
      while (k_ > 0 && at_ <= stop_[k_ - 1]) close();
      const Index end = std::max(low, k_ > 0 ? stop_[k_ - 1] : 0);
      if (k_ == stops_) {  // beyond the last stop
        add<K>(end);
        continue;
      }
      const bool jump = jumps();
      const Lanes before = sum_[0];
      add<K>(run(end));
      if (jump) product_ *= factors(before, sum_[0]);
    }
  }

  void finish() {
    while (k_ > 0) close();
    for (Index w = 0; w < k_lanes; ++w) {
      if (w > 0 && lanes_[w] == lanes_[w - 1]) break;  // lanes that only fill up the tile
      double* curve = out_ + lanes_[w] * stops_;
      double value = lane(product_, w);
      for (Index k = 0; k < stops_; ++k) {
        const double segment = curve[k];
        curve[k] = value;
        value *= segment;
      }
    }
  }

 private:
  /// The walk has come down to stop k-1: what was multiplied since is segment k.
  void close() {
    --k_;
    for (Index w = 0; w < k_lanes; ++w) {
      out_[lanes_[w] * stops_ + k_] = lane(product_, w);
      lane(product_, w) = 1.0;
    }
  }

  const Index* lanes_;
  const Index* stop_;
  Index stops_, k_;
  double* out_;
  Lanes product_;
};

/// Squared errors at many positions. With factors f_j and G_j = f_0 .. f_j,
///
///   sum_j a_j G_j = f_0 (a_0 + f_1 (a_1 + ...)),   sum_j a_j G_j^2 = f_0^2 (a_0 + f_1^2 (a_1 + ...)),
///
/// which come, like the factors, from the end.
class ErrorTile : public Tile {
 public:
  ErrorTile(const BeranRecords& records, const BeranPoints& points, const Index* lanes,
            const BeranTruth& truth, double* error, double* count)
      : Tile(records, points, lanes),
        lanes_(lanes),
        truth_(&truth),
        m_(points.m),
        error_(error),
        count_(count),
        linear_(scales_, Lanes{}),
        square_(scales_, Lanes{}),
        before_(scales_) {
    for (Index w = 0; w < k_lanes; ++w) {
      passed_[w] = truth.passed[lanes[w]];
      known_[w] = truth.known[lanes[w]] != 0;
      drop_[w] = truth.drop[lanes[w]];
    }
  }

  template <class K>
  void advance(Index low) {
    while (at_ > low) {
      const Index last = at_ - 1;
      const double times = truth_->times[last];
      if (times > 0.0) count(last, times);
      Index start = last;
      const std::uint8_t* jump = records_->jump;
      while (start > low && jump[start - 1] == jump[last] && truth_->times[start - 1] == 0.0)
        --start;
      std::copy_n(sum_.data(), sum_.size(), before_.data());
      add<K>(start);
      if (jump[last] == 0) continue;
      for (Index s = 0; s < scales_; ++s) {
        Lanes f = factors(before_[s], sum_[s]);
        linear_[s] *= f;
        f *= f;
        square_[s] *= f;
      }
    }
  }

  void finish() const {
    for (Index w = 0; w < k_lanes; ++w) {
      const Index q = lanes_[w];
      count_[q] = lane(all_, w);
      for (Index s = 0; s < scales_; ++s) {
        const double error = lane(ahead_, w) - 2.0 * lane(linear_[s], w) + lane(square_[s], w);
        error_[s * m_ + q] = std::max(error, 0.0);
      }
    }
  }

 private:
  void count(Index position, double times) {
    Lanes one, any;
    for (Index w = 0; w < k_lanes; ++w) {
      const double here = times - (position == drop_[w] ? 1.0 : 0.0);
      const bool ahead = position < passed_[w];
      lane(one, w) = ahead ? here : 0.0;
      lane(any, w) = ahead || known_[w] ? here : 0.0;
    }
    ahead_ += one;
    all_ += any;
    for (Index s = 0; s < scales_; ++s) {
      linear_[s] += one;
      square_[s] += any;
    }
  }

  const Index* lanes_;
  const BeranTruth* truth_;
  Index m_;
  double* error_;
  double* count_;
  Buffer<Lanes> linear_, square_, before_;
  Lanes ahead_{}, all_{};
  Index passed_[k_lanes], drop_[k_lanes];
  bool known_[k_lanes];
};

/// Point numbers in ascending order of `key`, in whole tiles: the last one fills the last tile.
std::vector<Index> in_tiles(Index m, const Index* key) {
  std::vector<Index> order(static_cast<std::size_t>(m));
  std::iota(order.begin(), order.end(), Index{0});
  if (key) {
    std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return key[a] < key[b]; });
  }
  while (!order.empty() && order.size() % k_lanes != 0) order.push_back(order.back());
  return order;
}

/// Takes all tiles from the last record to the first, a batch of tiles and a chunk of records at a
/// time, so that the monitor is asked often whatever the sizes.
template <class K, class MakeTile>
void walk(const BeranRecords& records, Index n_tiles, Index n_scales, int n_threads,
          Monitor& monitor, const MakeTile& make) {
  const Index row = k_lanes * n_scales;
  const Index chunk = std::max<Index>(k_work / row, 1024);
  const Index whole = std::max<Index>(row * std::min(records.n, chunk), 1);
  const Index batch = std::max<Index>(k_work / whole, 1) * std::max(n_threads, 1);
  using TileType = decltype(make(Index{0}));
  std::vector<TileType> tiles;
  for (Index first = 0; first < n_tiles; first += batch) {
    const Index count = std::min(batch, n_tiles - first);
    tiles.clear();
    for (Index t = 0; t < count; ++t) tiles.push_back(make(first + t));
    for (Index high = records.n; high > 0; high -= std::min(high, chunk)) {
      const Index low = std::max<Index>(high - chunk, 0);
      parallel_for(count, n_threads,
                   [&](Index t) { tiles[static_cast<std::size_t>(t)].template advance<K>(low); });
      monitor.poll({});
    }
    for (TileType& tile : tiles) tile.finish();
  }
}

template <class MakeTile>
void walk(const BeranRecords& records, Index n_tiles, Index n_scales, Smoother smoother,
          int n_threads, Monitor& monitor, const MakeTile& make) {
  switch (smoother) {
    case Smoother::gaussian:
      return walk<Gaussian>(records, n_tiles, n_scales, n_threads, monitor, make);
    case Smoother::epanechnikov:
      return walk<Epanechnikov>(records, n_tiles, n_scales, n_threads, monitor, make);
    case Smoother::biweight:
      return walk<Biweight>(records, n_tiles, n_scales, n_threads, monitor, make);
  }
}

}  // namespace

void beran_at(const BeranRecords& records, const BeranPoints& points, Smoother smoother,
              const Index* stop, double* out, int n_threads, Monitor& monitor) {
  // Points of nearby stops share a tile, which then walks run by run nearly all the way.
  const std::vector<Index> lanes = in_tiles(points.m, stop);
  walk(records, static_cast<Index>(lanes.size()) / k_lanes, 1, smoother, n_threads, monitor,
       [&](Index t) { return StopTile(records, points, lanes.data() + t * k_lanes, stop, out); });
}

void beran_curves(const BeranRecords& records, const BeranPoints& points, Smoother smoother,
                  const Index* stop, Index n_stops, double* out, int n_threads, Monitor& monitor) {
  const std::vector<Index> lanes = in_tiles(points.m, nullptr);
  walk(records, static_cast<Index>(lanes.size()) / k_lanes, 1, smoother, n_threads, monitor,
       [&](Index t) {
         return CurveTile(records, points, lanes.data() + t * k_lanes, stop, n_stops, out);
       });
}

void beran_errors(const BeranRecords& records, const BeranPoints& points, Smoother smoother,
                  const BeranTruth& truth, double* error, double* count, int n_threads,
                  Monitor& monitor) {
  const std::vector<Index> lanes = in_tiles(points.m, truth.passed);
  walk(records, static_cast<Index>(lanes.size()) / k_lanes, points.n_scales, smoother, n_threads,
       monitor, [&](Index t) {
         return ErrorTile(records, points, lanes.data() + t * k_lanes, truth, error, count);
       });
}

}  // namespace taut::survival
