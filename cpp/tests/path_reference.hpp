// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "reference.hpp"
#include "taut/datafit/quadratic.hpp"
#include "taut/penalty/elastic_net.hpp"
#include "taut/solver/path.hpp"

/// Least-squares paths for tests, and what must hold for every one of them.
namespace path_reference {

using namespace taut;
using reference::at;
using reference::k_inf;
using reference::Matrix;
using reference::Random;
using solver::Route;

/// A least-squares problem with its data, as a caller would hold them.
struct Task {
  Matrix X;
  std::vector<double> y, s, offset;
  penalty::FeatureRules rules;
  double l1_ratio = 1.0;
  bool sparse = false;
  std::vector<double> start;  ///< coefficients to start from, or empty
  solver::PathOptions options;
};

/// Correlated columns of different means and scales, a few true coefficients, weights not all equal.
inline Task make(Index n, Index p, unsigned seed) {
  Random random(seed);
  Task t;
  t.X = Matrix(n, p);
  t.y.assign(at(n), 0.0);
  const std::vector<double> common = random.normals(n);
  for (Index j = 0; j < p; ++j) {
    const double mean = random.uniform(-2.0, 2.0), scale = random.uniform(0.3, 3.0);
    for (Index i = 0; i < n; ++i) {
      t.X(i, j) = mean + scale * (0.6 * common[at(i)] + random.normal());
    }
  }
  for (Index j = 0; j < p; j += 3) {
    const double b = random.uniform(-2.0, 2.0);
    for (Index i = 0; i < n; ++i) t.y[at(i)] += b * t.X(i, j);
  }
  for (double& y : t.y) y += 5.0 + random.normal();
  t.s = random.weights(n);
  t.options.tol = 1e-13;
  t.options.n_alphas = 8;
  t.options.eps = 1e-2;
  return t;
}

struct Fit {
  solver::PathReport report;
  std::vector<double> coefs, intercepts;

