// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linsolve/split.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace taut::linsolve {
namespace {

using Int = std::int32_t;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

/// Neighbours in the graph of |A| + |A'|.
struct Graph {
  std::vector<Int> own_ptr, own_idx;  // only where the pattern is not symmetric
  const Int* ptr;
  const Int* idx;
  Index n;
};

/// mirror[k] is the position of a_ji for the entry a_ij at k, or -1. Columns rise within a row, and
/// so do the rows i that ask for row j: one cursor a row is enough.
std::vector<Int> mirrors(const RowsView& a) {
  std::vector<Int> mirror(at(a.ptr[a.n]), -1), cursor(a.ptr, a.ptr + a.n);
  for (Index i = 0; i < a.n; ++i) {
    for (Int k = a.ptr[i]; k < a.ptr[i + 1]; ++k) {
      const Int j = a.idx[k];
      Int& c = cursor[at(j)];
      while (c < a.ptr[j + 1] && a.idx[c] < i) ++c;
      if (c < a.ptr[j + 1] && a.idx[c] == i) mirror[at(k)] = c;
    }
  }
  return mirror;
}

Graph graph_of(const RowsView& a, const std::vector<Int>& mirror) {
  Graph g{{}, {}, a.ptr, a.idx, a.n};
  if (std::find(mirror.begin(), mirror.end(), -1) == mirror.end()) return g;
  std::vector<Int> size(at(a.n) + 1, 0);
  for (Index i = 0; i < a.n; ++i) {
    for (Int k = a.ptr[i]; k < a.ptr[i + 1]; ++k) {
      ++size[at(i) + 1];
      if (mirror[at(k)] < 0) ++size[at(a.idx[k]) + 1];
    }
  }
  std::partial_sum(size.begin(), size.end(), size.begin());
  g.own_ptr = size;
  g.own_idx.resize(at(size.back()));
  for (Index i = 0; i < a.n; ++i) {
    for (Int k = a.ptr[i]; k < a.ptr[i + 1]; ++k) {
      g.own_idx[at(size[at(i)]++)] = a.idx[k];
      if (mirror[at(k)] < 0) g.own_idx[at(size[at(a.idx[k])]++)] = static_cast<Int>(i);
    }
  }
  g.ptr = g.own_ptr.data();
  g.idx = g.own_idx.data();
  return g;
}

/// Two colours by breadth-first search from the first row of each component; false if there is an
/// odd cycle.
bool two_colors(const Graph& g, std::vector<Int>& color) {
  color.assign(at(g.n), -1);
  std::vector<Int> queue(at(g.n));
  std::size_t head = 0, tail = 0;
  for (Index root = 0; root < g.n; ++root) {
    if (color[at(root)] >= 0) continue;
    color[at(root)] = 0;
    queue[tail++] = static_cast<Int>(root);
    while (head < tail) {
      const Int i = queue[head++];
      for (Int k = g.ptr[i]; k < g.ptr[i + 1]; ++k) {
        const Int j = g.idx[k];
        if (j == i) continue;
        if (color[at(j)] < 0) {
          color[at(j)] = 1 - color[at(i)];
          queue[tail++] = j;
        } else if (color[at(j)] == color[at(i)]) {
          return false;
        }
      }
    }
  }
  return true;
}

/// Greedy, rows of large degree first.
void greedy_colors(const Graph& g, std::vector<Int>& color) {
  std::vector<Int> rows(at(g.n));
  std::iota(rows.begin(), rows.end(), 0);
  std::stable_sort(rows.begin(), rows.end(),
                   [&](Int a, Int b) { return g.ptr[a + 1] - g.ptr[a] > g.ptr[b + 1] - g.ptr[b]; });
  color.assign(at(g.n), -1);
  std::vector<Int> taken_by(at(g.n) + 1, -1);
  for (const Int i : rows) {
    for (Int k = g.ptr[i]; k < g.ptr[i + 1]; ++k) {
      const Int c = color[at(g.idx[k])];
      if (c >= 0) taken_by[at(c)] = i;
    }
    Int c = 0;
    while (taken_by[at(c)] == i) ++c;
    color[at(i)] = c;
  }
}

/// Longest chain of couplings with earlier rows.
void levels_of(const Graph& g, std::vector<Int>& level) {
  level.assign(at(g.n), 0);
  for (Index i = 0; i < g.n; ++i) {
    Int deepest = 0;
    for (Int k = g.ptr[i]; k < g.ptr[i + 1]; ++k) {
      const Int j = g.idx[k];
      if (j < i) deepest = std::max(deepest, level[at(j)] + 1);
    }
    level[at(i)] = deepest;
  }
}

}  // namespace

