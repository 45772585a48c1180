# SPDX-License-Identifier: BSD-3-Clause
"""Conditional curves and learning under censoring, against R, the definitions and scikit-learn."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Lasso as SkLasso
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.utils import column_or_1d
from sklearn.utils.estimator_checks import parametrize_with_checks

from taut.linear_model import Lasso, LassoCV
from taut.survival import (
    CensoredLasso,
    CensoredLassoCV,
    CensoringWeights,
    ConditionalKaplanMeier,
    CoxPH,
    KaplanMeier,
    KaplanMeierRiskRegressor,
    Surv,
    censoring_weights,
)
from taut.testing import kkt

#: The example of the specification: records in the order of x = 0 .. 7.
TIME = np.array([3.0, 1.0, 4.0, 2.0, 6.0, 5.0, 7.0, 8.0])
EVENT = np.array([1, 0, 1, 1, 0, 1, 0, 1])
EIGHT = np.arange(8.0)[:, None]
CAPPED = "ignore:.* weights are capped:UserWarning"
BEYOND = "ignore:.* are censored after the last event:UserWarning"


def kernel(u2, name):
    if name == "gaussian":
        return np.exp(-u2 / 2)
    value = np.maximum(1 - u2, 0)
    return value if name == "epanechnikov" else value**2


def brute(X, time, event, x, at, h, *, name="gaussian", weight=None, left=False, own=None,
          target="event", tie_rule="events_first"):  # fmt: skip
    """The curve at x, factor by factor as it is defined, with distances in raw units."""
    K = kernel(((X - x) ** 2).sum(axis=1) / h**2, name)
    K = K * (1.0 if weight is None else weight)
    if own is not None:
        K[own] = 0.0
    jumps = event == 1 if target == "event" else event == 0
    value = 1.0
    for s in np.unique(time[jumps]):
        if s > at or (left and s == at):
            break
        risk = time >= s
        if target == "censoring" and tie_rule == "events_first":
            risk = (time > s) | ((time == s) & (event == 0))
        total = K[risk].sum()
        if total > 0:
            value *= 1 - K[jumps & (time == s)].sum() / total
    return value


def generate(n, kappa, seed):
    """Durations of mean 2 + x1 + x2^2, censored by x1 where kappa > 0."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 3))
    lasts = mean(X) * rng.gamma(8, 1 / 8, n)
    ends = 4.5 * np.exp(-0.6 * kappa * X[:, 0]) * rng.weibull(1.5, n)
    return X, lasts, np.minimum(lasts, ends), lasts <= ends


def mean(X):
    return 2 + X[:, 0] + X[:, 1] ** 2


@pytest.fixture(scope="module")
def data():
    X, _, time, event = generate(300, 1.0, 3)
    return X, Surv.from_arrays(event, time)


