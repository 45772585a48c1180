# SPDX-License-Identifier: BSD-3-Clause
"""Variance inflation: measure it, and remove the columns that cause it."""

from __future__ import annotations

from taut.screening._selector import DroppedColumn, VIFSelector
from taut.screening._vif import (
    generalized_variance_inflation_factor,
    variance_inflation_factor,
)

__all__ = [
    "DroppedColumn",
    "VIFSelector",
    "generalized_variance_inflation_factor",
    "variance_inflation_factor",
]
