// SPDX-License-Identifier: BSD-3-Clause
// Paths through unusual data: duplicates, constants, boxes, starts, weights of zero.
#include "path_reference.hpp"

using namespace path_reference;

TEST_CASE("path: more features than rows, and duplicates among them") {
  for (bool standardize : {false, true}) {
    Task t = make(25, 80, 31);
    for (Index i = 0; i < 25; ++i) {
      t.X(i, 40) = t.X(i, 0);
      t.X(i, 41) = -2.0 * t.X(i, 3);
      t.X(i, 42) = t.X(i, 0);
    }
    t.options.standardize = standardize;
    t.options.eps = 1e-3;
    t.options.tol = 1e-10;
    each_way(t, [](const Task& task) { check_certificate(task, fit(task)); });
  }
}

TEST_CASE("path: rows of weight zero are as if they were not there, whatever they hold") {
  Task t = make(40, 9, 55);
  double total = 0.0;
  for (Index i = 0; i < 40; ++i) total += i % 4 == 1 ? (t.s[at(i)] = 0.0) : t.s[at(i)];
  for (double& s : t.s) s /= total;
  t.options.tol = 1e-13;
  each_way(t, [](const Task& task) {
    Task other = task;
    for (Index i = 1; i < 40; i += 4) {
      other.y[at(i)] = 1e4;
      for (Index j = 0; j < 9; ++j) other.X(i, j) = static_cast<double>(i + j) * 7.0;
    }
    const Fit a = fit(task), b = fit(other);
    check_certificate(other, b);
    CHECK(largest_difference(a.coefs, b.coefs) < 1e-6);
  });
}

TEST_CASE("path: copies of a column that share a box end inside of it") {
  Task t = make(40, 6, 85);
  for (Index i = 0; i < 40; ++i) t.X(i, 3) = t.X(i, 4) = t.X(i, 0);
  t.rules.lower.assign(6, -0.1);
  t.rules.upper.assign(6, 0.1);
  t.options.tol = 1e-11;
  each_way(t, [](const Task& task) { check_certificate(task, fit(task)); });
}

TEST_CASE("path: a start changes the way, not the end") {
  Task t = make(50, 10, 181);
  t.options.alphas = {0.2, 0.05};
  each_way(t, [](Task task) {
    const Fit cold = fit(task);
    task.start = Random(182).normals(10);
    const Fit warm = fit(task);
    check_certificate(task, warm);
    CHECK(largest_difference(cold.coefs, warm.coefs) < 4e-5);
    // From the solution there is little to do.
    task.start.assign(cold.coefs.begin(), cold.coefs.begin() + 10);
    task.options.alphas = {0.2};
    CHECK(fit(task).report.n_iter[0] <= cold.report.n_iter[0] + 2);
  });
}

TEST_CASE("path: a constant y has the zero model") {
  for (double level : {0.0, 1.0, 0.1, 1e6 + 0.7}) {
    Task t = make(50, 10, 211);
    t.y.assign(50, level);
    t.options.alphas = {1.0, 0.1};
    CAPTURE(level);
    each_way(t, [&](const Task& task) {
      const Fit f = fit(task);
      for (Index step = 0; step < 2; ++step) {
        CHECK(f.report.n_active[at(step)] == 0);
        CHECK(f.report.converged[at(step)]);
        CHECK(std::abs(f.intercepts[at(step)] - level) <= 1e-15 * std::abs(level));
      }
    });
  }
}

TEST_CASE("path: NaN and infinity in X are reported and nothing is solved") {
  for (double bad : {std::numeric_limits<double>::quiet_NaN(), k_inf, -k_inf}) {
    Task t = make(50, 10, 221);
    t.X(49, 9) = bad;
    each_way(t, [](const Task& task) {
      const Fit f = fit(task);
      CHECK_FALSE(f.report.finite);
      CHECK(f.report.n_done == 0);
      for (double b : f.coefs) CHECK(b == 0.0);
    });
  }
}

TEST_CASE("path: a fit that ran out of iterations says so, and its gap is still a bound") {
  Task t = make(50, 20, 231);
  t.options.alphas = {0.01};
  t.options.tol = 1e-14;
  for (Index most : {1, 2, 5}) {
    t.options.max_iter = most;
    each_way(t, [](const Task& task) {
      const Fit f = fit(task);
      const double value = objective(task, f.coefs.data(), f.intercepts[0], 0.01);
      const double lack = value - descend(task, 0.01).objective;
      CHECK(lack <= f.report.dual_gaps[0] + 1e-13 * f.report.null_loss);
      CHECK(static_cast<bool>(f.report.converged[0]) ==
            (f.report.dual_gaps[0] <= task.options.tol * f.report.null_loss));
    });
  }
}

