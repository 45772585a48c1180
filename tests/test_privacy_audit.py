# SPDX-License-Identifier: BSD-3-Clause
"""The distinguishing game, the paper's mechanism under it, and how accurate both mechanisms are."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.stats import beta

from taut.datasets import load_lung
from taut.exceptions import PrivacyGuaranteeWarning
from taut.privacy import (
    PrivateKaplanMeier,
    TimeIndexedLaplaceKaplanMeier,
    accuracy_study,
    audit_mechanism,
)
from taut.privacy._audit import _clopper_pearson
from taut.privacy._time_indexed import worst_flip
from taut.survival import KaplanMeier

NOISE_ONLY = {"clip": False, "smoothing_window": 1, "monotone": False}


def lung_and_neighbor():
    """The lung study, and with the status of its last record (day 1022) flipped."""
    y = load_lung().y
    other = y.copy()
    i = int(y["time"].argmax())
    assert y["time"][i] == 1022
    other["event"][i] = not y["event"][i]
    return y, other


def fitted(y, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrivacyGuaranteeWarning)
        return TimeIndexedLaplaceKaplanMeier(*args, **options).fit(y)


# --- the audit -----------------------------------------------------------------------------------


def test_limits_are_those_of_clopper_and_pearson():
    low, high = _clopper_pearson(np.array([0, 3, 10]), 10, 0.95)
    np.testing.assert_allclose(low, [0, beta.ppf(0.025, 3, 8), beta.ppf(0.025, 10, 1)])
    np.testing.assert_allclose(high, [beta.ppf(0.975, 1, 10), beta.ppf(0.975, 4, 7), 1])
    np.testing.assert_allclose(high[0], 1 - 0.025**0.1)


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 3.0])
def test_bound_is_valid_and_close_for_randomised_response(epsilon):
    # The truth with probability e^eps / (1 + e^eps): exactly epsilon-private.
    keep = np.exp(epsilon) / (1 + np.exp(epsilon))
    bounds = []
    for seed in range(200):
        rng = np.random.default_rng(seed)

        class Response:
            def _sample(self, bit, n, _, rng=rng):
                return (bit ^ (rng.random((n, 1)) > keep)).astype(float)

        result = audit_mechanism(Response(), 1, 0, 4000, statistic=lambda x: x[:, 0])
        bounds.append(result.epsilon_lower)
    # Each is above epsilon with probability below 0.05, in truth about 0.01.
    assert (np.array(bounds) > epsilon).sum() <= 8
    assert np.median(bounds) > 0.8 * epsilon


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 4.0])
def test_rigorous_mechanism_keeps_its_epsilon(epsilon):
    y, other = lung_and_neighbor()
    mechanism = PrivateKaplanMeier(epsilon, time_range=1050)
    result = audit_mechanism(mechanism, y, other, 20_000, random_state=0)
    assert 0.8 * epsilon < result.epsilon_lower <= epsilon
    assert not result.broken
    assert result.statistic == "likelihood ratio"


@pytest.mark.slow
@pytest.mark.parametrize("epsilon", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("options", [{}, {"mechanism": "tree"}, {"neighbors": "add_remove"}])
def test_rigorous_mechanism_keeps_its_epsilon_over_many_runs(epsilon, options):
    y, other = lung_and_neighbor()
    if "neighbors" in options:
        other = y[y["time"] < 1022]
    mechanism = PrivateKaplanMeier(epsilon, time_range=1050, n_bins=20, **options)
    result = audit_mechanism(mechanism, y, other, 100_000, random_state=1)
    assert 0.9 * epsilon * (0.5 if "mechanism" in options else 1.0) < result.epsilon_lower
    assert result.epsilon_lower <= epsilon


@pytest.mark.slow
def test_bound_exceeds_a_true_epsilon_as_rarely_as_it_says():
    y, other = lung_and_neighbor()
    mechanism = PrivateKaplanMeier(1.0, time_range=1050, n_bins=4)
    rng = np.random.default_rng(0)
    bounds = [
        audit_mechanism(mechanism, y, other, 4000, random_state=rng).epsilon_lower
        for _ in range(200)
    ]
    assert (np.array(bounds) > 1.0).mean() <= 0.05


def test_curve_of_the_rigorous_mechanism_can_be_attacked_as_well():
    y, other = lung_and_neighbor()
    rng = np.random.default_rng(5)

    def curve(data):
        model = PrivateKaplanMeier(
            1.0, grid=[0, 300, 1050], insecure_seed=True, random_state=rng
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PrivacyGuaranteeWarning)
            return model.fit(data).survival_

    result = audit_mechanism(curve, y, other, 1000)
    assert np.isnan(result.epsilon_claimed)
    assert result.epsilon_lower <= 1.0
    assert result.statistic == "linear discriminant"


@pytest.mark.parametrize("options", [NOISE_ONLY, {}], ids=["noise alone", "as published"])
@pytest.mark.parametrize("nominal", [1.0, 4.0])
def test_the_papers_mechanism_does_not_keep_its_epsilon(nominal, options):
    y, other = lung_and_neighbor()
    mechanism = TimeIndexedLaplaceKaplanMeier(nominal, **options)
    result = audit_mechanism(mechanism, y, other, 20_000, random_state=0)
    assert result.broken
    assert result.epsilon_lower >= 6.0
    assert "the claim does not hold" in str(result)
    assert result.tpr_at_fpr[0.001] > 10 * np.exp(nominal) * 0.001  # e^nominal times is allowed
    assert result.auc > 0.95


def test_audit_of_a_mechanism_that_says_nothing():
    result = audit_mechanism(
        lambda _: np.random.default_rng(0).random(3), None, None, 50, lambda x: x[:, 0]
    )
    assert result.epsilon_lower == 0.0
    assert result.statistic == "given"


def test_bad_audits():
    y, other = lung_and_neighbor()
    mechanism = PrivateKaplanMeier(1.0, time_range=1050)
    with pytest.raises(ValueError, match="n_trials"):
        audit_mechanism(mechanism, y, other, 10)
    with pytest.raises(ValueError, match="level"):
        audit_mechanism(mechanism, y, other, 100, level=1.0)
    with pytest.raises(TypeError, match="estimator of taut"):
        audit_mechanism(3.0, y, other, 100)
    with pytest.raises(ValueError, match="tells them apart"):
        audit_mechanism(TimeIndexedLaplaceKaplanMeier(), y, y[y["time"] < 1022], 100)
    with pytest.raises(ValueError, match="return 100 scores"):
        audit_mechanism(mechanism, y, other, 100, statistic=lambda x: x)


# --- the paper's mechanism -----------------------------------------------------------------------


def test_it_says_at_each_fit_that_nothing_is_guaranteed():
    y = load_lung().y
    for _ in range(2):
        with pytest.warns(PrivacyGuaranteeWarning, match="not differentially private"):
            model = TimeIndexedLaplaceKaplanMeier(1.0, random_state=0).fit(y)
    assert not hasattr(model, "privacy_guarantee_")
    assert ((model.survival_ >= 0) & (model.survival_ <= 1)).all()
    assert (np.diff(model.survival_) <= 0).all()
    np.testing.assert_array_equal(model.predict([-1.0, *model.time_[:2]]),
                                  [1.0, *model.survival_[:2]])  # fmt: skip


@pytest.mark.parametrize(
    ("scale", "expected"),
    [("at_risk", 11.48), ("linear", 9.41), ("harmonic", 38.0), ("constant", 100.9),
     (lambda k, n_at_risk, n: 1.0 / (n * k), 8671.0)],
)  # fmt: skip
def test_loss_on_the_lung_study(scale, expected):
    y = load_lung().y
    model = fitted(y, 1.0, scale)
    assert model.privacy_loss_lower_bound_ == pytest.approx(expected, rel=1e-3)
    assert fitted(y, 5.0, scale).privacy_loss_lower_bound_ == pytest.approx(5 * expected, rel=1e-3)


def test_loss_is_the_largest_over_all_flips(rng):
    for n in (1, 2, 3, 12, 40):
        for _ in range(10):
            time = rng.integers(1, 8, n).astype(float)
            event = rng.random(n) < 0.6
            curve = KaplanMeier().fit((time, event))
            scale = rng.random(curve.time_.size) + 0.1
            losses = []
            for i in range(n):
                flipped = event.copy()
                flipped[i] = not event[i]
                other = KaplanMeier().fit((time, flipped))
                losses.append((np.abs(curve.survival_ - other.survival_) / scale).sum())
            loss, row, status = worst_flip(curve, scale)
            assert loss == pytest.approx(max(losses))
            model = fitted((time, event), scale=lambda *_, s=scale: s)
            assert losses[model.worst_record_] == pytest.approx(loss)
            assert (time[model.worst_record_], event[model.worst_record_]) == (
                curve.time_[row],
                status,
            )


def test_steps_after_the_noise():
    model = TimeIndexedLaplaceKaplanMeier(smoothing_window=3)
    noisy = np.array([[1.5, 0.5, 0.8, -1.0]])
    # clipped 1 0.5 0.8 0, averaged over three with repeated ends, running minimum
    np.testing.assert_allclose(
        model._process(noisy), [[2.5 / 3, 2.3 / 3, 1.3 / 3, 0.8 / 3]]
    )  # fmt: skip
    assert TimeIndexedLaplaceKaplanMeier(**NOISE_ONLY)._process(noisy) is noisy


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"nominal_epsilon": 0.0}, "nominal_epsilon must be > 0"),
        ({"scale": "n"}, "scale must be one of"),
        ({"scale": lambda k, r, n: k[:-1]}, "one positive number"),
        ({"scale": lambda k, r, n: -k}, "one positive number"),
        ({"smoothing_window": 4}, "must be odd"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        fitted(load_lung().y, **parameters)


def test_late_entry_is_refused():
    with pytest.raises(ValueError, match="left truncation"):
        fitted(([1.0, 2.0], [1, 1], [0.5, 0.0]))


# --- accuracy ------------------------------------------------------------------------------------


def test_errors_on_the_lung_study():
    y = load_lung().y
    epsilons = [0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 6.0, 10.0]
    study = accuracy_study(y, epsilons, time_range=1050, n_runs=300, random_state=0)
    rigorous = study.rmse["PrivateKaplanMeier"]
    expected = [0.1099, 0.0592, 0.0407, 0.0276, 0.0177, 0.0117, 0.0082, 0.0059]
    np.testing.assert_allclose(rigorous, expected, rtol=0.15)
    paper = study.rmse["time-indexed Laplace"]
    assert abs(paper[-1] - 0.0394) < 0.004  # the abstract's 0.04 at 10
    assert (np.diff(paper) < 0).all()
    # As accurate at 0.5, with a guarantee, as the paper's mechanism at a nominal 10 without one.
    assert rigorous[2] < 1.1 * paper[-1]
    assert study.without_guarantee == {"time-indexed Laplace"}
    spread = study.spread["PrivateKaplanMeier"]
    assert (spread[0] < rigorous).all()
    assert (rigorous < spread[1]).all()


def test_other_ways_from_counts_to_a_curve_are_less_accurate():
    y = load_lung().y
    models = {
        kind: PrivateKaplanMeier(1.0, time_range=1050, postprocess=kind)
        for kind in ("balanced_isotonic", "simplex", "gondara_wang")
    }
    study = accuracy_study(y, [0.5, 4.0], models, n_runs=400, random_state=0)
    expected = {"simplex": [0.0415, 0.0124], "gondara_wang": [0.0484, 0.0146]}
    for kind, errors in expected.items():
        np.testing.assert_allclose(study.rmse[kind], errors, rtol=0.15)
    best = study.rmse["balanced_isotonic"]
    assert (best < study.rmse["gondara_wang"]).all()
    assert study.without_guarantee == frozenset()


def test_a_tree_pays_for_many_bins():
    y = load_lung().y
    models = {
        name: PrivateKaplanMeier(1.0, time_range=1050, n_bins=256, mechanism=name)
        for name in ("histogram", "tree")
    }
    study = accuracy_study(y, [2.0], models, n_runs=100, random_state=0)
    assert study.rmse["tree"][0] < 0.9 * study.rmse["histogram"][0]
