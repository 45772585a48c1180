// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/gradient_bounds.hpp"

#include <doctest/doctest.h>

#include "reference.hpp"
#include "taut/datafit/multinomial.hpp"
#include "taut/datafit/quadratic.hpp"
#include "taut/penalty/elastic_net.hpp"
#include "taut/penalty/group_elastic_net.hpp"

using namespace taut;
using reference::at;
using reference::k_inf;
using reference::Matrix;
using reference::Random;
using solver::GradientBounds;

namespace {

struct Setting {
  Index n, p, K;
  bool sparse, grouped, centre, scale;
  unsigned seed;
};

struct Count {
  Index certified = 0, violators = 0;
};

/// Walks residuals through a small subspace with noise of falling size, as a path does, and holds
/// every update against gradients computed one by one.
Count walk(const Setting& c) {
  Random random(c.seed);
  Matrix X(c.n, c.p);
  for (Index j = 0; j < c.p; ++j) {
    const double mean = random.uniform(-1.0, 1.0), size = random.uniform(0.3, 2.0);
    for (Index i = 0; i < c.n; ++i) {
      if (!c.sparse || random.uniform() < 0.5) X(i, j) = mean + size * random.normal();
    }
  }
  const std::vector<double> s = random.weights(c.n, 6), y(at(c.n * c.K), 0.5);
  const design::Dense<double> dense({X.data.data(), c.n, c.p, c.n});
  const reference::SparseCopy<double, std::int32_t> copy(X, 3);
  const design::Csc<double, std::int32_t> csc(copy.view());
  const design::Design& D = c.sparse ? static_cast<const design::Design&>(csc) : dense;
  const design::Standardized Z(D, s.data(), c.centre, c.scale, nullptr, 1);

  std::unique_ptr<datafit::Datafit> datafit;
  if (c.K == 1) {
    datafit = std::make_unique<datafit::Quadratic>(c.n, y.data(), s.data());
  } else {
    datafit = std::make_unique<datafit::Multinomial>(c.n, c.K, y.data(), s.data());
  }
  penalty::FeatureRules rules;
  rules.factor.assign(at(c.p), 1.0);
  for (Index j = 0; j < c.p; j += 11) rules.factor[at(j)] = random.uniform(0.3, 3.0);
  rules.factor[3] = k_inf;
  std::unique_ptr<penalty::Penalty> pen;
  if (c.grouped) {
    pen = std::make_unique<penalty::GroupElasticNet>(c.K, 0.9, rules);
  } else {
    rules.lower.assign(at(c.p), -k_inf);
    rules.upper.assign(at(c.p), k_inf);
    rules.lower[7] = rules.lower[8] = 0.0;
    pen = std::make_unique<penalty::ElasticNet>(c.K, 0.9, rules);
  }
  pen->set_alpha(1.0);
  const solver::Problem problem{Z, *datafit, *pen, nullptr, false, 1};
  GradientBounds bounds(problem);

  const Index size = c.n * c.K;
  const auto gradient = [&](const std::vector<double>& r, Index j) {
    std::vector<double> g;
    for (Index k = 0; k < c.K; ++k) {
      long double sum = 0.0L;
      for (Index i = 0; i < c.n; ++i) {
        const long double z = (static_cast<long double>(X(i, j)) - Z.mean(j)) / Z.scale(j);
        sum -= z * s[at(i)] * r[at(k * c.n + i)];
      }
      g.push_back(static_cast<double>(sum));
    }
    return g;
  };

  const std::vector<double> first = random.normals(size), second = random.normals(size);
  solver::Iterate at_{};
  at_.coef.assign(at(c.p * c.K), 0.0);
  at_.intercept.assign(at(c.K), 0.0);
  at_.eta.assign(at(size), 0.0);
  at_.residual = first;
  std::vector<double> all;
  double top = 0.0;
  for (Index j = 0; j < c.p; ++j) {
    const std::vector<double> g = gradient(first, j);
    all.insert(all.end(), g.begin(), g.end());
    top = std::max(top, pen->pull(g.data(), j));
  }
  bounds.seed(at_, all.data());
  CHECK(bounds.full_passes() == 1);

  Count count;
  std::vector<char> skip(at(c.p), 0);
  skip[3] = 2;
  for (int step = 1; step <= 40; ++step) {
    const double share = step / 40.0;
    // Noise from nothing at all to a whole new residual.
    const double noise = step % 10 == 9 ? 1.0 : (step % 3 == 0 ? 0.0 : std::pow(10.0, -step % 7));
    const std::vector<double> fresh = random.normals(size);
    for (Index i = 0; i < size; ++i) {
      at_.residual[at(i)] =
          (1.0 - share) * first[at(i)] + share * second[at(i)] + noise * fresh[at(i)];
    }
    pen->set_alpha(top * random.uniform(0.3, 1.1));
    if (step % 4 == 0) skip[at(random.below(c.p))] = 1;
    std::vector<Index> expected;
    for (Index j = 0; j < c.p; ++j) {
      if (!skip[at(j)] && pen->pull(bounds.gradient(j), j) > pen->threshold(j))
        expected.push_back(j);
    }
    CHECK(bounds.beyond(skip) == expected);
    bounds.update(at_, skip);

    std::vector<char> listed(at(c.p), 0);
    REQUIRE(bounds.violator_gradients().size() == bounds.violators().size() * at(c.K));
    for (std::size_t e = 0; e < bounds.violators().size(); ++e) {
      const Index j = bounds.violators()[e];
      REQUIRE(j >= 0);
      REQUIRE(j < c.p);
      CHECK_FALSE(listed[at(j)]);
      CHECK(skip[at(j)] == 0);
      listed[at(j)] = 1;
      ++count.violators;
      const std::vector<double> g = gradient(at_.residual, j);
      CHECK(pen->pull(g.data(), j) > pen->threshold(j) * (1.0 - 1e-13));
      for (Index k = 0; k < c.K; ++k) {
        const double got = bounds.violator_gradients()[e * at(c.K) + at(k)];
        CHECK(std::abs(got - g[at(k)]) < 1e-12);
        CHECK(bounds.gradient(j)[k] == got);
      }
    }
    for (Index j = 0; j < c.p; ++j) {
      if (listed[at(j)] || skip[at(j)]) continue;
      ++count.certified;
      const std::vector<double> g = gradient(at_.residual, j);
      CAPTURE(step);
      CAPTURE(j);
      // The certificate itself; 1e-13 is the rounding of the sum done here.
      CHECK(pen->pull(g.data(), j) <= pen->threshold(j) * (1.0 + 1e-13));
    }
  }
  return count;
}

}  // namespace

