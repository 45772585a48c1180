// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/core/types.hpp"

namespace taut::penalty {

/// The partition of p features into blocks that a penalty acts on. Solvers see the features of a block
/// side by side: feature j of theirs is column order()[j] of X, if an order is given.
///
/// Without sizes every feature is a block of its own, and nothing is stored.
class Blocks {
 public:
  Blocks() = default;

  /// Column j of X belongs to block label[j] of 0 .. count - 1; no block is empty.
  Blocks(const std::vector<Index>& label, Index count);

  bool single() const { return of_.empty(); }
  Index count(Index p) const { return single() ? p : static_cast<Index>(begin_.size()) - 1; }
  Index begin(Index b) const { return single() ? b : begin_[static_cast<std::size_t>(b)]; }
  Index size(Index b) const {
    return single() ? 1
                    : begin_[static_cast<std::size_t>(b) + 1] - begin_[static_cast<std::size_t>(b)];
  }
  /// Features of the largest block.
  Index largest() const { return largest_; }
  /// The block of feature j.
  Index of(Index j) const { return single() ? j : of_[static_cast<std::size_t>(j)]; }
  /// Columns of X in the order of the blocks; empty if that is how they come.
  const std::vector<Index>& order() const { return order_; }

 private:
  std::vector<Index> begin_, of_, order_;
  Index largest_ = 1;
};

}  // namespace taut::penalty
