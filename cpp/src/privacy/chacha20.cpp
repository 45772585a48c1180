// SPDX-License-Identifier: BSD-3-Clause
#include "taut/privacy/chacha20.hpp"

#include <cstddef>
#include <stdexcept>

namespace taut::privacy {
namespace {

std::uint32_t rotate(std::uint32_t x, int by) { return x << by | x >> (32 - by); }

void quarter_round(std::uint32_t& a, std::uint32_t& b, std::uint32_t& c, std::uint32_t& d) {
  a += b;
  d = rotate(d ^ a, 16);
  c += d;
  b = rotate(b ^ c, 12);
  a += b;
  d = rotate(d ^ a, 8);
  c += d;
  b = rotate(b ^ c, 7);
}

/// Through a volatile pointer, so that a store to memory that nobody reads again is not left out.
template <class Array>
void wipe(Array& words) {
  volatile std::uint32_t* data = words.data();
  for (std::size_t i = 0; i < words.size(); ++i) data[i] = 0;
}

}  // namespace

ChaCha20::~ChaCha20() {
  wipe(key_);
  wipe(words_);
}

ChaCha20::Key ChaCha20::key_of(const unsigned char* bytes) {
  Key key;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const unsigned char* b = bytes + 4 * i;
    key[i] = static_cast<std::uint32_t>(b[0]) | static_cast<std::uint32_t>(b[1]) << 8 |
             static_cast<std::uint32_t>(b[2]) << 16 | static_cast<std::uint32_t>(b[3]) << 24;
  }
  return key;
}

ChaCha20::Block ChaCha20::block(const Key& key, std::uint32_t counter, const Nonce& nonce) {
  // "expand 32-byte k", the key, the counter, the nonce.
  const Block start = {0x61707865u, 0x3320646eu, 0x79622d32u, 0x6b206574u, key[0], key[1],
                       key[2],      key[3],      key[4],      key[5],      key[6], key[7],
                       counter,     nonce[0],    nonce[1],    nonce[2]};
  Block x = start;
  for (int round = 0; round < 20; round += 2) {
    quarter_round(x[0], x[4], x[8], x[12]);
    quarter_round(x[1], x[5], x[9], x[13]);
    quarter_round(x[2], x[6], x[10], x[14]);
    quarter_round(x[3], x[7], x[11], x[15]);
    quarter_round(x[0], x[5], x[10], x[15]);
    quarter_round(x[1], x[6], x[11], x[12]);
    quarter_round(x[2], x[7], x[8], x[13]);
    quarter_round(x[3], x[4], x[9], x[14]);
  }
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += start[i];
  return x;
}

void ChaCha20::refill() {
  if (counter_ >> 32 != 0) throw std::length_error("ChaCha20: 2^32 blocks are used up");
  words_ = block(key_, static_cast<std::uint32_t>(counter_++), Nonce{});
  used_ = 0;
}

}  // namespace taut::privacy
