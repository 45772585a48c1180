// SPDX-License-Identifier: BSD-3-Clause
#include "taut/design/standardized.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "reference.hpp"

using namespace taut;
using design::Csc;
using design::Dense;
using design::Design;
using design::Standardized;
using reference::at;
using reference::k_inf;
using reference::Matrix;
using reference::Random;
using reference::SparseCopy;

namespace {

/// Columns of different location and size, about a third of the entries zero; one of them empty.
Matrix sample(Index n, Index p, unsigned seed) {
  Random random(seed);
  Matrix X(n, p);
  for (Index j = 0; j < p; ++j) {
    const double mean = random.uniform(-2.0, 2.0), size = random.uniform(0.2, 3.0);
    for (Index i = 0; i < n; ++i) {
      if (j != 3 && random.uniform() < 0.7) X(i, j) = mean + size * random.normal();
    }
  }
  return X;
}

/// Means, scales and norms from their definitions, in two passes of long double.
struct Moments {
  std::vector<double> mean, scale, norm;

  Moments(const Matrix& X, const std::vector<double>& s, bool centre, bool scaled) {
    for (Index j = 0; j < X.cols; ++j) {
      long double m = 0, variance = 0, square = 0;
      for (Index i = 0; i < X.rows; ++i) m += static_cast<long double>(s[at(i)]) * X(i, j);
      for (Index i = 0; i < X.rows; ++i) {
        variance += s[at(i)] * (X(i, j) - m) * (X(i, j) - m);
        square += static_cast<long double>(s[at(i)]) * X(i, j) * X(i, j);
      }
      // A constant column that is scaled and not centred becomes zero.
      const double flat = centre ? 1.0 : std::numeric_limits<double>::infinity();
      const long double d = !scaled ? 1.0L : (variance > 0 ? std::sqrt(variance) : flat);
      mean.push_back(centre ? static_cast<double>(m) : 0.0);
      scale.push_back(static_cast<double>(d));
      norm.push_back(static_cast<double>(std::sqrt(centre ? variance : square) / d));
    }
  }
};

Matrix standardise(const Matrix& X, const Moments& m) {
  Matrix Z = X;
  for (Index j = 0; j < X.cols; ++j) {
    for (Index i = 0; i < X.rows; ++i) Z(i, j) = (X(i, j) - m.mean[at(j)]) / m.scale[at(j)];
  }
  return Z;
}

double relative(double got, double expected) {
  if (got == expected) return 0.0;  // infinite ones too
  return std::abs(got - expected) / std::max(1e-300, std::abs(expected));
}

/// Calls f(design) for a dense and for a sparse view of X, the latter with rows out of order.
template <class F>
void each_storage(const Matrix& X, F&& f) {
  const Dense<double> dense({X.data.data(), X.rows, X.cols, X.rows});
  const SparseCopy<double, std::int64_t> copy(X, 11);
  const Csc<double, std::int64_t> sparse(copy.view());
  SUBCASE("dense") { f(static_cast<const Design&>(dense)); }
  SUBCASE("sparse") { f(static_cast<const Design&>(sparse)); }
}

/// The four choices of centring and scaling.
template <class F>
void each_choice(F&& f) {
  for (bool centre : {false, true}) {
    for (bool scale : {false, true}) {
      CAPTURE(centre);
      CAPTURE(scale);
      f(centre, scale);
    }
  }
}

}  // namespace

TEST_CASE("standardized: means, scales, norms and first products are those of two passes") {
  const Index n = 90, p = 70;  // more columns than a block of the parallel pass
  const Matrix X = sample(n, p, 1);
  Random random(2);
  const std::vector<double> s = random.weights(n, 4), u = random.normals(n);
  each_storage(X, [&](const Design& D) {
    each_choice([&](bool centre, bool scale) {
      const Moments expected(X, s, centre, scale);
      const Matrix Z = standardise(X, expected);
      const Standardized got(D, s.data(), centre, scale, u.data(), 2);
      CHECK(got.finite());
      CHECK(got.centred() == centre);
      CHECK(&got.raw() == &D);
      for (Index j = 0; j < p; ++j) {
        CAPTURE(j);
        CHECK(std::abs(got.mean(j) - expected.mean[at(j)]) < 1e-14);
        CHECK(relative(got.scale(j), expected.scale[at(j)]) < 1e-12);
        CHECK(std::abs(got.norm(j) - expected.norm[at(j)]) < 1e-12);
        long double product = 0;
        for (Index i = 0; i < n; ++i) product += static_cast<long double>(Z(i, j)) * u[at(i)];
        CHECK(std::abs(static_cast<double>(product - got.product()[at(j)])) < 1e-11);
      }
      CHECK(got.norm(3) == 0.0);  // the empty column
      CHECK(std::isinf(got.scale(3)) == (scale && !centre));
    });
  });
}

