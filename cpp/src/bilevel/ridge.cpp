// SPDX-License-Identifier: BSD-3-Clause
#include "taut/bilevel/ridge.hpp"

#include <algorithm>

#include "taut/core/parallel.hpp"
#include "taut/linalg/kernels.hpp"
#include "taut/linalg/symmetric.hpp"

namespace taut::bilevel {
namespace {

constexpr Index k_columns = 64;  // of gram in a block of work

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

Ridge::Ridge(DenseView<double> gram, VecView<double> moment, double square,
             VecView<std::int64_t> group, Index n_groups, double eigen_min, double eigen_max,
             int n_threads)
    : gram_(gram),
      moment_(moment),
      square_(square),
      penalty_(group, n_groups),
      eigen_min_(eigen_min),
      eigen_max_(eigen_max),
      n_threads_(n_threads),
      x_(at(gram.cols)) {}

void Ridge::set_theta(const double* theta) {
  penalty_.set_theta(theta);
  factored_ = false;
}

void Ridge::multiply_gram(const double* v, double* out) const {
  const Index p = gram_.cols;
  const int threads = threads_for(static_cast<double>(p) * static_cast<double>(p), n_threads_);
  parallel_blocks(p, k_columns, threads, [&](Index begin, Index end) {
    for (Index j = begin; j < end; ++j) out[j] = linalg::dot(gram_.col(j), v, p);
  });
}

double Ridge::evaluate(const double* x, double* grad) {
  const Index p = gram_.cols;
  std::copy_n(x, p, x_.data());
  multiply_gram(x, grad);
  double value = 0.5 * square_;
  for (Index j = 0; j < p; ++j) {
    value += x[j] * (0.5 * grad[j] - moment_.data[j]);
    grad[j] -= moment_.data[j];
  }
  return value + penalty_.add_gradient(x, grad);
}

void Ridge::hvp(const double* v, double* out) {
  multiply_gram(v, out);
  penalty_.add_product(v, out);
}

Constants Ridge::constants(double /*radius*/) {
  return {mu(), smoothness(), penalty_.cross_norm(x_.data()), penalty_.largest(), 0.0};
}

bool Ridge::invert_directly(const double* rhs, double* out) {
  const Index p = gram_.cols;
  if (!factored_) {
    factor_.reserve(p * p);
    for (Index j = 0; j < p; ++j) {
      std::copy_n(gram_.col(j), p, factor_.data() + j * p);
      factor_[j * p + j] += penalty_.strength(j);
    }
    if (!linalg::factor_cholesky(p, factor_.data(), p)) return false;
    factored_ = true;
  }
  std::copy_n(rhs, p, out);
  linalg::solve_cholesky(p, factor_.data(), p, 1, out, p);
  // One step of refinement: the certificate is the residual.
  std::vector<double> residual(at(p));
  hvp(out, residual.data());
  for (Index j = 0; j < p; ++j) residual[at(j)] = rhs[j] - residual[at(j)];
  linalg::solve_cholesky(p, factor_.data(), p, 1, residual.data(), p);
  linalg::axpy(1.0, residual.data(), out, p);
  return true;
}

bool Ridge::solve_directly(double* x) { return invert_directly(moment_.data, x); }

}  // namespace taut::bilevel