Pattern analyse(const RowsView& a, Ordering ordering) {
  const std::vector<Int> mirror = mirrors(a);
  Pattern out;
  out.order.resize(at(a.n));
  std::iota(out.order.begin(), out.order.end(), 0);
  std::vector<Int> place(out.order);
  if (ordering != Ordering::natural && a.n > 0) {
    const Graph g = graph_of(a, mirror);
    std::vector<Int> phase;
    if (ordering == Ordering::levels) {
      levels_of(g, phase);
    } else if (!two_colors(g, phase)) {
      greedy_colors(g, phase);
    }
    const Int count = *std::max_element(phase.begin(), phase.end()) + 1;
    out.phases.assign(at(count) + 1, 0);
    for (const Int p : phase) ++out.phases[at(p) + 1];
    std::partial_sum(out.phases.begin(), out.phases.end(), out.phases.begin());
    std::vector<std::int64_t> next(out.phases);
    for (Index i = 0; i < a.n; ++i) {
      const std::int64_t k = next[at(phase[at(i)])]++;
      out.order[at(k)] = static_cast<Int>(i);
      place[at(i)] = static_cast<Int>(k);
    }
  }
  out.lower_ptr.assign(1, 0);
  out.upper_ptr.assign(1, 0);
  out.diag_from.assign(at(a.n), -1);
  for (Index k = 0; k < a.n; ++k) {
    const Int i = out.order[at(k)];
    for (Int e = a.ptr[i]; e < a.ptr[i + 1]; ++e) {
      const Int j = a.idx[e];
      if (j == i) {
        out.diag_from[at(k)] = e;
      } else if (place[at(j)] < k) {
        out.lower_idx.push_back(place[at(j)]);
        out.lower_from.push_back(e);
        out.lower_mirror.push_back(mirror[at(e)]);
      } else {
        out.upper_idx.push_back(place[at(j)]);
        out.upper_from.push_back(e);
        if (mirror[at(e)] < 0) out.unpaired.push_back(e);
      }
    }
    out.lower_ptr.push_back(static_cast<Int>(out.lower_idx.size()));
    out.upper_ptr.push_back(static_cast<Int>(out.upper_idx.size()));
  }
  return out;
}

Index count_levels(const RowsView& a) {
  if (a.n == 0) return 0;
  std::vector<Int> level;
  levels_of(graph_of(a, mirrors(a)), level);
  return *std::max_element(level.begin(), level.end()) + 1;
}

ValuesReport split_values(const PatternView& pattern, const double* values, double shift,
                          double* diag, double* lower, double* upper) {
  const Index n = pattern.order.size;
  ValuesReport out;
  for (Index k = 0; k < n; ++k) {
    const Int from = pattern.diag_from.data[k];
    diag[k] = (from < 0 ? 0.0 : values[from]) + shift;
    if (!(diag[k] > 0.0 && std::isfinite(diag[k]))) {
      const Index row = pattern.order.data[k];
      if (out.bad_diagonal < 0 || row < out.bad_diagonal) out.bad_diagonal = row;
    }
  }
  double zero = 0.0;  // NaN if any value is not finite
  for (Index e = 0; e < pattern.upper_from.size; ++e) {
    upper[e] = values[pattern.upper_from.data[e]];
    zero += upper[e] * 0.0;
  }
  const Int* ptr = pattern.lower_ptr.data;
  for (Index k = 0; k < n; ++k) {
    for (Int e = ptr[k]; e < ptr[k + 1]; ++e) {
      const double v = values[pattern.lower_from.data[e]];
      const Int twin = pattern.lower_mirror.data[e];
      const double w = twin < 0 ? 0.0 : values[twin];
      lower[e] = v;
      zero += v * 0.0;
      if (v == w) continue;
      out.exact = false;
      const double size = std::sqrt(diag[k]) * std::sqrt(diag[pattern.lower_idx.data[e]]);
      if (!(std::abs(v - w) <= 1e-10 * size)) out.symmetric = false;
    }
  }
  for (Index k = 0; k < pattern.unpaired.size; ++k) {
    if (values[pattern.unpaired.data[k]] != 0.0) out.symmetric = false;
  }
  out.exact = out.exact && out.symmetric;
  out.finite = zero == 0.0;
  return out;
}

}  // namespace taut::linsolve