TEST_CASE("standardized: products, combinations and packed columns agree with explicit columns") {
  const Index n = 90, p = 70;
  const Matrix X = sample(n, p, 3);
  Random random(4);
  const std::vector<double> s = random.weights(n), u = random.normals(3 * n);
  double sums[3] = {};
  for (Index k = 0; k < 3; ++k) {
    for (Index i = 0; i < n; ++i) sums[k] += u[at(k * n + i)];
  }
  each_storage(X, [&](const Design& D) {
    each_choice([&](bool centre, bool scale) {
      const Matrix Z = standardise(X, Moments(X, s, centre, scale));
      const Standardized got(D, s.data(), centre, scale, nullptr, 1);
      const auto expected = [&](Index j, Index k) {
        long double sum = 0;
        for (Index i = 0; i < n; ++i) sum += static_cast<long double>(Z(i, j)) * u[at(k * n + i)];
        return static_cast<double>(sum);
      };
      for (int threads : {1, 3}) {
        std::vector<double> all(at(p));
        got.products(u.data(), nullptr, p, threads, all.data());
        const Index some[] = {5, 3, 60, 5, 0};
        double out[6] = {0, 0, 0, 0, 0, 77.0};
        got.products(u.data(), some, 5, threads, out);
        for (Index j = 0; j < p; ++j) CHECK(std::abs(all[at(j)] - expected(j, 0)) < 1e-11);
        for (Index c = 0; c < 5; ++c) CHECK(out[c] == all[at(some[c])]);
        CHECK(out[5] == 77.0);
      }
      for (Index j : {0, 3, 33}) {
        CHECK(std::abs(got.dot(j, u.data(), sums[0]) - expected(j, 0)) < 1e-11);
        double three[3];
        got.dots(j, u.data(), sums, 3, three);
        for (Index k = 0; k < 3; ++k) CHECK(std::abs(three[k] - expected(j, k)) < 1e-11);

        std::vector<double> packed(20);
        got.pack(j, nullptr, 30, 50, packed.data());
        for (Index i = 0; i < 20; ++i) CHECK(std::abs(packed[at(i)] - Z(30 + i, j)) < 1e-12);
        got.pack(j, u.data(), 30, 50, packed.data());
        for (Index i = 0; i < 20; ++i) {
          CHECK(std::abs(packed[at(i)] - u[at(30 + i)] * Z(30 + i, j)) < 1e-12);
        }
      }
      // eta + sum_j a_j z_j, the constant returned and not added.
      for (Index count : {1, 4, 7}) {
        std::vector<Index> columns;
        for (Index c = 0; c < count; ++c) columns.push_back((7 * c + 1) % p);
        const std::vector<double> a = random.normals(count);
        std::vector<double> one(u.begin(), u.begin() + n), at_once = one, used = a;
        double constant = 0.0;
        for (Index c = 0; c < count; ++c)
          constant += got.add_to(columns[at(c)], a[at(c)], one.data());
        const double together = got.add_to(columns.data(), used.data(), count, at_once.data());
        for (Index i = 0; i < n; ++i) {
          long double sum = u[at(i)];
          for (Index c = 0; c < count; ++c) sum += a[at(c)] * Z(i, columns[at(c)]);
          CHECK(std::abs(static_cast<double>(sum) - (one[at(i)] + constant)) < 1e-11);
          CHECK(std::abs(static_cast<double>(sum) - (at_once[at(i)] + together)) < 1e-11);
        }
      }
    });
  });
}

