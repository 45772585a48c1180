# SPDX-License-Identifier: BSD-3-Clause
"""Holders of parameters, the general estimator, and which pairs are refused."""

from __future__ import annotations

import dataclasses
import doctest
import importlib
import pickle

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV

from taut import datafits, penalties
from taut.linear_model import (
    ElasticNet,
    Lasso,
    LogisticLasso,
    MultinomialLasso,
    PenalizedGLM,
    penalized_path,
    refusal,
)

HOLDERS = [
    *(kind() for kind in penalties.BY_NAME.values()),
    *(kind() for kind in datafits.BY_NAME.values()),
    penalties.MCP(gamma=1.5),
    penalties.Group(groups=[[0, 2], [1]]),
    penalties.SparseGroup(groups=np.array([0, 1, 0]), l1_ratio=0.3),
    datafits.Huber(delta=0.2),
]


@pytest.mark.parametrize("holder", HOLDERS, ids=repr)
class TestHolder:
    def test_is_frozen(self, holder):
        for name in holder.get_params():
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(holder, name, 1.0)

    def test_is_equal_to_its_copies(self, holder):
        for again in (
            clone(holder),
            pickle.loads(pickle.dumps(holder)),
            type(holder)(**holder.get_params()),
            holder.with_params(),
        ):
            assert again == holder
            assert hash(again) == hash(holder)
        assert holder != 3

    def test_repr_makes_it_again(self, holder):
        scope = {"array": np.array, **vars(penalties), **vars(datafits)}
        assert eval(repr(holder), scope) == holder

    def test_unknown_parameters_are_named(self, holder):
        with pytest.raises(ValueError, match="has no parameter colour"):
            holder.with_params(colour="red")


def test_holders_with_other_values_differ():
    assert penalties.MCP(2.0) != penalties.MCP(3.0)
    assert penalties.L1() != penalties.L0()
    assert penalties.Group([[0], [1, 2]]) != penalties.Group([[0, 1], [2]])
    assert penalties.Group([0, 1, 1]) == penalties.Group(np.array([0, 1, 1]))


