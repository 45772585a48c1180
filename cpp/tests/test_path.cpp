// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/path.hpp"

#include <stdexcept>

#include "path_reference.hpp"

using namespace path_reference;

TEST_CASE("path: coefficients are those of long coordinate descent, on every route") {
  // 60 x 12 takes the reduction to p rows on the dense Gram routes, 20 x 12 does not.
  for (Index n : {60, 20}) {
    for (double l1_ratio : {1.0, 0.5}) {
      for (bool intercept : {true, false}) {
        for (bool standardize : {false, true}) {
          Task t = make(n, 12, static_cast<unsigned>(n) + intercept);
          t.l1_ratio = l1_ratio;
          t.options.fit_intercept = intercept;
          t.options.standardize = standardize;
          CAPTURE(n);
          CAPTURE(l1_ratio);
          CAPTURE(intercept);
          CAPTURE(standardize);
          each_way(t, [](const Task& task) {
            const Fit f = fit(task);
            REQUIRE(f.report.n_done == 8);
            check_certificate(task, f);
            // A gap of 1e-13 F0 moves coefficients by root(gap / curvature), about 1e-5 at most.
            check_coefficients(task, f, 2e-5);
          });
        }
      }
    }
  }
}

TEST_CASE("path: the gap bounds the distance to the optimum at loose tolerances too") {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    for (double tol : {1e-1, 1e-3, 1e-6}) {
      Task t = make(seed % 2 ? 50 : 18, 16, 20 + seed);
      t.options.tol = tol;
      t.l1_ratio = seed < 3 ? 1.0 : 0.3;
      each_way(t, [](const Task& task) { check_certificate(task, fit(task)); });
    }
  }
}

TEST_CASE("path: routes agree as closely as their gaps promise") {
  Task t = make(70, 20, 41);
  t.options.tol = 1e-14;
  t.l1_ratio = 0.9;
  const Fit first = fit(t);
  each_way(t, [&](const Task& task) {
    const Fit f = fit(task);
    // Two points within a gap of tol F(0) of the optimum; the least eigenvalue of a Gaussian Gram
    // matrix of this shape is about (1 - sqrt(20 / 70))^2 > 0.2.
    const double apart = 2.0 * std::sqrt(2.0 * task.options.tol * f.report.null_loss / 0.2);
    CHECK(largest_difference(f.coefs, first.coefs) < apart);
    CHECK(largest_difference(f.intercepts, first.intercepts) < apart);
    CHECK(std::abs(f.report.null_loss - first.report.null_loss) < 1e-13 * first.report.null_loss);
    CHECK(std::abs(f.report.alpha_max - first.report.alpha_max) < 1e-12 * first.report.alpha_max);
  });
}

TEST_CASE("path: a weight counts as so many copies of the row") {
  for (bool standardize : {false, true}) {
    Task few = make(30, 8, 51);
    few.options.standardize = standardize;
    Random random(52);
    std::vector<Index> copies(30);
    Index total = 0;
    for (Index& c : copies) total += c = random.below(4);
    Task many = few;
    many.X = Matrix(total, 8);
    many.y.clear();
    for (Index i = 0, row = 0; i < 30; ++i) {
      few.s[at(i)] = static_cast<double>(copies[at(i)]) / static_cast<double>(total);
      for (Index c = 0; c < copies[at(i)]; ++c, ++row) {
        for (Index j = 0; j < 8; ++j) many.X(row, j) = few.X(i, j);
        many.y.push_back(few.y[at(i)]);
      }
    }
    many.s.assign(at(total), 1.0 / static_cast<double>(total));
    few.options.tol = many.options.tol = 1e-14;
    each_way(few, [&](const Task& task) {
      many.options.route = task.options.route;
      many.sparse = task.sparse;
      const Fit a = fit(task), b = fit(many);
      CHECK(std::abs(a.report.alpha_max - b.report.alpha_max) < 1e-12 * b.report.alpha_max);
      CHECK(largest_difference(a.coefs, b.coefs) < 1e-7);
      CHECK(largest_difference(a.intercepts, b.intercepts) < 1e-7);
    });
  }
}

