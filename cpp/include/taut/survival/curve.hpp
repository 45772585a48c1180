// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "taut/core/types.hpp"
#include "taut/survival/event_table.hpp"

namespace taut::survival {

/// Columns of event tables, owned by somebody else; groups as in EventTable.
struct TableView {
  const double* time = nullptr;
  const double* n_at_risk = nullptr;
  const double* n_event = nullptr;
  const double* n_censor = nullptr;        ///< read by the jackknife only
  const double* n_tied = nullptr;          ///< records with an event; null: n_event counts them
  const double* event_squares = nullptr;   ///< sums of squared weights of the records that leave;
  const double* censor_squares = nullptr;  ///< null: those of weights 1
  const Index* group_ptr = nullptr;
  Index n_groups = 0;

  Index rows() const { return group_ptr[n_groups]; }
};

enum class Estimator { kaplan_meier, nelson_aalen, fleming_harrington };

/// Kaplan-Meier (1958): S(t) = prod (1 - d/n), with Greenwood's V(t) = sum d / (n (n - d)), the
/// variance of log S. The others are exp(-H) with the variance of H. std_err = sqrt V. Where S has
/// reached 0, std_err is infinite for Kaplan-Meier.
///
/// Rows are taken in blocks of a fixed size, each with products and sums of its own that are then
/// joined in order, so that several threads give the bits of one. O(rows), 32 bytes a row.
void survival_curve(const TableView& table, Estimator estimator, double* survival, double* std_err,
                    int n_threads);

/// H(t) = sum d/n and its variance sum d/n^2 (Nelson-Aalen), or with ties broken one by one
/// (Fleming & Harrington 1984): sum over the k tied events of w/(n - l w), l = 0 .. k-1, w = d/k.
/// Writes H and the standard error sqrt(var).
void cumulative_hazard(const TableView& table, Estimator estimator, double* hazard, double* std_err,
                       int n_threads);

enum class LimitType { plain, log, log_log, logit, arcsin };

/// Pointwise limits S -+ z s on a scale, moved back and cut to [0, 1]; s is the standard error of
/// log S. Both are 1 where S = 1 and NaN where S = 0. `lower_scale` (or null) multiplies s in the
/// lower limit. Formulas: Kalbfleisch & Prentice (2002), section 1.4; the names are R's.
void confidence_limits(const double* survival, const double* std_err, const double* lower_scale,
                       Index n, LimitType type, double z, double* lower, double* upper,
                       int n_threads);

/// Standard error of log S (of H) by the infinitesimal jackknife over records, for weights that are
/// not counts: sum_i w_i^2 U_i^2 with U_i = dH/dw_i. For Kaplan-Meier
/// U_i = sum over t_j <= t of (dN_ij - Y_ij d_j/n_j)/(n_j - d_j). Infinite where S has reached 0
/// (the standard error of S itself is then 0). The table must be made from these records.
/// Without late entry the sums of squared weights at each row are enough: O(m). Otherwise records
/// look up their rows: O(n log m).
void jackknife_std_err(const TableView& table, const Records& records, Estimator estimator,
                       double* std_err);

/// First time with curve < 1 - p, averaged with the last time of a level stretch at 1 - p, for each
/// group and probability (row-major); NaN if never reached. R's rule, tolerance 2^-26.
void curve_quantiles(const TableView& table, const double* curve, const double* probs,
                     Index n_probs, double* out);

/// Values of a right-continuous step function at `at` (row-major by group): `before` left of the
/// first time. O(log m) each.
void curve_lookup(const TableView& table, const double* curve, double before, const double* at,
                  Index n_at, double* out);

/// Mean of min(T, tau) for each group: the area under S up to tau, and its standard error by
/// Greenwood's formula. Beyond the last time S is carried forward.
void restricted_mean(const TableView& table, const double* survival, double tau, double* mean,
                     double* std_err);

}  // namespace taut::survival
