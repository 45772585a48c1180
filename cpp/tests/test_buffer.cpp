// SPDX-License-Identifier: BSD-3-Clause
#include "taut/core/buffer.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <utility>

using taut::Buffer;
using taut::Index;

TEST_CASE("buffer: entries that are kept survive growth, from a page to many") {
  Buffer<double> buffer;
  CHECK(buffer.size() == 0);
  Index filled = 0;
  for (const Index size : {Index{3}, Index{1000}, Index{1} << 19, Index{1} << 20}) {
    buffer.reserve(size, filled);
    REQUIRE(buffer.size() == size);
    for (Index i = 0; i < filled; ++i) REQUIRE(buffer[i] == static_cast<double>(i));
    for (; filled < size; ++filled) buffer[filled] = static_cast<double>(filled);
    CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64 == 0);
  }
}

TEST_CASE("buffer: a smaller request changes nothing") {
  Buffer<int> buffer(100);
  const int* before = buffer.data();
  buffer.reserve(10);
  CHECK(buffer.data() == before);
  CHECK(buffer.size() == 100);
}

TEST_CASE("buffer: moving hands the memory over") {
  Buffer<double> first(8);
  first[7] = 3.5;
  const double* memory = first.data();
  Buffer<double> second(std::move(first));
  CHECK(second.data() == memory);
  CHECK(second.size() == 8);
  CHECK(first.size() == 0);  // NOLINT(bugprone-use-after-move): empty by contract
  first = std::move(second);
  CHECK(first[7] == 3.5);
}

TEST_CASE("buffer: filled, walked and shortened like a vector") {
  Buffer<int> buffer(5, 3);
  int total = 0;
  for (int x : buffer) total += x;
  CHECK(total == 15);
  buffer.shrink(2);
  CHECK(buffer.end() - buffer.begin() == 2);
  CHECK_FALSE(buffer.empty());
  CHECK(Buffer<double>().empty());
}
