// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "taut/datafit/datafit.hpp"

/// What every smooth datafit owes its solvers, by finite differences and inequalities.
namespace checks {

using taut::Index;

inline std::vector<double> uniform(Index n, double low, double high, unsigned seed) {
  std::mt19937_64 engine(seed);
  std::vector<double> out(static_cast<std::size_t>(n));
  for (double& x : out) {
    x = low + (high - low) * static_cast<double>(engine() >> 11) / 9007199254740992.0;
  }
  return out;
}

inline std::vector<double> weights(Index n, unsigned seed) {
  std::vector<double> s = uniform(n, 0.2, 2.0, seed);
  s[0] = 0.0;
  double total = 0.0;
  for (double x : s) total += x;
  for (double& x : s) x /= total;
  return s;
}

/// Residuals are minus the slopes of the value, curvatures are the slopes of the residuals.
inline void derivatives(const taut::datafit::Datafit& f, const std::vector<double>& eta) {
  const std::size_t n = static_cast<std::size_t>(f.rows());
  const std::size_t K = static_cast<std::size_t>(f.outputs());
  std::vector<double> r(n * K), up(n * K), down(n * K), h(n), moved(eta), same(n * K);
  f.residual(eta.data(), r.data());
  CHECK(f.evaluate(eta.data(), same.data()) == doctest::Approx(f.value(eta.data())).epsilon(1e-14));
  for (std::size_t i = 0; i < n * K; ++i) CHECK(same[i] == doctest::Approx(r[i]).epsilon(1e-14));
  const double step = 1e-5;
  std::vector<double> store;
  const double* point = f.curvature_point(r.data(), store);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < K; ++k) {
      moved[k * n + i] = eta[k * n + i] + step;
      const double f_up = f.value(moved.data());
      f.residual(moved.data(), up.data());
      moved[k * n + i] = eta[k * n + i] - step;
      const double f_down = f.value(moved.data());
      f.residual(moved.data(), down.data());
      moved[k * n + i] = eta[k * n + i];
      const double s = f.weights()[i];
      CHECK(std::abs((f_up - f_down) / (2.0 * step) + s * r[k * n + i]) < 1e-9);
      for (std::size_t l = 0; l < K; ++l) {
        f.curvature(point, static_cast<Index>(k), static_cast<Index>(l), h.data());
        const double slope = -s * (up[l * n + i] - down[l * n + i]) / (2.0 * step);
        CHECK(std::abs(slope - h[i]) < 1e-9);
      }
    }
  }
  for (Index k = 0; k < f.outputs(); ++k) {
    for (Index l = 0; l < f.outputs(); ++l) {
      f.curvature(point, k, l, h.data());
      double total = 0.0;
      for (double x : h) total += x;
      CHECK(f.curvature_sum(point, k, l, h.data()) == doctest::Approx(total).epsilon(1e-12));
    }
  }
}

/// F(eta) + F*(-v) >= -v'eta for v = c s r, with equality when r belongs to eta and c = 1.
inline void fenchel_young(const taut::datafit::Datafit& f, const std::vector<double>& eta,
                          const std::vector<double>& other) {
  const std::size_t n = static_cast<std::size_t>(f.rows());
  const std::size_t K = static_cast<std::size_t>(f.outputs());
  std::vector<double> r(n * K);
  f.residual(eta.data(), r.data());
  const auto inner = [&](const std::vector<double>& at) {
    double total = 0.0;
    for (std::size_t i = 0; i < n * K; ++i) total += f.weights()[i % n] * r[i] * at[i];
    return total;
  };
  CHECK(f.value(eta.data()) - f.dual(r.data(), 1.0) == doctest::Approx(-inner(eta)).epsilon(1e-12));
  for (double c : {0.0, 0.3, 0.9, 1.0}) {
    CHECK(f.value(other.data()) - f.dual(r.data(), c) >= -c * inner(other) - 1e-14);
  }
}

}  // namespace checks
