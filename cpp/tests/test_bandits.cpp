// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linsolve/bandits.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

using namespace taut;
using namespace taut::linsolve;

TEST_CASE("Tsallis probabilities are those of one x, from all equal to all on one arm") {
  for (const double spread : {0.0, 1e-3, 1.0, 1e3, 1e9}) {
    for (const double eta : {2.0, 0.1, 1e-4}) {
      const std::vector<double> q = {3.0 + spread, 3.0, 3.0 + 0.5 * spread, 3.0 + 2.0 * spread};
      std::vector<double> p(4);
      tsallis_probabilities(4, q.data(), 1.0, eta, p.data());
      double sum = 0.0;
      for (const double v : p) sum += v;
      CHECK(std::abs(sum - 1.0) < 1e-14);
      CHECK((p[1] >= p[2] && p[2] >= p[0] && p[0] >= p[3] && p[3] > 0.0));
      if (spread == 0.0) CHECK(p[0] == doctest::Approx(0.25));
    }
  }
}

TEST_CASE("arms are drawn by their probabilities, each round for itself") {
  const std::vector<double> p = {0.2, 0.0, 0.5, 0.3};
  std::vector<double> seen(4, 0.0);
  const Philox stream({1, 2}, 3);
  for (std::uint64_t t = 0; t < 20000; ++t) {
    seen[static_cast<std::size_t>(draw_arm(4, p.data(), stream, t))] += 1.0 / 20000.0;
  }
  CHECK(seen[1] == 0.0);
  for (std::size_t i = 0; i < 4; ++i) CHECK(std::abs(seen[i] - p[i]) < 0.015);
  CHECK(draw_arm(4, p.data(), stream, 7) == draw_arm(4, p.data(), stream, 7));
}

TEST_CASE("Chebyshev polynomials are cosines") {
  std::vector<double> phi(6);
  for (const double u : {-1.0, -0.3, 0.0, 0.8, 1.0}) {
    chebyshev(6, u, phi.data());
    for (std::size_t j = 0; j < 6; ++j) {
      CHECK(phi[j] == doctest::Approx(std::cos(static_cast<double>(j) * std::acos(u))));
    }
  }
}

TEST_CASE("least squares in a box meets the conditions of optimality, also where G is singular") {
  Philox random({5, 6});
  for (int trial = 0; trial < 300; ++trial) {
    const Index m = 1 + random.below(6), rows = 1 + random.below(8);
    std::vector<double> gram(static_cast<std::size_t>(m * m), 0.0),
        g(static_cast<std::size_t>(m), 0.0), box(static_cast<std::size_t>(m)), phi(box), theta(box);
    for (Index r = 0; r < rows; ++r) {
      for (double& v : phi) v = random.normal();
      const double y = 2.0 * random.normal();
      for (Index i = 0; i < m; ++i) {
        g[static_cast<std::size_t>(i)] += y * phi[static_cast<std::size_t>(i)];
        for (Index j = 0; j < m; ++j) {
          gram[static_cast<std::size_t>(i * m + j)] +=
              phi[static_cast<std::size_t>(i)] * phi[static_cast<std::size_t>(j)];
        }
      }
    }
    for (double& v : box) v = random.uniform() < 0.1 ? 0.0 : random.uniform();
    box_least_squares(m, gram.data(), g.data(), box.data(), theta.data());
    for (std::size_t i = 0; i < static_cast<std::size_t>(m); ++i) {
      double slope = -g[i];
      for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j) {
        slope += gram[i * static_cast<std::size_t>(m) + j] * theta[j];
      }
      CHECK(std::abs(theta[i]) <= box[i] * (1 + 1e-14));
      const bool low = theta[i] <= -box[i] * (1 - 1e-14), high = theta[i] >= box[i] * (1 - 1e-14);
      if (!high) CHECK(slope >= -1e-8);
      if (!low) CHECK(slope <= 1e-8);
    }
  }
}
