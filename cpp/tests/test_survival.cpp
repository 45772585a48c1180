// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "taut/core/philox.hpp"
#include "taut/survival/bootstrap.hpp"
#include "taut/survival/concordance.hpp"
#include "taut/survival/cox.hpp"
#include "taut/survival/cox_loss.hpp"
#include "taut/survival/curve.hpp"
#include "taut/survival/event_table.hpp"
#include "taut/survival/logrank.hpp"
#include "taut/survival/sort.hpp"

using taut::Index;
using taut::Philox;
using taut::SilentMonitor;
using namespace taut::survival;

namespace {

/// Small random records: few distinct times, so that everything ties with everything.
struct Sample {
  std::vector<double> time, entry, weight, score;
  std::vector<unsigned char> event;
  std::vector<std::int32_t> group;

  Sample(Index n, std::uint64_t seed, double unit) {
    Philox random({seed, 1});
    for (Index i = 0; i < n; ++i) {
      time.push_back(unit * static_cast<double>(1 + random.below(12)));
      entry.push_back(time.back() - unit * (0.5 + static_cast<double>(random.below(6))));
      weight.push_back(1.0 + static_cast<double>(random.below(3)));
      score.push_back(static_cast<double>(random.below(5)));
      event.push_back(static_cast<unsigned char>(random.below(3) > 0));
      group.push_back(static_cast<std::int32_t>(random.below(3)));
    }
  }

  Records records(bool truncated, bool weighted, bool grouped) const {
    Records r;
    r.n = static_cast<Index>(time.size());
    r.time = time.data();
    r.event = event.data();
    r.entry = truncated ? entry.data() : nullptr;
    r.weight = weighted ? weight.data() : nullptr;
    r.group = grouped ? group.data() : nullptr;
    r.n_groups = grouped ? 3 : 1;
    return r;
  }

  bool at_risk(std::size_t i, double t, bool truncated) const {
    return time[i] >= t && (!truncated || entry[i] < t);
  }
};

TableView view(const EventTable& table) {
  TableView out;
  out.time = table.time.data();
  out.n_at_risk = table.n_at_risk.data();
  out.n_event = table.n_event.data();
  out.n_censor = table.n_censor.data();
  out.n_tied = table.n_tied.data();
  out.event_squares = table.event_squares.data();
  out.censor_squares = table.censor_squares.data();
  out.group_ptr = table.group_ptr.data();
  out.n_groups = static_cast<Index>(table.group_ptr.size()) - 1;
  return out;
}

}  // namespace

TEST_CASE("keys order as times, events first") {
  const std::vector<double> times = {-3.5, -1e-300, -0.0, 0.0, 5e-324, 1.0, 1.0 + 1e-15, 1e300};
  for (std::size_t i = 0; i < times.size(); ++i) {
    CHECK(from_order_bits(order_bits(times[i])) == times[i]);
    for (std::size_t j = 0; j < times.size(); ++j) {
      CHECK((order_bits(times[i]) < order_bits(times[j])) == (times[i] < times[j]));
    }
  }
  CHECK(pack(2.0, true) < pack(2.0, false));
  CHECK(pack(2.0, false) < pack(std::nextafter(2.0, 3.0), true));
  CHECK(pack(-0.0, true) == pack(0.0, true));
  CHECK(packed_time(pack(0.1, false)) == 0.1);
}

TEST_CASE("sorts are those of the standard library") {
  SilentMonitor monitor;
  for (const int kind : {0, 1, 2, 3}) {
    for (const Index n : {0, 1, 2, 30, 1000, 70000, 300000}) {
      Philox random({7, static_cast<std::uint64_t>(n + kind)});
      std::vector<std::uint64_t> keys(static_cast<std::size_t>(n)), scratch(keys);
      std::vector<Pair> pairs(keys.size()), pair_scratch(keys.size());
      for (std::size_t i = 0; i < keys.size(); ++i) {
        std::uint64_t k = random.next();
        if (kind == 1) k %= 100;                                   // many ties
        if (kind == 2) k = 5;                                      // nothing but ties
        if (kind == 3) k = i == 0 ? 0 : (k >> 40) + (1ULL << 60);  // one key far from the others
        keys[i] = k;
        pairs[i] = {k, random.uniform()};
      }
      auto want = keys;
      std::sort(want.begin(), want.end());
      for (const int threads : {1, 2}) {
        auto got = keys;
        sort_keys(got.data(), scratch.data(), n, threads, monitor);
        CHECK(got == want);
        auto both = pairs;
        sort_pairs(both.data(), pair_scratch.data(), n, threads, monitor);
        CHECK(std::is_sorted(both.begin(), both.end(), [](const Pair& a, const Pair& b) {
          return a.key < b.key || (a.key == b.key && a.value < b.value);
        }));
      }
    }
  }
}

