// SPDX-License-Identifier: BSD-3-Clause
#include "taut/graph/dag.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <queue>

#include "taut/core/parallel.hpp"

namespace taut::graph {
namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

/// Nodes at the other end of the edges of each node.
struct Neighbours {
  std::vector<Index> start, node;

  const Index* begin(Index i) const { return node.data() + start[at(i)]; }
  const Index* end(Index i) const { return node.data() + start[at(i) + 1]; }
};

/// Children of each node, or parents where `reversed`.
Neighbours neighbours(Index d, const unsigned char* edges, bool reversed) {
  Neighbours out;
  out.start.assign(at(d) + 1, 0);
  for (Index i = 0; i < d; ++i) {
    for (Index j = 0; j < d; ++j) {
      if (edges[reversed ? i * d + j : j * d + i]) out.node.push_back(j);
    }
    out.start[at(i) + 1] = static_cast<Index>(out.node.size());
  }
  return out;
}

/// Marks what is reached from the marked nodes.
void spread(const Neighbours& next, std::vector<unsigned char>& marked, std::vector<Index>& stack) {
  stack.clear();
  for (Index i = 0; i < static_cast<Index>(marked.size()); ++i) {
    if (marked[at(i)]) stack.push_back(i);
  }
  while (!stack.empty()) {
    const Index i = stack.back();
    stack.pop_back();
    for (const Index* j = next.begin(i); j != next.end(i); ++j) {
      if (marked[at(*j)]) continue;
      marked[at(*j)] = 1;
      stack.push_back(*j);
    }
  }
}

/// Whether the edges, the first `removed` of `rising` taken away, have no cycle.
bool acyclic_without(Index d, const std::vector<Index>& rising, Index removed) {
  std::vector<Index> degree(at(d), 0), start(at(d) + 1, 0);
  const auto first = rising.begin() + removed;
  for (auto e = first; e != rising.end(); ++e) {
    ++degree[at(*e / d)];
    ++start[at(*e % d) + 1];
  }
  std::partial_sum(start.begin(), start.end(), start.begin());
  std::vector<Index> child(at(start[at(d)])), place(start.begin(), start.end() - 1);
  for (auto e = first; e != rising.end(); ++e) child[at(place[at(*e % d)]++)] = *e / d;
  std::vector<Index> ready;
  for (Index i = 0; i < d; ++i) {
    if (degree[at(i)] == 0) ready.push_back(i);
  }
  Index seen = 0;
  while (!ready.empty()) {
    const Index i = ready.back();
    ready.pop_back();
    ++seen;
    for (Index k = start[at(i)]; k < start[at(i) + 1]; ++k) {
      if (--degree[at(child[at(k)])] == 0) ready.push_back(child[at(k)]);
    }
  }
  return seen == d;
}

}  // namespace

std::vector<Index> topological_order(Index d, const unsigned char* edges) {
  const Neighbours children = neighbours(d, edges, false);
  std::vector<Index> degree(at(d), 0), order;
  for (const Index j : children.node) ++degree[at(j)];
  std::priority_queue<Index, std::vector<Index>, std::greater<>> ready;
  for (Index i = 0; i < d; ++i) {
    if (degree[at(i)] == 0) ready.push(i);
  }
  while (!ready.empty()) {
    const Index i = ready.top();
    ready.pop();
    order.push_back(i);
    for (const Index* j = children.begin(i); j != children.end(i); ++j) {
      if (--degree[at(*j)] == 0) ready.push(*j);
    }
  }
  if (static_cast<Index>(order.size()) != d) order.clear();
  return order;
}

Pruned prune_to_dag(Index d, const double* weights, double threshold) {
  std::vector<Index> rising;
  for (Index e = 0; e < d * d; ++e) {
    if (e / d != e % d && std::abs(weights[e]) > threshold) rising.push_back(e);
  }
  std::stable_sort(rising.begin(), rising.end(),
                   [&](Index a, Index b) { return std::abs(weights[a]) < std::abs(weights[b]); });
  // Without its first `enough` edges the graph has no cycle; without `few` it has one, or few is -1.
  Index few = -1, enough = static_cast<Index>(rising.size());
  if (acyclic_without(d, rising, 0)) enough = 0;
  while (enough - few > 1) {
    const Index middle = few + (enough - few) / 2;
    (acyclic_without(d, rising, middle) ? enough : few) = middle;
  }
  Pruned out;
  out.n_above = static_cast<Index>(rising.size());
  out.n_removed = enough;
  out.edges.assign(at(d * d), 0);
  for (auto e = rising.begin() + enough; e != rising.end(); ++e) out.edges[at(*e)] = 1;
  return out;
}

namespace {

/// One graph compared with another; the working memory of one thread.
class Adjustment {
 public:
  Adjustment(Index d, const Neighbours& children, const Neighbours& parents,
             const std::vector<std::vector<unsigned char>>& descendants,
             const std::vector<std::vector<unsigned char>>& ancestors)
      : d_(d),
        children_(children),
        parents_(parents),
        descendants_(descendants),
        ancestors_(ancestors) {}

  /// Targets j for which adjusting for `set` (no member of which is i) gives a wrong effect of i.
  Index count_wrong(Index i, const std::vector<unsigned char>& set);

