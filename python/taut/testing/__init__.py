# SPDX-License-Identifier: BSD-3-Clause
"""Certificates of optimality that know nothing of the solvers.

Use :mod:`taut.testing.kkt` (convex penalties), :mod:`taut.testing.groups` (penalties of groups)
and :mod:`taut.testing.nonconvex` to judge coefficients from any package on one scale.
"""

from __future__ import annotations

from taut.testing import groups, kkt, nonconvex

__all__ = ["groups", "kkt", "nonconvex"]
