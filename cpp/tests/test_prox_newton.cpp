// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/prox_newton.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>

#include "datafit_checks.hpp"
#include "glm_fixtures.hpp"
#include "taut/datafit/logistic.hpp"
#include "taut/datafit/multinomial.hpp"
#include "taut/design/csc.hpp"
#include "taut/design/dense.hpp"
#include "taut/penalty/elastic_net.hpp"
#include "taut/penalty/group_elastic_net.hpp"
#include "taut/solver/path.hpp"

using namespace taut;

namespace {

constexpr double k_inf = std::numeric_limits<double>::infinity();

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

/// A problem with its data, as a caller would hold them.
struct Task {
  Index n = 0, p = 0, K = 1;
  std::vector<double> X;       // n x p, column-major
  std::vector<double> Y;       // n x K
  std::vector<double> s;       // sum 1
  std::vector<double> offset;  // n x K or empty
  penalty::FeatureRules rules;
  double l1_ratio = 1.0;
  bool grouped = false;
  bool sparse = false;
  solver::PathOptions options;
};

struct Fit {
  solver::PathReport report;
  std::vector<double> coefs, intercepts;

  const double* coef(const Task& t, Index step) const { return &coefs[at(step * t.K * t.p)]; }
  const double* intercept(const Task& t, Index step) const { return &intercepts[at(step * t.K)]; }
};

Fit fit(const Task& t) {
  std::unique_ptr<datafit::Datafit> f;
  if (t.K == 1) {
    f = std::make_unique<datafit::Logistic>(t.n, t.Y.data(), t.s.data());
  } else {
    f = std::make_unique<datafit::Multinomial>(t.n, t.K, t.Y.data(), t.s.data());
  }
  std::unique_ptr<penalty::Penalty> pen;
  if (t.grouped) {
    pen = std::make_unique<penalty::GroupElasticNet>(t.K, t.l1_ratio, t.rules);
  } else {
    pen = std::make_unique<penalty::ElasticNet>(t.K, t.l1_ratio, t.rules);
  }
  std::vector<double> val;
  std::vector<std::int32_t> idx, ptr{0};
  std::unique_ptr<design::Design> X;
  if (t.sparse) {
    for (Index j = 0; j < t.p; ++j) {
      for (Index i = 0; i < t.n; ++i) {
        const double x = t.X[at(j * t.n + i)];
        if (x == 0.0) continue;
        val.push_back(x);
        idx.push_back(static_cast<std::int32_t>(i));
      }
      ptr.push_back(static_cast<std::int32_t>(val.size()));
    }
    X = std::make_unique<design::Csc<double, std::int32_t>>(
        CscView<double, std::int32_t>{val.data(), idx.data(), ptr.data(), t.n, t.p});
  } else {
    X = std::make_unique<design::Dense<double>>(DenseView<double>{t.X.data(), t.n, t.p, t.n});
  }
  Fit out;
  solver::PathOptions options = t.options;
  const Index steps = solver::path_length(options);
  out.coefs.assign(at(steps * t.K * t.p), 0.0);
  out.intercepts.assign(at(steps * t.K), 0.0);
  SilentMonitor monitor;
  out.report =
      solver::fit_path(*X, *f, *pen, t.offset.empty() ? nullptr : t.offset.data(), options, nullptr,
                       nullptr, {out.coefs.data(), out.intercepts.data()}, monitor);
  return out;
}

double entry(const std::vector<double>& v, Index j, double otherwise) {
  return v.empty() ? otherwise : v[at(j)];
}

/// Scales under which the penalty acts, from their definition.
std::vector<double> scales(const Task& t) {
  std::vector<double> d(at(t.p), 1.0);
  if (!t.options.standardize) return d;
  for (Index j = 0; j < t.p; ++j) {
    double mean = 0.0, square = 0.0;
    for (Index i = 0; i < t.n; ++i) mean += t.s[at(i)] * t.X[at(j * t.n + i)];
    for (Index i = 0; i < t.n; ++i) {
      square += t.s[at(i)] * std::pow(t.X[at(j * t.n + i)] - mean, 2);
    }
    d[at(j)] = square > 0.0 ? std::sqrt(square) : 1.0;
  }
  return d;
}

struct Certificate {
  double objective = 0.0;
  double violation = 0.0;  // of the conditions of optimality, per coordinate or row
  double intercept = 0.0;  // largest intercept gradient
};

/// Objective and optimality conditions from libm and the definitions; knows nothing of the solver.
Certificate certify(const Task& t, const double* coef, const double* intercept, double alpha) {
  const std::vector<double> d = scales(t);
  std::vector<double> eta(at(t.n * t.K)), r(at(t.n * t.K));
  Certificate c;
  for (Index i = 0; i < t.n; ++i) {
    double largest = 0.0, sum = 0.0, linear = 0.0;
    for (Index k = 0; k < t.K; ++k) {
      double x = intercept[k] + (t.offset.empty() ? 0.0 : t.offset[at(k * t.n + i)]);
      for (Index j = 0; j < t.p; ++j) x += t.X[at(j * t.n + i)] * coef[k * t.p + j];
      eta[at(k * t.n + i)] = x;
      largest = k == 0 ? x : std::max(largest, x);
    }
    if (t.K == 1) {
      const double x = eta[at(i)], y = t.Y[at(i)];
      r[at(i)] = y - 1.0 / (1.0 + std::exp(-x));
      c.objective += t.s[at(i)] * (std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))) - y * x);
      continue;
    }
    for (Index k = 0; k < t.K; ++k) {
      sum += std::exp(eta[at(k * t.n + i)] - largest);
      linear += t.Y[at(k * t.n + i)] * eta[at(k * t.n + i)];
    }
    c.objective += t.s[at(i)] * (std::log(sum) + largest - linear);
    for (Index k = 0; k < t.K; ++k) {
      r[at(k * t.n + i)] = t.Y[at(k * t.n + i)] - std::exp(eta[at(k * t.n + i)] - largest) / sum;
    }
  }
  for (Index k = 0; k < t.K; ++k) {
    double total = 0.0;
    for (Index i = 0; i < t.n; ++i) total += t.s[at(i)] * r[at(k * t.n + i)];
    c.intercept = std::max(c.intercept, std::abs(total));
  }
  for (Index j = 0; j < t.p; ++j) {
    const double factor = entry(t.rules.factor, j, 1.0);
    std::vector<double> g(at(t.K), 0.0), b(at(t.K));
    double size = 0.0, variation = 0.0;
    for (Index i = 0; i < t.n; ++i) {
      variation = std::max(variation, std::abs(t.X[at(j * t.n + i)] - t.X[at(j * t.n)]));
    }
    for (Index k = 0; k < t.K; ++k) {
      for (Index i = 0; i < t.n; ++i) {
        g[at(k)] -= t.s[at(i)] * r[at(k * t.n + i)] * t.X[at(j * t.n + i)] / d[at(j)];
      }
      b[at(k)] = coef[k * t.p + j] * d[at(j)];
      size += b[at(k)] * b[at(k)];
    }
    size = std::sqrt(size);
    const double l1 = alpha * factor * t.l1_ratio, l2 = alpha * factor * (1.0 - t.l1_ratio);
    if (std::isinf(factor) || (variation == 0.0 && t.options.fit_intercept)) {
      CHECK(size == 0.0);
      continue;
    }
    if (t.grouped) {
      c.objective += l1 * size + 0.5 * l2 * size * size;
      double square = 0.0, norm_g = 0.0;
      for (Index k = 0; k < t.K; ++k) {
        norm_g += g[at(k)] * g[at(k)];
        if (size > 0.0) square += std::pow(g[at(k)] + (l1 / size + l2) * b[at(k)], 2);
      }
      c.violation = std::max(c.violation, size > 0.0 ? std::sqrt(square) : std::sqrt(norm_g) - l1);
      continue;
    }
    const double low = entry(t.rules.lower, j, -k_inf), high = entry(t.rules.upper, j, k_inf);
    for (Index k = 0; k < t.K; ++k) {
      const double raw = coef[k * t.p + j];
      CHECK(raw >= low - 1e-15);
      CHECK(raw <= high + 1e-15);
      c.objective += l1 * std::abs(b[at(k)]) + 0.5 * l2 * b[at(k)] * b[at(k)];
      const double smooth = g[at(k)] + l2 * b[at(k)];
      // Moving up (down) must not pay, unless a bound forbids it.
      const double up = smooth + (raw >= 0.0 ? l1 : -l1), down = smooth + (raw > 0.0 ? l1 : -l1);
      if (raw < high - 1e-14) c.violation = std::max(c.violation, -up);
      if (raw > low + 1e-14) c.violation = std::max(c.violation, down);
    }
  }
  return c;
}