TEST_CASE("path: an offset is taken from y") {
  Task with = make(40, 9, 61);
  with.offset = Random(62).normals(40);
  Task without = with;
  for (Index i = 0; i < 40; ++i) without.y[at(i)] -= with.offset[at(i)];
  without.offset.clear();
  for (bool intercept : {true, false}) {
    with.options.fit_intercept = without.options.fit_intercept = intercept;
    each_way(with, [&](const Task& task) {
      const Fit a = fit(task);
      check_certificate(task, a);
      without.options.route = task.options.route;
      without.sparse = task.sparse;
      const Fit b = fit(without);
      CHECK(largest_difference(a.coefs, b.coefs) < 1e-9);
      CHECK(largest_difference(a.intercepts, b.intercepts) < 1e-9);
    });
  }
}

TEST_CASE("path: without an intercept the intercepts are zero") {
  Task t = make(40, 9, 63);
  t.options.fit_intercept = false;
  each_way(t, [](const Task& task) {
    for (double b0 : fit(task).intercepts) CHECK(b0 == 0.0);
  });
}

TEST_CASE("path: a factor of 0 keeps a feature in, an infinite one keeps it out") {
  for (Index n : {50, 15}) {
    for (double l1_ratio : {1.0, 0.6}) {
      Task t = make(n, 10, 71);
      t.l1_ratio = l1_ratio;
      t.rules.factor = {1.0, 0.0, k_inf, 2.0, 0.5, 1.0, 0.0, k_inf, 1.0, 3.0};
      each_way(t, [&](const Task& task) {
        const Fit f = fit(task);
        check_certificate(task, f);
        check_coefficients(task, f, 2e-5);
        for (Index step = 0; step < f.report.n_done; ++step) {
          CHECK(f.coef(task, step, 1) != 0.0);
          CHECK(f.coef(task, step, 6) != 0.0);
        }
        CHECK(f.report.n_active[0] == 2);  // at alpha_max only those that are free
        CHECK(f.report.n_active.back() > 2);
      });
    }
  }
}

TEST_CASE("path: boxes, one-sided and two-sided, with free and with fixed features") {
  for (bool standardize : {false, true}) {
    for (Index n : {50, 15}) {
      Task t = make(n, 10, 81);
      t.options.standardize = standardize;
      t.rules.lower = {0.0, -k_inf, -0.1, 0.0, -0.2, 0.0, -k_inf, 0.0, -0.05, -k_inf};
      t.rules.upper = {k_inf, 0.0, 0.1, 0.3, k_inf, 0.0, k_inf, 0.4, k_inf, 0.05};
      t.rules.factor = {1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 2.0, 1.0, 0.0};
      each_way(t, [&](const Task& task) {
        const Fit f = fit(task);
        check_certificate(task, f);
        check_coefficients(task, f, 2e-5);
      });
    }
  }
}

TEST_CASE("path: a strength of zero is ordinary least squares") {
  for (bool standardize : {false, true}) {
    Task t = make(40, 7, 91);
    t.options.alphas = {0.0};
    t.options.standardize = standardize;
    // Weighted normal equations of the columns and the constant.
    Matrix A(8, 8);
    std::vector<double> rhs(8, 0.0), best;
    const auto x = [&](Index i, Index j) { return j == 7 ? 1.0 : t.X(i, j); };
    for (Index i = 0; i < 40; ++i) {
      for (Index a = 0; a < 8; ++a) {
        rhs[at(a)] += t.s[at(i)] * x(i, a) * t.y[at(i)];
        for (Index b = 0; b < 8; ++b) A(a, b) += t.s[at(i)] * x(i, a) * x(i, b);
      }
    }
    REQUIRE(reference::solve(A, rhs, best));
    each_way(t, [&](const Task& task) {
      const Fit f = fit(task);
      CHECK(f.report.converged[0]);
      for (Index j = 0; j < 7; ++j) CHECK(std::abs(f.coef(task, 0, j) - best[at(j)]) < 1e-5);
      CHECK(std::abs(f.intercepts[0] - best[7]) < 1e-5);
    });
  }
}

