// SPDX-License-Identifier: BSD-3-Clause
#include "taut/ot/sinkhorn.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "taut/core/parallel.hpp"
#include "taut/linalg/exp2.hpp"
#include "taut/linalg/vexp.hpp"

namespace taut::ot {
namespace {

using linalg::Exp2;
using linalg::exp2_tile;

constexpr double k_log2e = 1.44269504088896340736;
constexpr double k_ln2 = 0.693147180559945309417;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

inline void prefetch(const void* address) {
#if defined(__GNUC__)
  __builtin_prefetch(address, 0, 2);
#else
  static_cast<void>(address);
#endif
}

inline double exp2_of(double x) { return Exp2<double>::eval(x); }
inline double log2_of(double x) { return linalg::fast_log(x) * k_log2e; }

/// Rows are dealt to a fixed number of lanes, each with column sums of its own, so that results do
/// not depend on the number of threads. A sweep runs in slices, between which the caller is heard.
class Lanes {
 public:
  Lanes(Index rows, Index cols, int n_threads)
      : rows_(rows), n_threads_(n_threads), count_(std::clamp<Index>(rows / 16, 1, 16)) {
    per_lane_ = ((rows + count_ - 1) / count_ + 3) / 4 * 4;
    // About 0.05 s of exponentials for all lanes together.
    const Index entries = Index{16000000} * n_threads;
    slice_ = std::max<Index>(4, entries / std::max<Index>(cols * count_, 1) / 4 * 4);
  }

  Index count() const { return count_; }

  template <class F>
  void run(Monitor& monitor, const Progress& progress, F&& f) const {
    for (Index start = 0; start < per_lane_; start += slice_) {
      parallel_for(count_, n_threads_, [&](Index lane) {
        const Index end =
            std::min({lane * per_lane_ + start + slice_, (lane + 1) * per_lane_, rows_});
        const Index begin = std::min(lane * per_lane_ + start, end);
        f(lane, begin, end);
      });
      monitor.poll(progress);
    }
  }

 private:
  Index rows_;
  int n_threads_;
  Index count_;
  Index per_lane_ = 1, slice_ = 4;
};

/// e_j = 2^(p + q_j - kappa C_ij) of row i; returns the sum. S may be shorter than the costs: then
/// the exponents are still those of the costs, and only the exponentials are rounded.
template <class Cost, class S>
double exp_row(const Cost& cost, Index i, const typename Cost::Scalar* q, typename Cost::Scalar p,
               typename Cost::Scalar kappa, S* e, typename Cost::Scalar* buffer) {
  double sum = 0.0;
  const Index m = cost.cols();
  for (Index j = 0; j < m; j += k_tile) {
    const Index end = std::min(j + k_tile, m);
    sum += exp2_tile(cost.tile(i, j, end, buffer), q + j, p, kappa, e + j, end - j);
  }
  return sum;
}

/// acc += sum_r w_r e_r over `Count` rows `ld` apart. Products have the precision of e, sums over
/// more rows than that are double.
template <int Count, class S>
void add_rows(const S* __restrict e, Index ld, const double* w, double* __restrict acc, Index n) {
  static_assert(Count == 1 || Count == 4);
  const S* e1 = Count > 1 ? e + ld : e;
  const S* e2 = Count > 1 ? e + 2 * ld : e;
  const S* e3 = Count > 1 ? e + 3 * ld : e;
  const S w0 = static_cast<S>(w[0]), w1 = static_cast<S>(w[Count > 1 ? 1 : 0]);
  const S w2 = static_cast<S>(w[Count > 1 ? 2 : 0]), w3 = static_cast<S>(w[Count > 1 ? 3 : 0]);
#pragma omp simd
  for (Index j = 0; j < n; ++j) {
    S sum = w0 * e[j];
    if constexpr (Count > 1) {
      sum += w1 * e1[j];
      sum += w2 * e2[j] + w3 * e3[j];
    }
    acc[j] += static_cast<double>(sum);
  }
}

/// The same while the rows after these come into the second-level cache: the sums need no memory,
/// and the next dot products would have to wait for it.
template <class S>
void add_rows_ahead(const S* e, Index ld, const double* w, double* acc, Index n, const S* next) {
  constexpr Index k_chunk = 128, k_line = 64 / static_cast<Index>(sizeof(S));
  for (Index start = 0; start < n; start += k_chunk) {
    const Index count = std::min(k_chunk, n - start);
    for (Index r = 0; r < 4; ++r) {
      for (Index j = 0; j < count; j += k_line) prefetch(next + r * ld + start + j);
    }
    add_rows<4>(e + start, ld, w, acc + start, count);
  }
}

/// out_r = e_r'v over `Count` rows `ld` apart; the partial sums of a stretch are added in double.
template <int Count, class S>
void dot_rows(const S* __restrict e, Index ld, const S* __restrict v, Index n, double* out) {
  static_assert(Count == 1 || Count == 4);
  constexpr Index k_stretch = 512;
  for (int r = 0; r < Count; ++r) out[r] = 0.0;
  const S* e1 = Count > 1 ? e + ld : e;
  const S* e2 = Count > 1 ? e + 2 * ld : e;
  const S* e3 = Count > 1 ? e + 3 * ld : e;
  for (Index start = 0; start < n; start += k_stretch) {
    const Index end = std::min(start + k_stretch, n);
    S s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
    for (Index j = start; j < end; ++j) {
      s0 += e[j] * v[j];
      if constexpr (Count > 1) {
        s1 += e1[j] * v[j];
        s2 += e2[j] * v[j];
        s3 += e3[j] * v[j];
      }
    }
    out[0] += static_cast<double>(s0);
    if constexpr (Count > 1) {
      out[1] += static_cast<double>(s1);
      out[2] += static_cast<double>(s2);
      out[3] += static_cast<double>(s3);
    }
  }
}

/// Potentials divided by eps and in units of log2: p = f log2(e) / eps, q likewise.
///
/// S: type of the entries of the plan, in the stored kernel and of the rows in cache, and of the
/// products with them. Potentials and sums are double whatever it is.
template <class Cost, class S>
class Solver {
 public:
  using T = typename Cost::Scalar;

