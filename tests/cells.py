# SPDX-License-Identifier: BSD-3-Clause
"""The cells datafit x penalty: data for each, and a judge that knows nothing of the solvers."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import xlogy

from taut import datafits, penalties
from taut._validation import check_groups
from taut.linear_model import penalized_path, refusal
from taut.testing import groups, kkt, nonconvex

CELLS = [(d, p) for d in datafits.BY_NAME for p in penalties.BY_NAME]
SOLVED = [cell for cell in CELLS if refusal(*cell) is None]
REFUSED = [cell for cell in CELLS if refusal(*cell) is not None]

_LOSS = {"huber": {"delta": 0.7}, "sqrt": {"sigma_min": 1e-3}}


def make_datafit(name: str) -> datafits.Datafit:
    """Return the holder that the tests use."""
    return datafits.BY_NAME[name](**_LOSS.get(name, {}))


def make_penalty(name: str, labels: Any, l1_ratio: float = 0.5) -> penalties.Penalty:
    """Return the holder that the tests use."""
    kind = penalties.BY_NAME[name]
    known = {field.name for field in kind.__dataclass_fields__.values()}
    given = {"groups": labels, "l1_ratio": l1_ratio}
    return kind(**{k: v for k, v in given.items() if k in known})


def response(name: str, eta: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw y for a linear predictor."""
    n = eta.size
    if name == "poisson":
        y = rng.poisson(np.exp(np.clip(eta, -3, 3))).astype(float)
        y[0] += 1.0
        return y
    if name in ("logistic", "multinomial"):
        k = 2 if name == "logistic" else 3
        noisy = eta + rng.logistic(size=n)
        y = np.searchsorted(np.quantile(noisy, np.arange(1, k) / k), noisy)
        y[:k] = np.arange(k)
        return y
    return eta + 0.5 * rng.standard_normal(n)