TEST_CASE(
    "gradient bounds: whoever is not listed obeys its threshold, whoever is listed does not") {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    for (bool sparse : {false, true}) {
      for (bool centre : {false, true}) {
        for (bool scale : {false, true}) {
          CAPTURE(seed);
          CAPTURE(sparse);
          CAPTURE(centre);
          CAPTURE(scale);
          const Count count = walk({80, 150, 1, sparse, false, centre, scale, seed});
          CHECK(count.certified > 1000);  // a bound that certifies nobody would pass all else
          CHECK(count.violators > 100);
        }
      }
    }
  }
}

TEST_CASE("gradient bounds: several outputs, each with its own coefficient or as one row") {
  for (bool grouped : {false, true}) {
    for (bool sparse : {false, true}) {
      for (Index K : {2, 3}) {
        CAPTURE(grouped);
        CAPTURE(sparse);
        CAPTURE(K);
        const Count count = walk({60, 150, K, sparse, grouped, true, true, 5});
        CHECK(count.certified > 1000);
        CHECK(count.violators > 100);
      }
    }
  }
}

TEST_CASE(
    "gradient bounds: columns of few entries do without a basis and are certified all the same") {
  // Four rows: too few entries a column for any basis vector.
  const Count count = walk({4, 40, 1, true, false, false, false, 6});
  CHECK(count.certified > 100);
  CHECK(count.violators > 10);
}

TEST_CASE("gradient bounds: a residual inside of the known span costs no pass") {
  Random random(7);
  const Index n = 60, p = 200;
  Matrix X(n, p);
  X.data = random.normals(n * p);
  const std::vector<double> s(at(n), 1.0 / 60.0), y(at(n), 0.0);
  const design::Dense<double> D({X.data.data(), n, p, n});
  const design::Standardized Z(D, s.data(), false, false, nullptr, 1);
  const datafit::Quadratic datafit(n, y.data(), s.data());
  penalty::ElasticNet pen(1, 1.0, {});
  pen.set_alpha(1.0);
  const solver::Problem problem{Z, datafit, pen, nullptr, false, 1};
  GradientBounds bounds(problem);
  solver::Iterate at_{};
  at_.coef.assign(at(p), 0.0);
  at_.intercept.assign(1, 0.0);
  at_.eta.assign(at(n), 0.0);
  at_.residual = random.normals(n);
  std::vector<double> grad(at(p));
  solver::gradients(problem, at_, nullptr, p, grad.data());
  bounds.seed(at_, grad.data());
  double top = 0.0;
  for (double g : grad) top = std::max(top, std::abs(g));
  for (double& r : at_.residual) r *= 0.5;
  pen.set_alpha(0.51 * top);
  bounds.update(at_, std::vector<char>(at(p), 0));
  CHECK(bounds.violators().empty());
  CHECK(bounds.full_passes() == 1);
  CHECK(bounds.partial_passes() == 0.0);
  // Estimates come from correlations in single precision.
  for (Index j = 0; j < p; ++j) {
    CHECK(std::abs(bounds.gradient(j)[0] - 0.5 * grad[at(j)]) < 6e-8 * 0.5 * Z.norm(j));
  }
}