  Solver(const Cost& cost, const double* a, const double* b, const SinkhornOptions& options,
         double* f, double* g, Monitor& monitor)
      : cost_(cost),
        a_(a),
        b_(b),
        options_(options),
        f_(f),
        g_(g),
        monitor_(monitor),
        n_(cost.rows()),
        m_(cost.cols()),
        lanes_(n_, m_, options.n_threads),
        kappa_(k_log2e / options.eps),
        damp_a_(std::isinf(options.lam_a) ? 1.0 : options.lam_a / (options.lam_a + options.eps)),
        damp_b_(std::isinf(options.lam_b) ? 1.0 : options.lam_b / (options.lam_b + options.eps)),
        p_(at(n_)),
        q_(at(m_)),
        p_new_(at(n_)),
        log_a_(at(n_)),
        log_b_(at(m_)),
        shifted_q_(at(m_)),
        acc_(at(lanes_.count() * m_)),
        lane_error_(at(lanes_.count())),
        lane_safe_(at(lanes_.count())),
        scratch_(at(lanes_.count() * 4 * m_)),
        tiles_(at(lanes_.count() * k_tile)) {
    for (Index i = 0; i < n_; ++i) {
      p_[at(i)] = f[i] * kappa_;
      log_a_[at(i)] = std::log2(a[i]);
    }
    for (Index j = 0; j < m_; ++j) {
      q_[at(j)] = g[j] * kappa_;
      log_b_[at(j)] = std::log2(b[j]);
    }
    for (Index i = 0; i < n_; ++i) mass_ += a[i];
  }

