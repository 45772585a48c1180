// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linsolve/stencil.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "linsolve_fixtures.hpp"

using namespace taut;
using namespace taut::linsolve;

TEST_CASE("a grid is recognised, anything else is not") {
  test::Csr a = test::grid(5, 4);
  Stencil s;
  REQUIRE(find_stencil(a.rows(), a.val.data(), s));
  CHECK((s.nx == 5 && s.ny == 4 && s.nz == 1));
  CHECK((s.diag == 4.2 && s.off[0] == -1.0 && s.off[1] == -1.0));
  for (std::size_t e = 0; e < a.val.size(); ++e) {
    const double value = a.val[e];
    a.val[e] = 7.0;
    CHECK_FALSE(find_stencil(a.rows(), a.val.data(), s));
    a.val[e] = value;
  }
  const test::Csr line = test::grid(9, 1);
  CHECK_FALSE(find_stencil(line.rows(), line.val.data(), s));
}

TEST_CASE("the stencil is red-black relaxation of its matrix") {
  for (const auto& [nx, ny] : {std::pair{5, 4}, {4, 5}, {2, 2}, {7, 3}, {17, 16}}) {
    const test::Csr a = test::grid(nx, ny);
    const test::System system(a, Ordering::multicolor);
    Stencil s;
    REQUIRE(find_stencil(a.rows(), a.val.data(), s));
    const auto n = static_cast<std::size_t>(nx * ny);
    const std::vector<double> b = test::wave(nx * ny);
    std::vector<double> x(n, 0.5), y(n, 0.5), rhs(n);
    for (std::size_t k = 0; k < n; ++k) {
      rhs[k] = b[static_cast<std::size_t>(system.pattern.order[k])];
    }
    Options options;
    options.omega = 1.3;
    SilentMonitor silent;
    const Report one = sor(s, b.data(), options, x.data(), silent);
    const Report two = sor(system.split, rhs.data(), options, false, y.data(), silent);
    CHECK(one.n_iter == two.n_iter);
    CHECK(one.residual_norm == doctest::Approx(two.residual_norm).epsilon(1e-4));
    for (std::size_t k = 0; k < n; ++k) {
      CHECK(x[static_cast<std::size_t>(system.pattern.order[k])] ==
            doctest::Approx(y[k]).epsilon(1e-12));
    }
  }
}
