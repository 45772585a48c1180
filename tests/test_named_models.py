# SPDX-License-Identifier: BSD-3-Clause
"""The named estimators against known solutions, scikit-learn and what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csc_array
from sklearn import linear_model as theirs
from sklearn.datasets import load_diabetes, load_linnerud
from sklearn.metrics import d2_tweedie_score
from sklearn.utils.estimator_checks import check_param_validation

from taut import linear_model as ours
from taut.linear_model import (
    AdaptiveLasso,
    AdaptiveLassoCV,
    ConcomitantLasso,
    GroupLasso,
    GroupLassoCV,
    HuberLasso,
    HuberLassoCV,
    Lasso,
    MCPRegression,
    MCPRegressionCV,
    MultiTaskElasticNet,
    MultiTaskLasso,
    MultiTaskLassoCV,
    PenalizedGLM,
    PoissonLasso,
    PoissonLassoCV,
    RelaxedLasso,
    RelaxedLassoCV,
    SCADRegression,
    SparseGroupLasso,
    SqrtLasso,
    huber_lasso_path,
    mcp_path,
    multitask_lasso_path,
    poisson_path,
    scad_path,
    sqrt_lasso_path,
)

TIGHT = {"tol": 1e-12}


@pytest.fixture(scope="module")
def spec():
    """The small problem whose solutions are known to many digits from an independent solver."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 8))
    w = np.array([2, -1, 0.5, 0, 0, 0, 0, 0])
    y = X @ w + 1 + 0.5 * rng.standard_normal(60)
    return X, y, rng.poisson(np.exp(0.3 * X @ w)).astype(float)


KNOWN = [
    (
        PoissonLasso(0.05, **TIGHT),
        -0.096341,
        [0.471286, -0.264752, 0, 0.020972, -0.043095, 0.139213, -0.007866, -0.125154],
    ),
    (
        HuberLasso(0.05, delta=0.5, **TIGHT),
        1.036569,
        [1.872028, -0.978471, 0.402682, 0, 0.074966, 0, 0.026204, 0],
    ),
    (SqrtLasso(0.2, **TIGHT), 1.014057, [1.8361, -0.966242, 0.367923, 0, 0.033909, 0, 0.005364, 0]),
]


@pytest.mark.parametrize(("model", "intercept", "coef"), KNOWN, ids=lambda v: type(v).__name__)
def test_known_solutions(spec, model, intercept, coef):
    X, y, counts = spec
    model.fit(X, counts if isinstance(model, PoissonLasso) else y)
    np.testing.assert_allclose(model.coef_, coef, atol=6e-7)
    assert model.intercept_ == pytest.approx(intercept, abs=6e-7)


def test_known_stationary_point_of_mcp(spec):
    X, y, _ = spec
    model = MCPRegression(0.3, gamma=3.0, tol=1e-10).fit(X, y)
    expected = [1.988041, -1.088089, 0.240725, 0, 0, 0, 0, 0]
    np.testing.assert_allclose(model.coef_, expected, atol=6e-7)


@pytest.mark.parametrize(
    ("model", "top"),
    [(PoissonLasso(), 0.359580149665), (SqrtLasso(), 0.669439581715)],
    ids=["poisson", "sqrt"],
)
def test_known_alpha_max(spec, model, top):
    X, y, counts = spec
    model.fit(X, counts if isinstance(model, PoissonLasso) else y)
    assert model.alpha_max_ == pytest.approx(top, rel=1e-10)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_multitask_models_are_those_of_scikit_learn(fit_intercept):
    X, Y = load_linnerud(return_X_y=True)
    X = X / X.std(axis=0)
    options = {"fit_intercept": fit_intercept, "tol": 1e-12}
    for alpha in (0.3, 3.0):
        one = MultiTaskLasso(alpha, **options).fit(X, Y)
        two = theirs.MultiTaskLasso(alpha, max_iter=200_000, **options).fit(X, Y)
        np.testing.assert_allclose(one.coef_, two.coef_, atol=1e-6)
        np.testing.assert_allclose(one.predict(X), two.predict(X), rtol=1e-6)
        one = MultiTaskElasticNet(alpha, l1_ratio=0.3, **options).fit(X, Y)
        two = theirs.MultiTaskElasticNet(alpha, l1_ratio=0.3, max_iter=200_000, **options).fit(X, Y)
        np.testing.assert_allclose(one.coef_, two.coef_, atol=1e-6)