  SinkhornReport run() {
    SinkhornReport report;
    const bool stored =
        options_.form == SinkhornForm::kernel || options_.form == SinkhornForm::kernel_compact;
    bool plain_before = false;  // the previous sweep had no over-relaxation and was normal
    bool fresh = true;          // nothing is known of the range of the exponents yet
    while (report.n_iter < options_.max_iter) {
      bool done_safely = false;
      double error = 0.0;
      if (fresh) {
        error = safe_sweep();
        done_safely = true;
        fresh = false;
      } else if (!(stored ? kernel_sweep(error) : log_sweep(error))) {
        omega_ = 1.0;
        error = safe_sweep();
        done_safely = true;
      }
      if (done_safely) absorbed_ = false;
      translate();
      ++report.n_iter;
      report.errors.push_back(error);
      progress_.step = report.n_iter;
      progress_.n_steps = options_.max_iter;
      progress_.gap = error;
      monitor_.poll(progress_);
      if (error <= options_.tol * mass_ && omega_ == 1.0 && (plain_before || report.n_iter == 1)) {
        report.converged = true;
        break;
      }
      plain_before = omega_ == 1.0 && !done_safely;
      if (plain_left_ > 0) {
        // Plain sweeps at the end, after which columns are exact and the error is that of the rows.
        if (--plain_left_ == 0) {
          omega_ = resting_omega_;
          landing_ *= 0.2;
          best_error_ = error;
          since_change_ = 0;
        }
      } else if (omega_ > 1.0 && error <= landing_ * options_.tol * mass_) {
        resting_omega_ = omega_;
        omega_ = 1.0;
        plain_left_ = 4;
      } else if (!done_safely && options_.over_relax) {
        relax(report.errors);
      }
    }
    report.relaxation = omega_;
    for (Index i = 0; i < n_; ++i) f_[i] = p_[at(i)] / kappa_;
    for (Index j = 0; j < m_; ++j) g_[j] = q_[at(j)] / kappa_;
    return report;
  }

 private:
  S* row_scratch(Index lane) { return scratch_.data() + lane * 4 * m_; }
  T* tile_scratch(Index lane) { return tiles_.data() + lane * k_tile; }
  double* acc(Index lane) { return acc_.data() + lane * m_; }

  /// Sets p_new of row i from its sum (of exponentials with the current p); returns the factor
  /// a_i 2^(p_new - p) by which the row enters the column sums. False: sum out of range.
  bool update_row(Index i, double sum, double& factor, double& error) {
    // A float32 row of which all entries sit at the floor 2^-125 is empty in truth.
    constexpr double k_floor = sizeof(T) == 4 || sizeof(S) == 4 ? 1e-30 : 1e-250;
    if (!(sum > k_floor && sum < 1.0 / k_floor)) return false;
    const double p = p_[at(i)];
    const double plain = damp_a_ * (p - log2_of(sum));
    error += a_[i] * std::abs(1.0 - exp2_of(std::min(p - plain, 500.0)));
    const double next = p + omega_ * (plain - p);
    p_new_[at(i)] = next;
    factor = a_[i] * exp2_of(next - p);
    return true;
  }

  /// q from the column sums of all lanes (weights: a 2^(p_new - p)); `scale_j` multiplies them.
  template <class Scale>
  bool update_columns(Scale scale) {
    std::vector<char> fine(at((m_ + k_tile - 1) / k_tile), 1);
    parallel_blocks(m_, k_tile, options_.n_threads, [&](Index begin, Index end) {
      double* sum = shifted_q_.data();
      std::copy(acc(0) + begin, acc(0) + end, sum + begin);
      for (Index lane = 1; lane < lanes_.count(); ++lane) {
        const double* part = acc(lane);
        for (Index j = begin; j < end; ++j) sum[j] += part[j];
      }
      int in_range = 1;
      for (Index j = begin; j < end; ++j) {
        sum[j] *= scale(j);
        in_range &= static_cast<int>(sum[j] > 1e-290) & static_cast<int>(sum[j] < 1e290);
      }
      fine[at(begin / k_tile)] = static_cast<char>(in_range);
      for (Index j = begin; j < end; ++j) sum[j] = log2_of(sum[j]);
    });
    if (std::find(fine.begin(), fine.end(), 0) != fine.end()) return false;
    for (Index j = 0; j < m_; ++j) {
      const double q = q_[at(j)];
      const double plain = damp_b_ * (q - shifted_q_[at(j)]);
      q_[at(j)] = q + omega_ * (plain - q);
    }
    p_.swap(p_new_);
    return true;
  }

