// SPDX-License-Identifier: BSD-3-Clause
#include "taut/penalty/fused.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "datafit_checks.hpp"
#include "taut/design/csc.hpp"
#include "taut/design/cumulative.hpp"
#include "taut/design/dense.hpp"

using taut::Index;
using taut::penalty::Chains;
using taut::penalty::TotalVariationProx;

namespace {

constexpr double k_inf = std::numeric_limits<double>::infinity();

/// Largest violation of the optimality conditions: with z_i = sum_{k < i} (u_k - x_k), the dual of
/// difference i, |z_i| <= weight_i and z_i = weight_i sign(u_i - u_{i-1}) wherever u moves; z_n = 0.
double violation(const std::vector<double>& x, const std::vector<double>& u,
                 const std::vector<double>& weight) {
  double z = 0.0, worst = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (i > 0) {
      worst = std::max(worst, std::abs(z) - weight[i]);
      if (u[i] > u[i - 1]) worst = std::max(worst, std::abs(z - weight[i]));
      if (u[i] < u[i - 1]) worst = std::max(worst, std::abs(z + weight[i]));
    }
    z += u[i] - x[i];
  }
  return std::max(worst, std::abs(z));
}

}  // namespace

TEST_CASE("total variation: optimality for every length and weight") {
  TotalVariationProx prox;
  for (Index n = 1; n <= 60; ++n) {
    for (unsigned seed = 0; seed < 12; ++seed) {
      std::vector<double> x = checks::uniform(n, -3.0, 3.0, 100 * seed + 1);
      std::vector<double> weight =
          checks::uniform(n, 0.0, seed % 3 == 0 ? 0.1 : (seed % 3 == 1 ? 1.0 : 8.0), seed + 7);
      if (seed % 4 == 1) std::fill(weight.begin(), weight.end(), 0.7);
      if (seed % 4 == 2) {
        for (std::size_t i = 0; i < weight.size(); i += 3) weight[i] = 0.0;
      }
      if (seed % 5 == 0) {
        for (double& v : x) v = std::floor(v);  // ties
      }
      weight[0] = std::numeric_limits<double>::quiet_NaN();
      std::vector<double> u(x);
      prox(u.data(), weight.data(), n);
      CAPTURE(n);
      CAPTURE(seed);
      CHECK(violation(x, u, weight) < 1e-12 * (1.0 + static_cast<double>(n)));
    }
  }
}

