// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "taut/ot/smooth.hpp"

namespace taut::ot::detail {
namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

double dot(const std::vector<double>& x, const std::vector<double>& y) {
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
  return sum;
}

/// Solves the dense system A x = y of `size` unknowns in place, partial pivoting.
void eliminate(std::vector<double>& A, std::vector<double>& y, std::size_t size) {
  for (std::size_t c = 0; c < size; ++c) {
    std::size_t pivot = c;
    for (std::size_t r = c + 1; r < size; ++r) {
      if (std::abs(A[r * size + c]) > std::abs(A[pivot * size + c])) pivot = r;
    }
    if (pivot != c) {
      for (std::size_t k = c; k < size; ++k) std::swap(A[c * size + k], A[pivot * size + k]);
      std::swap(y[c], y[pivot]);
    }
    if (A[c * size + c] == 0.0) A[c * size + c] = std::numeric_limits<double>::min();
    for (std::size_t r = c + 1; r < size; ++r) {
      const double f = A[r * size + c] / A[c * size + c];
      if (f == 0.0) continue;
      for (std::size_t k = c; k < size; ++k) A[r * size + k] -= f * A[c * size + k];
      y[r] -= f * y[c];
    }
  }
  for (std::size_t c = size; c-- > 0;) {
    for (std::size_t k = c + 1; k < size; ++k) y[c] -= A[c * size + k] * y[k];
    y[c] /= A[c * size + c];
  }
}

/// A supergradient, the plan it comes from, and how far its plane lies above S at the centre.
struct Cut {
  std::vector<double> slope;
  ColumnPlan plan;
  double error = 0.0;
};

}  // namespace

void simplex_qp(const std::vector<double>& Q, const std::vector<double>& e, Index size,
                std::vector<double>& lambda) {
  const std::size_t n = at(size);
  double largest = 0.0, offset = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    largest = std::max(largest, Q[i * n + i]);
    offset = std::max(offset, std::abs(e[i]));
  }
  const double ridge = 1e-13 * largest;
  const double slack = 1e-13 * (largest + offset) + std::numeric_limits<double>::min();
  std::vector<std::size_t> active;
  for (std::size_t i = 0; i < n; ++i) {
    if (lambda[i] > 0.0) active.push_back(i);
  }
  if (active.empty()) {
    active.push_back(static_cast<std::size_t>(std::min_element(e.begin(), e.end()) - e.begin()));
    lambda[active.front()] = 1.0;
  }
  std::vector<double> A, y;
  for (Index round = 0; round < 20 * size + 100; ++round) {
    const std::size_t count = active.size(), order = count + 1;
    A.assign(order * order, 0.0);
    y.assign(order, 0.0);
    for (std::size_t r = 0; r < count; ++r) {
      for (std::size_t c = 0; c < count; ++c) A[r * order + c] = Q[active[r] * n + active[c]];
      A[r * order + r] += ridge;
      A[r * order + count] = A[count * order + r] = 1.0;
      y[r] = -e[active[r]];
    }
    y[count] = 1.0;
    eliminate(A, y, order);
    double step = 1.0;
    std::size_t blocking = count;
    for (std::size_t r = 0; r < count; ++r) {
      const double now = lambda[active[r]];
      if (y[r] < 0.0 && now / (now - y[r]) < step) {
        step = now / (now - y[r]);
        blocking = r;
      }
    }
    for (std::size_t r = 0; r < count; ++r) lambda[active[r]] += step * (y[r] - lambda[active[r]]);
    if (blocking < count) {
      lambda[active[blocking]] = 0.0;
      active.erase(active.begin() + static_cast<std::ptrdiff_t>(blocking));
      if (!active.empty()) continue;
      active.push_back(0);
      lambda[0] = 1.0;
      continue;
    }
    // The multiplier of the simplex, and the index that gains most by entering.
    const double level = -y[count];
    double worst = -slack;
    std::size_t enter = n;
    for (std::size_t i = 0; i < n; ++i) {
      if (lambda[i] > 0.0) continue;
      double gradient = e[i] - level;
      for (const std::size_t j : active) gradient += Q[i * n + j] * lambda[j];
      if (gradient < worst && std::find(active.begin(), active.end(), i) == active.end()) {
        worst = gradient;
        enter = i;
      }
    }
    if (enter == n) break;
    active.push_back(enter);
  }
  double total = 0.0;
  for (double& value : lambda) {
    value = std::max(value, 0.0);
    total += value;
  }
  for (double& value : lambda) value /= total;
}