  /// f + t, g - t with the best t: the plan stays, but with finite lam the dual does not, and
  /// sweeps alone find this one direction slowly (Sejourne, Vialard, Peyre 2022).
  void translate() {
    const bool hard_a = std::isinf(options_.lam_a), hard_b = std::isinf(options_.lam_b);
    if (hard_a && hard_b) return;
    double kept_a = 0.0, kept_b = 0.0;  // masses of the two marginals
    for (Index i = 0; i < n_; ++i) {
      kept_a += a_[i] * (hard_a ? 1.0 : std::exp(-p_[at(i)] / (kappa_ * options_.lam_a)));
    }
    for (Index j = 0; j < m_; ++j) {
      kept_b += b_[j] * (hard_b ? 1.0 : std::exp(-q_[at(j)] / (kappa_ * options_.lam_b)));
    }
    const double speed =
        (hard_a ? 0.0 : 1.0 / options_.lam_a) + (hard_b ? 0.0 : 1.0 / options_.lam_b);
    const double shift = kappa_ * std::log(kept_a / kept_b) / speed;
    if (!std::isfinite(shift)) return;
    for (double& p : p_) p += shift;
    for (double& q : q_) q -= shift;
    // The stored kernel holds p0 + q0, which may move along.
    for (double& p : p0_) p += shift;
    for (double& q : q0_) q -= shift;
  }

  double total_error() const {
    double sum = 0.0;
    for (const double e : lane_error_) sum += e;
    return sum;
  }

  void begin_sweep() {
    parallel_for(lanes_.count(), threads_for(static_cast<double>(acc_.size()), options_.n_threads),
                 [&](Index lane) { std::fill(acc(lane), acc(lane) + m_, 0.0); });
    std::fill(lane_error_.begin(), lane_error_.end(), 0.0);
    std::fill(lane_safe_.begin(), lane_safe_.end(), char{1});
  }

  bool all_safe() const {
    return std::find(lane_safe_.begin(), lane_safe_.end(), 0) == lane_safe_.end();
  }

  /// One sweep from the costs. False, and nothing changed, if a sum leaves the range of numbers.
  bool log_sweep(double& error) {
    begin_sweep();
    std::vector<T>& q = typed_q_;
    q.resize(at(m_));
    for (Index j = 0; j < m_; ++j) q[at(j)] = static_cast<T>(q_[at(j)] + log_b_[at(j)]);
    const T kappa = static_cast<T>(kappa_);
    lanes_.run(monitor_, progress_, [&](Index lane, Index begin, Index end) {
      S* rows = row_scratch(lane);
      T* buffer = tile_scratch(lane);
      // Long rows one by one: four of them would fall out of the second-level cache.
      const Index group = m_ * static_cast<Index>(sizeof(S)) > 65536 ? 1 : 4;
      for (Index i = begin; i < end && lane_safe_[at(lane)]; i += group) {
        const Index count = std::min(group, end - i);
        double factor[4] = {};
        for (Index r = 0; r < count; ++r) {
          const double sum = exp_row(cost_, i + r, q.data(), static_cast<T>(p_[at(i + r)]), kappa,
                                     rows + r * m_, buffer);
          if (!update_row(i + r, sum, factor[r], lane_error_[at(lane)])) lane_safe_[at(lane)] = 0;
        }
        if (count == 4) {
          add_rows<4>(rows, m_, factor, acc(lane), m_);
        } else {
          for (Index r = 0; r < count; ++r)
            add_rows<1>(rows + r * m_, m_, factor + r, acc(lane), m_);
        }
      }
    });
    if (!all_safe()) return false;
    error = total_error();
    return update_columns([&](Index j) { return 1.0 / b_[j]; });
  }

