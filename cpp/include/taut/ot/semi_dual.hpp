// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <vector>

#include "taut/core/monitor.hpp"
#include "taut/ot/cost.hpp"
#include "taut/ot/top_k.hpp"

/// Transport with at most k partners a column,
///
///   min_{T >= 0, T 1 = a, T' 1 = b} <T, C> + sum_j Omega(t_j),
///   Omega(t) = gamma/2 |t|^2 + [t has at most k entries]        (k = n: the quadratic case),
///
/// by its semi-dual S(alpha) = a'alpha - sum_j Omega*_{b_j}(alpha - c_j) (Liu, Puigcerver, Blondel,
/// ICLR 2023; Blondel, Seguy, Rolet, AISTATS 2018). S is concave; a - T(alpha) 1 is a supergradient.
namespace taut::ot {

/// Columns of scores alpha - c_j. Column j is row j of the cost provider underneath, so that it lies
/// together in memory.
class Scores {
 public:
  virtual ~Scores() = default;
  virtual Index sources() const = 0;  ///< n, length of alpha
  virtual Index targets() const = 0;  ///< m
  virtual double cost(Index i, Index j) const = 0;
  /// Called once before the columns of a new alpha are asked for.
  virtual void prepare(const double* alpha) = 0;
  /// Appends every row with a score of at least max(threshold, tau), and perhaps some that have
  /// less, where tau is that of the k best rows for the mass `reach` (infinity: no such bound).
  /// Called from several threads.
  virtual void collect(Index j, const double* alpha, double threshold, double reach, Index k,
                       std::vector<Candidate>& out) const = 0;
  /// About how many scores collect() computes.
  virtual double work_per_column() const = 0;
};

/// Costs in memory, target by target: C' row-major.
template <class T>
std::unique_ptr<Scores> make_scores(const DenseCost<T>& transposed);

/// Squared Euclidean distances of x (n, d) and y (m, d), row-major, computed as needed. Sources are
/// put into boxes of 32 along a k-d tree, and a box whose nearest corner cannot reach the threshold
/// is left out, which is nearly all of them: O(n / 32 + a few boxes) a column for small d.
template <class T>
std::unique_ptr<Scores> make_scores(const T* x, Index n, const T* y, Index m, Index d);

/// Sparse columns.
struct ColumnPlan {
  std::vector<Index> ptr;
  std::vector<Index> row;
  std::vector<double> mass, cost;
  std::vector<char> shared;  ///< entries that share a place among the k; proximal plans only

  Index cols() const { return static_cast<Index>(ptr.size()) - 1; }
};

struct SemiDualPoint {
  double value = 0.0;
  std::vector<double> row_mass;  ///< T 1; the gradient is a - T 1
  std::vector<double> tau;       ///< beta = -tau
  std::vector<double> level;     ///< a row outside of column j takes part above this score
  ColumnPlan plan;               ///< columns sum to b, at most k entries each
  Index n_ties = 0;              ///< columns whose k-th and next score are equal above tau
};

class SemiDual {
 public:
  SemiDual(Scores& scores, const double* a, const double* b, double gamma, Index k, int n_threads,
           Monitor& monitor);

  Index sources() const { return n_; }
  Index targets() const { return m_; }
  double gamma() const { return gamma_; }
  Index k() const { return k_; }
  const double* a() const { return a_; }
  const double* b() const { return b_; }
  double mass() const { return mass_; }
  double cost(Index i, Index j) const { return scores_.cost(i, j); }
  Index evaluations() const { return evaluations_; }
  Progress& progress() { return progress_; }

  /// Other strength or cardinality for the same costs and marginals.
  void set(double gamma, Index k) {
    gamma_ = gamma;
    k_ = k;
  }

  /// From now on evaluate() takes the convex relaxation with rho/2 |T - centre|^2 added to it, which
  /// makes the semi-dual smooth: its plan is unique and may have more than k entries a column.
  /// nullptr ends that. `centre` has its rows in order and must stay alive.
  void set_centre(const ColumnPlan* centre, double rho) {
    centre_ = centre;
    rho_ = centre == nullptr ? 0.0 : rho;
  }
  double rho() const { return rho_; }
  bool has_centre() const { return centre_ != nullptr; }

  /// S, its gradient and the plan at alpha. `near` is any earlier point (it may be `out`): the rows
  /// that were active there bound tau from below, exactly, and only rows above the bound are looked
  /// at. One read of the costs. Scores closer than `tie` count as equal.
  void evaluate(const double* alpha, const SemiDualPoint* near, SemiDualPoint& out,
                double tie = 0.0);

  /// The same for the dual in both variables, a'alpha + b'beta - sum_j Omega*_+(alpha + beta_j -
  /// c_j): columns of the plan sum to b only at the optimum.
  void evaluate_dual(const double* alpha, const double* beta, SemiDualPoint& out);

 private:
  struct Block {
    std::vector<Candidate> candidates;
    std::vector<Index> size;
    std::vector<Index> row;
    std::vector<double> mass, cost;
    std::vector<char> shared;
    std::vector<Candidate> rest;
    double value = 0.0;
    Index n_ties = 0;
  };

  void run(const double* alpha, const double* beta, const SemiDualPoint* near, SemiDualPoint& out,
           double tie);
  void column(Index j, const double* alpha, const double* beta, const SemiDualPoint* near,
              Block& block, double& tau, double& level, double tie) const;
  void proximal_column(Index j, const double* alpha, const SemiDualPoint* near, Block& block,
                       double& tau, double& level) const;

  Scores& scores_;
  const double* a_;
  const double* b_;
  double gamma_;
  Index k_;
  int n_threads_;
  Monitor& monitor_;
  Index n_, m_;
  double mass_ = 0.0;
  const ColumnPlan* centre_ = nullptr;
  double rho_ = 0.0;
  Index evaluations_ = 0;
  std::vector<Block> blocks_;
  Progress progress_;
};

}  // namespace taut::ot
