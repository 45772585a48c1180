# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import csv
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from taut.datasets import load_example, make_plan_market
from taut.screening import (
    VIFSelector,
    generalized_variance_inflation_factor,
    variance_inflation_factor,
)

REFERENCES = Path(__file__).parent / "references" / "vif"


def _by_regression(X, weights=None):
    """One weighted least-squares fit per column, on centred and scaled columns."""
    X = np.asarray(X, dtype=float)
    s = np.full(len(X), 1.0) if weights is None else np.asarray(weights, float)
    s = s / s.sum()
    Z = (X - s @ X) * np.sqrt(s)[:, None]
    Z /= np.linalg.norm(Z, axis=0)
    out = []
    for j in range(X.shape[1]):
        others = np.delete(Z, j, axis=1)
        residual = Z[:, j] - others @ np.linalg.lstsq(others, Z[:, j], rcond=None)[0]
        out.append(1 / (residual @ residual))
    return np.array(out)


def _correlated(n=60, p=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, p)) @ rng.standard_normal((p, p)) + 3.0


# --------------------------------------------------------------------------------------
# Values
# --------------------------------------------------------------------------------------
def _reference():
    tables = {}
    with (REFERENCES / "vif.csv").open() as file:
        for row in csv.DictReader(file):
            tables.setdefault(row["table"], []).append(float(row["vif"]))
    return tables


@pytest.mark.parametrize("table", sorted(_reference()))
def test_factors_equal_statsmodels_with_intercept(table):
    rtol = json.loads((REFERENCES / "meta.json").read_text())["rtol"]
    options = {}
    if table == "plan_market":
        X = make_plan_market(0).data
    elif table == "plan_market_screened":
        X = VIFSelector().fit_transform(make_plan_market(0).data)
    elif table == "diabetes_weighted":
        X = load_example("diabetes").data
        options["sample_weight"] = np.arange(len(X)) % 3
    else:
        X = load_example(table).data
    factors = variance_inflation_factor(X, **options)
    np.testing.assert_allclose(factors, _reference()[table], rtol=rtol)


@pytest.mark.parametrize("threshold", [5.0, 10.0])
def test_plan_market_loses_the_two_planted_columns(threshold):
    pytest.importorskip("pandas")
    plans = make_plan_market(0, as_frame=True)
    selector = VIFSelector(threshold).fit(plans.data)
    names, values = zip(*selector.vif_path_, strict=True)
    assert names == ("moop_all", "ambulance")
    np.testing.assert_allclose(values, [100.0557, 24.5948], atol=5e-5)
    assert selector.get_support().sum() == 32
    assert selector.vif_.max() == pytest.approx(3.6566, abs=5e-5)
    assert [(d.name, d.reason) for d in selector.dropped_] == [(n, "vif") for n in names]
    assert plans.feature_names[selector.dropped_[0].column] == "moop_all"


def test_orthogonal_columns_have_factor_one():
    X = np.linalg.qr(np.column_stack([np.ones(20), _correlated(20, 5)]))[0][:, 1:]
    np.testing.assert_allclose(variance_inflation_factor(X), np.ones(5), rtol=1e-13)


@pytest.mark.parametrize("r", [-0.999999, -0.3, 0.0, 0.5, 0.99, 0.9999999])
def test_two_columns_have_the_closed_form(r):
    Z = np.linalg.qr(np.column_stack([np.ones(30), _correlated(30, 2)]))[0][:, 1:]
    X = np.column_stack([Z[:, 0], r * Z[:, 0] + np.sqrt(1 - r * r) * Z[:, 1]])
    # 1 - r^2 keeps 16 digits minus those of 1 / (1 - r^2)
    expected = 1 / (1 - r * r)
    np.testing.assert_allclose(variance_inflation_factor(X), [expected] * 2, rtol=1e-14 * expected)


