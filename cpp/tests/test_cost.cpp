// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <vector>

#include "taut/core/philox.hpp"
#include "taut/ot/cost.hpp"

using taut::Index;
using taut::Philox;
using taut::ot::CloudCost;
using taut::ot::DenseCost;

TEST_CASE("tiles of a cloud are squared distances in every dimension") {
  Philox random({3, 4});
  for (Index d = 1; d <= 9; ++d) {
    std::vector<double> x(static_cast<std::size_t>(5 * d)), y(static_cast<std::size_t>(13 * d));
    for (double& value : x) value = random.normal();
    for (double& value : y) value = random.normal();
    const CloudCost<double> cost(x.data(), 5, y.data(), 13, d);
    double buffer[16];
    for (Index i = 0; i < 5; ++i) {
      const double* tile = cost.tile(i, 2, 13, buffer);
      for (Index j = 2; j < 13; ++j) {
        double sum = 0.0;
        for (Index k = 0; k < d; ++k) {
          const double gap =
              x[static_cast<std::size_t>(i * d + k)] - y[static_cast<std::size_t>(j * d + k)];
          sum += gap * gap;
        }
        CHECK(tile[j - 2] == doctest::Approx(sum).epsilon(1e-14));
        CHECK(cost.at(i, j) == doctest::Approx(sum).epsilon(1e-14));
      }
    }
  }
}

TEST_CASE("equal points far from the origin cost exactly nothing") {
  const std::vector<float> x = {1e6F, 2e6F, 3e6F};
  const CloudCost<float> cost(x.data(), 1, x.data(), 1, 3);
  float buffer[1];
  CHECK(cost.tile(0, 0, 1, buffer)[0] == 0.0F);
}

TEST_CASE("dense costs are handed out where they lie") {
  const std::vector<double> c = {1, 2, 3, 4, 5, 6};
  const DenseCost<double> cost(c.data(), 2, 3);
  CHECK(cost.tile(1, 1, 3, nullptr) == c.data() + 4);
  CHECK(cost.at(1, 2) == 6.0);
}
