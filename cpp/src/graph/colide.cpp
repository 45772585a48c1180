// SPDX-License-Identifier: BSD-3-Clause
#include "taut/graph/colide.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "taut/core/buffer.hpp"
#include "taut/core/parallel.hpp"
#include "taut/linalg/dense.hpp"
#include "taut/linalg/kernels.hpp"
#include "taut/linalg/m_matrix.hpp"

namespace taut::graph {
namespace {

using linalg::MMatrixInverse;
using linalg::PackedLeft;
namespace simd = Eigen::internal;

constexpr double k_inf = std::numeric_limits<double>::infinity();
constexpr double k_adam_eps = 1e-8;
/// Steps below this end a stage that cannot stay inside the domain.
constexpr double k_least_lr = 1e-16;
/// Up to this s a stage that leaves the domain starts again with a larger s.
constexpr double k_restart_below = 0.9;
/// A stage whose W is infinite would restart for ever.
constexpr Index k_max_restarts = 60;
/// Columns that a thread takes at a time; as many stay in its first cache.
constexpr Index k_columns = 8;
/// The same for a transposition, in whole packets of any width.
constexpr Index k_square = 16;

/// Leading dimension: whole cache lines and packets, and no columns that share their place in a
/// cache.
template <class T>
Index leading(Index d) {
  const Index multiple = std::max<Index>(8, PackedLeft<T>::granule);
  const Index ld = (d + multiple - 1) / multiple * multiple;
  return ld % 256 == 0 ? ld + 8 : ld;
}

// GCC says that a template argument loses the alignment of a vector type, which its size gives back.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wignored-attributes"
#endif
/// As many packets as one has entries.
template <class T>
using Square =
    simd::PacketBlock<typename simd::packet_traits<T>::type, simd::packet_traits<T>::size>;

/// out(i, j) = s [i = j] - W(j, i)^2 for columns from .. to; both matrices padded to whole packets
/// in rows and columns, W with zeros.
template <class T>
void fill_transposed(Index d, Index from, Index to, T s, const T* w, T* out, Index ld) {
  using P = typename simd::packet_traits<T>::type;
  constexpr Index lanes = simd::packet_traits<T>::size;
  for (Index j = from; j < to; j += lanes) {
    for (Index i = 0; i < d; i += lanes) {
      Square<T> block;
      for (Index k = 0; k < lanes; ++k) {
        const P value = simd::ploadu<P>(w + (i + k) * ld + j);
        block.packet[k] = simd::pnegate(simd::pmul(value, value));
      }
      simd::ptranspose(block);
      for (Index k = 0; k < lanes; ++k) simd::pstoreu(out + (j + k) * ld + i, block.packet[k]);
    }
  }
  for (Index j = from; j < std::min(to, d); ++j) out[j * ld + j] += s;
}

/// Constants of one update of one column.
template <class T>
struct AdamStep {
  T residual;      ///< mu / sigma_j
  T l1;            ///< mu alpha
  T beta1, beta2;  ///< of the moments
  T rate;          ///< lr over the bias correction of the first moment
  T scale;         ///< one over the square root of that of the second
};

/// The gradient of F in one column, both moments, and the step: all in one pass. `product` is the
/// column of C (I - W), `barrier` that of the transposed inverse of s I - W o W.
template <bool Masked, class T>
void adam_column(Index size, const AdamStep<T>& step, const T* product, const T* barrier,
                 const T* allowed, T* first, T* second, T* w) {
  using P = typename simd::packet_traits<T>::type;
  constexpr Index lanes = simd::packet_traits<T>::size;
  const auto all = [](T value) { return simd::pset1<P>(value); };
  const P zero = all(T(0)), sign = all(T(-0.0)), l1 = all(step.l1);
  const P residual = all(-step.residual), two = all(T(2)), scale = all(step.scale);
  const P beta1 = all(step.beta1), rest1 = all(T(1) - step.beta1);
  const P beta2 = all(step.beta2), rest2 = all(T(1) - step.beta2);
  const P rate = all(step.rate), eps = all(T(k_adam_eps));
  for (Index i = 0; i < size; i += lanes) {
    const P x = simd::ploadu<P>(w + i);
    const P signed_l1 = simd::por(l1, simd::pand(x, sign));
    const P pull = simd::pandnot(signed_l1, simd::pcmp_eq(x, zero));
    P g = simd::pmadd(residual, simd::ploadu<P>(product + i), pull);
    g = simd::pmadd(simd::pmul(two, x), simd::ploadu<P>(barrier + i), g);
    if constexpr (Masked) g = simd::pmul(g, simd::ploadu<P>(allowed + i));
    const P m = simd::pmadd(beta1, simd::ploadu<P>(first + i), simd::pmul(rest1, g));
    const P v =
        simd::pmadd(beta2, simd::ploadu<P>(second + i), simd::pmul(simd::pmul(rest2, g), g));
    simd::pstoreu(first + i, m);
    simd::pstoreu(second + i, v);
    const P size_of_step = simd::pmadd(simd::psqrt(v), scale, eps);
    simd::pstoreu(w + i, simd::psub(x, simd::pdiv(simd::pmul(rate, m), size_of_step)));
  }
}

/// The state of the iteration and what it needs; every matrix is ld x ld, zero outside d x d.
template <class T>
class Path {
 public:
  Path(DenseView<double> cov, DenseView<double> rows, const double* start,
       const ColideOptions& options, Monitor& monitor);