  double coef(const Task& t, Index step, Index j) const { return coefs[at(step * t.X.cols + j)]; }
};

inline Fit fit(const Task& t, Monitor& monitor) {
  const Index n = t.X.rows, p = t.X.cols;
  const datafit::Quadratic datafit(n, t.y.data(), t.s.data());
  penalty::ElasticNet penalty(1, t.l1_ratio, t.rules);
  const design::Dense<double> dense({t.X.data.data(), n, p, n});
  const reference::SparseCopy<double, std::int32_t> copy(t.X, 7);
  const design::Csc<double, std::int32_t> sparse(copy.view());
  const design::Design& X = t.sparse ? static_cast<const design::Design&>(sparse) : dense;
  Fit out;
  const Index steps = solver::path_length(t.options);
  out.coefs.assign(at(steps * p), 0.0);
  out.intercepts.assign(at(steps), 0.0);
  out.report = solver::fit_path(X, datafit, penalty, t.offset.empty() ? nullptr : t.offset.data(),
                                t.options, t.start.empty() ? nullptr : t.start.data(), nullptr,
                                {out.coefs.data(), out.intercepts.data()}, monitor);
  return out;
}

inline Fit fit(const Task& t) {
  SilentMonitor monitor;
  return fit(t, monitor);
}

inline double rule(const std::vector<double>& v, Index j, double otherwise) {
  return v.empty() ? otherwise : v[at(j)];
}

/// Weighted standard deviations, in two passes; 1 for constant columns and without standardisation.
inline std::vector<double> scales(const Task& t) {
  std::vector<double> d(at(t.X.cols), 1.0);
  if (!t.options.standardize) return d;
  for (Index j = 0; j < t.X.cols; ++j) {
    double mean = 0.0, square = 0.0;
    for (Index i = 0; i < t.X.rows; ++i) mean += t.s[at(i)] * t.X(i, j);
    for (Index i = 0; i < t.X.rows; ++i) square += t.s[at(i)] * std::pow(t.X(i, j) - mean, 2);
    if (square > 1e-20 * mean * mean) d[at(j)] = std::sqrt(square);
  }
  return d;
}

/// The objective from its definition, coefficients on the scale of X.
inline double objective(const Task& t, const double* b, double intercept, double alpha) {
  const std::vector<double> d = scales(t);
  long double total = 0.0L;
  for (Index i = 0; i < t.X.rows; ++i) {
    long double r = t.y[at(i)] - intercept - rule(t.offset, i, 0.0);
    for (Index j = 0; j < t.X.cols; ++j) r -= static_cast<long double>(t.X(i, j)) * b[j];
    total += 0.5L * t.s[at(i)] * r * r;
  }
  for (Index j = 0; j < t.X.cols; ++j) {
    const double c = rule(t.rules.factor, j, 1.0), u = b[j] * d[at(j)];
    if (u == 0.0) continue;
    total += alpha * c * (t.l1_ratio * std::abs(u) + 0.5 * (1.0 - t.l1_ratio) * u * u);
  }
  return static_cast<double>(total);
}

struct Solution {
  std::vector<double> coef;
  double intercept = 0.0;
  double objective = 0.0;
};

/// Cyclic coordinate descent on explicitly centred and scaled columns, to rounding.
inline Solution descend(const Task& t, double alpha) {
  const Index n = t.X.rows, p = t.X.cols;
  const std::vector<double> d = scales(t);
  Matrix Z = t.X;
  std::vector<double> mean(at(p), 0.0), r = t.y, norm(at(p), 0.0), b(at(p), 0.0);
  double level = 0.0;
  for (Index i = 0; i < n; ++i) r[at(i)] -= rule(t.offset, i, 0.0);
  if (t.options.fit_intercept) {
    for (Index i = 0; i < n; ++i) level += t.s[at(i)] * r[at(i)];
    for (Index i = 0; i < n; ++i) r[at(i)] -= level;
  }
  for (Index j = 0; j < p; ++j) {
    for (Index i = 0; i < n; ++i) mean[at(j)] += t.s[at(i)] * t.X(i, j);
    for (Index i = 0; i < n; ++i) {
      Z(i, j) = (t.X(i, j) - (t.options.fit_intercept ? mean[at(j)] : 0.0)) / d[at(j)];
      norm[at(j)] += t.s[at(i)] * Z(i, j) * Z(i, j);
    }
  }
  for (int sweep = 0; sweep < 200000; ++sweep) {
    double moved = 0.0;
    for (Index j = 0; j < p; ++j) {
      const double c = rule(t.rules.factor, j, 1.0);
      if (norm[at(j)] < 1e-20 || std::isinf(c)) continue;
      double z = norm[at(j)] * b[at(j)];
      for (Index i = 0; i < n; ++i) z += t.s[at(i)] * Z(i, j) * r[at(i)];
      const double l1 = alpha * c * t.l1_ratio, l2 = alpha * c * (1.0 - t.l1_ratio);
      const double soft = std::max(std::abs(z) - l1, 0.0) * (z < 0.0 ? -1.0 : 1.0);
      const double low = rule(t.rules.lower, j, -k_inf) * d[at(j)];
      const double high = rule(t.rules.upper, j, k_inf) * d[at(j)];
      const double now = std::min(high, std::max(low, soft / (norm[at(j)] + l2)));
      const double change = now - b[at(j)];
      if (change == 0.0) continue;
      b[at(j)] = now;
      for (Index i = 0; i < n; ++i) r[at(i)] -= change * Z(i, j);
      moved = std::max(moved, std::abs(change) * std::sqrt(norm[at(j)]));
    }
    if (moved < 1e-14) break;
  }
  Solution out;
  out.coef.resize(at(p));
  out.intercept = level;
  for (Index j = 0; j < p; ++j) {
    out.coef[at(j)] = b[at(j)] / d[at(j)];
    if (t.options.fit_intercept) out.intercept -= mean[at(j)] * out.coef[at(j)];
  }
  out.objective = objective(t, out.coef.data(), out.intercept, alpha);
  return out;
}

/// What holds for every fit: its numbers are those of its coefficients, its gap is within the
/// tolerance and bounds the true distance to the optimum, boxes are respected.
inline void check_certificate(const Task& t, const Fit& f) {
  const Index p = t.X.cols;
  const double unit = f.report.null_loss;
  for (Index step = 0; step < f.report.n_done; ++step) {
    const double* b = &f.coefs[at(step * p)];
    const double alpha = f.report.alphas[at(step)];
    const double value = objective(t, b, f.intercepts[at(step)], alpha);
    const Solution best = descend(t, alpha);
    CAPTURE(step);
    CAPTURE(alpha);
    CHECK(f.report.converged[at(step)]);
    CHECK(f.report.dual_gaps[at(step)] >= 0.0);
    CHECK(f.report.dual_gaps[at(step)] <= t.options.tol * unit);
    // 1e-13 of the null loss is the rounding of objectives that are sums of squares of y.
    CHECK(std::abs(f.report.objective[at(step)] - value) <= 1e-12 * unit);
    CHECK(value - best.objective <= f.report.dual_gaps[at(step)] + 1e-13 * unit);
    Index active = 0;
    for (Index j = 0; j < p; ++j) {
      active += b[j] != 0.0;
      const double low = rule(t.rules.lower, j, -k_inf), high = rule(t.rules.upper, j, k_inf);
      CHECK(b[j] >= low - 4e-16 * std::abs(low));
      CHECK(b[j] <= high + 4e-16 * std::abs(high));
      if (std::isinf(rule(t.rules.factor, j, 1.0))) CHECK(b[j] == 0.0);
    }
    CHECK(f.report.n_active[at(step)] == active);
  }
}

/// Coefficients and intercepts against coordinate descent: for problems with a unique solution.
inline void check_coefficients(const Task& t, const Fit& f, double tolerance) {
  for (Index step = 0; step < f.report.n_done; ++step) {
    const Solution best = descend(t, f.report.alphas[at(step)]);
    double worst = std::abs(f.intercepts[at(step)] - best.intercept);
    for (Index j = 0; j < t.X.cols; ++j) {
      worst = std::max(worst, std::abs(f.coef(t, step, j) - best.coef[at(j)]));
    }
    CAPTURE(step);
    CHECK(worst < tolerance);
  }
}

inline double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  return worst;
}

/// Every way there is to solve the problem, for tests that must hold on each.
struct Way {
  std::string name;
  Route route;
  bool sparse;
};
inline const Way k_ways[] = {
    {"automatic dense", Route::automatic, false}, {"gram dense", Route::gram, false},
    {"naive dense", Route::naive, false},         {"automatic sparse", Route::automatic, true},
    {"gram sparse", Route::gram, true},           {"naive sparse", Route::naive, true},
};

template <class F>
void each_way(Task t, F&& f) {
  for (const Way& way : k_ways) {
    CAPTURE(way.name);
    t.options.route = way.route;
    t.sparse = way.sparse;
    f(t);
  }
}

}  // namespace path_reference
