# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from taut.datasets import (
    load_example,
    make_plan_market,
    make_sparse_classification,
    make_sparse_regression,
)


def test_plans_equal_the_table_that_glmnet_was_given():
    path = Path(__file__).parent / "references" / "multinomial" / "plans.csv"
    table = np.genfromtxt(path, delimiter=",", names=True)
    plans = make_plan_market(0)
    assert list(table.dtype.names[: len(plans.feature_names)]) == list(plans.feature_names)
    for name, column in zip(plans.feature_names, plans.data.T, strict=True):
        np.testing.assert_array_equal(table[name], column)
    np.testing.assert_array_equal(table["y"], plans.target)


def test_plan_market_is_the_published_table():
    plans = make_plan_market(0)
    assert plans.data.sum() == 2782857.5
    np.testing.assert_allclose(plans.share[:3], [0.00436928, 0.03497697, 0.10668625], atol=5e-9)
    assert plans.data.shape == (172, 34)
    assert len(plans.feature_names) == 34
    assert list(np.bincount(plans.target)) == [47, 60, 65]
    # shares add up to one in each year, and classes follow the shares
    year = plans.data[:, plans.feature_names.index("year")]
    sums = np.bincount(year.astype(int), weights=plans.share)
    np.testing.assert_allclose(sums, np.ones(6), rtol=1e-12)
    for low, high in ((0, 1), (1, 2)):
        assert plans.share[plans.target == low].max() <= plans.share[plans.target == high].min()


def test_plan_market_depends_on_the_seed_only():
    first, again, other = make_plan_market(3), make_plan_market(3), make_plan_market(4)
    np.testing.assert_array_equal(first.data, again.data)
    assert not np.array_equal(first.data, other.data)
    generator = make_plan_market(np.random.default_rng(3))
    np.testing.assert_array_equal(first.data, generator.data)
    legacy = [make_plan_market(np.random.RandomState(1)).data for _ in range(2)]
    np.testing.assert_array_equal(*legacy)


def test_plan_market_as_frame_holds_the_same_numbers():
    pytest.importorskip("pandas")
    plans, frame = make_plan_market(0), make_plan_market(0, as_frame=True)
    assert list(frame.data.columns) == plans.feature_names
    np.testing.assert_array_equal(frame.data.to_numpy(), plans.data)
    np.testing.assert_array_equal(frame.frame["target"].to_numpy(), plans.target)


def test_regression_columns_are_a_stationary_autoregression():
    X, _, _ = make_sparse_regression(20000, 8, rho=0.7, n_informative=2, random_state=0)
    expected = 0.7 ** np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
    # standard error of a correlation at n = 20000 is below 0.0071
    np.testing.assert_allclose(np.corrcoef(X.T), expected, atol=0.03)
    np.testing.assert_allclose(X.std(axis=0), 1.0, atol=0.03)
    # the recursion column by column, from the same draws
    Z = np.random.default_rng(0).standard_normal((20000, 8))
    for j in range(1, 8):
        Z[:, j] = 0.7 * Z[:, j - 1] + np.sqrt(1 - 0.49) * Z[:, j]
    np.testing.assert_allclose(X, Z - Z.mean(axis=0), atol=1e-12)


def test_regression_response_has_unit_variance_and_the_asked_signal_to_noise():
    X, y, coef = make_sparse_regression(5000, 40, rho=0.5, n_informative=5, snr=4.0, random_state=1)
    assert y.std() == pytest.approx(1, rel=1e-12)
    assert y.mean() == pytest.approx(0, abs=1e-12)
    assert X.flags.f_contiguous
    signal = X @ coef
    assert signal.var() / (y - signal).var() == pytest.approx(4.0, rel=0.1)
    nonzero = np.flatnonzero(coef)
    np.testing.assert_array_equal(nonzero, [0, 9, 19, 29, 39])
    np.testing.assert_array_equal(np.sign(coef[nonzero]), [1, -1, 1, -1, 1])
    assert np.ptp(np.abs(coef[nonzero])) < 1e-15


