// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "taut/core/philox.hpp"
#include "taut/privacy/release.hpp"

using namespace taut::privacy;
using taut::Index;

TEST_CASE("isotonic regression averages what is out of order") {
  std::vector<double> v = {1.0, 3.0, 2.0, 2.0, 5.0, 4.0};
  isotonic(v.data(), 6);
  const double third = 7.0 / 3.0;
  CHECK(v == std::vector<double>{1.0, third, third, third, 4.5, 4.5});
}

TEST_CASE("the projection meets its optimality conditions") {
  taut::Philox random({1, 2});
  for (int round = 0; round < 200; ++round) {
    const Index n = 1 + random.below(12);
    const double total = 0.1 + 5.0 * random.uniform();
    std::vector<double> v, x;
    for (Index i = 0; i < n; ++i) v.push_back(3.0 * random.normal());
    x = v;
    project_simplex(x.data(), n, total);
    double sum = 0.0, shift = 0.0;
    for (const double xi : x) sum += xi;
    CHECK(sum == doctest::Approx(total));
    // v - x is one number where x > 0, and at most that number elsewhere.
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (x[i] > 0.0) shift = v[i] - x[i];
    }
    for (std::size_t i = 0; i < x.size(); ++i) {
      CHECK(x[i] >= 0.0);
      if (x[i] > 0.0) {
        CHECK(v[i] - x[i] == doctest::Approx(shift));
      } else {
        CHECK(v[i] <= shift + 1e-12);
      }
    }
  }
}

TEST_CASE("exact counts give the actuarial curve") {
  const Layout layout{3, 1, false, 0};
  // events 2 1 0, censored 1 0 2, and 4 beyond: 10 records
  const std::vector<double> cells = {2, 1, 0, 1, 0, 2, 4};
  taut::SilentMonitor monitor;
  for (const Postprocess kind :
       {Postprocess::balanced_isotonic, Postprocess::simplex, Postprocess::gondara_wang}) {
    std::vector<double> s(3), r(3), d(3), c(3), beyond(1);
    curves(layout, kind, 10.0, 0.0, cells.data(), 1,
           {s.data(), r.data(), d.data(), c.data(), beyond.data()}, 1, monitor);
    const double first = 1.0 - 2.0 / 9.5;
    CHECK(s[0] == doctest::Approx(first));
    CHECK(s[1] == doctest::Approx(first * (1.0 - 1.0 / 7.0)));
    CHECK(s[2] == doctest::Approx(s[1]));
    CHECK(r[2] == doctest::Approx(6.0));
    CHECK(beyond[0] == doctest::Approx(4.0));
  }
}

TEST_CASE("hopeless counts still give a curve") {
  const Layout layout{4, 1, false, 2};
  std::vector<double> noisy(static_cast<std::size_t>(layout.size()), -1e6);
  noisy[1] = 3e6;
  taut::SilentMonitor monitor;
  for (const Postprocess kind :
       {Postprocess::balanced_isotonic, Postprocess::simplex, Postprocess::gondara_wang}) {
    for (const double n : {-1.0, 1.0}) {
      std::vector<double> s(4), r(4), d(4), c(4), beyond(1);
      curves(layout, kind, n, 1e10, noisy.data(), 1,
             {s.data(), r.data(), d.data(), c.data(), beyond.data()}, 1, monitor);
      double before = 1.0;
      for (const double value : s) {
        CHECK(value >= 0.0);
        CHECK(value <= before);
        before = value;
      }
    }
  }
}

TEST_CASE("noise in the numbers at risk, where it can be said at once") {
  // Cells alone: a bridge from the public number of records to the end.
  const std::vector<double> bridge = at_risk_variance({2, 1, false, 0}, true);
  CHECK(bridge[0] == doctest::Approx(0.0));
  CHECK(bridge[1] == doctest::Approx(3.0 - 9.0 / 5.0));
  CHECK(at_risk_variance({2, 1, false, 0}, false) == std::vector<double>{5.0, 3.0});
  // One block of two bins: its sum has variance 2/3, one of its leaves too.
  const std::vector<double> tree = at_risk_variance({2, 1, false, 2}, false);
  CHECK(tree[0] == doctest::Approx(1.0 + 4.0 / 3.0));
  CHECK(tree[1] == doctest::Approx(1.0 + 4.0 / 3.0));
  CHECK(at_risk_variance({2, 1, false, 2}, true)[0] == doctest::Approx(0.0));
}

TEST_CASE("few at risk do not end the curve when the noise is larger") {
  const Layout layout{2, 1, false, 0};
  const std::vector<double> cells = {2, 1, 6, 0, 1};  // two at risk in the second bin, one event
  taut::SilentMonitor monitor;
  std::vector<double> s(2), r(2), d(2), c(2), beyond(1);
  for (const double variance : {0.0, 75.0}) {
    curves(layout, Postprocess::balanced_isotonic, 10.0, variance, cells.data(), 1,
           {s.data(), r.data(), d.data(), c.data(), beyond.data()}, 1, monitor);
    const double floor = variance > 0.0 ? std::sqrt(variance * (3.0 - 9.0 / 5.0)) : 2.0;
    CHECK(s[0] == doctest::Approx(1.0 - 2.0 / 7.0));
    CHECK(s[1] == doctest::Approx(s[0] * (1.0 - 1.0 / floor)));
  }
}
