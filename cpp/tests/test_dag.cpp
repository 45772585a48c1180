// SPDX-License-Identifier: BSD-3-Clause
#include "taut/graph/dag.hpp"

#include <doctest/doctest.h>

#include "reference.hpp"

using namespace taut;
using namespace taut::graph;
using reference::at;
using reference::Random;

namespace {

/// Bytes of a graph from pairs (source, target).
std::vector<unsigned char> edges_of(Index d, std::initializer_list<std::pair<Index, Index>> pairs) {
  std::vector<unsigned char> out(at(d * d), 0);
  for (const auto& [i, j] : pairs) out[at(j * d + i)] = 1;
  return out;
}

Index sid(Index d, const std::vector<unsigned char>& truth,
          const std::vector<unsigned char>& estimate) {
  SilentMonitor silent;
  return structural_intervention_distance(d, truth.data(), estimate.data(), 2, silent);
}

}  // namespace

TEST_CASE("topological order: sources first, empty for a cycle") {
  const auto chain = edges_of(4, {{2, 0}, {0, 3}, {2, 3}});
  CHECK(topological_order(4, chain.data()) == std::vector<Index>{1, 2, 0, 3});
  const auto ring = edges_of(3, {{0, 1}, {1, 2}, {2, 0}});
  CHECK(topological_order(3, ring.data()).empty());
  const auto loop = edges_of(2, {{1, 1}});
  CHECK(topological_order(2, loop.data()).empty());
}

TEST_CASE("pruning: the diagonal and small weights go, then the smallest until there is no cycle") {
  // 0 -> 1 (3), 1 -> 0 (2), 1 -> 2 (-1), 2 -> 0 (0.5), 0 -> 0 (9)
  const std::vector<double> w{9.0, 2.0, 0.5, 3.0, 0.0, 0.0, 0.0, -1.0, 0.0};
  const Pruned none = prune_to_dag(3, w.data(), 0.0);
  CHECK(none.n_above == 4);
  CHECK(none.n_removed == 3);
  CHECK(none.edges == edges_of(3, {{0, 1}}));
  const Pruned some = prune_to_dag(3, w.data(), 2.5);
  CHECK(some.n_above == 1);
  CHECK(some.n_removed == 0);
  const Pruned empty = prune_to_dag(3, w.data(), 3.0);
  CHECK(empty.n_above == 0);
  CHECK(empty.edges == edges_of(3, {}));
}

TEST_CASE("intervention distance: by hand") {
  const auto truth = edges_of(3, {{0, 1}, {0, 2}, {1, 2}});
  CHECK(sid(3, truth, truth) == 0);
  // The edge 0 -> 1 turned round (4, also by gadjid 0.1).
  CHECK(sid(3, truth, edges_of(3, {{1, 0}, {0, 2}, {1, 2}})) == 4);
  // Without edges nothing is adjusted for: 1 -> 2 is confounded by 0, effects against the arrows
  // are not zero by the marginal distribution.
  CHECK(sid(3, truth, edges_of(3, {})) == 4);
  const auto pair = edges_of(2, {{0, 1}});
  CHECK(sid(2, pair, edges_of(2, {})) == 1);
  CHECK(sid(2, edges_of(2, {}), pair) == 0);
}