@dataclass
class Case:
    """One problem in a cell, as the path function and the judge take it."""

    datafit: str
    penalty: penalties.Penalty
    X: Any
    y: np.ndarray
    fit_intercept: bool = True
    options: dict[str, Any] = field(default_factory=dict)  # weights, offset, factors, scaling

    def path(self, alphas: Any = None, **settings: Any) -> Any:
        return penalized_path(
            self.X,
            self.y,
            make_datafit(self.datafit),
            self.penalty,
            alphas=alphas,
            fit_intercept=self.fit_intercept,
            **{**self.options, **settings},
        )

    def _wide(self) -> Any:
        return self.X.astype(np.float64)

    def _numbers(self) -> np.ndarray:
        return self.y.astype(float) if self.datafit != "multinomial" else self.y

    def null_loss(self) -> float:
        keep = {k: v for k, v in self.options.items() if k in ("sample_weight", "offset")}
        return kkt.null_loss(
            self._numbers(),
            datafit=self.datafit,
            fit_intercept=self.fit_intercept,
            **keep,
            **_LOSS.get(self.datafit, {}),
        )

    def unit(self) -> float:
        """What the tolerance is relative to: the null loss, for counts the null deviance's half."""
        if self.datafit != "poisson":
            return self.null_loss()
        s = self.options.get("sample_weight", np.ones(self.y.size))
        s = s / s.sum()
        # Counts that the null model fits have a deviance of rounding: the kernel's floor.
        floor = 1e-8 * (s @ self.y)
        return max(self.null_loss() - s @ (self.y - xlogy(self.y, self.y)), floor)

    def pull(self) -> float:
        """Largest gradient of the model without penalised coefficients."""
        options = {k: v for k, v in self.options.items() if k != "penalty_factor"}
        return kkt.alpha_max(
            self._wide(),
            self._numbers(),
            datafit=self.datafit,
            fit_intercept=self.fit_intercept,
            **options,
            **_LOSS.get(self.datafit, {}),
        )

    def judge(self, coef: Any, intercept: Any, alpha: float) -> tuple[float, float]:
        """Objective and duality gap of coefficients, or nan and distance to stationarity."""
        intercept = intercept if self.fit_intercept else None
        data = (self._wide(), self._numbers(), coef, intercept)
        loss = {"alpha": alpha, "datafit": self.datafit, **_LOSS.get(self.datafit, {})}
        loss |= self.options
        name, shape = self.penalty.name, self.penalty.get_params()
        if name in ("l1", "elastic_net"):
            loss["l1_ratio"] = shape.get("l1_ratio", 1.0)
            return kkt.objective(*data, **loss), kkt.duality_gap(*data, **loss)
        if name == "fused":
            return self._judge_increments(coef, data[3], loss)
        if self.penalty.blocks:
            loss["groups"] = (
                None
                if shape["groups"] is None
                else check_groups(shape["groups"], self.X.shape[1])[0]
            )
            loss |= {"penalty": name, "l1_ratio": shape["l1_ratio"]}
            return groups.objective(*data, **loss), groups.duality_gap(*data, **loss)
        loss |= {"penalty": name, "gamma": shape.get("gamma", shape.get("exponent"))}
        return np.nan, nonconvex.violation(*data, **loss)

    def _judge_increments(self, coef: Any, intercept: Any, loss: Any) -> tuple[float, float]:
        """The same of chains: a Lasso whose columns are sums from a place to the chain's end."""
        X = self._wide()
        X = X.toarray() if sparse.issparse(X) else X
        n, p = X.shape
        labels = self.penalty.groups
        of = np.zeros(p, int) if labels is None else check_groups(labels, p)[0]
        scale = np.ones(p)
        if loss.pop("standardize", False):
            s = self.options.get("sample_weight", np.ones(n))
            s = s / s.sum()
            scale = np.sqrt(s @ (X - s @ X) ** 2)
            scale[scale <= 1e-13 * np.abs(s @ X)] = 1.0
        W = np.atleast_2d(np.asarray(coef, dtype=np.float64)) * scale
        steps, Z = np.empty_like(W), np.empty_like(X)
        default = np.empty(p)
        for g in range(int(of.max()) + 1):
            chain = np.flatnonzero(of == g)
            Z[:, chain] = np.cumsum((X / scale)[:, chain[::-1]], axis=1)[:, ::-1]
            steps[:, chain] = np.diff(W[:, chain], axis=1, prepend=0.0)
            default[chain] = np.r_[0.0, np.ones(chain.size - 1)]
        # Equal neighbours differ by rounding once they are scaled back.
        steps[np.abs(steps) <= 1e-13 * np.abs(W).max(initial=0.0)] = 0.0
        if self.X.dtype == np.float32:
            steps[np.abs(steps) <= 1e-6 * np.abs(W).max(initial=0.0)] = 0.0
        loss.setdefault("penalty_factor", default)
        data = (Z, self._numbers(), steps if self.datafit == "multinomial" else steps[0], intercept)
        return kkt.objective(*data, **loss), kkt.duality_gap(*data, **loss)

    def certificate(self, coef: Any, intercept: Any, alpha: float) -> float:
        """How far from optimal: suboptimality over null loss, or distance over null gradient."""
        value, reached = self.judge(coef, intercept, alpha)
        if not self.penalty.convex:
            return reached / self.pull()
        unit = self.unit()
        if reached > 1e-7 * unit:
            # The judge's dual points are poor away from the optimum. Any point with its gap bounds
            # the minimum from below, so a better one proves more.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                best = self.path([alpha], tol=1e-13)
            coef = best.coefs[0] if best.coefs.ndim == 3 else best.coefs[:, 0]
            least, left = self.judge(coef, best.intercepts[0], alpha)
            reached = min(reached, value - least + left)
        return reached / unit


def plain_case(datafit: str, penalty: str, n: int = 40, p: int = 8, seed: int = 0) -> Case:
    """Return a small case without options."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * (rng.random((n, p)) < 0.7)
    eta = X[:, :3] @ [1.0, -0.8, 0.5]
    return Case(datafit, make_penalty(penalty, np.arange(p) // 2), X, response(datafit, eta, rng))