TEST_CASE("standardized: Gram matrices with weights of any sign, dense and sparse, are Z'HZ") {
  const Index n = 300, p = 110;  // past a panel of 256 rows and a tile of 96 columns
  const Matrix X = sample(n, p, 5);
  Random random(6);
  const std::vector<double> s = random.weights(n, 3), h = random.normals(n);
  std::vector<Index> J, K{4, 3, 100, 4};
  for (Index j = 0; j < p; ++j) J.push_back((j * 37) % p);
  const Index nJ = p, nK = 4, ldo = p + 3;
  each_storage(X, [&](const Design& D) {
    each_choice([&](bool centre, bool scale) {
      const Matrix Z = standardise(X, Moments(X, s, centre, scale));
      const Standardized got(D, s.data(), centre, scale, nullptr, 1);
      std::vector<double> first;
      for (int threads : {1, 2, 4}) {
        std::vector<double> out(at(ldo * nK), 77.0);
        got.gram(J.data(), nJ, K.data(), nK, h.data(), threads, out.data(), ldo);
        if (first.empty()) {
          first = out;
          for (Index b = 0; b < nK; ++b) {
            for (Index a = 0; a < nJ; ++a) {
              long double sum = 0;
              for (Index i = 0; i < n; ++i) {
                sum += static_cast<long double>(h[at(i)]) * Z(i, J[at(a)]) * Z(i, K[at(b)]);
              }
              // 300 terms of size below 50.
              CHECK(std::abs(static_cast<double>(sum) - out[at(b * ldo + a)]) < 1e-10);
            }
            for (Index a = nJ; a < ldo; ++a) CHECK(out[at(b * ldo + a)] == 77.0);
          }
        }
        CHECK(out == first);
      }
    });
  });
}

TEST_CASE("standardized: the Gram matrix of a list with itself is whole and symmetric") {
  const Index n = 300, p = 120, m = 105;
  const Matrix X = sample(n, p, 16);
  Random random(17);
  const std::vector<double> s = random.weights(n), h = random.normals(n);
  std::vector<Index> J;
  for (Index j = 0; j < m; ++j) J.push_back((j * 43) % p);
  const std::vector<Index> copy = J;
  each_storage(X, [&](const Design& D) {
    const Standardized got(D, s.data(), true, true, nullptr, 1);
    std::vector<double> same(at(m * m), 77.0), apart(at(m * m), 77.0), more(at(m * m), 77.0);
    got.gram(J.data(), m, J.data(), m, h.data(), 1, same.data(), m);
    got.gram(J.data(), m, J.data(), m, h.data(), 3, more.data(), m);
    got.gram(J.data(), m, copy.data(), m, h.data(), 1, apart.data(), m);
    double worst = 0.0;
    for (Index a = 0; a < m; ++a) {
      for (Index b = 0; b < m; ++b) {
        worst = std::max(worst, std::abs(same[at(a * m + b)] - same[at(b * m + a)]));
        worst = std::max(worst, std::abs(same[at(a * m + b)] - apart[at(a * m + b)]));
      }
    }
    CHECK(worst < 1e-10);
    CHECK(more == same);
  });
}

TEST_CASE("standardized: the full Gram matrix is Z'SZ, both triangles, the same for any threads") {
  for (Index n : {40, 300}) {
    const Index p = 110;
    const Matrix X = sample(n, p, 7);
    Random random(8);
    const std::vector<double> s = random.weights(n, 3);
    const Dense<double> D({X.data.data(), n, p, n});
    each_choice([&](bool centre, bool scale) {
      const Matrix Z = standardise(X, Moments(X, s, centre, scale));
      const Standardized got(D, s.data(), centre, scale, nullptr, 1);
      std::vector<double> out(at(p * p), 77.0), more(at(p * p));
      taut::SilentMonitor silent;
      got.full_gram(1, out.data(), silent);
      double worst = 0.0;
      for (Index a = 0; a < p; ++a) {
        for (Index b = 0; b < p; ++b) {
          long double sum = 0;
          for (Index i = 0; i < n; ++i) {
            sum += static_cast<long double>(s[at(i)]) * Z(i, a) * Z(i, b);
          }
          worst = std::max(worst, std::abs(static_cast<double>(sum) - out[at(b * p + a)]));
        }
      }
      CHECK(worst < 1e-12);
      for (int threads : {2, 4}) {
        got.full_gram(threads, more.data(), silent);
        CHECK(more == out);
      }
    });
  }
}

