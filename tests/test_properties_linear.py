# SPDX-License-Identifier: BSD-3-Clause
"""Paths on hostile random problems, judged by certificates that know nothing of the solver.

Hypothesis chooses the shape of the problem (sizes, scales, duplicates, weights, bounds, storage);
a seeded generator fills in the numbers, so that a failing example prints as a short list.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from taut.linear_model import enet_path, logistic_path, multinomial_path
from taut.testing import kkt

TOL = 1e-6
# float32 coefficients are rounded after the solve: the promise is a relative gap of 1e-4. Far down
# the path of a problem that is interpolated the rounding alone can cost ten times that.
TOL_FLOAT32 = 1e-4
TOL_FLOAT32_DEEP = 1e-3
FRACTIONS = (1.0, 0.6, 0.2, 0.03, 1e-3)
KINDS = ("quadratic", "logistic", "multinomial", "grouped")


@dataclass
class Case:
    """A problem as the path functions and the certificates take it."""

    datafit: str
    X: Any
    y: np.ndarray
    fit_intercept: bool
    options: dict[str, Any] = field(default_factory=dict)  # shared by both

    def gap(self, coef: Any, intercept: Any, alpha: float, enough: float) -> float:
        """A duality gap; where the judge's is not enough, by what a better point bounds.

        The judge's dual points are poor away from the optimum, however little is missing there.
        """
        X = self.X.astype(np.float64)
        data = {"alpha": alpha, **self.judge()}
        gap = kkt.duality_gap(X, self.y, coef, intercept, **data)
        if gap <= enough or X.dtype != self.X.dtype:
            return gap
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            best = self.path([alpha], tol=1e-13)
        _, better, shift = next(iter(self.solutions(best)))
        least = kkt.objective(X, self.y, better, shift, **data)
        missing = kkt.objective(X, self.y, coef, intercept, **data) - least
        return min(gap, missing + kkt.duality_gap(X, self.y, better, shift, **data))

    @property
    def grouped(self) -> dict[str, bool]:
        return {"grouped": True} if self.options.get("grouped") else {}

    def judge(self) -> dict[str, Any]:
        return {"datafit": self.datafit, **self.options}

    def null_loss(self) -> float:
        keep = {k: self.options[k] for k in ("sample_weight", "offset") if k in self.options}
        return kkt.null_loss(self.y, datafit=self.datafit, fit_intercept=self.fit_intercept, **keep)

    def alpha_max(self) -> float:
        X = self.X.astype(np.float64)
        return kkt.alpha_max(X, self.y, fit_intercept=self.fit_intercept, **self.judge())

    def slack(self) -> float:
        """Rounding of the loss itself, for responses that the null model fits exactly."""
        if self.datafit != "quadratic":
            return 1e-13
        offset = self.options.get("offset", 0.0)
        return 1e-13 * float(np.mean(self.y**2) + np.mean(np.square(offset)))

    def rounding(self) -> float:
        """Gradients below this are noise."""
        width = float(np.sqrt((self.X.astype(np.float64) ** 2).sum(axis=0).max()))
        return 1e-12 * width * float(np.sqrt(self.null_loss() + self.slack()))

    def path(self, alphas: Any = None, **settings: Any) -> Any:
        solve = {
            "quadratic": enet_path,
            "logistic": logistic_path,
            "multinomial": multinomial_path,
        }[self.datafit]
        options = {"l1_ratio": 1.0, "standardize": False, "tol": TOL} | self.options | settings
        return solve(self.X, self.y, alphas=alphas, fit_intercept=self.fit_intercept, **options)

    def solutions(self, path: Any) -> Any:
        """(alpha, coefficients, intercept) along a path, as the certificates take them."""
        for k, alpha in enumerate(path.alphas):
            coef = path.coefs[k] if self.datafit == "multinomial" else path.coefs[:, k]
            yield float(alpha), coef, (path.intercepts[k] if self.fit_intercept else None)


@st.composite
def cases(draw, kind=None, *, hostile=True):
    kind = draw(st.sampled_from(KINDS)) if kind is None else kind
    datafit = "multinomial" if kind == "grouped" else kind
    classes = {"quadratic": 0, "logistic": 2}.get(datafit, 3)
    n = draw(st.integers(max(classes, 1), 30))
    p = draw(st.integers(1, 24))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = rng.standard_normal((n, p))
    X[:, 1:] += draw(st.sampled_from([0.0, 0.5, 3.0])) * X[:, :1]
    dtype = draw(st.sampled_from([np.float64, np.float64, np.float32])) if hostile else np.float64
    stored_sparse = draw(st.booleans())
    if stored_sparse:
        X *= rng.random((n, p)) < draw(st.sampled_from([0.1, 0.5, 1.0]))
    if hostile:
        if draw(st.booleans()):
            X *= 10.0 ** rng.integers(-6, 7, p)
        if p > 2 and draw(st.booleans()):
            X[:, 1], X[:, 2] = X[:, 0], -2.0 * X[:, 0]  # duplicates up to sign and scale
        if draw(st.booleans()):
            X[:, rng.integers(p)] = draw(st.sampled_from([0.0, 0.1, -1e3]))

    scale = np.abs(X).max(axis=0)
    signal = (X / np.where(scale > 0, scale, 1.0)) @ (
        rng.standard_normal(p) * (rng.random(p) < 0.4) * 3
    )
    if datafit == "quadratic":
        y = signal + rng.standard_normal(n)
        if hostile:
            y = (y + draw(st.sampled_from([0.0, 5.0]))) * draw(st.sampled_from([1.0, 1e-6, 1e6]))
    else:
        noisy = signal + rng.logistic(size=n)
        y = np.searchsorted(np.quantile(noisy, np.arange(1, classes) / classes), noisy)
        y[:classes] = np.arange(classes)

    options: dict[str, Any] = {
        "l1_ratio": draw(st.sampled_from([1.0, 1.0, 0.5, 0.05])),
        "standardize": draw(st.booleans()),
    }
    if kind == "grouped":
        options["grouped"] = True
    weights = draw(st.sampled_from([None, "real", "integer"]))
    if weights == "real":
        options["sample_weight"] = rng.uniform(0.1, 10.0, n)
    elif weights == "integer":
        options["sample_weight"] = rng.integers(0, 3, n).astype(float)
        options["sample_weight"][: max(classes, 1)] = 1.0
    if draw(st.booleans()):
        shape = (n, classes) if datafit == "multinomial" else n
        unit = 1.0 if datafit != "quadratic" else float(np.abs(y).max() + 1e-300)
        options["offset"] = 0.3 * unit * rng.standard_normal(shape)
    factors = draw(st.sampled_from([None, None, "random", "with inf", "with zero"]))
    if factors is not None:
        c = rng.uniform(0.2, 3.0, p)
        if factors == "with inf":
            c[rng.integers(p)] = np.inf
        elif factors == "with zero":
            c[rng.integers(p)] = 0.0
        options["penalty_factor"] = c
    bounds = draw(st.sampled_from([None, None, "positive", "box", "mixed"]))
    if bounds is not None and kind != "grouped":
        # boxes around the size that coefficients have on these columns
        unit = float(np.std(y) if datafit == "quadratic" else 1.0)
        size = 0.2 * unit / np.where(scale > 0, scale, 1.0)
        options["lower"] = np.zeros(p) if bounds == "positive" else -size
        if bounds != "positive":
            options["upper"] = size * rng.uniform(0.5, 2.0, p)
        if bounds == "mixed":
            options["lower"] = np.where(rng.random(p) < 0.4, -np.inf, options["lower"])
            options["upper"] = np.where(rng.random(p) < 0.4, 0.0, options["upper"])

    if classes and factors == "with zero":
        # Every row once more under every other label: an unpenalised column cannot separate them.
        weight = options.get("sample_weight", np.ones(n))
        light = 0.3 * weight + 0.01
        options["sample_weight"] = np.concatenate([weight] + [light] * (classes - 1))
        X = np.vstack([X] * classes)
        y = np.concatenate([(y + c) % classes for c in range(classes)])
        if "offset" in options:
            options["offset"] = np.concatenate([options["offset"]] * classes)

    X = X.astype(dtype)
    for bound in {"lower", "upper"} & options.keys():
        # a float32 coefficient at a bound that float32 cannot hold lies beside it
        options[bound] = options[bound].astype(dtype).astype(np.float64)
    if stored_sparse:
        X = sparse.csc_array(X)
        if draw(st.booleans()):
            X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    elif draw(st.booleans()):
        X = np.asfortranarray(X)
    return Case(datafit, X, y, draw(st.booleans()), options)


def strengths(case):
    top = case.alpha_max()
    # Everything excluded, or a response without correlation: any strength will do.
    return np.array(FRACTIONS) * (top if top > case.rounding() else 1.0)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_gap_stays_below_the_tolerance(kind, data):
    case = data.draw(cases(kind))
    null = case.null_loss()
    path = case.path(strengths(case))
    assert path.coefs.dtype == case.X.dtype
    for alpha, coef, intercept in case.solutions(path):
        tol = TOL
        if case.X.dtype == np.float32:
            tol = TOL_FLOAT32 if alpha > 0.01 * path.alphas[0] else TOL_FLOAT32_DEEP
        enough = 1.01 * tol * null + case.slack()
        assert case.gap(coef, intercept, alpha, enough) <= enough


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_reported_objective_gap_and_null_loss_are_true(kind, data):
    case = data.draw(cases(kind))
    exact = case.X.dtype == np.float64
    path = case.path(strengths(case))
    null = case.null_loss()
    assert path.null_loss == pytest.approx(null, rel=1e-9, abs=case.slack())
    assert np.all(path.dual_gaps >= -1e-14 * null - case.slack())  # zero up to rounding
    assert np.all(path.dual_gaps <= TOL * null * (1 + 1e-9) + case.slack())
    X = case.X.astype(np.float64)
    for k, (alpha, coef, intercept) in enumerate(case.solutions(path)):
        value = kkt.objective(X, case.y, coef, intercept, alpha=alpha, **case.judge())
        # rounding the coefficients to float32 moves the objective by about 1e-7 of its size
        rtol = 1e-9 if exact else 1e-5
        assert path.objective[k] == pytest.approx(value, rel=rtol, abs=rtol * null + case.slack())


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_default_grid_starts_at_the_independent_alpha_max(kind, data):
    case = data.draw(cases(kind))
    factor = case.options.get("penalty_factor", np.ones(1))
    top = case.alpha_max()
    if not np.any((factor > 0) & np.isfinite(factor)) or top <= case.rounding():
        return
    path = case.path(n_alphas=4, eps=0.1)
    rtol = 1e-8 if case.X.dtype == np.float64 else 1e-5
    assert path.alpha_max == pytest.approx(top, rel=rtol, abs=case.rounding())
    assert path.alphas[0] == pytest.approx(path.alpha_max, rel=1e-12)
    # At alpha_max nothing penalised is active.
    first = np.atleast_2d(path.coefs[0] if case.datafit == "multinomial" else path.coefs[:, 0])
    penalised = np.broadcast_to(factor > 0, (case.X.shape[1],))
    assert not first[:, penalised].any()


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_bounds_and_exclusions_hold_exactly(kind, data):
    case = data.draw(cases(kind))
    coefs = np.moveaxis(
        case.path(strengths(case)).coefs, -1 if case.datafit == "multinomial" else 0, 0
    )
    flat = coefs.reshape(coefs.shape[0], -1)
    dtype = case.X.dtype
    lower = np.asarray(case.options.get("lower", -np.inf)).astype(dtype).reshape(-1, 1)
    upper = np.asarray(case.options.get("upper", np.inf)).astype(dtype).reshape(-1, 1)
    # standardised bounds are scaled and scaled back: a few units in the last place
    ulp = 8 * np.finfo(dtype).eps
    assert np.all(np.isfinite(flat))
    lower = np.where(np.isinf(lower), lower, lower * (1 + ulp))
    upper = np.where(np.isinf(upper), upper, upper * (1 + ulp))
    assert np.all(flat >= lower)
    assert np.all(flat <= upper)
    excluded = np.isinf(np.broadcast_to(case.options.get("penalty_factor", 1.0), flat.shape[0]))
    assert not flat[excluded].any()


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_sparse_and_dense_designs_reach_the_same_objective(kind, data):
    case = data.draw(cases(kind, hostile=False))
    alphas = strengths(case)
    dense = case.X.toarray() if sparse.issparse(case.X) else np.asarray(case.X)
    one = replace(case, X=np.asfortranarray(dense)).path(alphas, tol=1e-9)
    two = replace(case, X=sparse.csc_matrix(dense)).path(alphas, tol=1e-9)
    np.testing.assert_allclose(
        one.objective, two.objective, rtol=0, atol=2e-9 * case.null_loss() + case.slack()
    )
    np.testing.assert_allclose(one.alphas, two.alphas, rtol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_path_reaches_the_objective_of_single_fits(kind, data):
    case = data.draw(cases(kind, hostile=False))
    alphas = strengths(case)
    limit = 2e-9 * case.null_loss() + case.slack()
    path = case.path(alphas, tol=1e-9)
    for alpha, value in zip(alphas, path.objective, strict=True):
        single = case.path([alpha], tol=1e-9)
        assert single.objective[0] == pytest.approx(value, rel=0, abs=limit)