TEST_CASE("tables count who is at risk, by every way of building them") {
  SilentMonitor monitor;
  for (const double unit : {1.0, 1.0 / 7.0, -1.0}) {
    for (int options = 0; options < 8; ++options) {
      const bool truncated = options & 1, weighted = options & 2, grouped = options & 4;
      const Sample sample(60, 3, unit);
      Sample use = sample;
      if (unit < 0.0) {
        for (std::size_t i = 0; i < use.time.size(); ++i) use.entry[i] = use.time[i] - 0.5;
      }
      const Records r = use.records(truncated, weighted, grouped);
      const EventTable table = build_table(r, 4, false, 1, monitor);
      CHECK(table.consistent);
      for (std::size_t g = 0; g + 1 < table.group_ptr.size(); ++g) {
        for (Index k = table.group_ptr[g]; k < table.group_ptr[g + 1]; ++k) {
          const double t = table.time[k];
          double n = 0.0, d = 0.0, c = 0.0;
          for (std::size_t i = 0; i < use.time.size(); ++i) {
            if (grouped && use.group[i] != static_cast<std::int32_t>(g)) continue;
            const double w = weighted ? use.weight[i] : 1.0;
            if (use.at_risk(i, t, truncated)) n += w;
            if (use.time[i] == t) (use.event[i] ? d : c) += w;
          }
          CHECK(table.n_at_risk[k] == doctest::Approx(n));
          CHECK(table.n_event[k] == d);
          CHECK(table.n_censor[k] == c);
        }
      }
    }
  }
}

TEST_CASE("a merged table is the table of all records") {
  SilentMonitor monitor;
  const Sample sample(80, 5, 1.0 / 3.0);
  Records all = sample.records(true, false, false);
  Records first = all, second = all;
  first.n = 30;
  second.n = 50;
  second.time += 30;
  second.event += 30;
  second.entry += 30;
  const auto rows = [](const EventTable& t) {
    return TableRows{t.time.size(), t.time.data(), t.n_event.data(), t.n_censor.data(),
                     t.n_enter.data()};
  };
  const EventTable a = build_table(first, 0, true, 1, monitor);
  const EventTable b = build_table(second, 0, true, 1, monitor);
  const EventTable whole = build_table(all, 0, true, 1, monitor);
  const EventTable merged = merge_tables(rows(a), rows(b));
  REQUIRE(merged.time.size() == whole.time.size());
  for (Index k = 0; k < whole.time.size(); ++k) {
    CHECK(merged.time[k] == whole.time[k]);
    CHECK(merged.n_event[k] == whole.n_event[k]);
    CHECK(merged.n_censor[k] == whole.n_censor[k]);
    CHECK(merged.n_enter[k] == whole.n_enter[k]);
    CHECK(merged.n_at_risk[k] == whole.n_at_risk[k]);
  }
}

TEST_CASE("a table that says more leave than are at risk is marked") {
  SilentMonitor monitor;
  const double time[] = {1.0, 2.0}, entry[] = {0.0, std::nextafter(2.0, 0.0)};
  const unsigned char event[] = {1, 1};
  Records r;
  r.n = 2;
  r.time = time;
  r.entry = entry;
  r.event = event;
  CHECK_FALSE(build_table(r, 4, false, 1, monitor).consistent);
  CHECK(build_table(r, 0, false, 1, monitor).consistent);
}

