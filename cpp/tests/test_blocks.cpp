// SPDX-License-Identifier: BSD-3-Clause
#include "taut/penalty/blocks.hpp"

#include <doctest/doctest.h>

#include "reference.hpp"
#include "taut/design/reordered.hpp"

using namespace taut;
using penalty::Blocks;
using reference::at;
using reference::Matrix;
using reference::Random;

TEST_CASE("blocks: without labels every feature is one") {
  const Blocks none;
  CHECK(none.single());
  CHECK(none.count(7) == 7);
  CHECK(none.begin(3) == 3);
  CHECK(none.size(3) == 1);
  CHECK(none.of(5) == 5);
  CHECK(none.order().empty());
}

TEST_CASE("blocks: columns of a block stand side by side, in their order") {
  Random random(1);
  for (int trial = 0; trial < 50; ++trial) {
    const Index count = 1 + random.below(5), p = count + random.below(12);
    std::vector<Index> label(at(p));
    for (Index j = 0; j < p; ++j) label[at(j)] = j < count ? j : random.below(count);
    for (Index j = p - 1; j > 0; --j) std::swap(label[at(j)], label[at(random.below(j + 1))]);
    const Blocks blocks(label, count);
    REQUIRE(blocks.count(p) == count);
    Index next = 0, largest = 0;
    for (Index b = 0; b < count; ++b) {
      CHECK(blocks.begin(b) == next);
      Index before = -1;
      for (Index j = next; j < next + blocks.size(b); ++j) {
        const Index column = blocks.order().empty() ? j : blocks.order()[at(j)];
        CHECK(label[at(column)] == b);
        CHECK(blocks.of(j) == b);
        CHECK(column > before);
        before = column;
      }
      largest = std::max(largest, blocks.size(b));
      next += blocks.size(b);
    }
    CHECK(next == p);
    CHECK(blocks.largest() == largest);
  }
}

TEST_CASE("blocks: no order where columns already lie by block") {
  CHECK(Blocks({0, 0, 1, 2, 2}, 3).order().empty());
  CHECK_FALSE(Blocks({0, 1, 0}, 2).order().empty());
  CHECK(Blocks({0, 1, 2}, 3).single());
}

TEST_CASE("reordered design: every operation is that of the column it stands for") {
  Random random(3);
  const Index n = 9, p = 6;
  Matrix X(n, p);
  for (double& x : X.data) x = random.uniform() < 0.6 ? random.normal() : 0.0;
  const reference::SparseCopy<double, std::int32_t> copy(X);
  const design::Dense<double> dense({X.data.data(), n, p, n});
  const design::Csc<double, std::int32_t> csc(copy.view());
  const std::vector<Index> order{3, 0, 5, 1, 4, 2};
  const std::vector<double> u = random.normals(2 * n), h = random.weights(n);
  for (const design::Design* D :
       {static_cast<const design::Design*>(&dense), static_cast<const design::Design*>(&csc)}) {
    const design::Reordered view(*D, order);
    CHECK(view.cols() == p);
    CHECK(view.is_sparse() == D->is_sparse());
    for (Index j = 0; j < p; ++j) {
      const Index k = order[at(j)];
      CHECK(view.dot(j, u.data()) == D->dot(k, u.data()));
      CHECK(view.column_entries(j) == D->column_entries(k));
      CHECK(view.weighted_dot(j, h.data(), u.data()) == D->weighted_dot(k, h.data(), u.data()));
      double a[2], b[2];
      view.dots(j, u.data(), n, 2, a);
      D->dots(k, u.data(), n, 2, b);
      CHECK(a[0] == b[0]);
      CHECK(a[1] == b[1]);
      std::vector<double> v = u, w = u;
      view.axpy(j, 0.5, v.data());
      D->axpy(k, 0.5, w.data());
      CHECK(v == w);
      view.copy_rows(j, 2, 7, v.data());
      D->copy_rows(k, 2, 7, w.data());
      CHECK(v == w);
      CHECK(view.scan(j, h.data(), u.data()).product == D->scan(k, h.data(), u.data()).product);
      CHECK(view.centred_scan(j, h.data(), 0.3).square == D->centred_scan(k, h.data(), 0.3).square);
      std::vector<double> val, val_there;
      std::vector<std::int32_t> idx, idx_there;
      view.append_entries(j, val, idx);
      D->append_entries(k, val_there, idx_there);
      CHECK(val == val_there);
      CHECK(idx == idx_there);
    }
    const std::vector<Index> columns{4, 1, 0}, there{order[4], order[1], order[0]};
    const double a[] = {1.0, -2.0, 0.5};
    std::vector<double> v = u, w = u;
    view.axpys(columns.data(), a, 3, v.data());
    D->axpys(there.data(), a, 3, w.data());
    CHECK(v == w);
  }
}
