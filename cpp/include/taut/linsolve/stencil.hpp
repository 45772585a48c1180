// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>

#include "taut/core/monitor.hpp"
#include "taut/linsolve/relax.hpp"

namespace taut::linsolve {

/// A 5-point (nz = 1) or 7-point matrix with constant coefficients on an nx x ny x nz grid, x
/// running fastest, and zero outside.
struct Stencil {
  Index nx = 0, ny = 0, nz = 0;
  double diag = 0.0;
  std::array<double, 3> off{};  ///< couplings along x, y and z

  Index size() const { return nx * ny * nz; }
};

/// True, with `out` filled, if A is of that form with ny >= 2. O(nnz); mostly decided by few rows.
bool find_stencil(const RowsView& rows, const double* values, Stencil& out);

/// `sor` in red-black order (cells with even x + y + z first). Red and black cells of a line are
/// stored apart, so that all loads are contiguous. The residual of red cells after a sweep is what
/// the next one begins with, that of black cells is (1 - omega) times what they were corrected by:
/// 28 bytes a cell and sweep, residual included.
Report sor(const Stencil& a, const double* b, const Options& options, double* x, Monitor& monitor);

}  // namespace taut::linsolve
