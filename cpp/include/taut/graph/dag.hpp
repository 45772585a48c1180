// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/core/monitor.hpp"
#include "taut/core/types.hpp"

/// Directed graphs on d nodes given by d x d column-major matrices: (i, j) set is an edge i -> j.
namespace taut::graph {

/// Nodes with every edge from an earlier to a later one, the least node first where there is a
/// choice (Kahn 1962); empty if there is a cycle.
std::vector<Index> topological_order(Index d, const unsigned char* edges);

struct Pruned {
  std::vector<unsigned char> edges;  ///< d x d, column-major, acyclic
  Index n_above = 0;                 ///< edges above the threshold
  Index n_removed = 0;               ///< of those, removed because of cycles
};

/// Edges off the diagonal with |weight| > threshold, less the smallest few that must go, in
/// increasing order, until there is no cycle. What is left after removing more of them is acyclic
/// too, so the number is found by bisection: O(d^2 log d) in all.
Pruned prune_to_dag(Index d, const double* weights, double threshold);

/// Structural intervention distance between a true and an estimated DAG (Peters and Buhlmann,
/// Neural Computation 27, 2015): ordered pairs (i, j) for which adjusting for the parents of i in
/// the estimate gives a wrong effect of i on j. O(d^2 (d + edges)).
Index structural_intervention_distance(Index d, const unsigned char* truth,
                                       const unsigned char* estimate, int n_threads,
                                       Monitor& monitor);

}  // namespace taut::graph