void check_path(const Task& t, double tol_violation) {
  const Fit f = fit(t);
  REQUIRE(f.report.n_done == solver::path_length(t.options));
  for (Index step = 0; step < f.report.n_done; ++step) {
    const Certificate c =
        certify(t, f.coef(t, step), f.intercept(t, step), f.report.alphas[at(step)]);
    CAPTURE(step);
    CHECK(f.report.converged[at(step)]);
    CHECK(f.report.dual_gaps[at(step)] <= t.options.tol * f.report.null_loss);
    CHECK(f.report.dual_gaps[at(step)] >= -1e-14);
    CHECK(c.violation <= tol_violation);
    if (t.options.fit_intercept) CHECK(c.intercept <= 1e-12);
    CHECK(f.report.objective[at(step)] == doctest::Approx(c.objective).epsilon(1e-12));
  }
}

/// A random problem; a third of the entries are zero when it is to be sparse.
Task random_task(Index n, Index p, Index K, unsigned seed, bool sparse = false) {
  Task t;
  t.n = n;
  t.p = p;
  t.K = K;
  t.sparse = sparse;
  t.X = checks::uniform(n * p, -1.7, 1.9, seed);
  if (sparse) {
    const std::vector<double> drop = checks::uniform(n * p, 0.0, 1.0, seed + 50);
    for (std::size_t a = 0; a < t.X.size(); ++a) {
      if (drop[a] < 0.6) t.X[a] = 0.0;
    }
  }
  t.s.assign(at(n), 1.0 / static_cast<double>(n));
  const std::vector<double> noise = checks::uniform(n * K, 0.02, 0.98, seed + 1);
  t.Y.assign(at(n * K), 0.0);
  for (Index i = 0; i < n; ++i) {
    Index best = 0;
    double most = -k_inf;
    for (Index k = 0; k < std::max<Index>(K, 2); ++k) {
      double score = K == 1 && k == 0 ? 0.0 : 0.3 * static_cast<double>(k);
      const double u = K == 1 ? noise[at(i)] : noise[at(k * n + i)];
      if (K > 1 || k == 1) score -= std::log(-std::log(u));
      for (Index j = k; j < std::min<Index>(p, 3 * (k + 1)); ++j) {
        if (K > 1 || k == 1) score += (j % 2 ? -0.9 : 0.9) * t.X[at(j * n + i)];
      }
      if (score > most) {
        most = score;
        best = k;
      }
    }
    if (K == 1) {
      t.Y[at(i)] = static_cast<double>(best);
    } else {
      t.Y[at(best * n + i)] = 1.0;
    }
  }
  t.options.n_alphas = 12;
  t.options.eps = 0.02;
  t.options.tol = 1e-10;
  return t;
}

