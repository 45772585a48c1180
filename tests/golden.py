# SPDX-License-Identifier: BSD-3-Clause
"""Reads the stored fits of R's glmnet and translates its conventions into ours."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import reference_solver

ROOT = Path(__file__).parent / "references"


def cases(method: str) -> list[Any]:
    """Return the names of the stored cases of a method, sorted."""
    return sorted(
        path.stem
        for path in (ROOT / method).glob("*.json")
        if path.stem not in {"meta", "accuracy", "polished"}
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
    folder: Path

    @property
    def alphas(self) -> np.ndarray:
        """Our strengths for all of glmnet's lambdas."""
        return self.scale * np.array(self.raw["lambda"])

    @property
    def eps(self) -> float:
        """Ratio of the least to the largest lambda that glmnet was asked for."""
        default = 1e-4 if self.X.shape[0] > self.X.shape[1] else 1e-2
        return float((self.raw["options"] or {}).get("lambda.min.ratio", default))

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

    def objectives(self, coefs: np.ndarray, intercepts: np.ndarray) -> np.ndarray:
        """Return our objective at the kept strengths; coefs (n_kept, n_outputs, p)."""
        n, p = self.X.shape
        s = np.ones(n) if self.weight is None else self.weight
        s = s / s.sum()
        scale = np.ones(p)
        if self.options["standardize"]:
            scale = np.sqrt(s @ (self.X - s @ self.X) ** 2)
        named = {"gaussian": "quadratic", "binomial": "logistic", "poisson": "poisson"}
        family = named.get(self.raw["family"], "multinomial")
        Y = (
            np.eye(coefs.shape[1])[self.y.astype(int)]
            if family == "multinomial"
            else self.y[:, None]
        )
        factor = np.asarray(self.options.get("penalty_factor", np.ones(p)))
        mix, grouped = self.options["l1_ratio"], self.options.get("grouped", False)
        return np.array(
            [
                reference_solver.loss(family, Y, self.X @ B.T + b0, s)
                + alpha * reference_solver.penalty(B.T * scale[:, None], factor, mix, grouped)
                for alpha, B, b0 in zip(self.alphas[self.kept], coefs, intercepts, strict=True)
            ]
        )

    def check(self, coefs: np.ndarray, intercepts: np.ndarray, *, unique: bool = True) -> None:
        """Assert that a path (n_alphas, n_outputs, p) is glmnet's, as far as glmnet is exact.

        Objectives are never above glmnet's. Coefficients, in units of one standard deviation of
        their column, agree to 2e-6 of the largest one, or to what glmnet left undone
        (accuracy.json: the error that a Newton step from its answer predicts, for the signs it
        has; intercepts are not part of that, so they get more room).
        """
        coefs, intercepts = coefs[self.kept], intercepts[self.kept]
        ours = self.objectives(coefs, intercepts)
        theirs = self.objectives(self.coef, self.intercept)
        np.testing.assert_array_less(ours, theirs + 1e-10 * np.abs(theirs).max())
        scale = self.X.std(axis=0)
        size = np.abs(self.coef * scale).max()
        limit = max(2e-6, 3 * self.left_undone) * size
        if unique:
            np.testing.assert_allclose(coefs * scale, self.coef * scale, rtol=0, atol=limit)
        ours = intercepts + coefs @ self.X.mean(axis=0)
        theirs = self.intercept + self.coef @ self.X.mean(axis=0)
        size = max(np.abs(theirs).max(), size)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=3 * limit)

    def check_polished(self, coefs: np.ndarray, rtol: float) -> None:
        """Assert that a path is glmnet's freed of its stopping error, to rtol of the largest.

        polished.json holds what Newton steps on glmnet's active set, done without us, make of its
        coefficients; every optimality condition then holds to rounding.
        """
        record = json.loads((self.folder / "polished.json").read_text())
        theirs = np.array(record[self.raw["case"]], dtype=float)
        scale = self.X.std(axis=0)
        size = np.abs(theirs * scale).max()
        np.testing.assert_allclose(
            coefs[self.kept] * scale, theirs * scale, rtol=0, atol=rtol * size
        )

    @property
    def left_undone(self) -> float:
        """Relative coefficient error of glmnet itself, measured without us."""
        record = json.loads((self.folder / "accuracy.json").read_text())
        return float(record[self.raw["case"]]["predicted_coef_error"])


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
    return Golden(X, y, column["fold"].astype(int), weight, options, scale, raw, ROOT / method)