TEST_CASE("curves, hazards and limits of five records") {
  SilentMonitor monitor;
  const double time[] = {1.0, 2.0, 2.0, 3.0, 4.0};
  const unsigned char event[] = {1, 1, 1, 0, 1};
  Records r;
  r.n = 5;
  r.time = time;
  r.event = event;
  const EventTable table = build_table(r, 4, false, 1, monitor);
  REQUIRE(table.time.size() == 4);
  double s[4], se[4], h[4], low[4], high[4];
  survival_curve(view(table), Estimator::kaplan_meier, s, se, 1);
  CHECK(s[0] == doctest::Approx(0.8));
  CHECK(s[1] == doctest::Approx(0.4));
  CHECK(s[3] == 0.0);
  CHECK(se[1] == doctest::Approx(std::sqrt(1.0 / 20 + 2.0 / 8)));
  CHECK(std::isinf(se[3]));
  for (const LimitType type : {LimitType::plain, LimitType::log, LimitType::log_log,
                               LimitType::logit, LimitType::arcsin}) {
    confidence_limits(s, se, nullptr, 4, type, 1.96, low, high, 1);
    for (int k = 0; k < 3; ++k) {
      CHECK(low[k] >= 0.0);
      CHECK(low[k] < s[k]);
      CHECK(high[k] > s[k]);
      CHECK(high[k] <= 1.0);
    }
    CHECK(std::isnan(low[3]));
  }
  cumulative_hazard(view(table), Estimator::nelson_aalen, h, se, 1);
  CHECK(h[1] == doctest::Approx(0.2 + 0.5));
  cumulative_hazard(view(table), Estimator::fleming_harrington, h, se, 1);
  CHECK(h[1] == doctest::Approx(0.2 + 1.0 / 4 + 1.0 / 3));
  const double p = 0.5, at[] = {0.5, 2.0, 9.0};
  double q, values[3], mean, mean_se;
  curve_quantiles(view(table), s, &p, 1, &q);
  CHECK(q == 2.0);
  curve_lookup(view(table), s, 1.0, at, 3, values);
  CHECK(values[0] == 1.0);
  CHECK(values[1] == doctest::Approx(0.4));
  CHECK(values[2] == 0.0);
  restricted_mean(view(table), s, 3.0, &mean, &mean_se);
  CHECK(mean == doctest::Approx(1.0 + 0.8 + 0.4));
}

TEST_CASE("the jackknife of rows and of records agree") {
  SilentMonitor monitor;
  const Sample sample(70, 17, 0.5);
  const Records plain = sample.records(false, true, true);
  Records early = plain;
  const std::vector<double> start(sample.time.size(), 0.0);
  early.entry = start.data();
  for (const Estimator kind :
       {Estimator::kaplan_meier, Estimator::nelson_aalen, Estimator::fleming_harrington}) {
    const EventTable a = build_table(plain, 4, false, 1, monitor);
    const EventTable b = build_table(early, 4, false, 1, monitor);
    REQUIRE(a.time.size() == b.time.size());
    std::vector<double> one(static_cast<std::size_t>(a.time.size())), other(one);
    jackknife_std_err(view(a), plain, kind, one.data());
    jackknife_std_err(view(b), early, kind, other.data());
    for (std::size_t k = 0; k < one.size(); ++k)
      CHECK((one[k] == other[k] || one[k] == doctest::Approx(other[k])));
  }
}

TEST_CASE("log-rank sums by definition, with strata and late entry") {
  SilentMonitor monitor;
  const Sample sample(70, 9, 1.0);
  std::vector<std::int32_t> stratum;
  for (std::size_t i = 0; i < sample.time.size(); ++i) stratum.push_back(i % 2 == 0);
  const Records r = sample.records(true, false, true);
  const TestSums sums = logrank_sums(r, stratum.data(), 2, 4, {}, 1, monitor);
  double observed[3] = {}, expected[3] = {}, variance = 0.0;
  for (int s = 0; s < 2; ++s) {
    for (double t = 1.0; t <= 12.0; t += 1.0) {
      double n[3] = {}, d[3] = {}, all = 0.0, died = 0.0;
      for (std::size_t i = 0; i < sample.time.size(); ++i) {
        if (stratum[i] != s || !sample.at_risk(i, t, true)) continue;
        n[sample.group[i]] += 1.0;
        all += 1.0;
        if (sample.time[i] == t && sample.event[i]) {
          d[sample.group[i]] += 1.0;
          died += 1.0;
        }
      }
      if (died == 0.0) continue;
      for (int g = 0; g < 3; ++g) {
        observed[g] += d[g];
        expected[g] += died * n[g] / all;
      }
      if (all > 1.0) {
        variance += died * (all - died) / (all - 1.0) * (n[0] / all) * (1.0 - n[0] / all);
      }
    }
  }
  for (int g = 0; g < 3; ++g) {
    CHECK(sums.observed[static_cast<std::size_t>(g)] == observed[g]);
    CHECK(sums.expected[static_cast<std::size_t>(g)] == doctest::Approx(expected[g]));
  }
  CHECK(sums.covariance[0] == doctest::Approx(variance));
}

