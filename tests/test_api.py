# SPDX-License-Identifier: BSD-3-Clause
"""What users of scikit-learn expect of every estimator."""

from __future__ import annotations

import doctest
import importlib
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_iris, make_regression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import taut
from taut.linear_model import (
    AdaptiveLasso,
    AdaptiveLassoCV,
    ConcomitantLasso,
    ConcomitantLassoCV,
    ElasticNet,
    ElasticNetCV,
    GroupLasso,
    GroupLassoCV,
    HuberLasso,
    HuberLassoCV,
    Lasso,
    LassoCV,
    LogisticLasso,
    LogisticLassoCV,
    MCPRegression,
    MCPRegressionCV,
    MultinomialLasso,
    MultinomialLassoCV,
    MultiTaskElasticNet,
    MultiTaskElasticNetCV,
    MultiTaskLasso,
    MultiTaskLassoCV,
    PenalizedGLM,
    PoissonLasso,
    PoissonLassoCV,
    RelaxedLasso,
    RelaxedLassoCV,
    SCADRegression,
    SCADRegressionCV,
    SparseGroupLasso,
    SparseGroupLassoCV,
    SqrtLasso,
    SqrtLassoCV,
    lasso_path,
    logistic_path,
    multinomial_path,
)
from taut.model_selection import PathCV, PathIC, Refitted, StabilitySelection
from taut.testing import kkt

# scikit-learn compares predictions of equal problems to 1e-7, which asks for more than the default.
ESTIMATORS = [
    Lasso(tol=1e-12),
    ElasticNet(tol=1e-12),
    LogisticLasso(tol=1e-12),
    MultinomialLasso(tol=1e-12),
    MultinomialLasso(grouped=True, tol=1e-12),
    LassoCV(alphas=10, tol=1e-12),
    ElasticNetCV(alphas=10, tol=1e-12),
    LogisticLassoCV(alphas=10, eps=0.05, cv=3, tol=1e-12),
    MultinomialLassoCV(alphas=10, eps=0.05, cv=3, tol=1e-12),
    PoissonLasso(tol=1e-12),
    HuberLasso(tol=1e-12),
    SqrtLasso(tol=2e-8),  # interpolates in some checks, where the root has no derivative
    ConcomitantLasso(tol=1e-12),
    GroupLasso(tol=1e-12),
    SparseGroupLasso(tol=1e-12),
    MultiTaskLasso(tol=1e-12),
    MultiTaskElasticNet(tol=1e-12),
    MCPRegression(tol=1e-10),
    SCADRegression(tol=1e-10),
    AdaptiveLasso(tol=1e-12),
    RelaxedLasso(tol=1e-12),
    PoissonLassoCV(alphas=5, eps=0.05, cv=3, tol=1e-12),
    HuberLassoCV(alphas=5, eps=0.05, cv=3, tol=1e-12),
    SqrtLassoCV(alphas=5, eps=0.2, cv=3, tol=1e-7),
    ConcomitantLassoCV(alphas=5, eps=0.05, cv=3, tol=1e-12),
    GroupLassoCV(alphas=5, eps=0.05, cv=3, tol=1e-12),
    SparseGroupLassoCV(alphas=5, eps=0.05, cv=3, tol=1e-12),
    MultiTaskLassoCV(alphas=5, eps=0.05, cv=3, tol=1e-12),
    MultiTaskElasticNetCV(alphas=5, eps=0.05, cv=3, tol=1e-12),
    # As many features as rows: further down the path rows in another order end elsewhere.
    MCPRegressionCV(alphas=5, eps=0.3, cv=3, tol=1e-10),
    SCADRegressionCV(alphas=5, eps=0.3, cv=3, tol=1e-10),
    AdaptiveLassoCV(alphas=5, eps=0.05, cv=3, tol=1e-12),
    RelaxedLassoCV(alphas=5, eps=0.05, cv=3, tol=1e-12),
    PenalizedGLM(tol=1e-12),
    PenalizedGLM("logistic", "elastic_net", tol=1e-12),
    PenalizedGLM("multinomial", "group", tol=1e-12),
    PenalizedGLM("poisson", tol=1e-12),
    PathCV(PenalizedGLM(tol=1e-12), alphas=5, eps=0.05, cv=3),
    PathCV(LogisticLasso(tol=1e-12), alphas=5, eps=0.05, cv=3),
    PathIC(PenalizedGLM(tol=1e-12), alphas=10, eps=0.05),
    PathIC(LogisticLasso(tol=1e-12), alphas=10, eps=0.05),
    Refitted(PenalizedGLM(alpha=0.1, tol=1e-12)),
    StabilitySelection(n_resamples=3, threshold=0.51, max_features=3, random_state=0),
]
SINGLE = [
    Lasso(0.1),
    ElasticNet(0.1),
    LogisticLasso(0.05),
    MultinomialLasso(0.05),
    PoissonLasso(0.05),
    HuberLasso(0.1),
    SqrtLasso(0.1),
    ConcomitantLasso(0.1),
    GroupLasso(0.1, groups=[0, 0, 1, 1, 2, 2]),
    SparseGroupLasso(0.1, groups=[0, 0, 1, 1, 2, 2]),
    MultiTaskLasso(0.1),
    MultiTaskElasticNet(0.1),
    MCPRegression(0.1),
    SCADRegression(0.1),
    RelaxedLasso(0.1),
    PenalizedGLM("huber", "elastic_net", alpha=0.1),
]
CROSS_VALIDATED = [
    LassoCV(alphas=8, eps=0.05),
    ElasticNetCV(alphas=8, eps=0.05),
    LogisticLassoCV(alphas=8, eps=0.05),
    MultinomialLassoCV(alphas=8, eps=0.05),
    PoissonLassoCV(alphas=8, eps=0.05),
    HuberLassoCV(alphas=8, eps=0.05),
    SqrtLassoCV(alphas=8, eps=0.05),
    GroupLassoCV(alphas=8, eps=0.05, groups=[0, 0, 1, 1, 2, 2]),
    SparseGroupLassoCV(alphas=8, eps=0.05, groups=[0, 0, 1, 1, 2, 2]),
    MultiTaskLassoCV(alphas=8, eps=0.05),
    MCPRegressionCV(alphas=8, eps=0.05),
    SCADRegressionCV(alphas=8, eps=0.05),
    AdaptiveLassoCV(alphas=8, eps=0.05, initial="ridge"),
    RelaxedLassoCV(alphas=8, eps=0.05),
]