 private:
  bool forbidden(Index i, Index j, const std::vector<unsigned char>& set) const;
  bool connected(Index i, Index j, const std::vector<unsigned char>& set);

  Index d_;
  const Neighbours& children_;
  const Neighbours& parents_;
  const std::vector<std::vector<unsigned char>>&descendants_, &ancestors_;
  std::vector<unsigned char> open_, from_parent_, from_child_;
  std::vector<Index> stack_;
};

Index Adjustment::count_wrong(Index i, const std::vector<unsigned char>& set) {
  Index wrong = 0;
  for (Index j = 0; j < d_; ++j) {
    if (j == i) continue;
    const bool effect = descendants_[at(i)][at(j)] != 0;
    // A parent in the estimate is taken to be without effect.
    if (set[at(j)]) {
      wrong += effect ? 1 : 0;
    } else if ((effect && forbidden(i, j, set)) || connected(i, j, set)) {
      ++wrong;
    }
  }
  return wrong;
}

/// Whether the set holds a descendant of a node on a directed path from i to j.
bool Adjustment::forbidden(Index i, Index j, const std::vector<unsigned char>& set) const {
  for (Index p = 0; p < d_; ++p) {
    if (!set[at(p)]) continue;
    // Some v below i and above j (or j itself) that is p or above it.
    for (Index v = 0; v < d_; ++v) {
      if (v != i && descendants_[at(i)][at(v)] && ancestors_[at(j)][at(v)] &&
          descendants_[at(v)][at(p)]) {
        return true;
      }
    }
  }
  return false;
}

/// Whether the set leaves a path open between i and j once the first edges of all directed paths
/// from i to j are gone: reachability over (node, arrived from a parent or from a child).
bool Adjustment::connected(Index i, Index j, const std::vector<unsigned char>& set) {
  const std::vector<unsigned char>& above = ancestors_[at(j)];
  const auto gone = [&](Index from, Index to) { return from == i && above[at(to)] != 0; };
  // Colliders that the set opens: its members and their ancestors in what is left of the graph.
  open_ = set;
  stack_.clear();
  for (Index k = 0; k < d_; ++k) {
    if (set[at(k)]) stack_.push_back(k);
  }
  while (!stack_.empty()) {
    const Index k = stack_.back();
    stack_.pop_back();
    for (const Index* p = parents_.begin(k); p != parents_.end(k); ++p) {
      if (open_[at(*p)] || gone(*p, k)) continue;
      open_[at(*p)] = 1;
      stack_.push_back(*p);
    }
  }
  from_parent_.assign(at(d_), 0);
  from_child_.assign(at(d_), 0);
  const auto down = [&](Index from) {
    for (const Index* k = children_.begin(from); k != children_.end(from); ++k) {
      if (from_parent_[at(*k)] || gone(from, *k)) continue;
      from_parent_[at(*k)] = 1;
      stack_.push_back(*k);
    }
  };
  const auto up = [&](Index from) {
    for (const Index* k = parents_.begin(from); k != parents_.end(from); ++k) {
      if (from_child_[at(*k)] || gone(*k, from)) continue;
      from_child_[at(*k)] = 1;
      stack_.push_back(d_ + *k);
    }
  };
  stack_.clear();
  down(i);
  up(i);
  while (!stack_.empty()) {
    const Index state = stack_.back();
    stack_.pop_back();
    const Index k = state % d_;
    if (k == j) return true;
    if (state < d_) {
      if (!set[at(k)]) down(k);
      if (open_[at(k)]) up(k);
    } else if (!set[at(k)]) {
      down(k);
      up(k);
    }
  }
  return false;
}

}  // namespace

Index structural_intervention_distance(Index d, const unsigned char* truth,
                                       const unsigned char* estimate, int n_threads,
                                       Monitor& monitor) {
  const Neighbours children = neighbours(d, truth, false), parents = neighbours(d, truth, true);
  // Both with the node itself.
  std::vector<std::vector<unsigned char>> descendants(at(d)), ancestors(at(d));
  std::vector<Index> stack;
  for (Index i = 0; i < d; ++i) {
    descendants[at(i)].assign(at(d), 0);
    ancestors[at(i)].assign(at(d), 0);
    descendants[at(i)][at(i)] = ancestors[at(i)][at(i)] = 1;
    spread(children, descendants[at(i)], stack);
    spread(parents, ancestors[at(i)], stack);
  }
  std::vector<Index> wrong(at(d), 0);
  // As many nodes at a time as keep the monitor informed.
  constexpr Index k_batch = 16;
  for (Index begin = 0; begin < d; begin += k_batch) {
    monitor.poll({begin, d, 0.0, 0.0, 0});
    const Index count = std::min(k_batch, d - begin);
    parallel_for(count, n_threads, [&](Index b) {
      const Index i = begin + b;
      std::vector<unsigned char> set(at(d));
      for (Index k = 0; k < d; ++k) set[at(k)] = estimate[i * d + k];
      Adjustment adjustment(d, children, parents, descendants, ancestors);
      wrong[at(i)] = adjustment.count_wrong(i, set);
    });
  }
  return std::accumulate(wrong.begin(), wrong.end(), Index{0});
}

}  // namespace taut::graph