  /// One sweep from the stored kernel, which is made first where it is missing or stale.
  bool kernel_sweep(double& error) {
    if (!absorbed_) absorb();
    begin_sweep();
    std::vector<S>& v = typed_v_;
    v.resize(at(m_));
    for (Index j = 0; j < m_; ++j) v[at(j)] = static_cast<S>(exp2_of(q_[at(j)] - q0_[at(j)]));
    const bool ahead = 8 * m_ * static_cast<Index>(sizeof(S)) <= 524288;
    lanes_.run(monitor_, progress_, [&](Index lane, Index begin, Index end) {
      for (Index i = begin; i < end && lane_safe_[at(lane)]; i += 4) {
        const Index count = std::min<Index>(4, end - i);
        const S* rows = kernel_.data() + i * m_;
        double sum[4] = {}, factor[4] = {};
        if (count == 4) {
          dot_rows<4>(rows, m_, v.data(), m_, sum);
        } else {
          for (Index r = 0; r < count; ++r) dot_rows<1>(rows + r * m_, m_, v.data(), m_, sum + r);
        }
        for (Index r = 0; r < count; ++r) {
          const double u = exp2_of(p_[at(i + r)] - p0_[at(i + r)]);
          if (!update_row(i + r, u * sum[r], factor[r], lane_error_[at(lane)])) {
            lane_safe_[at(lane)] = 0;
          }
          factor[r] *= u;
        }
        if (ahead && i + 8 <= end) {
          add_rows_ahead(rows, m_, factor, acc(lane), m_, rows + 4 * m_);
        } else if (count == 4) {
          add_rows<4>(rows, m_, factor, acc(lane), m_);
        } else {
          for (Index r = 0; r < count; ++r)
            add_rows<1>(rows + r * m_, m_, factor + r, acc(lane), m_);
        }
      }
    });
    if (!all_safe()) return false;
    error = total_error();
    if (!update_columns([&](Index j) { return static_cast<double>(v[at(j)]) / b_[j]; })) {
      return false;
    }
    double drift = 0.0;
    for (Index i = 0; i < n_; ++i) drift = std::max(drift, std::abs(p_[at(i)] - p0_[at(i)]));
    for (Index j = 0; j < m_; ++j) drift = std::max(drift, std::abs(q_[at(j)] - q0_[at(j)]));
    // Entries that were flushed to the floor stay negligible up to here.
    if (drift > (sizeof(S) == 4 ? 40.0 : 300.0)) absorbed_ = false;
    return true;
  }

  /// kernel_ij = b_j 2^(p_i + q_j - kappa C_ij) with the potentials of now.
  void absorb() {
    kernel_.resize(at(n_ * m_));
    p0_ = p_;
    q0_ = q_;
    std::vector<double> weighted(at(m_));
    for (Index j = 0; j < m_; ++j) weighted[at(j)] = q_[at(j)] + log_b_[at(j)];
    lanes_.run(monitor_, progress_, [&](Index lane, Index begin, Index end) {
      T* buffer = tile_scratch(lane);
      double c[k_tile], e[k_tile];
      for (Index i = begin; i < end; ++i) {
        S* out = kernel_.data() + i * m_;
        for (Index start = 0; start < m_; start += k_tile) {
          const Index n = std::min(start + k_tile, m_) - start;
          const T* tile = cost_.tile(i, start, start + n, buffer);
          for (Index j = 0; j < n; ++j) c[j] = static_cast<double>(tile[j]);
          exp2_tile(c, weighted.data() + start, p_[at(i)], kappa_, e, n);
          // Below the range of S: zero, not denormal, which costs a hundred cycles a product.
          for (Index j = 0; j < n; ++j) {
            out[start + j] = static_cast<S>(linalg::detail::select(e[j] > k_tiny, e[j], 0.0));
          }
        }
      }
    });
    absorbed_ = true;
  }

