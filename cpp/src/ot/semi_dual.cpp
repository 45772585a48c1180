// SPDX-License-Identifier: BSD-3-Clause
#include "taut/ot/semi_dual.hpp"

#include <algorithm>
#include <bitset>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#endif

#include "taut/core/parallel.hpp"
#include "taut/linalg/exp2.hpp"

namespace taut::ot {
namespace {

constexpr double k_inf = std::numeric_limits<double>::infinity();
constexpr Index k_box = 32;           // rows that are looked at together
constexpr Index k_nest = 16;          // boxes in a nest of the cloud
constexpr Index k_column_block = 16;  // columns of one block of work

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

/// Place of the lowest bit that is set; mask != 0.
inline Index lowest_bit(unsigned mask) {
#if defined(__GNUC__)
  return __builtin_ctz(mask);
#else
  Index place = 0;
  for (; (mask & 1U) == 0; mask >>= 1U) ++place;
  return place;
#endif
}

#if defined(__AVX2__) && defined(__FMA__)
inline __m256d load4(const double* x) { return _mm256_loadu_pd(x); }
inline __m256d load4(const float* x) { return _mm256_cvtps_pd(_mm_loadu_ps(x)); }

/// Which of the 32 scores alpha - c are at least `threshold`, a bit each.
template <class T>
inline unsigned reaching(const double* alpha, const T* c, double threshold) {
  const __m256d low = _mm256_set1_pd(threshold);
  unsigned mask = 0;
  for (int g = 0; g < 32; g += 4) {
    const __m256d s = _mm256_sub_pd(_mm256_loadu_pd(alpha + g), load4(c + g));
    const int bits = _mm256_movemask_pd(_mm256_cmp_pd(s, low, _CMP_GE_OQ));
    mask |= static_cast<unsigned>(bits) << g;
  }
  return mask;
}

/// peak[l] = the best of the 32 scores alpha - c in places l, l + 4, l + 8, ...
template <class T>
inline void peaks_of(const double* alpha, const T* c, double* peak) {
  __m256d even = _mm256_sub_pd(_mm256_loadu_pd(alpha), load4(c));
  __m256d odd = _mm256_sub_pd(_mm256_loadu_pd(alpha + 4), load4(c + 4));
  for (int g = 8; g < 32; g += 8) {
    even = _mm256_max_pd(even, _mm256_sub_pd(_mm256_loadu_pd(alpha + g), load4(c + g)));
    odd = _mm256_max_pd(odd, _mm256_sub_pd(_mm256_loadu_pd(alpha + g + 4), load4(c + g + 4)));
  }
  _mm256_storeu_pd(peak, _mm256_max_pd(even, odd));
}

/// The largest of s; size is a multiple of four.
inline double highest(const double* s, Index size) {
  __m256d best[4];
  for (__m256d& b : best) b = _mm256_loadu_pd(s);
  Index i = 0;
  for (; i + 16 <= size; i += 16) {
    for (int w = 0; w < 4; ++w) best[w] = _mm256_max_pd(best[w], _mm256_loadu_pd(s + i + 4 * w));
  }
  for (; i < size; i += 4) best[0] = _mm256_max_pd(best[0], _mm256_loadu_pd(s + i));
  double lanes[4];
  _mm256_storeu_pd(lanes,
                   _mm256_max_pd(_mm256_max_pd(best[0], best[1]), _mm256_max_pd(best[2], best[3])));
  return std::max(std::max(lanes[0], lanes[1]), std::max(lanes[2], lanes[3]));
}

/// out = the s - top of all s - top > tau; returns their number. size is a multiple of four.
inline Index gather_above(const double* s, Index size, double top, double tau, double* out) {
  const __m256d shift = _mm256_set1_pd(top), low = _mm256_set1_pd(tau);
  Index count = 0;
  for (Index i = 0; i < size; i += 4) {
    const __m256d x = _mm256_sub_pd(_mm256_loadu_pd(s + i), shift);
    auto left = static_cast<unsigned>(_mm256_movemask_pd(_mm256_cmp_pd(x, low, _CMP_GT_OQ)));
    for (; left != 0; left &= left - 1) out[count++] = s[i + lowest_bit(left)] - top;
  }
  return count;
}

/// Sum of the s > tau, and how many they are; size is a multiple of eight.
inline void sum_above(const double* s, Index size, double tau, double& sum, double& count) {
  const __m256d low = _mm256_set1_pd(tau), one = _mm256_set1_pd(1.0);
  __m256d total[2] = {_mm256_setzero_pd(), _mm256_setzero_pd()};
  __m256d number[2] = {_mm256_setzero_pd(), _mm256_setzero_pd()};
  for (Index i = 0; i < size; i += 8) {
    for (int w = 0; w < 2; ++w) {
      const __m256d x = _mm256_loadu_pd(s + i + 4 * w);
      const __m256d in = _mm256_cmp_pd(x, low, _CMP_GT_OQ);
      total[w] = _mm256_add_pd(total[w], _mm256_and_pd(in, x));
      number[w] = _mm256_add_pd(number[w], _mm256_and_pd(in, one));
    }
  }
  double lanes[8];
  _mm256_storeu_pd(lanes, _mm256_add_pd(total[0], total[1]));
  _mm256_storeu_pd(lanes + 4, _mm256_add_pd(number[0], number[1]));
  sum = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
  count = (lanes[4] + lanes[5]) + (lanes[6] + lanes[7]);
}
#else
template <class T>
inline unsigned reaching(const double* alpha, const T* c, double threshold) {
  unsigned mask = 0;
  for (int g = 0; g < 32; ++g) {
    const unsigned hit = alpha[g] - static_cast<double>(c[g]) >= threshold ? 1U : 0U;
    mask |= hit << g;
  }
  return mask;
}

template <class T>
inline void peaks_of(const double* alpha, const T* c, double* peak) {
  for (int l = 0; l < 4; ++l) peak[l] = -k_inf;
  for (int g = 0; g < 32; g += 4) {
    for (int l = 0; l < 4; ++l) {
      peak[l] = std::max(peak[l], alpha[g + l] - static_cast<double>(c[g + l]));
    }
  }
}

inline double highest(const double* s, Index size) { return *std::max_element(s, s + size); }

inline Index gather_above(const double* s, Index size, double top, double tau, double* out) {
  Index count = 0;
  for (Index i = 0; i < size; ++i) {
    if (s[i] - top > tau) out[count++] = s[i] - top;
  }
  return count;
}

inline void sum_above(const double* s, Index size, double tau, double& sum, double& count) {
  sum = count = 0.0;
  for (Index i = 0; i < size; ++i) {
    sum += s[i] > tau ? s[i] : 0.0;
    count += s[i] > tau ? 1.0 : 0.0;
  }
}
#endif

/// x as float, not less; infinite where float ends.
inline float upwards(double x) {
  if (!(std::abs(x) < 1e37)) return std::numeric_limits<float>::infinity();
  return static_cast<float>(x + 1.2e-7 * std::abs(x) + 1e-37);
}

/// From the second pass on, a box of rows is read only if it can matter: its best score at the last
/// reading, and the most that alpha of one of its rows has risen by since, bound its scores. These
/// bounds are a 64th of the costs, and rounded upwards, so what is left out is the same as ever.
template <class T>
class DenseScores final : public Scores {
 public:
  explicit DenseScores(const DenseCost<T>& transposed)
      : cost_(transposed),
        boxes_((transposed.cols() + k_box - 1) / k_box),
        last_(at(transposed.cols())),
        rise_(at(boxes_)),
        seen_(at(transposed.rows()), -2),
        bound_(at(boxes_ * transposed.rows())) {}

