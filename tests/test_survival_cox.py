# SPDX-License-Identifier: BSD-3-Clause
"""Cox regression against R's coxph, and against its own derivatives."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from survival_reference import close, complete, numbers, results, step_weights

from taut.exceptions import ConvergenceWarning
from taut.survival import CoxPH

RTOL = 1e-9
PBC = [
    *("trt", "age", "sex", "ascites", "hepato", "spiders", "edema", "bili", "chol", "albumin"),
    *("copper", "alk_phos", "ast", "trig", "platelet", "protime", "stage"),
]
LUNG = ["age", "sex", "ph_ecog"]
HEART = ["age", "year", "surgery", "transplant"]
VETERAN = ["trt", "karno", "diagtime", "age", "prior"]
#: data, block, columns, stratum, weighted
FITS = [
    *(("lung", f"cox_{t}", LUNG, None, False) for t in ("efron", "breslow")),
    *(("lung", f"cox_{t}_weighted", LUNG, None, True) for t in ("efron", "breslow")),
    ("lung", "cox_efron_strata_sex", ["age", "ph_ecog"], "sex", False),
    *(("veteran", f"cox_{t}", VETERAN, None, False) for t in ("efron", "breslow")),
    ("veteran", "cox_efron_strata_cell", ["trt", "karno"], "celltype", False),
    *(
        ("ovarian", f"cox_{t}", ["age", "resid_ds", "rx", "ecog_ps"], None, False)
        for t in ("efron", "breslow")
    ),
    *(("aml", f"cox_{t}", ["maintained"], None, False) for t in ("efron", "breslow")),
    *(("heart", f"cox_{t}", HEART, None, False) for t in ("efron", "breslow")),
    ("heart", "cox_efron_strata_surgery", ["age", "year", "transplant"], "surgery", False),
    *(
        ("mgus2_age", f"cox_{t}", ["sex", "hgb", "creat", "mspike"], None, False)
        for t in ("efron", "breslow")
    ),
    *(("pbc", f"cox_{t}", PBC, None, False) for t in ("efron", "breslow")),
    *(
        ("flchain", f"cox_{t}", ["age", "sex", "kappa", "lambda"], None, False)
        for t in ("efron", "breslow")
    ),
]


class Fit:
    """Data and a fitted model for one block of R's results."""

    def __init__(self, name, block, columns, stratum, weighted):
        needed = {"lung": LUNG, "mgus2_age": (), "pbc": PBC}.get(name, columns)
        data = complete(name, *needed)
        self.ref = results(name)[block]
        self.X = np.column_stack([data[c] for c in columns])
        time = data.get("time", data.get("stop", data.get("exit")))
        entry = data.get("start", data.get("entry"))
        self.y = (time, data["event"]) if entry is None else (time, data["event"], entry)
        self.weight = step_weights(time.size) if weighted else None
        self.strata = None if stratum is None else data[stratum]
        self.model = CoxPH(ties=self.ref["ties"][0], robust=False)
        self.model.fit(self.X, self.y, self.weight, strata=self.strata)

    def residuals(self, kind):
        return self.model.residuals(self.X, self.y, kind, self.weight, strata=self.strata)


@pytest.fixture(scope="module", params=FITS, ids=lambda p: f"{p[0]}-{p[1]}")
def fit(request):
    return Fit(*request.param)


def test_estimates_are_those_of_r(fit):
    model, ref = fit.model, fit.ref
    close(model.coef_, numbers(ref["coef"]), RTOL)
    variance = numbers(ref["var"])
    assert_allclose(model.variance_, variance, rtol=RTOL, atol=1e-11 * np.abs(variance).max())
    close([model.loglik_null_], numbers(ref["loglik_null"]), 1e-11)
    close([model.loglik_], numbers(ref["loglik"]), 1e-11)
    close([model.score_test_.statistic], numbers(ref["score_test"]), RTOL)
    close([model.wald_test_.statistic], numbers(ref["wald_test"]), 1e-8)
    assert model.converged_


def test_gradient_is_zero(fit):
    score = fit.residuals("score") * (1 if fit.weight is None else fit.weight[:, None])
    size = np.abs(score).sum(axis=0)
    assert (np.abs(score.sum(axis=0)) <= 1e-8 * size).all()


