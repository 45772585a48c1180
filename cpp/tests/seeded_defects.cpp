// SPDX-License-Identifier: BSD-3-Clause
// Defects on purpose: a sanitizer that does not report them sees nothing of the library either.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <thread>
#include <vector>

#include "taut/core/parallel.hpp"
#include "taut/linalg/dense.hpp"

using taut::Index;

int main(int argc, char** argv) {
  const std::string_view defect = argc > 1 ? argv[1] : "";
  if (defect == "short-vector") {
    const Index m = 9, n = 4;
    const std::vector<double> a(static_cast<std::size_t>(m * n), 1.0);
    const std::vector<double> x(static_cast<std::size_t>(n), 1.0);
    std::vector<double> y(static_cast<std::size_t>(m - 1));  // one short
    taut::linalg::add_gemv(m, n, 1.0, a.data(), m, x.data(), y.data());
    std::cout << y[0] << '\n';
  } else if (defect == "race") {
    double sum = 0.0;
    std::atomic<int> arrived{0};
    taut::parallel_for(2, 2, [&](Index block) {
      ++arrived;
      const auto start = std::chrono::steady_clock::now();
      while (arrived < 2 && std::chrono::steady_clock::now() - start < std::chrono::seconds(20)) {
        std::this_thread::yield();
      }
      sum += static_cast<double>(block);
    });
    std::cout << sum << '\n';
  } else {
    std::cerr << "usage: seeded_defects short-vector|race\n";
    return EXIT_FAILURE;
  }
}