TEST_CASE("total variation: limits and closed forms") {
  TotalVariationProx prox;
  const std::vector<double> x = {3.0, -1.0, 4.0, 2.0};
  std::vector<double> u(x), zero(4, 0.0), large(4, 100.0), joined = {0.0, k_inf, 0.0, k_inf};
  prox(u.data(), zero.data(), 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(u[i] == doctest::Approx(x[i]));
  u = x;
  prox(u.data(), large.data(), 4);
  for (double v : u) CHECK(v == u[0]);
  CHECK(u[0] == doctest::Approx(2.0));
  u = x;
  prox(u.data(), joined.data(), 4);
  CHECK(u[0] == u[1]);
  CHECK(u[2] == u[3]);
  CHECK(u[0] == doctest::Approx(1.0));
  CHECK(u[2] == doctest::Approx(3.0));
  double pair[2] = {5.0, 1.0};
  const double weight[2] = {0.0, 0.5};
  prox(pair, weight, 2);
  CHECK(pair[0] == doctest::Approx(4.5));
  CHECK(pair[1] == doctest::Approx(1.5));
  double single = 7.0;
  prox(&single, weight, 1);
  CHECK(single == 7.0);
}

TEST_CASE("chains: increments and back") {
  const Chains chains({0, 1, 0, 1, 0}, 5);
  CHECK(chains.before(0) == -1);
  CHECK(chains.before(1) == -1);
  CHECK(chains.before(2) == 0);
  CHECK(chains.before(3) == 1);
  CHECK(chains.before(4) == 2);
  double b[5] = {1.0, 10.0, 3.0, 30.0, 2.0};
  chains.to_increments(b);
  CHECK(b[2] == 2.0);
  CHECK(b[3] == 20.0);
  CHECK(b[4] == -1.0);
  chains.to_coefficients(b);
  CHECK(b[4] == 2.0);
  CHECK(b[3] == 30.0);
}

TEST_CASE("chains: any coefficient may be the root of a chain whose first is free") {
  Chains chains({0, 1, 0, 1, 0, 0}, 6);
  chains.set_roots({1e-3, 1.0, 1e3, 1e3, 1.0, 1e-3}, {0.0, 2.0, 1.0, 1.0, 1.0, 1.0});
  CHECK(chains.first(5) == 0);
  CHECK(chains.first(3) == 1);
  CHECK_FALSE(chains.reversed(0));
  CHECK(chains.reversed(2));
  CHECK_FALSE(chains.reversed(4));
  CHECK_FALSE(chains.reversed(3));  // the first of its chain is penalised, so it is the root
  double b[6] = {1.0, 10.0, 3.0, 30.0, 2.0, 2.0};
  chains.to_increments(b);
  CHECK(b[0] == 3.0);
  CHECK(b[2] == 2.0);
  CHECK(b[3] == 20.0);
  CHECK(b[4] == -1.0);
  CHECK(b[5] == 0.0);
  chains.to_coefficients(b);
  CHECK(b[0] == 1.0);
  CHECK(b[2] == 3.0);
  CHECK(b[3] == 30.0);
  CHECK(b[4] == 2.0);
  CHECK(b[5] == 2.0);
}

TEST_CASE("cumulative columns: dense and sparse, scaled, X b = sum of increments times columns") {
  const Index n = 9, p = 7;
  const std::vector<double> X = [&] {
    std::vector<double> v = checks::uniform(n * p, -1.0, 1.0, 5);
    for (double& x : v) x = x < 0.2 ? 0.0 : x;
    return v;
  }();
  std::vector<double> val;
  std::vector<std::int32_t> idx, ptr{0};
  for (Index j = 0; j < p; ++j) {
    for (Index i = 0; i < n; ++i) {
      const double x = X[static_cast<std::size_t>(j * n + i)];
      if (x == 0.0) continue;
      val.push_back(x);
      idx.push_back(static_cast<std::int32_t>(i));
    }
    ptr.push_back(static_cast<std::int32_t>(val.size()));
  }
  const taut::design::Dense<double> dense(taut::DenseView<double>{X.data(), n, p, n});
  const taut::design::Csc<double, std::int32_t> sparse(
      taut::CscView<double, std::int32_t>{val.data(), idx.data(), ptr.data(), n, p});
  Chains chains({0, 0, 1, 0, 1, 2, 1}, p);
  SUBCASE("counted from the first") {}
  SUBCASE("counted from a root") {
    chains.set_roots({1.0, 1.0, 1.0, 3.0, 2.0, 1.0, 1.0}, std::vector<double>(7, 0.0));
    CHECK(chains.reversed(3));
    CHECK(chains.reversed(4));
  }
  const std::vector<double> scale = {1.0, 2.0, 0.5, 3.0, 1.0, 4.0, 0.25};
  const taut::design::Cumulative one(dense, chains, scale, 1), two(sparse, chains, scale, 1);
  std::vector<double> b = checks::uniform(p, -2.0, 2.0, 6), d(b);
  chains.to_increments(d.data());
  std::vector<double> expected(9, 0.0), from_dense(9, 0.0), from_sparse(9, 0.0);
  for (Index j = 0; j < p; ++j) {
    const auto J = static_cast<std::size_t>(j);
    dense.axpy(j, b[J] / scale[J], expected.data());
    one.design().axpy(j, d[J], from_dense.data());
    two.design().axpy(j, d[J], from_sparse.data());
  }
  for (std::size_t i = 0; i < 9; ++i) {
    CHECK(from_dense[i] == doctest::Approx(expected[i]).epsilon(1e-13));
    CHECK(from_sparse[i] == doctest::Approx(expected[i]).epsilon(1e-13));
  }
}
