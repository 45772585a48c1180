// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/gradient_bounds.hpp"

#include <algorithm>
#include <cmath>

#include "taut/core/parallel.hpp"
#include "taut/linalg/kernels.hpp"

namespace taut::solver {
namespace {

constexpr Index k_block = 512;
constexpr Index k_most_basis = 32;
/// Share of features above which one pass over all of them, which also feeds the basis, is better.
constexpr double k_full_share = 0.3;
/// Relative rounding allowed for in a bound.
constexpr double k_rounding = 1e-11;

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
  const Index blocks = problem.blocks();
  unit_threshold_.resize(at_(blocks));
  const double scale = problem.penalty.threshold_scale();
  for (Index b = 0; b < blocks; ++b) {
    unit_threshold_[at_(b)] = scale > 0.0 ? problem.penalty.threshold(b) / scale : 0.0;
  }
  if (problem.penalty.blocks().single()) return;
  block_norm_.assign(at_(blocks), 0.0);
  for (Index j = 0; j < p; ++j) {
    block_norm_[at_(problem.penalty.blocks().of(j))] += problem.Z.norm(j) * problem.Z.norm(j);
  }
  for (double& x : block_norm_) x = std::sqrt(x);
}

void GradientBounds::seed(const Iterate& at, const double* grad) {
  std::copy_n(grad, grad_.size(), grad_.data());
  ++full_passes_;
  extend_basis(at);
}

void GradientBounds::extend_basis(const Iterate& at) {
  const Index n = problem_.rows(), p = problem_.cols(), K = outputs_;
  if (max_basis_ < K) return;
  if (basis_size_ + K > max_basis_) basis_size_ = 0;
  basis_.resize(at_(n * max_basis_));
  products_.reserve(p * max_basis_);
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
    parallel_blocks(p, 8 * k_block, p * basis_size_ > 100000 ? problem_.n_threads : 1,
                    [&](Index begin, Index end) {
                      for (Index j = begin; j < end; ++j) out[j] = -grad_[at_(j * K + k)];
                      for (Index t = 0; t < basis_size_; ++t) {
                        linalg::axpy(-along[at_(t)], &products_[t * p + begin], out + begin,
                                     end - begin);
                      }
                      for (Index j = begin; j < end; ++j) out[j] /= rest;
                    });
    ++basis_size_;
  }
}

std::vector<Index> GradientBounds::beyond(const std::vector<char>& skip) const {
  const Index p = problem_.cols(), K = outputs_;
  const penalty::Penalty& penalty = problem_.penalty;
  const double strength = penalty.threshold_scale();
  std::vector<Index> out;
  // The pull is at most the norm of the gradient: who passes that is looked at again.
  const auto look = [&](Index b, Index first) {
    if (penalty.pull(gradient(first), b) > strength * unit_threshold_[at_(b)]) out.push_back(b);
  };
  if (block_norm_.empty()) {
    Index listed[k_block];
    for (Index begin = 0; begin < p; begin += k_block) {
      // No branch on the outcome, which is hard to foresee.
      Index count = 0;
      for (Index j = begin; j < std::min(p, begin + k_block); ++j) {
        const double limit = strength * unit_threshold_[at_(j)];
        double square = 0.0;
        for (Index k = 0; k < K; ++k) square += grad_[at_(j * K + k)] * grad_[at_(j * K + k)];
        listed[count] = j;
        count += static_cast<Index>(square > limit * limit) & static_cast<Index>(skip[at_(j)] == 0);
      }
      for (Index c = 0; c < count; ++c) look(listed[c], listed[c]);
    }
    return out;
  }
  for_each_block(problem_, nullptr, p, [&](Index b, Index first, Index) {
    if (!skip[at_(first)]) look(b, first);
  });
  return out;
}

