# SPDX-License-Identifier: BSD-3-Clause
"""The release behind the private curve: public design, cells of the records, exact noise."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taut import _core
from taut.survival._surv import _columns

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

#: Denominator of every epsilon: a release uses floor(epsilon * RESOLUTION) / RESOLUTION.
RESOLUTION = 2**20
MAX_STEPS = 2**50
#: From so many bins on, sums over blocks pay: measured, between 64 and 128 on all data tried.
TREE_FROM = 100
UNKNOWN = 2
NUMBER = int | float | np.integer | np.floating | np.bool_


@dataclass(frozen=True)
class Design:
    """All that is public about a release, and all that the noise depends on."""

    grid: Float64
    n_groups: int
    other: bool
    block: int
    n: int | None
    neighbors: str
    records_per_person: int
    steps: int

    @property
    def n_bins(self) -> int:
        return self.grid.size - 1

    @property
    def n_cells(self) -> int:
        return self.n_groups * (2 * self.n_bins + 1) + self.other

    @property
    def n_blocks(self) -> int:
        return -(-self.n_bins // self.block) if self.block else 0

    @property
    def size(self) -> int:
        """Numbers that are measured."""
        return self.n_cells + 2 * self.n_groups * self.n_blocks

    @property
    def sensitivity(self) -> int:
        """How far the measured counts of two neighbours can be apart, in absolute value summed."""
        cells = 2 if self.neighbors == "replace_one" else 1
        return cells * self.records_per_person * (2 if self.block else 1)

    @property
    def epsilon(self) -> float:
        return self.steps / RESOLUTION

    @property
    def rate(self) -> float:
        """Noise z has a probability proportional to exp(-rate |z|)."""
        return self.epsilon / self.sensitivity

    @property
    def variance(self) -> float:
        """Variance of the noise of each measured number."""
        return 0.5 / math.sinh(0.5 * self.rate) ** 2 if self.rate < 700.0 else 0.0

    def noise(self, n_draws: int, key: bytes) -> Int64:
        """Noise for ``n_draws`` releases, from a key that is used once: (n_draws, size)."""
        draws = _core.privacy_discrete_laplace(
            key, n_draws * self.size, self.steps, self.sensitivity * RESOLUTION
        )
        return draws.reshape(n_draws, self.size)

    def measure(self, cells: Int64) -> Int64:
        """Append the block sums to cells of shape (..., n_cells)."""
        if not self.block:
            return cells
        own = cells[..., : self.n_cells - self.other]
        leaves = own.reshape(*cells.shape[:-1], self.n_groups, 2 * self.n_bins + 1)
        starts = np.arange(0, self.n_bins, self.block)
        parts = [
            np.add.reduceat(leaves[..., first : first + self.n_bins], starts, axis=-1)
            for first in (0, self.n_bins)
        ]
        sums = np.stack(parts, axis=-2).reshape(*cells.shape[:-1], -1)
        return np.concatenate([cells, sums], axis=-1)

    def counts(self, columns: Columns) -> Int64:
        """Exact counts of the data. Not private: never to be kept."""
        cells = _core.privacy_count_cells(
            columns.time, columns.event, columns.group, self.grid, self.n_groups
        )
        return self.measure(cells)

    def curves(self, noisy: NDArray[Any], postprocess: str) -> Curves:
        """Tables and curves of noisy counts of shape (n_draws, size)."""
        out = _core.privacy_curves(
            np.ascontiguousarray(noisy, dtype=np.float64),
            self.n_bins,
            self.n_groups,
            self.other,
            self.block,
            -1.0 if self.n is None else float(self.n),
            self.variance,
            postprocess,
        )
        survival = np.concatenate([np.ones((*out[0].shape[:2], 1)), out[0]], axis=2)
        return Curves(survival, *out[1:])


@dataclass(frozen=True)
class Curves:
    """Tables and curves, shape (n_draws, n_groups, n_bins), survival with one more for time 0."""

    survival: Float64
    n_at_risk: Float64
    n_event: Float64
    n_censor: Float64
    n_beyond: Float64


@dataclass(frozen=True)
class Columns:
    """Records as the kernel counts them."""

    time: Float64
    event: NDArray[np.uint8]
    group: NDArray[np.int32] | None

    @property
    def n(self) -> int:
        return self.time.size


def read_columns(y: Any, groups: Any, labels: tuple[Any, ...] | None) -> Columns:
    """Columns of private data.

    What is wrong with a single record must not become visible: a value that is no number counts as
    missing, and messages tell of shapes and names only.
    """
    try:
        found = _columns(y)
    except (TypeError, ValueError):
        found = None  # its message may hold the number of records
    if found is None:
        raise TypeError(
            "y must be a structured array with the fields event and time, a data frame or an array "
            "with the columns time and event, or a tuple of these columns."
        )
    time, event, entry = found
    if entry is not None:
        raise ValueError(
            "y must not have times of entry: left truncation is not supported, because a late "
            "record would count in the numbers at risk of two places."
        )
    times, flags = _numbers(time, "time"), _flags(event)
    if times.size != flags.size:
        raise ValueError("time and event must have the same length.")
    codes = None
    if labels is not None:
        codes = _codes(groups, labels)
        if codes.size != times.size:
            raise ValueError("groups and y must have the same length.")
    return Columns(times, flags, codes)


def _vector(values: Any, name: str) -> NDArray[Any]:
    try:
        array = np.asarray(values)
    except ValueError:  # one item is a sequence
        array = np.fromiter(values, dtype=object, count=len(values))
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got {array.ndim} dimensions.")
    return array


def _numbers(values: Any, name: str) -> Float64:
    array = _vector(values, name)
    if array.dtype.kind in "biuf":
        return np.ascontiguousarray(array, dtype=np.float64)
    return np.array([_number(v) for v in array.tolist()], dtype=np.float64)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return np.nan


def _flags(values: Any) -> NDArray[np.uint8]:
    array = _vector(values, "event")
    if array.dtype == np.bool_:
        return np.ascontiguousarray(array).view(np.uint8)
    numbers = _numbers(array, "event")
    codes = np.full(numbers.size, UNKNOWN, dtype=np.uint8)
    codes[numbers == 0] = 0
    codes[numbers == 1] = 1
    return codes


def _codes(groups: Any, labels: tuple[Any, ...]) -> NDArray[np.int32]:
    """Position of each record's label; that after the last for labels that are not on the list."""
    array = _vector(groups, "groups")
    codes = np.full(array.size, len(labels), dtype=np.int32)
    if array.dtype.kind in "biuf" and all(isinstance(v, NUMBER) for v in labels):
        for k, label in enumerate(labels):
            codes[array == label] = k
        return codes
    place = {label: k for k, label in enumerate(labels)}
    for i, value in enumerate(array.tolist()):
        try:
            codes[i] = place.get(value, len(labels))
        except TypeError:  # not hashable, so not on the list
            continue
    return codes


def fresh_key(generator: np.random.Generator | None = None) -> bytes:
    """A key that nobody can know: 32 bytes of the operating system. Or of a seed, for studies."""
    return os.urandom(32) if generator is None else generator.bytes(32)