# --- the conditional curve --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("h", "name", "leave_out", "expected"),
    [
        # R: survfit(Surv(time, 1 - event) ~ 1, weights = K), just before each record's time.
        (1.5, "gaussian", False, [0.6635515462848359, 0.7770444206833848, 0.8895730813560573,
                                  0.9920462841467262, 0.5164367302535963]),
        (1.5, "gaussian", True, [0.419743111468606, 0.6910098859888411, 0.8490187162213877,
                                 0.9889770887283991, 0.0]),
        (2.5, "epanechnikov", False, [0.6181818181818182, 0.7529411764705882, 0.8941176470588235,
                                      1.0, 0.5434782608695652]),
        (np.inf, "gaussian", False, [0.875, 0.875, 0.875, 0.875, 0.2916666666666667]),
        (np.inf, "gaussian", True, [6 / 7, 6 / 7, 6 / 7, 6 / 7, 0.0]),
    ],
)  # fmt: skip
def test_eight_points(h, name, leave_out, expected):
    raw = h / EIGHT.std()
    model = CensoringWeights(
        bandwidth=raw, kernel=name, leave_one_out=leave_out, normalize=False, min_survival=1e-3
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the last weight is capped
        model.fit(EIGHT, (TIME, EVENT))
    events = EVENT == 1
    assert_allclose(model.survival_[events], expected, rtol=2e-15, atol=1e-300)
    assert np.isnan(model.survival_[~events]).all()
    assert_allclose(model.weights_[events], 1 / np.maximum(expected, 1e-3), rtol=1e-14)
    assert_array_equal(model.weights_[~events], 0.0)
    if not leave_out:
        curve = ConditionalKaplanMeier(raw, name, target="censoring").fit(EIGHT, (TIME, EVENT))
        at = curve.predict_at(EIGHT[events], TIME[events], left_limit=True)
        assert_allclose(at, expected, rtol=2e-15)


def problems(draw):
    n, d = draw(st.integers(1, 40)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = rng.standard_normal((n, d))
    time = rng.integers(0, draw(st.sampled_from([2, 10, 1000])), n) * 0.25
    event = rng.integers(0, 2, n)
    weight = rng.integers(0, 3, n) * 0.5 + (0.5 if draw(st.booleans()) else 0.0)
    return X, time, event, weight if weight.any() else np.ones(n), rng


@given(st.data())
def test_curves_are_the_definition(data):
    X, time, event, weight, rng = problems(data.draw)
    name = data.draw(st.sampled_from(["gaussian", "epanechnikov", "biweight"]))
    target = data.draw(st.sampled_from(["event", "censoring"]))
    rule = data.draw(st.sampled_from(["events_first", "reverse"]))
    h = data.draw(st.sampled_from([0.3, 1.0, 4.0]))
    model = ConditionalKaplanMeier(h, name, None, target, rule).fit(X, (time, event), weight)
    Z, points = X / model.scale_, rng.standard_normal((5, X.shape[1]))
    options = {"name": name, "weight": weight, "target": target, "tie_rule": rule}
    at = np.array([2.0, -1.0, 0.25, 1e3, 0.25])
    curves = model.predict_survival_function(points, at)
    for x, row in zip(points / model.scale_, curves, strict=True):
        expected = [brute(Z, time, event, x, t, h, **options) for t in at]
        assert_allclose(row, expected, rtol=1e-10, atol=1e-12)
    own = rng.choice(time, 5)
    for left in (False, True):
        got = model.predict_at(points, own, left_limit=left)
        expected = [
            brute(Z, time, event, x, t, h, left=left, **options)
            for x, t in zip(points / model.scale_, own, strict=True)
        ]
        assert_allclose(got, expected, rtol=1e-10, atol=1e-12)
    rows = np.arange(time.size)
    got = model.training_left_limits(rows, time, leave_out=True)
    expected = [brute(Z, time, event, Z[i], time[i], h, left=True, own=i, **options) for i in rows]
    assert_allclose(got, expected, rtol=1e-10, atol=1e-12)


def test_an_infinite_radius_is_kaplan_meier(data):
    X, y = data
    at = np.linspace(0.1, 4, 30)
    for weight in (None, np.arange(len(y)) % 3 + 1.0):
        marginal = KaplanMeier().fit(y, weight).predict(at)
        curves = ConditionalKaplanMeier(np.inf).fit(X, y, weight)
        assert_allclose(curves.predict_survival_function(X[:3], at)[1], marginal, rtol=1e-12)
    wide = ConditionalKaplanMeier(1e9).fit(X, y).predict_survival_function(X[:3], at)
    narrow = ConditionalKaplanMeier(np.inf).fit(X, y).predict_survival_function(X[:3], at)
    assert_allclose(wide, narrow, rtol=1e-10)


def test_neighbours_set_the_radius(data):
    X, y = data
    model = ConditionalKaplanMeier(20, "knn", target="censoring").fit(X, y)
    Z, time, event = X / model.scale_, y["time"], y["event"].astype(int)
    far = np.sqrt(((Z[:, None] - Z[None]) ** 2).sum(axis=2))
    options = {"name": "biweight", "left": True, "target": "censoring"}
    rows = np.arange(0, 300, 17)
    got = model.training_left_limits(rows, time[rows], leave_out=True)
    expected = [
        brute(Z, time, event, Z[i], time[i], np.sort(far[i])[20], own=i, **options) for i in rows
    ]
    assert_allclose(got, expected, rtol=1e-10, atol=1e-12)
    got = model.predict_at(X[rows], time[rows], left_limit=True)
    expected = [brute(Z, time, event, Z[i], time[i], np.sort(far[i])[19], **options) for i in rows]
    assert_allclose(got, expected, rtol=1e-10, atol=1e-12)
    everyone = ConditionalKaplanMeier(300, "knn").fit(X, y)
    marginal = KaplanMeier().fit(y).predict([1.0, 2.0])
    assert_allclose(everyone.predict_survival_function(X[:1], [1.0, 2.0])[0], marginal, rtol=1e-12)
    same = ConditionalKaplanMeier(2, "knn").fit(np.zeros((4, 1)), ([1.0, 2.0, 3.0, 4.0], [1] * 4))
    assert_allclose(same.predict_at([[0.0]], [2.0]), [0.5])


@pytest.mark.parametrize("target", ["event", "censoring"])
def test_scores_of_bandwidths_are_the_criterion(target):
    X, _, time, event = generate(40, 1.0, 8)
    time = np.ceil(time * 4) / 4  # ties
    model = ConditionalKaplanMeier(target=target).fit(X, (time, event))
    Z = X / model.scale_
    rate = 40 ** (-1 / 7)
    assert_allclose(model.cv_bandwidths_ / rate, [0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10])
    seen = event if target == "event" else ~event  # the curve's own time is known
    for k in (0, 4, 8):
        total, count = 0.0, 0
        for i in range(40):
            for j in range(40):
                if i == j or not (seen[i] or time[j] < time[i]):
                    continue
                G = brute(Z, time, event.astype(int), Z[i], time[j], model.cv_bandwidths_[k],
                          own=i, target=target)  # fmt: skip
                total += ((time[i] > time[j]) - G) ** 2
                count += 1
        assert_allclose(model.cv_scores_[k], total / count, rtol=1e-11)
    assert model.bandwidth_ == model.cv_bandwidths_[np.argmin(model.cv_scores_)]


def test_bandwidths_follow_the_censoring():
    free = generate(400, 0.0, 1)
    model = ConditionalKaplanMeier(target="censoring").fit(free[0], free[2:])
    assert model.cv_scores_[-1] < 1.02 * model.cv_scores_.min()
    bound = generate(400, 2.0, 1)
    model = ConditionalKaplanMeier(target="censoring").fit(bound[0], bound[2:])
    assert model.cv_scores_[-1] > 1.05 * model.cv_scores_.min()
    assert model.bandwidth_ < 4 * 400 ** (-1 / 7)
    scott = ConditionalKaplanMeier("scott").fit(bound[0], bound[2:])
    assert_allclose(scott.bandwidth_, 1.5 * 400 ** (-1 / 7))
    knn = ConditionalKaplanMeier("scott", "knn").fit(bound[0], bound[2:])
    assert knn.bandwidth_ == np.ceil(400 ** (4 / 7))
    knn = ConditionalKaplanMeier(kernel="knn", target="censoring").fit(bound[0], bound[2:])
    assert knn.bandwidth_ < 399


def test_large_samples_are_judged_by_a_part():
    X, _, time, event = generate(2300, 2.0, 2)
    y = (time, event)
    one = ConditionalKaplanMeier(target="censoring").fit(X, y)
    two = ConditionalKaplanMeier(target="censoring", n_jobs=2).fit(X, y)
    assert_array_equal(one.cv_scores_, two.cv_scores_)
    other = ConditionalKaplanMeier(target="censoring", random_state=1).fit(X, y)
    assert (one.cv_scores_ != other.cv_scores_).any()
    assert_allclose(one.cv_scores_, other.cv_scores_, rtol=0.1)


def test_units_order_and_threads_do_not_matter(data):
    X, y = data
    at = np.linspace(0.1, 4, 30)
    model = ConditionalKaplanMeier(n_jobs=1).fit(X, y)
    curves = model.predict_survival_function(X, at)
    moved = ConditionalKaplanMeier().fit(1e3 * X - 1e6, y)
    assert_allclose(moved.cv_scores_, model.cv_scores_, rtol=1e-8)
    assert_allclose(moved.predict_survival_function(1e3 * X - 1e6, at), curves, rtol=1e-8)
    order = np.random.default_rng(0).permutation(len(y))
    turned = ConditionalKaplanMeier().fit(X[order], y[order])
    assert_allclose(turned.predict_survival_function(X, at), curves, rtol=1e-11)
    threads = ConditionalKaplanMeier(n_jobs=2).fit(X, y)
    assert_array_equal(threads.predict_survival_function(X, at), curves)
    assert_array_equal(threads.cv_scores_, model.cv_scores_)


def test_constant_columns_and_chosen_ones(data):
    X, y = data
    wide = np.c_[X, np.full(len(X), 7.0)]
    model = ConditionalKaplanMeier(1.0).fit(wide, y)
    assert model.scale_[3] == 1.0
    plain = ConditionalKaplanMeier(1.0).fit(X, y).predict_at(X, y["time"])
    assert_allclose(model.predict_at(wide, y["time"]), plain, rtol=1e-12)
    for chosen in ([2, 0], [True, False, True]):
        part = ConditionalKaplanMeier(1.0, kernel_features=chosen).fit(X, y)
        expected = ConditionalKaplanMeier(1.0).fit(X[:, [0, 2]], y)
        assert_allclose(
            part.predict_at(X, y["time"]),
            expected.predict_at(X[:, [0, 2]], y["time"]),
            rtol=1e-12,
        )
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    named = ConditionalKaplanMeier(1.0, kernel_features=["c", "a"]).fit(frame, y)
    assert_array_equal(named.kernel_features_, [2, 0])
    with pytest.raises(ValueError, match="names 'z', which X does not have"):
        ConditionalKaplanMeier(kernel_features=["z"]).fit(frame, y)
    with pytest.warns(UserWarning, match="the kernel sees 6 features"):
        ConditionalKaplanMeier(1.0).fit(np.c_[X, X], y)


@pytest.mark.parametrize("bandwidth", ["cv", "scott", 1.0, np.inf])
@pytest.mark.parametrize("name", ["gaussian", "epanechnikov", "knn"])
def test_few_records_and_all_alike(bandwidth, name):
    for time, event in (([1.0], [1]), ([1.0], [0]), ([1.0, 2.0], [0, 0]), ([2.0] * 5, [1] * 5)):
        X = np.zeros((len(time), 1))
        for target in ("event", "censoring"):
            model = ConditionalKaplanMeier(bandwidth, name, target=target).fit(X, (time, event))
            curve = model.predict_survival_function([[0.0], [5.0]], [0.0, 1.0, 2.0, 9.0])
            assert ((curve >= 0) & (curve <= 1)).all()
            assert_array_equal(curve[:, 0], 1.0)
            jumps = np.array(event) == (target == "event")
            assert curve[0, -1] == (0.0 if jumps.any() else 1.0)


# --- weights --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["beran", "kaplan-meier", "cox", "none"])
def test_without_censoring_all_weights_are_one(method, data):
    X, y = data
    seen = (y["time"], np.ones(len(y)))
    model = CensoringWeights(method).fit(X, seen)
    assert_array_equal(model.weights_, 1.0)
    assert model.n_capped_ == 0
    assert model.effective_sample_size_ == len(y)
    assert_array_equal(model.transform_weights(X[:7], (y["time"][:7], np.ones(7))), 1.0)
    bare = LinearRegression().fit(X, y["time"])
    fitted = KaplanMeierRiskRegressor(LinearRegression(), CensoringWeights(method)).fit(X, seen)
    assert_allclose(fitted.predict(X), bare.predict(X), rtol=1e-12)


@pytest.mark.filterwarnings(BEYOND)
@pytest.mark.parametrize("tau", [None, 2.5])
@pytest.mark.parametrize("rule", ["events_first", "reverse"])
def test_marginal_weights_are_one_idea(data, tau, rule):
    X, y = data
    coarse = (np.ceil(y["time"] * 5) / 5, y["event"])
    options = {"normalize": False, "min_survival": 1e-9, "tau": tau, "tie_rule": rule}
    plain = censoring_weights(coarse, tau=tau, tie_rule=rule)
    marginal = CensoringWeights("kaplan-meier", **options).fit(X, coarse)
    assert_allclose(marginal.weights_, plain, rtol=1e-14)
    beran = CensoringWeights(bandwidth=np.inf, leave_one_out=False, **options).fit(X, coarse)
    assert_allclose(beran.weights_, plain, rtol=1e-11)
    assert_allclose(beran.transform_weights(X, coarse), plain, rtol=1e-11)
    assert_array_equal(beran.time_, coarse[0] if tau is None else np.minimum(coarse[0], tau))


@pytest.mark.filterwarnings(CAPPED, BEYOND)
def test_weights_make_up_for_censoring():
    X, lasts, time, event = generate(3000, 1.0, 5)
    values = {"one": np.ones(3000), "time": np.minimum(lasts, 3.0)}

    def errors(**options):
        model = CensoringWeights(normalize=False, min_survival=0.02, tau=3.0, **options)
        w = model.fit(X, (time, event)).weights_
        spread = {k: 3 * np.std(w * v) / np.sqrt(3000) for k, v in values.items()}
        return {k: abs(np.mean(w * v) - v.mean()) for k, v in values.items()}, spread

    nothing = errors(method="none")[0]
    # Censoring is proportional in x here, so Cox weights have no bias.
    found, spread = errors(method="cox")
    assert all(found[k] < spread[k] for k in values)
    for options in ({}, {"cross_fit": 5}, {"kernel": "epanechnikov"}, {"kernel": "knn"}):
        found = errors(**options)[0]
        assert all(found[k] < 0.25 * nothing[k] for k in values), (options, found, nothing)
    hidden = event & (time < 2)
    with pytest.warns(UserWarning, match="nothing is known of the longest times"):
        CensoringWeights("kaplan-meier").fit(X, (time, hidden))


@pytest.mark.filterwarnings(CAPPED, BEYOND)
def test_what_is_said_of_the_weights(data):
    X, y = data
    model = CensoringWeights(min_survival=0.3).fit(X, y)
    w = model.weights_
    events = y["event"]
    assert model.n_capped_ == np.count_nonzero(model.survival_[events] < 0.3) > 0
    assert_allclose(w.mean(), 1.0)
    assert model.max_weight_ == w.max()
    assert_allclose(model.effective_sample_size_, w.sum() ** 2 / (w @ w))
    raw = clone(model).set_params(normalize=False).fit(X, y).weights_
    assert_allclose(raw[events], 1 / np.maximum(model.survival_[events], 0.3))
    assert_allclose(w, raw * len(y) / raw.sum())
    with pytest.warns(UserWarning, match=f"{model.n_capped_} of {events.sum()} weights are capped"):
        CensoringWeights(min_survival=0.3, bandwidth=model.bandwidth_).fit(X, y)
    scaled = np.arange(len(y)) % 2 + 1.0
    heavy = CensoringWeights(bandwidth=1.0).fit(X, y, scaled).weights_
    assert_allclose(heavy @ scaled, scaled.sum())


@pytest.mark.filterwarnings(CAPPED, BEYOND)
def test_cross_fitting_leaves_whole_folds_out(data):
    X, y = data
    model = CensoringWeights(cross_fit=4, random_state=3, normalize=False).fit(X, y)
    fold = np.random.default_rng(3).permutation(np.arange(300) % 4)
    for f in range(4):
        curve = ConditionalKaplanMeier(model.bandwidth_, target="censoring")
        curve.fit(X[fold != f], y[fold != f])
        mine = (fold == f) & y["event"]
        expected = curve.predict_at(X[mine], y["time"][mine], left_limit=True)
        assert_allclose(model.survival_[mine], expected, rtol=1e-12)
    for method in ("kaplan-meier", "cox"):
        other = CensoringWeights(method, cross_fit=4, random_state=3).fit(X, y)
        assert not np.array_equal(other.weights_, CensoringWeights(method).fit(X, y).weights_)
    assert_array_equal(CensoringWeights("none", cross_fit=4).fit(X, y).weights_ > 0, y["event"])


@pytest.mark.filterwarnings(CAPPED, BEYOND)
def test_cox_weights_are_those_of_a_cox_model(data):
    X, y = data
    model = CensoringWeights("cox", normalize=False, min_survival=1e-9).fit(X, y)
    cox = CoxPH().fit(X, (y["time"], 1 - y["event"].astype(int)))
    rows = np.flatnonzero(y["event"])[::10]
    before = np.nextafter(y["time"][rows], 0)
    expected = [
        cox.predict_survival_function(X[[i]], [t])[0, 0] for i, t in zip(rows, before, strict=True)
    ]
    assert_allclose(model.survival_[rows], expected, rtol=1e-12)


def test_times_that_differ_by_rounding_are_one_time():
    noisy = np.array([0.1 + 0.2, 0.3, 0.7, 0.9])
    exact = np.array([0.3, 0.3, 0.7, 0.9])
    event = [1, 0, 1, 1]
    X = np.arange(4.0)[:, None]
    for options in ({"method": "kaplan-meier"}, {"bandwidth": 1.0, "leave_one_out": False}):
        model = CensoringWeights(**options).fit(X, (exact, event))
        again = CensoringWeights(**options).fit(X, (noisy, event))
        assert_allclose(again.weights_, model.weights_, rtol=1e-13)
        assert_allclose(again.transform_weights(X, (noisy, event)), model.weights_, rtol=1e-13)
    assert_allclose(censoring_weights((noisy, event)), censoring_weights((exact, event)))


# --- learners -------------------------------------------------------------------------------------


@pytest.mark.filterwarnings(CAPPED, BEYOND)
def test_the_risk_is_a_weighted_fit(data):
    X, y = data
    model = KaplanMeierRiskRegressor(LinearRegression()).fit(X, y)
    w = CensoringWeights().fit(X, y).weights_
    bare = LinearRegression().fit(X, y["time"], sample_weight=w)
    assert_allclose(model.predict(X), bare.predict(X), rtol=1e-10)
    assert_array_equal(model.censoring_weights_.weights_, w)
    literal = KaplanMeierRiskRegressor(LinearRegression(), CensoringWeights(normalize=False))
    assert_allclose(literal.fit(X, y).predict(X), model.predict(X), rtol=1e-10)
    all_rows = KaplanMeierRiskRegressor(LinearRegression(), drop_zero_weight=False).fit(X, y)
    assert_allclose(all_rows.predict(X), model.predict(X), rtol=1e-10)
    own = np.random.default_rng(0).uniform(0.5, 2, 300)
    own[:20] = 0.0
    part = KaplanMeierRiskRegressor(LinearRegression()).fit(X, y, own)
    rest = KaplanMeierRiskRegressor(LinearRegression()).fit(X[20:], y[20:], own[20:])
    assert_allclose(part.predict(X), rest.predict(X), rtol=1e-9)


@pytest.mark.filterwarnings(CAPPED, BEYOND)
def test_scores_count_new_records_by_the_training_curve(data):
    X, y = data
    X2, _, *rest = generate(200, 1.0, 9)
    y2 = Surv.from_arrays(rest[1], rest[0])
    model = KaplanMeierRiskRegressor(LinearRegression()).fit(X, y)
    error = y2["time"] - model.predict(X2)
    w = model.censoring_weights_.transform_weights(X2, y2)
    curve = ConditionalKaplanMeier(model.censoring_weights_.bandwidth_, target="censoring")
    G = curve.fit(X, y).predict_at(X2, y2["time"], left_limit=True)
    expected = np.where(y2["event"], 1 / np.maximum(G, 0.1), 0)
    assert_allclose(w, expected / expected.mean(), rtol=1e-12)
    assert_allclose(model.score(X2, y2), -np.mean(w * error**2))
    own = np.arange(200) % 3 + 1.0
    assert_allclose(model.score(X2, y2, own), -np.sum(own * w * error**2) / own.sum())
    model.metric = "mae"
    assert_allclose(model.score(X2, y2), -np.mean(w * np.abs(error)))
    model.metric = "r2"
    spread = np.mean(w * (y2["time"] - np.mean(w * y2["time"])) ** 2)
    assert_allclose(model.score(X2, y2), 1 - np.mean(w * error**2) / spread)
    with pytest.raises(ValueError, match="no record of y is complete"):
        model.score(X2, (y2["time"], np.zeros(200)))


@pytest.mark.filterwarnings(CAPPED, BEYOND)
def test_tools_of_scikit_learn(data):
    X, y = data
    piped = make_pipeline(
        StandardScaler(), make_pipeline(PolynomialFeatures(2), LinearRegression())
    )
    model = KaplanMeierRiskRegressor(piped).fit(X, y)
    bare = KaplanMeierRiskRegressor(make_pipeline(PolynomialFeatures(2), LinearRegression()))
    assert_allclose(model.predict(X), bare.fit(X, y).predict(X), rtol=1e-8)
    grid = GridSearchCV(
        KaplanMeierRiskRegressor(SkLasso(), CensoringWeights(bandwidth=1.0)),
        {"estimator__alpha": [1e-3, 10.0], "weights__min_survival": [0.1, 0.2]},
        cv=3,
    ).fit(X, y)
    assert grid.best_params_["estimator__alpha"] == 1e-3
    columns = np.c_[y["time"], y["event"]]
    assert_allclose(cross_val_score(model, X, columns, cv=3), cross_val_score(model, X, y, cv=3))
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(X), model.predict(X))
    assert_array_equal(clone(model).fit(X, y).predict(X), model.predict(X))
    forest = KaplanMeierRiskRegressor(RandomForestRegressor(5, random_state=0)).fit(X, y)
    assert forest.predict(X).shape == (300,)
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": X[:, 0], "b": ["u", "v", "w"] * 100})
    from sklearn.compose import make_column_transformer
    from sklearn.preprocessing import OneHotEncoder

    coded = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["b"]), remainder="passthrough"), SkLasso(0.01)
    )
    named = KaplanMeierRiskRegressor(coded, CensoringWeights("kaplan-meier")).fit(frame, y)
    assert list(named.feature_names_in_) == ["a", "b"]
    assert named.predict(frame).shape == (300,)