def test_infinite_snr_has_no_noise():
    X, y, coef = make_sparse_regression(30, 5, n_informative=2, snr=np.inf, random_state=0)
    np.testing.assert_allclose(X @ coef, y, atol=1e-12)


def test_sparse_regression_is_csc_of_the_asked_density():
    X, y, coef = make_sparse_regression(
        400, 300, density=0.01, n_informative=10, random_state=0, dtype=np.float32
    )
    assert sparse.issparse(X)
    assert X.format == "csc"
    assert X.dtype == np.float32
    assert X.nnz == 1200
    assert X.has_canonical_format
    assert y.std() == pytest.approx(1)
    assert np.count_nonzero(coef) == 10
    rows = np.bincount(X.indices, minlength=400)
    assert rows.max() < 20  # Poisson(3): uniform over the rows


def test_classification_follows_its_own_coefficients():
    X, y, coef = make_sparse_classification(4000, 30, n_informative=4, signal=3.0, random_state=0)
    assert coef.shape == (3, 30)
    assert y.dtype == np.int64
    scores = X @ coef.T
    np.testing.assert_allclose(scores.std(axis=0), 3.0, rtol=1e-12)
    # The classes are draws from the softmax, so its mean equals the class shares (s.e. < 0.008).
    P = np.exp(scores - scores.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(P.mean(axis=0), np.bincount(y) / 4000, atol=0.025)
    accuracy = (scores.argmax(axis=1) == y).mean()
    assert accuracy == pytest.approx(P.max(axis=1).mean(), abs=0.03)
    supports = [set(np.flatnonzero(row)) for row in coef]
    assert [len(s) for s in supports] == [4, 4, 4]
    assert len(set.union(*supports)) == 12


@pytest.mark.parametrize("make", [make_sparse_regression, make_sparse_classification])
def test_generators_repeat_for_a_seed(make):
    first, again = (make(30, 60, n_informative=3, random_state=7) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], make(30, 60, n_informative=3, random_state=8)[0])


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"n_samples": 0}, "n_samples must be >= 1, got 0"),
        ({"n_features": 0}, "n_features must be >= 1, got 0"),
        ({"n_informative": 11}, "n_informative must lie between 0 and n_features = 10, got 11"),
        ({"rho": 1.0}, r"rho must lie in \(-1, 1\), got 1.0"),
        ({"density": 0.0}, r"density must lie in \(0, 1\], got 0.0"),
        ({"density": 0.5, "rho": 0.3}, "rho must be None or 0 when density is given, got 0.3"),
        ({"snr": 0.0}, "snr must be > 0, got 0.0"),
    ],
)
def test_regression_refuses_bad_arguments(options, fragment):
    call = {"n_samples": 20, "n_features": 10, "n_informative": 2} | options
    with pytest.raises(ValueError, match=fragment):
        make_sparse_regression(**call)


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"n_classes": 1}, "n_classes must be >= 2, got 1"),
        ({"signal": -1.0}, "signal must be > 0, got -1.0"),
        ({"n_informative": -1}, "n_informative must lie between 0"),
    ],
)
def test_classification_refuses_bad_arguments(options, fragment):
    with pytest.raises(ValueError, match=fragment):
        make_sparse_classification(20, 10, **({"n_informative": 2} | options))


@pytest.mark.parametrize(
    ("name", "shape", "task"),
    [
        ("diabetes", (442, 10), "regression"),
        ("breast_cancer", (569, 30), "binary"),
        ("wine", (178, 13), "multiclass"),
        ("iris", (150, 4), "multiclass"),
        ("digits", (1797, 64), "multiclass"),
    ],
)
def test_examples_have_their_shape_and_task(name, shape, task):
    example = load_example(name)
    assert example.data.shape == shape
    assert example.task == task
    classes = np.unique(example.target).size
    assert (classes == 2) == (task == "binary")
    assert (classes > 20) == (task == "regression")


def test_unknown_example_is_named():
    with pytest.raises(ValueError, match=r"name must be one of \['breast_cancer'.*got 'boston'"):
        load_example("boston")
