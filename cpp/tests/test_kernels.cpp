// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linalg/kernels.hpp"

#include <doctest/doctest.h>

#include "reference.hpp"

using namespace taut::linalg;
using reference::at;
using reference::Random;
using taut::Index;

namespace {

constexpr double k_eps = 2.3e-16;

/// A sum of n products in any order errs by at most about n eps sum |x v|; 4 n leaves room for the
/// third factor of a weighted one.
struct Sum {
  long double value = 0.0L, size = 0.0L;
  void add(long double term) {
    value += term;
    size += std::abs(term);
  }
  bool matches(double got, Index n) const {
    return std::abs(static_cast<double>(got - value)) <=
           4.0 * static_cast<double>(n + 1) * k_eps * static_cast<double>(size);
  }
};

template <class T>
std::vector<T> entries(Index n, unsigned seed) {
  Random random(seed);
  std::vector<T> out(at(n));
  for (T& x : out) x = static_cast<T>(random.normal());
  return out;
}

template <class T>
void check_dots() {
  // Every remainder of 16 lanes, and lengths with several rounds of them.
  for (Index n = 0; n < 70; ++n) {
    const auto x = entries<T>(n + 1, 1);
    const auto v = entries<double>(n + 1, 2), s = entries<double>(n + 1, 3);
    Sum plain, weighted, total;
    for (Index i = 0; i < n; ++i) {
      plain.add(static_cast<long double>(x[at(i)]) * v[at(i)]);
      weighted.add(static_cast<long double>(s[at(i)]) * x[at(i)] * v[at(i)]);
      total.add(v[at(i)]);
    }
    CHECK(plain.matches(dot(x.data(), v.data(), n), n));
    CHECK(weighted.matches(weighted_dot(s.data(), x.data(), v.data(), n), n));
    CHECK(total.matches(sum(v.data(), n), n));
  }
}

}  // namespace

TEST_CASE("kernels: dot products agree with a plain loop at every length") {
  SUBCASE("double") { check_dots<double>(); }
  SUBCASE("float") { check_dots<float>(); }
}

TEST_CASE("kernels: float entries meet double arithmetic") {
  const auto x = entries<float>(1003, 4);
  const auto v = entries<double>(1003, 5);
  const std::vector<double> wide(x.begin(), x.end());
  CHECK(dot(x.data(), v.data(), 1003) == dot(wide.data(), v.data(), 1003));
  CHECK(weighted_dot(v.data(), x.data(), v.data(), 1003) ==
        weighted_dot(v.data(), wide.data(), v.data(), 1003));
  // 2^24 + 1 is no float: a float accumulator would lose the ones.
  const std::vector<float> big{16777216.0F, 1.0F, 1.0F};
  const std::vector<double> ones{1.0, 1.0, 1.0};
  CHECK(dot(big.data(), ones.data(), 3) == 16777218.0);
}

TEST_CASE("kernels: axpy and axpy4 add to the vector and touch nothing behind it") {
  for (Index n = 0; n < 40; ++n) {
    const auto x0 = entries<float>(n, 1), x1 = entries<float>(n, 2);
    const auto x2 = entries<float>(n, 3), x3 = entries<float>(n, 4);
    const auto start = entries<double>(n + 1, 5);
    const double a[4] = {0.3, -1.7, 2.2, 0.01};
    std::vector<double> one = start, four = start;
    axpy(a[1], x1.data(), one.data(), n);
    axpy4(a, x0.data(), x1.data(), x2.data(), x3.data(), four.data(), n);
    for (Index i = 0; i < n; ++i) {
      const std::size_t t = at(i);
      Sum expected_one, expected_four;
      expected_one.add(start[t]);
      expected_one.add(static_cast<long double>(a[1]) * x1[t]);
      CHECK(expected_one.matches(one[t], 1));
      expected_four.add(start[t]);
      expected_four.add(static_cast<long double>(a[0]) * x0[t]);
      expected_four.add(static_cast<long double>(a[1]) * x1[t]);
      expected_four.add(static_cast<long double>(a[2]) * x2[t]);
      expected_four.add(static_cast<long double>(a[3]) * x3[t]);
      CHECK(expected_four.matches(four[t], 5));
    }
    CHECK(one[at(n)] == start[at(n)]);
    CHECK(four[at(n)] == start[at(n)]);
  }
}

TEST_CASE("kernels: products with several columns agree with a loop for each") {
  for (Index n : {0, 1, 7, 33}) {
    const Index ld = n + 3;
    const auto x = entries<double>(n, 1);
    for (Index count = 0; count <= 9; ++count) {
      const auto v = entries<double>(ld * (count + 1), 2);
      std::vector<double> out(at(count + 1), 77.0);
      dot_columns(x.data(), v.data(), ld, n, count, out.data());
      for (Index c = 0; c < count; ++c) {
        Sum expected;
        for (Index i = 0; i < n; ++i) {
          expected.add(static_cast<long double>(x[at(i)]) * v[at(c * ld + i)]);
        }
        CHECK(expected.matches(out[at(c)], n));
      }
      CHECK(out[at(count)] == 77.0);
    }
  }
}

TEST_CASE("kernels: NaN and infinity are not swallowed") {
  for (Index n : {1, 16, 21}) {
    for (Index i = 0; i < n; ++i) {
      std::vector<double> x(at(n), 1.0), v(at(n), 0.0);
      x[at(i)] = std::numeric_limits<double>::quiet_NaN();
      CHECK(std::isnan(dot(x.data(), v.data(), n)));
      CHECK(std::isnan(weighted_dot(v.data(), v.data(), x.data(), n)));
      CHECK(std::isnan(sum(x.data(), n)));
      x[at(i)] = reference::k_inf;
      CHECK(std::isnan(dot(x.data(), v.data(), n)));  // 0 * inf
      CHECK(sum(x.data(), n) == reference::k_inf);
    }
  }
}
