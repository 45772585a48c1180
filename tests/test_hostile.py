# SPDX-License-Identifier: BSD-3-Clause
"""Hostile data in every cell datafit x penalty: certified, or said not to be, or refused."""

from __future__ import annotations

import warnings

import cells
import numpy as np
import pytest
from scipy import sparse

from taut.exceptions import ConvergenceWarning

TOL = 1e-6
KINDS = (
    "columns of scale 1e-150 to 1e150",
    "all columns tiny",
    "all columns huge",
    "equal columns",
    "columns far from zero",
    "columns of zeros",
    "constant y",
    "y of zeros",
    "y tiny",
    "y huge",
    "rows without weight",
    "one row",
    "two rows",
    "one column",
)
# Solved to the tolerance in every cell; elsewhere a warning may say how far a fit came.
SOLVED = ("equal columns", "columns far from zero", "rows without weight", "one column")
# Whose objective the judge can compute in float64.
JUDGED = (*SOLVED, "two rows")
REFUSED = {
    "constant y": ("at least 2 classes",),
    "y of zeros": ("at least 2 classes", "> 0 in a row of positive weight"),
    "one row": ("at least 2 classes",),
    "y tiny": ("rescale y",),
    "y huge": ("rescale y",),
}


def hostile(kind, datafit, dtype):
    """X, y and options of a problem."""
    rng = np.random.default_rng(5)
    n = {"one row": 1, "two rows": 2}.get(kind, 30)
    p = 1 if kind == "one column" else 6
    wide = dtype == np.float64
    X = rng.standard_normal((n, p))
    if n > 3:
        y = cells.response(datafit, X[:, 0], rng)
    else:
        y = np.arange(n) if datafit in ("logistic", "multinomial") else 1.0 + np.arange(n)
    options = {}
    if kind.startswith("columns of scale"):
        X *= 10.0 ** (np.linspace(-150, 150, p) if wide else np.linspace(-18, 18, p))
    elif kind == "all columns tiny":
        X *= 1e-150 if wide else 1e-30
    elif kind == "all columns huge":
        X *= 1e150 if wide else 1e37
    elif kind == "equal columns":
        X[:, 1:] = X[:, :1]
    elif kind == "columns far from zero":
        X += 1e8 if wide else 1e4
    elif kind == "columns of zeros":
        X *= 0.0
    elif kind == "constant y":
        y = np.full(n, 2)
    elif kind == "y of zeros":
        y = np.zeros(n)
    elif kind in ("y tiny", "y huge") and datafit not in ("logistic", "multinomial"):
        y = y * (1e-150 if kind == "y tiny" else 1e150)
    elif kind == "rows without weight":
        options["sample_weight"] = np.arange(n) % 2.0
        X[::2] *= 1e6
    return X.astype(dtype), y, options


@pytest.mark.parametrize("kind", KINDS)
def test_every_cell(kind):
    for at, cell in enumerate(cells.SOLVED):
        for dtype in (np.float64, np.float32):
            X, y, options = hostile(kind, cell[0], dtype)
            options["standardize"] = at % 2 == 1
            design = sparse.csc_array(X) if at % 4 > 1 else X
            penalty = cells.make_penalty(cell[1], np.arange(X.shape[1]) // 2)
            case = cells.Case(cell[0], penalty, design, y, True, options)
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                try:
                    top = case.path(n_alphas=1, tol=TOL).alpha_max
                    # At the top itself L0 has a tie, which rounding decides.
                    path = case.path(max(top, 1e-3) * np.array([0.9, 0.4, 0.1]), tol=TOL)
                except ValueError as error:
                    if not any(words in str(error) for words in REFUSED.get(kind, ())):
                        raise
                    continue
            where = (kind, cell, dtype)
            assert all(issubclass(w.category, ConvergenceWarning) for w in seen), where
            assert np.isfinite(path.coefs).all(), where
            assert np.isfinite(path.intercepts).all(), where
            assert path.converged.all() or seen, where
            assert path.converged.all() or kind not in SOLVED, where
            far = 1e8 if kind == "columns far from zero" else 0.0
            # An intercept in float32 is no closer than 1e-7 of the mean that it makes up for.
            if kind not in JUDGED or top == 0.0 or (far and dtype == np.float32):
                continue
            case.X = sparse.csc_array(X - far) if sparse.issparse(design) else X - far
            for k in np.flatnonzero(path.converged):
                alpha = path.alphas[k]
                coef = path.coefs[k] if path.coefs.ndim == 3 else path.coefs[:, k]
                promise = 1.01 * TOL if dtype == np.float64 else 1e-4
                intercept = path.intercepts[k] + far * coef.sum(axis=-1)
                reached = case.certificate(coef, intercept, float(alpha))
                assert reached <= promise, (*where, alpha, reached)


def test_float32_coefficients_that_overflow():
    X = np.float32(1e-30) * np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
    y = 1e20 * np.arange(20.0)
    case = cells.Case("quadratic", cells.make_penalty("l1", None), X, y)
    with pytest.raises(ValueError, match="beyond the range of float32"):
        case.path([1e-20])
    case.X = X.astype(np.float64)
    assert np.abs(case.path([1e-20]).coefs).max() > 1e40
