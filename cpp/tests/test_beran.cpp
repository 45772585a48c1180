// SPDX-License-Identifier: BSD-3-Clause
#include "taut/survival/beran.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "taut/core/philox.hpp"

using taut::Index;
using taut::Philox;
using taut::SilentMonitor;
using namespace taut::survival;

namespace {

struct Sample {
  Index n, dim;
  std::vector<double> X, weight;
  std::vector<std::uint8_t> jump;

  Sample(Index size, Index width, std::uint64_t seed) : n(size), dim(width) {
    Philox random({seed, 2});
    for (Index i = 0; i < n * dim; ++i) X.push_back(4.0 * random.uniform() - 2.0);
    for (Index i = 0; i < n; ++i) {
      weight.push_back(static_cast<double>(random.below(4)));
      jump.push_back(static_cast<std::uint8_t>(random.below(2)));
    }
  }

  BeranRecords records() const { return {n, dim, X.data(), weight.data(), jump.data()}; }

  /// Factors of one curve, one after the other as the definition has them.
  std::vector<double> curve(const double* x, double scale, Index self, Smoother smoother) const {
    std::vector<double> k, g;
    for (Index j = 0; j < n; ++j) {
      double u = 0.0;
      for (Index d = 0; d < dim; ++d)
        u += std::pow(X[static_cast<std::size_t>(j * dim + d)] - x[d], 2);
      u *= scale;
      double value = std::exp(-0.5 * u);
      if (smoother != Smoother::gaussian) value = std::max(0.0, 1.0 - u);
      if (smoother == Smoother::biweight) value *= value;
      k.push_back(j == self ? 0.0 : value * weight[static_cast<std::size_t>(j)]);
    }
    double product = 1.0;
    for (std::size_t j = 0; j < k.size(); ++j) {
      double risk = 0.0;
      for (std::size_t l = k.size(); l-- > j;) risk += k[l];
      if (jump[j] && risk > 0.0) product *= (risk - k[j]) / risk;
      g.push_back(product);
    }
    return g;
  }
};

/// Beyond the last record with a weight the curve is 0, or a crumb of rounding of the definition.
bool near(double got, double expected) { return std::abs(got - expected) < 1e-13; }

}  // namespace

TEST_CASE("curves are those of the definition") {
  SilentMonitor monitor;
  for (const Smoother smoother : {Smoother::gaussian, Smoother::epanechnikov, Smoother::biweight}) {
    for (const Index dim : {0, 1, 3}) {
      const Sample sample(53, dim, 7 + static_cast<std::uint64_t>(dim));
      const Index m = 37;  // two whole tiles and a part
      Philox random({3, 4});
      std::vector<double> x, scale;
      std::vector<Index> self, stop, stops{0, 0, 5, 17, 18, 52, 53};
      for (Index q = 0; q < m; ++q) {
        const bool own = random.below(2) == 0;
        self.push_back(own ? q : -1);
        stop.push_back(static_cast<Index>(random.below(54)));
        scale.push_back(q % 5 == 0 ? 0.0 : 0.4);
        for (Index d = 0; d < dim; ++d) {
          x.push_back(own ? sample.X[static_cast<std::size_t>(q * dim + d)]
                          : 3.0 * random.uniform() - 1.5);
        }
      }
      const BeranPoints points{m, x.data(), scale.data(), 1, self.data()};
      std::vector<double> at(static_cast<std::size_t>(m)), curves(at.size() * stops.size());
      beran_at(sample.records(), points, smoother, stop.data(), at.data(), 1, monitor);
      beran_curves(sample.records(), points, smoother, stops.data(),
                   static_cast<Index>(stops.size()), curves.data(), 2, monitor);
      for (std::size_t q = 0; q < at.size(); ++q) {
        const std::vector<double> g =
            sample.curve(x.data() + static_cast<Index>(q) * dim, scale[q], self[q], smoother);
        const auto before = [&](Index s) {
          return s > 0 ? g[static_cast<std::size_t>(s - 1)] : 1.0;
        };
        CHECK(near(at[q], before(stop[q])));
        for (std::size_t k = 0; k < stops.size(); ++k) {
          CHECK(near(curves[q * stops.size() + k], before(stops[k])));
        }
      }
    }
  }
}

TEST_CASE("squared errors are those of the definition") {
  SilentMonitor monitor;
  const Sample sample(40, 2, 11);
  const Index m = 40, scales = 3;
  std::vector<double> scale, times(40, 0.0);
  std::vector<Index> self, passed, drop;
  std::vector<std::uint8_t> known;
  for (const double s : {0.0, 0.3, 2.0}) scale.insert(scale.end(), 40, s);
  for (std::size_t j = 1; j < 40; j += 2) times[j] = 1.0 + static_cast<double>(j % 3);
  for (Index q = 0; q < m; ++q) {
    self.push_back(q);
    passed.push_back(q / 2 * 2);
    known.push_back(sample.jump[static_cast<std::size_t>(q)]);
    drop.push_back(q % 3 == 0 ? -1 : q / 2 * 2 + 1);
  }
  const BeranPoints points{m, sample.X.data(), scale.data(), scales, self.data()};
  const BeranTruth truth{times.data(), passed.data(), known.data(), drop.data()};
  std::vector<double> error(120), count(40), again(120);
  beran_errors(sample.records(), points, Smoother::gaussian, truth, error.data(), count.data(), 1,
               monitor);
  beran_errors(sample.records(), points, Smoother::gaussian, truth, again.data(), count.data(), 2,
               monitor);
  CHECK(error == again);
  for (std::size_t s = 0; s < 3; ++s) {
    for (std::size_t q = 0; q < 40; ++q) {
      const std::vector<double> g = sample.curve(sample.X.data() + 2 * q, scale[s * 40],
                                                 static_cast<Index>(q), Smoother::gaussian);
      double sum = 0.0, n = 0.0;
      for (std::size_t j = 0; j < 40; ++j) {
        const auto position = static_cast<Index>(j);
        const double here = times[j] - (drop[q] == position ? 1.0 : 0.0);
        const bool ahead = position < passed[q];
        if (times[j] == 0.0 || !(ahead || known[q])) continue;
        n += here;
        sum += here * std::pow((ahead ? 1.0 : 0.0) - g[j], 2);
      }
      CHECK(near(error[s * 40 + q], sum));
      CHECK(count[q] == n);
    }
  }
}

TEST_CASE("a point far from all records sees no jump") {
  SilentMonitor monitor;
  const Sample sample(20, 1, 5);
  const double x = 1e6, scale = 1.0;
  const Index self = -1, stop = 20;
  double out = 0.0;
  for (const Smoother smoother : {Smoother::gaussian, Smoother::epanechnikov, Smoother::biweight}) {
    beran_at(sample.records(), {1, &x, &scale, 1, &self}, smoother, &stop, &out, 1, monitor);
    CHECK(out == 1.0);
  }
}

TEST_CASE("nothing to do is done") {
  SilentMonitor monitor;
  const Sample sample(3, 1, 1);
  beran_at(sample.records(), {}, Smoother::gaussian, nullptr, nullptr, 1, monitor);
  const BeranRecords none;
  const double scale = 0.0;
  const Index self = -1, stop = 0;
  double out = 0.0;
  beran_at(none, {1, nullptr, &scale, 1, &self}, Smoother::gaussian, &stop, &out, 1, monitor);
  CHECK(out == 1.0);
}
