// SPDX-License-Identifier: BSD-3-Clause
#include <taut/core/philox.hpp>
#include <taut/core/version.hpp>

#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
  std::printf("taut %s\n", taut::version());
  const bool same_version = argc == 2 && std::strcmp(argv[1], taut::version()) == 0;
  const bool same_word = taut::Philox({1234, 5678}).next() == 11115979802010006567u;
  return same_version && same_word ? 0 : 1;
}
