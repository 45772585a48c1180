// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linsolve/bandits.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "taut/linalg/symmetric.hpp"

namespace taut::linsolve {
namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

/// Relative eigenvalue of a Gram matrix below which a direction has not been seen.
constexpr double k_cutoff = 1e-10;

/// G theta = g by Cholesky; false where a pivot is so small that least norm has to decide.
bool solve_regular(Index m, const double* gram, const double* g, double* theta) {
  constexpr Index k_most = 16;
  if (m > k_most) return false;
  double l[k_most * k_most];
  double largest = 0.0;
  for (Index i = 0; i < m; ++i) largest = std::max(largest, gram[i * m + i]);
  const double floor = 10.0 * k_cutoff * largest;
  for (Index i = 0; i < m; ++i) {
    for (Index j = 0; j <= i; ++j) {
      double s = gram[i * m + j];
      for (Index k = 0; k < j; ++k) s -= l[i * m + k] * l[j * m + k];
      if (j < i) {
        l[i * m + j] = s * l[j * m + j];
      } else {
        if (!(s > floor)) return false;
        l[i * m + i] = 1.0 / std::sqrt(s);
      }
    }
  }
  for (Index i = 0; i < m; ++i) {
    double s = g[i];
    for (Index k = 0; k < i; ++k) s -= l[i * m + k] * theta[k];
    theta[i] = s * l[i * m + i];
  }
  for (Index i = m; i-- > 0;) {
    double s = theta[i];
    for (Index k = i + 1; k < m; ++k) s -= l[k * m + i] * theta[k];
    theta[i] = s * l[i * m + i];
  }
  return true;
}

/// Least-norm solution of G_FF theta_F = g_F - G_FB theta_B over the free set F, which rises.
void solve_free(Index m, const double* gram, const double* g, const std::vector<Index>& free,
                std::vector<double>& theta) {
  const auto f = static_cast<Index>(free.size());
  for (const Index i : free) theta[at(i)] = 0.0;
  std::vector<double> a(at(f * f)), right(at(f)), found(at(f));
  for (Index r = 0; r < f; ++r) {
    const Index i = free[at(r)];
    double s = g[i];
    for (Index j = 0; j < m; ++j) s -= gram[i * m + j] * theta[at(j)];
    right[at(r)] = s;
    for (Index c = 0; c < f; ++c) a[at(c * f + r)] = gram[i * m + free[at(c)]];
  }
  if (!solve_regular(f, a.data(), right.data(), found.data())) {
    std::vector<double> values(at(f)), v(at(f * f));
    linalg::eigen_jacobi(f, a.data(), values.data(), v.data());
    double largest = 0.0;
    for (const double value : values) largest = std::max(largest, value);
    std::fill(found.begin(), found.end(), 0.0);
    for (Index c = 0; c < f; ++c) {
      if (!(values[at(c)] > k_cutoff * largest)) continue;
      double along = 0.0;
      for (Index r = 0; r < f; ++r) along += v[at(c * f + r)] * right[at(r)];
      along /= values[at(c)];
      for (Index r = 0; r < f; ++r) found[at(r)] += along * v[at(c * f + r)];
    }
  }
  for (Index r = 0; r < f; ++r) theta[at(free[at(r)])] = found[at(r)];
}

double slope(Index m, const double* gram, const double* g, const std::vector<double>& theta,
             Index i) {
  double s = -g[i];
  for (Index j = 0; j < m; ++j) s += gram[i * m + j] * theta[at(j)];
  return s;
}

}  // namespace

void tsallis_probabilities(Index n_arms, const double* estimates, double scale, double eta,
                           double* p) {
  const double least = *std::min_element(estimates, estimates + n_arms) / scale;
  double x = -2.0 / eta;  // relative to min q
  for (int step = 0; step < 60; ++step) {
    double sum = 0.0, slope_sum = 0.0;
    for (Index i = 0; i < n_arms; ++i) {
      const double root = 2.0 / (eta * (estimates[i] / scale - least - x));
      p[i] = root * root;
      sum += p[i];
      slope_sum += p[i] * root;
    }
    if (std::abs(sum - 1.0) < 1e-12) break;
    x -= (sum - 1.0) / (eta * slope_sum);
  }
  double sum = 0.0;
  for (Index i = 0; i < n_arms; ++i) sum += p[i];
  for (Index i = 0; i < n_arms; ++i) p[i] /= sum;
}

Index draw_arm(Index n_arms, const double* p, const Philox& stream, std::uint64_t round) {
  double u = static_cast<double>(stream.block(round)[0] >> 11) * 0x1p-53;
  Index last = 0;
  for (Index i = 0; i < n_arms; ++i) {
    if (p[i] <= 0.0) continue;
    last = i;
    if (u < p[i]) return i;
    u -= p[i];
  }
  return last;  // rounding left a rest
}

void chebyshev(Index n_features, double u, double* phi) {
  phi[0] = 1.0;
  if (n_features > 1) phi[1] = u;
  for (Index j = 2; j < n_features; ++j) phi[j] = 2.0 * u * phi[j - 1] - phi[j - 2];
}