TEST_CASE("path: orthogonal columns have the soft-threshold solution") {
  // Columns of a Hadamard matrix, unit weights 1/8, no intercept: b_j = S(x_j'y / 8, alpha).
  Task t;
  t.X = Matrix(8, 4);
  for (Index i = 0; i < 8; ++i) {
    for (Index j = 0; j < 4; ++j) {
      const Index bits = i & (j + 1);
      t.X(i, j) = ((bits & 1) + ((bits >> 1) & 1) + ((bits >> 2) & 1)) % 2 ? -1.0 : 1.0;
    }
  }
  t.y = {3.0, -1.0, 2.0, 0.5, -2.5, 1.0, 4.0, -0.25};
  t.s.assign(8, 0.125);
  t.options.fit_intercept = false;
  t.options.alphas = {1.0, 0.5, 0.1, 0.01};
  t.options.tol = 1e-14;
  each_way(t, [](const Task& task) {
    const Fit f = fit(task);
    double largest = 0.0;
    for (Index j = 0; j < 4; ++j) {
      double g = 0.0;
      for (Index i = 0; i < 8; ++i) g += 0.125 * task.X(i, j) * task.y[at(i)];
      largest = std::max(largest, std::abs(g));
      for (Index step = 0; step < 4; ++step) {
        const double alpha = task.options.alphas[at(step)];
        const double expected = std::copysign(std::max(std::abs(g) - alpha, 0.0), g);
        CHECK(std::abs(f.coef(task, step, j) - expected) < 1e-7);
      }
    }
    CHECK(f.report.alpha_max == doctest::Approx(largest).epsilon(1e-14));
  });
}

TEST_CASE("path: from alpha_max on the model is zero, just below it is not") {
  for (bool standardize : {false, true}) {
    for (double l1_ratio : {1.0, 0.4}) {
      Task t = make(40, 9, 101);
      t.l1_ratio = l1_ratio;
      t.options.standardize = standardize;
      const double top = fit(t).report.alpha_max;
      t.options.alphas = {10.0 * top, top * (1.0 + 1e-9), top * (1.0 - 1e-3)};
      each_way(t, [&](const Task& task) {
        const Fit f = fit(task);
        CHECK(std::abs(f.report.alpha_max - top) < 1e-12 * top);
        CHECK(f.report.n_active[0] == 0);
        CHECK(f.report.n_active[1] == 0);
        CHECK(f.report.n_active[2] == 1);
        double mean = 0.0;
        for (Index i = 0; i < 40; ++i) mean += task.s[at(i)] * task.y[at(i)];
        CHECK(std::abs(f.intercepts[0] - mean) < 1e-13);
        CHECK(f.report.dev_ratio[0] == doctest::Approx(0.0));
      });
    }
  }
}

TEST_CASE("path: the grid runs from alpha_max to eps times it in equal ratios") {
  Task t = make(40, 9, 111);
  t.options.n_alphas = 5;
  t.options.eps = 1e-2;
  CHECK(solver::path_length(t.options) == 5);
  const Fit f = fit(t);
  REQUIRE(f.report.alphas.size() == 5);
  CHECK(f.report.alphas[0] == f.report.alpha_max);
  for (Index i = 1; i < 5; ++i) {
    CHECK(f.report.alphas[at(i)] / f.report.alphas[at(i - 1)] ==
          doctest::Approx(std::pow(1e-2, 0.25)).epsilon(1e-12));
  }
  t.options.alphas = {0.3, 0.1, 0.2};
  CHECK(solver::path_length(t.options) == 3);
  CHECK(fit(t).report.alphas == t.options.alphas);
}

TEST_CASE("path: strengths in any order have their own solutions") {
  Task t = make(40, 9, 115);
  t.options.alphas = {0.05, 1.0, 0.01, 0.3, 0.3};
  each_way(t, [](const Task& task) {
    const Fit f = fit(task);
    check_certificate(task, f);
    check_coefficients(task, f, 2e-5);
  });
}

TEST_CASE("path: deviance explained is 1 - loss / null loss") {
  Task t = make(40, 9, 121);
  each_way(t, [](const Task& task) {
    const Fit f = fit(task);
    for (Index step = 0; step < f.report.n_done; ++step) {
      const double loss = objective(task, &f.coefs[at(step * 9)], f.intercepts[at(step)], 0.0);
      CHECK(std::abs(f.report.dev_ratio[at(step)] - (1.0 - loss / f.report.null_loss)) < 1e-12);
    }
  });
}