class Uncensored(KaplanMeierRiskRegressor):
    """Takes the plain y of scikit-learn's checks: all are events."""

    def fit(self, X, y, sample_weight=None):
        return super().fit(X, self._censored(y), sample_weight)

    def score(self, X, y, sample_weight=None):
        return super().score(X, self._censored(y), sample_weight)

    @staticmethod
    def _censored(y):
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        y = column_or_1d(y, warn=True)
        return y, np.ones(y.shape)


@pytest.mark.filterwarnings("ignore:the kernel sees:UserWarning")
@parametrize_with_checks(
    [
        Uncensored(Lasso(0.1, tol=1e-12), metric="r2"),
        Uncensored(LinearRegression(), CensoringWeights("kaplan-meier"), metric="r2"),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings(CAPPED, BEYOND)
@pytest.mark.parametrize("alpha", [0.02, 0.2])
def test_the_censored_lasso_is_the_weighted_one(data, alpha):
    X, y = data
    own = np.arange(300) % 4 + 1.0
    for sample_weight in (None, own):
        model = CensoredLasso(alpha, tol=1e-13).fit(X, y, sample_weight)
        w = CensoringWeights().fit(X, y, sample_weight).weights_
        w = w if sample_weight is None else w * own
        peer = SkLasso(alpha, tol=1e-12, max_iter=100_000).fit(X, y["time"], sample_weight=w)
        assert_allclose(model.coef_, peer.coef_, atol=1e-6)
        violation = kkt.kkt_violation(
            X, y["time"], model.coef_, model.intercept_, alpha=alpha, sample_weight=w
        )
        assert violation <= 1e-8
    assert CensoredLasso(alpha * 100).fit(X, y).coef_.any() == False  # noqa: E712
    assert_allclose(
        model.score(X, y),
        KaplanMeierRiskRegressor(Lasso(alpha, tol=1e-13), metric="r2").fit(X, y, own).score(X, y),
    )


@pytest.mark.filterwarnings(CAPPED, BEYOND)
def test_folds_see_the_curve_of_their_own_training_part(data):
    X, y = data
    cv = KFold(4, shuffle=True, random_state=0)
    weights = CensoringWeights(bandwidth=1.0)
    alphas = np.array([0.5, 0.1, 0.01])
    model = CensoredLassoCV(alphas=alphas, cv=cv, weights=weights, tol=1e-12).fit(X, y)
    for k, (train, test) in enumerate(cv.split(X)):
        inner = clone(weights).fit(X[train], y[train])
        held = inner.transform_weights(X[test], y[test])
        for a, alpha in enumerate(alphas):
            fit = Lasso(alpha, tol=1e-12).fit(X[train], y["time"][train], inner.weights_)
            error = (y["time"][test] - fit.predict(X[test])) ** 2
            assert_allclose(model.mse_path_[a, k], held @ error / held.sum(), rtol=1e-7)
    assert model.alpha_ == alphas[np.argmin(model.cv_mean_)]
    single = CensoredLasso(model.alpha_, weights=weights, tol=1e-12).fit(X, y)
    assert_allclose(model.coef_, single.coef_, atol=1e-9)
    assert not hasattr(model, "_censored")
    seen = (y["time"], np.ones(300))
    plain = LassoCV(alphas=alphas, cv=cv).fit(X, y["time"])
    assert_allclose(CensoredLassoCV(alphas=alphas, cv=cv).fit(X, seen).mse_path_, plain.mse_path_)
    own = np.arange(300) % 2 + 1.0
    twice = CensoredLassoCV(alphas=alphas, cv=cv, rule="1se").fit(X, seen, own)
    expected = LassoCV(alphas=alphas, cv=cv, rule="1se").fit(X, y["time"], own)
    assert_allclose(twice.mse_path_, expected.mse_path_)
    assert twice.alpha_ == expected.alpha_
    late = (np.arange(300.0), np.arange(300) < 75)
    with pytest.raises(ValueError, match="all records are censored"):
        CensoredLassoCV(cv=[(np.arange(75, 300), np.arange(75))], weights=weights).fit(X, late)
    with pytest.raises(ValueError, match="a fold has no complete record to score"):
        CensoredLassoCV(cv=[(np.arange(75), np.arange(75, 300))], weights=weights).fit(X, late)


# --- what is refused --------------------------------------------------------------------------


Y4 = ([1.0, 2.0, 3.0, 4.0], [1, 0, 1, 1])
X4 = np.array([[0.0], [2.0], [1.0], [3.0]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bandwidth": -1.0}, "bandwidth must be 'cv', 'scott' or a number > 0, got -1.0"),
        ({"bandwidth": np.nan}, "bandwidth must be"),
        ({"bandwidth": "best"}, "bandwidth must be"),
        ({"bandwidth": True}, "bandwidth must be"),
        ({"bandwidth": 2.5, "kernel": "knn"}, "a whole number of neighbours"),
        ({"kernel": "box"}, "kernel must be one of"),
        ({"tie_rule": "first"}, "tie_rule must be one of"),
        ({"tie_tol": 3}, "tie_tol must be"),
        ({"kernel_features": []}, "at least one column"),
        ({"kernel_features": [1]}, r"must hold columns 0 \.\. 0, got 1"),
        ({"kernel_features": [0.5]}, "must hold columns"),
        ({"kernel_features": [False]}, "one of them True"),
    ],
)
def test_options_of_the_kernel(options, message):
    with pytest.raises(ValueError, match=message):
        ConditionalKaplanMeier(**options).fit(X4, Y4)
    with pytest.raises(ValueError, match=message):
        CensoringWeights(**options).fit(X4, Y4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "km"}, "method must be one of"),
        ({"min_survival": 0.0}, r"min_survival must lie in \(0, 1\], got 0.0"),
        ({"min_survival": 1.5}, r"min_survival must lie in \(0, 1\]"),
        ({"min_survival": np.nan}, "min_survival must"),
        ({"tau": 0.0}, "tau must be > 0 or None"),
        ({"tau": np.nan}, "tau must be > 0 or None"),
        ({"cross_fit": 1}, "cross_fit must be a whole number >= 2"),
        ({"cross_fit": 2.5}, "cross_fit must be a whole number >= 2"),
        ({"cross_fit": 5, "bandwidth": 1.0}, "cross_fit = 5 folds need as many records, got 4"),
    ],
)
def test_options_of_the_weights(options, message):
    with pytest.raises(ValueError, match=message):
        CensoringWeights(**options).fit(X4, Y4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X": np.full((4, 1), np.nan)}, "NaN"),
        ({"X": np.ones((4, 0))}, "0 feature"),
        ({"X": X4[:2]}, "X has 2 rows, y has 4 records|inconsistent numbers"),
        ({"y": (Y4[0], [0] * 4)}, "all records are censored: nothing to learn"),
        ({"y": (*Y4, [0.0] * 4)}, "takes no entry times"),
        ({"y": ([1.0, np.inf, 3.0, 4.0], Y4[1])}, "time must be finite"),
        ({"y": (Y4[0], [1, 2, 1, 1])}, "event must hold 0 and 1"),
        ({"sample_weight": [1.0, 1.0, -1.0, 1.0]}, "sample_weight must be finite and >= 0"),
        ({"sample_weight": [0.0, 1.0, 0.0, 0.0]}, "all records are censored"),
    ],
)
def test_data_that_cannot_be_weighted(arguments, message):
    with pytest.raises(ValueError, match=message):
        CensoringWeights(bandwidth=1.0).fit(**{"X": X4, "y": Y4, **arguments})
    with pytest.raises(ValueError, match=message):
        KaplanMeierRiskRegressor(LinearRegression()).fit(**{"X": X4, "y": Y4, **arguments})