def name_of(value: Any) -> str | None:
    return type(value).__name__ if hasattr(value, "fit") else None


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def data():
    """Rows, a real response, two labels, three labels."""
    rng = np.random.default_rng(7)
    X = np.asfortranarray(rng.standard_normal((60, 6)))
    eta = X @ [1.5, -1.0, 0.0, 0.5, 0.0, 0.0]
    real = eta + 0.5 * rng.standard_normal(60)
    two = np.where(eta + rng.logistic(size=60) > 0, "yes", "no")
    three = np.array(["a", "b", "c"])[np.digitize(eta + rng.logistic(size=60), [-1.0, 1.0])]
    return X, real, two, three, rng.poisson(np.exp(0.5 * eta)).astype(float)


def response(estimator, data):
    """The y that an estimator is about."""
    _, real, two, three, counts = data
    name = type(estimator).__name__
    for start, y in (("Logistic", two), ("Multinomial", three), ("Poisson", counts)):
        if name.startswith(start):
            return y
    return np.c_[real, real + counts] if name.startswith("MultiTask") else real


def null_loss(estimator, data):
    """Loss of the model without coefficients, the unit of the tolerances."""
    y = response(estimator, data)
    keep = estimator.get_params()
    loss = {k: keep[k] for k in ("delta", "sigma_min") if k in keep}
    datafit = estimator._make_datafit().name
    if y.ndim == 2:
        return float(np.var(y, axis=0).sum() / 2)
    labels = (y == "yes").astype(float) if datafit == "logistic" else y
    return kkt.null_loss(labels, datafit=datafit, **loss)


