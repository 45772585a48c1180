// SPDX-License-Identifier: BSD-3-Clause
#include "taut/bilevel/fields_of_experts.hpp"

#include <algorithm>
#include <cmath>

#include "taut/core/parallel.hpp"
#include "taut/linalg/kernels.hpp"

namespace taut::bilevel {
namespace {

constexpr Index k_group = 8;            // filters in a unit of work
constexpr Index k_tile = 16;            // columns whose sums stay in registers
constexpr double k_third = 0.85865011;  // sup of |phi'''| nu^2, rounded up

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

/// out(r, c) (+)= sum_{a, b} taps(a, b) in(r + a, c + b), rows x cols. Rows of `in` are read up to
/// k_tile beyond their end.
template <bool Add>
void correlate(Index rows, Index cols, Index size, const double* taps, const double* in, Index ldi,
               double* out, Index ldo) {
  for (Index r = 0; r < rows; ++r) {
    for (Index c = 0; c < cols; c += k_tile) {
      double sum[k_tile] = {};
      for (Index a = 0; a < size; ++a) {
        const double* row = in + (r + a) * ldi + c;
        for (Index b = 0; b < size; ++b) {
          const double tap = taps[a * size + b];
#pragma omp simd
          for (Index t = 0; t < k_tile; ++t) sum[t] += tap * row[b + t];
        }
      }
      double* target = out + r * ldo + c;
      const Index width = std::min(k_tile, cols - c);
      for (Index t = 0; t < width; ++t) target[t] = Add ? target[t] + sum[t] : sum[t];
    }
  }
}

/// Row or column of the image that position i of the padded grid repeats.
Index mirror(Index i, Index margin, Index extent) {
  Index k = i - margin;
  if (k < 0) k = -k;
  return k < extent ? k : 2 * (extent - 1) - k;
}

}  // namespace

FieldsOfExperts::FieldsOfExperts(const double* images, Index count, Index height, Index width,
                                 Index n_filters, Index size, int n_threads)
    : images_(images),
      count_(count),
      height_(height),
      width_(width),
      filters_(n_filters),
      size_(size),
      padded_height_(height + size - 1),
      padded_width_(width + size - 1),
      n_threads_(n_threads),
      theta_(at(1 + 2 * n_filters + n_filters * size * size)),
      x_(at(count * height * width)),
      experts_(at(n_filters)),
      padded_(count * padded_height_ * padded_width_ + k_tile, 0.0),
      response_(count * n_filters * height * width),
      inverse_(count * n_filters * height * width) {
  const Index units = count * ((n_filters + k_group - 1) / k_group);
  folded_ = Buffer<double>(units * padded_height_ * padded_width_);
  values_ = Buffer<double>(units, 0.0);
}

void FieldsOfExperts::set_theta(const double* theta) {
  std::copy_n(theta, n_theta(), theta_.data());
  const Index area = size_ * size_;
  for (Index i = 0; i < filters_; ++i) {
    Expert& expert = experts_[at(i)];
    expert.weight = 0.5 * std::exp(theta[0] + theta[1 + i]);
    expert.nu = std::exp(theta[1 + filters_ + i]);
    expert.taps = theta_.data() + 1 + 2 * filters_ + i * area;
    expert.sum_abs = expert.sum_square = 0.0;
    for (Index t = 0; t < area; ++t) {
      expert.sum_abs += std::abs(expert.taps[t]);
      expert.sum_square += expert.taps[t] * expert.taps[t];
    }
  }
}

double FieldsOfExperts::smoothness() const {
  double sum = 1.0;
  for (const Expert& e : experts_) sum += 4.0 * e.weight * e.sum_abs * e.sum_abs / e.nu;
  return sum;
}

void FieldsOfExperts::pad(const double* x) {
  const Index margin = size_ / 2;
  for (Index image = 0; image < count_; ++image) {
    for (Index r = 0; r < padded_height_; ++r) {
      const double* from = x + image * pixels() + mirror(r, margin, height_) * width_;
      double* to = padded_.data() + (image * padded_height_ + r) * padded_width_;
      for (Index c = 0; c < padded_width_; ++c) to[c] = from[mirror(c, margin, width_)];
    }
  }
}

/// f(unit, image, first filter, end) for every image and group of filters.
template <class F>
void FieldsOfExperts::each_unit(F&& f) {
  const Index groups = (filters_ + k_group - 1) / k_group;
  const double work = static_cast<double>(n_x() * filters_ * size_ * size_);
  parallel_for(count_ * groups, threads_for(work, n_threads_), [&](Index unit) {
    const Index first = unit % groups * k_group;
    f(unit, unit / groups, first, std::min(filters_, first + k_group));
  });
}

/// out += sum_i K_i' m_i, where weight(image, i, r, row) writes row r of the map m_i.
template <class F>
void FieldsOfExperts::back_project(F&& weight, double* out) {
  const Index margin = size_ - 1, area = size_ * size_;
  const Index wide = width_ + 2 * margin, high = height_ + 2 * margin;
  const Index grid = padded_height_ * padded_width_;
  each_unit([&](Index unit, Index image, Index first, Index end) {
    double* folded = folded_.data() + unit * grid;
    std::fill_n(folded, grid, 0.0);
    std::vector<double> map(at(wide * high + k_tile), 0.0), flipped(at(area));
    for (Index i = first; i < end; ++i) {
      for (Index r = 0; r < height_; ++r) {
        weight(image, i, r, map.data() + (r + margin) * wide + margin);
      }
      std::reverse_copy(experts_[at(i)].taps, experts_[at(i)].taps + area, flipped.begin());
      correlate<true>(padded_height_, padded_width_, size_, flipped.data(), map.data(), wide,
                      folded, padded_width_);
    }
  });
  const Index groups = (filters_ + k_group - 1) / k_group, half = size_ / 2;
  for (Index image = 0; image < count_; ++image) {
    for (Index g = 0; g < groups; ++g) {
      const double* folded = folded_.data() + (image * groups + g) * grid;
      for (Index r = 0; r < padded_height_; ++r) {
        double* to = out + image * pixels() + mirror(r, half, height_) * width_;
        for (Index c = 0; c < padded_width_; ++c) {
          to[mirror(c, half, width_)] += folded[r * padded_width_ + c];
        }
      }
    }
  }
}

double FieldsOfExperts::evaluate(const double* x, double* grad) {
  std::copy_n(x, n_x(), x_.data());
  pad(x);
  const Index n = pixels(), grid = padded_height_ * padded_width_;
  each_unit([&](Index unit, Index image, Index first, Index end) {
    double value = 0.0;
    for (Index i = first; i < end; ++i) {
      const Expert& e = experts_[at(i)];
      double* u = response(image, i);
      double* inv = inverse(image, i);
      correlate<false>(height_, width_, size_, e.taps, padded_.data() + image * grid, padded_width_,
                       u, width_);
      const double square = e.nu * e.nu;
      double sum = 0.0;
#pragma omp simd reduction(+ : sum)
      for (Index k = 0; k < n; ++k) {
        const double phi = std::sqrt(u[k] * u[k] + square);
        inv[k] = 1.0 / phi;
        sum += phi;
      }
      value += e.weight * sum;
    }
    values_[unit] = value;
  });
  double fit = 0.0;
  for (Index k = 0; k < n_x(); ++k) {
    grad[k] = x[k] - images_[k];
    fit += grad[k] * grad[k];
  }
  back_project(
      [&](Index image, Index i, Index r, double* row) {
        const double* u = response(image, i) + r * width_;
        const double* inv = inverse(image, i) + r * width_;
        const double weight = experts_[at(i)].weight;
        for (Index c = 0; c < width_; ++c) row[c] = weight * u[c] * inv[c];
      },
      grad);
  return 0.5 * fit + linalg::sum(values_.data(), values_.size());
}

void FieldsOfExperts::hvp(const double* v, double* out) {
  pad(v);
  std::copy_n(v, n_x(), out);
  const Index grid = padded_height_ * padded_width_;
  back_project(
      [&](Index image, Index i, Index r, double* row) {
        const Expert& e = experts_[at(i)];
        correlate<false>(1, width_, size_, e.taps,
                         padded_.data() + image * grid + r * padded_width_, padded_width_, row,
                         width_);
        const double* inv = inverse(image, i) + r * width_;
        const double scale = e.weight * e.nu * e.nu;
        for (Index c = 0; c < width_; ++c) row[c] *= scale * (inv[c] * inv[c] * inv[c]);
      },
      out);
}

void FieldsOfExperts::cross_vjp(const double* q, double* out) {
  const Index n = pixels(), grid = padded_height_ * padded_width_, area = size_ * size_;
  pad(q);
  Buffer<double> moved(padded_.size());
  std::copy_n(padded_.data(), padded_.size(), moved.data());
  pad(x_.data());
  // By image, then added in order.
  Buffer<double> parts(count_ * filters_ * (2 + area), 0.0);
  each_unit([&](Index, Index image, Index first, Index end) {
    std::vector<double> map(at(n + k_tile)), slope(at(n)), bend(at(n));
    const double* still = padded_.data() + image * grid;
    const double* shifted = moved.data() + image * grid;
    for (Index i = first; i < end; ++i) {
      const Expert& e = experts_[at(i)];
      const double* u = response(image, i);
      const double* inv = inverse(image, i);
      correlate<false>(height_, width_, size_, e.taps, shifted, padded_width_, map.data(), width_);
      const double square = e.nu * e.nu;
      double level = 0.0, width = 0.0;
      for (Index k = 0; k < n; ++k) {
        const double curve = square * inv[k] * inv[k] * inv[k] * map[at(k)];
        slope[at(k)] = u[k] * inv[k];
        bend[at(k)] = curve;
        level += slope[at(k)] * map[at(k)];
        width -= u[k] * curve;
      }
      double* part = parts.data() + (image * filters_ + i) * (2 + area);
      part[0] = e.weight * level;
      part[1] = e.weight * width;
      for (Index t = 0; t < area; ++t) {
        const Index offset = t / size_ * padded_width_ + t % size_;
        double sum = 0.0;
        for (Index r = 0; r < height_; ++r) {
          const Index from = offset + r * padded_width_;
          sum += linalg::dot(slope.data() + r * width_, shifted + from, width_) +
                 linalg::dot(bend.data() + r * width_, still + from, width_);
        }
        part[2 + t] = e.weight * sum;
      }
    }
  });
  std::fill_n(out, n_theta(), 0.0);
  for (Index image = 0; image < count_; ++image) {
    for (Index i = 0; i < filters_; ++i) {
      const double* part = parts.data() + (image * filters_ + i) * (2 + area);
      out[0] += part[0];
      out[1 + i] += part[0];
      out[1 + filters_ + i] += part[1];
      for (Index t = 0; t < area; ++t) out[1 + 2 * filters_ + i * area + t] += part[2 + t];
    }
  }
}

void FieldsOfExperts::grad_theta(double* out) {
  const Index n = pixels(), grid = padded_height_ * padded_width_, area = size_ * size_;
  pad(x_.data());
  std::fill_n(out, n_theta(), 0.0);
  for (Index image = 0; image < count_; ++image) {
    const double* still = padded_.data() + image * grid;
    for (Index i = 0; i < filters_; ++i) {
      const Expert& e = experts_[at(i)];
      const double* u = response(image, i);
      const double* inv = inverse(image, i);
      double total = 0.0, reciprocal = 0.0;
      std::vector<double> slope(at(n));
      for (Index k = 0; k < n; ++k) {
        total += 1.0 / inv[k];
        reciprocal += inv[k];
        slope[at(k)] = u[k] * inv[k];
      }
      out[0] += e.weight * total;
      out[1 + i] += e.weight * total;
      out[1 + filters_ + i] += e.weight * e.nu * e.nu * reciprocal;
      for (Index t = 0; t < area; ++t) {
        const double* from = still + t / size_ * padded_width_ + t % size_;
        double sum = 0.0;
        for (Index r = 0; r < height_; ++r) {
          sum += linalg::dot(slope.data() + r * width_, from + r * padded_width_, width_);
        }
        out[1 + 2 * filters_ + i * area + t] += e.weight * sum;
      }
    }
  }
}

/// The norm of J is at most the root of the squares of its blocks. A strength or width has the column
/// K_i' m with |K_i' m| <= 2 |k_i|_1 |m|. The taps of a filter have the block
/// d -> c_i (K(d)' phi' + K_i' (phi'' o K(d) x)), where |K(d)' m| <= 2 s |d| |m| and an entry of
/// K(d) x is at most |d| times the norm of the window that it sees.
Constants FieldsOfExperts::constants(double radius) {
  const Index n = pixels(), grid = padded_height_ * padded_width_;
  const double side = static_cast<double>(size_);  // |k|_1 <= s |k|_2
  pad(x_.data());
  // Norms of the windows that the taps see.
  Buffer<double> window(n_x());
  std::vector<double> squares(at(grid + k_tile)), ones(at(size_ * size_), 1.0);
  double widest = 0.0;
  for (Index image = 0; image < count_; ++image) {
    const double* still = padded_.data() + image * grid;
    for (Index k = 0; k < grid; ++k) squares[at(k)] = still[k] * still[k];
    correlate<false>(height_, width_, size_, ones.data(), squares.data(), padded_width_,
                     window.data() + image * n, width_);
  }
  for (Index k = 0; k < n_x(); ++k) widest = std::max(widest, window[k]);
  widest = std::sqrt(widest) + 2.0 * radius;

  Constants out;
  double norm = 0.0, lip = 0.0, all = 0.0, all_lip = 0.0;
  for (Index i = 0; i < filters_; ++i) {
    const Expert& e = experts_[at(i)];
    double slope = 0.0, bend = 0.0, seen = 0.0;
    for (Index image = 0; image < count_; ++image) {
      const double* u = response(image, i);
      const double* inv = inverse(image, i);
      const double* frame = window.data() + image * n;
      const double square = e.nu * e.nu;
      for (Index k = 0; k < n; ++k) {
        const double first = u[k] * inv[k];
        const double second = square * inv[k] * inv[k] * inv[k];
        slope += first * first;
        bend += u[k] * u[k] * second * second;
        seen += second * second * frame[k];
      }
    }
    const double gain = 2.0 * e.sum_abs;  // of K_i
    const double level = e.weight * gain * std::sqrt(slope);
    const double taps = e.weight * (2.0 * side * std::sqrt(slope) + gain * std::sqrt(seen));
    norm += level * level + e.weight * e.weight * gain * gain * bend + taps * taps;
    all += level;
    const double curved = e.weight * gain * gain / e.nu;
    const double taps_lip =
        e.weight * (4.0 * side * gain / e.nu + gain * gain * k_third / (e.nu * e.nu) * widest);
    lip += 2.0 * curved * curved + taps_lip * taps_lip;
    all_lip += curved;
    out.lip_hess += curved * k_third / e.nu * 2.0 * std::sqrt(e.sum_square);
  }
  out.mu = mu();
  out.smoothness = smoothness();
  out.cross_norm = std::sqrt(norm + all * all);
  out.lip_cross = std::sqrt(lip + all_lip * all_lip);
  return out;
}

}  // namespace taut::bilevel