TEST_CASE("concordance by all pairs") {
  SilentMonitor monitor;
  for (const bool truncated : {false, true}) {
    const Sample sample(90, 11, 0.25);
    const Records r = sample.records(truncated, true, false);
    const Concordance c = concordance(r, sample.score.data(), 4, {}, 1, monitor);
    double concordant = 0.0, discordant = 0.0, tied = 0.0;
    const auto n = sample.time.size();
    std::vector<double> score(n, 0.0), pairs(n, 0.0);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        if (i == j || !sample.event[i]) continue;
        const bool later = sample.time[j] > sample.time[i] ||
                           (sample.time[j] == sample.time[i] && !sample.event[j]);
        if (!later || (truncated && !(sample.entry[j] < sample.time[i]))) continue;
        const double w = sample.weight[i] * sample.weight[j];
        const double gain = sample.score[i] < sample.score[j]    ? 1.0
                            : sample.score[i] == sample.score[j] ? 0.5
                                                                 : 0.0;
        (gain == 1.0 ? concordant : gain == 0.5 ? tied : discordant) += w;
        score[i] += sample.weight[j] * gain;
        score[j] += sample.weight[i] * gain;
        pairs[i] += sample.weight[j];
        pairs[j] += sample.weight[i];
      }
    }
    const double total = concordant + discordant + tied, C = (concordant + tied / 2) / total;
    double variance = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      variance += std::pow(sample.weight[i] * (score[i] - C * pairs[i]) / total, 2);
    }
    CHECK(c.concordant == doctest::Approx(concordant));
    CHECK(c.discordant == doctest::Approx(discordant));
    CHECK(c.tied_risk == doctest::Approx(tied));
    CHECK(c.statistic == doctest::Approx(C));
    CHECK(c.variance == doctest::Approx(variance));
  }
}

TEST_CASE("Cox: gradient and information are derivatives, the fit is stationary") {
  SilentMonitor monitor;
  for (int options = 0; options < 8; ++options) {
    const Sample sample(60, 13, 0.5);
    Records r = sample.records(options & 1, options & 2, options & 4);
    const Index p = 3;
    std::vector<double> X;
    Philox random({21, 4});
    for (Index i = 0; i < r.n * p; ++i) X.push_back(random.normal());
    for (const Ties ties : {Ties::breslow, Ties::efron}) {
      Cox problem(r, X.data(), p, nullptr, ties, 4, 1, monitor);
      const std::vector<double> at = {0.3, -0.5, 0.2};
      std::vector<double> gradient(3), information(9), up(3), down(3), b = at;
      problem.set(at.data());
      problem.gradient(gradient.data());
      problem.information(nullptr, information.data());
      const double h = 1e-5;
      for (std::size_t j = 0; j < 3; ++j) {
        b = at;
        b[j] += h;
        const double above = problem.set(b.data());
        problem.gradient(up.data());
        b[j] -= 2 * h;
        const double below = problem.set(b.data());
        problem.gradient(down.data());
        CHECK((above - below) / (2 * h) == doctest::Approx(gradient[j]).epsilon(1e-6));
        for (std::size_t k = 0; k < 3; ++k) {
          CHECK((down[k] - up[k]) / (2 * h) ==
                doctest::Approx(information[j * 3 + k]).epsilon(1e-5));
        }
      }
      const CoxFit fit = fit_cox(problem, 1e-12, 30, monitor);
      CHECK(fit.converged);
      problem.set(fit.coef.data());
      problem.gradient(gradient.data());
      for (const double g : gradient) CHECK(std::abs(g) < 1e-8 * problem.total_weight());
      // Residuals add up to the gradient.
      std::vector<double> residual(static_cast<std::size_t>(r.n * p));
      problem.set(at.data());
      problem.gradient(gradient.data());
      problem.score_residuals(residual.data());
      for (std::size_t j = 0; j < 3; ++j) {
        double sum = 0.0;
        for (std::size_t i = 0; i < static_cast<std::size_t>(r.n); ++i) {
          sum += (r.weight ? r.weight[i] : 1.0) * residual[i * 3 + j];
        }
        CHECK(sum == doctest::Approx(gradient[j]).epsilon(1e-9));
      }
    }
  }
}

TEST_CASE("dependent columns are set aside") {
  const std::vector<double> A = {2.0, 4.0, 0.0, 4.0, 8.0, 0.0, 0.0, 0.0, 3.0};
  const double b[] = {2.0, 4.0, 6.0};
  double x[3], inverse[9];
  std::vector<char> aliased;
  solve_symmetric(A, 3, b, x, inverse, aliased);
  CHECK(aliased == std::vector<char>{0, 1, 0});
  CHECK(x[0] == doctest::Approx(1.0));
  CHECK(x[1] == 0.0);
  CHECK(x[2] == doctest::Approx(2.0));
  CHECK(inverse[0] == doctest::Approx(0.5));
}

