// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <cstdint>

#include "taut/privacy/chacha20.hpp"

using taut::privacy::ChaCha20;

namespace {

ChaCha20::Key counting_key() {
  unsigned char bytes[32];
  for (int i = 0; i < 32; ++i) bytes[i] = static_cast<unsigned char>(i);
  return ChaCha20::key_of(bytes);
}

}  // namespace

TEST_CASE("the block of RFC 8439, section 2.3.2") {
  const ChaCha20::Block block =
      ChaCha20::block(counting_key(), 1, {0x09000000u, 0x4a000000u, 0x00000000u});
  const ChaCha20::Block expected = {0xe4e7f110u, 0x15593bd1u, 0x1fdd0f50u, 0xc47120a3u,
                                    0xc7f4d1c7u, 0x0368c033u, 0x9aaa2204u, 0x4e6cd4c3u,
                                    0x466482d2u, 0x09aa9f07u, 0x05d7c214u, 0xa2028bd9u,
                                    0xd19c12b5u, 0xb94e16deu, 0xe883d0cbu, 0x4e3c50a2u};
  CHECK(block == expected);
}

TEST_CASE("a stream is its blocks in order") {
  ChaCha20 random(counting_key());
  for (std::uint32_t counter = 0; counter < 3; ++counter) {
    const ChaCha20::Block block = ChaCha20::block(counting_key(), counter, {});
    for (std::size_t i = 0; i < 16; i += 2) {
      CHECK(random.next() == (std::uint64_t{block[i + 1]} << 32 | block[i]));
    }
  }
}
