// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "taut/datafit/datafit.hpp"
#include "taut/survival/event_table.hpp"

namespace taut::survival {

/// Cox's partial likelihood as a loss of the linear predictor, Breslow's ties, right-censored,
///
///   F(eta) = sum_k d_k log( sum_{i at risk at k} w_i e^eta_i ) / W - sum_i s_i delta_i eta_i,
///
/// s = w / W, over event times k with weight d_k. Its residual is the martingale residual,
/// r_i = delta_i - theta_i Lambda_i, and a constant added to eta changes nothing: no intercept.
///
/// F couples the rows. With p = w theta / S0 in a risk set its Hessian is a sum of
/// diag(p) - p p' <= diag(p), and <= 2 diag(p (1 - p)) because (x - y)^2 <= 2 x^2 + 2 y^2. Summed over
/// the rows, each is a diagonal model that lies above F to second order; the curvature given is the
/// smaller of the two, record by record. The second matters where one record is most of its risk
/// set, as in models that nearly order all events: there the first is too large by far.
///
/// F* is an infimum over ways to write s (delta - c r) as a mixture of points of the simplices of
/// the risk sets. The mixture of w theta / S0 (share c) and the deaths themselves (share 1 - c) is
/// one, so its entropy gives a dual value that is a bound for every c and exact for c = 1. It needs
/// theta, which the residual does not tell: the last few predictors are kept with their residuals.
class CoxLoss final : public datafit::Datafit {
 public:
  /// Strata are records.group. weights (sum 1) is viewed; total is what they were divided by.
  CoxLoss(const Records& records, const double* weights, double total, int ulps);

  double value(const double* eta) const override;
  void residual(const double* eta, double* r) const override;
  double evaluate(const double* eta, double* r) const override;
  double dual(const double* r, double c) const override;
  void curvature(const double* r, Index k, Index l, double* h) const override;
  /// What F exceeds the saturated model's value by, sum_k d_k log d_k.
  double excess(double value) const override { return value - least_; }
  double least() const { return least_; }

 private:
  struct Point {
    std::vector<double> eta, residual;
  };
  double sums(const double* eta) const;
  const Point* find(const double* residual) const;

  std::vector<Index> row_ptr_;     ///< rows of each stratum
  std::vector<std::int32_t> out_;  ///< at risk at rows in_[i] .. out_[i] - 1
  std::vector<std::int32_t> in_;
  std::vector<unsigned char> event_;
  std::vector<double> d_;  ///< weight of the deaths at each row
  double log_total_ = 0.0, least_ = 0.0;

  mutable std::vector<double> theta_, S0_, cumulative_;
  mutable double shift_ = 0.0;
  mutable std::array<Point, 4> known_;
  mutable std::size_t next_ = 0;
};

}  // namespace taut::survival