Task iris(double alpha, bool standardize) {
  Task t;
  t.n = 150;
  t.p = 4;
  t.K = 3;
  for (Index j = 0; j < 4; ++j) {
    for (Index i = 0; i < 150; ++i) t.X.push_back(fixtures::k_iris[i][j] / 10.0);
  }
  t.Y.assign(450, 0.0);
  for (Index i = 0; i < 150; ++i) t.Y[at((i / 50) * 150 + i)] = 1.0;
  t.s.assign(150, 1.0 / 150.0);
  t.options.alphas = {alpha};
  t.options.standardize = standardize;
  t.options.tol = 1e-13;
  return t;
}

void check_coefficients(const Task& t, const Fit& f, const std::vector<double>& expected,
                        double tolerance) {
  for (Index k = 0; k < t.K; ++k) {
    CHECK(std::abs(f.intercepts[at(k)] - expected[at(k)]) < tolerance);
    for (Index j = 0; j < t.p; ++j) {
      CHECK(std::abs(f.coefs[at(k * t.p + j)] - expected[at((j + 1) * t.K + k)]) < tolerance);
    }
  }
}

}  // namespace

TEST_CASE("logistic path on numpy's normal numbers: values of an independent solver") {
  Task t;
  t.n = 60;
  t.p = 8;
  for (Index j = 0; j < 8; ++j) {
    for (Index i = 0; i < 60; ++i) t.X.push_back(fixtures::k_normal[i][j]);
  }
  for (int y : fixtures::k_binary) t.Y.push_back(y);
  t.s.assign(60, 1.0 / 60.0);
  t.options.alphas = {0.05};
  t.options.tol = 1e-13;
  const Fit f = fit(t);
  CHECK(std::abs(f.report.alpha_max - 0.252063069236) < 1e-11);
  CHECK(std::abs(f.report.objective[0] - 0.472998472083) < 1e-11);
  check_coefficients(t, f, {.077210, 1.879833, -1.161132, .418734, 0, 0, 0, 0, 0}, 1e-6);
}