bool bundle(SemiDual& problem, double tol, Index budget, SmoothReport& report) {
  const std::size_t n = at(problem.sources());
  // A hundred cuts, or as many as 200 MB hold: each keeps a plan and a gradient.
  const std::size_t cut_size =
      24 * report.point.plan.row.size() + 8 * n + 8 * at(problem.targets());
  const std::size_t k_most = std::clamp<std::size_t>(200000000 / cut_size, 12, 100);
  report.used_relaxation = true;
  std::vector<Cut> cuts;
  std::vector<double> gram, lambda, d(n), trial_alpha(n);
  const auto add = [&](const SemiDualPoint& point, double error) {
    Cut cut;
    cut.slope.resize(n);
    for (std::size_t i = 0; i < n; ++i) cut.slope[i] = problem.a()[i] - point.row_mass[i];
    cut.plan = point.plan;
    cut.error = error;
    cuts.push_back(std::move(cut));
    lambda.push_back(0.0);
    const std::size_t size = cuts.size();
    std::vector<double> next(size * size);
    for (std::size_t r = 0; r + 1 < size; ++r) {
      for (std::size_t c = 0; c + 1 < size; ++c) next[r * size + c] = gram[r * (size - 1) + c];
    }
    for (std::size_t r = 0; r < size; ++r) {
      next[r * size + size - 1] = next[(size - 1) * size + r] =
          dot(cuts[r].slope, cuts.back().slope);
    }
    gram.swap(next);
  };
  const auto keep = [&](const std::vector<std::size_t>& kept) {
    const std::size_t size = cuts.size();
    std::vector<double> next(kept.size() * kept.size()), weights;
    std::vector<Cut> rest;
    for (std::size_t r = 0; r < kept.size(); ++r) {
      for (std::size_t c = 0; c < kept.size(); ++c) {
        next[r * kept.size() + c] = gram[kept[r] * size + kept[c]];
      }
      rest.push_back(std::move(cuts[kept[r]]));
      weights.push_back(lambda[kept[r]]);
    }
    cuts.swap(rest);
    gram.swap(next);
    lambda.swap(weights);
  };
  const auto aggregate = [&] {
    std::vector<const ColumnPlan*> plans;
    std::vector<double> weights;
    Cut all;
    all.slope.assign(n, 0.0);
    for (std::size_t r = 0; r < cuts.size(); ++r) {
      if (lambda[r] <= 0.0) continue;
      plans.push_back(&cuts[r].plan);
      weights.push_back(lambda[r]);
      all.error += lambda[r] * cuts[r].error;
      for (std::size_t i = 0; i < n; ++i) all.slope[i] += lambda[r] * cuts[r].slope[i];
    }
    all.plan = combine(plans, weights, problem.sources());
    return all;
  };

  SemiDualPoint trial;
  add(report.point, 0.0);
  lambda[0] = 1.0;
  // Curvature of the smooth pieces: entries of the plan per row, divided by gamma.
  double u = std::max<double>(static_cast<double>(report.point.plan.row.size()), 1.0) /
             (problem.gamma() * static_cast<double>(n));
  const double u_start = u;
  const double target = tol * problem.mass();
  bool converged = false;
  while (true) {
    const auto size = static_cast<Index>(cuts.size());
    std::vector<double> scaled = gram, errors(at(size));
    for (double& value : scaled) value /= u;
    for (std::size_t r = 0; r < at(size); ++r) errors[r] = cuts[r].error;
    simplex_qp(scaled, errors, size, lambda);
    std::fill(d.begin(), d.end(), 0.0);
    double aggregate_error = 0.0;
    for (std::size_t r = 0; r < at(size); ++r) {
      if (lambda[r] <= 0.0) continue;
      aggregate_error += lambda[r] * cuts[r].error;
      for (std::size_t i = 0; i < n; ++i) d[i] += lambda[r] / u * cuts[r].slope[i];
    }
    double length = 0.0, square = 0.0;
    for (const double value : d) {
      length += std::abs(value);
      square += value * value;
    }
    report.error = u * length;
    const double gain = aggregate_error + u * square;
    const double scale = std::max(std::abs(report.point.value), 1e-300);
    if (report.error <= target && gain <= 1e-3 * tol * scale) {
      converged = true;
      break;
    }
    if (problem.evaluations() >= budget) break;
    for (std::size_t i = 0; i < n; ++i) trial_alpha[i] = report.alpha[i] + d[i];
    problem.evaluate(trial_alpha.data(), &report.point, trial);
    // Room for the new cut: first what carries no weight goes, then everything is aggregated.
    if (cuts.size() + 1 >= k_most) {
      std::vector<std::size_t> kept;
      for (std::size_t r = 0; r < cuts.size(); ++r) {
        if (lambda[r] > 0.0) kept.push_back(r);
      }
      if (kept.size() + k_most / 10 >= k_most) {
        Cut all = aggregate();
        std::sort(kept.begin(), kept.end(),
                  [&](std::size_t x, std::size_t y) { return cuts[x].error < cuts[y].error; });
        kept.resize(k_most / 2);
        keep(kept);
        std::fill(lambda.begin(), lambda.end(), 0.0);
        SemiDualPoint shell;
        shell.row_mass.resize(n);
        for (std::size_t i = 0; i < n; ++i) shell.row_mass[i] = problem.a()[i] - all.slope[i];
        shell.plan = std::move(all.plan);
        add(shell, all.error);
        lambda.back() = 1.0;
      } else {
        keep(kept);
      }
    }
    const double change = trial.value - report.point.value;
    std::vector<double> slope(n);
    for (std::size_t i = 0; i < n; ++i) slope[i] = problem.a()[i] - trial.row_mass[i];
    if (change >= 0.1 * gain) {
      for (Cut& cut : cuts) cut.error = std::max(cut.error + dot(cut.slope, d) - change, 0.0);
      add(trial, 0.0);
      std::swap(report.point, trial);
      report.alpha.swap(trial_alpha);
      // Good models earn longer steps.
      if (change >= 0.5 * gain) u = std::max(u * 0.7, 1e-6 * u_start);
    } else {
      // The plane of the trial point, at the centre.
      add(trial, std::max(change - dot(slope, d), 0.0));
      u = std::min(u * 1.1, 1e6 * u_start);
    }
    report.errors.push_back(report.error);
    report.values.push_back(report.point.value);
    problem.progress().step = problem.evaluations();
    problem.progress().gap = report.error;
  }
  report.relaxed = feasible_plan(problem, aggregate().plan);
  return converged;
}

}  // namespace taut::ot::detail