def test_single_column_has_factor_one():
    assert variance_inflation_factor([[1.0], [2.0], [4.0]]) == [1.0]


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(12, 40),
    p=st.integers(1, 8),
    weighted=st.booleans(),
    sparse_format=st.sampled_from([None, "csc", "csr"]),
    dtype=st.sampled_from([np.float64, np.float32]),
    log_scale=st.lists(st.integers(-6, 6), min_size=8, max_size=8),
)
def test_factors_equal_regressions(seed, n, p, weighted, sparse_format, dtype, log_scale):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * (rng.random((n, p)) < 0.8)
    X[:, 1:] += 0.7 * X[:, :1]
    X = (X * 10.0 ** np.array(log_scale[:p])).astype(dtype)
    weights = rng.uniform(0.2, 3.0, n) if weighted else None
    expected = _by_regression(X, weights)
    container = X if sparse_format is None else sparse.coo_array(X).asformat(sparse_format)
    factors = variance_inflation_factor(container, sample_weight=weights)
    assert factors.dtype == np.float64
    np.testing.assert_allclose(factors, expected, rtol=1e-9 * expected.max())


@pytest.mark.parametrize("make", [np.asarray, sparse.csc_array, sparse.csr_matrix])
def test_factors_do_not_change_with_shift_and_scale(make):
    X = _correlated()
    base = variance_inflation_factor(make(X))
    moved = variance_inflation_factor(make(X * 10.0 ** np.arange(-6, 6, 2) + [0, 1, 5, 0, -9, 2]))
    np.testing.assert_allclose(moved, base, rtol=1e-6)  # a shift of 1e6 standard deviations
    far = variance_inflation_factor(make(X + 1e6))
    np.testing.assert_allclose(far, base, rtol=1e-6)


def test_extreme_scales_do_not_overflow():
    X = _correlated(p=3)
    expected = variance_inflation_factor(X)
    for container in (np.asarray, sparse.csc_array):
        factors = variance_inflation_factor(container(X * [1e-200, 1e200, 1.0]))
        np.testing.assert_allclose(factors, expected, rtol=1e-10)


@pytest.mark.parametrize("make", [np.asarray, sparse.csc_array, sparse.csr_array])
def test_integer_weights_equal_repeated_rows(make):
    X = _correlated(40, 5)
    weights = np.random.default_rng(1).integers(0, 4, 40)
    repeated = variance_inflation_factor(np.repeat(X, weights, axis=0))
    np.testing.assert_allclose(
        variance_inflation_factor(make(X), sample_weight=weights), repeated, rtol=1e-11
    )
    np.testing.assert_allclose(
        variance_inflation_factor(make(X), sample_weight=weights * 1e9), repeated, rtol=1e-11
    )


def test_rows_of_weight_zero_do_not_decide_what_is_constant():
    X = _correlated(20, 3)
    X[:, 1] = 4.0
    X[0, 1] = 5.0
    weights = np.ones(20)
    weights[0] = 0
    for make in (np.asarray, sparse.csc_array):
        factors = variance_inflation_factor(make(X), sample_weight=weights)
        assert list(np.isnan(factors)) == [False, True, False]


@pytest.mark.parametrize("make", [np.asarray, sparse.csc_array, sparse.csr_array])
@pytest.mark.parametrize("value", [0.0, 0.1, -1e9, 1e-300])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_constant_columns_are_nan_and_left_out(make, value, dtype):
    X = _correlated().astype(dtype)
    with_constant = np.insert(X, 2, dtype(value), axis=1)
    factors = variance_inflation_factor(make(with_constant))
    assert np.isnan(factors[2])
    np.testing.assert_allclose(np.delete(factors, 2), variance_inflation_factor(X), rtol=1e-9)


@pytest.mark.parametrize("make", [np.asarray, sparse.csc_array])
def test_only_columns_of_the_dependence_are_infinite(make):
    X = _correlated(50, 6)
    dependent = np.insert(X, 3, 2 * X[:, 0] - X[:, 4] + 1, axis=1)  # columns 0, 3 and 5
    factors = variance_inflation_factor(make(dependent))
    assert list(np.flatnonzero(np.isinf(factors))) == [0, 3, 5]
    # The others: regress them on a basis of the rest.
    expected = variance_inflation_factor(X)
    np.testing.assert_allclose(factors[[1, 2, 4, 6]], expected[[1, 2, 3, 5]], rtol=1e-9)


