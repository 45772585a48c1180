// SPDX-License-Identifier: BSD-3-Clause
#include "taut/graph/colide.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
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
/// Error of the residual variances, in units of the least variance, that float steps may make.
constexpr double k_visible = 1e-2;
/// Columns that a thread takes at a time: as many as stay in its first cache, but more where C does
/// not stay in its second.
Index columns_at_a_time(Index d) { return d < 256 ? 8 : 24; }
/// Columns of a transposition begin at multiples of this: whole packets of any width.
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
template <class T, class M>
void fill_transposed(Index d, Index from, Index to, M s, const T* w, M* out, Index ld) {
  using P = typename simd::packet_traits<M>::type;
  constexpr Index lanes = simd::packet_traits<M>::size;
  static_assert(k_square % lanes == 0);
  M tile[lanes];
  for (Index j = from; j < to; j += lanes) {
    for (Index i = 0; i < d; i += lanes) {
      Square<M> block;
      for (Index k = 0; k < lanes; ++k) {
        const T* column = w + (i + k) * ld + j;
        for (Index l = 0; l < lanes; ++l) tile[l] = static_cast<M>(-column[l] * column[l]);
        block.packet[k] = simd::ploadu<P>(tile);
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

/// The same for W in double with moments in float; also writes down the step, which is a float, so
/// that W moves by exactly what it says.
template <bool Masked>
void adam_column(Index size, const AdamStep<double>& wide, const double* product,
                 const float* barrier, const float* allowed, float* first, float* second, double* w,
                 float* moved) {
  using P = simd::packet_traits<float>::type;
  constexpr Index lanes = simd::packet_traits<float>::size;
  // Three short loops: compilers make no good code of one with numbers of both widths.
  constexpr Index k_strip = 256;
  alignas(64) float x32[k_strip], smooth[k_strip];
  const auto all = [](double value) { return simd::pset1<P>(static_cast<float>(value)); };
  const double residual = -wide.residual;
  const P zero = all(0.0), sign = all(-0.0), l1 = all(wide.l1);
  const P beta1 = all(wide.beta1), rest1 = all(1.0 - wide.beta1);
  const P beta2 = all(wide.beta2), rest2 = all(1.0 - wide.beta2);
  const P rate = all(-wide.rate), scale = all(wide.scale), eps = all(k_adam_eps);
  for (Index begin = 0; begin < size; begin += k_strip) {
    const Index count = std::min(k_strip, size - begin);
    double* x = w + begin;
    const double* r = product + begin;
    for (Index i = 0; i < count; ++i) smooth[i] = static_cast<float>(residual * r[i]);
    for (Index i = 0; i < count; ++i) x32[i] = static_cast<float>(x[i]);
    for (Index i = 0; i < count; i += lanes) {
      const Index at = begin + i;
      const P here = simd::ploadu<P>(x32 + i);
      const P signed_l1 = simd::por(l1, simd::pand(here, sign));
      const P pull = simd::pandnot(signed_l1, simd::pcmp_eq(here, zero));
      const P twice = simd::padd(here, here);
      P g = simd::padd(simd::ploadu<P>(smooth + i), pull);
      g = simd::pmadd(twice, simd::ploadu<P>(barrier + at), g);
      if constexpr (Masked) g = simd::pmul(g, simd::ploadu<P>(allowed + at));
      const P m = simd::pmadd(beta1, simd::ploadu<P>(first + at), simd::pmul(rest1, g));
      const P v =
          simd::pmadd(beta2, simd::ploadu<P>(second + at), simd::pmul(simd::pmul(rest2, g), g));
      simd::pstoreu(first + at, m);
      simd::pstoreu(second + at, v);
      const P size_of_step = simd::pmadd(simd::psqrt(v), scale, eps);
      simd::pstoreu(moved + at, simd::pdiv(simd::pmul(rate, m), size_of_step));
    }
    const float* step = moved + begin;
    for (Index i = 0; i < count; ++i) x[i] += static_cast<double>(step[i]);
  }
}

/// The state of the iteration and what it needs; every matrix is ld x ld, zero outside d x d. T is
/// the type of W, M that of moments and steps.
template <class T, class M>
class Path {
 public:
  Path(DenseView<double> cov, DenseView<double> rows, const double* start,
       const ColideOptions& options, Monitor& monitor);

  ColideResult solve();

 private:
  enum class End { converged, exhausted, outside };

  template <class S = T>
  Buffer<S> matrix() const {
    return Buffer<S>(ld_ * ld_, S(0));
  }
  End run_stage(const Stage& stage, double s, double lr, StageReport& report);
  void step(double mu, double lr, bool last_of_inverse);
  void step_back(double lr_before, double lr_after);
  void refresh_product();
  void adam(Index j, const AdamStep<T>& step);
  void update_columns(Index from, Index to);
  void correct_columns(Index from, Index to);
  void update_residuals(Index from, Index to);
  void update_sigma();
  void spread_sigma();
  bool refresh_inverse(double s);
  void copy_state(const Buffer<T>& w, const Buffer<M>& first, const Buffer<M>& second,
                  Buffer<T>& to_w, Buffer<M>& to_first, Buffer<M>& to_second) const;
  Objective evaluate(const Stage& stage, double s);

  const Index d_, ld_;
  const DenseView<double> cov_view_;
  const ColideOptions& options_;
  Monitor& monitor_;
  const int threads_;
  const Index columns_;
  const double floor_;

  static constexpr bool k_mixed = !std::is_same_v<T, M>;

  /// C W or C times steps, by C alone or by rows' and rows.
  template <class S>
  struct Factors {
    PackedLeft<S> left, right;
    Buffer<S> image;  ///< rows W

    void pack(Index d, const Buffer<T>& cov, Index ld, DenseView<double> rows);
    void multiply(Index n_rows, Index from, Index count, S alpha, const S* b, const S* base, S* out,
                  Index ld);
  };

  Buffer<T> cov_, w_, product_;
  Buffer<M> inverse_, first_, second_, allowed_;
  Index n_rows_ = 0;  ///< of `rows` where those are used
  Factors<T> factors_;
  // For steps in float.
  bool correct_ = false;
  Factors<M> step_factors_;
  Buffer<M> moved_, change_;
  MMatrixInverse<M> factor_;
  Buffer<double> sigma_;
  Buffer<double> sums_;  ///< of residual variances, by columns that a thread takes at a time
  double power1_ = 1.0, power2_ = 1.0;  ///< beta^t

  // Where the last inverse was made, for iterations that use one for long.
  Buffer<T> saved_w_;
  Buffer<M> saved_first_, saved_second_;
  double saved_power1_ = 1.0, saved_power2_ = 1.0;

  Index done_ = 0, budget_ = 0;
  ColideResult result_;
};

template <class T, class M>
Path<T, M>::Path(DenseView<double> cov, DenseView<double> rows, const double* start,
                 const ColideOptions& options, Monitor& monitor)
    : d_(cov.cols),
      ld_(leading<M>(d_)),
      cov_view_(cov),
      options_(options),
      monitor_(monitor),
      // Two cores gain nothing on columns of half a kilobyte.
      threads_(d_ >= 64 ? options.n_threads : 1),
      columns_(columns_at_a_time(d_)),
      floor_(sigma_floor(cov)),
      cov_(matrix()),
      w_(matrix()),
      product_(matrix()),
      inverse_(matrix<M>()),
      first_(matrix<M>()),
      second_(matrix<M>()),
      sigma_(d_, 1.0),
      sums_((d_ + columns_ - 1) / columns_) {
  for (Index j = 0; j < d_; ++j) {
    for (Index i = 0; i < d_; ++i) cov_[j * ld_ + i] = static_cast<T>(cov.col(j)[i]);
  }
  if (options.allowed) {
    allowed_ = matrix<M>();
    for (Index j = 0; j < d_; ++j) {
      for (Index i = 0; i < d_; ++i) {
        allowed_[j * ld_ + i] = options.allowed[j * d_ + i] != 0 ? M(1) : M(0);
      }
    }
  }
  n_rows_ = rows.data ? rows.rows : 0;
  factors_.pack(d_, cov_, ld_, rows);
  if constexpr (k_mixed) {
    double largest = 0.0;
    for (Index j = 0; j < d_; ++j) largest = std::max(largest, cov.col(j)[j]);
    const double lost = largest * options.lr * static_cast<double>(options.inverse_lag) * 0x1p-24;
    const double least = floor_ * floor_ * 1e4;
    correct_ = options.inverse_lag > 1 && lost <= k_visible * least;
    moved_ = matrix<M>();
    if (correct_) {
      change_ = matrix<M>();
      step_factors_.pack(d_, cov_, ld_, rows);
    }
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
    sigma_[j] = std::sqrt(cov.col(j)[j]);
  }
  if (options.noise == Noise::equal) {
    sigma_[0] = *std::min_element(sigma_.begin(), sigma_.end());
  }
}

template <class T, class M>
template <class S>
void Path<T, M>::Factors<S>::pack(Index d, const Buffer<T>& cov, Index ld, DenseView<double> rows) {
  const bool thin = rows.data != nullptr;
  Buffer<S> copy(thin ? rows.rows * d : ld * d);
  if (thin) {
    for (Index j = 0; j < d; ++j) {
      for (Index i = 0; i < rows.rows; ++i) {
        copy[j * rows.rows + i] = static_cast<S>(rows.col(j)[i]);
      }
    }
    right.pack(rows.rows, d, copy.data(), rows.rows);
    left.pack(d, rows.rows, copy.data(), rows.rows, true);
    image.reserve(PackedLeft<S>::padded_rows(rows.rows) * d);
  } else {
    for (Index t = 0; t < ld * d; ++t) copy[t] = static_cast<S>(cov[t]);
    left.pack(d, d, copy.data(), ld);
  }
}

/// Columns from .. from + count of out = base + alpha C b.
template <class T, class M>
template <class S>
void Path<T, M>::Factors<S>::multiply(Index n_rows, Index from, Index count, S alpha, const S* b,
                                      const S* base, S* out, Index ld) {
  const Index at = from * ld;
  Index ldb = ld;
  b += at;
  if (n_rows > 0) {
    const Index rows = PackedLeft<S>::padded_rows(n_rows);
    right.multiply(S(1), count, b, ld, nullptr, 0, image.data() + from * rows, rows);
    b = image.data() + from * rows;
    ldb = rows;
  }
  left.multiply(alpha, count, b, ldb, base ? base + at : nullptr, ld, out + at, ld);
}

/// Columns of C (I - W), from scratch.
template <class T, class M>
void Path<T, M>::update_columns(Index from, Index to) {
  factors_.multiply(n_rows_, from, to - from, T(-1), w_.data(), cov_.data(), product_.data(), ld_);
  update_residuals(from, to);
}

/// The same from what they were before the last step.
template <class T, class M>
void Path<T, M>::correct_columns(Index from, Index to) {
  step_factors_.multiply(n_rows_, from, to - from, M(-1), moved_.data(), nullptr, change_.data(),
                         ld_);
  for (Index j = from; j < to; ++j) {
    T* column = product_.data() + j * ld_;
    const M* change = change_.data() + j * ld_;
    for (Index i = 0; i < d_; ++i) column[i] += static_cast<T>(change[i]);
  }
  update_residuals(from, to);
}

/// Residual variances of columns, and scales of their own. What other columns have to do with it is
/// one sum for each set of columns: little that travels between the caches of two cores.
template <class T, class M>
void Path<T, M>::update_residuals(Index from, Index to) {
  double sum = 0.0;
  for (Index j = from; j < to; ++j) {
    const T* column = product_.data() + j * ld_;
    const double q = static_cast<double>(column[j]) - linalg::dot(w_.data() + j * ld_, column, d_);
    sum += q;
    if (options_.noise == Noise::unequal) sigma_[j] = std::max(std::sqrt(std::max(q, 0.0)), floor_);
  }
  sums_[from / columns_] = sum;
}

/// A common scale is kept at the first place alone; see spread_sigma.
template <class T, class M>
void Path<T, M>::update_sigma() {
  if (options_.noise != Noise::equal) return;
  double sum = 0.0;
  for (const double q : sums_) sum += q;
  sigma_[0] = std::max(std::sqrt(std::max(sum / static_cast<double>(d_), 0.0)), floor_);
}

template <class T, class M>
void Path<T, M>::spread_sigma() {
  if (options_.noise == Noise::equal) std::fill(sigma_.begin(), sigma_.end(), sigma_[0]);
}

template <class T, class M>
void Path<T, M>::refresh_product() {
  parallel_blocks(d_, columns_, threads_, [&](Index from, Index to) { update_columns(from, to); });
  update_sigma();
}

/// One step of Adam and the product and scales that go with the new W: corrected by the step, but
/// anew where the next step has a new inverse.
template <class T, class M>
void Path<T, M>::step(double mu, double lr, bool last_of_inverse) {
  power1_ *= options_.beta1;
  power2_ *= options_.beta2;
  AdamStep<T> common{};
  common.l1 = static_cast<T>(mu * options_.alpha);
  common.beta1 = static_cast<T>(options_.beta1);
  common.beta2 = static_cast<T>(options_.beta2);
  common.rate = static_cast<T>(lr / (1.0 - power1_));
  common.scale = static_cast<T>(1.0 / std::sqrt(1.0 - power2_));
  parallel_blocks(d_, columns_, threads_, [&](Index from, Index to) {
    for (Index j = from; j < to; ++j) {
      AdamStep<T> own = common;
      own.residual = static_cast<T>(mu / sigma_[options_.noise == Noise::equal ? 0 : j]);
      adam(j, own);
    }
    if (correct_ && !last_of_inverse) {
      correct_columns(from, to);
    } else {
      update_columns(from, to);
    }
  });
  update_sigma();
}

template <class T, class M>
void Path<T, M>::adam(Index j, const AdamStep<T>& step) {
  const Index at = j * ld_, size = PackedLeft<M>::padded_rows(d_);
  const auto run = [&](auto masked) {
    constexpr bool k_masked = decltype(masked)::value;
    const M* allowed = k_masked ? allowed_.data() + at : nullptr;
    if constexpr (k_mixed) {
      adam_column<k_masked>(size, step, product_.data() + at, inverse_.data() + at, allowed,
                            first_.data() + at, second_.data() + at, w_.data() + at,
                            moved_.data() + at);
    } else {
      adam_column<k_masked, T>(size, step, product_.data() + at, inverse_.data() + at, allowed,
                               first_.data() + at, second_.data() + at, w_.data() + at);
    }
  };
  if (allowed_.empty()) {
    run(std::false_type());
  } else {
    run(std::true_type());
  }
}

/// Takes the last step back and makes it again with a smaller rate.
template <class T, class M>
void Path<T, M>::step_back(double lr_before, double lr_after) {
  const auto rate = static_cast<M>((lr_before - lr_after) / (1.0 - power1_));
  const auto scale = static_cast<M>(1.0 / std::sqrt(1.0 - power2_));
  for (Index t = 0; t < d_ * ld_; ++t) {
    const M step = rate * first_[t] / (std::sqrt(second_[t]) * scale + M(k_adam_eps));
    w_[t] += static_cast<T>(step);
  }
}

template <class T, class M>
bool Path<T, M>::refresh_inverse(double s) {
  return factor_.invert(d_, inverse_.data(), ld_, threads_, [&](Index from, Index to) {
    fill_transposed(d_, from, to, static_cast<M>(s), w_.data(), inverse_.data(), ld_);
  });
}

/// Each column by the thread that has it in its cache.
template <class T, class M>
void Path<T, M>::copy_state(const Buffer<T>& w, const Buffer<M>& first, const Buffer<M>& second,
                            Buffer<T>& to_w, Buffer<M>& to_first, Buffer<M>& to_second) const {
  parallel_blocks(d_, columns_, threads_, [&](Index from, Index to) {
    const Index begin = from * ld_, count = (to - from) * ld_;
    std::copy_n(w.data() + begin, count, to_w.data() + begin);
    std::copy_n(first.data() + begin, count, to_first.data() + begin);
    std::copy_n(second.data() + begin, count, to_second.data() + begin);
  });
}

template <class T, class M>
Objective Path<T, M>::evaluate(const Stage& stage, double s) {
  spread_sigma();
  std::vector<double> w(static_cast<std::size_t>(d_ * d_));
  for (Index j = 0; j < d_; ++j) {
    std::copy_n(w_.data() + j * ld_, d_, w.data() + j * d_);
  }
  return colide_objective(cov_view_, w.data(), sigma_.data(), options_.noise, options_.alpha,
                          stage.mu, s, nullptr, nullptr);
}

template <class T, class M>
typename Path<T, M>::End Path<T, M>::run_stage(const Stage& stage, double s, double lr,
                                               StageReport& report) {
  std::fill(first_.begin(), first_.end(), M(0));
  std::fill(second_.begin(), second_.end(), M(0));
  power1_ = power2_ = 1.0;
  const Index lag = options_.inverse_lag;
  const bool can_go_back = lag > 1 && s > k_restart_below;
  if (can_go_back && saved_w_.empty()) {
    saved_w_ = matrix();
    saved_first_ = matrix<M>();
    saved_second_ = matrix<M>();
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
          copy_state(saved_w_, saved_first_, saved_second_, w_, first_, second_);
          power1_ = saved_power1_;
          power2_ = saved_power2_;
        } else {
          step_back(before, lr);
        }
        refresh_product();
        if (lr <= k_least_lr) return End::exhausted;
      }
      if (can_go_back) {
        copy_state(w_, first_, second_, saved_w_, saved_first_, saved_second_);
        saved_power1_ = power1_;
        saved_power2_ = power2_;
      }
      age = 0;
    }
    ++age;
    step(stage.mu, lr, age == lag);
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

template <class T, class M>
ColideResult Path<T, M>::solve() {
  // Only for who watches: a sum that no integer holds says "without end" as well.
  for (const Stage& stage : options_.stages) {
    budget_ += std::min(stage.max_iter, std::numeric_limits<Index>::max() - budget_);
  }
  Buffer<T> start = matrix();
  Buffer<double> start_sigma(d_);
  for (const Stage& stage : options_.stages) {
    StageReport report;
    report.s = stage.s;
    double lr = options_.lr;
    std::copy(w_.begin(), w_.end(), start.begin());
    std::copy(sigma_.begin(), sigma_.end(), start_sigma.begin());
    End end = run_stage(stage, report.s, lr, report);
    while (end == End::outside && report.restarts < k_max_restarts) {
      ++report.restarts;
      lr /= 2.0;
      report.s += 0.1;
      std::copy(start.begin(), start.end(), w_.begin());
      refresh_product();
      std::copy(start_sigma.begin(), start_sigma.end(), sigma_.begin());
      end = run_stage(stage, report.s, lr, report);
    }
    report.converged = end == End::converged;
    result_.stages.push_back(report);
  }
  if (correct_) refresh_product();
  result_.weights.resize(static_cast<std::size_t>(d_ * d_));
  for (Index j = 0; j < d_; ++j) {
    std::copy_n(w_.data() + j * ld_, d_, result_.weights.data() + j * d_);
  }
  spread_sigma();
  result_.sigma.assign(sigma_.begin(), sigma_.end());
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
  if constexpr (std::is_same_v<T, double>) {
    if (options.float_steps) {
      return Path<double, float>(cov, rows, start, options, monitor).solve();
    }
  }
  return Path<T, T>(cov, rows, start, options, monitor).solve();
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
  MMatrixInverse<double> factor;
  fill_transposed(d, 0, d, s, padded.data(), inverse.data(), ld);
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
