// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linsolve/split.hpp"

#include <doctest/doctest.h>

#include <set>
#include <vector>

#include "linsolve_fixtures.hpp"

using namespace taut;
using namespace taut::linsolve;

TEST_CASE("every entry has one place, by order of elimination") {
  const test::Csr a = test::grid(4, 3);
  for (const Ordering ordering : {Ordering::natural, Ordering::levels, Ordering::multicolor}) {
    const Pattern p = analyse(a.rows(), ordering);
    std::set<std::int32_t> seen(p.lower_from.begin(), p.lower_from.end());
    seen.insert(p.upper_from.begin(), p.upper_from.end());
    seen.insert(p.diag_from.begin(), p.diag_from.end());
    CHECK(seen.size() == a.val.size());
    CHECK(p.unpaired.empty());
    for (std::size_t k = 0; k < 12; ++k) {
      for (std::int32_t e = p.lower_ptr[k]; e < p.lower_ptr[k + 1]; ++e) {
        CHECK(p.lower_idx[static_cast<std::size_t>(e)] < static_cast<std::int32_t>(k));
      }
      for (std::int32_t e = p.upper_ptr[k]; e < p.upper_ptr[k + 1]; ++e) {
        CHECK(p.upper_idx[static_cast<std::size_t>(e)] > static_cast<std::int32_t>(k));
      }
    }
  }
}

TEST_CASE("rows of a phase are not coupled") {
  const test::Csr a = test::grid(5, 4);
  CHECK(analyse(a.rows(), Ordering::natural).phases.empty());
  for (const Ordering ordering : {Ordering::levels, Ordering::multicolor}) {
    const Pattern p = analyse(a.rows(), ordering);
    CHECK(p.phases.size() == (ordering == Ordering::levels ? 9 : 3));
    for (std::size_t f = 0; f + 1 < p.phases.size(); ++f) {
      for (std::int64_t k = p.phases[f]; k < p.phases[f + 1]; ++k) {
        const auto row = static_cast<std::size_t>(k);
        for (std::int32_t e = p.lower_ptr[row]; e < p.lower_ptr[row + 1]; ++e) {
          CHECK(p.lower_idx[static_cast<std::size_t>(e)] < p.phases[f]);
        }
      }
    }
  }
  CHECK(count_levels(a.rows()) == 8);
}

TEST_CASE("values that are not symmetric, not finite or without diagonal are reported") {
  // [[2, 1], [v, d]], where an entry of zero is not stored.
  const auto report = [](double v, double d, bool stored) {
    test::Csr a{{0, 1, 0, 1}, {0, 2, 4}, {2.0, 1.0, v, d}};
    if (!stored) a = {{0, 1, 1}, {0, 2, 3}, {2.0, 1.0, d}};
    const Pattern p = analyse(a.rows(), Ordering::natural);
    std::vector<double> diag(2), lower(p.lower_from.size()), upper(p.upper_from.size());
    const PatternView view{test::view(p.order),        test::view(p.lower_ptr),
                           test::view(p.lower_idx),    test::view(p.lower_from),
                           test::view(p.lower_mirror), test::view(p.upper_from),
                           test::view(p.diag_from),    test::view(p.unpaired)};
    return split_values(view, a.val.data(), 0.5, diag.data(), lower.data(), upper.data());
  };
  CHECK((report(1.0, 3.0, true).symmetric && report(1.0, 3.0, true).exact));
  CHECK((report(1.0 + 1e-12, 3.0, true).symmetric && !report(1.0 + 1e-12, 3.0, true).exact));
  CHECK_FALSE(report(1.1, 3.0, true).symmetric);
  CHECK_FALSE(report(0.0, 3.0, false).symmetric);
  CHECK_FALSE(report(std::numeric_limits<double>::quiet_NaN(), 3.0, true).finite);
  CHECK(report(1.0, 3.0, true).bad_diagonal == -1);
  CHECK(report(1.0, -0.5, true).bad_diagonal == 1);
}