@pytest.mark.parametrize("estimator", [*SINGLE, *CROSS_VALIDATED], ids=name_of)
class TestEveryEstimator:
    def test_pickle_predicts_the_same(self, estimator, data):
        X, y = data[0], response(estimator, data)
        model = clone(estimator).fit(X, y)
        again = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        np.testing.assert_array_equal(again.coef_, model.coef_)

    def test_certificate_is_within_tolerance(self, estimator, data):
        X, y = data[0], response(estimator, data)
        model = clone(estimator).fit(X, y)
        assert isinstance(model.dual_gap_, float)
        if model._penalty_type.convex:
            assert 0 <= model.dual_gap_ <= model.tol * null_loss(model, data) * 1.000001
        else:
            assert np.isnan(model.dual_gap_)
            assert 0 <= model.stop_crit_ <= model.tol * model.alpha_max_ * 1.000001
        assert model.n_iter_ >= 1
        assert model.alpha_max_ > 0

    def test_float32_stays_float32(self, estimator, data):
        X, y = data[0], response(estimator, data)
        wide = clone(estimator).fit(X, y)
        narrow = clone(estimator).set_params(tol=1e-4).fit(X.astype(np.float32), y)
        assert narrow.coef_.dtype == np.float32
        assert wide.coef_.dtype == np.float64
        np.testing.assert_allclose(narrow.coef_, wide.coef_, atol=0.05)
        outputs = {"predict_proba", "decision_function"} & set(dir(narrow)) or {"predict"}
        for method in outputs:
            assert getattr(narrow, method)(X.astype(np.float32)).dtype == np.float32

    @pytest.mark.parametrize("index", [np.int32, np.int64])
    @pytest.mark.parametrize("kind", [sp.csc_array, sp.csr_array, sp.csc_matrix, sp.coo_array])
    def test_sparse_equals_dense(self, estimator, data, kind, index):
        X, y = np.where(np.abs(data[0]) > 0.3, data[0], 0.0), response(estimator, data)
        S = kind(X)
        if hasattr(S, "indices"):
            S.indices, S.indptr = S.indices.astype(index), S.indptr.astype(index)
        dense = clone(estimator).set_params(tol=1e-11).fit(X, y)
        sparse = clone(estimator).set_params(tol=1e-11).fit(S, y)
        np.testing.assert_allclose(sparse.coef_, dense.coef_, atol=1e-6)
        np.testing.assert_allclose(sparse.intercept_, dense.intercept_, atol=1e-6)
        predictions = sparse.predict(S), sparse.predict(X)
        if predictions[0].dtype.kind == "f":
            np.testing.assert_allclose(*predictions, atol=1e-12)
        else:
            np.testing.assert_array_equal(*predictions)

    def test_order_of_memory_does_not_matter(self, estimator, data):
        X, y = data[0], response(estimator, data)
        F = clone(estimator).fit(np.asfortranarray(X), y)
        C = clone(estimator).fit(np.ascontiguousarray(X), y)
        np.testing.assert_array_equal(F.coef_, C.coef_)

    def test_frames_give_feature_names(self, estimator, data):
        pandas = pytest.importorskip("pandas")
        X, y = data[0], response(estimator, data)
        frame = pandas.DataFrame(X, columns=list("uvwxyz"))
        target = pandas.DataFrame(y) if y.ndim == 2 else pandas.Series(y)
        model = clone(estimator).fit(frame, target)
        assert model.feature_names_in_.tolist() == list("uvwxyz")
        np.testing.assert_array_equal(model.coef_, clone(estimator).fit(X, y).coef_)
        with pytest.raises(ValueError, match="feature names"):
            model.predict(frame.rename(columns={"u": "other"}))

    def test_polars_frame_equals_array(self, estimator, data):
        polars = pytest.importorskip("polars")
        X, y = data[0], response(estimator, data)
        frame = polars.DataFrame(X, schema=list("uvwxyz"))
        target = polars.DataFrame(y) if y.ndim == 2 else polars.Series(y)
        model = clone(estimator).fit(frame, target)
        assert model.feature_names_in_.tolist() == list("uvwxyz")
        np.testing.assert_array_equal(model.coef_, clone(estimator).fit(X, y).coef_)

    def test_read_only_memory_map_is_read_in_place(self, estimator, data, tmp_path):
        X, y = data[0], response(estimator, data)
        np.save(tmp_path / "X.npy", np.asfortranarray(X))
        mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
        assert mapped.flags.f_contiguous
        assert not mapped.flags.writeable
        model = clone(estimator).fit(mapped, y)
        np.testing.assert_array_equal(model.coef_, clone(estimator).fit(X, y).coef_)
        np.testing.assert_array_equal(model.predict(mapped), model.predict(X))

    def test_input_is_not_changed(self, estimator, data):
        X, y = data[0].copy(order="F"), response(estimator, data).copy()
        S = sp.csc_array(X)
        weight = np.linspace(0.5, 2.0, len(y))
        before = X.copy(), y.copy(), weight.copy(), S.copy()
        clone(estimator).set_params(standardize=True).fit(X, y, sample_weight=weight)
        clone(estimator).set_params(standardize=True).fit(S, y, sample_weight=weight)
        np.testing.assert_array_equal(X, before[0])
        np.testing.assert_array_equal(y, before[1])
        np.testing.assert_array_equal(weight, before[2])
        np.testing.assert_array_equal(S.data, before[3].data)

    def test_works_in_pipeline_and_grid_search(self, estimator, data):
        X, y = data[0], response(estimator, data)
        name = type(estimator).__name__.lower()
        search = GridSearchCV(
            make_pipeline(StandardScaler(), clone(estimator)),
            {f"{name}__fit_intercept": [True, False]},
            cv=2,
        )
        assert search.fit(X, y).best_score_ > 0.25

    def test_score_takes_weights(self, estimator, data):
        X, y = data[0], response(estimator, data)
        model = clone(estimator).fit(X, y)
        half = np.r_[np.ones(30), np.zeros(30)]
        assert model.score(X, y, sample_weight=half) == pytest.approx(model.score(X[:30], y[:30]))

    def test_sample_weight_can_be_routed(self, estimator, data):
        X, y = data[0], response(estimator, data)
        with sklearn.config_context(enable_metadata_routing=True):
            model = clone(estimator).set_fit_request(sample_weight=True)
            model.set_score_request(sample_weight=True)
            weight = np.linspace(0.5, 2.0, len(y))
            grid = GridSearchCV(model, {"fit_intercept": [True]}, cv=2).fit(
                X, y, sample_weight=weight
            )
        alone = clone(estimator).fit(X, y, sample_weight=weight)
        np.testing.assert_array_equal(grid.best_estimator_.coef_, alone.coef_)


