// SPDX-License-Identifier: BSD-3-Clause
#include "taut/bilevel/total_variation.hpp"

#include <algorithm>
#include <cmath>

#include "taut/core/parallel.hpp"
#include "taut/linalg/kernels.hpp"

namespace taut::bilevel {
namespace {

constexpr Index k_rows = 16;            // in a chunk
constexpr double k_third = 0.85865011;  // sup of 3 s / (1 + s^2)^{5/2}, at s = 1/2, rounded up

}  // namespace

TotalVariation::TotalVariation(const double* images, Index count, Index height, Index width,
                               int n_threads)
    : images_(images),
      count_(count),
      height_(height),
      width_(width),
      n_threads_(n_threads),
      x_(static_cast<std::size_t>(count * height * width)),
      across_(count * height * width),
      down_(count * height * width) {
  const Index chunks = (count * height + k_rows - 1) / k_rows;
  for (Buffer<double>* parts : {&first_, &second_, &third_}) *parts = Buffer<double>(chunks, 0.0);
}

void TotalVariation::set_theta(const double* theta) {
  half_ = 0.5 * std::exp(theta[0]);
  nu_ = std::exp(theta[1]);
}

/// Calls row(chunk, r, edges_below) for every row r of the images stacked on each other.
template <class Row>
void TotalVariation::rows(Row&& row) {
  const int threads = threads_for(8.0 * static_cast<double>(n_x()), n_threads_);
  parallel_blocks(count_ * height_, k_rows, threads, [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) row(begin / k_rows, r, r % height_ + 1 < height_);
  });
}

/// out = D' f, where flux(r, below, across, down) gives f on the edges that start in row r.
template <class Flux>
void TotalVariation::divergence(Flux&& flux, double* out) {
  const Index w = width_;
  const int threads = threads_for(8.0 * static_cast<double>(n_x()), n_threads_);
  parallel_blocks(count_ * height_, k_rows, threads, [&](Index begin, Index end) {
    std::vector<double> room(static_cast<std::size_t>(3 * w + 1), 0.0);
    double* across = room.data() + 1;  // one to the left of it stays zero
    double* down = across + w;
    double* above = down + w;
    // A chunk that begins inside an image repeats the edges that come from above.
    if (begin % height_ != 0) flux(begin - 1, true, across, above);
    for (Index r = begin; r < end; ++r) {
      if (r % height_ == 0) std::fill_n(above, w, 0.0);
      const bool below = r % height_ + 1 < height_;
      flux(r, below, across, down);
      across[w - 1] = 0.0;
      if (!below) std::fill_n(down, w, 0.0);
      double* row = out + r * w;
      for (Index c = 0; c < w; ++c) row[c] = (across[c - 1] - across[c]) + (above[c] - down[c]);
      std::swap(above, down);
    }
  });
}

double TotalVariation::sum(const Buffer<double>& parts) const {
  return linalg::sum(parts.data(), parts.size());
}

double TotalVariation::evaluate(const double* x, double* grad) {
  const Index w = width_;
  std::copy_n(x, n_x(), x_.data());
  const double square = nu_ * nu_;
  for (Index chunk = 0; chunk < first_.size(); ++chunk) first_[chunk] = second_[chunk] = 0.0;
  rows([&](Index chunk, Index r, bool below) {
    const double* here = x + r * w;
    const double* next = here + w;
    double* across = across_.data() + r * w;
    double* down = down_.data() + r * w;
    double total = 0.0;
#pragma omp simd reduction(+ : total)
    for (Index c = 0; c < w - 1; ++c) {
      const double d = here[c + 1] - here[c];
      const double phi = std::sqrt(d * d + square);
      across[c] = 1.0 / phi;
      total += phi;
    }
    if (below) {
#pragma omp simd reduction(+ : total)
      for (Index c = 0; c < w; ++c) {
        const double d = next[c] - here[c];
        const double phi = std::sqrt(d * d + square);
        down[c] = 1.0 / phi;
        total += phi;
      }
    }
    double fit = 0.0;
    const double* target = images_ + r * w;
#pragma omp simd reduction(+ : fit)
    for (Index c = 0; c < w; ++c) fit += (here[c] - target[c]) * (here[c] - target[c]);
    first_[chunk] += total;
    second_[chunk] += fit;
  });
  const double half = half_;
  divergence(
      [&](Index r, bool below, double* across, double* down) {
        const double* here = x + r * w;
        const double* next = here + w;
        const double* ia = across_.data() + r * w;
        const double* id = down_.data() + r * w;
        for (Index c = 0; c < w - 1; ++c) across[c] = half * (here[c + 1] - here[c]) * ia[c];
        if (!below) return;
        for (Index c = 0; c < w; ++c) down[c] = half * (next[c] - here[c]) * id[c];
      },
      grad);
  for (Index i = 0; i < n_x(); ++i) grad[i] += x[i] - images_[i];
  return 0.5 * sum(second_) + half_ * sum(first_);
}

