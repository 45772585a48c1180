// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linalg/cholesky.hpp"

#include <doctest/doctest.h>

#include "reference.hpp"

using reference::at;
using reference::Matrix;
using reference::Random;
using taut::Index;
using taut::linalg::UpdatableCholesky;

namespace {

/// X'X / n + ridge: condition number of a few hundred at most.
Matrix spd(Index m, unsigned seed) {
  Random random(seed);
  const Index n = 2 * m + 5;
  Matrix X(n, m), A(m, m);
  X.data = random.normals(n * m);
  for (Index i = 0; i < m; ++i) {
    for (Index j = 0; j < m; ++j) {
      for (Index r = 0; r < n; ++r) A(i, j) += X(r, i) * X(r, j) / static_cast<double>(n);
    }
    A(i, i) += 0.05;
  }
  return A;
}

bool append(UpdatableCholesky& factor, const Matrix& A, std::vector<Index>& held, Index a) {
  std::vector<double> row;
  for (Index b : held) row.push_back(A(a, b));
  if (!factor.append(row.data(), A(a, a), 1e-11)) return false;
  held.push_back(a);
  return true;
}

/// Largest error of the factor's solution of A_held x = b, against elimination.
double solve_error(const UpdatableCholesky& factor, const Matrix& A, const std::vector<Index>& held,
                   Random& random) {
  const Index m = static_cast<Index>(held.size());
  REQUIRE(factor.size() == m);
  Matrix B(m, m);
  for (Index i = 0; i < m; ++i) {
    for (Index j = 0; j < m; ++j) B(i, j) = A(held[at(i)], held[at(j)]);
  }
  const std::vector<double> rhs = random.normals(m);
  std::vector<double> expected, got = rhs;
  REQUIRE(reference::solve(B, rhs, expected));
  factor.solve(got.data());
  double worst = 0.0;
  for (Index i = 0; i < m; ++i) worst = std::max(worst, std::abs(got[at(i)] - expected[at(i)]));
  return worst;
}

}  // namespace

TEST_CASE("cholesky: random sequences of rows that come and go solve as a fresh elimination") {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    const Index m = 24;
    const Matrix A = spd(m, seed);
    Random random(100 + seed);
    UpdatableCholesky factor;
    std::vector<Index> held;
    for (int move = 0; move < 400; ++move) {
      const Index size = static_cast<Index>(held.size());
      const bool grow = size == 0 || (size < m && random.uniform() < 0.55);
      if (grow) {
        Index a = random.below(m);
        while (std::find(held.begin(), held.end(), a) != held.end()) a = (a + 1) % m;
        REQUIRE(append(factor, A, held, a));
      } else {
        const Index i = random.below(size);
        factor.remove(i);
        held.erase(held.begin() + i);
      }
      // Condition below 1e3 and x of size 1e2: rounding of 400 updates stays far below 1e-10.
      CHECK(solve_error(factor, A, held, random) < 1e-10);
    }
  }
}

TEST_CASE("cholesky: removal of any row, for every size around the blocks of the update") {
  const Matrix A = spd(14, 7);
  Random random(8);
  for (Index size = 1; size <= 14; ++size) {
    for (Index i = 0; i < size; ++i) {
      UpdatableCholesky factor;
      std::vector<Index> held;
      for (Index a = 0; a < size; ++a) REQUIRE(append(factor, A, held, a));
      factor.remove(i);
      held.erase(held.begin() + i);
      CHECK(solve_error(factor, A, held, random) < 1e-11);
    }
  }
}

TEST_CASE("cholesky: the factor keeps its rows when storage grows") {
  const Index m = 150;  // past the first two sizes of the store
  const Matrix A = spd(m, 9);
  Random random(10);
  UpdatableCholesky factor;
  std::vector<Index> held;
  for (Index a = 0; a < m; ++a) {
    REQUIRE(append(factor, A, held, a));
    if (a == 63 || a == 64 || a == 127 || a == 128 || a + 1 == m) {
      CHECK(solve_error(factor, A, held, random) < 1e-10);
    }
  }
}

TEST_CASE("cholesky: a dependent row is refused and nothing is changed") {
  const Index m = 9;
  Matrix A = spd(m, 11);
  Random random(12);
  for (Index present = 1; present < m; ++present) {
    UpdatableCholesky factor;
    std::vector<Index> held;
    for (Index a = 0; a < present; ++a) REQUIRE(append(factor, A, held, a));
    // The row of sum_i c_i x_i.
    const std::vector<double> c = random.normals(present);
    std::vector<double> row(at(present), 0.0);
    double diagonal = 0.0;
    for (Index i = 0; i < present; ++i) {
      for (Index j = 0; j < present; ++j) {
        row[at(i)] += A(i, j) * c[at(j)];
        diagonal += c[at(i)] * A(i, j) * c[at(j)];
      }
    }
    std::vector<double> before = random.normals(present);
    std::vector<double> after = before;
    factor.solve(before.data());
    CHECK_FALSE(factor.append(row.data(), diagonal, 1e-11));
    CHECK(factor.size() == present);
    factor.solve(after.data());
    CHECK(before == after);
    // A hair of independence above the tolerance is enough; below it is not.
    CHECK_FALSE(factor.append(row.data(), diagonal * (1.0 + 1e-13), 1e-11));
    CHECK(factor.append(row.data(), diagonal * (1.0 + 1e-8), 1e-11));
    CHECK(factor.size() == present + 1);
  }
}

TEST_CASE("cholesky: zero, negative and NaN diagonals are refused") {
  UpdatableCholesky factor;
  CHECK_FALSE(factor.append(nullptr, 0.0, 1e-11));
  CHECK_FALSE(factor.append(nullptr, -1.0, 1e-11));
  CHECK_FALSE(factor.append(nullptr, std::numeric_limits<double>::quiet_NaN(), 1e-11));
  CHECK(factor.size() == 0);
  CHECK(factor.append(nullptr, 4.0, 1e-11));
  double x = 2.0;
  factor.solve(&x);
  CHECK(x == 0.5);
}

TEST_CASE("cholesky: clear() starts anew") {
  const Matrix A = spd(6, 13), B = spd(6, 14);
  Random random(15);
  UpdatableCholesky factor;
  std::vector<Index> held;
  for (Index a = 0; a < 6; ++a) REQUIRE(append(factor, A, held, a));
  factor.clear();
  CHECK(factor.size() == 0);
  held.clear();
  for (Index a = 0; a < 6; ++a) REQUIRE(append(factor, B, held, 5 - a));
  CHECK(solve_error(factor, B, held, random) < 1e-11);
}

TEST_CASE("cholesky: a row's removal leaves the substitution before it as it was") {
  const Index m = 23;
  const Matrix A = spd(m, 5);
  for (const Index gone : {Index{0}, Index{6}, Index{22}}) {
    UpdatableCholesky factor;
    std::vector<Index> held;
    for (Index a = 0; a < m; ++a) REQUIRE(append(factor, A, held, a));
    Random random(7);
    std::vector<double> b = random.normals(m);
    std::vector<double> x = b;
    factor.forward(x.data());
    factor.remove(gone);
    b.erase(b.begin() + gone);
    x.erase(x.begin() + gone);
    for (Index i = gone; i < m - 1; ++i) x[at(i)] = b[at(i)];
    factor.forward(x.data(), gone);
    factor.backward(x.data());
    factor.solve(b.data());
    for (Index i = 0; i < m - 1; ++i) CHECK(std::abs(x[at(i)] - b[at(i)]) < 1e-12);
  }
}
