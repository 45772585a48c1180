// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/core/monitor.hpp"
#include "taut/core/views.hpp"

/// Directed acyclic graphs of linear structural equations x = W'x + z from the covariance C of x.
///
/// CoLiDE (Saboksayr, Mateos and Tepper, "CoLiDE: Concomitant Linear DAG Estimation", ICLR 2024,
/// arXiv 2310.02895) follows minima of
///
///   F(W, sigma) = mu S(W, sigma) + h_s(W)
///   S = sum_j (q_j / sigma_j + sigma_j) / 2 + alpha |W|_1,   q_j = [(I - W)' C (I - W)]_jj
///   h_s(W) = d log s - log det(s I - W o W)      (Bello, Aragam and Ravikumar, NeurIPS 2022)
///
/// for falling mu, with a scale per variable, one for all, or none (S = tr Q / 2 + alpha |W|_1, the
/// score of DAGMA). Matrices are column-major; W(i, j) != 0 is an edge from i to j.
namespace taut::graph {

enum class Noise { equal, unequal, fixed };

/// One problem of the path.
struct Stage {
  double mu = 1.0;
  double s = 1.0;
  Index max_iter = 20000;
};

struct ColideOptions {
  Noise noise = Noise::unequal;
  double alpha = 0.05;
  std::vector<Stage> stages;
  double lr = 3e-4;  ///< Adam's step
  double beta1 = 0.99;
  double beta2 = 0.999;
  double tol = 1e-6;        ///< relative change of F between checkpoints
  Index checkpoint = 1000;  ///< iterations between them
  /// Iterations that use one inverse of s I - W o W. W moves by about lr an iteration, so an inverse
  /// of r iterations ago is wrong by O(r lr), and a fixed point is one for any r.
  Index inverse_lag = 1;
  /// Moments and steps in float, W in double: the product with C is then corrected by a float product
  /// with each step, and made anew in double with every inverse. Where variances differ so much that
  /// this could be seen in the residual variances, every product is made in double.
  bool float_steps = false;
  const unsigned char* allowed = nullptr;  ///< d x d; entries of W at zeros stay zero
  int n_threads = 1;
};

struct StageReport {
  double s = 0.0;  ///< after increases
  Index n_iter = 0;
  Index restarts = 0;
  bool converged = false;
  double objective = 0.0;  ///< F at the last checkpoint
  double h = 0.0;
};

struct ColideResult {
  std::vector<double> weights;  ///< d x d, column-major
  std::vector<double> sigma;
  std::vector<StageReport> stages;
  std::vector<double> objective;      ///< F at each checkpoint
  std::vector<Index> objective_iter;  ///< iterations before it, over all stages
};

/// The whole path from W0 (d x d, or null for zero). `rows` may hold an n x d matrix Y with Y'Y = C:
/// products with C are then two with Y, which is less work for n < d / 2. T is the type of the
/// iteration; F is evaluated in double for either. Polls the monitor at every iteration.
///
/// An iteration costs 2 d^3 flops for the product with C, 2 d^3 / inverse_lag for the inverse, and
/// one pass over nine d x d matrices. Memory: eight of them. The same bits for any number of threads.
template <class T>
ColideResult colide_path(DenseView<double> cov, DenseView<double> rows, const double* start,
                         const ColideOptions& options, Monitor& monitor);

extern template ColideResult colide_path<double>(DenseView<double>, DenseView<double>,
                                                 const double*, const ColideOptions&, Monitor&);
extern template ColideResult colide_path<float>(DenseView<double>, DenseView<double>, const double*,
                                                const ColideOptions&, Monitor&);

/// Smallest standard deviation that sigma may reach: a hundredth of that of the least variable.
double sigma_floor(DenseView<double> cov);

struct Objective {
  double value = 0.0;  ///< F, infinite where s I - W o W is no M-matrix
  double score = 0.0;  ///< S
  double h = 0.0;
};

/// F at (W, sigma) from scratch, and with `gradient` (d x d, or null) its derivative in W, where
/// |W| has derivative 0 at 0. W has columns d apart. `residual` (d, or null) receives q.
Objective colide_objective(DenseView<double> cov, const double* w, const double* sigma, Noise noise,
                           double alpha, double mu, double s, double* gradient, double* residual);

}  // namespace taut::graph