TEST_CASE("bootstrap replicates are the same for any number of threads") {
  SilentMonitor monitor;
  const double time[] = {1.0, 2.0, 3.0};
  const std::int32_t out[] = {0, 1, 1, 2}, in[] = {0, 0, 1, 2}, at[] = {-1, 0, 2};
  const unsigned char event[] = {1, 0, 1, 1};
  RowRecords records{4, 3, time, out, in, event};
  const double p = 0.5, tau = 2.5;
  const BootstrapSpec spec{40, at, 3, &p, 1, &tau, 1};
  std::vector<double> s(120), q(40), m(40), s2(120), q2(40), m2(40);
  bootstrap_curves(records, spec, {1, 2}, s.data(), q.data(), m.data(), 1, monitor);
  bootstrap_curves(records, spec, {1, 2}, s2.data(), q2.data(), m2.data(), 2, monitor);
  CHECK(s == s2);
  CHECK(m == m2);
  for (std::size_t b = 0; b < 40; ++b) {
    CHECK(s[3 * b] == 1.0);
    CHECK(s[3 * b + 1] >= s[3 * b + 2]);
    CHECK(m[b] > 0.0);
    CHECK(m[b] <= 2.5);
  }
}

TEST_CASE("Cox's loss: derivatives, a quadratic model above it, a dual below it") {
  for (int options = 0; options < 4; ++options) {
    const Sample sample(40, 23, 0.5);
    const Records r = sample.records(false, options & 1, options & 2);
    std::vector<double> s(sample.time.size(), 1.0 / 40);
    double total = 40.0;
    if (r.weight) {
      total = 0.0;
      for (const double w : sample.weight) total += w;
      for (std::size_t i = 0; i < s.size(); ++i) s[i] = sample.weight[i] / total;
    }
    const CoxLoss loss(r, s.data(), total, 4);
    Philox random({31, 1});
    std::vector<double> eta(40), residual(40), other(40), curvature(40), step(40);
    for (double& x : eta) x = random.normal();
    const double value = loss.evaluate(eta.data(), residual.data());
    CHECK(value == doctest::Approx(loss.value(eta.data())));
    // Against the regression's own likelihood.
    SilentMonitor monitor;
    Cox problem(r, eta.data(), 1, nullptr, Ties::breslow, 4, 1, monitor);
    const double one = 1.0;
    CHECK(-problem.set(&one) / total == doctest::Approx(value));
    const double h = 1e-6;
    for (std::size_t i = 0; i < 40; i += 7) {
      std::vector<double> moved = eta;
      moved[i] += h;
      const double up = loss.value(moved.data());
      moved[i] -= 2 * h;
      CHECK((up - loss.value(moved.data())) / (2 * h) ==
            doctest::Approx(-s[i] * residual[i]).epsilon(1e-5));
    }
    loss.curvature(residual.data(), 0, 0, curvature.data());
    for (int trial = 0; trial < 5; ++trial) {
      double slope = 0.0, bend = 0.0;
      for (std::size_t i = 0; i < 40; ++i) {
        step[i] = 1e-3 * random.normal();
        other[i] = eta[i] + step[i];
        slope -= s[i] * residual[i] * step[i];
        bend += 0.5 * curvature[i] * step[i] * step[i];
      }
      CHECK(loss.value(other.data()) - value <= slope + bend + 1e-8);
    }
    // Fenchel and Young: F(eta) + F*(u) >= u'eta, with equality at the gradient (c = 1).
    const auto dual = [&](double c, const double* at) {
      double inner = 0.0;
      for (std::size_t i = 0; i < 40; ++i) inner += -c * s[i] * residual[i] * at[i];
      return loss.dual(residual.data(), c) + inner;  // <= F(at)
    };
    CHECK(dual(1.0, eta.data()) == doctest::Approx(value));
    for (const double c : {0.0, 0.3, 0.9}) {
      CHECK(dual(c, eta.data()) <= value + 1e-12);
      CHECK(dual(c, other.data()) <= loss.value(other.data()) + 1e-12);
    }
    CHECK(loss.excess(loss.least()) == 0.0);
    CHECK(value > loss.least());
    const std::vector<double> unknown(40, 0.5);
    CHECK(std::isinf(loss.dual(unknown.data(), 1.0)));
  }
}