TEST_CASE("standardized: a small variance about a large mean keeps its digits") {
  // One pass would lose the variance entirely: 1 against 1e16. Entries hold 8 digits of the noise.
  const Index n = 400;
  Random random(9);
  Matrix X(n, 2);
  for (Index i = 0; i < n; ++i) {
    X(i, 0) = 1e8 + random.normal();
    X(i, 1) = -1e5 + 1e-3 * random.normal();
  }
  const std::vector<double> s = random.weights(n, 7);
  const Moments expected(X, s, true, true);
  const Dense<double> D({X.data.data(), n, 2, n});
  const Standardized got(D, s.data(), true, true, nullptr, 1);
  const Standardized plain(D, s.data(), true, false, nullptr, 1);
  for (Index j = 0; j < 2; ++j) {
    CHECK(relative(got.mean(j), expected.mean[at(j)]) < 1e-14);
    // An error e of the mean adds e^2 to the variance: (1e8 * 1e-15)^2 = 1e-14.
    CHECK(relative(got.scale(j), expected.scale[at(j)]) < 1e-9);
    CHECK(std::abs(got.norm(j) - 1.0) < 1e-9);
    CHECK(relative(plain.norm(j), expected.scale[at(j)]) < 1e-9);
  }
}

TEST_CASE("standardized: dense constant columns have norm 0 and scale 1, whatever their value") {
  for (Index n : {1, 2, 7, 50, 1000}) {
    for (double level : {1.0, 0.1, -3.7, 1e8 + 0.3, 1e-12, 1e150}) {
      const std::vector<double> x(at(n), level);
      Random random(12);
      for (const auto& s :
           {std::vector<double>(at(n), 1.0 / static_cast<double>(n)), random.weights(n)}) {
        const Dense<double> D({x.data(), n, 1, n});
        CAPTURE(n);
        CAPTURE(level);
        const Standardized both(D, s.data(), true, true, nullptr, 1);
        CHECK(both.norm(0) == 0.0);
        CHECK(both.scale(0) == 1.0);
        CHECK(relative(both.mean(0), level) < 1e-12);
        const Standardized centred(D, s.data(), true, false, nullptr, 1);
        CHECK(centred.norm(0) == 0.0);
        const Standardized raw(D, s.data(), false, false, nullptr, 1);
        CHECK(relative(raw.norm(0), std::abs(level)) < 1e-12);
      }
    }
  }
}

TEST_CASE("standardized: a column that varies where weights are zero only is constant") {
  const Index n = 30;
  Matrix X(n, 1);
  std::vector<double> s(at(n), 0.0);
  for (Index i = 0; i < n; ++i) {
    X(i, 0) = i % 3 == 0 ? 2.5 : static_cast<double>(i);
    if (i % 3 == 0) s[at(i)] = 0.1;
  }
  const Dense<double> D({X.data.data(), n, 1, n});
  const Standardized got(D, s.data(), true, true, nullptr, 1);
  CHECK(got.norm(0) == 0.0);
  CHECK(got.scale(0) == 1.0);
  CHECK(std::abs(got.mean(0) - 2.5) < 1e-14);
}

TEST_CASE("standardized: NaN and infinity anywhere are found, also where the weight is zero") {
  const Index n = 37, p = 67;
  const Matrix clean = sample(n, p, 13);
  std::vector<double> s(at(n), 1.0 / 36.0);
  s[5] = 0.0;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  each_storage(clean, [&](const Design& D) {
    CHECK(Standardized(D, s.data(), true, true, nullptr, 1).finite());
  });
  for (double bad : {nan, k_inf, -k_inf}) {
    for (Index i : {0, 5, 31, 36}) {
      for (Index j : {0, 3, 64, 66}) {
        Matrix X = clean;
        X(i, j) = bad;
        CAPTURE(bad);
        CAPTURE(i);
        CAPTURE(j);
        const Dense<double> dense({X.data.data(), n, p, n});
        const SparseCopy<double, std::int32_t> copy(X);
        const Csc<double, std::int32_t> sparse(copy.view());
        each_choice([&](bool centre, bool scale) {
          CHECK_FALSE(Standardized(dense, s.data(), centre, scale, nullptr, 1).finite());
          CHECK_FALSE(Standardized(sparse, s.data(), centre, scale, nullptr, 1).finite());
        });
      }
    }
  }
}

