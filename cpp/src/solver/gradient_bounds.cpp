// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/gradient_bounds.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "taut/core/parallel.hpp"
#include "taut/linalg/kernels.hpp"

namespace taut::solver {
namespace {

/// Features of a range.
constexpr Index k_range = 512;
/// Multiply-adds that looking at a feature costs as much as.
constexpr double k_look_cost = 8.0;
/// Below this many a parallel region costs more than it saves.
constexpr double k_parallel_work = 5e4;
constexpr Index k_most_basis = 32;
/// Up to so many features a basis would cost more than they do.
constexpr Index k_never_bounded = 64;
/// Share of features above which one pass over all of them, which also feeds the basis, is better.
constexpr double k_full_share = 0.3;
/// Relative rounding allowed for in a bound.
constexpr double k_rounding = 1e-11;
/// Largest error of a number up to 1 rounded to single precision.
constexpr double k_single = 6e-8;

std::size_t at_(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

GradientBounds::GradientBounds(const Problem& problem)
    : problem_(problem), outputs_(problem.outputs()) {
  const Index p = problem.cols();
  // A basis vector costs one multiply-add a feature and check; on a design whose columns hold a
  // handful of entries a full pass is as cheap as that.
  Index entries = 0;
  for (Index j = 0; j < p; ++j) entries += problem.Z.raw().column_entries(j);
  max_basis_ = std::min(k_most_basis, entries / (4 * std::max<Index>(p, 1)));
  max_basis_ -= max_basis_ % outputs_;
  grad_.assign(at_(p * outputs_), 0.0);
  lists_.resize(at_((p + k_range - 1) / k_range));
  starts_.resize(lists_.size());
  const Index blocks = problem.blocks();
  thresholds_changed();
  block_norm_.assign(at_(blocks), 0.0);
  for (Index j = 0; j < p; ++j) {
    block_norm_[at_(problem.penalty.blocks().of(j))] += problem.Z.norm(j) * problem.Z.norm(j);
  }
  for (double& x : block_norm_) x = std::sqrt(x);
}

void GradientBounds::thresholds_changed() {
  unit_threshold_.resize(at_(problem_.blocks()));
  const double scale = problem_.penalty.threshold_scale();
  for (Index b = 0; b < problem_.blocks(); ++b) {
    unit_threshold_[at_(b)] = scale > 0.0 ? problem_.penalty.threshold(b) / scale : 0.0;
  }
}

void GradientBounds::seed(const Iterate& at, const double* grad) {
  std::copy_n(grad, grad_.size(), grad_.data());
  ++full_passes_;
  extend_basis(at);
}

void GradientBounds::extend_basis(const Iterate& at) {
  const Index n = problem_.rows(), p = problem_.cols(), K = outputs_;
  if (max_basis_ < K || p <= k_never_bounded) return;
  if (basis_size_ + K > max_basis_) basis_size_ = 0;
  basis_.resize(at_(n * max_basis_));
  products_.reserve(p * max_basis_);
  correlations_.reserve(p * max_basis_);
  const double* s = problem_.datafit.weights();
  for (Index k = 0; k < K; ++k) {
    double* b = &basis_[at_(basis_size_ * n)];
    std::copy_n(&at.residual[at_(k * n)], n, b);
    const double size = std::sqrt(linalg::weighted_dot(s, b, b, n));
    // Twice: one Gram-Schmidt pass leaves what rounding of the first put back.
    std::vector<double> along(at_(basis_size_), 0.0);
    for (int pass = 0; pass < 2; ++pass) {
      for (Index t = 0; t < basis_size_; ++t) {
        const double a = linalg::weighted_dot(s, &basis_[at_(t * n)], b, n);
        along[at_(t)] += a;
        linalg::axpy(-a, &basis_[at_(t * n)], b, n);
      }
    }
    const double rest = std::sqrt(linalg::weighted_dot(s, b, b, n));
    if (!(rest > 1e-7 * size)) continue;  // already in the span
    for (Index i = 0; i < n; ++i) b[i] /= rest;
    double* out = &products_[basis_size_ * p];
    float* correlation = &correlations_[basis_size_ * p];
    parallel_blocks(p, 8 * k_range, p * basis_size_ > 100000 ? problem_.n_threads : 1,
                    [&](Index begin, Index end) {
                      for (Index j = begin; j < end; ++j) out[j] = -grad_[at_(j * K + k)];
                      for (Index t = 0; t < basis_size_; ++t) {
                        linalg::axpy(-along[at_(t)], &products_[t * p + begin], out + begin,
                                     end - begin);
                      }
                      for (Index j = begin; j < end; ++j) {
                        out[j] /= rest;
                        const double norm = problem_.Z.norm(j);
                        correlation[j] = norm > 0.0 ? static_cast<float>(out[j] / norm) : 0.0F;
                      }
                    });
    ++basis_size_;
  }
}

/// Ranges of features are whole blocks of the penalty. A thread meets the same ones in every region,
/// so that what it wrote of `grad_` stays in its cache: features that come and go between two cores
/// cost more than the arithmetic on them.
template <class Visit>
void GradientBounds::for_ranges(double work_per_feature, Visit&& visit) const {
  const Index p = problem_.cols();
  const penalty::Blocks& groups = problem_.penalty.blocks();
  const auto edge = [&](Index j) { return j < p ? groups.begin(groups.of(j)) : p; };
  const double work = work_per_feature * static_cast<double>(p);
  parallel_for((p + k_range - 1) / k_range, work < k_parallel_work ? 1 : problem_.n_threads,
               [&](Index r) { visit(r, edge(r * k_range), edge((r + 1) * k_range)); });
}

void GradientBounds::list_open(Index first, Index last, double radius,
                               const std::vector<char>& skip, std::vector<Index>& out) const {
  const penalty::Penalty& penalty = problem_.penalty;
  const penalty::Blocks& groups = penalty.blocks();
  const double strength = penalty.threshold_scale();
  // A pull is at most the norm of the gradient: who passes that is looked at again.
  const auto look = [&](Index b, Index j, double slack) {
    if (penalty.pull(gradient(j), b) > slack) out.push_back(b);
  };
  if (groups.single() && outputs_ == 1) {
    // First without branches, which are hard to foresee, then eight features at a glance.
    constexpr Index k_glance = 8;
    unsigned char open[k_range + k_glance] = {};
    for (Index begin = first; begin < last; begin += k_range) {
      const Index count = std::min(k_range, last - begin);
      const double* g = gradient(begin);
      const double* unit = &unit_threshold_[at_(begin)];
      const double* norm = &block_norm_[at_(begin)];
      for (Index i = 0; i < count; ++i) {
        open[i] = std::abs(g[i]) > strength * unit[i] - norm[i] * radius ? 1 : 0;
      }
      for (Index i = 0; i < count; i += k_glance) {
        std::uint64_t glance;
        std::memcpy(&glance, open + i, sizeof(glance));
        if (glance == 0) continue;
        for (Index t = i; t < std::min(i + k_glance, count); ++t) {
          const Index j = begin + t;
          if (open[t] && !skip[at_(j)]) look(j, j, strength * unit[t] - norm[t] * radius);
        }
      }
    }
    return;
  }
  for (Index j = first; j < last;) {
    const Index b = groups.of(j), here = j;
    j += groups.size(b);
    if (skip[at_(here)]) continue;
    const double slack = strength * unit_threshold_[at_(b)] - block_norm_[at_(b)] * radius;
    const double* g = gradient(here);
    double square = 0.0;
    for (Index k = 0; k < (j - here) * outputs_; ++k) square += g[k] * g[k];
    if (slack < 0.0 || square > slack * slack) look(b, here, slack);
  }
}

std::vector<Index> GradientBounds::beyond(const std::vector<char>& skip) {
  for_ranges(k_look_cost, [&](Index r, Index first, Index last) {
    lists_[at_(r)].clear();
    list_open(first, last, 0.0, skip, lists_[at_(r)]);
  });
  std::vector<Index> out;
  for (const auto& list : lists_) out.insert(out.end(), list.begin(), list.end());
  return out;
}

double GradientBounds::distance(const Iterate& at, std::vector<double>& along) const {
  const Index n = problem_.rows(), K = outputs_;
  const double* s = problem_.datafit.weights();
  along.assign(at_(basis_size_ * K), 0.0);
  std::vector<double> rest(at_(n));
  double outside = 0.0, size = 0.0, read = 0.0;
  for (Index k = 0; k < K; ++k) {
    std::copy_n(&at.residual[at_(k * n)], n, rest.data());
    size += linalg::weighted_dot(s, rest.data(), rest.data(), n);
    for (Index t = 0; t < basis_size_; ++t) {
      const double a = linalg::weighted_dot(s, &basis_[at_(t * n)], rest.data(), n);
      along[at_(k * basis_size_ + t)] = a;
      read += std::abs(a);
      linalg::axpy(-a, &basis_[at_(t * n)], rest.data(), n);
    }
    outside += linalg::weighted_dot(s, rest.data(), rest.data(), n);
  }
  // Correlations are at most 1, and are read in single precision.
  return std::sqrt(outside) + k_rounding * std::sqrt(size) + k_single * read;
}

/// Writes the estimates of the gradients of features first .. last - 1.
void GradientBounds::estimate(Index first, Index last, const std::vector<double>& along) {
  const Index p = problem_.cols(), K = outputs_;
  double ghat[k_range];
  for (Index begin = first; begin < last; begin += k_range) {
    const Index count = std::min(k_range, last - begin);
    for (Index k = 0; k < K; ++k) {
      std::fill_n(ghat, count, 0.0);
      const double* share = &along[at_(k * basis_size_)];
      Index t = 0;
      for (; t + 4 <= basis_size_; t += 4) {
        const float* product = &correlations_[t * p + begin];
        const double a[4] = {-share[t], -share[t + 1], -share[t + 2], -share[t + 3]};
        linalg::axpy4(a, product, product + p, product + 2 * p, product + 3 * p, ghat, count);
      }
      for (; t < basis_size_; ++t)
        linalg::axpy(-share[t], &correlations_[t * p + begin], ghat, count);
      for (Index i = 0; i < count; ++i) {
        grad_[at_((begin + i) * K + k)] = ghat[i] * problem_.Z.norm(begin + i);
      }
    }
  }
}

void GradientBounds::update(const Iterate& at, const std::vector<char>& skip) {
  const Index p = problem_.cols(), K = outputs_;
  const penalty::Blocks& groups = problem_.penalty.blocks();

  // A handful of features is computed sooner than bounded.
  const Index unskipped = std::count(skip.begin(), skip.end(), char{0});
  const bool few = p <= k_never_bounded || (unskipped <= 2 * basis_size_ && unskipped * 4 <= p);
  bool full = !few && basis_size_ == 0;
  if (!full) {
    std::vector<double> along;
    const double radius = few ? 0.0 : distance(at, along);
    for_ranges(static_cast<double>(basis_size_ * K) + k_look_cost,
               [&](Index r, Index first, Index last) {
                 std::vector<Index>& list = lists_[at_(r)];
                 list.clear();
                 if (!few) {
                   estimate(first, last, along);
                   list_open(first, last, radius, skip, list);
                   return;
                 }
                 for (Index j = first; j < last; j += groups.size(groups.of(j))) {
                   if (!skip[at_(j)]) list.push_back(groups.of(j));
                 }
               });
    computed_.clear();
    for (std::size_t r = 0; r < lists_.size(); ++r) {
      starts_[r] = static_cast<Index>(computed_.size());
      for (const Index b : lists_[r]) {
        for (Index j = groups.begin(b); j < groups.begin(b) + groups.size(b); ++j) {
          computed_.push_back(j);
        }
      }
    }
    const Index count = static_cast<Index>(computed_.size());
    full = !few && static_cast<double>(count) > k_full_share * static_cast<double>(p);
    if (!full) {
      computed_grad_.resize(at_(count * K));
      gradients(problem_, at, computed_.data(), count, computed_grad_.data());
      partial_passes_ += static_cast<double>(count) / static_cast<double>(std::max<Index>(p, 1));
    }
  }
  if (full) {
    gradients(problem_, at, nullptr, p, grad_.data());
    ++full_passes_;
    extend_basis(at);
  }

  // Exactly known and within the threshold is certified like any other.
  for_ranges(k_look_cost, [&](Index r, Index first, Index last) {
    std::vector<Index>& list = lists_[at_(r)];
    if (full) {
      list.clear();
      list_open(first, last, 0.0, skip, list);
      return;
    }
    const double strength = problem_.penalty.threshold_scale();
    Index c = starts_[at_(r)];
    std::size_t kept = 0;
    for (const Index b : list) {
      const Index j = groups.begin(b), width = groups.size(b) * K;
      std::copy_n(&computed_grad_[at_(c * K)], width, &grad_[at_(j * K)]);
      c += groups.size(b);
      if (problem_.penalty.pull(gradient(j), b) > strength * unit_threshold_[at_(b)]) {
        list[kept++] = b;
      }
    }
    list.resize(kept);
  });
  violators_.clear();
  violator_grad_.clear();
  for (const auto& list : lists_) {
    for (const Index b : list) {
      const Index first = groups.begin(b), last = first + groups.size(b);
      for (Index j = first; j < last; ++j) violators_.push_back(j);
      violator_grad_.insert(violator_grad_.end(), gradient(first), gradient(last));
    }
  }
}

}  // namespace taut::solver