  /// One sweep whose exponents are shifted by their maximum, so that any cost and any eps will do:
  /// three passes over the costs instead of one.
  double safe_sweep() {
    begin_sweep();
    const T kappa = static_cast<T>(kappa_);
    std::vector<T>& q = typed_q_;
    q.resize(at(m_));
    for (Index j = 0; j < m_; ++j) q[at(j)] = static_cast<T>(q_[at(j)] + log_b_[at(j)]);
    std::vector<double> top(at(lanes_.count() * m_), -std::numeric_limits<double>::infinity());
    lanes_.run(monitor_, progress_, [&](Index lane, Index begin, Index end) {
      T* buffer = tile_scratch(lane);
      S* e = row_scratch(lane);
      double* peak = top.data() + lane * m_;
      for (Index i = begin; i < end; ++i) {
        T best = -std::numeric_limits<T>::infinity();
        for (Index start = 0; start < m_; start += k_tile) {
          const Index stop = std::min(start + k_tile, m_);
          const T* c = cost_.tile(i, start, stop, buffer);
#pragma omp simd reduction(max : best)
          for (Index j = 0; j < stop - start; ++j) {
            const T x = q[at(start + j)] - kappa * c[j];
            best = x > best ? x : best;
          }
        }
        const double sum = exp_row(cost_, i, q.data(), -best, kappa, e, buffer);
        const double plain = -damp_a_ * (std::log2(sum) + static_cast<double>(best));
        const double p = p_[at(i)];
        lane_error_[at(lane)] += a_[i] * std::abs(1.0 - std::exp2(std::min(p - plain, 500.0)));
        p_new_[at(i)] = plain;
        const double shift = plain + log_a_[at(i)];
        for (Index start = 0; start < m_; start += k_tile) {
          const Index stop = std::min(start + k_tile, m_);
          const T* c = cost_.tile(i, start, stop, buffer);
          for (Index j = 0; j < stop - start; ++j) {
            const double x = shift - kappa_ * static_cast<double>(c[j]);
            peak[start + j] = x > peak[start + j] ? x : peak[start + j];
          }
        }
      }
    });
    for (Index lane = 1; lane < lanes_.count(); ++lane) {
      for (Index j = 0; j < m_; ++j) {
        top[at(j)] = std::max(top[at(j)], top[at(lane * m_ + j)]);
      }
    }
    lanes_.run(monitor_, progress_, [&](Index lane, Index begin, Index end) {
      T* buffer = tile_scratch(lane);
      double* out = acc(lane);
      for (Index i = begin; i < end; ++i) {
        const double shift = p_new_[at(i)] + log_a_[at(i)];
        for (Index start = 0; start < m_; start += k_tile) {
          const Index stop = std::min(start + k_tile, m_);
          const T* c = cost_.tile(i, start, stop, buffer);
          for (Index j = 0; j < stop - start; ++j) {
            const double x = shift - kappa_ * static_cast<double>(c[j]);
            out[start + j] += Exp2<double>::eval(x - top[at(start + j)]);
          }
        }
      }
    });
    for (Index j = 0; j < m_; ++j) {
      double sum = 0.0;
      for (Index lane = 0; lane < lanes_.count(); ++lane) sum += acc(lane)[j];
      q_[at(j)] = -damp_b_ * (std::log2(sum) + top[at(j)]);
    }
    p_.swap(p_new_);
    return total_error();
  }

  /// Chooses the over-relaxation from the rate seen over the last sweeps.
  ///
  /// With factor w the dominant eigenvalue l of a sweep and the rate r of plain sweeps satisfy
  /// (l + w - 1)^2 = l w^2 r (successive over-relaxation of a bipartite system); the best factor is
  /// 2 / (1 + sqrt(1 - r)).
  void relax(const std::vector<double>& errors) {
    constexpr Index k_window = 10;
    const auto count = static_cast<Index>(errors.size());
    ++since_change_;
    const double now = errors.back();
    best_error_ = std::min(best_error_, now);
    // What a change stirs up dies out like (w - 1)^t; wait for that before judging.
    const auto settling = static_cast<Index>(4.0 / (2.0 - omega_));
    if (omega_ > 1.0 && now > 4.0 * best_error_ && since_change_ > 4 * k_window + settling) {
      omega_ = 1.0 + 0.6 * (omega_ - 1.0);
      limit_ = omega_;
      best_error_ = now;
      since_change_ = 0;
      return;
    }
    if (since_change_ < k_window + settling || count < 2 * k_window + 1) return;
    const double before = errors[at(count - 1 - k_window)];
    if (!(now > 0.0 && now < before)) return;
    const double rate = std::pow(now / before, 1.0 / static_cast<double>(k_window));
    if (rate <= omega_ - 1.0 + 1e-3) return;  // already as fast as this factor allows
    const double root = rate + omega_ - 1.0;
    const double plain = std::min(root * root / (rate * omega_ * omega_), 1.0 - 1e-7);
    // Not too far at once: early rates are those of the transient.
    const double next =
        std::min({2.0 / (1.0 + std::sqrt(1.0 - plain)), limit_, 2.0 - 0.4 * (2.0 - omega_)});
    if (next > omega_ + 0.02 * (2.0 - omega_)) {
      omega_ = next;
      since_change_ = 0;
      best_error_ = now;
    } else if (since_change_ > 200) {
      limit_ =
          std::min(1.97, limit_ + 0.25 * (2.0 - limit_));  // a refused factor may be tried again
      since_change_ = 0;
    }
  }

  static constexpr double k_tiny = sizeof(S) == 4 ? 1.2e-38 : 1e-290;

