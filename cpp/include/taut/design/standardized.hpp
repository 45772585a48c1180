// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/core/monitor.hpp"
#include "taut/design/design.hpp"

namespace taut::design {

/// The columns z_j = (x_j - m_j) / d_j that a solver works on, made from X without touching it.
///
/// Under weights s (sum 1): m_j is the weighted mean if columns are centred (a model with an
/// intercept), else 0; d_j is the weighted 1/n standard deviation if columns are scaled, else 1.
/// Centring costs one scalar a column: z_j'u = (x_j'u - m_j sum u) / d_j.
class Standardized {
 public:
  /// Reads X once. `u` (length n, may be null) gives z_j'u for all j in the same pass, in product().
  Standardized(const Design& X, const double* s, bool centre, bool scale, const double* u,
               int n_threads);

  const Design& raw() const { return X_; }
  Index rows() const { return X_.rows(); }
  Index cols() const { return X_.cols(); }
  const double* weights() const { return s_; }
  bool centred() const { return centred_; }
  double mean(Index j) const { return mean_[static_cast<std::size_t>(j)]; }
  /// Infinite for a constant column that is scaled and not centred: z_j is zero.
  double scale(Index j) const { return scale_[static_cast<std::size_t>(j)]; }
  const std::vector<double>& scales() const { return scale_; }
  /// ||z_j||_s = sqrt(sum_i s_i z_ij^2); exactly 0 marks a column that cannot enter a model.
  double norm(Index j) const { return norm_[static_cast<std::size_t>(j)]; }
  const std::vector<double>& product() const { return product_; }
  /// False when an entry of X is NaN or infinite (or its square overflows).
  bool finite() const { return finite_; }

  /// z_j'u, given sum_i u_i.
  double dot(Index j, const double* u, double sum_u) const {
    const double raw = X_.dot(j, u);
    return (centred_ ? raw - mean(j) * sum_u : raw) / scale(j);
  }

  /// out[k] = z_j'u_k for the `count` columns of u (n rows each), given their sums.
  void dots(Index j, const double* u, const double* sums, Index count, double* out) const {
    X_.dots(j, u, rows(), count, out);
    const double inverse = 1.0 / scale(j);
    for (Index k = 0; k < count; ++k) out[k] = (out[k] - mean(j) * sums[k]) * inverse;
  }

  /// out[c] = z_j'u for j = columns[c] (all columns when null), in parallel.
  void products(const double* u, const Index* columns, Index count, int n_threads,
                double* out) const;

  /// eta += a z_j, except for the constant, which is returned: the caller adds it to a scalar.
  double add_to(Index j, double a, double* eta) const {
    X_.axpy(j, a / scale(j), eta);
    return centred_ ? -a * mean(j) / scale(j) : 0.0;
  }

  /// The same for several columns at once: eta += sum_c a_c z_j, j = columns[c]. `a` is overwritten.
  double add_to(const Index* columns, double* a, Index count, double* eta) const {
    double constant = 0.0;
    for (Index c = 0; c < count; ++c) {
      a[c] /= scale(columns[c]);
      constant -= a[c] * mean(columns[c]);
    }
    X_.axpys(columns, a, count, eta);
    return constant;
  }

  /// out (n) = w o z_j, dense (w null: z_j itself). Rows begin .. end only.
  void pack(Index j, const double* w, Index begin, Index end, double* out) const;

  /// out (n_rows_of_out = nJ, columns = nK, leading dimension ldo) = Z_J' diag(h) Z_K.
  /// O(n nJ nK) dense (half of it when K is J, the same pointer), O(nnz_J nK) sparse; h may have any
  /// sign.
  void gram(const Index* J, Index nJ, const Index* K, Index nK, const double* h, int n_threads,
            double* out, Index ldo) const;

  /// out (p x p) = Z' diag(s) Z, both triangles, reading X once.
  void full_gram(int n_threads, double* out, Monitor& monitor) const;

 private:
  void gram_dense(const Index* J, Index nJ, const Index* K, Index nK, const double* h,
                  int n_threads, double* out, Index ldo) const;
  void gram_sparse(const Index* J, Index nJ, const Index* K, Index nK, const double* h,
                   int n_threads, double* out, Index ldo) const;

  const Design& X_;
  const double* s_;
  bool centred_;
  bool finite_ = true;
  std::vector<double> mean_, scale_, norm_, product_;
};

}  // namespace taut::design
