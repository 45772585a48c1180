// SPDX-License-Identifier: BSD-3-Clause
#include "taut/datafit/cumulative_logit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "taut/linalg/kernels.hpp"
#include "taut/linalg/vexp.hpp"

namespace taut::datafit {
namespace {

using linalg::detail::select;

/// Rows that are worked on together: their intermediate values stay in the first-level cache.
constexpr Index k_block = 512;
constexpr double k_inf = std::numeric_limits<double>::infinity();

/// 1 - e^-g to full relative precision, for g > 0 with e = e^-g at hand.
inline double one_minus_exp(double g, double e) {
  constexpr double k_small = 0.35;
  const double x = select(g < k_small, g, 0.0);
  double t = -1.0 / 479001600.0;
  t = t * x + 1.0 / 39916800.0;
  t = t * x - 1.0 / 3628800.0;
  t = t * x + 1.0 / 362880.0;
  t = t * x - 1.0 / 40320.0;
  t = t * x + 1.0 / 5040.0;
  t = t * x - 1.0 / 720.0;
  t = t * x + 1.0 / 120.0;
  t = t * x - 1.0 / 24.0;
  t = t * x + 1.0 / 6.0;
  t = t * x - 0.5;
  t = t * x + 1.0;
  return select(g < k_small, x * t, 1.0 - e);
}

/// Least 1 - |d|: beyond it only the rounding of d is left, and a probability of zero, taken for
/// exact, would make a dual infinite.
constexpr double k_least_rest = 4.5e-16;
/// Shares below this count as zero.
constexpr double k_tiny = 1e-250;

/// Probabilities that belong to (a, d) with b = a - d, scaled or not. Each is a product of positive
/// factors: nothing cancels but in 1 - d and 1 + d themselves.
struct Inverse {
  double a, b, P;
  double upper, above;  ///< sigma(eta_y) and the rest
  double lower, below;  ///< sigma(eta_(y-1)) and the rest

  Inverse(double a_, double d) : a(select(a_ > 0.0, a_, 0.0)), b(select(a_ > d, a_ - d, 0.0)) {
    const double high = select(1.0 - d > k_least_rest, 1.0 - d, k_least_rest);
    const double low = select(1.0 + d > k_least_rest, 1.0 + d, k_least_rest);
    const double q = std::sqrt(1.0 + 4.0 * a * b), whole = q + a + b;
    P = high * low / whole;
    upper = 0.5 * high * (1.0 + low / whole);
    above = low * a * (1.0 + q + 2.0 * b) / ((1.0 + q) * whole);
    lower = high * b * (1.0 + q + 2.0 * a) / ((1.0 + q) * whole);
    below = 0.5 * low * (1.0 + high / whole);
  }
};

/// share * log(rest / p) with 0 * inf = 0.
inline double times_log(double share, double rest, double p) {
  const double y = share * (linalg::fast_log(rest) - linalg::fast_log(p));
  return select(share > k_tiny, y, 0.0);
}

}  // namespace

CumulativeLogit::CumulativeLogit(Index rows, Index boundaries, const double* below,
                                 const double* weights)
    : Datafit(rows, boundaries, weights), order_(static_cast<std::size_t>(rows)) {
  std::vector<Index> level(static_cast<std::size_t>(rows), boundaries);
  for (Index k = 0; k < boundaries; ++k) {
    const double* is_below = below + k * rows;
    double at_most = 0.0, above = 0.0;
    for (Index i = 0; i < rows; ++i) {
      at_most += weights[i] * is_below[i];
      above += weights[i] * (1.0 - is_below[i]);
      if (is_below[i] != 0.0) --level[static_cast<std::size_t>(i)];
    }
    theta_.push_back(std::log(at_most / above));
  }
  // Counting sort of each block.
  std::vector<Index> next;
  for (Index begin = 0; begin < rows; begin += k_block) {
    const Index count = std::min(k_block, rows - begin);
    next.assign(static_cast<std::size_t>(boundaries + 2), 0);
    for (Index i = 0; i < count; ++i) {
      ++next[static_cast<std::size_t>(level[static_cast<std::size_t>(begin + i)] + 1)];
    }
    for (std::size_t c = 1; c < next.size(); ++c) next[c] += next[c - 1];
    for (const Index first : next) segments_.push_back(static_cast<std::int32_t>(first));
    for (Index i = 0; i < count; ++i) {
      Index& place = next[static_cast<std::size_t>(level[static_cast<std::size_t>(begin + i)])];
      order_[static_cast<std::size_t>(begin + place++)] = static_cast<std::int32_t>(i);
    }
  }
}

/// Rows begin .. begin + count by class: those of class c are order[first[c]] .. order[first[c + 1]].
struct CumulativeLogit::Block {
  Index begin, count, classes;
  const std::int32_t *order, *first;

  Block(const CumulativeLogit& f, Index at)
      : begin(at),
        count(std::min(k_block, f.rows() - at)),
        classes(f.outputs() + 1),
        order(f.order_.data() + at),
        first(f.segments_.data() + at / k_block * (f.outputs() + 2)) {}