@pytest.mark.parametrize("estimator", CROSS_VALIDATED, ids=name_of)
def test_groups_reach_the_splitter(estimator, data):
    X, y = data[0], response(estimator, data)
    groups = np.arange(60) % 6
    cv = GroupKFold(3)
    plain = clone(estimator).set_params(cv=cv).fit(X, y, groups=groups)
    pairs = list(cv.split(X, y, groups))
    np.testing.assert_array_equal(
        plain.loss_path_, clone(estimator).set_params(cv=pairs).fit(X, y).loss_path_
    )
    with sklearn.config_context(enable_metadata_routing=True):
        routed = clone(estimator).set_params(cv=GroupKFold(3)).fit(X, y, groups=groups)
    np.testing.assert_array_equal(plain.loss_path_, routed.loss_path_)


@pytest.mark.parametrize("estimator", SINGLE, ids=name_of)
def test_warm_start_ends_at_the_same_solution(estimator, data):
    X, y = data[0], response(estimator, data)
    cold = clone(estimator).set_params(tol=1e-12).fit(X, y)
    warm = clone(estimator).set_params(tol=1e-12, warm_start=True)
    warm.set_params(alpha=0.02).fit(X, y)
    warm.set_params(alpha=estimator.alpha).fit(X, y)
    np.testing.assert_allclose(warm.coef_, cold.coef_, atol=1e-7)
    # other numbers of columns start anew
    if "groups" in warm.get_params():
        warm.set_params(groups=None)
    warm.fit(X[:, :3], y)
    assert warm.coef_.shape[-1] == 3


