// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/block_descent.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "taut/linalg/dense.hpp"
#include "taut/linalg/kernels.hpp"
#include "taut/linalg/symmetric.hpp"

namespace taut::solver {
namespace {

/// Sweeps between extrapolations: as many differences are combined.
constexpr Index k_history = 5;
/// Longest step of a prediction, in steps of the path so far.
constexpr double k_most_length = 2.0;
/// The support is solved to this share of the gap allowed before all of the working set is swept.
constexpr double k_support_share = 0.5;
/// A support of this share of the working set is not checked apart from it.
constexpr double k_mostly = 0.75;
/// Share of the gap allowed that a sweep gains at most if it may have been the last one.
constexpr double k_near = 0.01;
/// A gap of the working set above this many times that of its support comes from units at zero.
constexpr double k_held_up = 10.0;
/// Sweeps of a short round make less of extrapolation.
constexpr double k_margin = 1.25;
/// Rounds in which the gap of the support may fail to fall by a tenth.
constexpr int k_most_stalls = 5;
/// Relative ridge of the least-squares problem of an extrapolation.
constexpr double k_extrapolation_ridge = 1e-10;

/// From so many outputs on, units are taken several at a time, about this many features together.
constexpr Index k_many_outputs = 4;
constexpr Index k_chunk = 16;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

BlockDescent::BlockDescent(const Problem& problem)
    : problem_(problem), sparse_(problem.Z.raw().is_sparse()) {
  penalty::BlockNorm norm;
  norms_ = problem.penalty.as_norm(0, norm);
  if (!sparse_) {
    root_.resize(at_(problem.rows()));
    for (Index i = 0; i < problem.rows(); ++i) {
      root_[at_(i)] = std::sqrt(problem.Z.weights()[i]);
    }
  }
}

void BlockDescent::add(const Index* features, Index count) {
  const design::Standardized& Z = problem_.Z;
  const Index n = problem_.rows();
  std::vector<double> gram;
  if (!sparse_) {
    const std::size_t size = (features_.size() + at_(count)) * at_(n);
    if (columns_.capacity() < size) columns_.reserve(size + size / 2);
    columns_.resize(size);
  }
  for_each_block(problem_, features, count, [&](Index b, Index, Index c) {
    const Index size = problem_.penalty.blocks().size(b);
    units_.push_back({b, static_cast<Index>(features_.size()), size});
    for (Index i = 0; i < size; ++i) {
      if (sparse_) {
        packed_.append(Z.raw(), features[c + i]);
      } else {
        Z.pack(features[c + i], root_.data(), 0, n, &columns_[features_.size() * at_(n)]);
      }
      features_.push_back(features[c + i]);
    }
    gram.assign(at_(size * size), 0.0);
    if (size == 1) {
      gram[0] = Z.norm(features[c]) * Z.norm(features[c]);
    } else if (sparse_) {
      Z.gram(features + c, size, features + c, size, Z.weights(), problem_.n_threads, gram.data(),
             size);
    } else {
      const double* columns = &columns_[at_(units_.back().first * n)];
      linalg::add_gemm_tn(size, size, n, columns, n, columns, n, gram.data(), size);
    }
    steps_.emplace_back(size, gram.data(), size);
  });
}

void BlockDescent::Point::add(double share, const Point& other) {
  linalg::axpy(share, other.coef.data(), coef.data(), static_cast<Index>(other.coef.size()));
  linalg::axpy(share, other.residual.data(), residual.data(), static_cast<Index>(residual.size()));
  linalg::axpy(share, other.constant.data(), constant.data(), static_cast<Index>(constant.size()));
}

void BlockDescent::load(const Iterate& at) {
  const Index n = problem_.rows(), K = problem_.outputs();
  now_.coef.resize(features_.size() * at_(K));
  for (std::size_t c = 0; c < features_.size(); ++c) {
    std::copy_n(&at.coef[at_(features_[c] * K)], K, &now_.coef[c * at_(K)]);
  }
  now_.residual = at.residual;
  now_.constant.assign(at_(K), 0.0);
  if (sparse_) return;
  for (Index k = 0; k < K; ++k) {
    for (Index i = 0; i < n; ++i) now_.residual[at_(k * n + i)] *= root_[at_(i)];
  }
}

bool BlockDescent::is_zero(const Unit& u) const {
  const Index K = problem_.outputs();
  const double* b = &now_.coef[at_(u.first * K)];
  return std::all_of(b, b + u.size * K, [](double x) { return x == 0.0; });
}

/// out[i * K + k] = z'(s r_k) for `count` slots.
void BlockDescent::products(Index slot, Index count, double* out) const {
  const Index n = problem_.rows(), K = problem_.outputs();
  if (!sparse_) {
    const double* columns = &columns_[at_(slot * n)];
    if (K == 1) {
      linalg::dot_columns(now_.residual.data(), columns, n, n, count, out);
    } else if (K >= k_many_outputs && count >= k_many_outputs) {
      std::fill_n(out, count * K, 0.0);
      linalg::add_gemm_tn(K, count, n, now_.residual.data(), n, columns, n, out, K);
    } else {
      for (Index i = 0; i < count; ++i) {
        linalg::dot_columns(columns + i * n, now_.residual.data(), n, n, K, out + i * K);
      }
    }
    return;
  }
  // With centred columns sum s r = 0, so only the constant part of r needs care.
  for (Index i = 0; i < count; ++i) {
    const Index j = features_[at_(slot + i)];
    for (Index k = 0; k < K; ++k) {
      const double raw =
          packed_.weighted_dot(slot + i, problem_.Z.weights(), &now_.residual[at_(k * n)]);
      out[i * K + k] = (raw + now_.constant[at_(k)] * problem_.Z.mean(j)) / problem_.Z.scale(j);
    }
  }
}

/// Takes the residual along when coefficients have changed.
void BlockDescent::move(Point& point, Index slot, Index count, const double* change) const {
  const Index n = problem_.rows(), K = problem_.outputs();
  if (!sparse_) {
    const double* columns = &columns_[at_(slot * n)];
    for (Index k = 0; k < K; ++k) {
      double* r = &point.residual[at_(k * n)];
      Index i = 0;
      for (; i + 4 <= count; i += 4) {
        const double a[4] = {-change[i * K + k], -change[(i + 1) * K + k], -change[(i + 2) * K + k],
                             -change[(i + 3) * K + k]};
        linalg::axpy4(a, columns + i * n, columns + (i + 1) * n, columns + (i + 2) * n,
                      columns + (i + 3) * n, r, n);
      }
      for (; i < count; ++i) {
        if (change[i * K + k] != 0.0) linalg::axpy(-change[i * K + k], columns + i * n, r, n);
      }
    }
    return;
  }
  for (Index i = 0; i < count; ++i) {
    const Index j = features_[at_(slot + i)];
    for (Index k = 0; k < K; ++k) {
      if (change[i * K + k] == 0.0) continue;
      const double raw = -change[i * K + k] / problem_.Z.scale(j);
      packed_.axpy(slot + i, raw, &point.residual[at_(k * n)]);
      point.constant[at_(k)] -= raw * problem_.Z.mean(j);
    }
  }
}

/// Moves unit i to its minimiser, `next` holding its z'(s r) on entry and the change on return; false
/// if it stays.
bool BlockDescent::step(Index i, double* next) {
  const Unit& u = units_[at_(i)];
  const Index width = u.size * problem_.outputs();
  double* b = &now_.coef[at_(u.first * problem_.outputs())];
  old_.assign(b, b + width);
  if (norms_) {
    penalty::BlockNorm norm;
    problem_.penalty.as_norm(u.block, norm);
    if (!steps_[at_(i)](norm, problem_.outputs(), b, next, scratch_)) return false;
  } else {
    const double curvature = steps_[at_(i)].bound();
    if (!(curvature > 0.0)) return false;
    for (Index k = 0; k < width; ++k) b[k] += next[k] / curvature;
    problem_.penalty.prox(b, 1.0 / curvature, u.block);
  }
  bool moved = false;
  for (Index k = 0; k < width; ++k) {
    next[k] = b[k] - old_[at_(k)];
    moved = moved || next[k] != 0.0;
  }
  return moved;
}

void BlockDescent::sweep(const std::vector<Index>& units) {
  const Index K = problem_.outputs();
  if (!sparse_ && K >= k_many_outputs) {
    sweep_chunks(units);
    return;
  }
  for (Index i : units) {
    const Unit& u = units_[at_(i)];
    next_.resize(at_(u.size * K));
    products(u.first, u.size, next_.data());
    if (step(i, next_.data())) move(now_, u.first, u.size, next_.data());
  }
}

/// The same sweep with the residual read and written once for several units: what one of them changes
/// for those behind it follows from their small Gram matrix. With many outputs the residual is the
/// larger part of the traffic, and the products become matrix products.
void BlockDescent::sweep_chunks(const std::vector<Index>& units) {
  const Index n = problem_.rows(), K = problem_.outputs();
  for (std::size_t begin = 0; begin < units.size();) {
    std::size_t end = begin;
    Index m = 0;
    for (; end < units.size(); ++end) {
      const Index size = units_[at_(units[end])].size;
      if (m > 0 && m + size > k_chunk) break;
      m += size;
    }
    chunk_.resize(at_(n * m));
    gram_.assign(at_(m * m), 0.0);
    next_.assign(at_(m * K), 0.0);
    changes_.assign(at_(m * K), 0.0);
    Index place = 0;
    for (std::size_t t = begin; t < end; ++t) {
      const Unit& u = units_[at_(units[t])];
      std::copy_n(&columns_[at_(u.first * n)], u.size * n, &chunk_[at_(place * n)]);
      place += u.size;
    }
    linalg::add_gemm_tn(m, m, n, chunk_.data(), n, chunk_.data(), n, gram_.data(), m);
    linalg::add_gemm_tn(K, m, n, now_.residual.data(), n, chunk_.data(), n, next_.data(), K);
    place = 0;
    bool any = false;
    for (std::size_t t = begin; t < end; ++t) {
      const Index size = units_[at_(units[t])].size;
      double* change = &next_[at_(place * K)];
      if (step(units[t], change)) {
        any = true;
        for (Index a = place; a < place + size; ++a) {
          const double* delta = &next_[at_(a * K)];
          for (Index k = 0; k < K; ++k) changes_[at_(k * m + a)] = delta[k];
          for (Index c = place + size; c < m; ++c) {
            linalg::axpy(-gram_[at_(a * m + c)], delta, &next_[at_(c * K)], K);
          }
        }
      }
      place += size;
    }
    if (any) {
      linalg::add_gemm(n, K, m, -1.0, chunk_.data(), n, changes_.data(), m, now_.residual.data(),
                       n);
    }
    begin = end;
  }
}

double BlockDescent::objective(const std::vector<Index>& units) const {
  const Index n = problem_.rows(), K = problem_.outputs();
  const double* s = problem_.Z.weights();
  double loss = 0.0, penalty = 0.0;
  for (Index k = 0; k < K; ++k) {
    const double* r = &now_.residual[at_(k * n)];
    if (!sparse_) {
      loss += linalg::dot(r, r, n);
      continue;
    }
    for (Index i = 0; i < n; ++i) {
      const double here = r[i] + now_.constant[at_(k)];
      loss += s[i] * here * here;
    }
  }
  for (Index i : units) {
    const Unit& u = units_[at_(i)];
    if (!is_zero(u)) penalty += problem_.penalty.value(&now_.coef[at_(u.first * K)], u.block);
  }
  return 0.5 * loss + penalty;
}

void BlockDescent::go_if_lower(Point& candidate, const std::vector<Index>& units) {
  const double before = objective(units);
  std::swap(now_, candidate);
  if (!(objective(units) < before)) std::swap(now_, candidate);
}

/// Tries the combination of the recent coefficients whose differences cancel best.
void BlockDescent::extrapolate(const std::vector<Index>& units) {
  const Index m = static_cast<Index>(history_.size()) - 1, K = problem_.outputs();
  std::vector<double> gram(at_(m * m), 0.0), weights(at_(m), 1.0);
  double trace = 0.0;
  for (Index a = 0; a < m; ++a) {
    for (Index b = 0; b <= a; ++b) {
      double total = 0.0;
      for (std::size_t i = 0; i < now_.coef.size(); ++i) {
        total += (history_[at_(a + 1)].coef[i] - history_[at_(a)].coef[i]) *
                 (history_[at_(b + 1)].coef[i] - history_[at_(b)].coef[i]);
      }
      gram[at_(a + b * m)] = total;
      if (a == b) trace += total;
    }
  }
  if (!(trace > 0.0)) return;
  for (Index a = 0; a < m; ++a) gram[at_(a + a * m)] += k_extrapolation_ridge * trace;
  if (!linalg::factor_cholesky(m, gram.data(), m)) return;
  linalg::solve_cholesky(m, gram.data(), m, 1, weights.data(), m);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (!std::isfinite(1.0 / sum)) return;

  Point candidate{std::vector<double>(now_.coef.size(), 0.0),
                  std::vector<double>(now_.residual.size(), 0.0),
                  std::vector<double>(now_.constant.size(), 0.0)};
  for (Index a = 0; a < m; ++a) candidate.add(weights[at_(a)] / sum, history_[at_(a + 1)]);
  for (Index i : units) {  // back into the bounds
    const Unit& u = units_[at_(i)];
    const Index width = u.size * K;
    double* b = &candidate.coef[at_(u.first * K)];
    old_.assign(b, b + width);
    problem_.penalty.prox(b, 0.0, u.block);
    if (std::equal(b, b + width, old_.begin())) continue;
    for (Index k = 0; k < width; ++k) old_[at_(k)] = b[k] - old_[at_(k)];
    move(candidate, u.first, u.size, old_.data());
  }
  go_if_lower(candidate, units);
}

/// Between the strengths at which blocks come and go a path of norms is smooth: tries to go on along
/// the line through the last two solutions.
void BlockDescent::predict(const std::vector<Index>& units) {
  const Index K = problem_.outputs();
  const double alpha = problem_.penalty.alpha();
  if (!(former_alpha_ > 0.0) || alpha == latest_alpha_) return;
  const double length = (alpha - latest_alpha_) / (latest_alpha_ - former_alpha_);
  if (!(length > 0.0 && length < k_most_length)) return;
  Point candidate = now_;
  candidate.add(length, latest_);
  candidate.add(-length, former_);
  // Blocks that were or are zero stay where they are; others go back into the bounds.
  for (Index i : units) {
    const Unit& u = units_[at_(i)];
    const std::size_t first = at_(u.first * K);
    const Index width = u.size * K;
    double* b = &candidate.coef[first];
    const bool was_there = first + at_(width) <= former_.coef.size() &&
                           std::any_of(&former_.coef[first], &former_.coef[first] + width,
                                       [](double x) { return x != 0.0; });
    old_.assign(b, b + width);
    if (was_there && !is_zero(u)) {
      problem_.penalty.prox(b, 0.0, u.block);
    } else {
      std::copy_n(&now_.coef[first], width, b);
    }
    if (std::equal(b, b + width, old_.begin())) continue;
    for (Index k = 0; k < width; ++k) old_[at_(k)] = b[k] - old_[at_(k)];
    move(candidate, u.first, u.size, old_.data());
  }
  go_if_lower(candidate, units);
}

/// Duality gap of the problem restricted to the units, or without a dual the subdifferential distance.
double BlockDescent::gap(const std::vector<Index>& units) {
  const Index K = problem_.outputs();
  checked_ = units;
  listed_.clear();
  rows_.clear();
  Index run = 0, run_size = 0;
  std::size_t run_place = 0;
  for (Index i : units) {
    const Unit& u = units_[at_(i)];
    for (Index slot = u.first; slot < u.first + u.size; ++slot) {
      listed_.push_back(features_[at_(slot)]);
    }
    const std::size_t place = rows_.size();
    const auto b = now_.coef.begin() + u.first * K;
    rows_.insert(rows_.end(), b, b + u.size * K);
    grad_.resize(rows_.size());
    // Neighbours in one product.
    if (run_size > 0 && run + run_size == u.first) {
      run_size += u.size;
    } else {
      if (run_size > 0) products(run, run_size, &grad_[run_place]);
      run = u.first;
      run_size = u.size;
      run_place = place;
    }
  }
  if (run_size > 0) products(run, run_size, &grad_[run_place]);
  grad_.resize(rows_.size());
  for (double& g : grad_) g = -g;
  return gap_of_listed(objective(units));
}

/// The same for the units of the last gap() that are not zero, without another product.
double BlockDescent::gap_of_support() {
  const Index K = problem_.outputs();
  Index from = 0, to = 0;
  for (Index i : checked_) {
    const Unit& u = units_[at_(i)];
    if (!is_zero(u)) {
      std::copy_n(listed_.begin() + from, u.size, listed_.begin() + to);
      std::copy_n(rows_.begin() + from * K, u.size * K, rows_.begin() + to * K);
      std::copy_n(grad_.begin() + from * K, u.size * K, grad_.begin() + to * K);
      to += u.size;
    }
    from += u.size;
  }
  listed_.resize(at_(to));
  rows_.resize(at_(to * K));
  grad_.resize(at_(to * K));
  return gap_of_listed(objective(checked_));
}

double BlockDescent::gap_of_listed(double primal) {
  const Index n = problem_.rows(), K = problem_.outputs();
  const Index count = static_cast<Index>(listed_.size());
  if (!problem_.penalty.has_dual()) {
    double worst = 0.0;
    for_each_block(problem_, listed_.data(), count, [&](Index block, Index, Index c) {
      worst = std::max(
          worst, problem_.penalty.subdiff_distance(&rows_[at_(c * K)], &grad_[at_(c * K)], block));
    });
    return worst;
  }
  scratch_.resize(at_(n * K));
  for (Index k = 0; k < K; ++k) {
    for (Index i = 0; i < n; ++i) {
      const double r = now_.residual[at_(k * n + i)];
      // A row without weight counts for nothing, whatever its residual.
      scratch_[at_(k * n + i)] =
          sparse_ ? r + now_.constant[at_(k)] : (root_[at_(i)] > 0.0 ? r / root_[at_(i)] : 0.0);
    }
  }
  return duality_gap(problem_, scratch_.data(), listed_.data(), count, rows_.data(), grad_.data(),
                     primal);
}

/// Some sweeps, then an extrapolation from them.
void BlockDescent::accelerate(const std::vector<Index>& units, Index sweeps, Monitor& monitor) {
  history_.assign(1, now_);
  for (Index t = 0; t < sweeps; ++t) {
    sweep(units);
    history_.push_back(now_);
    monitor.poll({});
  }
  extrapolate(units);
}

InnerReport BlockDescent::solve(Iterate& at, double target, Index max_iter, Monitor& monitor) {
  InnerReport report;
  const Index K = problem_.outputs();
  std::vector<Index> all(units_.size());
  std::iota(all.begin(), all.end(), Index{0});
  load(at);
  predict(all);
  while (!report.converged) {
    const double before = objective(all);
    sweep(all);
    ++report.iterations;
    support_.clear();
    for (Index i : all) {
      if (!is_zero(units_[at_(i)])) support_.push_back(i);
    }
    const bool mostly = static_cast<double>(support_.size()) >= k_mostly * double(all.size());
    // A sweep that gains much of what is allowed in all is hardly the last one.
    bool check = !problem_.penalty.has_dual() || before - objective(all) <= k_near * target;
    double whole = -1.0;  // the gap of all units, or negative where it is not known
    double least = std::numeric_limits<double>::infinity();  // gap of the support so far
    Index sweeps = k_history;
    for (int stalls = 0;
         !support_.empty() && stalls < k_most_stalls && report.iterations < max_iter;) {
      if (check) {
        if (mostly) whole = gap(all);
        if (whole >= 0.0 && whole <= target) break;
        const double now = whole >= 0.0 ? gap_of_support() : gap(support_);
        const double goal = whole >= 0.0 ? target : k_support_share * target;
        // Done here, or held up by units that are not in the support.
        if (now <= k_support_share * target || whole > k_held_up * now) break;
        if (std::isfinite(least) && sweeps == k_history) {
          pace_ = std::max(0.0, std::log(least / now) / k_history);
        }
        stalls = now < 0.9 * least ? 0 : stalls + 1;
        least = std::min(least, now);
        // No more sweeps than it takes at the pace of the last full round.
        const double needed = k_margin * std::log(now / goal);
        sweeps = needed < k_history * pace_ ? std::max<Index>(1, Index(std::ceil(needed / pace_)))
                                            : k_history;
      }
      check = true;
      accelerate(support_, sweeps, monitor);
      whole = -1.0;
      report.iterations += sweeps;
    }
    report.gap = whole >= 0.0 ? whole : gap(all);
    report.converged = report.gap <= target;
    if (report.iterations >= max_iter) break;
    monitor.poll({});
  }
  if (problem_.penalty.alpha() != latest_alpha_) {
    std::swap(former_, latest_);
    former_alpha_ = latest_alpha_;
    latest_alpha_ = problem_.penalty.alpha();
  }
  latest_ = now_;
  for (std::size_t c = 0; c < features_.size(); ++c) {
    std::copy_n(&now_.coef[c * at_(K)], K, &at.coef[at_(features_[c] * K)]);
  }
  refresh(problem_, at, features_.data(), static_cast<Index>(features_.size()));
  return report;
}

}  // namespace taut::solver