  Index sources() const override { return cost_.cols(); }
  Index targets() const override { return cost_.rows(); }
  double cost(Index i, Index j) const override { return cost_.at(j, i); }
  double work_per_column() const override { return static_cast<double>(cost_.cols()); }

  void prepare(const double* alpha) override {
    ++pass_;
    const Index n = cost_.cols();
    bool known = true;
    for (Index box = 0; box < boxes_; ++box) {
      double rise = -k_inf;
      for (Index i = box * k_box; i < std::min((box + 1) * k_box, n); ++i) {
        const double change = alpha[i] - last_[at(i)];
        known = known && std::abs(change) < k_inf;
        rise = std::max(rise, change);
        last_[at(i)] = alpha[i];
      }
      rise_[at(box)] = upwards(rise);
    }
    if (!known) ++pass_;  // every column is read again
  }

  void collect(Index j, const double* alpha, double threshold, double reach, Index k,
               std::vector<Candidate>& out) const override {
    const Index n = cost_.cols();
    const T* c = cost_.tile(j, 0, n, nullptr);
    float* bound = bound_.data() + j * boxes_;
    thread_local std::vector<Index> near;
    near.clear();
    if (pass_ - seen_[at(j)] <= 1 && std::abs(threshold) < 1e37) {
      if (seen_[at(j)] != pass_) raise(bound);
      const float low = -upwards(-threshold);
      for (Index box = 0; box < boxes_; box += k_nest) {
        const Index end = std::min(box + k_nest, boxes_);
        int count = 0;
        for (Index b = box; b < end; ++b) count += bound[b] >= low ? 1 : 0;
        if (count == 0) continue;
        for (Index b = box; b < end; ++b) {
          if (bound[b] >= low) near.push_back(b);
        }
      }
    } else {
      near.resize(at(boxes_));
      std::iota(near.begin(), near.end(), Index{0});
    }
    seen_[at(j)] = pass_;
    // The only read of the column from memory: the best scores of each box, four rows that differ.
    thread_local std::vector<double> peak;
    peak.assign(4 * near.size(), -k_inf);
    const bool all = near.size() == at(boxes_);
    for (std::size_t e = 0; e < near.size(); ++e) {
      const Index first = near[e] * k_box;
      double* p = peak.data() + 4 * e;
      if (first + k_box <= n) {
        for (Index i = 0; all && i < k_box; i += 64 / static_cast<Index>(sizeof(T))) {
          linalg::detail::prefetch_ahead(c + first + i);
        }
        peaks_of(alpha + first, c + first, p);
      } else {
        for (Index i = first; i < n; ++i) {
          p[i % 4] = std::max(p[i % 4], alpha[i] - static_cast<double>(c[i]));
        }
      }
      bound[near[e]] = upwards(std::max(std::max(p[0], p[1]), std::max(p[2], p[3])));
    }
    if (reach < k_inf && !peak.empty()) {
      threshold = std::max(threshold, tau_of(peak, reach, k, threshold));
    }
    for (std::size_t e = 0; e < near.size(); ++e) {
      const double* p = peak.data() + 4 * e;
      if (std::max(std::max(p[0], p[1]), std::max(p[2], p[3])) < threshold) continue;
      const Index first = near[e] * k_box;
      if (first + k_box > n) {
        for (Index i = first; i < n; ++i) {
          const double s = alpha[i] - static_cast<double>(c[i]);
          if (s >= threshold) out.push_back({s, i});
        }
        continue;
      }
      const unsigned mask = reaching(alpha + first, c + first, threshold);
      const std::size_t size = out.size();
      out.resize(size + std::bitset<32>(mask).count());
      Candidate* to = out.data() + size;
      for (unsigned left = mask; left != 0; left &= left - 1) {
        const Index i = first + lowest_bit(left);
        *to++ = {alpha[i] - static_cast<double>(c[i]), i};
      }
    }
  }

