# SPDX-License-Identifier: BSD-3-Clause
"""What is known beforehand about the edges, as one mask."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["allowed_mask", "feature_index"]


def feature_index(feature: Any, names: Sequence[str] | None, size: int) -> int:
    """Return the number of a feature given by number or name."""
    if isinstance(feature, str):
        if names is None:
            raise ValueError(
                f"There is no feature {feature!r}: the data had no column names. Give the number "
                f"of the column, 0 .. {size - 1}."
            )
        found = np.flatnonzero(np.asarray(names) == feature)
        if found.size == 0:
            raise ValueError(f"There is no feature {feature!r}; there are {_listed(names)}.")
        return int(found[0])
    if isinstance(feature, bool) or not isinstance(feature, Integral):
        raise TypeError(f"A feature is given by its number or name, got {feature!r}.")
    number = int(feature)
    if not 0 <= number < size:
        raise ValueError(f"There is no feature {number}; there are 0 .. {size - 1}.")
    return number


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(str, names[:8])) + (" and others" if len(names) > 8 else "")


def allowed_mask(
    forbidden: Any, allowed: Any, tiers: Any, names: Sequence[str] | None, size: int
) -> NDArray[np.bool_] | None:
    """Return True where an edge may be, or None where all may; the diagonal is not looked at."""
    if forbidden is None and allowed is None and tiers is None:
        return None
    mask = np.ones((size, size), dtype=bool)
    if allowed is not None:
        mask &= _pairs(allowed, "allowed", names, size)
    if forbidden is not None:
        mask &= ~_pairs(forbidden, "forbidden", names, size)
    if tiers is not None:
        level = _levels(tiers, names, size)
        mask &= level[:, None] <= level[None, :]
    return mask


def _pairs(edges: Any, name: str, names: Sequence[str] | None, size: int) -> NDArray[np.bool_]:
    array = np.asarray(edges) if hasattr(edges, "dtype") else None
    if array is not None and array.dtype == bool:
        if array.shape != (size, size):
            raise ValueError(
                f"{name} as a mask must have shape ({size}, {size}), got {array.shape}."
            )
        return array
    if array is not None and array.ndim == 2 and array.shape[1] != 2:
        raise TypeError(
            f"{name} must be a boolean mask or a list of pairs (source, target), got an array of "
            f"{array.dtype} with shape {array.shape}."
        )
    mask = np.zeros((size, size), dtype=bool)
    for pair in edges:
        if isinstance(pair, str) or not hasattr(pair, "__len__") or len(pair) != 2:
            raise TypeError(f"{name} must hold pairs (source, target), got {pair!r}.")
        i, j = (feature_index(feature, names, size) for feature in pair)
        mask[i, j] = True
    return mask


def _levels(tiers: Any, names: Sequence[str] | None, size: int) -> NDArray[np.int64]:
    level = np.full(size, -1, dtype=np.int64)
    for k, members in enumerate(tiers):
        if isinstance(members, str) or not hasattr(members, "__len__"):
            raise TypeError(f"tiers must be a list of lists of features, got {members!r} in it.")
        for feature in members:
            j = feature_index(feature, names, size)
            if level[j] >= 0:
                raise ValueError(f"tiers must not overlap: feature {feature!r} is in two of them.")
            level[j] = k
    missing = np.flatnonzero(level < 0)
    if missing.size:
        which = [str(j) if names is None else str(names[j]) for j in missing.tolist()]
        raise ValueError(f"tiers must hold every feature once; missing: {_listed(which)}.")
    return level
