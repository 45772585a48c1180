// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <vector>

#include "taut/core/buffer.hpp"
#include "taut/core/monitor.hpp"
#include "taut/core/types.hpp"
#include "taut/survival/event_table.hpp"

namespace taut::survival {

enum class Ties { breslow, efron };

/// Cox's partial log-likelihood (1972), strata independent:
///
///   l(b) = sum over event times [ sum_{i in D} w_i eta_i - sum_{l=0}^{k-1} v log(S0 - f_l D0) ]
///
/// D the k records dying at the time, v = sum_D w / k, S0 = sum over the risk set of w e^eta,
/// D0 = sum_D w e^eta, f_l = 0 (Breslow 1974) or l / k (Efron 1977).
///
/// A record is at risk at event rows in_i .. out_i - 1 of its stratum, so sums over risk sets are
/// sums over rows of what enters and leaves: O(n p) for the gradient, and the Hessian is
///
///   X' diag(w theta Lambda) X - sum over rows of v m m',
///
/// two symmetric products in place of a running p x p matrix. With late entries the sums subtract;
/// when one has lost eight digits it is made anew from the records.
class Cox {
 public:
  /// X: n x p, row-major. records.group are the strata. Sorts once; keeps a centred copy of X in the
  /// order of strata and times. X may have any p >= 0. offset may be null. The monitor is asked in
  /// all that follows and must live as long.
  Cox(const Records& records, const double* X, Index p, const double* offset, Ties ties, int ulps,
      int n_threads, Monitor& monitor);

  Index features() const { return p_; }
  Index rows() const { return static_cast<Index>(row_time_.size()); }
  double total_weight() const { return total_weight_; }
  const std::vector<double>& means() const { return means_; }
  /// Event times of all strata, stratum by stratum, and where each stratum begins.
  const std::vector<double>& row_time() const { return row_time_; }
  const std::vector<Index>& row_ptr() const { return row_ptr_; }
  const std::vector<double>& row_events() const { return row_events_; }
  /// Records (caller's numbering) that die at row k: order()[died()[j]], j in died_ptr()[k] ..
  const std::vector<Index>& died_ptr() const { return died_ptr_; }
  const std::vector<Index>& died() const { return died_; }
  const std::vector<Index>& order() const { return order_; }

  /// Sets b, computes risk sums; returns the log-likelihood (NaN if exp overflows).
  double set(const double* coef);

  /// Of the point set last. Gradient (p).
  void gradient(double* out) const;
  /// Minus the Hessian (p x p, both triangles), each event row multiplied by row_scale (null: 1).
  void information(const double* row_scale, double* out) const;
  /// sum over rows of row_scale * sum_{i in D} w_i (x_i - mean over the risk set) (p).
  void score(const double* row_scale, double* out) const;

  /// delta_i - Lambda_i, in the caller's order (n).
  void martingale(double* out) const;
  /// Score residuals (n x p, caller's order): what each record adds to the gradient, per unit weight.
  void score_residuals(double* out) const;
  /// x_i - mean over the risk set (averaged over the ties), for died() in order.
  void schoenfeld(double* out) const;
  /// Increments of the baseline cumulative hazard at x = 0, offset 0, by row.
  void baseline(double* out) const;

 private:
  struct Lambda {
    std::vector<double> plain,
        dying;  ///< increments for survivors and for those who die at the row
  };
  /// Asks the monitor now and then; `step` counts the steps of a loop over records or rows, of at
  /// most p^2 operations each.
  void poll(Index step) const {
    if ((step & poll_mask_) == 0) monitor_->poll({});
  }
  void risk_sums(const double* value, Index width, double* out) const;
  double scale_of(Index row, Index l) const;

  Index n_, p_;
  Ties ties_;
  double total_weight_ = 0.0;
  std::vector<Index> order_;  ///< sorted position -> caller's record
  std::vector<Index> row_ptr_, died_ptr_, died_;
  std::vector<double> row_time_, row_events_, row_weight_;  ///< by row; row_weight_ = sum_D w
  std::vector<Index> in_, out_;                             ///< rows at risk, by sorted position
  std::vector<unsigned char> event_;
  std::vector<double> weight_, offset_, means_;
  Buffer<double> X_;
  bool truncated_ = false;
  Monitor* monitor_;
  Index poll_mask_ = (Index{1} << 16) - 1;

  // Of the point set last.
  std::vector<double> coef_, eta_, theta_, S0_, D0_, cumulative_;  ///< cumulative_: sums of plain
  Lambda hazard_;
  double shift_ = 0.0;
};

struct CoxFit {
  std::vector<double> coef, information, score_null, information_null;
  std::vector<double> next;   ///< the Newton step that was not taken; far from 0 where b runs away
  std::vector<char> aliased;  ///< columns that depend on others before them; coefficient 0
  double loglik = 0.0, loglik_null = 0.0;
  Index n_iter = 0;
  double stop_crit = 0.0;  ///< Newton decrement g' I^-1 g / 2, in units of the log-likelihood
  bool converged = false;
};

/// Newton's method with step halving from b = 0, until the Newton decrement is at most
/// tol * max(1, |loglik|).
CoxFit fit_cox(Cox& problem, double tol, Index max_iter, Monitor& monitor);

/// Solves A x = b for symmetric A >= 0 by Cholesky. Columns whose pivot falls below 1e-11 of their
/// diagonal are set aside (aliased, x = 0). `inverse`, if not null, gets A^-1 on the others.
void solve_symmetric(const std::vector<double>& A, Index p, const double* b, double* x,
                     double* inverse, std::vector<char>& aliased);

}  // namespace taut::survival