  ColideResult solve();

 private:
  enum class End { converged, exhausted, outside };

  Buffer<T> matrix() const { return Buffer<T>(ld_ * ld_, T(0)); }
  End run_stage(const Stage& stage, double s, double lr, StageReport& report);
  void step(double mu, double lr);
  void step_back(double lr_before, double lr_after);
  void refresh_product();
  void update_columns(Index from, Index to);
  void update_sigma();
  bool refresh_inverse(double s);
  Objective evaluate(const Stage& stage, double s);

  const Index d_, ld_;
  const DenseView<double> cov_view_;
  const ColideOptions& options_;
  Monitor& monitor_;
  const int threads_;
  const double floor_;

  Buffer<T> cov_, w_, first_, second_, product_, inverse_, allowed_;
  PackedLeft<T> left_, right_;  ///< C alone, or rows' and rows
  Index n_rows_ = 0;            ///< of `rows` where those are used
  Buffer<T> image_;             ///< rows W, for the columns at hand of each block
  MMatrixInverse<T> factor_;
  std::vector<double> sigma_, q_;
  double power1_ = 1.0, power2_ = 1.0;  ///< beta^t

  // Where the last inverse was made, for iterations that use one for long.
  Buffer<T> saved_w_, saved_first_, saved_second_;
  double saved_power1_ = 1.0, saved_power2_ = 1.0;