TEST_CASE("iris, alpha 0.05: values of an independent solver") {
  Task t = iris(0.05, true);
  Fit f = fit(t);
  CHECK(std::abs(f.report.alpha_max - 0.4349957740) < 1e-10);
  CHECK(std::abs(f.report.objective[0] - 0.554148606854) < 1e-11);
  check_coefficients(t, f,
                     {2.858803, 1.383809, -4.242612, 0, 0, 0, .747814, -.053263, 0, -1.359928, 0, 0,
                      0, 0, 3.332854},
                     1e-6);
  t.grouped = true;
  f = fit(t);
  CHECK(std::abs(f.report.alpha_max - 0.5601701286) < 1e-10);
  CHECK(std::abs(f.report.objective[0] - 0.476459593290) < 1e-11);
  check_coefficients(t, f,
                     {3.727149, 2.492403, -6.219552, 0, 0, 0, .507726, -.363497, -.144229, -.729442,
                      .069038, .660404, -2.420502, -.359094, 2.779596},
                     1e-6);
}

TEST_CASE("iris: elastic net and no standardisation (four digits known)") {
  Task t = iris(0.05, true);
  t.l1_ratio = 0.5;
  check_coefficients(t, fit(t),
                     {2.4581, 2.7020, -5.1601, -.4700, 0, .1321, 1.1990, -.5714, 0, -.5820, 0,
                      .5016, -1.1244, 0, 1.7992},
                     2e-4);
  Task raw = iris(0.05, false);
  const Fit f = fit(raw);
  CHECK(std::abs(f.report.alpha_max - 0.7653333333) < 1e-10);
  check_coefficients(
      raw, f, {7.4482, 1.7878, -9.2360, 0, 0, 0, 0, 0, 0, -2.0218, 0, 2.2613, 0, 0, 0}, 2e-4);
}

TEST_CASE("paths satisfy the optimality conditions") {
  for (Index K : {1, 2, 3, 4}) {
    for (bool sparse : {false, true}) {
      Task t = random_task(90, 12, K, 7, sparse);
      CAPTURE(K);
      CAPTURE(sparse);
      check_path(t, 1e-7);
      t.options.fit_intercept = false;
      check_path(t, 1e-7);
      t.options.fit_intercept = true;
      t.options.standardize = true;
      t.l1_ratio = 0.6;
      check_path(t, 1e-6);
      if (K > 1) {
        t.grouped = true;
        check_path(t, 1e-6);
        t.l1_ratio = 1.0;
        check_path(t, 1e-6);
      }
    }
  }
}