def test_baseline_hazard_is_that_of_r(fit):
    times, want = numbers(fit.ref["basehaz_time"]), numbers(fit.ref["basehaz"])
    zero = np.zeros((1, fit.X.shape[1]))
    if fit.strata is None:
        close(fit.model.predict_cumulative_hazard(zero, times)[0], want, RTOL)
        return
    names = np.array(fit.ref["basehaz_strata"])
    for label in fit.model.strata_:
        rows = np.array([n.split("=")[-1] == f"{label:g}" for n in names])
        assert rows.any()
        got = fit.model.predict_cumulative_hazard(zero, times[rows], [label])[0]
        close(got, want[rows], RTOL)


def test_residuals_are_those_of_r(fit):
    if "martingale" not in fit.ref:  # left out of the largest file
        assert fit.X.shape[0] > 5000
        return
    p = fit.X.shape[1]
    for kind, name in (
        ("martingale", "martingale"),
        ("deviance", "deviance"),
        ("score", "score_resid"),
        ("schoenfeld", "schoenfeld"),
        ("dfbeta", "dfbeta"),
    ):
        want = numbers(fit.ref[name])
        got = fit.residuals(kind)
        if kind in ("score", "schoenfeld", "dfbeta"):
            want = want.reshape(-1, p)
        assert_allclose(got, want, rtol=1e-8, atol=1e-9 * np.abs(want).max(), err_msg=kind)
    lp = fit.model.predict(fit.X) - numbers(fit.ref["linear_predictor"])
    assert np.ptp(lp) < 1e-9  # R subtracts the predictor at the means


def test_robust_variance_is_that_of_r(fit):
    if "robust_var" not in fit.ref:  # R wants a cluster for (start, stop] rows
        assert len(fit.y) == 3
        return
    model = clone(fit.model).set_params(robust=True)
    model.fit(fit.X, fit.y, fit.weight, strata=fit.strata)
    want = numbers(fit.ref["robust_var"])
    assert_allclose(model.variance_, want, rtol=1e-8, atol=1e-10 * np.abs(want).max())
    assert_array_equal(model.naive_variance_, fit.model.variance_)


@pytest.mark.parametrize("transform", ["km", "identity"])
def test_proportional_hazards_test_is_that_of_r(fit, transform):
    want = numbers(fit.ref[f"zph_{transform}"])
    got = fit.model.proportional_hazards_test(
        fit.X, fit.y, fit.weight, transform=transform, strata=fit.strata
    )
    assert_allclose(got.statistic, want[: fit.X.shape[1], 0], rtol=1e-7)
    assert_allclose(got.p_value, want[: fit.X.shape[1], 2], rtol=1e-6)
    assert_allclose(got.overall.statistic, want[-1, 0], rtol=1e-7)
    assert got.overall.df == want[-1, 1]


def test_published_numbers_of_the_lung_study():
    data = complete("lung", *LUNG)
    X, y = np.column_stack([data[c] for c in LUNG]), (data["time"], data["event"])
    efron, breslow = CoxPH().fit(X, y), CoxPH("breslow").fit(X, y)
    close(efron.coef_, [0.011066764596118644, -0.552612395531837, 0.4637284751157322], RTOL)
    close(breslow.coef_, [0.011041136385707521, -0.551889569637656, 0.46294704033454985], RTOL)
    close(efron.loglik_, -729.2301213748617, 1e-12)


# --- against itself -------------------------------------------------------------------------


def sample(seed, late=False, ties=True, n=80, p=3):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    time = rng.exponential(np.exp(-0.5 * X[:, 0]))
    time = np.ceil(time * 8) / 7 if ties else time
    event = rng.random(n) < 0.7
    y = (time, event, time - rng.exponential(size=n) - 0.01) if late else (time, event)
    return X, y, rng


@given(st.integers(0, 1000), st.booleans(), st.sampled_from(["efron", "breslow"]))
def test_weights_orders_shifts_and_scales(seed, late, ties):
    X, y, rng = sample(seed, late)
    count = rng.integers(1, 4, 80)
    base = CoxPH("breslow").fit(X, y, count)
    repeated = CoxPH("breslow").fit(
        np.repeat(X, count, axis=0), tuple(np.repeat(c, count) for c in y)
    )
    assert_allclose(base.coef_, repeated.coef_, rtol=1e-8, atol=1e-10)
    one = CoxPH(ties).fit(X, y)
    order = rng.permutation(80)
    other = CoxPH(ties, n_jobs=2).fit(X[order], tuple(c[order] for c in y))
    assert_allclose(one.coef_, other.coef_, rtol=1e-9, atol=1e-12)
    moved = CoxPH(ties).fit(X * [1.0, 1e3, 1e-3] + [0.0, 50.0, 7.0], y)
    assert_allclose(moved.coef_ * [1.0, 1e3, 1e-3], one.coef_, rtol=1e-7, atol=1e-9)


