// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linsolve/relax.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "linsolve_fixtures.hpp"

using namespace taut;
using namespace taut::linsolve;

namespace {

/// |b - A x| by the rows of A, for b and x in its order.
double residual(const test::Csr& a, const std::vector<double>& b, const std::vector<double>& x) {
  double sum = 0.0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    double r = b[i];
    for (auto e = static_cast<std::size_t>(a.ptr[i]); e < static_cast<std::size_t>(a.ptr[i + 1]);
         ++e) {
      r -= a.val[e] * x[static_cast<std::size_t>(a.idx[e])];
    }
    sum += r * r;
  }
  return std::sqrt(sum);
}

std::vector<double> permuted(const std::vector<double>& v, const Pattern& pattern, bool back) {
  std::vector<double> out(v.size());
  for (std::size_t k = 0; k < v.size(); ++k) {
    const auto i = static_cast<std::size_t>(pattern.order[k]);
    if (back) {
      out[i] = v[k];
    } else {
      out[k] = v[i];
    }
  }
  return out;
}

}  // namespace

TEST_CASE("every method reaches the tolerance, in every order, and reports its residual") {
  const test::Csr a = test::grid(13, 11);
  const std::vector<double> b = test::wave(143);
  SilentMonitor silent;
  for (const Ordering ordering : {Ordering::natural, Ordering::levels, Ordering::multicolor}) {
    const test::System system(a, ordering);
    for (int method = 0; method < 4; ++method) {
      Options options;
      options.omega = 1.4;
      std::vector<double> x(143, 0.0);
      const std::vector<double> rhs = permuted(b, system.pattern, false);
      Report report;
      if (method < 2) {
        report = sor(system.split, rhs.data(), options, method == 1, x.data(), silent);
      } else {
        report = (method == 2 ? ssor_cg : cg)(system.split, rhs.data(), options, x.data(), silent);
      }
      CHECK(report.ending == Ending::converged);
      const double left = residual(a, b, permuted(x, system.pattern, true));
      CHECK(left <= 1e-8 * std::sqrt(143.0));
      CHECK(report.residual_norm == doctest::Approx(left).epsilon(1e-4));
    }
  }
}

TEST_CASE("levels are the natural order to the last bit") {
  const test::Csr a = test::grid(20, 20);
  const std::vector<double> b = test::wave(400);
  const test::System natural(a, Ordering::natural), levels(a, Ordering::levels);
  Options options;
  options.omega = 1.3;
  options.max_iter = 7;
  SilentMonitor silent;
  std::vector<double> x(400, 0.0), y(400, 0.0);
  sor(natural.split, b.data(), options, false, x.data(), silent);
  const std::vector<double> rhs = permuted(b, levels.pattern, false);
  sor(levels.split, rhs.data(), options, false, y.data(), silent);
  const std::vector<double> back = permuted(y, levels.pattern, true);
  for (std::size_t i = 0; i < 400; ++i) CHECK(x[i] == doctest::Approx(back[i]).epsilon(1e-13));
}

TEST_CASE("the preconditioner applied to P v is v") {
  const test::Csr a = test::grid(6, 6);
  const test::System system(a, Ordering::natural);
  const std::vector<double> v = test::wave(36);
  std::vector<double> out(36), y(36), pv(36);
  const double omega = 1.3;
  // P v = omega / (2 - omega) Lo D^{-1} Up v with Lo = D / omega + L and Up its transpose.
  for (std::size_t i = 0; i < 36; ++i) {
    double s = system.diag[i] / omega * v[i];
    for (auto e = static_cast<std::size_t>(system.pattern.upper_ptr[i]);
         e < static_cast<std::size_t>(system.pattern.upper_ptr[i + 1]); ++e) {
      s += system.upper[e] * v[static_cast<std::size_t>(system.pattern.upper_idx[e])];
    }
    y[i] = s / system.diag[i];
  }
  for (std::size_t i = 0; i < 36; ++i) {
    double s = system.diag[i] / omega * y[i];
    for (auto e = static_cast<std::size_t>(system.pattern.lower_ptr[i]);
         e < static_cast<std::size_t>(system.pattern.lower_ptr[i + 1]); ++e) {
      s += system.lower[e] * y[static_cast<std::size_t>(system.pattern.lower_idx[e])];
    }
    pv[i] = omega / (2.0 - omega) * s;
  }
  ssor_apply(system.split, omega, pv.data(), out.data());
  for (std::size_t i = 0; i < 36; ++i) CHECK(out[i] == doctest::Approx(v[i]).epsilon(1e-12));
}

TEST_CASE("what cannot be solved ends, with the residual of the x it leaves") {
  test::Csr a = test::grid(8, 8);
  for (std::size_t e = 0; e < a.val.size(); ++e) {
    if (a.val[e] > 0) a.val[e] = 1.0;  // indefinite
  }
  const std::vector<double> b = test::wave(64);
  const test::System system(a, Ordering::natural);
  SilentMonitor silent;
  Options options;
  options.omega = 1.5;
  for (int method = 0; method < 3; ++method) {
    std::vector<double> x(64, 0.0);
    Report report;
    if (method == 0) {
      report = sor(system.split, b.data(), options, false, x.data(), silent);
      CHECK(report.ending == Ending::diverged);
    } else {
      report = (method == 1 ? ssor_cg : cg)(system.split, b.data(), options, x.data(), silent);
      CHECK(report.ending == Ending::indefinite);
    }
    CHECK(report.residual_norm == doctest::Approx(residual(a, b, x)).epsilon(1e-9));
  }
}

TEST_CASE("a monitor ends a solve") {
  struct Stop final : Monitor {
    void poll(const Progress&) override { throw 1; }
  } stop;
  const test::System system(test::grid(60, 60), Ordering::natural);
  const std::vector<double> b = test::wave(3600);
  std::vector<double> x(3600, 0.0);
  Options options;
  options.rtol = 1e-14;
  CHECK_THROWS_AS(sor(system.split, b.data(), options, false, x.data(), stop), int);
}
