# SPDX-License-Identifier: BSD-3-Clause
"""Reads the results of R's survival package stored under references/survival."""

from __future__ import annotations

import csv
import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent / "references" / "survival"
NOT_NUMBERS = {"NA": np.nan, "NaN": np.nan, "Inf": np.inf, "-Inf": -np.inf}


@cache
def table(name: str) -> dict[str, np.ndarray]:
    """Columns of a data set; missing values are NaN."""
    header, *rows = csv.reader(
        gzip.decompress((ROOT / f"{name}.csv.gz").read_bytes()).decode().split()
    )
    values = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])
    return dict(zip(header, values.T.copy(), strict=True))


def complete(name: str, *columns: str) -> dict[str, np.ndarray]:
    """Rows without a missing value in the given columns (all if none are given)."""
    data = table(name)
    keep = ~np.any([np.isnan(data[c]) for c in columns or data], axis=0)
    return {key: column[keep] for key, column in data.items()}


@cache
def results(name: str) -> dict[str, Any]:
    """All blocks of a data set."""
    out: dict[str, Any] = {}
    for path in sorted(ROOT.glob(f"{name}.*json.gz")):
        out.update(json.loads(gzip.decompress(path.read_bytes())))
    return out


def numbers(values: Any) -> np.ndarray:
    """Array of what R printed."""
    if isinstance(values, list) and values and isinstance(values[0], list):
        return np.array([numbers(row) for row in values])
    values = values if isinstance(values, list) else [values]
    return np.array([NOT_NUMBERS.get(v, v) for v in values], dtype=float)


def column(block: dict[str, Any], curve: str, name: str) -> np.ndarray | None:
    """A column of one curve; "=" stands for that of ``km_log``."""
    value = block[curve].get(name)
    if value == "=":
        value = block["km_log"][name]
    return None if value is None else numbers(value)


def close(got: Any, want: Any, rtol: float, what: str = "") -> None:
    """Equal to a relative tolerance; NaN and infinities in the same places."""
    np.testing.assert_allclose(
        np.asarray(got, dtype=float), want, rtol=rtol, atol=0, equal_nan=True, err_msg=what
    )


def step_weights(n: int) -> np.ndarray:
    """The weights of the weighted blocks: 0.5 to 2.5 in turn."""
    return ((np.arange(1, n + 1) * 7) % 5 + 1) / 2
