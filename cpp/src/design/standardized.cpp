// SPDX-License-Identifier: BSD-3-Clause
#include "taut/design/standardized.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "taut/core/parallel.hpp"
#include "taut/linalg/dense.hpp"
#include "taut/linalg/kernels.hpp"

namespace taut::design {
namespace {

constexpr Index k_column_block = 64;
constexpr Index k_row_panel = 256;
/// Moving one entry of a column, in multiply-adds of a matrix product.
constexpr double k_move_work = 4.0;
constexpr Index k_tile = 128;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

Standardized::Standardized(const Design& X, const double* s, bool centre, bool scale,
                           const double* u, int n_threads)
    : X_(X), s_(s), centred_(centre) {
  const Index n = X.rows(), p = X.cols();
  mean_.assign(at(p), 0.0);
  scale_.assign(at(p), 1.0);
  norm_.assign(at(p), 0.0);
  product_.assign(at(p), 0.0);
  const double sum_u = u ? linalg::sum(u, n) : 0.0;
  const double* v = u ? u : s;
  const auto scan = [&](Index j) {
    const ColumnScan c = X.scan(j, s, v);
    if (!std::isfinite(c.weighted_square) || !std::isfinite(c.product)) return false;
    double m = c.weighted_sum;
    double variance = std::max(0.0, c.weighted_square - m * m);
    // One-pass cancellation: again about the mean, whose own rounding the second pass corrects. A
    // constant column then leaves nothing but rounding of zero.
    if ((centre || scale) && variance < 1e-8 * c.weighted_square) {
      const CentredScan about = X.centred_scan(j, s, m);
      m += about.sum;
      variance = std::max(0.0, about.square - about.sum * about.sum);
      if (variance <= 1e-28 * c.weighted_square) variance = 0.0;
    }
    // A constant column has no scale to be standardised to. Centred it is zero; else an infinite one
    // makes it so.
    const double flat = centre ? 1.0 : std::numeric_limits<double>::infinity();
    const double d = !scale ? 1.0 : (variance > 0.0 ? std::sqrt(variance) : flat);
    const double square = centre ? variance : c.weighted_square;
    mean_[at(j)] = centre ? m : 0.0;
    scale_[at(j)] = d;
    norm_[at(j)] = std::sqrt(square) / d;
    if (u) product_[at(j)] = (centre ? c.product - m * sum_u : c.product) / d;
    return true;
  };
  std::vector<char> bad(at((p + k_column_block - 1) / k_column_block), 0);
  parallel_blocks(p, k_column_block, threads_for(double(n) * double(p), n_threads),
                  [&](Index begin, Index end) {
                    for (Index j = begin; j < end; ++j) {
                      if (!scan(j)) bad[at(begin / k_column_block)] = 1;
                    }
                  });
  finite_ = std::none_of(bad.begin(), bad.end(), [](char b) { return b != 0; });
}

void Standardized::products(const double* u, const Index* columns, Index count, int n_threads,
                            double* out) const {
  const double sum_u = centred_ ? linalg::sum(u, rows()) : 0.0;
  double work = 0.0;
  if (X_.is_sparse()) {
    for (Index c = 0; c < count; ++c) {
      work += 4.0 + static_cast<double>(X_.column_entries(columns ? columns[c] : c));
    }
  } else {
    work = static_cast<double>(count) * static_cast<double>(rows());
  }
  const Index block = X_.is_sparse() ? 8 * k_column_block : k_column_block / 4;
  parallel_blocks(count, block, threads_for(work, n_threads), [&](Index begin, Index end) {
    for (Index c = begin; c < end; ++c) out[c] = dot(columns ? columns[c] : c, u, sum_u);
  });
}

void Standardized::pack(Index j, const double* w, Index begin, Index end, double* out) const {
  X_.copy_rows(j, begin, end, out);
  const double m = mean(j), inv = 1.0 / scale(j);
  const Index rows = end - begin;
  if (w) {
    for (Index i = 0; i < rows; ++i) out[i] = w[begin + i] * ((out[i] - m) * inv);
  } else if (m != 0.0 || inv != 1.0) {
    for (Index i = 0; i < rows; ++i) out[i] = (out[i] - m) * inv;
  }
}

void Standardized::gram(const Index* J, Index nJ, const Index* K, Index nK, const double* h,
                        int n_threads, double* out, Index ldo) const {
  if (X_.is_sparse()) {
    gram_sparse(J, nJ, K, nK, h, n_threads, out, ldo);
  } else {
    gram_dense(J, nJ, K, nK, h, n_threads, out, ldo);
  }
}

void Standardized::gram_dense(const Index* J, Index nJ, const Index* K, Index nK, const double* h,
                              int n_threads, double* out, Index ldo) const {
  const Index n = rows();
  for (Index b = 0; b < nK; ++b) std::fill_n(out + b * ldo, nJ, 0.0);
  const bool symmetric = J == K && nJ == nK;
  // Rows without weight are left out where gathering the others is less work than multiplying them.
  std::vector<Index> alive;
  Index count = n;
  if (h) {
    const Index some = n - static_cast<Index>(std::count(h, h + n, 0.0));
    if (k_move_work * double(some) * double(nJ + nK) < double(n - some) * double(nJ) * double(nK)) {
      alive.reserve(at(some));
      for (Index i = 0; i < n; ++i) {
        if (h[i] != 0.0) alive.push_back(i);
      }
      count = some;
    }
  }
  const bool skip = count < n;
  std::vector<double> left(at(k_row_panel * nJ)), right(at(k_row_panel * nK)),
      weight(at(k_row_panel));
  const Index tiles_j = (nJ + k_tile - 1) / k_tile;
  const Index tiles_k = (nK + k_tile - 1) / k_tile;
  const int threads =
      threads_for(double(std::min(count, k_row_panel)) * double(nJ) * double(nK), n_threads);
  for (Index begin = 0; begin < count; begin += k_row_panel) {
    const Index height = std::min(count - begin, k_row_panel);
    const auto pack_rows = [&](Index j, double* to) {
      if (!skip) return pack(j, nullptr, begin, begin + height, to);
      X_.gather_rows(j, &alive[at(begin)], height, to);
      const double m = mean(j), inv = 1.0 / scale(j);
      for (Index i = 0; i < height; ++i) to[i] = (to[i] - m) * inv;
    };
    for (Index i = 0; i < height; ++i) {
      weight[at(i)] = h ? h[skip ? alive[at(begin + i)] : begin + i] : 1.0;
    }
    for (Index a = 0; a < nJ; ++a) pack_rows(J[a], &left[at(a * k_row_panel)]);
    for (Index b = 0; b < nK; ++b) {
      double* to = &right[at(b * k_row_panel)];
      if (!symmetric) pack_rows(K[b], to);
      const double* from = symmetric ? &left[at(b * k_row_panel)] : to;
      for (Index i = 0; i < height; ++i) to[i] = weight[at(i)] * from[i];
    }
    parallel_for(tiles_j * tiles_k, threads, [&](Index t) {
      const Index a = (t % tiles_j) * k_tile, b = (t / tiles_j) * k_tile;
      if (symmetric && a < b) return;
      linalg::add_gemm_tn(std::min(k_tile, nJ - a), std::min(k_tile, nK - b), height,
                          &left[at(a * k_row_panel)], k_row_panel, &right[at(b * k_row_panel)],
                          k_row_panel, out + a + b * ldo, ldo);
    });
  }
  if (!symmetric) return;
  for (Index b = 0; b < nK; ++b) {
    for (Index a = b + 1; a < nJ; ++a) out[b + a * ldo] = out[a + b * ldo];
  }
}

void Standardized::gram_sparse(const Index* J, Index nJ, const Index* K, Index nK, const double* h,
                               int n_threads, double* out, Index ldo) const {
  const Index n = rows();
  double sum_h = 0.0;
  std::vector<double> h_dot(at(nJ), 0.0);
  if (centred_) {
    sum_h = linalg::sum(h, n);
    for (Index a = 0; a < nJ; ++a) h_dot[at(a)] = X_.dot(J[a], h);
  }
  constexpr Index k_block = 8;
  double entries = 0.0;
  for (Index a = 0; a < nJ; ++a) entries += static_cast<double>(X_.column_entries(J[a]));
  parallel_blocks(
      nK, k_block, threads_for(entries * double(nK), n_threads), [&](Index begin, Index end) {
        std::vector<double> column(at(n));
        for (Index b = begin; b < end; ++b) {
          // h o x_k spread out once; every x_j then meets it at its own entries only.
          const Index k = K[b];
          X_.copy_rows(k, 0, n, column.data());
          for (Index i = 0; i < n; ++i) column[at(i)] *= h[i];
          const double h_k = centred_ ? X_.dot(k, h) : 0.0;
          for (Index a = 0; a < nJ; ++a) {
            const Index j = J[a];
            double value = X_.dot(j, column.data());
            if (centred_) {
              value += -mean(j) * h_k - mean(k) * h_dot[at(a)] + mean(j) * mean(k) * sum_h;
            }
            out[a + b * ldo] = value / (scale(j) * scale(k));
          }
        }
      });
}

void Standardized::full_gram(int n_threads, double* out, Monitor& monitor) const {
  const Index n = rows(), p = cols();
  std::fill_n(out, p * p, 0.0);
  const Index tiles = (p + k_tile - 1) / k_tile;
  std::vector<Index> pairs;  // tiles of the lower triangle
  for (Index b = 0; b < tiles; ++b) {
    for (Index a = b; a < tiles; ++a) pairs.push_back(a + b * tiles);
  }
  const auto add_panel = [&](const double* panel, Index ld, Index height) {
    parallel_for(static_cast<Index>(pairs.size()), n_threads, [&](Index t) {
      const Index a = (pairs[at(t)] % tiles) * k_tile, b = (pairs[at(t)] / tiles) * k_tile;
      double* tile = out + a + b * p;
      if (a == b) {
        linalg::add_syrk_t(std::min(k_tile, p - a), height, panel + a * ld, ld, tile, p);
      } else {
        linalg::add_gemm_tn(std::min(k_tile, p - a), std::min(k_tile, p - b), height,
                            panel + a * ld, ld, panel + b * ld, ld, tile, p);
      }
    });
  };
  // Columns that are to be used as they are, under equal weights, are multiplied where they lie.
  Index ld = 0;
  const double* matrix = X_.as_matrix(ld);
  const bool equal = std::all_of(s_, s_ + n, [&](double w) { return w == s_[0]; });
  const bool plain = matrix && equal && !centred_ &&
                     std::all_of(scale_.begin(), scale_.end(), [](double d) { return d == 1.0; });
  std::vector<double> root(at(plain ? 0 : n)), packed(at(plain ? 0 : k_row_panel * p));
  for (std::size_t i = 0; i < root.size(); ++i) root[i] = std::sqrt(s_[i]);
  for (Index begin = 0; begin < n; begin += k_row_panel) {
    const Index end = std::min(n, begin + k_row_panel);
    monitor.poll({});
    if (plain) {
      add_panel(matrix + begin, ld, end - begin);
      continue;
    }
    parallel_blocks(p, 16, n_threads, [&](Index j0, Index j1) {
      for (Index j = j0; j < j1; ++j) {
        pack(j, root.data(), begin, end, &packed[at(j * k_row_panel)]);
      }
    });
    add_panel(packed.data(), k_row_panel, end - begin);
  }
  const double weight = plain ? s_[0] : 1.0;
  for (Index b = 0; b < p; ++b) {
    out[b + b * p] *= weight;
    for (Index a = b + 1; a < p; ++a) {
      out[a + b * p] *= weight;
      out[b + a * p] = out[a + b * p];
    }
  }
}

}  // namespace taut::design
