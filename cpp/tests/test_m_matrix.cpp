// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linalg/m_matrix.hpp"

#include <doctest/doctest.h>

#include "reference.hpp"

using namespace taut;
using linalg::MMatrixInverse;
using linalg::PackedLeft;
using reference::at;
using reference::Random;

namespace {

/// s I - B with B >= 0 of row sums at most 1, columns ld apart, entries below set to junk.
template <class T>
std::vector<T> z_matrix(Index n, Index ld, double s, Random& random) {
  std::vector<T> a(at(n * ld), T(7));
  for (Index j = 0; j < n; ++j) {
    for (Index i = 0; i < n; ++i) {
      const double b = random.uniform(0.0, 1.0 / static_cast<double>(n));
      a[at(j * ld + i)] = static_cast<T>((i == j ? s : 0.0) - b);
    }
  }
  return a;
}

template <class T>
void check_inverse(double tolerance) {
  Random random(3);
  MMatrixInverse<T> inverse;
  for (Index n : {1, 2, 5, 23, 24, 25, 48, 61, 100, 130}) {
    const Index ld = PackedLeft<T>::padded_rows(n) + PackedLeft<T>::granule;
    const std::vector<T> a = z_matrix<T>(n, ld, 1.1, random);
    std::vector<T> m = a, threaded = a;
    REQUIRE(inverse.invert(n, m.data(), ld, 1));
    const double log_det = inverse.log_det();
    REQUIRE(inverse.invert(n, threaded.data(), ld, 3));
    CHECK(m == threaded);
    std::vector<T> filled(a.size(), T(-1));
    const auto fill = [&](Index from, Index to) {
      std::copy(a.begin() + from * ld, a.begin() + to * ld, filled.begin() + from * ld);
    };
    REQUIRE(inverse.invert(n, filled.data(), ld, 3, fill));
    CHECK(std::equal(m.begin(), m.begin() + n * ld, filled.begin()));
    double worst = 0.0, least = 0.0;
    for (Index j = 0; j < n; ++j) {
      for (Index i = 0; i < n; ++i) {
        double sum = i == j ? -1.0 : 0.0;
        for (Index k = 0; k < n; ++k) {
          sum += static_cast<double>(a[at(k * ld + i)]) * static_cast<double>(m[at(j * ld + k)]);
        }
        worst = std::max(worst, std::abs(sum));
        least = std::min(least, static_cast<double>(m[at(j * ld + i)]));
      }
    }
    CHECK(worst < tolerance);
    CHECK(least >= 0.0);
    // Gaussian elimination in long double.
    std::vector<long double> b(a.begin(), a.end());
    long double expected = 0.0L;
    for (Index k = 0; k < n; ++k) {
      const long double pivot = b[at(k * ld + k)];
      expected += std::log(pivot);
      for (Index j = k + 1; j < n; ++j) {
        const long double t = b[at(j * ld + k)] / pivot;
        for (Index i = k + 1; i < n; ++i) b[at(j * ld + i)] -= t * b[at(k * ld + i)];
      }
    }
    CHECK(std::abs(log_det - static_cast<double>(expected)) < tolerance);
  }
}

}  // namespace

TEST_CASE("M-matrix inverse: A times it is I, no entry is negative, any number of threads") {
  check_inverse<double>(1e-12);
  check_inverse<float>(1e-4);
}

TEST_CASE("M-matrix inverse: refused exactly where the spectral radius reaches s") {
  for (Index n : {2, 24, 40, 75}) {
    // A cycle through all nodes with weights c: spectral radius c.
    for (double c : {0.5, 0.999, 1.001, 3.0}) {
      const Index ld = PackedLeft<double>::padded_rows(n);
      std::vector<double> a(at(n * ld), 0.0);
      for (Index j = 0; j < n; ++j) {
        a[at(j * ld + j)] = 1.0;
        a[at(j * ld + (j + 1) % n)] -= c;
      }
      MMatrixInverse<double> inverse;
      CHECK(inverse.invert(n, a.data(), ld, 1) == (c < 1.0));
    }
  }
  double nan = std::nan("");
  std::vector<double> a(at(PackedLeft<double>::padded_rows(1)), nan);
  CHECK_FALSE(MMatrixInverse<double>().invert(1, a.data(), PackedLeft<double>::padded_rows(1), 1));
}