TEST_CASE("path: early stop ends where the next steps gain nothing, without changing the others") {
  Task t = make(40, 6, 131);
  t.options.n_alphas = 60;
  t.options.eps = 1e-6;
  t.options.tol = 1e-12;
  const Fit whole = fit(t);
  REQUIRE(whole.report.n_done == 60);
  t.options.early_stop = true;
  const Fit stopped = fit(t);
  const Index done = stopped.report.n_done;
  CHECK(done >= 5);
  CHECK(done < 60);
  CHECK(stopped.report.alphas.size() == at(done));
  CHECK(stopped.report.converged.size() == at(done));
  for (Index i = 0; i < done * 6; ++i) CHECK(stopped.coefs[at(i)] == whole.coefs[at(i)]);
  for (Index i = done * 6; i < 360; ++i) CHECK(stopped.coefs[at(i)] == 0.0);
  // The rule, applied by hand to the whole path.
  const std::vector<double>& r = whole.report.dev_ratio;
  Index expected = 60;
  for (Index i = 4; i < 60; ++i) {
    if (r[at(i)] > 0.999 || r[at(i)] - r[at(i - 1)] < 1e-5 * r[at(i)]) {
      expected = i + 1;
      break;
    }
  }
  CHECK(done == expected);
}

TEST_CASE("path: max_active ends the path with the first model that is larger") {
  Task t = make(60, 20, 141);
  t.options.n_alphas = 40;
  t.options.eps = 1e-3;
  t.options.max_active = 5;
  const Fit f = fit(t);
  REQUIRE(f.report.n_done < 40);
  for (Index i = 0; i + 1 < f.report.n_done; ++i) CHECK(f.report.n_active[at(i)] <= 5);
  CHECK(f.report.n_active.back() > 5);
}

TEST_CASE("path: a monitor that throws ends the fit with its exception") {
  struct Impatient : Monitor {
    int calls = 0, patience;
    explicit Impatient(int n) : patience(n) {}
    void poll(const Progress&) override {
      if (++calls > patience) throw std::runtime_error("enough");
    }
  };
  each_way(make(60, 20, 151), [](const Task& task) {
    for (int patience : {0, 3}) {
      Impatient monitor(patience);
      CHECK_THROWS_WITH_AS(fit(task, monitor), "enough", std::runtime_error);
      CHECK(monitor.calls == patience + 1);
    }
    check_certificate(task, fit(task));  // and the next fit is none the worse
  });
}

TEST_CASE("path: the monitor hears of every strength, in order") {
  struct Listener : Monitor {
    std::vector<Progress> heard;
    void poll(const Progress& progress) override { heard.push_back(progress); }
  };
  const Task t = make(60, 20, 161);
  Listener monitor;
  const Fit f = fit(t, monitor);
  Index last = -1;
  bool begun = false;  // before the first strength there is no alpha to tell
  for (const Progress& progress : monitor.heard) {
    CHECK(progress.n_steps == 8);
    begun = begun || progress.alpha > 0.0;
    if (!begun) continue;
    CHECK((progress.step == last || progress.step == last + 1));
    last = progress.step;
    CHECK(progress.alpha == f.report.alphas[at(progress.step)]);
  }
  CHECK(last == 7);
}

TEST_CASE("path: one, two and four threads give the same bits") {
  // Large enough for regions to open: the work that is worth one is about 1e5 multiply-adds.
  for (Index n : {700, 150}) {
    Task t = make(n, 300, 171);
    t.options.n_alphas = 6;
    t.options.tol = 1e-7;
    for (const Way& way : k_ways) {
      CAPTURE(way.name);
      t.options.route = way.route;
      t.sparse = way.sparse;
      t.options.n_threads = 1;
      const Fit one = fit(t);
      for (int threads : {2, 4}) {
        t.options.n_threads = threads;
        const Fit more = fit(t);
        CHECK(more.coefs == one.coefs);
        CHECK(more.intercepts == one.intercepts);
        CHECK(more.report.dual_gaps == one.report.dual_gaps);
        CHECK(more.report.n_iter == one.report.n_iter);
      }
    }
  }
}