def test_multitask_cross_validation_is_that_of_scikit_learn():
    X, Y = load_linnerud(return_X_y=True)
    X = X / X.std(axis=0)
    alphas = [10.0, 3.0, 1.0, 0.3]
    one = MultiTaskLassoCV(alphas=alphas, cv=4, tol=1e-12).fit(X, Y)
    two = theirs.MultiTaskLassoCV(alphas=alphas, cv=4, tol=1e-12, max_iter=200_000).fit(X, Y)
    np.testing.assert_allclose(one.mse_path_, two.mse_path_, rtol=1e-6)
    assert one.alpha_ == two.alpha_
    assert one.coefs_path_.shape == (4, 3, 3)
    assert one.selection_frequency_.shape == (3, 3)


def test_one_task_is_the_lasso():
    X, y = load_diabetes(return_X_y=True)
    one = MultiTaskLasso(0.5, **TIGHT).fit(X, y[:, None])
    np.testing.assert_allclose(one.coef_[0], Lasso(0.5, **TIGHT).fit(X, y).coef_, atol=1e-6)
    assert one.predict(X).shape == (len(y), 1)


def test_groups_of_one_are_the_lasso():
    X, y = load_diabetes(return_X_y=True)
    lasso = Lasso(0.5, **TIGHT).fit(X, y).coef_
    for model in (
        GroupLasso(0.5, groups=np.arange(10), **TIGHT),
        SparseGroupLasso(0.5, groups=np.arange(10), l1_ratio=0.7, **TIGHT),
        SparseGroupLasso(0.5, groups=[0] * 5 + [1] * 5, l1_ratio=1.0, **TIGHT),
        GroupLasso(0.5, **TIGHT),
    ):
        np.testing.assert_allclose(model.fit(X, y).coef_, lasso, atol=1e-5)


def test_square_root_lasso_is_the_lasso_at_its_noise_level(spec):
    X, y, _ = spec
    model = SqrtLasso(0.2, **TIGHT).fit(X, y)
    assert model.sigma_ == pytest.approx(np.sqrt(np.mean((y - model.predict(X)) ** 2)), rel=1e-9)
    same = Lasso(0.2 * model.sigma_, **TIGHT).fit(X, y)
    np.testing.assert_allclose(model.coef_, same.coef_, atol=1e-7)
    floored = ConcomitantLasso(0.2, sigma_min=5.0, **TIGHT).fit(X, y)
    assert floored.sigma_ == pytest.approx(5.0)
    np.testing.assert_allclose(floored.coef_, Lasso(0.2 * 5.0, **TIGHT).fit(X, y).coef_, atol=1e-7)
    path = sqrt_lasso_path(X, y, n_alphas=5)
    assert path.sigmas.shape == (5,)


def test_score_of_counts_is_the_share_of_deviance(spec):
    X, _, counts = spec
    model = PoissonLasso(0.01).fit(X, counts)
    expected = d2_tweedie_score(counts, model.predict(X), power=1)
    assert model.score(X, counts) == pytest.approx(expected)
    weight = np.linspace(0.5, 2, 60)
    expected = d2_tweedie_score(counts, model.predict(X), power=1, sample_weight=weight)
    assert model.score(X, counts, sample_weight=weight) == pytest.approx(expected)