  const Cost& cost_;
  const double* a_;
  const double* b_;
  const SinkhornOptions& options_;
  double* f_;
  double* g_;
  Monitor& monitor_;
  Index n_, m_;
  Lanes lanes_;
  double kappa_, damp_a_, damp_b_;
  std::vector<double> p_, q_, p_new_, log_a_, log_b_, shifted_q_, acc_, lane_error_;
  std::vector<char> lane_safe_;
  std::vector<S> scratch_;
  std::vector<T> tiles_, typed_q_;
  std::vector<S> typed_v_;
  std::vector<S> kernel_;
  std::vector<double> p0_, q0_;
  Progress progress_;
  double mass_ = 0.0;
  double omega_ = 1.0, limit_ = 1.97;
  double best_error_ = std::numeric_limits<double>::infinity();
  Index since_change_ = 0;
  double resting_omega_ = 1.0, landing_ = 1.0;
  int plain_left_ = 0;
  bool absorbed_ = false;
};

/// Visits every tile of the plan in double precision: visit(lane, i, begin, costs, plan, exponents,
/// length), where exponents are log2(T / (a b)).
template <class Cost, class Visit>
void for_plan_tiles(const Cost& cost, const double* a, const double* b, const double* f,
                    const double* g, double eps, const Lanes& lanes, Monitor& monitor,
                    Visit&& visit) {
  using T = typename Cost::Scalar;
  const Index m = cost.cols();
  const double kappa = k_log2e / eps;
  const Progress progress;
  lanes.run(monitor, progress, [&](Index lane, Index begin, Index end) {
    std::vector<T> buffer(at(k_tile));
    std::vector<double> plan(at(k_tile)), exponent(at(k_tile));
    for (Index i = begin; i < end; ++i) {
      const double p = f[i] * kappa, weight = a[i];
      for (Index start = 0; start < m; start += k_tile) {
        const Index n = std::min(start + k_tile, m) - start;
        const T* c = cost.tile(i, start, start + n, buffer.data());
        for (Index j = 0; j < n; ++j) {
          const double x = p + (g[start + j] - static_cast<double>(c[j])) * kappa;
          exponent[at(j)] = x;
          plan[at(j)] = weight * b[start + j] * Exp2<double>::eval(x);
        }
        visit(lane, i, start, c, plan.data(), exponent.data(), n);
      }
    }
  });
}

}  // namespace

template <class Cost>
SinkhornReport sinkhorn(const Cost& cost, const double* a, const double* b,
                        const SinkhornOptions& options, double* f, double* g, Monitor& monitor) {
  using T = typename Cost::Scalar;
  if (options.form == SinkhornForm::kernel_compact || options.form == SinkhornForm::log_compact) {
    return Solver<Cost, float>(cost, a, b, options, f, g, monitor).run();
  }
  return Solver<Cost, T>(cost, a, b, options, f, g, monitor).run();
}

template <class Cost>
PlanSums plan_sums(const Cost& cost, const double* a, const double* b, const double* f,
                   const double* g, double eps, const double* x, const double* y, int n_threads,
                   Monitor& monitor) {
  const Index n = cost.rows(), m = cost.cols();
  const Lanes lanes(n, m, n_threads);
  PlanSums out;
  out.row.assign(at(n), 0.0);
  out.col.assign(at(m), 0.0);
  std::vector<double> acc(at(lanes.count() * m)), linear(at(lanes.count())),
      entropy(at(lanes.count()));
  for_plan_tiles(cost, a, b, f, g, eps, lanes, monitor,
                 [&](Index lane, Index i, Index start, const auto* c, double* plan,
                     const double* exponent, Index count) {
                   double* col = acc.data() + lane * m + start;
                   double row = 0.0, cost_sum = 0.0, log_sum = 0.0;
                   if (x == nullptr) {
#pragma omp simd reduction(+ : row, cost_sum, log_sum)
                     for (Index j = 0; j < count; ++j) {
                       row += plan[j];
                       col[j] += plan[j];
                       cost_sum += plan[j] * static_cast<double>(c[j]);
                       log_sum += plan[j] * exponent[j];
                     }
                     log_sum *= k_ln2;
                   } else {
                     const double xi = x[i], weight = a[i];
                     for (Index j = 0; j < count; ++j) {
                       const double t = plan[j] + xi * y[start + j];
                       row += t;
                       col[j] += t;
                       cost_sum += t * static_cast<double>(c[j]);
                       const double ratio = t / (weight * b[start + j]);
                       log_sum += weight * b[start + j] * linalg::xlogx(ratio);
                     }
                   }
                   out.row[at(i)] += row;
                   linear[at(lane)] += cost_sum;
                   entropy[at(lane)] += log_sum;
                 });
  for (Index lane = 0; lane < lanes.count(); ++lane) {
    out.linear += linear[at(lane)];
    out.entropy += entropy[at(lane)];
    for (Index j = 0; j < m; ++j) out.col[at(j)] += acc[at(lane * m + j)];
  }
  return out;
}

template <class Cost>
void plan_apply(const Cost& cost, const double* a, const double* b, const double* f,
                const double* g, double eps, const double* M, Index width, double* out,
                int n_threads, Monitor& monitor) {
  const Lanes lanes(cost.rows(), cost.cols(), n_threads);
  std::fill(out, out + cost.rows() * width, 0.0);
  for_plan_tiles(cost, a, b, f, g, eps, lanes, monitor,
                 [&](Index, Index i, Index start, const auto*, const double* plan, const double*,
                     Index count) {
                   double* row = out + i * width;
                   for (Index j = 0; j < count; ++j) {
                     const double* source = M + (start + j) * width;
                     for (Index k = 0; k < width; ++k) row[k] += plan[j] * source[k];
                   }
                 });
}

template <class Cost>
void plan_apply_transposed(const Cost& cost, const double* a, const double* b, const double* f,
                           const double* g, double eps, const double* M, Index width, double* out,
                           int n_threads, Monitor& monitor) {
  const Index size = cost.cols() * width;
  const Lanes lanes(cost.rows(), cost.cols(), n_threads);
  std::vector<double> acc(at(lanes.count() * size));
  for_plan_tiles(cost, a, b, f, g, eps, lanes, monitor,
                 [&](Index lane, Index i, Index start, const auto*, const double* plan,
                     const double*, Index count) {
                   double* target = acc.data() + lane * size + start * width;
                   const double* source = M + i * width;
                   for (Index j = 0; j < count; ++j) {
                     for (Index k = 0; k < width; ++k) target[j * width + k] += plan[j] * source[k];
                   }
                 });
  std::fill(out, out + size, 0.0);
  for (Index lane = 0; lane < lanes.count(); ++lane) {
    for (Index k = 0; k < size; ++k) out[k] += acc[at(lane * size + k)];
  }
}

template <class Cost>
void plan_dense(const Cost& cost, const double* a, const double* b, const double* f,
                const double* g, double eps, double* out, int n_threads) {
  SilentMonitor monitor;
  const Index m = cost.cols();
  const Lanes lanes(cost.rows(), m, n_threads);
  for_plan_tiles(cost, a, b, f, g, eps, lanes, monitor,
                 [&](Index, Index i, Index start, const auto*, const double* plan, const double*,
                     Index count) { std::copy(plan, plan + count, out + i * m + start); });
}

#define TAUT_OT_INSTANTIATE(COST)                                                                  \
  template SinkhornReport sinkhorn(const COST&, const double*, const double*,                      \
                                   const SinkhornOptions&, double*, double*, Monitor&);            \
  template PlanSums plan_sums(const COST&, const double*, const double*, const double*,            \
                              const double*, double, const double*, const double*, int, Monitor&); \
  template void plan_apply(const COST&, const double*, const double*, const double*,               \
                           const double*, double, const double*, Index, double*, int, Monitor&);   \
  template void plan_apply_transposed(const COST&, const double*, const double*, const double*,    \
                                      const double*, double, const double*, Index, double*, int,   \
                                      Monitor&);                                                   \
  template void plan_dense(const COST&, const double*, const double*, const double*,               \
                           const double*, double, double*, int);

TAUT_OT_INSTANTIATE(DenseCost<double>)
TAUT_OT_INSTANTIATE(DenseCost<float>)
TAUT_OT_INSTANTIATE(CloudCost<double>)
TAUT_OT_INSTANTIATE(CloudCost<float>)
#undef TAUT_OT_INSTANTIATE

}  // namespace taut::ot
