// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/core/monitor.hpp"
#include "taut/linsolve/split.hpp"

namespace taut::linsolve {

enum class Reference { start, rhs };  ///< what rtol is relative to: |b - A x0| or |b|

struct Options {
  double omega = 1.0;  ///< in (0, 2)
  double rtol = 1e-8;
  double atol = 0.0;
  Reference reference = Reference::start;
  Index max_iter = 10000;
  int n_threads = 1;
};

enum class Ending {
  converged,
  max_iter,
  diverged,    ///< the residual left the range of numbers; x is the start if x did too
  indefinite,  ///< a direction without positive curvature: A is not positive definite
  stagnated,   ///< rounding keeps the true residual above the tolerance
};

struct Report {
  Index n_iter = 0;
  double residual_norm = 0.0;  ///< |b - A x| of the x handed back, computed from it
  Ending ending = Ending::max_iter;
};

/// Successive over-relaxation: x += (D / omega + L)^{-1} (b - A x) until |b - A x| has fallen to
/// max(rtol * reference, atol). With `symmetric` every forward sweep is followed by a backward one,
/// the two together being one iteration.
///
/// The residual r is carried along: forward, delta_i = omega (r_i - sum_{j<i} a_ij delta_j) / a_ii,
/// then r_i = (1/omega - 1) a_ii delta_i - sum_{j>i} a_ij delta_j. Every entry is read once, and the
/// residual after the sweep is known exactly. It is computed afresh every 50 sweeps and at the end.
/// A may be unsymmetric. x holds the start and the result. Same bits for any number of threads.
Report sor(const SplitView& a, const double* b, const Options& options, bool symmetric, double* x,
           Monitor& monitor);

/// Conjugate gradients preconditioned by P = omega/(2-omega) (D/omega + L) D^{-1} (D/omega + L'),
/// in the form of Eisenstat (SIAM J. Sci. Stat. Comput. 2, 1981): one backward and one forward
/// solve an iteration and no product with A. The true residual is updated beside the preconditioned
/// one (its change A t is a by-product of the two solves), so the count of iterations is that of a
/// plain implementation that tests it.
Report ssor_cg(const SplitView& a, const double* b, const Options& options, double* x,
               Monitor& monitor);

/// Conjugate gradients without a preconditioner.
Report cg(const SplitView& a, const double* b, const Options& options, double* x, Monitor& monitor);

/// out = P^{-1} v for the P of ssor_cg.
void ssor_apply(const SplitView& a, double omega, const double* v, double* out);

}  // namespace taut::linsolve
