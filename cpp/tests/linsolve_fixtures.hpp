// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "taut/linsolve/split.hpp"

namespace taut::test {

struct Csr {
  std::vector<std::int32_t> idx, ptr;
  std::vector<double> val;

  linsolve::RowsView rows() const {
    return {idx.data(), ptr.data(), static_cast<Index>(ptr.size()) - 1};
  }
};

template <class T>
VecView<T> view(const std::vector<T>& v) {
  return {v.data(), static_cast<Index>(v.size())};
}

/// 5-point matrix of a grid with diagonal 4.2.
inline Csr grid(std::int32_t nx, std::int32_t ny) {
  Csr a;
  a.ptr.push_back(0);
  const auto put = [&](std::int32_t j, double v) {
    a.idx.push_back(j);
    a.val.push_back(v);
  };
  for (std::int32_t y = 0; y < ny; ++y) {
    for (std::int32_t x = 0; x < nx; ++x) {
      const std::int32_t i = y * nx + x;
      if (y > 0) put(i - nx, -1.0);
      if (x > 0) put(i - 1, -1.0);
      put(i, 4.2);
      if (x + 1 < nx) put(i + 1, -1.0);
      if (y + 1 < ny) put(i + nx, -1.0);
      a.ptr.push_back(static_cast<std::int32_t>(a.idx.size()));
    }
  }
  return a;
}

/// A matrix with its triangles.
struct System {
  linsolve::Pattern pattern;
  std::vector<double> diag, lower, upper;
  linsolve::SplitView split;

  System(const Csr& a, linsolve::Ordering ordering) : pattern(analyse(a.rows(), ordering)) {
    diag.resize(pattern.order.size());
    lower.resize(pattern.lower_from.size());
    upper.resize(pattern.upper_from.size());
    const linsolve::PatternView parts{view(pattern.order),        view(pattern.lower_ptr),
                                      view(pattern.lower_idx),    view(pattern.lower_from),
                                      view(pattern.lower_mirror), view(pattern.upper_from),
                                      view(pattern.diag_from),    view(pattern.unpaired)};
    const auto report =
        linsolve::split_values(parts, a.val.data(), 0.0, diag.data(), lower.data(), upper.data());
    split.n = static_cast<Index>(diag.size());
    split.diag = diag.data();
    split.lower = {lower.data(), pattern.lower_idx.data(), pattern.lower_ptr.data()};
    split.upper = {upper.data(), pattern.upper_idx.data(), pattern.upper_ptr.data()};
    split.phases = pattern.phases.data();
    split.n_phases = pattern.phases.empty() ? 0 : static_cast<Index>(pattern.phases.size()) - 1;
    split.exact = report.exact;
  }
  System(const System&) = delete;
  System& operator=(const System&) = delete;
};

inline std::vector<double> wave(Index n) {
  std::vector<double> b(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = std::sin(1.0 + 3.0 * static_cast<double>(i));
  return b;
}

}  // namespace taut::test