def test_canonical_csc_input_is_not_modified():
    X = sparse.csc_array(_correlated())
    copy = X.copy()
    variance_inflation_factor(X)
    VIFSelector().fit(X)
    assert (copy != X).nnz == 0
    # unsorted with duplicates: the sum of the duplicates counts
    messy = sparse.csc_matrix(
        (np.array([1.0, 2, 1, 5, 3, 1, 2]), [2, 0, 2, 1, 0, 1, 2], [0, 4, 7]), shape=(3, 2)
    )
    before = messy.data.copy()
    np.testing.assert_allclose(
        variance_inflation_factor(messy), variance_inflation_factor(messy.toarray()), rtol=1e-12
    )
    np.testing.assert_array_equal(messy.data, before)


def test_read_only_and_int64_indices_work():
    X = _correlated()
    expected = variance_inflation_factor(X)
    X.setflags(write=False)
    np.testing.assert_array_equal(variance_inflation_factor(X), expected)
    wide = sparse.csc_matrix(X)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    np.testing.assert_allclose(variance_inflation_factor(wide), expected, rtol=1e-12)


# --------------------------------------------------------------------------------------
# Screening
# --------------------------------------------------------------------------------------
def _screen_by_recomputation(X, threshold):
    kept, path = list(range(X.shape[1])), []
    while True:
        factors = _by_regression(X[:, kept]) if len(kept) > 1 else np.ones(1)
        worst = int(np.argmax(factors))
        if factors[worst] <= threshold:
            return kept, path, factors
        path.append((kept.pop(worst), factors[worst]))


@pytest.mark.parametrize("threshold", [1.2, 2.0, 10.0])
@pytest.mark.parametrize("seed", range(4))
def test_downdates_equal_recomputation(seed, threshold):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((80, 30)) + 1.5 * rng.standard_normal((80, 3)) @ rng.standard_normal(
        (3, 30)
    )
    kept, path, factors = _screen_by_recomputation(X, threshold)
    selector = VIFSelector(threshold).fit(X)
    np.testing.assert_array_equal(selector.get_support(indices=True), kept)
    assert [name for name, _ in selector.vif_path_] == [f"x{j}" for j, _ in path]
    np.testing.assert_allclose([v for _, v in selector.vif_path_], [v for _, v in path], rtol=1e-8)
    np.testing.assert_allclose(selector.vif_, factors, rtol=1e-8)
    assert selector.vif_.max() <= threshold


def test_factors_stay_exact_after_removing_a_nearly_collinear_column():
    X = _correlated(100, 8)
    rng = np.random.default_rng(0)
    near = X @ rng.standard_normal(8) + 1e-4 * rng.standard_normal(100)
    selector = VIFSelector(1e6).fit(np.column_stack([X, near]))
    assert len(selector.vif_path_) == 1
    assert 1e6 < selector.vif_path_[0][1] < 1e10
    kept = selector.get_support()
    np.testing.assert_allclose(
        selector.vif_, _by_regression(np.column_stack([X, near])[:, kept]), rtol=1e-8
    )


def test_of_equal_factors_the_last_column_goes():
    Z = _correlated(40, 3)
    noise = np.random.default_rng(5).standard_normal(40)
    for scale in (1.0, 1e5, 1 / 3):
        X = np.column_stack([Z[:, 0], Z[:, 0] * scale + 0.01 * scale * noise])
        assert [n for n, _ in VIFSelector().fit(X).vif_path_] == ["x1"]


def test_exactly_collinear_columns_are_dropped_from_the_right():
    X = _correlated(50, 4)
    X = np.column_stack([X, X[:, 1], X[:, 0] + X[:, 2]])
    selector = VIFSelector(1e9).fit(X)
    assert [(d.name, d.reason, d.vif) for d in selector.dropped_] == [
        ("x4", "collinear", np.inf),
        ("x5", "collinear", np.inf),
    ]
    assert selector.vif_path_ == [("x4", np.inf), ("x5", np.inf)]
    assert list(np.isinf(selector.vif_initial_)) == [True, True, True, False, True, True]
    np.testing.assert_allclose(selector.vif_, _by_regression(X[:, :4]), rtol=1e-8)
    # any order of the columns: what goes is what earlier columns determine
    order = [4, 0, 5, 1, 2, 3]
    selector = VIFSelector(1e9).fit(X[:, order])
    assert [d.name for d in selector.dropped_] == ["x3", "x4"]


