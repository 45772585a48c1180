# SPDX-License-Identifier: BSD-3-Clause
"""Every cell datafit x penalty x design x dtype is solved, or refused with a reason."""

from __future__ import annotations

import runpy
from pathlib import Path

import cells
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from taut import penalties
from taut.linear_model import PenalizedGLM, refusal

TOL = 1e-6
# float32 coefficients are rounded after the solve: the promise is 1e-4 of the same unit.
PROMISE = {np.float64: 1.01 * TOL, np.float32: 1e-4}


def csc(index):
    def build(X):
        S = sparse.csc_array(X)
        S.indices, S.indptr = S.indices.astype(index), S.indptr.astype(index)
        return S

    return build


DESIGNS = {
    "dense F": np.asfortranarray,
    "dense C": np.ascontiguousarray,
    "CSC int32": csc(np.int32),
    "CSC int64": csc(np.int64),
}


def name_of(cell):
    return "-".join(cell) if isinstance(cell, tuple) else None


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("cell", cells.SOLVED, ids=name_of)
def test_solved_to_its_criterion(cell, design, dtype):
    case = cells.plain_case(*cell)
    case.X = DESIGNS[design](case.X.astype(dtype))
    top = case.path(n_alphas=1, tol=TOL).alpha_max
    alphas = top * np.array([0.5, 0.2, 0.05])
    path = case.path(alphas, tol=TOL)
    assert path.converged.all()
    assert path.coefs.dtype == dtype
    assert path.n_active[-1] > 0
    for k, alpha in enumerate(path.alphas):
        coef = path.coefs[k] if path.coefs.ndim == 3 else path.coefs[:, k]
        assert case.certificate(coef, path.intercepts[k], float(alpha)) <= PROMISE[dtype]
    # The estimator is the path at one strength.
    model = PenalizedGLM(
        cells.make_datafit(cell[0]), case.penalty, alpha=float(alphas[0]), tol=TOL
    ).fit(case.X, case.y)
    assert case.certificate(model.coef_, model.intercept_, float(alphas[0])) <= PROMISE[dtype]
    reported = model.dual_gap_ if case.penalty.convex else model.stop_crit_
    assert np.isfinite(reported)
    assert np.isnan(model.dual_gap_) == (not case.penalty.convex)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("cell", cells.REFUSED, ids=name_of)
def test_refused_with_its_reason(cell, design, dtype):
    case = cells.plain_case(*cell)
    reason = refusal(*cell)
    assert len(reason) > 30, "say why, and what to use instead"
    model = PenalizedGLM(cells.make_datafit(cell[0]), case.penalty)
    with pytest.raises(ValueError, match="cannot combine") as caught:
        model.fit(DESIGNS[design](case.X.astype(dtype)), case.y)
    assert reason in str(caught.value)
    assert repr(cell[0]) in str(caught.value)
    assert repr(cell[1]) in str(caught.value)


# --------------------------------------------------------------------------------------- properties

# Fewer than the quick profile draws elsewhere, for there is one property a cell.
EXAMPLES = min(settings().max_examples, 15) if settings().derandomize else settings().max_examples


@st.composite
def problems(draw, cell):
    datafit, penalty = cell
    n, p = draw(st.integers(6, 24)), draw(st.integers(1, 10))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = rng.standard_normal((n, p))
    stored_sparse = draw(st.booleans())
    if stored_sparse:
        X *= rng.random((n, p)) < draw(st.sampled_from([0.3, 1.0]))
    if p > 2 and draw(st.booleans()):
        X[:, 1] = X[:, 0]
    constant = draw(st.sampled_from([None, 0.0, 3.0])) if p > 1 else None
    if constant is not None:
        X[:, -1] = constant
    eta = X @ (rng.standard_normal(p) * (rng.random(p) < 0.5))
    if draw(st.booleans()):
        X *= 10.0 ** rng.integers(-3, 4, p)
    y = cells.response(datafit, eta, rng)
    weight = rng.uniform(0.2, 3.0, n) if draw(st.booleans()) else None
    shrinks = penalties.BY_NAME[penalty].convex and penalty != "fused"
    if not shrinks and datafit in ("logistic", "multinomial", "poisson"):
        # Every row once more under every other label, or with a count: what is not shrunk must not
        # separate classes, nor rows without a count.
        k = int(y.max()) + 1 if datafit != "poisson" else 2
        others = [(y + c) % k if datafit != "poisson" else y + c for c in range(k)]
        X, y = np.vstack([X] * k), np.concatenate(others)
        weight = np.repeat([1.0] + [0.3] * (k - 1), n) * np.tile(
            np.ones(n) if weight is None else weight, k
        )
        n = k * n
    groups = rng.integers(0, max(p // 2, 1), p)
    groups = np.unique(groups, return_inverse=True)[1]
    if datafit == "multinomial" and draw(st.booleans()):
        groups = None
    held = cells.make_penalty(penalty, groups, draw(st.sampled_from([0.1, 0.5, 0.9])))
    options = {"standardize": draw(st.booleans())}
    if weight is not None:
        options["sample_weight"] = weight
    if draw(st.booleans()):
        options["offset"] = 0.3 * rng.standard_normal((n, 3) if datafit == "multinomial" else n)
    if draw(st.booleans()):
        size = int(groups.max()) + 1 if penalty.endswith("group") and groups is not None else p
        factor = rng.uniform(0.5, 2.0, size)
        if size > 1 and draw(st.booleans()):
            factor[-1] = np.inf
        options["penalty_factor"] = factor
    if stored_sparse:
        X = sparse.csc_array(X)
    return cells.Case(datafit, held, X, y, draw(st.booleans()), options)


@pytest.mark.parametrize("cell", cells.SOLVED, ids=name_of)
@given(data=st.data())
@settings(max_examples=EXAMPLES)
def test_certificate_on_random_problems(cell, data):
    case = data.draw(problems(cell))
    top = case.path(n_alphas=1, tol=TOL).alpha_max
    if top <= 1e-12 * (1.0 + case.pull()):
        return  # nothing to fit
    path = case.path(top * np.array([1.0, 0.4, 0.1]), tol=TOL)
    assert path.converged.all()
    for k, alpha in enumerate(path.alphas):
        coef = path.coefs[k] if path.coefs.ndim == 3 else path.coefs[:, k]
        assert case.certificate(coef, path.intercepts[k], float(alpha)) <= 1.01 * TOL


def test_page_of_the_table_is_up_to_date():
    docs = Path(__file__).parents[1] / "docs" / "user_guide"
    made = runpy.run_path(str(docs / "cells_table.py"))
    assert made["PAGE"].read_text() == made["table"](), "run python docs/user_guide/cells_table.py"
