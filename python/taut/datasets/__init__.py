# SPDX-License-Identifier: BSD-3-Clause
"""Generators and small real tables used by tests, benchmarks, documentation and the demo."""

from __future__ import annotations

from taut.datasets._graph import load_sachs, make_linear_sem
from taut.datasets._plans import make_plan_market
from taut.datasets._real import load_example
from taut.datasets._survival import load_lung
from taut.datasets._synthetic import make_sparse_classification, make_sparse_regression

__all__ = [
    "load_example",
    "load_lung",
    "load_sachs",
    "make_linear_sem",
    "make_plan_market",
    "make_sparse_classification",
    "make_sparse_regression",
]