@pytest.mark.parametrize("n", [5, 20])
def test_more_columns_than_rows_leaves_the_first_independent_ones(n):
    X = np.random.default_rng(0).standard_normal((n, 24))
    selector = VIFSelector(threshold=np.inf).fit(X)
    # the intercept takes one dimension
    np.testing.assert_array_equal(selector.get_support(indices=True), np.arange(n - 1))
    assert np.isinf(selector.vif_initial_).all()


def test_collinear_columns_are_named_in_the_error():
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(_correlated(50, 4), columns=list("abcd"))
    X["e"] = X["a"] - 2 * X["c"]
    with pytest.raises(ValueError, match=r"3 columns of X are exactly collinear: 'a', 'c', 'e'\."):
        VIFSelector(collinear="error").fit(X)
    assert VIFSelector(1e9, collinear="error").fit(X.drop(columns="e")).get_support().all()


def test_constant_columns_go_first_and_have_no_factor():
    X = np.insert(_correlated(30, 3), 1, 7.0, axis=1)
    selector = VIFSelector(1e9).fit(X)
    (only,) = selector.dropped_
    assert (only.name, only.column, only.reason) == ("x1", 1, "constant")
    assert np.isnan(only.vif)
    assert selector.vif_path_ == []
    assert np.isnan(selector.vif_initial_[1])
    assert selector.vif_.shape == (3,)


def test_max_drop_limits_the_removals_by_threshold_only():
    X = _correlated(100, 6)
    X = np.column_stack([X, X[:, 0], np.ones(100)])
    free = VIFSelector(1.5).fit(X)
    by_vif = [d for d in free.dropped_ if d.reason == "vif"]
    assert len(by_vif) >= 2
    limited = VIFSelector(1.5, max_drop=1).fit(X)
    assert [d.name for d in limited.dropped_] == [d.name for d in free.dropped_[:3]]
    assert [d.reason for d in limited.dropped_] == ["constant", "collinear", "vif"]
    assert limited.vif_.max() > 1.5
    assert [d.reason for d in VIFSelector(1.5, max_drop=0).fit(X).dropped_] == [
        "constant",
        "collinear",
    ]