void GradientBounds::update(const Iterate& at, const std::vector<char>& skip) {
  const Index n = problem_.rows(), p = problem_.cols(), K = outputs_;
  const double* s = problem_.datafit.weights();
  const double strength = problem_.penalty.threshold_scale();
  const penalty::Blocks& groups = problem_.penalty.blocks();
  exact_.clear();

  // A handful of features is computed sooner than bounded.
  const Index open_features = std::count(skip.begin(), skip.end(), char{0});
  const bool few = open_features <= 2 * basis_size_ && open_features * 4 <= p;
  if (few) {
    for (Index j = 0; j < p; ++j) {
      if (!skip[at_(j)]) exact_.push_back(j);
    }
  }
  bool full = !few && basis_size_ == 0;
  if (!full && !few) {
    // Coefficients in the basis and the size of what lies outside of it.
    std::vector<double> along(at_(basis_size_ * K)), rest(at_(n));
    double outside = 0.0, size = 0.0;
    for (Index k = 0; k < K; ++k) {
      std::copy_n(&at.residual[at_(k * n)], n, rest.data());
      size += linalg::weighted_dot(s, rest.data(), rest.data(), n);
      for (Index t = 0; t < basis_size_; ++t) {
        const double a = linalg::weighted_dot(s, &basis_[at_(t * n)], rest.data(), n);
        along[at_(k * basis_size_ + t)] = a;
        linalg::axpy(-a, &basis_[at_(t * n)], rest.data(), n);
      }
      outside += linalg::weighted_dot(s, rest.data(), rest.data(), n);
    }
    const double radius = std::sqrt(outside) + k_rounding * std::sqrt(size);
    const Index blocks = (p + k_block - 1) / k_block;
    std::vector<std::vector<Index>> open(at_(blocks));
    const double work = static_cast<double>(p) * static_cast<double>(basis_size_ * K);
    parallel_for(blocks, work < 1e5 ? 1 : problem_.n_threads, [&](Index block) {
      // Whole blocks of the penalty: a range begins and ends where one does.
      const auto edge = [&](Index j) { return j < p ? groups.begin(groups.of(j)) : p; };
      const Index first = edge(block * k_block), last = edge((block + 1) * k_block);
      double ghat[k_block];
      for (Index begin = first; begin < last; begin += k_block) {
        const Index end = std::min(last, begin + k_block);
        for (Index k = 0; k < K; ++k) {
          std::fill_n(ghat, end - begin, 0.0);
          const double* share = &along[at_(k * basis_size_)];
          Index t = 0;
          for (; t + 4 <= basis_size_; t += 4) {
            const double* product = &products_[t * p + begin];
            const double a[4] = {-share[t], -share[t + 1], -share[t + 2], -share[t + 3]};
            linalg::axpy4(a, product, product + p, product + 2 * p, product + 3 * p, ghat,
                          end - begin);
          }
          for (; t < basis_size_; ++t) {
            linalg::axpy(-share[t], &products_[t * p + begin], ghat, end - begin);
          }
          for (Index j = begin; j < end; ++j) grad_[at_(j * K + k)] = ghat[j - begin];
        }
      }
      for (Index j = first; j < last;) {
        const Index b = groups.of(j), features = groups.size(b);
        const Index here = j;
        j += features;
        if (skip[at_(here)]) continue;
        const double limit = strength * unit_threshold_[at_(b)];
        const double norm = block_norm_.empty() ? problem_.Z.norm(here) : block_norm_[at_(b)];
        const double slack = limit - norm * radius;
        const double* g = gradient(here);
        double square = 0.0;
        for (Index k = 0; k < features * K; ++k) square += g[k] * g[k];
        if (slack >= 0.0 && square <= slack * slack) continue;
        if (problem_.penalty.pull(g, b) <= slack) continue;
        for (Index i = here; i < j; ++i) open[at_(block)].push_back(i);
      }
    });
    for (const auto& list : open) exact_.insert(exact_.end(), list.begin(), list.end());
    full = static_cast<double>(exact_.size()) > k_full_share * static_cast<double>(p);
  }

  if (full) {
    gradients(problem_, at, nullptr, p, grad_.data());
    ++full_passes_;
    extend_basis(at);
    exact_.clear();
    for_each_block(problem_, nullptr, p, [&](Index b, Index first, Index) {
      if (skip[at_(first)]) return;
      // Exactly known and below the threshold: certified like any other.
      if (problem_.penalty.pull(gradient(first), b) > strength * unit_threshold_[at_(b)]) {
        for (Index j = first; j < first + groups.size(b); ++j) exact_.push_back(j);
      }
    });
    exact_grad_.resize(exact_.size() * at_(K));
    for (std::size_t c = 0; c < exact_.size(); ++c) {
      std::copy_n(gradient(exact_[c]), K, &exact_grad_[c * at_(K)]);
    }
    return;
  }
  exact_grad_.resize(exact_.size() * at_(K));
  gradients(problem_, at, exact_.data(), static_cast<Index>(exact_.size()), exact_grad_.data());
  partial_passes_ +=
      static_cast<double>(exact_.size()) / static_cast<double>(std::max<Index>(p, 1));
  for (std::size_t c = 0; c < exact_.size(); ++c) {
    std::copy_n(&exact_grad_[c * at_(K)], K, &grad_[at_(exact_[c] * K)]);
  }
}

}  // namespace taut::solver
