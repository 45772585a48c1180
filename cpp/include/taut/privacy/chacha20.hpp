// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>

namespace taut::privacy {

/// Cryptographic random words: the ChaCha20 block function of RFC 8439, section 2.3, in counter mode.
///
/// For noise that hides data. Who sees the output, and knows how it was made but not the key, learns
/// nothing about words that were not put out; for streams of Philox, or of any other generator made
/// for simulation, that does not hold. Take a fresh key from the operating system for each release.
class ChaCha20 {
 public:
  using Key = std::array<std::uint32_t, 8>;
  using Nonce = std::array<std::uint32_t, 3>;
  using Block = std::array<std::uint32_t, 16>;

  /// Counter from 0 and a nonce of zeros: a key is used for one stream.
  explicit ChaCha20(const Key& key) : key_(key) {}
  /// A key does not stay in memory longer than its stream.
  ~ChaCha20();
  ChaCha20(const ChaCha20&) = delete;
  ChaCha20& operator=(const ChaCha20&) = delete;

  /// Key words from 32 bytes, little-endian on every machine.
  static Key key_of(const unsigned char* bytes);

  /// The block of 64 bytes as 16 words (little-endian in the RFC's byte order).
  static Block block(const Key& key, std::uint32_t counter, const Nonce& nonce);

  /// Next 64 bits, uniform. Throws std::length_error after 2^32 blocks (256 GiB).
  std::uint64_t next() {
    if (used_ == k_words) refill();
    const std::uint64_t low = words_[used_];
    const std::uint64_t high = words_[used_ + 1];
    used_ += 2;
    return high << 32 | low;
  }

 private:
  static constexpr unsigned k_words = 16;

  void refill();

  Key key_;
  Block words_{};
  std::uint64_t counter_ = 0;
  unsigned used_ = k_words;
};

}  // namespace taut::privacy
