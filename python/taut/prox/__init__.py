# SPDX-License-Identifier: BSD-3-Clause
"""Proximal operators and penalty values on arrays: the pieces that the solvers are made of.

Every operator solves ``min_u (u - x)^2 / 2 + step * pen(u)`` for each entry of ``x``, exactly, also
where the penalty is so concave that the problem has two local minima.
"""

from __future__ import annotations

from taut.prox._chain import tv1d
from taut.prox._operators import cel0, elastic_net, group, l0, l1, lq, mcp, scad, value

__all__ = ["cel0", "elastic_net", "group", "l0", "l1", "lq", "mcp", "scad", "tv1d", "value"]