def test_exposure_as_offset_or_as_weight_is_one_model(spec):
    X, _, counts = spec
    exposure = np.linspace(0.5, 3.0, 60)
    by_offset = PoissonLasso(0.05, **TIGHT).fit(X, counts, offset=np.log(exposure))
    scale = exposure.mean()
    by_rate = PoissonLasso(0.05 / scale, **TIGHT).fit(X, counts / exposure, sample_weight=exposure)
    np.testing.assert_allclose(by_offset.coef_, by_rate.coef_, atol=1e-6)
    rate = by_offset.predict(X, offset=np.zeros(60))
    np.testing.assert_allclose(rate, by_rate.predict(X), rtol=1e-5)
    with pytest.raises(ValueError, match="fitted with an offset"):
        by_offset.predict(X)
    score = by_offset.score(X, counts, offset=np.log(exposure))
    assert 0 < score < 1
    chosen = PoissonLassoCV(alphas=5, eps=0.05, cv=3).fit(X, counts, offset=np.log(exposure))
    assert chosen.predict(X, np.log(exposure)).shape == (60,)


def test_huber_with_a_wide_delta_is_the_lasso(spec):
    X, y, _ = spec
    wide = HuberLasso(0.1, delta=1e6, **TIGHT).fit(X, y)
    np.testing.assert_allclose(wide.coef_, Lasso(0.1, **TIGHT).fit(X, y).coef_, atol=1e-7)
    bad = y.copy()
    bad[:3] += 100.0
    moved = [np.abs(m.fit(X, bad).coef_ - wide.coef_).max() for m in (HuberLasso(0.1), Lasso(0.1))]
    assert moved[0] < 0.1 * moved[1]


@pytest.mark.parametrize("model", [MCPRegression(0.2, gamma=1e9), SCADRegression(0.2, gamma=1e9)])
def test_nearly_convex_penalties_are_the_lasso(spec, model):
    X, y, _ = spec
    np.testing.assert_allclose(model.fit(X, y).coef_, Lasso(0.2).fit(X, y).coef_, atol=1e-3)


def test_large_effects_are_not_shrunk(spec):
    X, y, _ = spec
    for model in (MCPRegression(0.2, tol=1e-9), SCADRegression(0.2, tol=1e-9), RelaxedLasso(0.2)):
        model.fit(X, y)
        on = model.coef_ != 0
        best = np.linalg.lstsq(np.c_[X[:, on], np.ones(60)], y, rcond=None)[0][:-1]
        assert np.abs(model.coef_[on] - best).max() < 0.25
        assert abs(model.coef_[0] - best[list(np.flatnonzero(on)).index(0)]) < 0.05


def test_paths_are_the_estimators_at_their_strengths(spec):
    X, y, counts = spec
    for path, model, target in (
        (mcp_path(X, y, n_alphas=4, eps=0.3), MCPRegression, y),
        (scad_path(X, y, n_alphas=4, eps=0.3), SCADRegression, y),
        (huber_lasso_path(X, y, n_alphas=4, eps=0.1), HuberLasso, y),
        (poisson_path(X, counts, n_alphas=4, eps=0.1), PoissonLasso, counts),
    ):
        for k, alpha in enumerate(path.alphas):
            coef = model(float(alpha)).fit(X, target).coef_
            np.testing.assert_allclose(path.coefs[:, k], coef, atol=2e-3)


def test_path_of_several_tasks_draws_a_panel_each():
    pytest.importorskip("matplotlib")
    import matplotlib

    matplotlib.use("agg")
    path = multitask_lasso_path(*load_linnerud(return_X_y=True), n_alphas=5)
    display = path.plot()
    assert display.ax_.shape == (3,)
    assert [ax.get_title(loc="left") for ax in display.ax_] == [f"output {k}" for k in range(3)]
    matplotlib.pyplot.close(display.figure_)


ESTIMATORS = [
    getattr(ours, name)
    for name in ours.__all__
    if isinstance(getattr(ours, name), type) and hasattr(getattr(ours, name), "fit")
]


@pytest.mark.parametrize("kind", ESTIMATORS, ids=lambda k: k.__name__)
def test_parameters_out_of_range_are_named(kind):
    check_param_validation(kind.__name__, kind())


X3 = np.random.default_rng(0).standard_normal((12, 3))
Y3 = X3[:, 0] + 0.1