 private:
  /// The threshold of the peaks alone: they are scores of some of the rows, so tau is not below.
  /// Neither is `known`.
  static double tau_of(const std::vector<double>& peak, double reach, Index k, double known) {
    const auto size = static_cast<Index>(peak.size());
    const double top = highest(peak.data(), size);
    const double slack = 1e-14 * (std::abs(top) + reach);
    // Michelot's iteration, from a threshold that is certainly low enough.
    double tau = std::max(-reach, known - top), sum = 0.0, count = 0.0, before = -1.0;
    thread_local std::vector<double> high;
    high.resize(at(size + 8));
    Index n_high = gather_above(peak.data(), size, top, tau, high.data());
    while (n_high % 8 != 0) high[at(n_high++)] = -k_inf;
    while (true) {
      sum_above(high.data(), n_high, tau, sum, count);
      if (count == before || count == 0.0) break;
      before = count;
      tau = std::max(tau, (sum - reach) / count);
    }
    if (count <= static_cast<double>(k)) return top + tau - slack;
    // More than k of them share the mass: only the k best may.
    thread_local std::vector<Candidate> best;
    best.clear();
    for (const double p : peak) {
      if (p > top - reach) best.push_back({p, 0});
    }
    keep_top(best, k);
    return best.empty() ? top - reach - slack : simplex_threshold(best, reach) - slack;
  }

  /// Adds the rise of alpha, upwards.
  void raise(float* __restrict bound) const {
    const float* __restrict rise = rise_.data();
    for (Index b = 0; b < boxes_; ++b) {
      const float sum = bound[b] + rise[b];
      bound[b] = sum + 3e-7F * (std::abs(bound[b]) + std::abs(rise[b]));
    }
  }

