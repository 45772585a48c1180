// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <vector>

#include "taut/core/monitor.hpp"
#include "taut/core/philox.hpp"
#include "taut/core/views.hpp"
#include "taut/decomposition/sparse_coder.hpp"

/// Dictionaries of unit atoms learned from batches of signals:
///
///   min over A, r of (1/n) sum_i F(r_i),   ||a_k|| = 1,   F of sparse_coder.hpp
namespace taut::decomposition {

enum class Update {
  online,  ///< Mairal, Bach, Ponce and Sapiro (J. Mach. Learn. Res. 11, 2010, algorithm 2)
  sgd,  ///< Olshausen and Field (Nature 381, 1996), with a step from the largest mean square code
};

struct LearningOptions {
  CodingOptions coding;  ///< alpha is that of the state, weights come with homeostasis
  Update update = Update::online;
  Index batch_size = 256;
  double rate = 1.0;             ///< of sgd
  double target_sparsity = 0.0;  ///< mean active atoms that alpha is steered to; 0 keeps alpha
  /// Atoms used more than the mean have their penalty raised, by the tenth power of the ratio.
  bool homeostasis = false;
  double tol = 0.0;  ///< least relative change of the smoothed objective over ten batches
  Philox::Key key{};
};

/// What goes from batch to batch. Matrices are column-major doubles.
struct LearnerState {
  Index p = 0, K = 0;
  std::vector<double> atoms;    ///< p x K
  std::vector<double> moments;  ///< K x K, faded mean of r r'
  std::vector<double> cross;    ///< p x K, faded mean of s r'
  std::vector<double> usage;    ///< K, faded share of the signals that use the atom
  std::vector<double> window;   ///< K, uses since dead atoms were last looked for
  double alpha = 1.0;
  double recent_active = 0.0;  ///< sum of the mean active atoms since alpha was last changed
  std::int64_t n_batches = 0;
  std::int64_t n_dead = 0;  ///< atoms replaced
};

/// By batch.
struct LearningCurves {
  std::vector<double> error;   ///< ||S - A R||^2 / ||S||^2, before the update
  std::vector<double> active;  ///< mean number of active atoms
  std::vector<double> objective;
};

/// One pass over the columns `order` (n_order) of `signals`, batch by batch; the last batch may be
/// smaller. The bits do not depend on the number of threads. Polls the monitor within each batch.
template <class T>
LearningCurves learn(DenseView<T> signals, const std::int64_t* order, Index n_order,
                     const LearningOptions& options, LearnerState& state, Monitor& monitor);

extern template LearningCurves learn<double>(DenseView<double>, const std::int64_t*, Index,
                                             const LearningOptions&, LearnerState&, Monitor&);
extern template LearningCurves learn<float>(DenseView<float>, const std::int64_t*, Index,
                                            const LearningOptions&, LearnerState&, Monitor&);

}  // namespace taut::decomposition
