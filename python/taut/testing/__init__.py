# SPDX-License-Identifier: BSD-3-Clause
"""Certificates of optimality that know nothing of the solvers.

Use :mod:`taut.testing.kkt` to judge coefficients from any package on one scale.
"""

from __future__ import annotations

from taut.testing import kkt

__all__ = ["kkt"]