@pytest.mark.parametrize("estimator", SINGLE, ids=name_of)
def test_fit_interrupted_in_the_solver_leaves_the_estimator_unfitted(estimator, data, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("taut._core.fit_path", interrupted)
    model = clone(estimator)
    with pytest.raises(KeyboardInterrupt):
        model.fit(data[0], response(estimator, data))
    with pytest.raises(sklearn.exceptions.NotFittedError):
        model.predict(data[0])


@pytest.mark.parametrize(
    "labels",
    [
        np.array([False, True]),
        np.array([-1, 1]),
        np.array([0.0, 2.0]),
        np.array(["no", "yes"]),
        np.array([b"no", b"yes"]),
        np.array([3, "yes"], dtype=object),
    ],
    ids=lambda a: str(a.dtype),
)
@pytest.mark.parametrize("estimator", [SINGLE[2], SINGLE[3]], ids=name_of)
def test_labels_of_any_type(estimator, labels, data):
    X, two = data[0], (data[2] == "yes").astype(int)
    model = clone(estimator).fit(X, labels[two])
    assert list(model.classes_) == list(labels)
    assert set(model.predict(X)) <= set(labels)
    reference = clone(estimator).fit(X, two)
    np.testing.assert_array_equal(model.predict_proba(X), reference.predict_proba(X))


def test_categorical_labels_of_a_frame(data):
    pandas = pytest.importorskip("pandas")
    y = pandas.Series(data[3], dtype="category")
    assert MultinomialLasso(0.05).fit(data[0], y).classes_.tolist() == ["a", "b", "c"]


def test_tuples_can_be_labels(data):
    y = np.empty(60, dtype=object)
    y[:] = [("low", 1) if v == "no" else ("high", 2) for v in data[2]]
    model = LogisticLasso(0.05).fit(data[0], y)
    assert sorted(model.classes_) == [("high", 2), ("low", 1)]


@pytest.mark.parametrize("estimator", [SINGLE[2], SINGLE[3]], ids=name_of)
def test_probabilities_agree_with_each_other(estimator, data):
    X, y = data[0], response(estimator, data)
    model = clone(estimator).fit(X, y)
    P = model.predict_proba(X)
    np.testing.assert_allclose(P.sum(axis=1), 1.0)
    np.testing.assert_allclose(np.log(P), model.predict_log_proba(X))
    np.testing.assert_array_equal(model.classes_[P.argmax(axis=1)], model.predict(X))
    far = model.predict_log_proba(1e6 * X)
    assert np.isfinite(far).all()


MEMORY = """
import sys
import numpy as np
from taut.linear_model import LassoCV, lasso_path

def anonymous():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon"))

X = np.load(sys.argv[1], mmap_mode="r")
y = np.asarray(X[:, :5]).sum(axis=1) + np.random.default_rng(1).standard_normal(X.shape[0])
lasso_path(X[:, :10], y, n_alphas=3)
before, most = anonymous(), 0

def watch(info):
    global most
    most = max(most, anonymous())

lasso_path(X, y, n_alphas=20, eps=0.1, callback=watch)
most = max(most, anonymous())
LassoCV(alphas=5, eps=0.5, cv=3).fit(X, y)
print((max(most, anonymous()) - before) / X.nbytes)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_mapped_design_is_not_copied(tmp_path):
    X = np.random.default_rng(0).standard_normal((1500, 8000))
    np.save(tmp_path / "X.npy", np.asfortranarray(X))
    out = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path / "X.npy")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(out.stdout) < 0.3  # of the size of X; a copy would be 1


def test_path_result_is_also_a_tuple(data):
    path = lasso_path(data[0], data[1], n_alphas=5)
    alphas, coefs, dual_gaps = path
    assert alphas is path.alphas
    assert coefs is path.coefs
    assert dual_gaps is path.dual_gaps
    assert coefs.shape == (6, 5)
    assert path.intercepts.shape == (5,)
    assert "5 alphas" in repr(path)
    several = multinomial_path(data[0], data[3], n_alphas=4)
    assert several.coefs.shape == (4, 3, 6)
    assert several.intercepts.shape == (4, 3)
    assert several.classes.tolist() == ["a", "b", "c"]
    assert logistic_path(data[0], data[2], n_alphas=4).classes.tolist() == ["no", "yes"]
    again = pickle.loads(pickle.dumps(path))
    np.testing.assert_array_equal(again.coefs, path.coefs)


def test_path_result_draws_itself(data):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    display = lasso_path(data[0], data[1], n_alphas=5).plot(ax=ax)
    assert display.ax_ is ax


def test_names_are_reachable_from_the_top():
    for name in taut.linear_model.__all__:
        assert getattr(taut, name) is getattr(taut.linear_model, name)


@pytest.mark.parametrize(
    "module",
    [
        "_cells",
        "_result",
        "adaptive",
        "general",
        "glm",
        "group",
        "lasso",
        "multinomial",
        "ordinal",
        "multitask",
        "nonconvex",
        "path",
        "poisson",
        "relaxed",
        "robust",
    ],
)
def test_examples_in_docstrings(module):
    name = f"taut.linear_model.{module}"
    failed, tried = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert tried > 0
    assert failed == 0
    assert doctest.testmod(importlib.import_module("taut.model_selection._rules")).failed == 0


def test_parameters_are_only_stored():
    factor = [1.0, 2.0]
    model = Lasso(penalty_factor=factor, tol="nonsense")
    assert model.penalty_factor is factor
    assert model.tol == "nonsense"


def test_scikit_learn_classes_give_the_same_answer():
    from sklearn.linear_model import ElasticNet as Theirs

    X, y = make_regression(80, 10, noise=5.0, random_state=0)
    ours = ElasticNet(0.5, l1_ratio=0.7, tol=1e-12).fit(X, y)
    theirs = Theirs(0.5, l1_ratio=0.7, tol=1e-12, max_iter=100_000).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6, atol=1e-6)


def test_default_strength_of_multinomial_separates_irises():
    X, y = load_iris(return_X_y=True)
    assert MultinomialLasso().fit(X, y).score(X, y) > 0.95