def test_ties_do_not_matter_without_ties():
    X, y, _ = sample(4, ties=False)
    assert_allclose(CoxPH("efron").fit(X, y).coef_, CoxPH("breslow").fit(X, y).coef_, rtol=1e-12)


def test_rows_cut_in_time_change_nothing():
    """A record (0, t] is the rows (0, s] censored and (s, t]."""
    X, (time, event), _ = sample(5)
    whole = CoxPH().fit(X, (time, event))
    cut = time / 2
    rows = (
        np.concatenate([cut, time]),
        np.concatenate([np.zeros(80), event]),
        np.concatenate([np.full(80, -1.0), cut]),
    )
    split = CoxPH().fit(np.vstack([X, X]), rows)
    assert_allclose(split.coef_, whole.coef_, rtol=1e-10)
    labels = np.tile(np.arange(80), 2)
    robust = CoxPH(robust=True).fit(X, (time, event)).variance_
    assert_allclose(
        CoxPH().fit(np.vstack([X, X]), rows, cluster=labels).variance_, robust, rtol=1e-9
    )


def test_long_studies_keep_their_digits():
    """Risk sets of a few at the start, of large hazard at the end: sums must not cancel."""
    rng = np.random.default_rng(8)
    n = 400
    entry = np.sort(rng.uniform(0, 100, n))
    y = (entry + 0.4 + rng.random(n), np.ones(n), entry)
    X = np.column_stack([entry * 0.5 + rng.standard_normal(n), rng.standard_normal(n)])
    model = CoxPH().fit(X, y)

    def loglik(b):
        eta, total = X @ b, 0.0
        for i in range(n):
            risk = (y[2] < y[0][i]) & (y[0] >= y[0][i])
            m = eta[risk].max()
            total += eta[i] - m - np.log(np.exp(eta[risk] - m).sum())
        return total

    assert_allclose(model.loglik_, loglik(model.coef_), rtol=1e-10)
    b = np.array([0.9, 0.3])  # hazards over e^45
    assert model.loglik_null_ == pytest.approx(loglik(np.zeros(2)), rel=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        far = CoxPH().fit(np.zeros((n, 1)), y, offset=X @ b)
    assert far.loglik_null_ == pytest.approx(loglik(b), rel=1e-10)


def test_predictions_follow_the_model():
    X, y, _ = sample(6)
    model = CoxPH().fit(X, y)
    times = np.array([0.0, 0.5, 1.0, 50.0])
    H = model.predict_cumulative_hazard(X[:5], times)
    assert_array_equal(H[:, 0], 0.0)
    assert_allclose(H[:, 2] / H[0, 2], np.exp(model.predict(X[:5]) - model.predict(X[:1])))
    assert_allclose(model.predict_survival_function(X[:5], times), np.exp(-H))
    # Martingale residuals are events minus the predicted hazard at the record's own time; with
    # Efron's ties those who die share the last step, so Breslow's are compared.
    breslow = CoxPH("breslow").fit(X, y)
    own = np.array([breslow.predict_cumulative_hazard(X[[i]], [y[0][i]])[0, 0] for i in range(80)])
    assert_allclose(breslow.residuals(X, y), y[1] - own, atol=1e-10)
    assert 0.5 < model.score(X, y) < 1.0
    table_ = model.summary()
    assert_allclose(table_["hazard_ratio"], np.exp(model.coef_))
    assert (table_["lower"] < table_["hazard_ratio"]).all()
    assert table_["p_value"].shape == (3,)
    scaled = model.residuals(X, y, "scaled-schoenfeld")
    assert_allclose(scaled.mean(axis=0), model.coef_, atol=1e-8)
    for transform in ("rank", "log"):
        test = model.proportional_hazards_test(X, y, transform=transform)
        assert ((test.p_value > 0) & (test.p_value <= 1)).all()


def test_strata_have_hazards_of_their_own():
    X, y, rng = sample(7, n=200)
    strata = np.array(["a", "b"])[rng.integers(0, 2, 200)]
    model = CoxPH().fit(X, y, strata=strata)
    got = model.predict_survival_function(X[:10], [0.3, 1.0], strata[:10])
    for label in "ab":
        rows = strata[:10] == label
        k = list(model.strata_).index(label)
        at = np.searchsorted(model.baseline_time_[k], 1.0, side="right") - 1
        H = model.baseline_cumulative_hazard_[k][at] * np.exp(model.predict(X[:10][rows]))
        assert_allclose(got[rows, 1], np.exp(-H))
    for strata_, message in ((None, "strata must be given"), (["c"], "'c' was not seen")):
        with pytest.raises(ValueError, match=message):
            model.predict_survival_function(X[:1], [1.0], strata_)
    with pytest.raises(ValueError, match="fitted without"):
        CoxPH().fit(X, y).predict_survival_function(X[:1], [1.0], ["a"])


def test_dependent_columns_are_set_to_zero_with_a_warning():
    X, y, _ = sample(9)
    wide = np.column_stack([X, X[:, 0] - 2 * X[:, 1], np.full(80, 3.0)])
    with pytest.warns(UserWarning, match="columns 3, 4 are constant or depend"):
        model = CoxPH().fit(wide, y)
    assert_array_equal(model.coef_[3:], 0.0)
    assert_allclose(model.coef_[:3], CoxPH().fit(X, y).coef_, rtol=1e-9)
    assert model.wald_test_.df == 3


def test_a_feature_that_orders_all_events_warns():
    time = np.arange(1.0, 21.0)
    with pytest.warns(ConvergenceWarning, match="A coefficient may be infinite"):
        model = CoxPH().fit(-time[:, None], (time, np.ones(20)))
    assert not model.converged_


def test_coefficients_that_run_away_are_named():
    X, y, rng = sample(10)
    never = (rng.random(80) < 0.2).astype(float)  # those who have no event while others are at risk
    event = np.where(never == 1, 0, y[1])
    time = np.where(never == 1, 1e3, y[0])
    with pytest.warns(ConvergenceWarning, match="columns 3 may be infinite"):
        model = CoxPH().fit(np.c_[X, never], (time, event))
    assert model.coef_[3] < -15
    with pytest.warns(ConvergenceWarning, match="columns 0 may be infinite"):
        CoxPH().fit(np.arange(4.0)[:, None], ([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 1]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CoxPH().fit(X * [1e-6, 1.0, 1e6], y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": ([1.0, 2.0, 3.0], [0, 0, 0])}, "no events: the partial likelihood is constant"),
        ({"y": ([1.0, 2.0], [1, 0])}, "X has 3 rows, y has 2 records"),
        ({"X": [[1.0], [np.nan], [2.0]]}, "NaN"),
        ({"sample_weight": [1.0, -1.0, 1.0]}, "sample_weight must be finite and >= 0"),
        ({"sample_weight": [0.0, 1.0, 0.0]}, "no events"),
        ({"strata": [1, 2]}, "strata has 2 values"),
        ({"cluster": [1, 2]}, "cluster has 2 values"),
        ({"offset": [1.0, 2.0]}, "offset must hold 3 finite values"),
        ({"offset": [1.0, 2.0, np.inf]}, "offset must hold 3 finite values"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    full = {"X": [[1.0], [3.0], [2.0]], "y": ([1.0, 2.0, 3.0], [1, 0, 1]), **arguments}
    with pytest.raises(ValueError, match=message):
        CoxPH().fit(**full)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ties": "exact"}, "ties must be one of 'efron', 'breslow'"),
        ({"robust": "yes"}, "robust must be True, False or 'auto'"),
        ({"tol": 0.0}, "tol must be > 0"),
        ({"max_iter": 0}, "max_iter must be >= 1"),
        ({"conf_level": 0.0}, "conf_level must lie"),
        ({"tie_tol": "no"}, "tie_tol must be"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CoxPH(**options).fit([[1.0], [3.0], [2.0]], ([1.0, 2.0, 3.0], [1, 0, 1]))


def test_other_questions_are_checked():
    X, y, _ = sample(2)
    model = CoxPH().fit(X, y)
    with pytest.raises(ValueError, match="kind must be one of"):
        model.residuals(X, y, "cox-snell")
    with pytest.raises(ValueError, match="transform must be one of"):
        model.proportional_hazards_test(X, y, transform="time")
    with pytest.raises(ValueError, match="needs event times > 0"):
        model.proportional_hazards_test(X, (y[0] - 1, y[1]), transform="log")
    with pytest.raises(ValueError, match="features"):
        model.predict(X[:, :2])
    with pytest.raises(ValueError, match="not NaN"):
        model.predict_survival_function(X, [np.nan])
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(X), model.predict(X))
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    named = CoxPH().fit(frame, y)
    assert named.summary()["feature"] == ["a", "b", "c"]
