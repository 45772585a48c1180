// SPDX-License-Identifier: BSD-3-Clause
#include "taut/design/design.hpp"

#include <doctest/doctest.h>

#include "reference.hpp"
#include "taut/design/packed.hpp"

using namespace taut;
using design::ColumnScan;
using design::Csc;
using design::Dense;
using design::Design;
using reference::at;
using reference::Matrix;
using reference::Random;
using reference::SparseCopy;

namespace {

/// Multiples of 1/8 below 4, so that float holds them exactly; column 2 and the last one are empty.
Matrix sample(Index n, Index p, double density, unsigned seed) {
  Random random(seed);
  Matrix X(n, p);
  for (Index j = 0; j < p; ++j) {
    if (j == 2 || j == p - 1) continue;
    for (Index i = 0; i < n; ++i) {
      if (random.uniform() < density) X(i, j) = 0.125 * static_cast<double>(random.below(63) - 31);
    }
  }
  return X;
}

/// Sums of n terms of size below 16: 16 n eps.
double tolerance(Index n) { return 4e-15 * static_cast<double>(n + 1); }

/// Every operation of a design against loops over the explicit matrix.
void check(const Design& D, const Matrix& X, bool sparse) {
  const Index n = X.rows, p = X.cols;
  const double tol = tolerance(n);
  Random random(17);
  const Index ld = n + 3;
  const std::vector<double> v = random.normals(9 * ld + 1), h = random.normals(n + 1);
  const std::vector<double> s = random.weights(n, n > 1 ? 5 : 0);
  REQUIRE(D.rows() == n);
  REQUIRE(D.cols() == p);
  CHECK(D.is_sparse() == sparse);

  for (Index j = 0; j < p; ++j) {
    CAPTURE(j);
    long double dot = 0, weighted = 0, sum = 0, square = 0, product = 0, centred = 0;
    Index nonzero = 0;
    for (Index i = 0; i < n; ++i) {
      const long double x = X(i, j);
      nonzero += X(i, j) != 0.0;
      dot += x * v[at(i)];
      weighted += h[at(i)] * x * v[at(i)];
      sum += s[at(i)] * x;
      square += s[at(i)] * x * x;
      product += h[at(i)] * x;
      centred += s[at(i)] * (x - 0.7L) * (x - 0.7L);
    }
    const auto near = [&](double got, long double expected) {
      return std::abs(static_cast<double>(got - expected)) <= tol;
    };
    CHECK(D.column_entries(j) == (sparse ? nonzero : n));
    CHECK(near(D.dot(j, v.data()), dot));
    CHECK(near(D.weighted_dot(j, h.data(), v.data()), weighted));
    const ColumnScan scan = D.scan(j, s.data(), h.data());
    CHECK(near(scan.weighted_sum, sum));
    CHECK(near(scan.weighted_square, square));
    CHECK(near(scan.product, product));
    const design::CentredScan about = D.centred_scan(j, s.data(), 0.7);
    CHECK(near(about.sum, sum - 0.7L));  // weights sum to 1
    CHECK(near(about.square, centred));

    for (Index count = 0; count <= 9; ++count) {
      std::vector<double> out(at(count + 1), 77.0);
      D.dots(j, v.data(), ld, count, out.data());
      for (Index c = 0; c < count; ++c) {
        CHECK(std::abs(out[at(c)] - D.dot(j, v.data() + c * ld)) <= tol);
      }
      CHECK(out[at(count)] == 77.0);
    }

    std::vector<double> moved(v.begin(), v.begin() + n + 1);
    D.axpy(j, -0.75, moved.data());
    for (Index i = 0; i < n; ++i) CHECK(near(moved[at(i)], v[at(i)] - 0.75L * X(i, j)));
    CHECK(moved[at(n)] == v[at(n)]);

    for (const auto& [begin, end] : {std::pair<Index, Index>{0, n}, {n / 3, n - n / 4}, {n, n}}) {
      std::vector<double> rows(at(end - begin + 1), 77.0);
      D.copy_rows(j, begin, end, rows.data());
      for (Index i = begin; i < end; ++i) CHECK(rows[at(i - begin)] == X(i, j));
      CHECK(rows[at(end - begin)] == 77.0);
    }

    std::vector<Index> some;
    for (Index i = n / 3; i < n; i += 2) some.push_back(i);
    std::vector<double> gathered(some.size() + 1, 77.0);
    D.gather_rows(j, some.data(), static_cast<Index>(some.size()), gathered.data());
    for (std::size_t i = 0; i < some.size(); ++i) CHECK(gathered[i] == X(some[i], j));
    CHECK(gathered.back() == 77.0);

    std::vector<double> val{3.0};
    std::vector<std::int32_t> idx{-1};
    D.append_entries(j, val, idx);
    REQUIRE(val.size() == idx.size());
    CHECK(static_cast<Index>(val.size()) == nonzero + 1);
    CHECK(val[0] == 3.0);
    CHECK(idx[0] == -1);
    std::vector<double> spread(at(n), 0.0);
    for (std::size_t e = 1; e < val.size(); ++e) spread[at(idx[e])] += val[e];
    for (Index i = 0; i < n; ++i) CHECK(spread[at(i)] == X(i, j));
  }

  // Any list of columns, one of them twice.
  const std::vector<double> a = random.normals(10);
  for (Index count = 0; count <= 10; ++count) {
    std::vector<Index> columns;
    for (Index c = 0; c < count; ++c) columns.push_back(c == 9 ? columns[0] : random.below(p));
    std::vector<double> moved(v.begin(), v.begin() + n);
    D.axpys(columns.data(), a.data(), count, moved.data());
    for (Index i = 0; i < n; ++i) {
      long double expected = v[at(i)];
      for (Index c = 0; c < count; ++c) expected += a[at(c)] * X(i, columns[at(c)]);
      CHECK(std::abs(static_cast<double>(moved[at(i)] - expected)) <= tolerance(16));
    }
  }
}

template <class T, class I>
void check_sparse(const Matrix& X, unsigned shuffle) {
  const SparseCopy<T, I> copy(X, shuffle);
  check(Csc<T, I>(copy.view()), X, true);
}

}  // namespace

