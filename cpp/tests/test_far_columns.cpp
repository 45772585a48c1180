// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/far_columns.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace taut;

TEST_CASE("far columns: only those far from zero are centred, and intercepts follow") {
  const Index n = 4;
  const std::vector<double> X{1e6 - 1, 1e6 + 1, 1e6 - 1, 1e6 + 1, 1, 2, 3, 4, 7, 7, 7, 7};
  const std::vector<double> s(4, 0.25);
  const design::Dense<double> dense(DenseView<double>{X.data(), n, 3, n});
  const design::Standardized Z(dense, s.data(), true, false, nullptr, 1);
  const auto far = solver::FarColumns::make(Z);
  REQUIRE(far);
  std::vector<double> x(4);
  far->design().copy_rows(0, 0, n, x.data());
  CHECK(x == std::vector<double>{-1, 1, -1, 1});
  far->design().copy_rows(1, 0, n, x.data());
  CHECK(x == std::vector<double>{1, 2, 3, 4});
  const std::vector<double> coef{0.5, 3.0, 1.0};
  CHECK(far->shift(coef.data()) == 0.5e6);

  const design::Standardized again(far->design(), s.data(), true, false, nullptr, 1);
  CHECK(!solver::FarColumns::make(again));
  const design::Standardized raw(dense, s.data(), false, false, nullptr, 1);
  CHECK(!solver::FarColumns::make(raw));
}