def test_other_mistakes():
    model = ConditionalKaplanMeier(1.0).fit(X4, Y4)
    with pytest.raises(ValueError, match=r"times must be of shape \(4,\), got shape \(2,\)"):
        model.predict_at(X4, [1.0, 2.0])
    with pytest.raises(ValueError, match="times must not be NaN"):
        model.predict_survival_function(X4, [np.nan])
    with pytest.raises(ValueError, match="times must be one-dimensional"):
        model.predict_survival_function(X4, [[1.0]])
    with pytest.raises(ValueError, match="features"):
        model.predict_at(np.ones((1, 2)), [1.0])
    with pytest.raises(ValueError, match="target must be one of"):
        ConditionalKaplanMeier(target="both").fit(X4, Y4)
    with pytest.raises(TypeError, match=r"KNeighborsRegressor\.fit takes no sample_weight"):
        KaplanMeierRiskRegressor(KNeighborsRegressor()).fit(X4, Y4)
    with pytest.raises(TypeError, match="takes no sample_weight"):
        KaplanMeierRiskRegressor(make_pipeline(KNeighborsRegressor())).fit(X4, Y4)
    with pytest.raises(TypeError, match="weights must be CensoringWeights"):
        KaplanMeierRiskRegressor(LinearRegression(), "beran").fit(X4, Y4)
    with pytest.raises(ValueError, match="metric must be one of"):
        KaplanMeierRiskRegressor(LinearRegression(), metric="mse2").fit(X4, Y4)
    with pytest.raises(TypeError, match="y must be a structured array"):
        KaplanMeierRiskRegressor(LinearRegression()).fit(X4, Y4[0])
    with pytest.raises(ValueError, match="tau must not be NaN"):
        censoring_weights(Y4, tau=np.nan)


