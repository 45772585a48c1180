// SPDX-License-Identifier: BSD-3-Clause
#include "taut/decomposition/sparse_coder.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "reference.hpp"
#include "taut/penalty/folded_prox.hpp"

using namespace taut;
using decomposition::CodingOptions;
using decomposition::Method;
using decomposition::SparseCoder;
using penalty::Folded;
using penalty::Shape;
using reference::Random;

namespace {

std::vector<double> unit_atoms(Random& random, Index p, Index K) {
  std::vector<double> a(static_cast<std::size_t>(p * K));
  for (double& entry : a) entry = random.uniform(-1.0, 1.0);
  for (Index k = 0; k < K; ++k) {
    double square = 0.0;
    for (Index i = 0; i < p; ++i)
      square += a[static_cast<std::size_t>(k * p + i)] * a[static_cast<std::size_t>(k * p + i)];
    for (Index i = 0; i < p; ++i) a[static_cast<std::size_t>(k * p + i)] /= std::sqrt(square);
  }
  return a;
}

}  // namespace

TEST_CASE("the prox with a fixed shape is that of the switch") {
  Random random(5);
  const auto check = [&](auto shape, double gamma) {
    const Folded f{decltype(shape)::value, random.uniform(0.1, 2.0), gamma};
    const double z = random.uniform(0.0, 6.0), t = random.uniform(0.1, 4.0);
    const double u = penalty::prox_at<decltype(shape)::value>(f.alpha, gamma, z, t);
    REQUIRE(u == penalty::prox(f, z, t));
    const double near = penalty::prox_at<decltype(shape)::value>(
        static_cast<float>(f.alpha), static_cast<float>(gamma), static_cast<float>(z),
        static_cast<float>(t));
    // Within rounding, unless the two sides of a jump are.
    if (u > 0.0 && near > 0.0) REQUIRE(near == doctest::Approx(u).epsilon(1e-3));
  };
  for (int round = 0; round < 500; ++round) {
    check(std::integral_constant<Shape, Shape::l1>{}, 1.0);
    check(std::integral_constant<Shape, Shape::l0>{}, 1.0);
    check(std::integral_constant<Shape, Shape::mcp>{}, 3.0);
    check(std::integral_constant<Shape, Shape::cel0>{}, 0.7);
    check(std::integral_constant<Shape, Shape::scad>{}, 3.7);
    check(std::integral_constant<Shape, Shape::lq>{}, 0.5);
    check(std::integral_constant<Shape, Shape::lq>{}, 2.0 / 3.0);
    check(std::integral_constant<Shape, Shape::lq>{}, 0.3);
  }
}

TEST_CASE("the bound on the largest eigenvalue is one, and close") {
  Random random(7);
  for (const Index K : {1, 3, 12, 40}) {
    const Index p = 12;
    const std::vector<double> a = unit_atoms(random, p, K);
    const double bound = decomposition::largest_eigenvalue(p, K, a.data());
    // The power method from a random start stays below the eigenvalue.
    std::vector<double> x(static_cast<std::size_t>(K)), y(static_cast<std::size_t>(p));
    for (double& entry : x) entry = random.uniform(-1.0, 1.0);
    double value = 0.0;
    for (int step = 0; step < 3000; ++step) {
      double square = 0.0;
      for (const double entry : x) square += entry * entry;
      for (double& entry : x) entry /= std::sqrt(square);
      value = 0.0;
      for (Index i = 0; i < p; ++i) {
        double& sum = y[static_cast<std::size_t>(i)] = 0.0;
        for (Index k = 0; k < K; ++k)
          sum += a[static_cast<std::size_t>(k * p + i)] * x[static_cast<std::size_t>(k)];
        value += sum * sum;
      }
      for (Index k = 0; k < K; ++k) {
        double& sum = x[static_cast<std::size_t>(k)] = 0.0;
        for (Index i = 0; i < p; ++i)
          sum += a[static_cast<std::size_t>(k * p + i)] * y[static_cast<std::size_t>(i)];
      }
    }
    CHECK(bound >= value * (1.0 - 1e-12));
    CHECK(bound <= value * 1.02);
  }
  const std::vector<double> zero(24, 0.0);
  CHECK(decomposition::largest_eigenvalue(6, 4, zero.data()) == 0.0);
}

TEST_CASE("methods agree on the minimum of L1, for any number of threads") {
  Random random(9);
  const Index p = 14, K = 33, n = 70;
  const std::vector<double> a = unit_atoms(random, p, K);
  std::vector<double> s(static_cast<std::size_t>(p * n));
  for (double& entry : s) entry = random.uniform(-2.0, 2.0);
  SilentMonitor monitor;
  const auto dense = [&](Method method, int n_threads) {
    CodingOptions options;
    options.method = method;
    options.shape = Shape::l1;
    options.alpha = 0.3;
    options.tol = 1e-10;
    options.max_iter = 100000;
    options.n_threads = n_threads;
    const SparseCoder<double> coder({a.data(), p, K, p}, method);
    const auto codes = coder.encode({s.data(), p, n, p}, options, monitor);
    CHECK(codes.n_unfinished == 0);
    std::vector<double> out(static_cast<std::size_t>(K * n), 0.0);
    for (Index i = 0; i < n; ++i) {
      for (auto e = codes.starts[static_cast<std::size_t>(i)];
           e < codes.starts[static_cast<std::size_t>(i) + 1]; ++e) {
        const auto at = static_cast<std::size_t>(e);
        out[static_cast<std::size_t>(i * K + codes.atoms[at])] = codes.values[at];
      }
    }
    return out;
  };
  const std::vector<double> descent = dense(Method::cd, 1);
  CHECK(descent == dense(Method::cd, 3));
  for (const Method method : {Method::ista, Method::fista}) {
    const std::vector<double> other = dense(method, 2);
    for (std::size_t e = 0; e < descent.size(); ++e) {
      REQUIRE(other[e] == doctest::Approx(descent[e]).epsilon(1e-5));
    }
  }
}