BAD_HOLDERS = [
    (lambda: penalties.MCP(gamma=1.0), ValueError, r"gamma must be > 1, got 1\.0"),
    (lambda: penalties.MCP(gamma=float("nan")), ValueError, "gamma must be > 1, got nan"),
    (lambda: penalties.MCP(gamma="big"), TypeError, "gamma must be a number"),
    (lambda: penalties.MCP(gamma=True), TypeError, "gamma must be a number"),
    (lambda: penalties.SCAD(gamma=2.0), ValueError, r"gamma must be > 2, got 2\.0"),
    (lambda: penalties.ElasticNet(1.5), ValueError, r"l1_ratio must lie in \[0, 1\], got 1.5"),
    (lambda: penalties.Group(l1_ratio=-0.1), ValueError, r"l1_ratio must lie in \[0, 1\]"),
    (lambda: penalties.SparseGroup(l1_ratio=2), ValueError, r"l1_ratio must lie in \[0, 1\]"),
    (lambda: penalties.Lq(exponent=1.0), ValueError, r"exponent must lie in \(0, 1\), got 1.0"),
    (lambda: penalties.Lq(exponent=0.0), ValueError, r"exponent must lie in \(0, 1\), got 0.0"),
    (lambda: datafits.Huber(delta=0.0), ValueError, "delta must be finite and > 0, got 0.0"),
    (lambda: datafits.Huber(np.inf), ValueError, "delta must be finite and > 0, got inf"),
    (lambda: datafits.Huber(None), TypeError, "delta must be a number"),
    (lambda: datafits.SqrtQuadratic(-1.0), ValueError, "sigma_min must be finite and >= 0"),
    (lambda: penalties.as_penalty("l3"), ValueError, "penalty must be one of 'l1'.*got 'l3'"),
    (lambda: penalties.as_penalty(3), TypeError, "or of taut.penalties, got 3"),
    (lambda: datafits.as_datafit("gamma"), ValueError, "datafit must be one of.*got 'gamma'"),
    (lambda: datafits.as_datafit(None), TypeError, "or of taut.datafits, got None"),
    (lambda: refusal("quadratic", "l3"), ValueError, "penalty must be one of"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD_HOLDERS)
def test_limits_of_holders(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ------------------------------------------------------------------------------------------ groups

RNG = np.random.default_rng(0)
X4 = RNG.standard_normal((20, 4))
LABELS = np.array(["a", "b"] * 10)

BAD_GROUPS = [
    ([0, 1, 0], "one label for each of the 4 features, got 3"),
    ([[0, 1], [1, 2, 3]], "must not overlap: column 1 is in groups 0 and 1"),
    ([[0, 1, 1], [2, 3]], "must not overlap: column 1 is twice in group 0"),
    ([[0, 1], [3]], "missing: 2"),
    ([[0, 1], [], [2, 3]], "Group 1 is empty"),
    ([[0, 1], [2, 4]], r"Group 1 holds column 4, X has columns 0 \.\. 3"),
    ([[0, -1], [2, 3]], "Group 0 holds column -1"),
    ([0.0, 1.0, np.nan, 1.0], "groups contains NaN"),
]


@pytest.mark.parametrize(("groups", "message"), BAD_GROUPS)
def test_groups_must_be_a_partition(groups, message):
    model = PenalizedGLM("logistic", penalties.Group(groups), alpha=0.1)
    with pytest.raises(ValueError, match=message):
        model.fit(X4, LABELS)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ("abcd", "one label per feature"),
        (3, "one label per feature"),
        ([[0, 1], 2, 3], "mixes lists and labels: entry 1 is 2"),
        ([[0, 1.5], [2, 3]], "must hold column numbers, got 1.5"),
    ],
)
def test_groups_of_a_wrong_kind(groups, message):
    model = PenalizedGLM("logistic", penalties.Group(groups), alpha=0.1)
    with pytest.raises(TypeError, match=message):
        model.fit(X4, LABELS)


@pytest.mark.parametrize(
    "groups",
    [
        ["u", "v", "u", "v"],
        np.array([5, 7, 5, 7]),
        [[0, 2], [1, 3]],
        [np.array([2, 0]), (3, 1)],
        [range(0, 4, 2), range(1, 4, 2)],
    ],
)
def test_groups_in_any_notation(groups):
    one = PenalizedGLM("logistic", penalties.Group([0, 1, 0, 1]), alpha=0.05).fit(X4, LABELS)
    two = PenalizedGLM("logistic", penalties.Group(groups), alpha=0.05).fit(X4, LABELS)
    np.testing.assert_array_equal(one.coef_, two.coef_)


def test_factors_of_groups_are_their_own():
    root = PenalizedGLM("logistic", penalties.Group([0, 0, 0, 1]), alpha=0.05).fit(X4, LABELS)
    given = PenalizedGLM(
        "logistic", penalties.Group([0, 0, 0, 1]), alpha=0.05, penalty_factor=[np.sqrt(3), 1.0]
    ).fit(X4, LABELS)
    np.testing.assert_array_equal(root.coef_, given.coef_)
    with pytest.raises(ValueError, match=r"penalty_factor must have shape \(2,\).*per group"):
        given.set_params(penalty_factor=np.ones(4)).fit(X4, LABELS)
    with pytest.raises(ValueError, match="do not go with groups"):
        root.set_params(positive=True).fit(X4, LABELS)


def test_rows_need_several_outputs():
    with pytest.raises(ValueError, match="needs groups="):
        PenalizedGLM("logistic", "group").fit(X4, LABELS)


# ---------------------------------------------------------------------------- the general estimator


def test_kind_follows_the_datafit():
    for name, kind in datafits.BY_NAME.items():
        model = PenalizedGLM(name)
        assert is_classifier(model) == (kind.kind == "classes")
        assert is_regressor(model) == (kind.kind != "classes")
        assert hasattr(model, "predict_proba") == (kind.kind == "classes")


