// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "taut/core/philox.hpp"
#include "taut/ot/top_k.hpp"

using taut::Index;
using taut::Philox;
using namespace taut::ot;

TEST_CASE("the best candidates stay, lowest row first among equals") {
  std::vector<Candidate> c = {{1.0, 4}, {3.0, 0}, {2.0, 9}, {2.0, 2}, {2.0, 5}};
  CHECK(keep_top(c, 3) == 2.0);
  std::vector<Index> rows;
  for (const Candidate& one : c) rows.push_back(one.row);
  std::sort(rows.begin(), rows.end());
  CHECK(rows == std::vector<Index>{0, 2, 5});
  CHECK(keep_top(c, 3) == -std::numeric_limits<double>::infinity());
}

TEST_CASE("the threshold leaves the mass, for few and many candidates") {
  Philox random({1, 2});
  for (const Index n : {1, 2, 10, 48, 49, 1000}) {
    for (const double mass : {1e-6, 0.5, 100.0}) {
      std::vector<Candidate> c;
      for (Index i = 0; i < n; ++i) c.push_back({1e3 + random.normal(), i});
      const double tau = simplex_threshold(c, mass);
      double sum = 0.0;
      for (const Candidate& one : c) sum += std::max(one.score - tau, 0.0);
      CHECK(sum == doctest::Approx(mass).epsilon(1e-6));
    }
  }
}

TEST_CASE("the k-support norm is the best share of k") {
  std::vector<double> t = {3.0, 1.0, 2.0};
  CHECK(k_support_square(t, 1) == doctest::Approx(36.0));
  CHECK(k_support_square(t, 3) == doctest::Approx(14.0));
  // theta = (1, 2/3, 1/3): 9 + 4 * 3/2 + 1 * 3.
  CHECK(k_support_square(t, 2) == doctest::Approx(18.0));
  std::vector<double> empty;
  CHECK(k_support_square(empty, 2) == 0.0);
  // A grid over theta finds nothing better.
  std::vector<double> u = {1.0, 0.8, 0.75, 0.1};
  const double value = k_support_square(u, 2);
  double best = 1e300;
  for (int i = 1; i <= 100; ++i) {
    for (int j = 1; j <= 100; ++j) {
      for (int k = 1; k <= 100; ++k) {
        const double p = i / 100.0, q = j / 100.0, r = k / 100.0;
        const double s = std::min(1.0, 2.0 - p - q - r);
        if (s <= 0.0) continue;
        best = std::min(best, 1.0 / p + 0.64 / q + 0.5625 / r + 0.01 / s);
      }
    }
  }
  CHECK(best >= value - 1e-12);
  CHECK(best <= value + 1e-2);
}
