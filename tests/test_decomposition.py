# SPDX-License-Identifier: BSD-3-Clause
"""Sparse codes: closed forms, a NumPy loop, scikit-learn, and the conditions of optimality."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.decomposition import sparse_encode as sklearn_encode
from sklearn.exceptions import NotFittedError

from taut import _core, prox
from taut.decomposition import SparseCoder, coding_objective, sparse_encode
from taut.exceptions import ConvergenceWarning
from taut.penalties import CEL0, L0, L1, MCP, SCAD, Lq

PENALTIES = (L1(), MCP(), SCAD(), L0(), CEL0(), Lq(), Lq(2 / 3), Lq(0.4))
METHODS = ("cd", "ista")


def dictionary(rng, K, p, unit=True):
    D = rng.normal(size=(K, p))
    norm = np.linalg.norm(D, axis=1, keepdims=True)
    return D / norm if unit else D / norm * rng.uniform(0.4, 2.5, size=(K, 1))


def entry(penalty, alpha):
    """Correlation with an atom of norm one at which its code leaves zero."""
    if penalty.name in ("l1", "mcp", "scad"):
        return alpha
    if penalty.name == "lq":
        q = penalty.exponent
        return (2 * alpha * (1 - q)) ** (1 / (2 - q)) * (2 - q) / (2 * (1 - q))
    return np.sqrt(2 * alpha)


def apply_prox(penalty, z, alpha, step, square):
    """The prox of the penalty, from the definitions in taut.prox."""
    if penalty.name == "cel0":
        return prox.cel0(z, alpha, curvature=square, step=step)
    if penalty.name in ("mcp", "scad"):
        return getattr(prox, penalty.name)(z, alpha, gamma=penalty.gamma, step=step)
    if penalty.name == "lq":
        return prox.lq(z, alpha, exponent=penalty.exponent, step=step)
    return getattr(prox, penalty.name)(z, alpha, step=step)


def numpy_ista(X, D, penalty, alpha, step, n_iter):
    R = np.zeros((len(X), len(D)))
    square = (D * D).sum(axis=1)
    for _ in range(n_iter):
        R = apply_prox(penalty, R + step * (X - R @ D) @ D.T, alpha, step, square)
    return R


# ---------------------------------------------------------------------------------- closed forms


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_orthonormal_atoms_have_the_prox_for_a_code(penalty, method, rng):
    D = np.linalg.qr(rng.normal(size=(9, 9)))[0][:7]
    X = 2 * rng.normal(size=(40, 9))
    codes = sparse_encode(X, D, penalty=penalty, alpha=0.7, method=method, tol=1e-9)
    expected = apply_prox(penalty, X @ D.T, 0.7, 1.0, np.ones(7))
    np.testing.assert_allclose(codes, expected, atol=1e-6)


@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_nothing_enters_below_the_threshold_and_the_best_atom_above_it(penalty, rng):
    D = dictionary(rng, 30, 12)
    x = rng.normal(size=(1, 12))
    pull = np.abs(D @ x[0]).max()
    scale = pull / entry(penalty, 1.0)
    # entry() is a power of alpha: 1 for L1, MCP and SCAD, 1 / (2 - q) for the others.
    power = {"l0": 2.0, "cel0": 2.0}.get(penalty.name, 1.0)
    if penalty.name == "lq":
        power = 2 - penalty.exponent
    alpha = scale**power
    assert not sparse_encode(x, D, penalty=penalty, alpha=1.0001 * alpha).any()
    codes = sparse_encode(x, D, penalty=penalty, alpha=0.97 * alpha)
    assert codes[0, np.abs(D @ x[0]).argmax()] != 0


def test_l0_by_gradient_steps_enters_at_the_threshold_of_its_step(rng):
    D, x = dictionary(rng, 30, 12), rng.normal(size=(1, 12))
    mu = 1 / np.linalg.norm(D, 2) ** 2
    alpha_max = mu * np.abs(D @ x[0]).max() ** 2 / 2
    below = sparse_encode(x, D, penalty="l0", alpha=1.02 * alpha_max, method="ista")
    assert not below.any()
    # CEL0 is not held up by the length of the step.
    assert sparse_encode(x, D, penalty="cel0", alpha=1.02 * alpha_max, method="ista").any()


def test_rows_of_zeros_and_atoms_of_zeros_have_codes_of_zero(rng):
    D = np.vstack([dictionary(rng, 6, 5), np.zeros(5)])
    X = np.vstack([np.zeros(5), rng.normal(size=5)])
    for method in METHODS:
        codes = sparse_encode(X, D, alpha=0.01, method=method)
        assert not codes[0].any()
        assert codes[1].any()
        assert not codes[:, 6].any()
    assert not sparse_encode(X, np.zeros((3, 5)), method="ista").any()


# ------------------------------------------------------------------------- other implementations


@pytest.mark.parametrize("method", ["cd", "ista", "fista"])
def test_l1_codes_are_those_of_scikit_learn(method, rng):
    D = dictionary(rng, 40, 16)
    X = rng.normal(size=(25, 16))
    ours = sparse_encode(X, D, penalty="l1", alpha=0.3, method=method, tol=1e-9, max_iter=100000)
    theirs = sklearn_encode(X, D, algorithm="lasso_lars", alpha=0.3)
    np.testing.assert_allclose(
        coding_objective(X, D, ours, penalty="l1", alpha=0.3),
        coding_objective(X, D, theirs, penalty="l1", alpha=0.3),
        rtol=1e-9,
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("K", [9, 40])  # with the Gram matrix, and with two products
@pytest.mark.parametrize("nonnegative", [False, True])
def test_nonnegative_l1_is_that_of_scikit_learn(K, nonnegative, rng):
    D, X = dictionary(rng, K, 8), rng.normal(size=(10, 8))
    theirs = sklearn_encode(
        X, D, algorithm="lasso_cd", alpha=0.2, positive=nonnegative, max_iter=100000
    )
    for method in ("cd", "ista", "fista"):
        ours = sparse_encode(
            X, D, penalty="l1", alpha=0.2, method=method, nonnegative=nonnegative, tol=1e-8,
            max_iter=100000,
        )  # fmt: skip
        np.testing.assert_allclose(
            coding_objective(X, D, ours, penalty="l1", alpha=0.2),
            coding_objective(X, D, theirs, penalty="l1", alpha=0.2),
            rtol=1e-4,
        )
        assert not nonnegative or (ours >= 0).all()


@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("K", [9, 40])
@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_gradient_steps_are_those_of_a_numpy_loop(penalty, K, unit, rng):
    D, X = dictionary(rng, K, 8, unit), rng.normal(size=(33, 8))
    # The kernel's step is within two percent of the largest; one step tells which.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        first = sparse_encode(X, D, penalty="l1", alpha=0.0, method="ista", max_iter=1)
        step = float(np.median(first / (X @ D.T)))
        assert 0.98 <= step * np.linalg.norm(D, 2) ** 2 <= 1
        ours = sparse_encode(X, D, penalty=penalty, alpha=0.1, method="ista", max_iter=7, tol=0)
    np.testing.assert_allclose(ours, numpy_ista(X, D, penalty, 0.1, step, 7), atol=1e-9)


# -------------------------------------------------------------------------------------- optimality


def violations(X, D, R, penalty, alpha):
    """Distance of each code from the minimum along its coordinate, in units of the signal."""
    square = (D * D).sum(axis=1)
    z = R + (X - R @ D) @ D.T / square
    best = np.stack(
        [apply_prox(penalty, z[:, k], alpha, 1 / square[k], square[k]) for k in range(len(D))],
        axis=1,
    )
    return np.sqrt(square) * np.abs(best - R)


@pytest.mark.parametrize("start", ["zero", "l1", "continuation"])
@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_descent_ends_where_no_coordinate_gains(penalty, unit, start, rng):
    D, X = dictionary(rng, 50, 16, unit), rng.normal(size=(60, 16))
    R = sparse_encode(X, D, penalty=penalty, alpha=0.15, init=start, tol=1e-8, max_iter=100000)
    assert violations(X, D, R, penalty, 0.15).max() < 1e-5
    assert R.any(axis=1).all()


@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_gradient_steps_never_raise_the_objective_and_end_at_a_fixed_point(penalty, rng):
    D, X = dictionary(rng, 30, 12), rng.normal(size=(20, 12))
    options = dict(penalty=penalty, alpha=0.1)
    before = coding_objective(X, D, np.zeros((20, 30)), **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for n in (1, 2, 3, 5, 8, 20, 60):
            codes = sparse_encode(X, D, method="ista", max_iter=n, tol=0, **options)
            now = coding_objective(X, D, codes, **options)
            assert (now <= before * (1 + 1e-12)).all()
            before = now
    R = sparse_encode(X, D, method="ista", max_iter=200000, tol=1e-10, **options)
    mu = 0.98 / np.linalg.norm(D, 2) ** 2
    again = apply_prox(penalty, R + mu * (X - R @ D) @ D.T, 0.1, mu, np.ones(30))
    np.testing.assert_allclose(again, R, atol=1e-5)


def test_cel0_and_l0_agree_where_cel0_is_exact(rng):
    D, X = dictionary(rng, 40, 14), rng.normal(size=(50, 14))
    for method in METHODS:
        R = sparse_encode(X, D, penalty="cel0", alpha=0.1, method=method, tol=1e-9, max_iter=100000)
        cel0 = coding_objective(X, D, R, penalty="cel0", alpha=0.1)
        l0 = coding_objective(X, D, R, penalty="l0", alpha=0.1)
        assert (cel0 <= l0 + 1e-12).all()
        inside = ((R != 0) & (np.abs(R) < np.sqrt(0.2) * (1 - 1e-6))).any(axis=1)
        np.testing.assert_allclose(cel0[~inside], l0[~inside], rtol=1e-9)
        assert (~inside).mean() > 0.9
        rest = np.abs((X - R @ D) @ D.T)
        assert rest[R == 0].max() <= np.sqrt(0.2) * (1 + 1e-6)
        assert rest[~inside][R[~inside] != 0].max() < 1e-6  # orthogonal to the active atoms


def test_cel0_is_mcp_of_another_strength(rng):
    D, X = dictionary(rng, 20, 10), rng.normal(size=(15, 10))
    R = sparse_encode(X, D, penalty="cel0", alpha=0.3)
    np.testing.assert_allclose(
        coding_objective(X, D, R, penalty="cel0", alpha=0.3),
        0.5 * ((X - R @ D) ** 2).sum(axis=1) + prox.value("mcp", R, np.sqrt(0.6), 1.0).sum(axis=1),
    )
    D2 = D * 1.7
    np.testing.assert_allclose(sparse_encode(X, D2, penalty="l0", alpha=0.3) * 1.7,
                               sparse_encode(X, D, penalty="l0", alpha=0.3), atol=1e-9)  # fmt: skip


@pytest.mark.parametrize("nonnegative", [False, True])
def test_refit_is_least_squares_on_the_support(nonnegative, rng):
    from scipy.optimize import nnls

    D, X = dictionary(rng, 30, 20, unit=False), rng.normal(size=(12, 20))
    options = dict(penalty="l1", alpha=0.5, nonnegative=nonnegative)
    plain, refitted = sparse_encode(X, D, **options), sparse_encode(X, D, refit=True, **options)
    for x, before, after in zip(X, plain, refitted, strict=True):
        on = before != 0
        assert not after[~on].any()
        expected = nnls(D[on].T, x)[0] if nonnegative else np.linalg.lstsq(D[on].T, x)[0]
        np.testing.assert_allclose(after[on], expected, atol=1e-6)


def test_refit_leaves_copies_of_atoms_out(rng):
    D = dictionary(rng, 4, 6)
    codes = sparse_encode(D[:1] * 3, np.vstack([D, D]), penalty="l1", alpha=0.1, refit=True)
    np.testing.assert_allclose(codes @ np.vstack([D, D]), D[:1] * 3, atol=1e-9)


# ------------------------------------------------------------------------------------- properties


@settings(max_examples=25)
@given(
    n=st.integers(1, 40), p=st.integers(1, 20), K=st.integers(1, 70),
    penalty=st.sampled_from(PENALTIES), seed=st.integers(0, 999),
    single=st.booleans(), method=st.sampled_from(METHODS), nonnegative=st.booleans(),
)  # fmt: skip
def test_any_shape_gives_codes_that_beat_zero(n, p, K, penalty, seed, single, method, nonnegative):
    rng = np.random.default_rng(seed)
    D = dictionary(rng, K, p, unit=seed % 2 == 0)
    X = rng.normal(size=(n, p)).astype(np.float32 if single else np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        R = sparse_encode(X, D, penalty=penalty, alpha=0.1, method=method, nonnegative=nonnegative)
    assert R.dtype == X.dtype
    assert R.shape == (n, K)
    assert np.isfinite(R).all()
    assert not nonnegative or (R >= 0).all()
    now = coding_objective(X, D, R, penalty=penalty, alpha=0.1)
    zero = 0.5 * (X.astype(float) ** 2).sum(axis=1)
    assert (now <= zero * (1 + 1e-5)).all()


@pytest.mark.parametrize("method", ["cd", "ista", "fista"])
def test_bits_do_not_depend_on_threads_neighbours_or_the_form_of_output(method, rng):
    D, X = dictionary(rng, 60, 16), rng.normal(size=(300, 16))
    penalty = "l1" if method == "fista" else "cel0"
    options = dict(penalty=penalty, alpha=0.1, method=method, max_iter=50000)
    codes = sparse_encode(X, D, **options)
    np.testing.assert_array_equal(codes, sparse_encode(X, D, n_jobs=4, **options))
    np.testing.assert_array_equal(codes[37:101], sparse_encode(X[37:101], D, **options))
    csr = sparse_encode(X, D, sparse_output=True, **options)
    assert sp.issparse(csr)
    assert csr.has_sorted_indices
    np.testing.assert_array_equal(csr.toarray(), codes)


def test_units_of_the_signals_do_not_matter(rng):
    D, X = dictionary(rng, 30, 10), rng.normal(size=(20, 10))
    codes = sparse_encode(X, D, penalty="mcp", alpha=0.2)
    for unit in (1e-9, 1e9):
        scaled = sparse_encode(X * unit, D, penalty="mcp", alpha=0.2 * unit)
        np.testing.assert_allclose(scaled, codes * unit, rtol=1e-9)


def test_many_active_atoms_outgrow_the_first_working_memory(rng):
    D, X = dictionary(rng, 180, 400), rng.normal(size=(3, 400))
    R = sparse_encode(X, D, penalty="l1", alpha=1e-3, tol=1e-7, max_iter=100000)
    assert (R != 0).sum(axis=1).min() > 130
    assert violations(X, D, R, L1(), 1e-3).max() < 1e-4


# -------------------------------------------------------------------------------------- estimator


def test_estimator_follows_the_conventions(rng):
    D, X = dictionary(rng, 12, 6), rng.normal(size=(9, 6))
    coder = SparseCoder(D, penalty="mcp", alpha=0.2)
    with pytest.raises(NotFittedError):
        coder.transform(X)
    twin = clone(coder).fit(X)
    assert twin.get_params()["penalty"] == "mcp"
    assert twin.n_features_in_ == 6
    codes = twin.transform(X)
    np.testing.assert_array_equal(codes, sparse_encode(X, D, penalty="mcp", alpha=0.2))
    np.testing.assert_allclose(twin.inverse_transform(codes), codes @ D)
    np.testing.assert_allclose(twin.inverse_transform(sp.csr_matrix(codes)), codes @ D)
    assert list(twin.get_feature_names_out())[:2] == ["sparsecoder0", "sparsecoder1"]
    expected = coding_objective(X, D, codes, penalty="mcp", alpha=0.2).mean()
    assert twin.score(X) == pytest.approx(-expected)
    assert twin.transform(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(alpha=-1.0), "alpha"),
        (dict(alpha=np.nan), "alpha"),
        (dict(method="lars"), "method"),
        (dict(init="random"), "init"),
        (dict(max_iter=0), "max_iter"),
        (dict(tol=-1e-3), "tol"),
        (dict(penalty="ridge"), "penalty must be one of"),
        (dict(penalty="group"), "for codes, got 'group'"),
        (dict(penalty="cel0", method="fista"), "method='fista' is for penalty='l1'"),
        (dict(n_jobs=0), "n_jobs must not be 0"),
    ],
)
def test_bad_parameters_are_named(options, message, rng):
    with pytest.raises(ValueError, match=message):
        SparseCoder(np.eye(3), **options).fit(np.ones((2, 3)))


def test_bad_arrays_are_named(rng):
    with pytest.raises(ValueError, match="dictionary contains NaN"):
        sparse_encode(np.ones((2, 3)), [[1.0, np.nan, 0.0]])
    with pytest.raises(ValueError, match="X contains NaN"):
        sparse_encode([[np.nan, 1.0]], np.eye(2))
    with pytest.raises(ValueError, match="X has 3 features, the atoms of the dictionary have 2"):
        sparse_encode(np.ones((2, 3)), np.eye(2))
    with pytest.raises(ValueError, match="at most 4096 atoms, got 4097"):
        sparse_encode(np.ones((1, 2)), np.ones((4097, 2)))
    with pytest.raises(ValueError, match="codes must have 2 columns"):
        SparseCoder(np.eye(2)).fit(np.eye(2)).inverse_transform(np.eye(3))


def test_codes_that_still_move_are_reported(rng):
    D, X = dictionary(rng, 40, 10), rng.normal(size=(5, 10))
    for method in METHODS:
        with pytest.warns(ConvergenceWarning, match="5 of 5 codes still changed"):
            sparse_encode(X, D, penalty="l1", alpha=0.01, method=method, max_iter=2)


def test_updates_are_counted():
    raw = _core.decomposition_encode(
        np.array([[3.0, 0.0]]), np.eye(2), penalty="l0", alpha=1.0, gamma=1.0, method="cd",
        init="zero", max_iter=100, tol=1e-4, nonnegative=False, refit=False, dense=True,
        n_threads=1,
    )  # fmt: skip
    # One atom: a sweep that moves it, and one that finds nothing to do.
    assert raw["n_updates"] == 2
