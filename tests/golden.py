# SPDX-License-Identifier: BSD-3-Clause
"""Reads the stored fits of R's glmnet and translates its conventions into ours."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent / "references"


def cases(method: str) -> list[Any]:
    """Return the names of the stored cases of a method, sorted."""
    return sorted(
        path.stem
        for path in (ROOT / method).glob("*.json")
        if path.stem not in {"meta", "accuracy"}
    )


@dataclass
class Golden:
    """One stored fit: the data, glmnet's answer, and our options for the same problem."""

    X: np.ndarray
    y: np.ndarray
    fold: np.ndarray
    weight: np.ndarray | None
    options: dict[str, Any]
    scale: float  # our alpha is glmnet's lambda times this
    raw: dict[str, Any]

    @property
    def alphas(self) -> np.ndarray:
        """Our strengths for all of glmnet's lambdas."""
        return self.scale * np.array(self.raw["lambda"])

    @property
    def kept(self) -> np.ndarray:
        """Positions of the lambdas whose coefficients are stored."""
        return np.array(self.raw["index"], dtype=int)

    @property
    def coef(self) -> np.ndarray:
        """Coefficients (n_kept, n_outputs, p)."""
        return np.array(self.raw["coef"], dtype=float)

    @property
    def intercept(self) -> np.ndarray:
        """Intercepts (n_kept, n_outputs)."""
        return np.array(self.raw["intercept"], dtype=float).reshape(len(self.kept), -1)


def load(method: str, name: str) -> Golden:
    """Read a case."""
    raw = json.loads((ROOT / method / f"{name}.json").read_text())
    with (ROOT / method / f"{raw['table']}.csv").open() as file:
        header = file.readline().strip().split(",")
        table = np.loadtxt(file, delimiter=",")
    column = dict(zip(header, table.T, strict=True))
    X = np.asfortranarray(table[:, : header.index("y")])
    y, weight = column["y"], column["weight"] if raw["weighted"] else None
    theirs = raw["options"] or {}
    options: dict[str, Any] = {
        "standardize": theirs.get("standardize", True),
        "fit_intercept": theirs.get("intercept", True),
    }
    if raw["family"] == "multinomial":
        options["grouped"] = theirs.get("type.multinomial") == "grouped"
    for key, ours in (("lower.limits", "lower"), ("upper.limits", "upper")):
        if key in theirs:
            options[ours] = np.array(theirs[key], dtype=float)
    if "penalty.factor" in theirs:
        factor = np.array(theirs["penalty.factor"], dtype=float)
        kept = np.where(np.isinf(factor), 1.0, factor)
        options["penalty_factor"] = factor * factor.size / kept.sum()  # glmnet rescales them
    mix, scale = theirs.get("alpha", 1.0), 1.0
    if raw["family"] == "gaussian":
        # glmnet divides y by its standard deviation: the ridge part is divided by it
        s = np.ones(len(y)) if weight is None else weight
        s = s / s.sum()
        centre = s @ y if options["fit_intercept"] else 0.0
        ridge = (1 - mix) / np.sqrt(s @ (y - centre) ** 2)
        scale, mix = mix + ridge, mix / (mix + ridge)
    options["l1_ratio"] = mix
    return Golden(X, y, column["fold"].astype(int), weight, options, scale, raw)
