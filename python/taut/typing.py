# SPDX-License-Identifier: BSD-3-Clause
"""Type aliases of the public signatures."""

from __future__ import annotations

from typing import Any, TypeAlias, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "ArrayLike",
    "BoolArray",
    "FloatArray",
    "IntArray",
    "MatrixLike",
    "ProgressInfo",
    "RandomState",
]

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.integer[Any]]
BoolArray: TypeAlias = NDArray[np.bool_]

#: Array-like, frame, or SciPy sparse matrix or array of shape (n_samples, n_features).
MatrixLike: TypeAlias = Any

#: Seed of anything random.
RandomState: TypeAlias = (
    "int | np.integer[Any] | np.random.Generator | np.random.RandomState | None"
)


class ProgressInfo(TypedDict):
    """What a kernel tells its callback: finished steps, and the state of the current one."""

    step: int
    n_steps: int
    alpha: float
    gap: float
    n_active: int