TEST_CASE(
    "standardized: a column that varies where weights are zero only is constant, sparse too") {
  const Index n = 30;
  Matrix X(n, 1);
  std::vector<double> s(at(n), 0.0);
  for (Index i = 0; i < n; ++i) {
    X(i, 0) = i % 3 == 0 ? 2.5 : static_cast<double>(i);
    if (i % 3 == 0) s[at(i)] = 0.1;
  }
  each_storage(X, [&](const Design& D) {
    const Standardized got(D, s.data(), true, true, nullptr, 1);
    CHECK(got.norm(0) == 0.0);
    CHECK(got.scale(0) == 1.0);
    CHECK(std::abs(got.mean(0) - 2.5) < 1e-14);
  });
}

TEST_CASE("standardized: constant columns are found sparse and dense, and among many rows") {
  for (Index n : {7, 50, 1000, 200000}) {
    for (double level : {1.0, 0.1, -3.7, 1e8 + 0.3}) {
      Matrix X(n, 1);
      X.data.assign(at(n), level);
      Random random(14);
      for (const auto& s :
           {std::vector<double>(at(n), 1.0 / static_cast<double>(n)), random.weights(n)}) {
        CAPTURE(n);
        CAPTURE(level);
        const Dense<double> dense({X.data.data(), n, 1, n});
        const SparseCopy<double, std::int32_t> copy(X);
        const Csc<double, std::int32_t> sparse(copy.view());
        for (const Design* D :
             {static_cast<const Design*>(&dense), static_cast<const Design*>(&sparse)}) {
          const Standardized got(*D, s.data(), true, true, nullptr, 1);
          CHECK(got.norm(0) == 0.0);
          CHECK(got.scale(0) == 1.0);
          CHECK(relative(got.mean(0), level) < 1e-11);
        }
      }
    }
  }
}

TEST_CASE("standardized: a small variance about a large mean in a full sparse column") {
  const Index n = 200;
  Random random(15);
  Matrix X(n, 1);
  for (double& x : X.data) x = 1e6 + random.normal();
  const std::vector<double> s = random.weights(n);
  const SparseCopy<double, std::int32_t> copy(X);
  const Csc<double, std::int32_t> sparse(copy.view());
  const Moments expected(X, s, true, true);
  const Standardized got(sparse, s.data(), true, true, nullptr, 1);
  // The mean errs by 1e-15 of 1e6 at most; a share eps of mean^2 in the variance would show as 1e-4.
  CHECK(relative(got.scale(0), expected.scale[0]) < 1e-9);
}

TEST_CASE("standardized: a sparse column that is constant but for absent rows of weight zero") {
  // What a training fold makes of a column of ones with a few zeros.
  const Index n = 60;
  Matrix X(n, 1);
  for (Index i = 0; i < n; ++i) X(i, 0) = i % 4 == 0 ? 0.0 : 0.7;
  const Dense<double> dense({X.data.data(), n, 1, n});
  const SparseCopy<double, std::int32_t> copy(X);
  const Csc<double, std::int32_t> sparse(copy.view());
  for (unsigned seed = 1; seed <= 20; ++seed) {  // the sum of the weights is 1 up to rounding
    const std::vector<double> s = Random(seed).weights(n, 4);
    for (const Design* D :
         {static_cast<const Design*>(&dense), static_cast<const Design*>(&sparse)}) {
      const Standardized got(*D, s.data(), true, true, nullptr, 1);
      CHECK(got.norm(0) == 0.0);
      CHECK(got.scale(0) == 1.0);
    }
  }
}
