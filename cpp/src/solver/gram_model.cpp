// SPDX-License-Identifier: BSD-3-Clause
#include "taut/solver/gram_model.hpp"

#include <algorithm>

#include "taut/penalty/folded.hpp"
#include "taut/solver/active_set_qp.hpp"
#include "taut/solver/group_qp.hpp"
#include "taut/solver/separable_qp.hpp"

namespace taut::solver {

void GramModel::resize(Index size) {
  const auto at = [](Index i) { return static_cast<std::size_t>(i); };
  if (size > ld_) {
    const Index ld = std::max<Index>({size, 2 * ld_, 128});
    Buffer<double> gram(ld * ld);
    for (Index a = 0; a < size_; ++a) std::copy_n(column(a), size_, gram.data() + a * ld);
    gram_.swap(gram);
    ld_ = ld;
  }
  w_.resize(at(size * outputs_), 0.0);
  q_.resize(at(size * outputs_), 0.0);
  size_ = size;
}

void GramModel::clear() {
  gram_changed();
  size_ = 0;
  w_.clear();
  q_.clear();
}

std::unique_ptr<GramModel> make_gram_model(const penalty::Penalty& penalty, Index outputs) {
  penalty::Piece piece;
  penalty::BlockNorm norm;
  penalty::Folded folded;
  if (penalty.as_piece(0, piece)) return std::make_unique<ActiveSetQP>();
  if (penalty.as_norm(0, norm)) return std::make_unique<GroupQP>(outputs);
  if (penalty.as_folded(0, folded)) return std::make_unique<SeparableQP>();
  return nullptr;
}

}  // namespace taut::solver