@pytest.mark.parametrize(
    ("general", "named", "load"),
    [
        (PenalizedGLM(alpha=0.5), Lasso(0.5), load_diabetes),
        (
            PenalizedGLM(penalty=penalties.ElasticNet(0.3), alpha=0.5),
            ElasticNet(0.5, l1_ratio=0.3),
            load_diabetes,
        ),
        (
            PenalizedGLM("logistic", alpha=0.1, standardize=True),
            LogisticLasso(0.1, standardize=True),
            load_breast_cancer,
        ),
        (
            PenalizedGLM("multinomial", "group", alpha=0.1, tol=1e-7, standardize=True),
            MultinomialLasso(0.1, grouped=True),
            load_iris,
        ),
    ],
    ids=["lasso", "enet", "logistic", "grouped"],
)
def test_general_and_named_estimators_agree(general, named, load):
    X, y = load(return_X_y=True)
    one, two = general.fit(X, y), named.fit(X, y)
    np.testing.assert_array_equal(one.coef_, two.coef_)
    np.testing.assert_array_equal(one.predict(X), two.predict(X))
    assert one.score(X, y) == pytest.approx(two.score(X, y))
    if is_classifier(one):
        np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))
        np.testing.assert_array_equal(one.decision_function(X), two.decision_function(X))
        np.testing.assert_array_equal(one.predict_log_proba(X), two.predict_log_proba(X))
        assert one.classes_.tolist() == two.classes_.tolist()


def test_nested_parameters_replace_the_holder():
    holder = penalties.ElasticNet(0.3)
    model = PenalizedGLM("quadratic", holder)
    assert model.get_params()["penalty__l1_ratio"] == 0.3
    model.set_params(penalty__l1_ratio=0.8, alpha=0.2)
    assert model.penalty == penalties.ElasticNet(0.8)
    assert holder.l1_ratio == 0.3
    model.set_params(penalty="elastic_net", penalty__l1_ratio=0.1)
    assert model.penalty == penalties.ElasticNet(0.1)
    with pytest.raises(ValueError, match="ElasticNet has no parameter gamma"):
        model.set_params(penalty__gamma=1.0)
    model.set_params(datafit="huber", datafit__delta=0.7)
    assert model.datafit == datafits.Huber(0.7)


def test_grid_search_reaches_into_the_holder():
    X, y = load_diabetes(return_X_y=True)
    grid = {"penalty__l1_ratio": [0.1, 1.0], "alpha": [0.01, 1.0]}
    search = GridSearchCV(PenalizedGLM(penalty=penalties.ElasticNet()), grid, cv=3).fit(X, y)
    assert search.best_params_["penalty__l1_ratio"] in (0.1, 1.0)


def test_offset_of_the_fit_is_asked_for_in_predictions():
    X, y = load_diabetes(return_X_y=True)
    offset = np.linspace(-50, 50, len(y))
    model = PenalizedGLM(alpha=0.5).fit(X, y, offset=offset)
    plain = Lasso(0.5).fit(X, y - offset)
    np.testing.assert_allclose(model.coef_, plain.coef_, atol=1e-2)
    np.testing.assert_allclose(model.predict(X, offset), plain.predict(X) + offset, rtol=1e-4)
    with pytest.raises(ValueError, match="fitted with an offset"):
        model.predict(X)
    with pytest.raises(ValueError, match="offset must have the shape"):
        model.predict(X, offset[:3])


def test_general_path_is_the_named_one():
    X, y = load_diabetes(return_X_y=True)
    path = penalized_path(X, y, penalty=penalties.ElasticNet(0.5), n_alphas=5)
    assert path.datafit == datafits.Quadratic()
    assert path.penalty == penalties.ElasticNet(0.5)
    assert path.options["fit_intercept"] is True
    assert path.stop_crits is not None
    assert path.sigmas is None


@pytest.mark.parametrize("module", ["taut.penalties", "taut.datafits"])
def test_examples_in_docstrings(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0
