// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linsolve/batch.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "linsolve_fixtures.hpp"

using namespace taut;
using namespace taut::linsolve;

TEST_CASE("a batch counts what single solves count") {
  const test::Csr a = test::grid(7, 6);
  const test::System system(a, Ordering::natural);
  const std::vector<double> b = test::wave(42 * 19), omegas = {0.8, 1.2, 1.6};
  std::vector<double> shifts(19);
  for (std::size_t c = 0; c < 19; ++c) shifts[c] = 0.02 * static_cast<double>(c);
  Batch batch;
  batch.a = system.split;
  batch.shifts = shifts.data();
  batch.rhs = b.data();
  batch.count = 19;
  batch.omegas = omegas.data();
  batch.n_omegas = 3;
  SilentMonitor silent;
  std::vector<std::int32_t> one(57), three(57);
  Options options;
  sor_batch(batch, options, one.data(), silent);
  options.n_threads = 3;
  sor_batch(batch, options, three.data(), silent);
  CHECK(one == three);
  for (std::size_t c = 0; c < 19; ++c) {
    test::System shifted(a, Ordering::natural);
    for (double& d : shifted.diag) d += shifts[c];
    for (std::size_t k = 0; k < 3; ++k) {
      std::vector<double> x(42, 0.0);
      options.omega = omegas[k];
      const Report report = sor(shifted.split, b.data() + 42 * c, options, false, x.data(), silent);
      CHECK(one[3 * c + k] == report.n_iter);
    }
  }
}