@pytest.mark.parametrize("make", [sparse.csc_matrix, sparse.csr_matrix, sparse.csc_array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sparse_selects_as_dense_and_stays_sparse(make, dtype):
    rng = np.random.default_rng(2)
    X = rng.standard_normal((200, 12)) * (rng.random((200, 12)) < 0.3)
    X[:, 7] = X[:, 1] + X[:, 2] + 0.1 * X[:, 3]
    X[:, 9] = X[:, 4] + 0.05 * (rng.random(200) < 0.2)
    X = X.astype(dtype)
    dense, other = VIFSelector(5).fit(X), VIFSelector(5).fit(make(X))
    np.testing.assert_array_equal(dense.get_support(), other.get_support())
    np.testing.assert_allclose(dense.vif_, other.vif_, rtol=1e-9)
    out = other.transform(make(X))
    assert sparse.issparse(out)
    assert out.dtype == dtype
    np.testing.assert_array_equal(out.toarray(), X[:, dense.get_support()])


@pytest.mark.parametrize("seed", range(3))
def test_selector_treats_weights_as_repetition(seed):
    X = _correlated(60, 8, seed)
    weights = np.random.default_rng(seed).integers(0, 3, 60)
    weighted = VIFSelector(3).fit(X, sample_weight=weights)
    repeated = VIFSelector(3).fit(np.repeat(X, weights, axis=0))
    np.testing.assert_array_equal(weighted.get_support(), repeated.get_support())
    np.testing.assert_allclose(weighted.vif_, repeated.vif_, rtol=1e-9)


# --------------------------------------------------------------------------------------
# Blocks
# --------------------------------------------------------------------------------------
def _dummies(level, reference):
    return np.column_stack([level == k for k in np.unique(level) if k != reference]).astype(float)


def _blocks(reference=0, seed=0):
    rng = np.random.default_rng(seed)
    level = rng.integers(0, 4, 200)
    x = rng.standard_normal(200) + level
    z = 0.8 * x + rng.standard_normal(200)
    return np.column_stack([_dummies(level, reference), x, z]), level


def test_generalised_factor_is_the_ratio_of_determinants():
    X, _ = _blocks()
    R = np.corrcoef(X.T)
    expected = {}
    for name, inside in {"level": [0, 1, 2], "x": [3], "z": [4]}.items():
        outside = [j for j in range(5) if j not in inside]
        det = np.linalg.det
        gvif = det(R[np.ix_(inside, inside)]) * det(R[np.ix_(outside, outside)]) / det(R)
        expected[name] = gvif ** (1 / (2 * len(inside)))
    values = generalized_variance_inflation_factor(X, ["level"] * 3 + ["x", "z"])
    np.testing.assert_allclose(
        values, [expected["level"]] * 3 + [expected["x"], expected["z"]], rtol=1e-10
    )
    alone = generalized_variance_inflation_factor(X, range(5))
    np.testing.assert_allclose(alone, np.sqrt(variance_inflation_factor(X)), rtol=1e-12)


def test_generalised_factor_does_not_depend_on_the_reference_level():
    labels = [0, 0, 0, 1, 2]
    values = [
        generalized_variance_inflation_factor(_blocks(reference)[0], labels)
        for reference in range(4)
    ]
    single = [variance_inflation_factor(_blocks(reference)[0])[:3].max() for reference in range(4)]
    assert np.ptp(single) > 0.1
    np.testing.assert_allclose(values, [values[0]] * 4, rtol=1e-10)
    # one dummy too many spans the same space
    X, level = _blocks()
    full = np.column_stack([level == 0, X]).astype(float)
    np.testing.assert_allclose(
        generalized_variance_inflation_factor(full, [0, 0, 0, 0, 1, 2])[1:], values[0], rtol=1e-8
    )


def test_block_determined_by_other_columns_is_infinite():
    X, _ = _blocks()
    X = np.column_stack([X, X[:, 0] + X[:, 1], np.ones(200)])
    values = generalized_variance_inflation_factor(X, [0, 0, 0, 1, 2, 3, 4])
    assert list(np.isinf(values)) == [True, True, True, False, False, True, False]
    assert np.isnan(values[6])


def test_selector_drops_a_block_as_a_whole():
    X, level = _blocks()
    rng = np.random.default_rng(9)
    copies = np.column_stack([_dummies(level, 2), rng.standard_normal(200)])
    flipped = rng.integers(0, 200, 4)
    copies[flipped, :3] = copies[flipped[::-1], :3]
    X = np.column_stack([X, copies])
    groups = ["level"] * 3 + ["x", "z"] + ["again"] * 3 + ["noise"]
    selector = VIFSelector(5.0, groups=groups).fit(X)
    assert len(selector.dropped_) == 3
    gone = {groups[d.column] for d in selector.dropped_}
    assert gone == {"again"}
    first = generalized_variance_inflation_factor(X, groups)
    assert selector.dropped_[0].vif == pytest.approx(first[5] ** 2, rel=1e-8)
    kept = selector.get_support(indices=True)
    after = generalized_variance_inflation_factor(X[:, kept], [groups[j] for j in kept])
    np.testing.assert_allclose(selector.gvif_, after, rtol=1e-8)
    np.testing.assert_allclose(selector.vif_, after**2, rtol=1e-8)


def test_groups_by_mapping_equal_groups_by_label():
    pd = pytest.importorskip("pandas")
    X, _ = _blocks()
    frame = pd.DataFrame(X, columns=["l1", "l2", "l3", "x", "z"])
    by_label = VIFSelector(1.5, groups=[0, 0, 0, 1, 2]).fit(frame)
    for mapping in ({"level": ["l1", "l2", "l3"]}, {"level": [0, 1, 2]}):
        by_name = VIFSelector(1.5, groups=mapping).fit(frame)
        assert by_name.dropped_ == by_label.dropped_
        np.testing.assert_allclose(by_name.gvif_, by_label.gvif_)
    assert not hasattr(VIFSelector().fit(frame), "gvif_")


# --------------------------------------------------------------------------------------
# scikit-learn
# --------------------------------------------------------------------------------------
@parametrize_with_checks([VIFSelector(), VIFSelector(threshold=2.0, max_drop=3)])
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


def test_names_frames_pickles_and_pipelines():
    pd = pytest.importorskip("pandas")
    plans = make_plan_market(0, as_frame=True)
    selector = VIFSelector().set_output(transform="pandas").fit(plans.data)
    out = selector.transform(plans.data)
    assert isinstance(out, pd.DataFrame)
    expected = [n for n in plans.feature_names if n not in ("moop_all", "ambulance")]
    assert list(out.columns) == expected == list(selector.get_feature_names_out())
    again = pickle.loads(pickle.dumps(selector))
    assert again.dropped_ == selector.dropped_
    assert clone(selector).get_params() == selector.get_params()
    model = make_pipeline(VIFSelector(), LinearRegression()).fit(plans.data, plans.target)
    assert model[-1].n_features_in_ == 32


# --------------------------------------------------------------------------------------
# Bad input
# --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"threshold": 1.0}, "threshold must be > 1, got 1.0"),
        ({"threshold": np.nan}, "threshold must be > 1, got nan"),
        ({"threshold": "10"}, "threshold must be > 1, got '10'"),
        ({"max_drop": -1}, "max_drop must be None or an integer >= 0, got -1"),
        ({"max_drop": 1.5}, "max_drop must be None or an integer >= 0, got 1.5"),
        ({"collinear": "ignore"}, 'collinear must be "drop" or "error", got \'ignore\''),
        ({"groups": [0, 1]}, "groups has 2 labels, X has 6 columns"),
        ({"groups": {"a": ["q"]}}, "groups\\['a'\\] names the column 'q', which X does not have"),
        ({"groups": {"a": [6]}}, "names the column 6, which X does not have"),
        ({"groups": {"a": [0, 1], "b": [1]}}, "groups puts the column 1 into two blocks"),
    ],
)
def test_bad_parameters_are_named(options, fragment):
    with pytest.raises(ValueError, match=fragment):
        VIFSelector(**options).fit(_correlated())