TEST_CASE("design: dense storage of either precision, with columns further apart than rows") {
  for (Index n : {1, 7, 16, 53}) {
    const Matrix X = sample(n, 6, 0.8, 1);
    const Index ld = n + 5;
    std::vector<double> wide(at(ld * 6), 1e300);
    std::vector<float> narrow(at(ld * 6), 1e30F);
    for (Index j = 0; j < 6; ++j) {
      for (Index i = 0; i < n; ++i) {
        wide[at(j * ld + i)] = X(i, j);
        narrow[at(j * ld + i)] = static_cast<float>(X(i, j));
      }
    }
    check(Dense<double>({wide.data(), n, 6, ld}), X, false);
    check(Dense<float>({narrow.data(), n, 6, ld}), X, false);
    check(Dense<double>({X.data.data(), n, 6, n}), X, false);
  }
}

TEST_CASE("design: sparse storage of either precision and index, rows in any order") {
  for (Index n : {1, 7, 16, 53}) {
    for (double density : {0.05, 0.4, 1.0}) {
      const Matrix X = sample(n, 6, density, 2);
      for (unsigned shuffle : {0U, 3U}) {
        check_sparse<double, std::int32_t>(X, shuffle);
        check_sparse<double, std::int64_t>(X, shuffle);
        check_sparse<float, std::int32_t>(X, shuffle);
        check_sparse<float, std::int64_t>(X, shuffle);
      }
    }
  }
}

TEST_CASE("design: float entries are summed in double") {
  const float column[3] = {16777216.0F, 1.0F, 1.0F};
  const std::int32_t idx[3] = {0, 1, 2}, ptr[2] = {0, 3};
  const double ones[3] = {1.0, 1.0, 1.0};
  CHECK(Dense<float>({column, 3, 1, 3}).dot(0, ones) == 16777218.0);
  CHECK(Csc<float, std::int32_t>({column, idx, ptr, 3, 1}).dot(0, ones) == 16777218.0);
}

TEST_CASE("design: packed columns are those of the design, in the order of arrival") {
  const Matrix X = sample(40, 8, 0.3, 5);
  const SparseCopy<float, std::int64_t> copy(X, 9);
  const Csc<float, std::int64_t> sparse(copy.view());
  const Dense<double> dense({X.data.data(), 40, 8, 40});
  Random random(6);
  const std::vector<double> v = random.normals(40), h = random.normals(40);
  const Index order[] = {5, 2, 0, 7, 5};
  design::PackedColumns packed, scaled;
  CHECK(packed.cols() == 0);
  for (Index c = 0; c < 5; ++c) {
    packed.append(c % 2 ? static_cast<const Design&>(dense) : sparse, order[c]);
    scaled.append(packed, c, -2.5);
  }
  REQUIRE(packed.cols() == 5);
  for (Index c = 0; c < 5; ++c) {
    const Index j = order[c];
    CHECK(std::abs(packed.dot(c, v.data()) - dense.dot(j, v.data())) < 1e-12);
    CHECK(std::abs(scaled.dot(c, v.data()) + 2.5 * dense.dot(j, v.data())) < 1e-12);
    CHECK(std::abs(packed.weighted_dot(c, h.data(), v.data()) -
                   dense.weighted_dot(j, h.data(), v.data())) < 1e-12);
    std::vector<double> a = v, b = v;
    packed.axpy(c, 0.3, a.data());
    dense.axpy(j, 0.3, b.data());
    for (Index i = 0; i < 40; ++i) CHECK(std::abs(a[at(i)] - b[at(i)]) < 1e-14);
  }
  packed.clear();
  CHECK(packed.cols() == 0);
  packed.append(dense, 3);
  CHECK(std::abs(packed.dot(0, v.data()) - dense.dot(3, v.data())) < 1e-12);
}
