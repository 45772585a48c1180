# SPDX-License-Identifier: BSD-3-Clause
"""Write the tables that the R scripts of this folder fit.

``python tests/references/export_data.py`` before ``Rscript tests/references/<method>/make.R``.
Values are written with 17 digits, so R and NumPy read the same doubles. ``plans`` repeats the
generator of market plans on purpose: the library's own must give this table.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

HERE = Path(__file__).resolve().parent


def plan_market(seed=0, n=172):
    """Return X (172, 34), column names, classes (172,) and shares (172,)."""
    rng = np.random.default_rng(seed)

    def z():
        return rng.standard_normal(n)

    year = rng.integers(2018, 2024, n)
    brand = rng.choice(6, n, p=[0.28, 0.22, 0.18, 0.14, 0.10, 0.08])
    kind = rng.choice(3, n, p=[0.50, 0.35, 0.15])
    ppo, other = (kind == 1).astype(float), (kind == 2).astype(float)
    q = z()
    part_d = (rng.random(n) < 0.82).astype(float)
    premium = np.round(np.maximum(0.0, 40 + 35 * ppo - 12 * q + 25 * z()), 1)
    moop_in = np.round(np.clip(6200 - 700 * q + 500 * z(), 2000, 8300), -2)
    moop_all = np.round(np.clip(1.45 * moop_in + 150 * z(), 2500, 12450), -2)
    ded_med = np.round(np.maximum(0.0, 120 - 80 * q + 120 * z()))
    ded_drug = np.round(part_d * np.maximum(0.0, 260 - 60 * q + 130 * z()))
    copay_pcp = np.round(np.clip(8 - 5 * q + 6 * z(), 0, 40))
    copay_spec = np.round(np.clip(32 + 0.9 * copay_pcp - 4 * q + 6 * z(), 0, 65))
    copay_er = np.round(np.clip(95 + 8 * z(), 50, 135))
    inpatient = np.round(np.clip(330 - 30 * q + 60 * z(), 0, 600))
    ambulance = np.round(np.clip(0.75 * inpatient + 12 * z(), 0, 600))
    tier1 = np.round(part_d * np.clip(3 - 1.2 * q + 2 * z(), 0, 15))
    tier3 = np.round(part_d * np.clip(38 + 18 * z(), 0, 100))
    logits = np.linspace(-1.2, 1.6, 12) + 0.5 * q[:, None]
    anc = (rng.random((n, 12)) < 1.0 / (1.0 + np.exp(-logits))).astype(float)
    star = np.clip(np.round((3.7 + 0.25 * q + 0.35 * z()) * 2) / 2, 2.5, 5.0)
    brand_effect = np.array([0.0, 0.9, -0.4, -0.9, 0.3, -1.2])[brand]
    u = (
        brand_effect
        + 0.9 * ppo
        + 1.0 * part_d
        - 0.010 * premium
        - 0.0006 * moop_in
        - 0.003 * ded_med
        - 0.0015 * ded_drug
        - 0.03 * copay_spec
        + 0.25 * star
        + 0.35 * rng.gumbel(size=n)
    )
    share = np.empty(n)
    for value in np.unique(year):
        rows = year == value
        e = np.exp(u[rows] - u[rows].max())
        share[rows] = e / e.sum()
    rank = np.empty(n, dtype=int)
    rank[np.argsort(share, kind="stable")] = np.arange(n)
    classes = np.where(rank < 47, 0, np.where(rank < 107, 1, 2))
    named = {f"brand_{k}": (brand == k).astype(float) for k in range(1, 6)}
    named |= {
        "ppo": ppo,
        "other_type": other,
        "year": year - 2018.0,
        "part_d": part_d,
        "premium": premium,
        "moop_in": moop_in,
        "moop_all": moop_all,
        "ded_med": ded_med,
        "ded_drug": ded_drug,
        "copay_pcp": copay_pcp,
        "copay_spec": copay_spec,
        "copay_er": copay_er,
        "inpatient": inpatient,
        "ambulance": ambulance,
        "tier1": tier1,
        "tier3": tier3,
        "star": star,
    }
    named |= {f"anc_{k}": anc[:, k] for k in range(12)}
    X = np.column_stack(list(named.values()))
    return X, list(named), classes, share


def stratified_folds(classes, n_folds=5):
    """Return fold numbers 1..n_folds: within a class, rows take turns in their order."""
    folds = np.empty(classes.size, dtype=int)
    for value in np.unique(classes):
        rows = np.flatnonzero(classes == value)
        folds[rows] = np.arange(rows.size) % n_folds + 1
    return folds


def write(path, names, X, y, folds):
    """Write columns, response, fold and a sample weight of 0.5, 1, 1.5, 2 in turn."""
    weights = 0.5 + 0.5 * (np.arange(len(y)) % 4)
    lines = [",".join([*names, "y", "fold", "weight"])]
    for row, target, fold, weight in zip(X, y, folds, weights, strict=True):
        cells = [f"{value:.17g}" for value in row]
        short = [min(cell, repr(float(cell)), key=len) for cell in cells]
        lines.append(",".join([*short, f"{target:.17g}", str(fold), repr(float(weight))]))
    path.write_text("\n".join(lines) + "\n")


def count_table(seed=0, n=150, p=24):
    """Return X (n, p), correlated and on different scales, and counts (n,)."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    for j in range(1, p):
        X[:, j] = 0.6 * X[:, j - 1] + 0.8 * X[:, j]
    counts = rng.poisson(np.exp(0.8 + X[:, :6] @ [0.5, -0.4, 0.3, 0.0, 0.2, -0.2]))
    return X * 10.0 ** (np.arange(p) % 3 - 1), counts


def wide_table(X, y, n=40):
    """Return the first n rows with squares and products added: more columns than rows."""
    i, j = np.triu_indices(X.shape[1])
    return np.hstack([X[:n], 100.0 * X[:n, i] * X[:n, j]]), y[:n]


def main():
    plans, names, classes, _ = plan_market()
    write(HERE / "multinomial/plans.csv", names, plans, classes, stratified_folds(classes))
    for name, load in (("iris", load_iris), ("wine", load_wine)):
        X, y = load(return_X_y=True)
        names = [f"x{j}" for j in range(X.shape[1])]
        write(HERE / f"multinomial/{name}.csv", names, X, y, stratified_folds(y))
    X, y = load_breast_cancer(return_X_y=True)
    names = [f"x{j}" for j in range(X.shape[1])]
    write(HERE / "binomial/cancer.csv", names, X, y, stratified_folds(y))
    X, y = count_table()
    names = [f"x{j}" for j in range(X.shape[1])]
    write(HERE / "poisson/counts.csv", names, X, y, np.arange(y.size) % 5 + 1)
    X, y = load_diabetes(return_X_y=True)
    names = [f"x{j}" for j in range(X.shape[1])]
    write(HERE / "gaussian/diabetes.csv", names, X, y, np.arange(y.size) % 5 + 1)
    X, y = wide_table(X, y)
    names = [f"x{j}" for j in range(X.shape[1])]
    write(HERE / "gaussian/wide.csv", names, X, y, np.arange(y.size) % 5 + 1)


if __name__ == "__main__":
    main()