  /// to[p] = shift + from[order[p]] for rows of class c.
  void gather(Index c, const double* from, double shift, double* to) const {
    for (Index p = first[c]; p < first[c + 1]; ++p) to[p] = shift + from[order[p]];
  }
  /// to[order[p]] = from[p] for rows of classes c .. d - 1, nothing for none.
  void scatter(Index c, Index d, const double* from, double* to) const {
    for (Index p = first[c]; p < first[d]; ++p) to[order[p]] = from[p];
  }
  void clear(Index c, Index d, double* to) const {
    for (Index p = first[c]; p < first[d]; ++p) to[order[p]] = 0.0;
  }
  void gather_all(const double* from, double* to) const {
    for (Index p = 0; p < count; ++p) to[p] = from[order[p]];
  }
  /// Rows of the first class end here, those of the last begin there.
  Index low_end() const { return first[1]; }
  Index high_begin() const { return first[classes - 1]; }
};

template <bool want_loss, bool want_residual>
double CumulativeLogit::pass(const double* zeta, double* r) const {
  const Index n = rows(), m = outputs();
  double eta[k_block], u[k_block], v[k_block], s[k_block], loss[k_block];
  double total = 0.0;
  for (Index begin = 0; begin < n; begin += k_block) {
    const Block block(*this, begin);
    const Index count = block.count;
    block.gather_all(weights() + begin, s);
    std::fill_n(eta, count, 0.0);
    for (Index k = 0; k < m; ++k) {
      const double* z = zeta + begin + k * n;
      for (Index i = 0; i < count; ++i) eta[i] += z[i];
      const double theta = theta_[static_cast<std::size_t>(k)];
      block.gather(k, eta, theta, u);
      block.gather(k + 1, eta, theta, v);
    }
    // u and v become a and d. Of the first and the last class P is one sigmoid.
    const auto outer = [&](Index from, Index to, double sign, const double* w) {
      for (Index i = from; i < to; ++i) {
        const double x = sign * w[i];
        const double e = linalg::fast_exp(-std::abs(x)), whole = 1.0 + e;
        const bool counts = s[i] > 0.0;
        if constexpr (want_loss) {
          loss[i] = select(counts, select(x < 0.0, -x, 0.0) + linalg::fast_log(whole), 0.0);
        }
        if constexpr (want_residual) {
          const double rest = select(counts, select(x > 0.0, e, 1.0) / whole, 0.0);
          u[i] = rest;
          v[i] = sign * rest;
        }
      }
    };
    outer(0, block.low_end(), 1.0, u);
    outer(block.high_begin(), count, -1.0, v);
    for (Index i = block.low_end(); i < block.high_begin(); ++i) {
      const double gap = u[i] - v[i];
      const double e_u = linalg::fast_exp(-std::abs(u[i])), e_v = linalg::fast_exp(-std::abs(v[i]));
      const double e_gap = linalg::fast_exp(-gap);
      const double apart = one_minus_exp(gap, e_gap);
      const bool counts = s[i] > 0.0;
      // One division for all: 1 / sigma(|u|) and the like are its product with the other two.
      const double whole_u = 1.0 + e_u, whole_v = 1.0 + e_v, both = whole_u * whole_v;
      const double inverse = 1.0 / (both * apart), inverse_apart = inverse * both;
      if constexpr (want_loss) {
        // P = sigma(u) sigma(-v) (1 - e^-gap).
        const double x = select(u[i] < 0.0, -u[i], 0.0) + select(v[i] > 0.0, v[i], 0.0) +
                         linalg::fast_log(both * inverse_apart);
        loss[i] = select(counts, select(gap > 0.0, x, k_inf), 0.0);
      }
      if constexpr (want_residual) {
        const double share_u = inverse * apart * whole_v, share_v = inverse * apart * whole_u;
        const double above = select(u[i] > 0.0, e_u * share_u, share_u);
        const double below = select(v[i] > 0.0, share_v, e_v * share_v);
        // sigma(-u) / sigma(-v), which might both vanish.
        const double ratio = select(v[i] > 0.0, e_gap * share_u, above) * whole_v;
        u[i] = select(counts, ratio * inverse_apart, 0.0);
        v[i] = select(counts, above - below, 0.0);
      }
    }
    if constexpr (want_loss) total += linalg::dot(s, loss, count);
    if constexpr (want_residual) {
      for (Index k = 0; k < m; ++k) {
        double* out = r + begin + k * n;
        block.clear(0, k, out);
        block.scatter(k, k + 1, u, out);
        block.scatter(k + 1, m + 1, v, out);
      }
    }
  }
  return total;
}

double CumulativeLogit::value(const double* zeta) const { return pass<true, false>(zeta, nullptr); }

void CumulativeLogit::residual(const double* zeta, double* r) const { pass<false, true>(zeta, r); }

double CumulativeLogit::evaluate(const double* zeta, double* r) const {
  return pass<true, true>(zeta, r);
}

/// a and d of a block's rows by class: the first class has no predictor below (d = a), the last none
/// above (a = 0).
void CumulativeLogit::pick(const double* r, const Block& block, double* a, double* d) const {
  const Index n = rows(), m = outputs();
  for (Index k = 0; k < m; ++k) {
    const double* x = r + block.begin + k * n;
    block.gather(k, x, 0.0, a);
    block.gather(k + 1, x, 0.0, d);
  }
  std::copy_n(a, block.low_end(), d);
  std::fill(a + block.high_begin(), a + block.count, 0.0);
}

/// -sum_i s_i l*(w_i) for w = -c r, which in terms of eta is -ca at y and cb at y - 1:
/// l* = -ca (eta_y - theta_y) + cb (eta_(y-1) - theta_(y-1)) + log P at the eta where that is the
/// slope.
double CumulativeLogit::dual(const double* r, double c) const {
  const Index n = rows(), m = outputs();
  double a[k_block], d[k_block], s[k_block], part[k_block];
  double total = 0.0;
  for (Index begin = 0; begin < n; begin += k_block) {
    const Block block(*this, begin);
    pick(r, block, a, d);
    block.gather_all(weights() + begin, s);
    // Of the first and the last class P is what the one share leaves.
    const auto outer = [&](Index from, Index to, double sign, double theta) {
      for (Index i = from; i < to; ++i) {
        const double x = sign * c * d[i];
        const double share = select(x > 0.0, x, 0.0);
        const double rest = select(1.0 - share > k_least_rest, 1.0 - share, k_least_rest);
        const double log_rest = linalg::fast_log(rest);
        const double logs = share * (log_rest - linalg::fast_log(share));
        part[i] = select(share > k_tiny, logs, 0.0) - sign * share * theta - log_rest;
      }
    };
    outer(0, block.low_end(), 1.0, theta_.front());
    outer(block.high_begin(), block.count, -1.0, theta_.back());
    for (Index k = 1; k < m; ++k) {
      const double up = theta_[static_cast<std::size_t>(k)];
      const double down = theta_[static_cast<std::size_t>(k - 1)];
      for (Index i = block.first[k]; i < block.first[k + 1]; ++i) {
        const Inverse at(c * a[i], c * d[i]);
        // -a logit(upper) + b logit(lower), their signs turned once more.
        const double logs =
            times_log(at.a, at.upper, at.above) + times_log(at.b, at.below, at.lower);
        part[i] = logs - at.a * up + at.b * down - linalg::fast_log(at.P);
      }
    }
    total += linalg::dot(s, part, block.count);
  }
  return total;
}

/// In terms of eta the Hessian of a row has a(b + P) at (y, y), b(a + P) at (y - 1, y - 1) and -ab
/// between them; column k of zeta moves both if k < y, the upper one alone if k = y. So all pairs of
/// columns share three numbers a row, kept by class within blocks: (a + b)P for pairs below y,
/// a(b + P) at (y, y), aP where only the larger is y.
const double* CumulativeLogit::curvature_point(const double* r, std::vector<double>& store) const {
  const Index n = rows();
  store.resize(static_cast<std::size_t>(3 * n));
  double a[k_block], d[k_block], s[k_block];
  for (Index begin = 0; begin < n; begin += k_block) {
    const Block block(*this, begin);
    pick(r, block, a, d);
    block.gather_all(weights() + begin, s);
    double* below = store.data() + begin;
    double *own = below + n, *mixed = own + n;
    for (Index i = 0; i < block.count; ++i) {
      const Inverse at(a[i], d[i]);
      const double scaled = s[i] * at.P;
      below[i] = (at.a + at.b) * scaled;
      mixed[i] = at.a * scaled;
      own[i] = mixed[i] + s[i] * at.a * at.b;
    }
  }
  return store.data();
}

void CumulativeLogit::curvature(const double* point, Index k, Index l, double* h) const {
  const Index n = rows(), last = std::max(k, l);
  for (Index begin = 0; begin < n; begin += k_block) {
    const Block block(*this, begin);
    const double* below = point + begin;
    double* out = h + begin;
    block.clear(0, last, out);
    block.scatter(last, last + 1, below + (k == l ? n : 2 * n), out);
    block.scatter(last + 1, block.classes, below, out);
  }
}

double CumulativeLogit::curvature_sum(const double* point, Index k, Index l, double*) const {
  const Index n = rows(), last = std::max(k, l);
  double total = 0.0;
  for (Index begin = 0; begin < n; begin += k_block) {
    const Block block(*this, begin);
    const Index from = block.first[last], to = block.first[last + 1];
    const double* below = point + begin;
    total += linalg::sum(below + from + (k == l ? n : 2 * n), to - from);
    total += linalg::sum(below + to, block.count - to);
  }
  return total;
}

}  // namespace taut::datafit