  Index done_ = 0, budget_ = 0;
  ColideResult result_;
};

template <class T>
Path<T>::Path(DenseView<double> cov, DenseView<double> rows, const double* start,
              const ColideOptions& options, Monitor& monitor)
    : d_(cov.cols),
      ld_(leading<T>(d_)),
      cov_view_(cov),
      options_(options),
      monitor_(monitor),
      // Two cores gain nothing on columns of half a kilobyte.
      threads_(d_ >= 64 ? options.n_threads : 1),
      floor_(sigma_floor(cov)),
      cov_(matrix()),
      w_(matrix()),
      first_(matrix()),
      second_(matrix()),
      product_(matrix()),
      inverse_(matrix()),
      sigma_(static_cast<std::size_t>(d_), 1.0),
      q_(static_cast<std::size_t>(d_)) {
  for (Index j = 0; j < d_; ++j) {
    for (Index i = 0; i < d_; ++i) cov_[j * ld_ + i] = static_cast<T>(cov.col(j)[i]);
  }
  if (options.allowed) {
    allowed_ = matrix();
    for (Index j = 0; j < d_; ++j) {
      for (Index i = 0; i < d_; ++i) {
        allowed_[j * ld_ + i] = options.allowed[j * d_ + i] != 0 ? T(1) : T(0);
      }
    }
  }
  if (rows.data) {
    n_rows_ = rows.rows;
    Buffer<T> copy(n_rows_ * d_);
    for (Index j = 0; j < d_; ++j) {
      for (Index i = 0; i < n_rows_; ++i) copy[j * n_rows_ + i] = static_cast<T>(rows.col(j)[i]);
    }
    right_.pack(n_rows_, d_, copy.data(), n_rows_);
    left_.pack(d_, n_rows_, copy.data(), n_rows_, true);
    image_.reserve(PackedLeft<T>::padded_rows(n_rows_) * (d_ + k_columns));
  } else {
    left_.pack(d_, d_, cov_.data(), ld_);
  }
  if (start) {
    for (Index j = 0; j < d_; ++j) {
      for (Index i = 0; i < d_; ++i) w_[j * ld_ + i] = static_cast<T>(start[j * d_ + i]);
    }
    refresh_product();
    return;
  }
  std::copy(cov_.begin(), cov_.end(), product_.begin());
  // The scales that go with W = 0, but for one common scale the smallest of them.
  for (Index j = 0; j < d_ && options.noise != Noise::fixed; ++j) {
    sigma_[static_cast<std::size_t>(j)] = std::sqrt(cov.col(j)[j]);
  }
  if (options.noise == Noise::equal) {
    std::fill(sigma_.begin(), sigma_.end(), *std::min_element(sigma_.begin(), sigma_.end()));
  }
}

/// Columns of C (I - W) and their q.
template <class T>
void Path<T>::update_columns(Index from, Index to) {
  const Index at = from * ld_, count = to - from;
  if (n_rows_ > 0) {
    const Index ldi = PackedLeft<T>::padded_rows(n_rows_);
    T* image = image_.data() + from * ldi;
    right_.multiply(T(1), count, w_.data() + at, ld_, nullptr, 0, image, ldi);
    left_.multiply(T(-1), count, image, ldi, cov_.data() + at, ld_, product_.data() + at, ld_);
  } else {
    left_.multiply(T(-1), count, w_.data() + at, ld_, cov_.data() + at, ld_, product_.data() + at,
                   ld_);
  }
  for (Index j = from; j < to; ++j) {
    const T* column = product_.data() + j * ld_;
    q_[static_cast<std::size_t>(j)] =
        static_cast<double>(column[j]) - linalg::dot(w_.data() + j * ld_, column, d_);
  }
}

template <class T>
void Path<T>::update_sigma() {
  if (options_.noise == Noise::fixed) return;
  if (options_.noise == Noise::equal) {
    double sum = 0.0;
    for (const double q : q_) sum += q;
    const double scale = std::sqrt(std::max(sum / static_cast<double>(d_), 0.0));
    std::fill(sigma_.begin(), sigma_.end(), std::max(scale, floor_));
    return;
  }
  for (std::size_t j = 0; j < q_.size(); ++j) {
    sigma_[j] = std::max(std::sqrt(std::max(q_[j], 0.0)), floor_);
  }
}

template <class T>
void Path<T>::refresh_product() {
  parallel_blocks(d_, k_columns, threads_, [&](Index from, Index to) { update_columns(from, to); });
  update_sigma();
}

/// One step of Adam and the product and scales that go with the new W.
template <class T>
void Path<T>::step(double mu, double lr) {
  power1_ *= options_.beta1;
  power2_ *= options_.beta2;
  AdamStep<T> common{};
  common.l1 = static_cast<T>(mu * options_.alpha);
  common.beta1 = static_cast<T>(options_.beta1);
  common.beta2 = static_cast<T>(options_.beta2);
  common.rate = static_cast<T>(lr / (1.0 - power1_));
  common.scale = static_cast<T>(1.0 / std::sqrt(1.0 - power2_));
  parallel_blocks(d_, k_columns, threads_, [&](Index from, Index to) {
    for (Index j = from; j < to; ++j) {
      AdamStep<T> own = common;
      own.residual = static_cast<T>(mu / sigma_[static_cast<std::size_t>(j)]);
      const Index at = j * ld_;
      const auto run = [&](auto update) {
        const T* allowed = allowed_.empty() ? nullptr : allowed_.data() + at;
        update(PackedLeft<T>::padded_rows(d_), own, product_.data() + at, inverse_.data() + at,
               allowed, first_.data() + at, second_.data() + at, w_.data() + at);
      };
      if (allowed_.empty()) {
        run(adam_column<false, T>);
      } else {
        run(adam_column<true, T>);
      }
    }
    update_columns(from, to);
  });
  update_sigma();
}

/// Takes the last step back and makes it again with a smaller rate.
template <class T>
void Path<T>::step_back(double lr_before, double lr_after) {
  const auto rate = static_cast<T>((lr_before - lr_after) / (1.0 - power1_));
  const auto scale = static_cast<T>(1.0 / std::sqrt(1.0 - power2_));
  for (Index t = 0; t < d_ * ld_; ++t) {
    w_[t] += rate * first_[t] / (std::sqrt(second_[t]) * scale + T(k_adam_eps));
  }
}

template <class T>
bool Path<T>::refresh_inverse(double s) {
  parallel_blocks(d_, k_square, threads_, [&](Index from, Index to) {
    fill_transposed(d_, from, to, static_cast<T>(s), w_.data(), inverse_.data(), ld_);
  });
  return factor_.invert(d_, inverse_.data(), ld_, threads_);
}

template <class T>
Objective Path<T>::evaluate(const Stage& stage, double s) {
  std::vector<double> w(static_cast<std::size_t>(d_ * d_));
  for (Index j = 0; j < d_; ++j) {
    std::copy_n(w_.data() + j * ld_, d_, w.data() + j * d_);
  }
  return colide_objective(cov_view_, w.data(), sigma_.data(), options_.noise, options_.alpha,
                          stage.mu, s, nullptr, nullptr);
}

template <class T>
typename Path<T>::End Path<T>::run_stage(const Stage& stage, double s, double lr,
                                         StageReport& report) {
  std::fill(first_.begin(), first_.end(), T(0));
  std::fill(second_.begin(), second_.end(), T(0));
  power1_ = power2_ = 1.0;
  const Index lag = options_.inverse_lag;
  const bool can_go_back = lag > 1 && s > k_restart_below;
  if (can_go_back && saved_w_.empty()) {
    saved_w_ = matrix();
    saved_first_ = matrix();
    saved_second_ = matrix();
  }
  double previous = 1e16, change = k_inf;
  Index age = lag;
  for (Index t = 1; t <= stage.max_iter; ++t) {
    monitor_.poll({done_, budget_, stage.mu, change, 0});
    if (age == lag) {
      while (!refresh_inverse(s)) {
        if (t == 1 || s <= k_restart_below) return End::outside;
        const double before = lr;
        lr /= 2.0;
        if (can_go_back) {
          std::copy(saved_w_.begin(), saved_w_.end(), w_.begin());
          std::copy(saved_first_.begin(), saved_first_.end(), first_.begin());
          std::copy(saved_second_.begin(), saved_second_.end(), second_.begin());
          power1_ = saved_power1_;
          power2_ = saved_power2_;
        } else {
          step_back(before, lr);
        }
        refresh_product();
        if (lr <= k_least_lr) return End::exhausted;
      }
      if (can_go_back) {
        std::copy(w_.begin(), w_.end(), saved_w_.begin());
        std::copy(first_.begin(), first_.end(), saved_first_.begin());
        std::copy(second_.begin(), second_.end(), saved_second_.begin());
        saved_power1_ = power1_;
        saved_power2_ = power2_;
      }
      age = 0;
    }
    ++age;
    step(stage.mu, lr);
    ++report.n_iter;
    ++done_;
    if (t % options_.checkpoint != 0 && t != stage.max_iter) continue;
    const Objective now = evaluate(stage, s);
    report.objective = now.value;
    report.h = now.h;
    result_.objective.push_back(now.value);
    result_.objective_iter.push_back(done_);
    // Outside of the domain there is no objective; the next inverse sees to that.
    if (!std::isfinite(now.value)) continue;
    change = std::abs((previous - now.value) / previous);
    if (change <= options_.tol) return End::converged;
    previous = now.value;
  }
  return End::exhausted;
}

template <class T>
ColideResult Path<T>::solve() {
  for (const Stage& stage : options_.stages) budget_ += stage.max_iter;
  Buffer<T> start = matrix();
  for (const Stage& stage : options_.stages) {
    StageReport report;
    report.s = stage.s;
    double lr = options_.lr;
    std::copy(w_.begin(), w_.end(), start.begin());
    const std::vector<double> start_sigma = sigma_;
    End end = run_stage(stage, report.s, lr, report);
    while (end == End::outside && report.restarts < k_max_restarts) {
      ++report.restarts;
      lr /= 2.0;
      report.s += 0.1;
      std::copy(start.begin(), start.end(), w_.begin());
      refresh_product();
      sigma_ = start_sigma;
      end = run_stage(stage, report.s, lr, report);
    }
    report.converged = end == End::converged;
    result_.stages.push_back(report);
  }
  result_.weights.resize(static_cast<std::size_t>(d_ * d_));
  for (Index j = 0; j < d_; ++j) {
    std::copy_n(w_.data() + j * ld_, d_, result_.weights.data() + j * d_);
  }
  result_.sigma = sigma_;
  return std::move(result_);
}

}  // namespace

double sigma_floor(DenseView<double> cov) {
  double least = k_inf;
  for (Index j = 0; j < cov.cols; ++j) least = std::min(least, cov.col(j)[j]);
  return 1e-2 * std::sqrt(least);
}

template <class T>
ColideResult colide_path(DenseView<double> cov, DenseView<double> rows, const double* start,
                         const ColideOptions& options, Monitor& monitor) {
  return Path<T>(cov, rows, start, options, monitor).solve();
}

template ColideResult colide_path<double>(DenseView<double>, DenseView<double>, const double*,
                                          const ColideOptions&, Monitor&);
template ColideResult colide_path<float>(DenseView<double>, DenseView<double>, const double*,
                                         const ColideOptions&, Monitor&);

Objective colide_objective(DenseView<double> cov, const double* w, const double* sigma, Noise noise,
                           double alpha, double mu, double s, double* gradient, double* residual) {
  const Index d = cov.cols;
  const Index ld = leading<double>(d);
  Buffer<double> padded(ld * ld, 0.0), product(ld * ld, 0.0), inverse(ld * ld, 0.0);
  for (Index j = 0; j < d; ++j) std::copy_n(w + j * d, d, padded.data() + j * ld);
  for (Index j = 0; j < d; ++j) std::copy_n(cov.col(j), d, product.data() + j * ld);
  PackedLeft<double> left;
  left.pack(d, d, cov.data, cov.ld);
  left.multiply(-1.0, d, padded.data(), ld, product.data(), ld, product.data(), ld);
  fill_transposed(d, 0, d, s, padded.data(), inverse.data(), ld);
  MMatrixInverse<double> factor;
  const bool inside = factor.invert(d, inverse.data(), ld, 1);
  Objective out;
  const bool fixed = noise == Noise::fixed;
  for (Index j = 0; j < d; ++j) {
    const double* column = padded.data() + j * ld;
    const double q = product[j * ld + j] - linalg::dot(column, product.data() + j * ld, d);
    const double scale = fixed ? 1.0 : sigma[j];
    double l1 = 0.0;
    for (Index i = 0; i < d; ++i) l1 += std::abs(column[i]);
    out.score += 0.5 * (q / scale + (fixed ? 0.0 : scale)) + alpha * l1;
    if (residual) residual[j] = q;
    if (!gradient) continue;
    for (Index i = 0; i < d; ++i) {
      const double sign = static_cast<double>((column[i] > 0.0) - (column[i] < 0.0));
      gradient[j * d + i] =
          mu * (alpha * sign - product[j * ld + i] / scale) + 2.0 * column[i] * inverse[j * ld + i];
    }
  }
  out.h = inside ? static_cast<double>(d) * std::log(s) - factor.log_det() : k_inf;
  out.value = mu * out.score + out.h;
  return out;
}

}  // namespace taut::graph
