# SPDX-License-Identifier: BSD-3-Clause
"""How far an estimate is from the truth, where scikit-learn has no measure of it."""

from __future__ import annotations

from taut.metrics._graph import graph_metrics, varsortability

__all__ = ["graph_metrics", "varsortability"]
