# SPDX-License-Identifier: BSD-3-Clause
"""Measure how exact the stored glmnet fits are, without taut.

For every case and kept lambda: the violation of the optimality conditions relative to the largest
gradient of the null model, and the coefficient error that one Newton step on the active set
predicts, relative to the largest coefficient. Both go to ``<method>/accuracy.json``, the error
lambda by lambda; a test tolerance below it would test glmnet, not taut.

It also proves the conventions that README.md lists: standard deviations with 1/n, penalty factors
rescaled to sum to p, limits on the original scale, the ridge part of gaussian fits over sd_y.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent


def read_table(path):
    names = path.read_text().split("\n", 1)[0].split(",")
    values = np.loadtxt(path, delimiter=",", skiprows=1)
    assert names[-3:] == ["y", "fold", "weight"]
    return values[:, :-3], values[:, -3], values[:, -1]


class Case:
    """One stored case as an optimisation problem on standardised columns."""

    def __init__(self, folder, record):
        self.record = record
        X, y, weight = read_table(folder / f"{record['table']}.csv")
        n, p = X.shape
        self.family = record["family"]
        options = record["options"] or {}
        options = dict(options) if isinstance(options, dict) else {}
        s = weight / weight.sum() if record["weighted"] else np.full(n, 1.0 / n)
        mean = s @ X
        sd = np.sqrt(s @ (X - mean) ** 2) if options.get("standardize", True) else np.ones(p)
        self.X, self.s, self.sd = X / sd, s, sd
        self.rho = options.get("alpha", 1.0)
        self.intercept = options.get("intercept", True)
        self.grouped = options.get("type.multinomial") == "grouped"
        factor = np.array([float(v) for v in options.get("penalty.factor", ["1"] * p)])
        self.excluded = np.isinf(factor)
        factor[self.excluded] = 1.0
        self.factor = factor * p / factor.sum()
        limits = [options.get(f"{side}.limits", [f"{sign}inf"] * p) for side, sign in BOUNDS]
        self.lower, self.upper = (np.array([float(v) for v in lim]) * sd for lim in limits)
        self.ridge = 1.0
        if self.family == "gaussian":
            self.Y = y[:, None]
            centre = s @ y if self.intercept else 0.0
            self.ridge = 1.0 / np.sqrt(s @ (y - centre) ** 2)
        elif self.family in ("binomial", "poisson"):
            self.Y = y[:, None]
        else:
            self.Y = np.eye(int(y.max()) + 1)[y.astype(int)]

    def fitted(self, b0, B):
        """Return predictions and Hessian blocks (n, K, K) of the loss."""
        eta = self.X @ B.T + b0
        if self.family == "gaussian":
            return eta, np.ones((eta.shape[0], 1, 1))
        if self.family == "binomial":
            P = 1.0 / (1.0 + np.exp(-eta))
            return P, (P * (1.0 - P))[:, :, None]
        if self.family == "poisson":
            return np.exp(eta), np.exp(eta)[:, :, None]
        P = np.exp(eta - eta.max(axis=1, keepdims=True))
        P /= P.sum(axis=1, keepdims=True)
        return P, P[:, :, None] * np.eye(P.shape[1]) - P[:, :, None] * P[:, None, :]

    def conditions(self, lam, b0, B):
        """Return (largest violation, change of b0 (K,) and B (K, p) that would remove it)."""
        P, W = self.fitted(b0, B)
        U = self.s[:, None] * (P - self.Y)
        l1, l2 = lam * self.rho * self.factor, lam * (1 - self.rho) * self.ridge * self.factor
        G = U.T @ self.X + l2 * B  # (K, p): gradient of everything smooth
        norms = np.linalg.norm(B, axis=0) if self.grouped else np.abs(B)
        active = np.broadcast_to(norms > 0, B.shape)
        safe = np.where(norms > 0, norms, 1.0)
        stationary = G + l1 * B / safe
        if self.grouped:
            zero = np.maximum(np.linalg.norm(G, axis=0) - l1, 0.0) * np.ones_like(B)
        else:
            low_open, high_open = self.lower < 0, self.upper > 0
            zero = np.maximum(np.maximum((-G - l1) * high_open, (G - l1) * low_open), 0.0)
        violation = np.where(active, stationary, zero)
        at_high = active & np.isclose(B, self.upper, rtol=1e-12)
        at_low = active & np.isclose(B, self.lower, rtol=1e-12)
        violation = np.where(at_high, np.maximum(stationary, 0), violation)
        violation = np.where(at_low, np.maximum(-stationary, 0), violation)
        violation[:, self.excluded] = 0.0
        free = active & ~at_high & ~at_low
        u0 = U.sum(axis=0) if self.intercept else np.zeros(B.shape[0])
        step = self.newton(W, B, free, violation, u0, l1, l2, norms)
        return max(np.abs(violation).max(), np.abs(u0).max()), step[:, 0], step[:, 1:]

    def residuals(self, lam, b0, B):
        """Return (largest violation, predicted relative coefficient error)."""
        violation, _, step = self.conditions(lam, b0, B)
        scale = np.abs(B / self.sd).max()
        error = np.abs(step / self.sd).max() / scale if scale > 0 else 0.0
        return violation, error

    def polish(self, lam, b0, B):
        """Return glmnet's solution after Newton steps on its active set, and the violation left.

        That is the minimum itself, found without taut, wherever glmnet has the right active set:
        the violation, which counts coordinates at zero too, then falls to rounding.
        """
        for _ in range(20):
            _, step0, step = self.conditions(lam, b0, B)
            moved = B + step
            if np.any(moved * B < 0):
                break
            b0, B = b0 + step0, moved
            if np.abs(step).max() <= 1e-15 * max(np.abs(B).max(), 1e-300):
                break
        return b0, B, self.conditions(lam, b0, B)[0]

    def newton(self, W, B, free, violation, u0, l1, l2, norms):
        """Return the change (K, 1 + p) that would remove the violations, by least squares."""
        K, p = B.shape
        design = np.hstack([np.ones((self.X.shape[0], 1)), self.X])
        H = np.einsum("i,ikl,ia,ib->kalb", self.s, W, design, design, optimize=True)
        for j in range(p):
            H[np.arange(K), j + 1, np.arange(K), j + 1] += l2[j]
            if self.grouped and norms[j] > 0:
                b = B[:, j] / norms[j]
                H[:, j + 1, :, j + 1] += l1[j] / norms[j] * (np.eye(K) - np.outer(b, b))
        keep = np.hstack([np.full((K, 1), self.intercept), free]).ravel()
        g = np.hstack([u0[:, None], np.where(free, violation, 0.0)]).ravel()
        H = H.reshape(K * (p + 1), K * (p + 1))[np.ix_(keep, keep)]
        step = np.zeros(K * (p + 1))
        step[keep] = -np.linalg.lstsq(H, g[keep], rcond=1e-12)[0]
        return step.reshape(K, p + 1)


BOUNDS = (("lower", "-"), ("upper", ""))
EXACT = 1e-12  # violation over the null gradient below which a polished fit counts as the minimum


def check(folder, record):
    case = Case(folder, record)
    K, p = case.Y.shape[1], case.X.shape[1]
    b0 = np.zeros(K)
    if case.intercept:
        mean = case.s @ case.Y
        b0 = {
            "gaussian": lambda: mean,
            "binomial": lambda: np.log(mean / (1 - mean)),
            "poisson": lambda: np.log(mean),
            "multinomial": lambda: np.log(mean),
        }[case.family]()
    P, _ = case.fitted(b0, np.zeros((K, p)))
    size = np.abs((case.s[:, None] * (P - case.Y)).T @ case.X).max()
    pairs = []
    for i, b0, B in zip(record["index"], record["intercept"], record["coef"], strict=True):
        lam = record["lambda"][i]
        pairs.append(case.residuals(lam, np.atleast_1d(b0), np.array(B) * case.sd))
    violation, error = np.array(pairs).T
    polished = []
    for i, b0, B in zip(record["index"], record["intercept"], record["coef"], strict=True):
        _, B, left = case.polish(record["lambda"][i], np.atleast_1d(b0), np.array(B) * case.sd)
        polished.append((B / case.sd).tolist() if left <= EXACT * size else None)
    return polished, {
        "kkt_over_null_gradient": float(f"{violation.max() / size:.2g}"),
        "predicted_coef_error": float(f"{error.max():.2g}"),
        "predicted_coef_error_by_lambda": [float(f"{value:.2g}") for value in error],
    }


def main():
    for folder in (HERE / m for m in ("gaussian", "binomial", "poisson", "multinomial")):
        out, polished = {}, {}
        for path in sorted(folder.glob("*.json")):
            record = json.loads(path.read_text())
            if "case" in record:
                polished[record["case"]], out[record["case"]] = check(folder, record)
                missing = sum(B is None for B in polished[record["case"]])
                if missing:
                    print(f"  {missing} of {len(record['index'])} lambdas cannot be polished")
                show = {k: v for k, v in out[record["case"]].items() if "by_lambda" not in k}
                print(folder.name, record["case"], show)
        lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in out.items()]
        (folder / "accuracy.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
        if folder.name == "multinomial":
            lines = [f"{json.dumps(name)}: {json.dumps(B)}" for name, B in polished.items()]
            (folder / "polished.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