  DenseCost<T> cost_;
  Index boxes_;
  Index pass_ = 0;
  std::vector<double> last_;  // alpha of the last pass
  std::vector<float> rise_;   // of a box since the pass before
  // Of a column: the pass that its bounds are for, and those. One thread at a time has a column.
  mutable std::vector<Index> seen_;
  mutable std::vector<float> bound_;
};

/// Boxes around runs of points with bounds of alpha inside. alpha of a good plan is smooth, so each
/// box carries a slope p, and with r = max (alpha_i - p'x_i) no score inside exceeds
///
///   r + max_{x in box} (p'x - |x - y|^2) = r + p'y + |p|^2 / 4 - dist(y + p / 2, box)^2,
///
/// which is tight to second order in the size of the box.
class Boxes {
 public:
  Index size() const { return size_; }

  void reset(Index size, Index d) {
    size_ = size;
    d_ = d;
    low_.assign(at(size * d), k_inf);
    high_.assign(at(size * d), -k_inf);
    slope_.assign(at(size * d), 0.0);
    peak_.assign(at(size), -k_inf);
  }

  void hold(Index box, Index k, double value) {
    low_[at(k * size_ + box)] = std::min(low_[at(k * size_ + box)], value);
    high_[at(k * size_ + box)] = std::max(high_[at(k * size_ + box)], value);
  }

  /// Boxes without points become points at the origin; their peak stays -infinity.
  void close() {
    for (std::size_t e = 0; e < low_.size(); ++e) {
      if (low_[e] > high_[e]) low_[e] = high_[e] = 0.0;
    }
  }

  /// Slopes and peaks of box from its rows: coordinate k of row r at x(r, k), alpha at alpha[r].
  template <class Coordinate>
  void fit(Index box, Index begin, Index end, const double* alpha, const Coordinate& x) {
    const double count = static_cast<double>(end - begin);
    double mean = 0.0;
    for (Index r = begin; r < end; ++r) mean += alpha[r] / count;
    double constant = 0.0;
    for (Index k = 0; k < d_; ++k) {
      double middle = 0.0, spread = 0.0, together = 0.0;
      for (Index r = begin; r < end; ++r) middle += x(r, k) / count;
      for (Index r = begin; r < end; ++r) {
        const double gap = x(r, k) - middle;
        spread += gap * gap;
        together += gap * (alpha[r] - mean);
      }
      const double p = spread > 0.0 ? together / spread : 0.0;
      slope_[at(k * size_ + box)] = p;
      constant += 0.25 * p * p;
    }
    double peak = -k_inf;
    for (Index r = begin; r < end; ++r) {
      double rest = alpha[r];
      for (Index k = 0; k < d_; ++k) rest -= slope_[at(k * size_ + box)] * x(r, k);
      peak = std::max(peak, rest);
    }
    peak_[at(box)] = peak + constant;
  }

  /// Size of the numbers in a bound, for its rounding error.
  double magnitude() const {
    double largest = 0.0;
    for (const double peak : peak_) {
      if (peak > -k_inf) largest = std::max(largest, std::abs(peak));
    }
    for (const double p : slope_) largest = std::max(largest, p * p);
    return largest;
  }

  template <class T>
  void bounds(const T* y, Index first, Index count, double* __restrict out) const {
    for (Index g = 0; g < count; ++g) out[g] = peak_[at(first + g)];
    for (Index k = 0; k < d_; ++k) {
      const auto value = static_cast<double>(y[k]);
      const double* __restrict low = low_.data() + k * size_ + first;
      const double* __restrict high = high_.data() + k * size_ + first;
      const double* __restrict p = slope_.data() + k * size_ + first;
      for (Index g = 0; g < count; ++g) {
        const double z = value + 0.5 * p[g];
        // Twice the distance to the interval [low, high], without a branch.
        const double gap = (std::abs(low[g] - z) + std::abs(high[g] - z)) - (high[g] - low[g]);
        out[g] += p[g] * value - 0.25 * gap * gap;
      }
    }
  }

