// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "taut/core/buffer.hpp"
#include "taut/penalty/elastic_net.hpp"
#include "taut/solver/working_set.hpp"

namespace taut::bilevel {

/// What a criterion of the linear predictor says at a point: its derivative by eta, and for one that
/// is half a weighted square (plus something linear) its weights, else null.
struct CriterionSlope {
  const double* by_eta = nullptr;
  const double* curvature = nullptr;
};

/// Derivative of a criterion of the solution by the logarithms of the two strengths of each feature.
/// Zero for features that are not listed.
struct SupportSlope {
  std::vector<Index> support;
  std::vector<double> l1, l2;
  /// True if the exact solution has this support and these signs for sure; then the numbers above
  /// are at most this far from its own.
  bool proved = false;
  std::vector<double> l1_error, l2_error;
  bool singular = false;  ///< columns of the support are dependent: the derivative is not unique
  Index cg_iterations = 0;
};

/// The solution of a sparse linear model as a function of its penalty strengths,
///
///   b(l1, l2) = argmin F(b0 + Z b) + sum_j l1_j |b_j| + l2_j b_j^2 / 2,
///
/// solved again and again from where it stands, and differentiated on its support S (Bertrand et al.,
/// JMLR 23, 2022): where S and the signs do not change, M db_S = -(sign(b_S) dl1_S + b_S dl2_S) with
///
///   M = Z_S'H Z_S - m m' / sum h + diag(l2_S),   H = diag(F''),   m = Z_S'h,
///
/// the second term of which is the intercept's (m is zero for least squares on centred columns). For a
/// criterion C with slope v_S = Z_S'c - m (sum c) / (sum h), c = dC/deta, and M q = v_S:
///
///   dC / d log l1_j = -l1_j sign(b_j) q_j,   dC / d log l2_j = -l2_j b_j q_j.
///
/// M is factored up to k_most_factored features, |S|^3 / 3, beyond that solved by conjugate gradients.
/// For least squares Z'Z of the features that were ever active is kept.
class SparseLower {
 public:
  static constexpr Index k_most_factored = 2000;

  struct Report {
    double gap = 0.0;
    double loss = 0.0;
    double objective = 0.0;
    Index iterations = 0;
    Index active = 0;
    bool converged = false;
  };

  /// All views; the callers own them. `route` as in solver::PathOptions.
  SparseLower(const design::Design& X, const datafit::Datafit& datafit,
              penalty::ElasticNet& penalty, const double* offset, bool fit_intercept,
              bool standardize, solver::Route route, int n_threads);

  /// False if X holds NaN or infinity: nothing may be called then.
  bool finite() const { return Z_.finite(); }
  /// What gaps are measured in: the null model's loss above its infimum.
  double unit() const { return unit_; }

  /// Solves with the penalty as it is now, until the gap is at most `tol` times unit().
  Report solve(double tol, Index max_iter, Monitor& monitor);

  /// The linear predictor of all rows, those without weight too.
  const std::vector<double>& eta() const { return at_.eta; }

  /// With `prove`, least squares only: bounds of the error from the duality gap G of the last solve.
  /// |Z (b - b*)|_s <= sqrt(2 G) says who is surely zero in b*, |b_j - b*_j| <= sqrt(2 G (M^-1)_jj)
  /// which signs are sure; if all are, M and the signs are those of b*, and only v moves.
  SupportSlope slope(const CriterionSlope& criterion, bool prove, Monitor& monitor);

  /// On the scale of X.
  void coefficients(double* coef, double* intercept) const;

 private:
  /// The solve's monitor changes from call to call; the working set holds one for good.
  class Relay final : public Monitor {
   public:
    void poll(const Progress& progress) override {
      if (to) to->poll(progress);
    }
    Monitor* to = nullptr;
  };

  void start(Monitor& monitor);
  std::vector<Index> support() const;
  void hessian(const std::vector<Index>& S);
  bool factor(const std::vector<Index>& S, std::vector<double>& L) const;
  Index conjugate_gradients(const std::vector<Index>& S, const std::vector<double>& v,
                            std::vector<double>& q, Monitor& monitor) const;
  double radius() const;
  bool surely_zero(const std::vector<Index>& S, double radius) const;
  void prove(const std::vector<Index>& S, const std::vector<double>& L,
             const std::vector<double>& q, const double* curvature, SupportSlope& out) const;

  const datafit::Datafit& datafit_;
  penalty::ElasticNet& penalty_;
  solver::PathOptions options_;
  design::Standardized Z_;
  solver::Problem problem_;
  Relay relay_;
  std::unique_ptr<solver::InnerSolver> inner_;
  std::optional<solver::WorkingSet> set_;
  solver::Iterate at_;
  double unit_ = 0.0;
  double gap_ = 0.0;

  std::vector<double> h_;  ///< curvature at the solution, n
  std::vector<double> m_;  ///< Z_S'h
  double sum_h_ = 0.0;
  Buffer<double> gram_;  ///< Z_A'H Z_A of the features A below, ld_ x ld_
  Index ld_ = 0;
  std::vector<Index> in_gram_;  ///< A
  std::vector<Index> slot_;     ///< of a feature in A, -1 outside
};

}  // namespace taut::bilevel
