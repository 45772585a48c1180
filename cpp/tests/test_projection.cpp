// SPDX-License-Identifier: BSD-3-Clause
#include "taut/bilevel/projection.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "reference.hpp"

using namespace taut;
using reference::Random;

namespace {

/// The threshold by sorting.
double sorted_threshold(std::vector<double> x, double total) {
  std::sort(x.begin(), x.end(), std::greater<>());
  double sum = 0.0, tau = 0.0;
  for (std::size_t k = 0; k < x.size(); ++k) {
    sum += x[k];
    const double t = (sum - total) / static_cast<double>(k + 1);
    if (x[k] > t) tau = t;
  }
  return tau;
}

}  // namespace

TEST_CASE("the threshold is that of sorting") {
  Random random(1);
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<double> x(static_cast<std::size_t>(1 + random.below(40)));
    for (double& v : x) v = random.below(5) == 0 ? 0.5 : random.uniform(-3.0, 3.0);
    const double total = random.uniform(0.01, 5.0);
    const double tau = bilevel::simplex_threshold(x.data(), static_cast<Index>(x.size()), total);
    CHECK(tau == doctest::Approx(sorted_threshold(x, total)).epsilon(1e-12));
  }
}

TEST_CASE("a point of the l1 ball stays, and a ball of radius zero is the origin") {
  std::vector<double> x{0.3, -0.2, 0.1};
  const std::vector<double> before = x;
  bilevel::project_l1(x.data(), 3, 0.7);
  CHECK(x == before);
  bilevel::project_l1(x.data(), 3, 0.0);
  CHECK(x == std::vector<double>{0.0, 0.0, 0.0});
  bilevel::project_simplex(x.data(), 3, 0.0);
  CHECK(x == std::vector<double>{0.0, 0.0, 0.0});
}
