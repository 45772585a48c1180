# SPDX-License-Identifier: BSD-3-Clause
"""Proximal operators, penalty values and first-order methods: the pieces that solvers are made of.

Every operator solves ``min_u (u - x)^2 / 2 + step * pen(u)`` for each entry of ``x``, exactly, also
where the penalty is so concave that the problem has two local minima. :func:`minimize` runs one
first-order method on one problem and writes down its iterations.
"""

from __future__ import annotations

from taut.prox._chain import tv1d
from taut.prox._minimize import CompositeResult, minimize
from taut.prox._operators import cel0, elastic_net, group, l0, l1, lq, mcp, scad, value

__all__ = [
    "CompositeResult",
    "cel0",
    "elastic_net",
    "group",
    "l0",
    "l1",
    "lq",
    "mcp",
    "minimize",
    "scad",
    "tv1d",
    "value",
]