 private:
  Index size_ = 0, d_ = 0;
  std::vector<double> low_, high_, slope_, peak_;
};

template <class T>
class CloudScores final : public Scores {
 public:
  CloudScores(const T* x, Index n, const T* y, Index m, Index d) : n_(n), m_(m), d_(d), y_(y) {
    order_.resize(at(n));
    std::iota(order_.begin(), order_.end(), Index{0});
    split(x, 0, n);
    const Index nests = (n + k_box * k_nest - 1) / (k_box * k_nest);
    const Index boxes = nests * k_nest;
    points_.assign(at(boxes * k_box * d), 0.0);
    boxes_.reset(boxes, d);
    nests_.reset(nests, d);
    place_.resize(at(n));
    for (Index r = 0; r < n; ++r) {
      const Index box = r / k_box;
      place_[at(order_[at(r)])] = r;
      for (Index k = 0; k < d; ++k) {
        const auto value = static_cast<double>(x[order_[at(r)] * d + k]);
        points_[at((box * d + k) * k_box + r % k_box)] = value;
        boxes_.hold(box, k, value);
        nests_.hold(box / k_nest, k, value);
        scale_ = std::max(scale_, value * value);
      }
    }
    for (Index e = 0; e < m * d; ++e) {
      const auto value = static_cast<double>(y[e]);
      scale_ = std::max(scale_, value * value);
    }
    scale_ *= static_cast<double>(d);
    boxes_.close();
    nests_.close();
    sorted_.assign(at(boxes * k_box), -k_inf);
  }

  Index sources() const override { return n_; }
  Index targets() const override { return m_; }
  double work_per_column() const override {
    return static_cast<double>(nests_.size() * d_) + 100.0 * static_cast<double>(k_box * d_);
  }

  double cost(Index i, Index j) const override {
    const Index r = place_[at(i)];
    double sum = 0.0;
    for (Index k = 0; k < d_; ++k) {
      const double gap = points_[at((r / k_box * d_ + k) * k_box + r % k_box)] -
                         static_cast<double>(y_[j * d_ + k]);
      sum += gap * gap;
    }
    return sum;
  }

  void prepare(const double* alpha) override {
    for (Index r = 0; r < n_; ++r) sorted_[at(r)] = alpha[order_[at(r)]];
    const auto x = [&](Index r, Index k) {
      return points_[at((r / k_box * d_ + k) * k_box + r % k_box)];
    };
    for (Index begin = 0; begin < n_; begin += k_box) {
      boxes_.fit(begin / k_box, begin, std::min(begin + k_box, n_), sorted_.data(), x);
    }
    for (Index begin = 0; begin < n_; begin += k_box * k_nest) {
      nests_.fit(begin / (k_box * k_nest), begin, std::min(begin + k_box * k_nest, n_),
                 sorted_.data(), x);
    }
    slack_ = 1e-14 * (scale_ + boxes_.magnitude() + nests_.magnitude());
  }

  void collect(Index j, const double*, double threshold, double reach, Index,
               std::vector<Candidate>& out) const override {
    const T* y = y_ + j * d_;
    thread_local std::vector<double> bound;
    bound.resize(at(nests_.size()));
    nests_.bounds(y, 0, nests_.size(), bound.data());
    double inner[k_nest], s[k_box];
    // tau >= best - reach for the best score of all; the box with the highest bound tells most.
    const auto nest =
        static_cast<Index>(std::max_element(bound.begin(), bound.end()) - bound.begin());
    boxes_.bounds(y, nest * k_nest, k_nest, inner);
    const auto first = static_cast<Index>(std::max_element(inner, inner + k_nest) - inner);
    box_scores(nest * k_nest + first, y, s);
    // Finite, so that neither scores that are no numbers nor the places that fill the last box pass.
    threshold = std::max(-std::numeric_limits<double>::max(),
                         std::max(threshold, *std::max_element(s, s + k_box) - reach));
    for (Index outer = 0; outer < nests_.size(); ++outer) {
      if (bound[at(outer)] < threshold - slack_) continue;
      boxes_.bounds(y, outer * k_nest, k_nest, inner);
      for (Index g = 0; g < k_nest; ++g) {
        if (inner[g] < threshold - slack_) continue;
        const Index box = outer * k_nest + g;
        box_scores(box, y, s);
        for (Index r = 0; r < k_box; ++r) {
          if (!(s[r] >= threshold)) continue;
          out.push_back({s[r], order_[at(box * k_box + r)]});
          threshold = std::max(threshold, s[r] - reach);
        }
      }
    }
  }