void cheb_probabilities(const ChebState& state, const double* phi, double* p, double* predicted) {
  const Index d = state.n_arms, m = state.n_features;
  for (Index i = 0; i < d; ++i) {
    double s = 0.0;
    for (Index j = 0; j < m; ++j) s += state.theta[i * m + j] * phi[j];
    predicted[i] = s;
  }
  const Index best = std::min_element(predicted, predicted + d) - predicted;
  const double eta = state.scalars[ChebState::eta];
  double others = 0.0;
  for (Index i = 0; i < d; ++i) {
    if (i == best) continue;
    p[i] = 1.0 / (static_cast<double>(d) + eta * (predicted[i] - predicted[best]));
    others += p[i];
  }
  p[best] = 1.0 - others;
}

void cheb_update(const ChebState& state, Index arm, const double* phi, double predicted,
                 double loss) {
  const Index d = state.n_arms, m = state.n_features;
  double* gram = state.gram + arm * m * m;
  for (Index i = 0; i < m; ++i) {
    for (Index j = 0; j < m; ++j) gram[i * m + j] += phi[i] * phi[j];
    state.rhs[arm * m + i] += (loss - 1.0) * phi[i];
  }
  state.square[arm] += (loss - 1.0) * (loss - 1.0);
  state.seen[arm] += 1.0;
  double* s = state.scalars;
  s[ChebState::rounds] += 1.0;
  s[ChebState::least] = s[ChebState::rounds] > 1.0 ? std::min(s[ChebState::least], loss) : loss;
  s[ChebState::most] = std::max(s[ChebState::most], loss);
  const double range = s[ChebState::most] - s[ChebState::least];
  const double width = static_cast<double>(m);
  const double size = 2.0 + 4.0 * range / s[ChebState::most] * (1.0 + std::log(width));
  const double scale = s[ChebState::most] * size;
  const bool rescaled = scale != s[ChebState::scale];
  s[ChebState::scale] = scale;
  std::vector<double> box(at(m), 1.0 / size), theta(at(m)), g(at(m));
  for (Index j = 1; j < m; ++j) box[at(j)] = 2.0 * range / (scale * static_cast<double>(j));
  std::vector<Index> all(at(m));
  for (Index j = 0; j < m; ++j) all[at(j)] = j;

  double bounded = 0.0;  // squared residual of the last fit that met the box
  for (Index i = 0; i < d; ++i) {
    if (state.seen[i] == 0.0 || (i != arm && !rescaled)) continue;
    const double* G = state.gram + i * m * m;
    for (Index j = 0; j < m; ++j) g[at(j)] = state.rhs[i * m + j] / scale;
    solve_free(m, G, g.data(), all, theta);
    bool inside = true;
    for (Index j = 0; j < m; ++j) inside = inside && std::abs(theta[at(j)]) <= box[at(j)];
    if (!inside) {
      box_least_squares(m, G, g.data(), box.data(), theta.data());
      double value = state.square[i] / (scale * scale);
      for (Index j = 0; j < m; ++j)
        value += theta[at(j)] * (slope(m, G, g.data(), theta, j) - g[at(j)]);
      bounded = std::max(value, 0.0);
    }
    std::copy(theta.begin(), theta.end(), state.theta + i * m);
  }
  const double error = predicted - loss / scale;
  s[ChebState::surprise] += error * error;
  const double pi = 3.14159265358979323846;
  const double smooth =
      (pi + 2.0 / pi * std::log(2.0 * width + 1.0)) * range / (2.0 * scale * (width + 1.0));
  const double t = s[ChebState::rounds], arms = static_cast<double>(d);
  const double spread = std::max(s[ChebState::surprise] - bounded, 0.0) + 2.0 * smooth * smooth * t;
  s[ChebState::eta] = 2.0 * t * std::sqrt(arms * t / std::max(spread, 1e-300));
}

void box_least_squares(Index m, const double* gram, const double* g, const double* box,
                       double* theta_out) {
  // Active set: move to the minimiser of the free face, stopping at the first wall; where it is
  // reached, free the wall that pushes inwards most.
  std::vector<double> theta(at(m), 0.0), wanted(at(m));
  std::vector<int> wall(at(m), 0);
  double size = 0.0;
  for (Index j = 0; j < m; ++j) size = std::max(size, std::abs(g[j]));
  for (Index step = 0; step < 20 * m; ++step) {
    std::vector<Index> free;
    for (Index j = 0; j < m; ++j) {
      if (wall[at(j)] == 0) free.push_back(j);
    }
    double length = 1.0;
    Index hit = -1;
    if (!free.empty()) {
      wanted = theta;
      solve_free(m, gram, g, free, wanted);
      for (const Index j : free) {
        if (std::abs(wanted[at(j)]) <= box[j]) continue;
        const double bound = wanted[at(j)] > 0 ? box[j] : -box[j];
        const double share = (bound - theta[at(j)]) / (wanted[at(j)] - theta[at(j)]);
        if (share < length) {
          length = share;
          hit = j;
        }
      }
      for (const Index j : free) theta[at(j)] += length * (wanted[at(j)] - theta[at(j)]);
    }
    if (hit >= 0) {
      wall[at(hit)] = wanted[at(hit)] > 0 ? 1 : -1;
      theta[at(hit)] = wall[at(hit)] * box[hit];
      continue;
    }
    Index release = -1;
    double worst = 1e-12 * size;
    for (Index j = 0; j < m; ++j) {
      if (wall[at(j)] == 0 || box[j] == 0.0) continue;
      const double inward = wall[at(j)] * slope(m, gram, g, theta, j);
      if (inward > worst) {
        worst = inward;
        release = j;
      }
    }
    if (release < 0) break;
    wall[at(release)] = 0;
  }
  std::copy(theta.begin(), theta.end(), theta_out);
}

}  // namespace taut::linsolve
