// SPDX-License-Identifier: BSD-3-Clause
#include "taut/bilevel/multinomial.hpp"

#include <algorithm>
#include <cmath>

#include "taut/core/parallel.hpp"
#include "taut/linalg/dense.hpp"
#include "taut/linalg/vexp.hpp"

namespace taut::bilevel {
namespace {

constexpr Index k_rows = 256;   // in a block
constexpr Index k_chunks = 16;  // partial sums, whatever the number of threads

}  // namespace

Multinomial::Multinomial(DenseView<double> x, VecView<std::int64_t> labels, Index n_classes,
                         VecView<std::int64_t> group, Index n_groups, double curvature,
                         double third, int n_threads)
    : data_(x),
      labels_(labels),
      n_classes_(n_classes),
      penalty_(group, n_groups),
      curvature_(curvature),
      third_(third),
      n_threads_(n_threads),
      shares_((x.rows + k_rows - 1) / k_rows * k_rows * n_classes),
      coef_(x.cols * n_classes),
      partial_(k_chunks * x.cols * n_classes),
      values_(k_chunks),
      point_(static_cast<std::size_t>(x.cols * n_classes)) {}

/// out = X' R / n with R made from Z = X W block by block: rows(begin, count, z, shares) turns z, a
/// block of k_rows x c, into R and returns what goes into the sum that is returned.
template <class Rows>
double Multinomial::sweep(const double* w, double* out, Rows&& rows) {
  const Index n = data_.rows, p = data_.cols, c = n_classes_, size = p * c;
  for (Index j = 0; j < p; ++j) {
    for (Index k = 0; k < c; ++k) coef_[k * p + j] = w[j * c + k];
  }
  const Index blocks = (n + k_rows - 1) / k_rows, chunks = std::min(blocks, k_chunks);
  const int threads = threads_for(static_cast<double>(n) * static_cast<double>(size), n_threads_);
  parallel_for(chunks, threads, [&](Index chunk) {
    double* sum = partial_.data() + chunk * size;
    std::fill_n(sum, size, 0.0);
    double value = 0.0;
    std::vector<double> z(static_cast<std::size_t>(k_rows * c));
    for (Index b = chunk * blocks / chunks; b < (chunk + 1) * blocks / chunks; ++b) {
      const Index begin = b * k_rows, count = std::min(k_rows, n - begin);
      std::fill(z.begin(), z.end(), 0.0);
      linalg::add_gemm(count, c, p, 1.0, data_.data + begin, data_.ld, coef_.data(), p, z.data(),
                       k_rows);
      value += rows(begin, count, z.data(), shares_.data() + begin * c);
      linalg::add_gemm_tn(p, c, count, data_.data + begin, data_.ld, z.data(), k_rows, sum, p);
    }
    values_[chunk] = value;
  });
  const double scale = 1.0 / static_cast<double>(n);
  for (Index j = 0; j < p; ++j) {
    for (Index k = 0; k < c; ++k) {
      double sum = 0.0;
      for (Index chunk = 0; chunk < chunks; ++chunk) sum += partial_[chunk * size + k * p + j];
      out[j * c + k] = scale * sum;
    }
  }
  double value = 0.0;
  for (Index chunk = 0; chunk < chunks; ++chunk) value += values_[chunk];
  return scale * value;
}

double Multinomial::evaluate(const double* x, double* grad) {
  const Index c = n_classes_;
  std::copy_n(x, n_x(), point_.data());
  const double loss = sweep(x, grad, [&](Index begin, Index count, double* z, double* shares) {
    double top[k_rows], total[k_rows];
    std::copy_n(z, count, top);
    for (Index k = 1; k < c; ++k) {
      for (Index i = 0; i < count; ++i) top[i] = std::max(top[i], z[k * k_rows + i]);
    }
    double value = 0.0;
    for (Index i = 0; i < count; ++i) {
      value += top[i] - z[labels_.data[begin + i] * k_rows + i];
    }
    std::fill_n(total, count, 0.0);
    for (Index k = 0; k < c; ++k) {
      for (Index i = 0; i < count; ++i) {
        z[k * k_rows + i] = linalg::fast_exp(z[k * k_rows + i] - top[i]);
        total[i] += z[k * k_rows + i];
      }
    }
    for (Index i = 0; i < count; ++i) value += linalg::fast_log(total[i]);
    for (Index i = 0; i < count; ++i) total[i] = 1.0 / total[i];
    for (Index k = 0; k < c; ++k) {
      for (Index i = 0; i < count; ++i) {
        z[k * k_rows + i] *= total[i];
        shares[k * k_rows + i] = z[k * k_rows + i];
      }
    }
    for (Index i = 0; i < count; ++i) z[labels_.data[begin + i] * k_rows + i] -= 1.0;
    return value;
  });
  return loss + penalty_.add_gradient(x, grad);
}

void Multinomial::hvp(const double* v, double* out) {
  const Index c = n_classes_;
  sweep(v, out, [&](Index, Index count, double* z, const double* shares) {
    double mean[k_rows];
    std::fill_n(mean, count, 0.0);
    for (Index k = 0; k < c; ++k) {
      for (Index i = 0; i < count; ++i) mean[i] += shares[k * k_rows + i] * z[k * k_rows + i];
    }
    for (Index k = 0; k < c; ++k) {
      for (Index i = 0; i < count; ++i) {
        z[k * k_rows + i] = shares[k * k_rows + i] * (z[k * k_rows + i] - mean[i]);
      }
    }
    return 0.0;
  });
  penalty_.add_product(v, out);
}

Constants Multinomial::constants(double /*radius*/) {
  return {mu(), smoothness(), penalty_.cross_norm(point_.data()), penalty_.largest(), third_};
}

}  // namespace taut::bilevel