 private:
  void box_scores(Index box, const T* y, double* s) const {
    std::copy_n(sorted_.data() + box * k_box, k_box, s);
    for (Index k = 0; k < d_; ++k) {
      const auto value = static_cast<double>(y[k]);
      const double* p = points_.data() + (box * d_ + k) * k_box;
      for (Index r = 0; r < k_box; ++r) s[r] -= (p[r] - value) * (p[r] - value);
    }
  }

  /// Orders begin .. end-1 so that every run of k_box rows is a small box, and every run of k_nest
  /// boxes a small nest: halves along the widest dimension.
  void split(const T* x, Index begin, Index end) {
    if (end - begin <= k_box) return;
    Index widest = 0;
    T width = -1;
    for (Index k = 0; k < d_; ++k) {
      T low = x[order_[at(begin)] * d_ + k], high = low;
      for (Index r = begin; r < end; ++r) {
        low = std::min(low, x[order_[at(r)] * d_ + k]);
        high = std::max(high, x[order_[at(r)] * d_ + k]);
      }
      if (high - low > width) {
        width = high - low;
        widest = k;
      }
    }
    const Index unit = end - begin > k_box * k_nest ? k_box * k_nest : k_box;
    const Index units = (end - begin + unit - 1) / unit;
    const Index middle = begin + units / 2 * unit;
    std::nth_element(order_.begin() + begin, order_.begin() + middle, order_.begin() + end,
                     [&](Index i, Index j) {
                       const T u = x[i * d_ + widest], v = x[j * d_ + widest];
                       return u < v || (u == v && i < j);
                     });
    split(x, begin, middle);
    split(x, middle, end);
  }

