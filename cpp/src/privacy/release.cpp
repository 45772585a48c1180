// SPDX-License-Identifier: BSD-3-Clause
#include "taut/privacy/release.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <vector>

#include "taut/core/parallel.hpp"

namespace taut::privacy {
namespace {

double sum_of(const double* values, Index n) {
  double sum = 0.0;
  for (Index i = 0; i < n; ++i) sum += values[i];
  return sum;
}

/// Bins in block b: the last one may be shorter.
Index block_size(const Layout& layout, Index b) {
  return std::min(layout.block, layout.bins - b * layout.block);
}

/// Variance of the sum of all cells before the public total is used.
double total_variance(const Layout& layout) {
  double of_group = 1.0 + (layout.block > 0 ? 0.0 : 2.0 * static_cast<double>(layout.bins));
  for (Index b = 0; b < layout.blocks(); ++b) {
    const auto m = static_cast<double>(block_size(layout, b));
    of_group += 2.0 * m / (m + 1.0);
  }
  return of_group * static_cast<double>(layout.groups) + (layout.other ? 1.0 : 0.0);
}

/// Makes cells agree with block sums and with the public total, in place: the least squares fit to
/// measurements of one variance. Without the total, the leaves of a block of m bins each take
/// (block - sum of leaves) / (m + 1); their covariance is I - 1 1' / (m + 1), which times the vector
/// of ones is 1 / (m + 1) for each of them, and 1 for cells without a block. Along that the total is
/// met.
void reconcile(const Layout& layout, double n, const double* sums, double* cells) {
  const Index K = layout.bins, blocks = layout.blocks();
  for (Index part = 0; part < 2 * layout.groups && blocks > 0; ++part) {
    double* leaf = cells + part / 2 * layout.width() + part % 2 * K;
    const double* sum = sums + part * blocks;
    for (Index b = 0; b < blocks; ++b, leaf += layout.block) {
      const Index m = block_size(layout, b);
      const double each = (sum[b] - sum_of(leaf, m)) / static_cast<double>(m + 1);
      for (Index i = 0; i < m; ++i) leaf[i] += each;
    }
  }
  if (n < 0.0) return;
  const double unit = (n - sum_of(cells, layout.cells())) / total_variance(layout);
  for (Index g = 0; g < layout.groups; ++g) {
    double* group = cells + g * layout.width();
    for (Index k = 0; k < K; ++k) {
      const Index m = blocks > 0 ? block_size(layout, k / layout.block) : 0;
      const double each = unit / static_cast<double>(m + 1);
      group[k] += each;
      group[K + k] += each;
    }
    group[2 * K] += unit;
  }
  if (layout.other) cells[layout.groups * layout.width()] += unit;
}

double hazard(double at_risk, double event, double censor, double floor) {
  const double exposed = at_risk - 0.5 * censor;
  return exposed <= 0.5 ? 0.0 : event / std::max(exposed, floor);
}

/// Cumulates, makes monotone, and takes differences again; limits to [0, n].
void balance(double* event, double* censor, Index K, double n) {
  for (double* part : {event, censor}) {
    for (Index k = 1; k < K; ++k) part[k] += part[k - 1];
    isotonic(part, K);
    for (Index k = 0; k < K; ++k) part[k] = std::clamp(part[k], 0.0, n);
  }
  const double left = event[K - 1] + censor[K - 1];
  const double scale = left > n ? n / left : 1.0;
  for (double* part : {event, censor}) {
    for (Index k = K - 1; k > 0; --k) part[k] = scale * (part[k] - part[k - 1]);
    part[0] *= scale;
  }
}

/// One group: cells (events, censorings, beyond) to a table and a curve.
void finish_group(Postprocess kind, Index K, double n, const double* floor, const double* cells,
                  double* work, double* survival, double* at_risk, double* event, double* censor,
                  double* beyond) {
  std::copy_n(cells, 2 * K + 1, work);
  if (kind == Postprocess::balanced_isotonic) balance(work, work + K, K, n);
  if (kind == Postprocess::simplex) project_simplex(work, 2 * K + 1, n);
  const bool raw = kind == Postprocess::gondara_wang;
  double left = n, product = 1.0, lowest = 1.0;
  for (Index k = 0; k < K; ++k) {
    event[k] = work[k];
    censor[k] = work[K + k];
    at_risk[k] = raw ? left : std::max(left, 0.0);  // a rounding below 0
    const double rate = hazard(at_risk[k], event[k], censor[k], raw ? 0.5 : floor[k]);
    product *= 1.0 - std::clamp(rate, raw ? -1.0 : 0.0, 1.0);
    lowest = std::min(lowest, std::clamp(product, 0.0, 1.0));
    survival[k] = lowest;
    left -= event[k] + censor[k];
  }
  *beyond = raw ? left : std::max(left, 0.0);
}

}  // namespace

void isotonic(double* values, Index n) {
  // Blocks of equal values, merged while they violate the order.
  std::vector<double> mean;
  std::vector<Index> size;
  for (Index i = 0; i < n; ++i) {
    double m = values[i];
    Index s = 1;
    while (!mean.empty() && mean.back() >= m) {
      const auto a = static_cast<double>(s), b = static_cast<double>(size.back());
      m = (m * a + mean.back() * b) / (a + b);
      s += size.back();
      mean.pop_back();
      size.pop_back();
    }
    mean.push_back(m);
    size.push_back(s);
  }
  for (std::size_t block = 0; block < mean.size(); ++block) {
    values = std::fill_n(values, size[block], mean[block]);
  }
}

void project_simplex(double* values, Index n, double total) {
  // The largest k values stay above the threshold (their sum - total) / k; as many as possible.
  std::vector<double> sorted(values, values + n);
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  double sum = 0.0, threshold = 0.0;
  for (std::size_t k = 0; k < sorted.size(); ++k) {
    sum += sorted[k];
    const double candidate = (sum - total) / static_cast<double>(k + 1);
    if (k > 0 && sorted[k] <= candidate) break;
    threshold = candidate;
  }
  for (Index i = 0; i < n; ++i) values[i] = std::max(values[i] - threshold, 0.0);
}

std::vector<double> at_risk_variance(const Layout& layout, bool known) {
  const double total = total_variance(layout);
  std::vector<double> variance;
  for (Index k = 0; k < layout.bins; ++k) {
    // Of the sum of cells from bin k on, and its covariance with the sum of all.
    double own = 1.0, with_all = 1.0;
    if (layout.block == 0) own = with_all = static_cast<double>(2 * (layout.bins - k) + 1);
    for (Index b = layout.block > 0 ? k / layout.block : 0; b < layout.blocks(); ++b) {
      const Index m = block_size(layout, b);
      const auto left = static_cast<double>(std::min(m, b * layout.block + m - k));
      own += 2.0 * (left - left * left / static_cast<double>(m + 1));
      with_all += 2.0 * left / static_cast<double>(m + 1);
    }
    variance.push_back(std::max(own - (known ? with_all * with_all / total : 0.0), 0.0));
  }
  return variance;
}

void curves(const Layout& layout, Postprocess kind, double n, double noise_variance,
            const double* noisy, Index rows, const CurveOutput& out, int n_threads,
            Monitor& monitor) {
  const Index K = layout.bins, G = layout.groups;
  std::vector<double> floor = at_risk_variance(layout, n >= 0.0);
  for (double& f : floor) f = std::max(0.5, std::sqrt(f * noise_variance));
  const Index block = std::max<Index>(1, 16384 / layout.size());
  const Index turn = 64 * block;  // rows between two looks at the monitor: some milliseconds
  for (Index first = 0; first < rows; first += turn) {
    monitor.poll({});
    const Index last = std::min(rows, first + turn);
    parallel_blocks(last - first, block, n_threads, [&](Index begin, Index end) {
      std::vector<double> cells(static_cast<std::size_t>(layout.cells()));
      std::vector<double> work(static_cast<std::size_t>(layout.width()));
      for (Index row = first + begin; row < first + end; ++row) {
        const double* measured = noisy + row * layout.size();
        std::copy_n(measured, layout.cells(), cells.data());
        reconcile(layout, kind == Postprocess::gondara_wang ? -1.0 : n, measured + layout.cells(),
                  cells.data());
        for (Index g = 0; g < G; ++g) {
          const double* own = cells.data() + g * layout.width();
          const bool whole = n >= 0.0 && G == 1 && !layout.other;
          const double size = whole ? n : std::max(1.0, sum_of(own, layout.width()));
          const Index at = (row * G + g) * K;
          finish_group(kind, K, size, floor.data(), own, work.data(), out.survival + at,
                       out.at_risk + at, out.event + at, out.censor + at, out.beyond + row * G + g);
        }
      }
    });
  }
}

}  // namespace taut::privacy