LIMITS = [
    (lambda: MCPRegression(gamma=1.0), "'gamma' parameter of MCPRegression must be"),
    (lambda: SCADRegression(gamma=2.0), "'gamma' parameter of SCADRegression must be"),
    (lambda: MCPRegressionCV(gamma=[3.0, 0.5]), r"gamma must be > 1, got 0\.5"),
    (lambda: HuberLasso(delta=0.0), "'delta' parameter of HuberLasso must be"),
    (lambda: ConcomitantLasso(sigma_min=-1.0), "'sigma_min' parameter of ConcomitantLasso"),
    (lambda: AdaptiveLasso(nu=0.0), "'nu' parameter of AdaptiveLasso must be"),
    (lambda: AdaptiveLasso(initial="ols"), "'initial' parameter of AdaptiveLasso must be"),
    (lambda: AdaptiveLassoCV(n_rounds=0), "'n_rounds' parameter of AdaptiveLassoCV must be"),
    (lambda: RelaxedLasso(gamma=1.5), "'gamma' parameter of RelaxedLasso must be"),
    (lambda: RelaxedLassoCV(gamma=[0.0, 2.0]), r"gamma must lie in \[0, 1\]"),
    (lambda: SparseGroupLasso(l1_ratio=2.0), "'l1_ratio' parameter of SparseGroupLasso must be"),
    (lambda: GroupLasso(groups=[0, 1]), "one label for each of the 3 features, got 2"),
    (lambda: GroupLasso(groups=[[0], [0, 1, 2]]), "must not overlap: column 0"),
    (lambda: GroupLassoCV(groups=[[0], [2]]), "missing: 1"),
    (lambda: GroupLasso(groups=[0, 0, 1], penalty_factor=[1.0] * 3), "one value per group"),
    (lambda: GroupLasso(groups=[0, 0, 1], penalty_factor=[1.0, -1.0]), "got -1 for group 1"),
    (lambda: MultiTaskLasso(), r"y must have shape \(12, n_tasks\), got shape \(12,\)"),
    (lambda: HuberLassoCV(scoring="r2"), "'scoring' parameter of HuberLassoCV must be"),
    (lambda: PenalizedGLM("ridge"), "datafit must be one of 'quadratic'.*got 'ridge'"),
    (lambda: PenalizedGLM(penalty="l7"), "penalty must be one of 'l1'.*got 'l7'"),
    (lambda: PenalizedGLM("sqrt", "mcp"), "datafit='sqrt' with penalty='mcp'"),
    (lambda: PenalizedGLM(penalty="fused", positive=True), "do not go with penalty='fused'"),
    (lambda: PenalizedGLM(solver="fast"), "'solver' parameter of PenalizedGLM must be"),
]


@pytest.mark.parametrize(("make", "message"), LIMITS)
def test_limits_of_constructors(make, message):
    with pytest.raises(ValueError, match=message):
        make().fit(X3, Y3)


@pytest.mark.parametrize("stored_sparse", [False, True])
def test_constant_columns_of_groups_are_zero_where_they_are_standardised(stored_sparse):
    X = np.c_[X3, np.full(12, 3.0), np.zeros(12)]
    X = csc_array(X) if stored_sparse else X
    model = GroupLasso(0.01, groups=[0, 0, 1, 1, 1], standardize=True)
    assert model.fit(X, Y3).coef_[3:].tolist() == [0.0, 0.0]
    assert model.set_params(fit_intercept=False).fit(X, Y3).coef_[3:].tolist() == [0.0, 0.0]


def test_counts_below_zero_and_all_zero_are_refused():
    with pytest.raises(ValueError, match=r"PoissonLasso needs y >= 0, got -1 in row 3"):
        PoissonLasso().fit(X3, np.where(np.arange(12) == 3, -1.0, 1.0))
    with pytest.raises(ValueError, match="needs a value of y that is > 0"):
        PoissonLasso().fit(X3, np.zeros(12))
    with pytest.raises(ValueError, match="y must be >= 0"):
        PoissonLasso().fit(X3, np.ones(12)).score(X3, -np.ones(12))
