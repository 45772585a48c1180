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
constexpr Index k_block = 256;
/// Stands for infinity, so that differences of predictors are never NaN.
constexpr double k_far = 1e300;
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
    : Datafit(rows, boundaries, weights),
      class_(static_cast<std::size_t>(rows), static_cast<double>(boundaries)) {
  for (Index k = 0; k < boundaries; ++k) {
    const double* is_below = below + k * rows;
    double at_most = 0.0, above = 0.0;
    for (Index i = 0; i < rows; ++i) {
      at_most += weights[i] * is_below[i];
      above += weights[i] * (1.0 - is_below[i]);
      class_[static_cast<std::size_t>(i)] -= is_below[i];
    }
    theta_.push_back(std::log(at_most / above));
  }
}

template <bool want_loss, bool want_residual>
double CumulativeLogit::pass(const double* zeta, double* r) const {
  const Index n = rows(), m = outputs();
  double eta[k_block], u[k_block], v[k_block], loss[k_block];
  double total = 0.0;
  for (Index begin = 0; begin < n; begin += k_block) {
    const Index count = std::min(k_block, n - begin);
    const double* y = class_.data() + begin;
    const double* s = weights() + begin;
    std::fill_n(eta, count, 0.0);
    std::fill_n(u, count, k_far);
    std::fill_n(v, count, -k_far);
    for (Index k = 0; k < m; ++k) {
      const double* z = zeta + begin + k * n;
      const double theta = theta_[static_cast<std::size_t>(k)], here = static_cast<double>(k);
      for (Index i = 0; i < count; ++i) {
        eta[i] += z[i];
        u[i] = select(y[i] == here, theta + eta[i], u[i]);
        v[i] = select(y[i] == here + 1.0, theta + eta[i], v[i]);
      }
    }
    // u and v become a and d.
    for (Index i = 0; i < count; ++i) {
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
        const double here = static_cast<double>(k);
        for (Index i = 0; i < count; ++i) {
          out[i] = select(y[i] > here, v[i], select(y[i] == here, u[i], 0.0));
        }
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

/// a and d of rows begin .. begin + count: class 0 has no predictor below (d = a), class m none above
/// (a = 0).
void CumulativeLogit::pick(const double* r, Index begin, Index count, double* a, double* d) const {
  const Index n = rows(), m = outputs();
  const double* y = class_.data() + begin;
  std::fill_n(a, count, 0.0);
  std::copy_n(r + begin, count, d);
  for (Index k = 0; k < m; ++k) {
    const double* x = r + begin + k * n;
    const double here = static_cast<double>(k);
    for (Index i = 0; i < count; ++i) {
      a[i] = select(y[i] == here, x[i], a[i]);
      d[i] = select(y[i] == here + 1.0, x[i], d[i]);
    }
  }
}

/// -sum_i s_i l*(w_i) for w = -c r, which in terms of eta is -ca at y and cb at y - 1:
/// l* = -ca (eta_y - theta_y) + cb (eta_(y-1) - theta_(y-1)) + log P at the eta where that is the
/// slope.
double CumulativeLogit::dual(const double* r, double c) const {
  const Index n = rows(), m = outputs();
  double a[k_block], d[k_block], up[k_block], down[k_block], part[k_block];
  double total = 0.0;
  for (Index begin = 0; begin < n; begin += k_block) {
    const Index count = std::min(k_block, n - begin);
    const double* y = class_.data() + begin;
    pick(r, begin, count, a, d);
    std::fill_n(up, count, 0.0);
    std::fill_n(down, count, 0.0);
    for (Index k = 0; k < m; ++k) {
      const double theta = theta_[static_cast<std::size_t>(k)], here = static_cast<double>(k);
      for (Index i = 0; i < count; ++i) {
        up[i] = select(y[i] == here, theta, up[i]);
        down[i] = select(y[i] == here + 1.0, theta, down[i]);
      }
    }
    for (Index i = 0; i < count; ++i) {
      const Inverse at(c * a[i], c * d[i]);
      // -a logit(upper) + b logit(lower), their signs turned once more.
      const double logs = times_log(at.a, at.upper, at.above) + times_log(at.b, at.below, at.lower);
      part[i] = logs - at.a * up[i] + at.b * down[i] - linalg::fast_log(at.P);
    }
    total += linalg::dot(weights() + begin, part, count);
  }
  return total;
}

/// In terms of eta the Hessian of a row has a(b + P) at (y, y), b(a + P) at (y - 1, y - 1) and -ab
/// between them; column k of zeta moves both if k < y, the upper one alone if k = y.
void CumulativeLogit::curvature(const double* r, Index k, Index l, double* h) const {
  const Index n = rows();
  const double first = static_cast<double>(std::min(k, l)),
               last = static_cast<double>(std::max(k, l));
  double a[k_block], d[k_block];
  for (Index begin = 0; begin < n; begin += k_block) {
    const Index count = std::min(k_block, n - begin);
    const double* y = class_.data() + begin;
    const double* s = weights() + begin;
    double* out = h + begin;
    pick(r, begin, count, a, d);
    for (Index i = 0; i < count; ++i) {
      const Inverse at(a[i], d[i]);
      const double both = (at.a + at.b) * at.P;
      const double upper = at.a * select(first == last, at.b + at.P, at.P);
      out[i] = s[i] * select(y[i] > last, both, select(y[i] == last, upper, 0.0));
    }
  }
}

}  // namespace taut::datafit
