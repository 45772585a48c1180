// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/free_basis.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "taut/design/dense.hpp"
#include "taut/penalty/elastic_net.hpp"

using taut::DenseView;
using taut::Index;
namespace design = taut::design;
namespace penalty = taut::penalty;
using taut::solver::FreeBasis;

namespace {

/// Columns 0, 2 and 3 nearly depend on each other, 3 exactly on the others; 1 is by itself.
struct Data {
  static constexpr Index n = 8, p = 4;
  std::vector<double> values = std::vector<double>(n * p), weights = std::vector<double>(n, 0.125);
  design::Dense<double> X{DenseView<double>{values.data(), n, p, n}};

  Data() {
    for (Index i = 0; i < n; ++i) {
      const double t = static_cast<double>(i);
      values[i] = 3.0 + std::sin(t);
      values[n + i] = std::cos(2.0 * t);
      values[2 * n + i] = values[i] + 1e-6 * std::cos(3.0 * t);
      values[3 * n + i] = 2.0 * values[i] - values[2 * n + i];
    }
  }
};

}  // namespace

TEST_CASE("a basis stands in the place of free columns and predicts the same") {
  const Data t;
  penalty::ElasticNet pen(1, 1.0, penalty::FeatureRules{{0.0, 1.0, 0.0, 0.0}, {}, {}});
  pen.set_alpha(1.0);
  for (const bool centre : {false, true}) {
    CAPTURE(centre);
    const auto basis = FreeBasis::make(t.X, t.weights.data(), pen, centre, false);
    REQUIRE(basis);
    const design::Design& Q = basis->design();
    CHECK(Q.scan(0, t.weights.data(), t.weights.data()).weighted_square == doctest::Approx(1.0));
    CHECK(Q.scan(2, t.weights.data(), t.weights.data()).weighted_square == doctest::Approx(1.0));
    CHECK(Q.scan(3, t.weights.data(), t.weights.data()).weighted_square == 0.0);
    std::vector<double> other(Data::n);
    Q.copy_rows(1, 0, Data::n, other.data());
    for (Index i = 0; i < Data::n; ++i) CHECK(other[i] == t.values[Data::n + i]);

    const auto predict = [](const design::Design& X, const std::vector<double>& b, double shift) {
      std::vector<double> eta(Data::n, shift);
      for (Index j = 0; j < Data::p; ++j) X.axpy(j, b[j], eta.data());
      return eta;
    };
    std::vector<double> b{1.5, -2.0, 0.5, 0.25};
    double shift = centre ? 0.75 : 0.0;
    const auto eta = predict(t.X, b, shift);
    basis->to_basis(b.data(), &shift);
    const auto in_basis = predict(Q, b, shift);
    basis->from_basis(b.data(), &shift);
    const auto back = predict(t.X, b, shift);
    CHECK(b[3] == 0.0);
    CHECK(b[1] == -2.0);
    for (Index i = 0; i < Data::n; ++i) {
      CHECK(in_basis[i] == doctest::Approx(eta[i]).epsilon(1e-9));
      CHECK(back[i] == doctest::Approx(eta[i]).epsilon(1e-9));
    }
  }
}

TEST_CASE("no basis where slopes say enough") {
  const Data t;
  const auto make = [&](std::vector<double> factor, double alpha) {
    penalty::ElasticNet pen(1, 1.0, penalty::FeatureRules{std::move(factor), {}, {}});
    pen.set_alpha(alpha);
    return FreeBasis::make(t.X, t.weights.data(), pen, true, false);
  };
  CHECK_FALSE(make({0.0, 1.0, 1.0, 1.0}, 1.0));  // one free column
  CHECK_FALSE(make({1.0, 1.0, 1.0, 1.0}, 1.0));
  CHECK(make({1.0, 1.0, 1.0, 1.0}, 0.0));  // all are
  penalty::ElasticNet bounded(1, 1.0,
                              penalty::FeatureRules{{0.0, 1.0, 0.0, 1.0}, {0, 0, 0, 0}, {}});
  bounded.set_alpha(1.0);
  CHECK_FALSE(FreeBasis::make(t.X, t.weights.data(), bounded, true, false));
}

TEST_CASE("rows without weight leave no trace") {
  Data t;
  t.weights.assign(Data::n, 1.0 / 7.0);
  t.weights[7] = 0.0;
  penalty::ElasticNet pen(1, 1.0, penalty::FeatureRules{{0.0, 1.0, 0.0, 1.0}, {}, {}});
  pen.set_alpha(1.0);
  const auto basis = FreeBasis::make(t.X, t.weights.data(), pen, true, false);
  REQUIRE(basis);
  double last = 1.0;
  basis->design().copy_rows(2, 7, 8, &last);
  CHECK(last == 0.0);
}