@pytest.mark.parametrize(
    ("weights", "fragment"),
    [
        (np.ones(3), "sample_weight has 3 values, X has 60 rows"),
        (np.zeros(60), "sample_weight is zero in every row"),
        (np.r_[np.ones(59), -2.0], "sample_weight must be >= 0, got -2 in row 59"),
        (np.r_[np.ones(59), np.nan], "sample_weight contains NaN"),
        (np.ones((60, 1)), r"sample_weight must have shape \(60,\)"),
    ],
)
def test_bad_weights_are_named(weights, fragment):
    with pytest.raises(ValueError, match=fragment):
        variance_inflation_factor(_correlated(), sample_weight=weights)
    with pytest.raises(ValueError, match=fragment):
        VIFSelector().fit(_correlated(), sample_weight=weights)


def test_bad_data_are_refused():
    X = _correlated()
    X[3, 2] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        variance_inflation_factor(X)
    with pytest.raises(ValueError, match="contains NaN"):
        VIFSelector().fit(X)
    with pytest.raises(ValueError, match=r"Every column of X is constant \(2 of 2\)"):
        VIFSelector().fit(np.ones((5, 2)))
    with pytest.raises(ValueError, match="1 sample"):
        VIFSelector().fit([[1.0, 2.0]])
    with pytest.raises(ValueError, match="0 feature"):
        VIFSelector().fit(np.ones((5, 0)))