TEST_CASE("the route without a Gram reaches the same conditions") {
  for (Index K : {1, 3}) {
    for (bool sparse : {false, true}) {
      Task t = random_task(80, 15, K, 17, sparse);
      t.options.route = solver::Route::naive;
      t.options.tol = 1e-9;
      t.options.n_alphas = 6;
      t.options.eps = 0.05;
      t.options.max_iter = 3000;
      CAPTURE(K);
      CAPTURE(sparse);
      check_path(t, 1e-6);
      t.s = checks::weights(80, 5);
      t.offset = checks::uniform(80 * K, -1.0, 1.0, 6);
      t.rules.factor.assign(15, 1.0);
      t.rules.factor[2] = 0.0;
      t.rules.factor[4] = k_inf;
      check_path(t, 1e-6);
      t.options.fit_intercept = false;
      t.l1_ratio = 0.7;
      t.rules.factor.clear();
      check_path(t, 1e-6);
      t.options.fit_intercept = true;
      t.options.standardize = true;
      t.grouped = K > 1;
      check_path(t, 1e-5);
      if (K == 1) {
        t.options.standardize = false;
        t.rules.upper.assign(15, 0.3);
        check_path(t, 1e-6);
      }
    }
  }
}

TEST_CASE("more features than rows") {
  for (bool grouped : {false, true}) {
    for (Index K : {1, 3}) {
      if (grouped && K == 1) continue;
      Task t = random_task(60, 150, K, 11);
      t.grouped = grouped;
      t.options.eps = 0.1;
      check_path(t, 1e-7);
    }
  }
}

TEST_CASE("weights, offsets, factors and bounds") {
  for (Index K : {1, 3}) {
    Task t = random_task(80, 10, K, 21);
    t.s = checks::weights(80, 5);
    t.offset = checks::uniform(80 * K, -1.0, 1.0, 6);
    check_path(t, 1e-7);
    t.rules.factor = {1, 0, 2, 0.5, k_inf, 1, 1, 1, 3, 1};
    check_path(t, 1e-7);
    t.rules.lower.assign(10, -k_inf);
    t.rules.upper.assign(10, k_inf);
    t.rules.lower[0] = -0.2;
    t.rules.upper[0] = 0.2;
    t.rules.lower[5] = 0.0;
    t.rules.upper[2] = 0.1;
    check_path(t, 1e-7);
    if (K > 1) {
      t.rules.lower.clear();
      t.rules.upper.clear();
      t.grouped = true;
      check_path(t, 1e-6);
    }
  }
}

TEST_CASE("duplicated and constant columns") {
  for (Index K : {1, 3}) {
    Task t = random_task(70, 8, K, 31);
    for (Index i = 0; i < 70; ++i) {
      t.X[at(3 * 70 + i)] = t.X[at(i)];
      t.X[at(5 * 70 + i)] = 0.7;
      t.X[at(6 * 70 + i)] = 0.0;
    }
    check_path(t, 1e-7);
    t.options.standardize = true;
    check_path(t, 1e-7);
    t.grouped = K > 1;
    check_path(t, 1e-6);
  }
}

TEST_CASE("dense and sparse agree, threads change nothing") {
  for (bool grouped : {false, true}) {
    Task t = random_task(300, 60, 3, 41, true);
    t.grouped = grouped;
    t.options.standardize = true;
    t.options.tol = 1e-12;
    const Fit sparse = fit(t);
    t.options.n_threads = 2;
    const Fit two = fit(t);
    t.options.n_threads = 4;
    const Fit four = fit(t);
    CHECK(sparse.coefs == two.coefs);
    CHECK(sparse.coefs == four.coefs);
    CHECK(sparse.intercepts == two.intercepts);
    t.sparse = false;
    const Fit dense = fit(t);
    t.options.n_threads = 1;
    const Fit dense_one = fit(t);
    CHECK(dense.coefs == dense_one.coefs);
    double worst = 0.0;
    for (std::size_t a = 0; a < dense.coefs.size(); ++a) {
      worst = std::max(worst, std::abs(dense.coefs[a] - sparse.coefs[a]));
    }
    CHECK(worst < 1e-6);
  }
}