  Index n_, m_, d_;
  const T* y_;
  Boxes boxes_, nests_;
  std::vector<Index> order_, place_;
  std::vector<double> points_, sorted_;
  double scale_ = 0.0, slack_ = 0.0;  // slack: bound and score round differently
};

}  // namespace

template <class T>
std::unique_ptr<Scores> make_scores(const DenseCost<T>& transposed) {
  return std::make_unique<DenseScores<T>>(transposed);
}

template <class T>
std::unique_ptr<Scores> make_scores(const T* x, Index n, const T* y, Index m, Index d) {
  return std::make_unique<CloudScores<T>>(x, n, y, m, d);
}

template std::unique_ptr<Scores> make_scores(const DenseCost<double>&);
template std::unique_ptr<Scores> make_scores(const DenseCost<float>&);
template std::unique_ptr<Scores> make_scores(const double*, Index, const double*, Index, Index);
template std::unique_ptr<Scores> make_scores(const float*, Index, const float*, Index, Index);

SemiDual::SemiDual(Scores& scores, const double* a, const double* b, double gamma, Index k,
                   int n_threads, Monitor& monitor)
    : scores_(scores),
      a_(a),
      b_(b),
      gamma_(gamma),
      k_(k),
      n_threads_(n_threads),
      monitor_(monitor),
      n_(scores.sources()),
      m_(scores.targets()),
      blocks_(at((m_ + k_column_block - 1) / k_column_block)) {
  for (Index i = 0; i < n_; ++i) mass_ += a[i];
}

void SemiDual::evaluate(const double* alpha, const SemiDualPoint* near, SemiDualPoint& out,
                        double tie) {
  run(alpha, nullptr, near, out, tie);
}

void SemiDual::evaluate_dual(const double* alpha, const double* beta, SemiDualPoint& out) {
  run(alpha, beta, nullptr, out, 0.0);
}

void SemiDual::column(Index j, const double* alpha, const double* beta, const SemiDualPoint* near,
                      Block& block, double& tau, double& level, double tie) const {
  std::vector<Candidate>& candidates = block.candidates;
  candidates.clear();
  // A given beta takes no account of the column's mass.
  const double reach = beta != nullptr ? k_inf : gamma_ * b_[j];
  double threshold = -k_inf;
  if (beta != nullptr) {
    threshold = -beta[j];
  } else if (near != nullptr) {
    // tau of a subset of the rows is a lower bound of tau, and the rows that were active a moment
    // ago are the best subset there is.
    const ColumnPlan& plan = near->plan;
    double largest = 0.0;
    for (Index e = plan.ptr[at(j)]; e < plan.ptr[at(j + 1)]; ++e) {
      const Index i = plan.row[at(e)];
      candidates.push_back({alpha[i] - plan.cost[at(e)], i});
      largest = std::max(largest, std::abs(alpha[i]) + std::abs(plan.cost[at(e)]));
    }
    if (!candidates.empty()) {
      keep_top(candidates, k_);
      threshold = simplex_threshold(candidates, reach) - 1e-14 * largest;
      candidates.clear();
    }
  }
  scores_.collect(j, alpha, threshold, reach, k_, candidates);
  if (candidates.empty()) candidates.push_back({std::numeric_limits<double>::quiet_NaN(), 0});
  double left_out = -k_inf;
  if (static_cast<Index>(candidates.size()) > k_) left_out = keep_top(candidates, k_);
  tau = beta != nullptr ? -beta[j] : simplex_threshold(candidates, reach);
  double lowest = k_inf;
  if (left_out > tau) {
    for (const Candidate& c : candidates) lowest = std::min(lowest, c.score);
  }
  candidates.erase(std::remove_if(candidates.begin(), candidates.end(),
                                  [&](const Candidate& c) { return !(c.score > tau); }),
                   candidates.end());
  const auto by_row = [](const Candidate& x, const Candidate& y) { return x.row < y.row; };
  if (!std::is_sorted(candidates.begin(), candidates.end(), by_row)) {
    std::sort(candidates.begin(), candidates.end(), by_row);
  }
  level = tau;
  if (static_cast<Index>(candidates.size()) == k_) {
    level = k_inf;
    for (const Candidate& c : candidates) level = std::min(level, c.score);
  }
  double square = 0.0;
  const std::size_t before = block.row.size();
  block.row.resize(before + candidates.size());
  block.mass.resize(before + candidates.size());
  block.cost.resize(before + candidates.size());
  for (std::size_t e = 0; e < candidates.size(); ++e) {
    const double over = candidates[e].score - tau;
    block.row[before + e] = candidates[e].row;
    block.mass[before + e] = over / gamma_;
    block.cost[before + e] = scores_.cost(candidates[e].row, j);
    square += over * over;
  }
  block.size.push_back(static_cast<Index>(candidates.size()));
  block.value += square / (2.0 * gamma_) + (beta != nullptr ? 0.0 : tau * b_[j]);
  if (left_out > tau && lowest - left_out <= tie) ++block.n_ties;
}

void SemiDual::proximal_column(Index j, const double* alpha, const SemiDualPoint* near,
                               Block& block, double& tau, double& level) const {
  std::vector<Candidate>&candidates = block.candidates, &rest = block.rest;
  const auto better = [](const Candidate& x, const Candidate& y) {
    return x.score > y.score || (x.score == y.score && x.row < y.row);
  };
  // Rows of the centre score rho t more. They always take part in the search; of the others only
  // those above the level that the rows of a moment ago lead to.
  const Index begin = centre_->ptr[at(j)], end = centre_->ptr[at(j + 1)];
  double largest = 0.0;
  const auto add_centre = [&] {
    for (Index e = begin; e < end; ++e) {
      const Index i = centre_->row[at(e)];
      candidates.push_back({alpha[i] - centre_->cost[at(e)] + rho_ * centre_->mass[at(e)], i});
      largest = std::max(largest, std::abs(alpha[i]) + std::abs(centre_->cost[at(e)]));
    }
  };
  const auto in_centre = [&](Index row) {
    const auto first = centre_->row.begin() + begin, last = centre_->row.begin() + end;
    return std::binary_search(first, last, row);
  };
  candidates.clear();
  add_centre();
  if (near != nullptr) {
    for (Index e = near->plan.ptr[at(j)]; e < near->plan.ptr[at(j + 1)]; ++e) {
      const Index i = near->plan.row[at(e)];
      if (!in_centre(i)) candidates.push_back({alpha[i] - near->plan.cost[at(e)], i});
    }
  }
  SupportProjection t;
  level = -k_inf;
  if (!candidates.empty()) {
    std::sort(candidates.begin(), candidates.end(), better);
    t = k_support_projection(candidates, k_, gamma_, rho_, b_[j]);
    level = t.level;
  }
  for (int round = 0;; ++round) {
    const double threshold = round < 2 ? level - 1e-14 * largest : -k_inf;
    rest.clear();
    scores_.collect(j, alpha, threshold, k_inf, k_, rest);
    candidates.clear();
    add_centre();
    for (const Candidate& c : rest) {
      if (!in_centre(c.row)) candidates.push_back(c);
    }
    std::sort(candidates.begin(), candidates.end(), better);
    t = k_support_projection(candidates, k_, gamma_, rho_, b_[j]);
    if (!(t.level < threshold)) break;  // nothing that was left out takes part
    level = t.level;
  }
  tau = t.tau;
  level = t.level;
  candidates.resize(at(t.whole + t.shared));
  rest.resize(candidates.size());
  double linear = 0.0, square = 0.0, own = 0.0, tail = 0.0;
  for (std::size_t r = 0; r < candidates.size(); ++r) {
    const double over = candidates[r].score - tau;
    const bool whole = r < at(t.whole);
    const double mass =
        std::max(whole ? over / (gamma_ + rho_) : (over - gamma_ * t.nu) / rho_, 0.0);
    linear += over * mass;
    square += mass * mass;
    (whole ? own : tail) += whole ? mass * mass : mass;
    rest[r] = {whole ? mass : -mass, candidates[r].row};  // the sign tells the kinds apart
  }
  if (t.shared > 0) own += tail * tail / static_cast<double>(k_ - t.whole);
  for (Index e = begin; e < end; ++e) square += centre_->mass[at(e)] * centre_->mass[at(e)];
  block.value += linear + tau * b_[j] - 0.5 * gamma_ * own - 0.5 * rho_ * square;
  std::sort(rest.begin(), rest.end(),
            [](const Candidate& x, const Candidate& y) { return x.row < y.row; });
  Index size = 0;
  for (const Candidate& c : rest) {
    if (c.score == 0.0) continue;
    ++size;
    block.row.push_back(c.row);
    block.mass.push_back(std::abs(c.score));
    block.shared.push_back(c.score < 0.0);
    block.cost.push_back(scores_.cost(c.row, j));
  }
  block.size.push_back(size);
}

void SemiDual::run(const double* alpha, const double* beta, const SemiDualPoint* near,
                   SemiDualPoint& out, double tie) {
  ++evaluations_;
  scores_.prepare(alpha);
  std::vector<double> tau(at(m_)), level(at(m_));
  const auto n_blocks = static_cast<Index>(blocks_.size());
  const double block_work = scores_.work_per_column() * static_cast<double>(k_column_block);
  const Index slice = std::max<Index>(16, static_cast<Index>(5e7 / block_work));
  for (Index first = 0; first < n_blocks; first += slice) {
    parallel_for(std::min(slice, n_blocks - first), n_threads_, [&](Index offset) {
      Block& block = blocks_[at(first + offset)];
      block.size.clear();
      block.row.clear();
      block.mass.clear();
      block.cost.clear();
      block.shared.clear();
      block.value = 0.0;
      block.n_ties = 0;
      const Index begin = (first + offset) * k_column_block;
      for (Index j = begin; j < std::min(begin + k_column_block, m_); ++j) {
        if (centre_ != nullptr) {
          proximal_column(j, alpha, near, block, tau[at(j)], level[at(j)]);
        } else {
          column(j, alpha, beta, near, block, tau[at(j)], level[at(j)], tie);
        }
      }
    });
    monitor_.poll(progress_);
  }
  ColumnPlan& plan = out.plan;
  plan.ptr.clear();
  plan.ptr.push_back(0);
  plan.row.clear();
  plan.mass.clear();
  plan.cost.clear();
  plan.shared.clear();
  out.tau = std::move(tau);
  out.level = std::move(level);
  out.n_ties = 0;
  double value = 0.0;
  for (Index i = 0; i < n_; ++i) value += a_[i] * alpha[i];
  if (beta != nullptr) {
    for (Index j = 0; j < m_; ++j) value += b_[j] * beta[j];
  }
  for (const Block& block : blocks_) {
    value -= block.value;
    out.n_ties += block.n_ties;
    for (const Index size : block.size) plan.ptr.push_back(plan.ptr.back() + size);
    plan.row.insert(plan.row.end(), block.row.begin(), block.row.end());
    plan.mass.insert(plan.mass.end(), block.mass.begin(), block.mass.end());
    plan.cost.insert(plan.cost.end(), block.cost.begin(), block.cost.end());
    plan.shared.insert(plan.shared.end(), block.shared.begin(), block.shared.end());
  }
  out.value = value;
  out.row_mass.assign(at(n_), 0.0);
  for (std::size_t e = 0; e < plan.row.size(); ++e) out.row_mass[at(plan.row[e])] += plan.mass[e];
}

}  // namespace taut::ot
