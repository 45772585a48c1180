# SPDX-License-Identifier: BSD-3-Clause
"""Optimal transport: exact, entropic, quadratic, and with at most k partners a point.

Every function takes weights ``a`` (n,) and ``b`` (m,) and a cost matrix (n, m) or a
:class:`PointCloud`, whose squared distances are computed as needed and never stored, and returns
an :class:`OTResult` with the plan, the potentials and a certificate: duality gap and marginal
errors of what was found, not of what was hoped for.
"""

from __future__ import annotations

from taut.ot._color import transfer_colors
from taut.ot._cost import PointCloud
from taut.ot._estimator import SparseTransport
from taut.ot._exact import ot_exact
from taut.ot._result import OTResult
from taut.ot._route import Routing, sparse_route
from taut.ot._sinkhorn import sinkhorn, sinkhorn_divergence
from taut.ot._smooth import smooth_ot

__all__ = [
    "OTResult",
    "PointCloud",
    "Routing",
    "SparseTransport",
    "ot_exact",
    "sinkhorn",
    "sinkhorn_divergence",
    "smooth_ot",
    "sparse_route",
    "transfer_colors",
]