TEST_CASE("rows of coefficients are centred") {
  for (Index K : {2, 3, 4}) {
    for (double l1_ratio : {1.0, 0.4}) {
      Task t = random_task(120, 6, K, 51);
      t.l1_ratio = l1_ratio;
      t.rules.factor = {0, 1, 1, 1, 1, 1};
      const Fit f = fit(t);
      for (Index step = 0; step < f.report.n_done; ++step) {
        double sum0 = 0.0, mean_free = 0.0;
        for (Index k = 0; k < K; ++k) {
          sum0 += f.intercept(t, step)[k];
          mean_free += f.coef(t, step)[k * t.p];
        }
        CHECK(std::abs(mean_free) < 1e-10);
        CHECK(std::abs(sum0) < 1e-12);
        for (Index j = 1; j < t.p; ++j) {
          std::vector<double> row;
          for (Index k = 0; k < K; ++k) row.push_back(f.coef(t, step)[k * t.p + j]);
          std::sort(row.begin(), row.end());
          if (l1_ratio == 1.0) {
            CHECK(std::abs(row[at((K - 1) / 2)] + row[at(K / 2)]) < 1e-10);
          }
        }
      }
    }
  }
}

TEST_CASE("two classes with L1 equal the logistic model") {
  Task two = random_task(100, 9, 2, 61);
  two.options.alphas = {0.08, 0.03, 0.01};
  two.options.tol = 1e-13;
  Task one = two;
  one.K = 1;
  one.Y.assign(two.Y.begin() + 100, two.Y.end());
  const Fit a = fit(two), b = fit(one);
  for (Index step = 0; step < 3; ++step) {
    CHECK(a.report.objective[at(step)] ==
          doctest::Approx(b.report.objective[at(step)]).epsilon(1e-12));
    for (Index j = 0; j < 9; ++j) {
      const double difference = a.coef(two, step)[9 + j] - a.coef(two, step)[j];
      CHECK(std::abs(difference - b.coef(one, step)[j]) < 1e-6);
    }
  }
}

TEST_CASE("doubled rows equal doubled weights") {
  Task t = random_task(60, 7, 3, 71);
  t.options.alphas = {0.05, 0.01};
  t.options.tol = 1e-13;
  t.s.assign(60, 1.0);
  for (std::size_t i = 0; i < 20; ++i) t.s[i] = 2.0;
  for (double& s : t.s) s /= 80.0;
  Task twice = t;
  twice.n = 80;
  twice.s.assign(80, 1.0 / 80.0);
  twice.X.clear();
  twice.Y.clear();
  const auto widen = [](const std::vector<double>& from, Index columns, std::vector<double>& to) {
    for (Index j = 0; j < columns; ++j) {
      const auto begin = from.begin() + j * 60;
      to.insert(to.end(), begin, begin + 60);
      to.insert(to.end(), begin, begin + 20);
    }
  };
  widen(t.X, 7, twice.X);
  widen(t.Y, 3, twice.Y);
  const Fit a = fit(t), b = fit(twice);
  for (std::size_t i = 0; i < a.coefs.size(); ++i) CHECK(std::abs(a.coefs[i] - b.coefs[i]) < 1e-7);
}

TEST_CASE("separable classes stay finite and the path goes on") {
  for (Index K : {1, 3}) {
    Task t = random_task(40, 5, K, 81);
    for (Index i = 0; i < 40; ++i) {
      const Index k = i % std::max<Index>(K, 2);
      t.X[at(i)] = static_cast<double>(k) + (k == 1 ? 0.3 : 0.0);
      t.X[at(40 + i)] = k == 1 ? 1.0 : 0.0;
      for (Index l = 0; l < K; ++l) {
        t.Y[at(l * 40 + i)] = K == 1 ? static_cast<double>(k) : (l == k ? 1.0 : 0.0);
      }
    }
    t.options.eps = 1e-6;
    t.options.tol = 1e-7;
    Fit f = fit(t);
    for (double b : f.coefs) CHECK(std::isfinite(b));
    for (double g : f.report.dual_gaps) CHECK(std::isfinite(g));
    t.rules.factor.assign(5, 0.0);  // no penalty at all: no minimiser
    t.options.alphas = {0.1};
    t.options.max_iter = 60;
    f = fit(t);
    for (double b : f.coefs) CHECK(std::isfinite(b));
    CHECK(std::isfinite(f.report.objective[0]));
  }
}