TEST_CASE("path: float entries give the solution of the rounded matrix") {
  Task t = make(50, 10, 241);
  std::vector<float> narrow(t.X.data.begin(), t.X.data.end());
  for (std::size_t i = 0; i < narrow.size(); ++i) t.X.data[i] = static_cast<double>(narrow[i]);
  const Fit expected = fit(t);
  const datafit::Quadratic datafit(50, t.y.data(), t.s.data());
  penalty::ElasticNet penalty(1, 1.0, {});
  const design::Dense<float> X({narrow.data(), 50, 10, 50});
  std::vector<double> coefs(80, 0.0), intercepts(8, 0.0);
  SilentMonitor monitor;
  solver::fit_path(X, datafit, penalty, nullptr, t.options, nullptr, nullptr,
                   {coefs.data(), intercepts.data()}, monitor);
  CHECK(largest_difference(coefs, expected.coefs) < 1e-9);
}

TEST_CASE("path: a start that breaks the box or names excluded features is mended") {
  Task t = make(50, 10, 191);
  t.options.alphas = {0.05};
  t.rules.factor = {1.0, 1.0, k_inf, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0};
  t.rules.lower.assign(10, 0.0);
  t.rules.upper.assign(10, 0.2);
  t.start = {5.0, -5.0, 3.0, 0.1, 0.0, 1.0, -0.5, 2.0, 0.2, -1e-3};
  each_way(t, [](const Task& task) {
    const Fit f = fit(task);
    check_certificate(task, f);
    check_coefficients(task, f, 2e-5);
  });
}

TEST_CASE("path: constant columns stay out, whatever their value and their penalty") {
  for (double level : {0.0, 1.0, 0.1, -123456.7, 1e8 + 0.3}) {
    for (double factor : {1.0, 0.0}) {
      for (bool standardize : {false, true}) {
        for (Index n : {50, 15}) {
          Task t = make(n, 10, 201);
          for (Index i = 0; i < n; ++i) t.X(i, 4) = level;
          t.rules.factor.assign(10, 1.0);
          t.rules.factor[4] = factor;
          t.options.standardize = standardize;
          CAPTURE(level);
          CAPTURE(factor);
          CAPTURE(standardize);
          CAPTURE(n);
          each_way(t, [](const Task& task) {
            const Fit f = fit(task);
            for (Index step = 0; step < f.report.n_done; ++step) {
              CHECK(f.report.converged[at(step)]);
              CHECK(f.coef(task, step, 4) == 0.0);
            }
          });
        }
      }
    }
  }
}

TEST_CASE("path: one penalty object serves several fits") {
  Task t = make(50, 10, 251);
  t.options.standardize = true;
  t.options.alphas = {0.01};
  t.rules.lower.assign(10, -0.1);
  t.rules.upper.assign(10, 0.1);
  const datafit::Quadratic datafit(50, t.y.data(), t.s.data());
  penalty::ElasticNet penalty(1, 1.0, t.rules);
  const design::Dense<double> X({t.X.data.data(), 50, 10, 50});
  SilentMonitor monitor;
  std::vector<double> first(10, 0.0), second(10, 0.0);
  double intercept = 0.0;
  solver::fit_path(X, datafit, penalty, nullptr, t.options, nullptr, nullptr,
                   {first.data(), &intercept}, monitor);
  solver::fit_path(X, datafit, penalty, nullptr, t.options, nullptr, nullptr,
                   {second.data(), &intercept}, monitor);
  CHECK(largest_difference(first, second) < 1e-9);
}

TEST_CASE("path: a start beyond a bound that the data push against does not stay there") {
  Task t = make(50, 2, 193);
  for (Index i = 0; i < 50; ++i) t.y[at(i)] = 10.0 * t.X(i, 0) + t.X(i, 1);
  t.rules.upper.assign(2, 0.2);
  t.options.alphas = {0.01};
  for (bool standardize : {false, true}) {
    t.options.standardize = standardize;
    t.start = {5.0, 0.1};
    each_way(t, [](const Task& task) { check_certificate(task, fit(task)); });
  }
}

TEST_CASE("path: free copies of a column next to a box have a bounded solution") {
  Task t = make(40, 5, 261);
  for (Index i = 0; i < 40; ++i) t.X(i, 3) = -t.X(i, 0);
  t.rules.factor = {0.0, 1.0, 1.0, 0.0, 0.0};
  t.rules.upper = {k_inf, 0.05, 0.1, k_inf, 0.3};
  t.options.tol = 1e-10;
  t.options.alphas = {0.3, 0.03, 0.0};
  each_way(t, [](const Task& task) {
    const Fit f = fit(task);
    check_certificate(task, f);
    for (double b : f.coefs) CHECK(std::abs(b) < 1e6);
  });
}