void TotalVariation::hvp(const double* v, double* out) {
  const Index w = width_;
  const double scale = half_ * nu_ * nu_;
  divergence(
      [&](Index r, bool below, double* across, double* down) {
        const double* here = v + r * w;
        const double* next = here + w;
        const double* ia = across_.data() + r * w;
        const double* id = down_.data() + r * w;
        for (Index c = 0; c < w - 1; ++c) {
          across[c] = scale * (ia[c] * ia[c] * ia[c]) * (here[c + 1] - here[c]);
        }
        if (!below) return;
        for (Index c = 0; c < w; ++c) {
          down[c] = scale * (id[c] * id[c] * id[c]) * (next[c] - here[c]);
        }
      },
      out);
  for (Index i = 0; i < n_x(); ++i) out[i] += v[i];
}

void TotalVariation::cross_vjp(const double* q, double* out) {
  const Index w = width_;
  for (Index chunk = 0; chunk < first_.size(); ++chunk) first_[chunk] = second_[chunk] = 0.0;
  rows([&](Index chunk, Index r, bool below) {
    const double* x = x_.data() + r * w;
    const double* v = q + r * w;
    const double* ia = across_.data() + r * w;
    const double* id = down_.data() + r * w;
    double slope = 0.0, bend = 0.0;
#pragma omp simd reduction(+ : slope, bend)
    for (Index c = 0; c < w - 1; ++c) {
      const double f = (x[c + 1] - x[c]) * ia[c] * (v[c + 1] - v[c]);
      slope += f;
      bend += f * ia[c] * ia[c];
    }
    if (below) {
#pragma omp simd reduction(+ : slope, bend)
      for (Index c = 0; c < w; ++c) {
        const double f = (x[c + w] - x[c]) * id[c] * (v[c + w] - v[c]);
        slope += f;
        bend += f * id[c] * id[c];
      }
    }
    first_[chunk] += slope;
    second_[chunk] += bend;
  });
  out[0] = half_ * sum(first_);
  out[1] = -half_ * nu_ * nu_ * sum(second_);
}

void TotalVariation::grad_theta(double* out) {
  const Index w = width_;
  for (Index chunk = 0; chunk < first_.size(); ++chunk) first_[chunk] = second_[chunk] = 0.0;
  rows([&](Index chunk, Index r, bool below) {
    const double* ia = across_.data() + r * w;
    const double* id = down_.data() + r * w;
    double total = 0.0, inverse = 0.0;
    for (Index c = 0; c < w - 1; ++c) {
      total += 1.0 / ia[c];
      inverse += ia[c];
    }
    for (Index c = 0; below && c < w; ++c) {
      total += 1.0 / id[c];
      inverse += id[c];
    }
    first_[chunk] += total;
    second_[chunk] += inverse;
  });
  out[0] = half_ * sum(first_);
  out[1] = half_ * nu_ * nu_ * sum(second_);
}

Constants TotalVariation::constants(double /*radius*/) {
  // J has two columns: its norm by their Gram matrix.
  const Index w = width_;
  std::vector<double> slope(x_.size()), bend(x_.size());
  const auto column = [&](bool bent, double* out) {
    const double scale = bent ? -half_ * nu_ * nu_ : half_;
    divergence(
        [&](Index r, bool below, double* across, double* down) {
          const double* x = x_.data() + r * w;
          const double* ia = across_.data() + r * w;
          const double* id = down_.data() + r * w;
          for (Index c = 0; c < w - 1; ++c) {
            across[c] = scale * (x[c + 1] - x[c]) * ia[c] * (bent ? ia[c] * ia[c] : 1.0);
          }
          for (Index c = 0; below && c < w; ++c) {
            down[c] = scale * (x[c + w] - x[c]) * id[c] * (bent ? id[c] * id[c] : 1.0);
          }
        },
        out);
  };
  column(false, slope.data());
  column(true, bend.data());
  const double a = linalg::dot(slope.data(), slope.data(), n_x());
  const double b = linalg::dot(slope.data(), bend.data(), n_x());
  const double c = linalg::dot(bend.data(), bend.data(), n_x());
  Constants out;
  out.mu = mu();
  out.smoothness = smoothness();
  out.cross_norm = std::sqrt(0.5 * (a + c) + std::hypot(0.5 * (a - c), b));
  out.lip_cross = 8.0 * std::sqrt(2.0) * half_ / nu_;
  out.lip_hess = out.lip_cross * k_third / nu_;
  return out;
}

}  // namespace taut::bilevel