# --- the promise, slowly --------------------------------------------------------------------------


def risks(n, kappa, seeds, methods):
    """Mean squared distance from the true mean on 4000 fresh points, one row per method."""
    fresh = np.random.default_rng(0).uniform(-1, 1, (4000, 3))
    terms = PolynomialFeatures(2)
    wanted, design = mean(fresh), terms.fit_transform(fresh)
    out = {name: [] for name in methods}
    for seed in seeds:
        X, lasts, time, event = generate(n, kappa, seed)
        inside = terms.fit_transform(X)
        for name, options in methods.items():
            if name == "oracle":
                model = LinearRegression().fit(inside, lasts)
            elif name == "naive":
                model = LinearRegression().fit(inside, time)
            else:
                weights = CensoringWeights(**options).fit(X, (time, event)).weights_
                model = LinearRegression().fit(inside, time, sample_weight=weights)
            out[name].append(np.mean((model.predict(design) - wanted) ** 2))
    return {name: float(np.mean(values)) for name, values in out.items()}


METHODS = {
    "oracle": {},
    "naive": {},
    "complete": {"method": "none"},
    "marginal": {"method": "kaplan-meier"},
    "beran": {},
}


@pytest.mark.slow
@pytest.mark.filterwarnings(CAPPED, BEYOND)
def test_weighted_learners_see_through_censoring():
    for kappa, most in ((1.0, 0.040), (2.0, 0.095)):
        found = risks(1000, kappa, range(500, 525), METHODS)
        assert found["beran"] <= most
        assert found["beran"] <= 0.85 * found["marginal"]
        assert found["marginal"] < found["complete"] < found["naive"]
        assert found["oracle"] < found["beran"]


@pytest.mark.slow
@pytest.mark.filterwarnings(CAPPED, BEYOND)
def test_the_risk_falls_with_the_sample():
    few = risks(300, 1.0, range(500, 525), {"beran": {}})["beran"]
    many = risks(4000, 1.0, range(500, 525), {"beran": {}})["beran"]
    assert many <= few / 3
    sizes = np.array([250, 500, 1000, 2000, 4000, 8000])
    excess = [risks(n, 0.0, range(500, 520), {"beran": {}})["beran"] for n in sizes]
    assert np.polyfit(np.log(sizes), np.log(excess), 1)[0] <= -0.8
