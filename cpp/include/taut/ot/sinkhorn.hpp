// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <limits>
#include <vector>

#include "taut/core/monitor.hpp"
#include "taut/ot/cost.hpp"

/// Entropic transport,
///
///   min_{T >= 0} <T, C> + eps KL(T | a b') + lam_a KL(T 1 | a) + lam_b KL(T' 1 | b),
///
/// where lam = inf asks for the marginal exactly. T_ij = a_i b_j exp((f_i + g_j - C_ij) / eps).
namespace taut::ot {

enum class SinkhornForm {
  log,             ///< costs are read and one exponential an entry is taken in every sweep
  log_compact,     ///< the same with exponents in double and exponentials in float32
  kernel,          ///< exp((f + g - C) / eps) is stored, and absorbs the potentials when they drift
  kernel_compact,  ///< the same stored and multiplied in float32, summed in double
};

struct SinkhornOptions {
  double eps = 1.0;
  double lam_a = std::numeric_limits<double>::infinity();
  double lam_b = std::numeric_limits<double>::infinity();
  SinkhornForm form = SinkhornForm::log;
  double tol = 1e-6;  ///< on the L1 error of the row sums, relative to the mass of a
  Index max_iter = 10000;
  bool over_relax = true;  ///< successive over-relaxation with an estimated factor
  int n_threads = 1;
};

struct SinkhornReport {
  Index n_iter = 0;
  bool converged = false;
  std::vector<double> errors;  ///< of each sweep, before its update
  double relaxation = 1.0;     ///< last factor
};

/// Improves f (n) and g (m), which are the start, until the stopping rule holds. Weights > 0.
///
/// A sweep updates f and g in one pass: row i of the plan is computed (or read) once, its sum gives
/// the new f_i, and the rescaled row is added to the column sums. Cost per entry: log form 1
/// exponential and sizeof(T) bytes, kernel form 2 fused multiply-adds and 8 (compact: 4) bytes.
/// Memory: 32 vectors of length m; the kernel forms n m entries more.
///
/// Over-relaxation follows Lehmann, von Renesse, Sambale, Uschmajew (2022), with the factor from
/// the observed rate of convergence. Deviation: the factor is estimated again while it is in use,
/// and given up when the error grows.
template <class Cost>
SinkhornReport sinkhorn(const Cost& cost, const double* a, const double* b,
                        const SinkhornOptions& options, double* f, double* g, Monitor& monitor);

/// Sums over the plan T_ij = a_i b_j exp((f_i + g_j - C_ij) / eps) + x_i y_j. x = y = nullptr: the
/// last term is absent.
struct PlanSums {
  std::vector<double> row, col;  ///< marginals
  double linear = 0.0;           ///< <T, C>
  double entropy = 0.0;          ///< sum T log(T / (a b'))
};

template <class Cost>
PlanSums plan_sums(const Cost& cost, const double* a, const double* b, const double* f,
                   const double* g, double eps, const double* x, const double* y, int n_threads,
                   Monitor& monitor);

/// out (n, width) = T M with M (m, width), all row-major; nothing of size n m is stored.
template <class Cost>
void plan_apply(const Cost& cost, const double* a, const double* b, const double* f,
                const double* g, double eps, const double* M, Index width, double* out,
                int n_threads, Monitor& monitor);

/// out (m, width) = T' M with M (n, width).
template <class Cost>
void plan_apply_transposed(const Cost& cost, const double* a, const double* b, const double* f,
                           const double* g, double eps, const double* M, Index width, double* out,
                           int n_threads, Monitor& monitor);

/// out (n, m) = T, row-major.
template <class Cost>
void plan_dense(const Cost& cost, const double* a, const double* b, const double* f,
                const double* g, double eps, double* out, int n_threads);

}  // namespace taut::ot
