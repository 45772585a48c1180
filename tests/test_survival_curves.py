# SPDX-License-Identifier: BSD-3-Clause
"""Curves against R's survfit, against plain definitions, and on what may be handed in."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from survival_reference import close, column, numbers, results, step_weights, table

from taut.survival import EventTable, KaplanMeier, NelsonAalen, Surv, kaplan_meier
from taut.survival._bands import equal_precision_critical, hall_wellner_critical

RTOL = 1e-12
BLOCKS = [
    ("lung", "km", None),
    ("lung", "km_sex", "sex"),
    ("lung", "km_weighted", None),
    ("veteran", "km", None),
    ("veteran", "km_cell", "celltype"),
    ("ovarian", "km", None),
    ("ovarian", "km_rx", "rx"),
    ("aml", "km", None),
    ("aml", "km_x", "maintained"),
    ("pbc", "km", None),
    ("flchain", "km", None),
    ("heart", "km", None),
    ("heart", "km_transplant", "transplant"),
    ("mgus2_age", "km", None),
    ("mgus2_age", "km_sex", "sex"),
]
EDGES = [
    "ties_event_before_censor",
    "all_censored",
    "all_events",
    "single_event",
    "single_censored",
    "last_is_censored",
    "all_tied",
    "time_zero",
    "half_exactly",
    "half_plateau_to_end",
    "negative_times",
    "integer_weights",
    "fractional_weights",
]
TRUNCATED = ["simple", "gap", "entry_at_event_time"]
KINDS = {"km": "km", "exp_na": "nelson-aalen", "exp_fh": "fleming-harrington", "km_fh": "km"}


class Case:
    """Records, weights and R's results for them."""

    def __init__(self, name, key, group=None):
        self.weight = self.groups = entry = None
        if name in ("edge", "trunc"):
            raw = results("edge_cases")["trunc"][key] if name == "trunc" else None
            raw = raw or results("edge_cases")[key]
            self.block = raw["result"]
            time = numbers(raw["stop" if name == "trunc" else "time"])
            event = numbers(raw["event"])
            entry = numbers(raw["start"]) if name == "trunc" else None
            self.weight = numbers(raw["weight"]) if "weight" in raw else None
        else:
            data = table(name)
            self.block = results(name)[key]
            self.groups = None if group is None else data[group]
            time = data.get("time", data.get("stop", data.get("exit")))
            event = data["event"]
            entry = data.get("start", data.get("entry"))
            if key == "km_weighted":
                self.weight = step_weights(time.size)
        self.y = (time, event) if entry is None else (time, event, entry)
        self.fractional = self.weight is not None and bool((self.weight % 1).any())

    @pytest.mark.filterwarnings("ignore")
    def fit(self, **options):
        return KaplanMeier(**options).fit(self.y, self.weight, self.groups)


CASES = {
    f"{name}-{key}": Case(name, key, group)
    for name, key, group in [
        *BLOCKS,
        *(("edge", k, None) for k in EDGES),
        *(("trunc", k, None) for k in TRUNCATED),
    ]
}


def having(*keys):
    """The cases that have a block, and its name."""
    return pytest.mark.parametrize(
        ("case", "curve"),
        [
            pytest.param(case, key, id=f"{name}-{key}")
            for name, case in CASES.items()
            for key in keys
            # R takes Peto's standard error for one of S when weights are fractional.
            if key in case.block and not (case.fractional and key == "km_log_peto")
        ],
    )


quiet = pytest.mark.filterwarnings("ignore:all of the:UserWarning")


@quiet
@having("km_log", "km_log-log", "km_plain", "km_logit", "km_arcsin")
def test_kaplan_meier_is_that_of_r(case, curve):
    model = case.fit(conf_type=curve[3:])
    flat = model.flat_
    for name, theirs in (
        ("time", "time"),
        ("n_at_risk", "n_risk"),
        ("n_event", "n_event"),
        ("n_censor", "n_censor"),
        ("survival", "surv"),
    ):
        close(flat[name], column(case.block, curve, theirs), RTOL, name)
    se = column(case.block, curve, "std_err")
    if case.fractional:  # R's is that of S itself here, and 0 where S is
        alive = flat["survival"] > 0
        close(flat["survival"][alive] * flat["std_err_log"][alive], se[alive], RTOL)
        assert_array_equal(se[~alive], 0.0)
    else:
        close(flat["std_err_log"], se, RTOL)
    model._hazard()
    close(flat["cumulative_hazard"], column(case.block, curve, "cumhaz"), RTOL)
    if not case.fractional:
        close(flat["cumulative_hazard_std_err"], column(case.block, curve, "std_chaz"), RTOL)
    lower, upper = (column(case.block, curve, k) for k in ("lower", "upper"))
    # R gives NA for both limits while S = 1 on these scales, and a number for the plain limit of a
    # jackknife curve at 0; ours are 1 and NaN by definition.
    start = flat["survival"] == 1.0
    assert_array_equal(flat["conf_lower"][start], 1.0)
    assert_array_equal(flat["conf_upper"][start], 1.0)
    gone = flat["survival"] == 0.0
    assert np.isnan(flat["conf_lower"][gone]).all()
    assert np.isnan(flat["conf_upper"][gone]).all()
    rest = ~start & ~gone
    close(flat["conf_lower"][rest], lower[rest], RTOL)
    close(flat["conf_upper"][rest], upper[rest], RTOL)


@quiet
@having("exp_na", "exp_fh", "km_fh")
def test_hazard_curves_are_those_of_r(case, curve):
    model = case.fit(conf_type="log", estimator=KINDS[curve])
    flat = model.flat_
    close(flat["survival"], column(case.block, curve, "surv"), RTOL)
    if curve == "km_fh":
        model = case.fit(estimator="fleming-harrington")
    hazard, se = model.cumulative_hazard_, model.cumulative_hazard_std_err_
    if case.groups is not None:
        hazard, se = np.concatenate(hazard), np.concatenate(se)
    close(hazard, column(case.block, curve, "cumhaz"), RTOL)
    close(se, column(case.block, curve, "std_chaz"), RTOL)
    if curve == "km_fh":
        return
    # The standard error of log S is that of H. R prints it; but with fractional weights it marks
    # the Nelson-Aalen one as that of S, and divides by S once more for its limits.
    close(flat["std_err_log"], column(case.block, curve, "std_err"), RTOL)
    if not (case.fractional and curve == "exp_na"):
        sure = flat["survival"] == 1.0
        for name, theirs in (("conf_lower", "lower"), ("conf_upper", "upper")):
            close(flat[name][~sure], column(case.block, curve, theirs)[~sure], RTOL)


@quiet
@having("km_log_90", "km_log_modified", "km_log_peto")
def test_other_limits_are_those_of_r(case, curve):
    options = {
        "km_log_90": {"conf_level": 0.9},
        "km_log_modified": {"conf_lower": "modified"},
        "km_log_peto": {"conf_lower": "peto"},
    }[curve]
    flat = case.fit(conf_type="log", **options).flat_
    inside = (flat["survival"] < 1.0) & (flat["survival"] > 0.0)
    close(flat["conf_lower"][inside], column(case.block, curve, "lower")[inside], RTOL)
    close(flat["conf_upper"][inside], column(case.block, curve, "upper")[inside], RTOL)


@quiet
@having("quantile_log", "quantile_loglog", "quantile_plain")
def test_quantiles_are_those_of_r(case, curve):
    scale = {"log": "log", "loglog": "log-log", "plain": "plain"}[curve[len("quantile_") :]]
    model = case.fit(conf_type=scale)
    block = case.block[curve]
    probs = numbers(block["probs"])
    shape = (model.group_ptr_.size - 1, probs.size)
    close(np.reshape(model.quantile(probs), shape), numbers(block["quantile"]).reshape(shape), RTOL)
    for got, name in zip(model.quantile_limits(probs), ("lower", "upper"), strict=True):
        got, want = np.reshape(got, shape), numbers(block[name]).reshape(shape)
        for g in range(shape[0]):
            rows = slice(model.group_ptr_[g], model.group_ptr_[g + 1])
            limit = model.flat_[f"conf_{name}"][rows]
            limit = limit[~np.isnan(limit)]
            if (np.diff(limit) <= 0).all():
                # R has a plain limit of a jackknife curve at 0, which is NaN here.
                known = ~np.isnan(got[g]) if case.fractional and scale == "plain" else slice(None)
                close(got[g][known], want[g][known], RTOL)
            # Where a limit rises again, R takes the time of the largest value below 1 - p, which
            # can lie beyond the quantile itself; ours is the first time below.


@quiet
@having("rmst")
def test_restricted_means_are_those_of_r(case, curve):
    for block in case.block[curve]:
        tau = float(numbers(block["tau"])[0])
        model = case.fit()
        last = model.flat_["time"][model.group_ptr_[1:] - 1]
        if (last < tau).any():
            with pytest.warns(UserWarning, match="beyond the last time"):
                got = model.rmst(tau)
        else:
            got = model.rmst(tau)
        if "error" in block:  # R refuses an area that ends before the first time
            assert got.mean == tau
            continue
        close(np.atleast_1d(got.mean), numbers(block["rmean"]), RTOL)
        close(np.atleast_1d(got.std_err), numbers(block["se"]), RTOL)


@quiet
@having("at_times")
def test_values_at_times_are_those_of_r(case, curve):
    block = case.block[curve]
    if case.groups is not None:  # rows of R are by group, then by time
        times = np.unique(numbers(block["times"]))
        close(case.fit().predict(times).ravel(), numbers(block["surv"]), RTOL)
        return
    model = case.fit()
    close(model.predict(numbers(block["times"])), numbers(block["surv"]), RTOL)


def test_published_numbers_of_the_lung_study():
    data = table("lung")
    model = KaplanMeier(conf_type="log").fit((data["time"], data["event"]))
    at = np.searchsorted(model.time_, 365, side="right") - 1
    close(model.predict([365.0]), [0.4092416244600644], RTOL)
    close(model.std_err_[at], 0.03582363817203777, RTOL)
    assert model.median() == 310.0
    assert [v.item() for v in np.atleast_1d(model.quantile_limits(0.5))] == [285.0, 363.0]
    close(model.rmst(365.0), (263.22186648200665, 7.798859086314456), RTOL)


def test_reverse_curve_is_that_of_r():
    data, block = table("lung"), results("lung")["reverse_km"]
    model = KaplanMeier(conf_type="log").fit((data["time"], 1 - data["event"]))
    close(model.survival_, numbers(block["surv"]), RTOL)
    close(model.std_err_log_, numbers(block["std_err"]), RTOL)


@pytest.mark.parametrize(("rule", "key"), [("r", "timefix_true"), (0, "timefix_false")])
def test_nearly_equal_times_by_the_rules_of_r(rule, key):
    raw = results("edge_cases")["float_ties"]
    y = (numbers(raw["time"]), numbers(raw["event"]))
    model = KaplanMeier(tie_tol=rule).fit(y)
    close(model.time_, numbers(raw[key]["time"]), 0)
    close(model.survival_, numbers(raw[key]["surv"]), RTOL)


def test_rounding_of_ages_makes_no_new_times():
    data = table("mgus2_age")
    y = (data["exit"], data["event"], data["entry"])
    sizes = {tol: KaplanMeier(tie_tol=tol).fit(y).time_.size for tol in ("ulp", "r", 0)}
    assert sizes == {"ulp": 480, "r": 480, 0: 487}


# --- against definitions ------------------------------------------------------------------------

records = st.lists(
    st.tuples(st.integers(-3, 12), st.booleans(), st.integers(1, 4), st.integers(0, 3)),
    min_size=1,
    max_size=40,
)


def columns(rows, scale=1.0):
    time, event, weight, gap = (np.array(c, dtype=float) for c in zip(*rows, strict=True))
    return time * scale, event, weight, gap


def by_definition(time, event, weight, entry=None):
    """Distinct times, numbers at risk, events, curve: loops over what the words say."""
    rows = []
    survival = 1.0
    for t in np.unique(time):
        risk = time >= t if entry is None else (time >= t) & (entry < t)
        n = weight[risk].sum()
        d = weight[(time == t) & (event == 1)].sum()
        survival *= 1 - d / n if d > 0 else 1.0
        rows.append((t, n, d, weight[(time == t) & (event == 0)].sum(), survival))
    return np.array(rows).T


@quiet
@given(records, st.sampled_from([1.0, 1 / 7]), st.booleans(), st.booleans())
def test_tables_and_curves_by_definition(rows, scale, weighted, truncated):
    time, event, weight, gap = columns(rows, scale)
    weight = weight if weighted else np.ones_like(weight)
    entry = time - (gap + 0.5) * scale if truncated else None
    y = (time, event, entry) if truncated else (time, event)
    model = KaplanMeier().fit(y, weight if weighted else None)
    want = by_definition(time, event, weight, entry)
    for name, value in zip(
        ("time", "n_at_risk", "n_event", "n_censor", "survival"), want, strict=True
    ):
        assert_allclose(model.flat_[name], value, rtol=1e-12, atol=1e-15, err_msg=name)
    if truncated:
        entered = [
            weight[(entry >= a) & (entry < b)].sum()
            for a, b in zip(np.r_[-np.inf, want[0][:-1]], want[0], strict=True)
        ]
        assert_allclose(model.n_enter_, entered, atol=1e-12)


@quiet
@given(records, st.sampled_from([1.0, 1 / 7]), st.booleans(), st.randoms(use_true_random=False))
def test_order_of_records_and_threads_do_not_show(rows, scale, truncated, random):
    time, event, weight, gap = columns(rows, scale)
    weight = weight / 3
    entry = time - gap - 0.5
    order = list(range(time.size))
    random.shuffle(order)
    y = (time, event, entry) if truncated else (time, event)
    first = KaplanMeier().fit(y, weight)
    other = KaplanMeier(n_jobs=2).fit(tuple(c[order] for c in y), weight[order])
    for name in ("time", "n_at_risk", "survival"):
        assert_array_equal(first.flat_[name], other.flat_[name])


@pytest.mark.parametrize("kind", ["continuous", "tied", "integer", "negative"])
def test_threads_give_the_same_bits_on_large_data(rng, kind):
    n = 200_000
    time = rng.exponential(size=n)
    if kind == "tied":
        time = np.ceil(time * 500) / 7
    elif kind == "integer":
        time = np.ceil(time * 500)
    elif kind == "negative":
        time = time - 1
    event = rng.random(n) < 0.7
    one, two = (kaplan_meier(time, event, n_jobs=jobs) for jobs in (1, 2))
    for a, b in zip(one, two, strict=True):
        assert_array_equal(a, b)
    distinct, counts = np.unique(time, return_counts=True)
    if kind != "continuous":
        assert_array_equal(one.time, distinct)
        assert_array_equal(one.n_event + one.n_censor, counts)
    assert one.n_at_risk[0] == n
    factors = np.log1p(
        -one.n_event / one.n_at_risk, where=one.survival > 0, out=np.zeros(one.time.size)
    )
    alive = one.survival > 0
    assert_allclose(one.survival[alive], np.exp(np.cumsum(factors))[alive], rtol=1e-11)


@pytest.mark.parametrize("size", [1, 100, 70_000])
def test_groups_are_curves_of_their_own(rng, size):
    n_groups = 5 if size > 1000 else 300
    n = size * n_groups
    time, event = rng.exponential(size=n), rng.random(n) < 0.6
    labels = rng.permutation(np.repeat(np.arange(n_groups) * 3 + 10, size))
    model = KaplanMeier(n_jobs=2).fit((time, event), groups=labels)
    assert_array_equal(model.groups_, np.arange(n_groups) * 3 + 10)
    for g in (0, n_groups // 2, n_groups - 1):
        own = labels == model.groups_[g]
        alone = KaplanMeier().fit((time[own], event[own]))
        assert_array_equal(alone.survival_, model.survival_[g])
        assert_array_equal(alone.conf_lower_, model.conf_lower_[g])
    assert model.predict([0.1, 1.0]).shape == (n_groups, 2)
    assert model.quantile([0.25, 0.5]).shape == (n_groups, 2)


def test_labels_may_be_text(rng):
    labels = np.array(["b", "a", "b", "c"], dtype=object)
    model = KaplanMeier().fit(([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 0]), groups=labels)
    assert model.groups_.tolist() == ["a", "b", "c"]
    assert [len(t) for t in model.time_] == [1, 2, 1]


def test_without_censoring_it_is_the_empirical_curve(rng):
    time = rng.exponential(size=500)
    model = KaplanMeier().fit((time, np.ones(500)))
    share = 1 - np.arange(1, 501) / 500
    assert_allclose(model.survival_, share, rtol=1e-12, atol=1e-14)
    assert_allclose(model.std_err_[:-1] ** 2, (share * (1 - share) / 500)[:-1], rtol=1e-9)
    assert np.isnan(model.std_err_[-1])


def test_weights_are_repeated_records(rng):
    time, event = rng.integers(1, 20, 80) / 3, rng.random(80) < 0.6
    weight = rng.integers(1, 4, 80)
    one = KaplanMeier().fit((time, event), weight)
    other = KaplanMeier().fit((np.repeat(time, weight), np.repeat(event, weight)))
    for name in ("time", "n_at_risk", "survival", "std_err_log", "conf_lower"):
        assert_array_equal(one.flat_[name], other.flat_[name])


def test_jackknife_is_the_derivative_by_weights(rng):
    """U_i by differences of the curve in the weight of each record."""
    time, event = rng.integers(1, 9, 30) / 7, rng.random(30) < 0.7
    entry = time - rng.random(30) * 0.8
    weight = rng.random(30) + 0.5
    for kind in ("km", "nelson-aalen", "fleming-harrington"):

        def curve(w, kind=kind):
            model = KaplanMeier(estimator=kind, variance="jackknife").fit((time, event, entry), w)
            return model.survival_, model.std_err_log_

        with np.errstate(divide="ignore", invalid="ignore"):
            total = 0.0
            base, se = curve(weight)
            for i in range(30):
                up, down = weight.copy(), weight.copy()
                up[i] += 1e-5
                down[i] -= 1e-5
                slope = (np.log(curve(up)[0]) - np.log(curve(down)[0])) / 2e-5
                total = total + (weight[i] * slope) ** 2
        alive = base > 0
        assert alive.sum() > 3
        assert_allclose(se[alive], np.sqrt(total)[alive], rtol=1e-6)


def test_survival_is_what_redistribution_to_the_right_gives(rng):
    time = rng.permutation(60).astype(float) + 1
    event = rng.random(60) < 0.6
    mass = np.full(60, 1 / 60)
    order = np.argsort(time)
    for rank, i in enumerate(order[:-1]):
        if not event[i]:
            mass[order[rank + 1 :]] += mass[i] / (59 - rank)
            mass[i] = 0
    jumps = mass[order] * event[order]
    model = KaplanMeier().fit((time, event))
    assert_allclose(model.survival_, 1 - np.cumsum(jumps), rtol=1e-12, atol=1e-14)


@pytest.mark.slow
def test_ten_million_records():
    n = 10_000_000
    rng = np.random.default_rng(0)
    time, censor = rng.exponential(size=n), rng.exponential(2.0, size=n)
    curve = kaplan_meier(np.minimum(time, censor), time <= censor, n_jobs=2)
    k = np.searchsorted(curve.time, np.log(2.0)) - 1
    assert abs(curve.survival[k] - 0.5) < 4 * curve.std_err[k]
    factors = np.log1p(-curve.n_event[: k + 1] / curve.n_at_risk[: k + 1])
    assert abs(np.log(curve.survival[k]) - np.sum(factors)) < 1e-11


# --- simultaneous bands ---------------------------------------------------------------------------


def test_critical_values_of_bands():
    for row in results("python_reference")["band_critical_values"][::2]:
        a, b, level = row["a_lower"], row["a_upper"], 1 - row["alpha"]
        assert_allclose(hall_wellner_critical(a, b, level), row["hall_wellner"], rtol=1e-9)
        assert_allclose(equal_precision_critical(a, b, level), row["equal_precision"], rtol=1e-9)


@pytest.mark.parametrize("kind", ["hall-wellner", "equal-precision"])
@pytest.mark.parametrize("scale", ["log-log", "log", "plain", "arcsin"])
def test_bands_hold_the_pointwise_limits(kind, scale):
    data = table("lung")
    model = KaplanMeier(conf_type=scale).fit((data["time"], data["event"]))
    band = model.confidence_band(kind, 60.0, 700.0)
    rows = np.isin(model.time_, band.time)
    assert band.time[0] >= 60
    assert band.time[-1] <= 700
    if kind == "equal-precision":
        assert (band.lower <= model.conf_lower_[rows]).all()
        assert (band.upper >= model.conf_upper_[rows]).all()
    assert (band.lower <= model.survival_[rows]).all()
    assert (band.upper >= model.survival_[rows]).all()
    assert band.critical > (1.96 if kind == "equal-precision" else 0.8)


def test_a_band_ends_where_the_curve_reaches_zero():
    model = KaplanMeier().fit(([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 1]))
    for kind in ("hall-wellner", "equal-precision"):
        band = model.confidence_band(kind)
        assert_array_equal(band.time, [1.0, 2.0, 3.0])
        assert (band.lower >= 0).all()
        assert (band.upper <= 1).all()


def test_a_band_by_its_formula():
    """Klein and Moeschberger (2003), section 4.4: plain Hall-Wellner limits."""
    data = table("lung")
    model = KaplanMeier().fit((data["time"], data["event"]))
    band = model.confidence_band("hall-wellner", conf_type="plain")
    rows = np.isin(model.time_, band.time)
    n, v = 228.0, model.std_err_log_[rows] ** 2
    half = band.critical * (1 + n * v) / np.sqrt(n) * model.survival_[rows]
    assert_allclose(band.lower, np.clip(model.survival_[rows] - half, 0, 1), rtol=1e-12)


@pytest.mark.slow
def test_coverage_of_limits_and_bands():
    rng = np.random.default_rng(5)
    limits, runs, every = 0, 4000, 4
    bands = {"hall-wellner": 0, "equal-precision": 0}
    for run in range(runs):
        time, censor = rng.exponential(size=50), rng.exponential(2.3, size=50)
        model = KaplanMeier().fit((np.minimum(time, censor), time <= censor))
        k = np.searchsorted(model.time_, 0.7, side="right") - 1
        limits += model.conf_lower_[k] <= np.exp(-0.7) <= model.conf_upper_[k]
        if run % every:
            continue
        first = model.time_[model.n_event_ > 0][0]
        for kind in bands:
            band = model.confidence_band(kind, max(0.2, first), 1.2)
            true, after = np.exp(-band.time), np.exp(-np.r_[band.time[1:], band.time[-1]])
            bands[kind] += bool((band.lower <= after).all() and (band.upper >= true).all())
    assert 0.94 <= limits / runs <= 0.965
    # 40,000 samples have 0.960 for both, with a standard error of 0.001; these have one of 0.006.
    assert min(bands.values()) * every / runs >= 0.94


# --- what may be handed in -----------------------------------------------------------------


def test_every_form_of_y_is_the_same(rng):
    pd = pytest.importorskip("pandas")
    time, event, entry = rng.random(20) + 1, rng.random(20) < 0.5, rng.random(20)
    forms = [
        (time, event, entry),
        Surv.from_arrays(event, time, entry),
        np.column_stack([time, event, entry]),
        pd.DataFrame({"event": event, "entry": entry, "time": time}),
        (list(time), list(event), list(entry)),
        (time, event.astype(np.int32), entry),
    ]
    curves = [KaplanMeier().fit(y).survival_ for y in forms]
    for curve in curves[1:]:
        assert_array_equal(curve, curves[0])
    theirs = np.array(list(zip(event, time, strict=True)), dtype=[("cens", bool), ("t", float)])
    assert_array_equal(
        KaplanMeier().fit(theirs).survival_, KaplanMeier().fit((time, event)).survival_
    )


def test_minus_infinity_is_no_late_entry():
    y = ([1.0, 2.0, 3.0], [1, 1, 0])
    plain = KaplanMeier().fit(y)
    assert_array_equal(KaplanMeier().fit((*y, [-np.inf] * 3)).survival_, plain.survival_)
    some = KaplanMeier().fit((*y, [-np.inf, -np.inf, 1.5]))
    assert_array_equal(some.n_at_risk_, [2.0, 2.0, 1.0])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (([1.0, 2.0], [1]), "time has 2 values, event has 1"),
        (([1.0, np.nan], [1, 0]), "time must be finite, got nan in record 1"),
        (([1.0, np.inf], [1, 0]), "time must be finite, got inf"),
        (([], []), "time is empty"),
        (([1.0, 2.0], [1, 2]), r"event must hold 0 and 1 .* got 1, 2. Recode it.* event == 2"),
        (([1.0, 2.0], [1.0, np.nan]), "event must hold 0 and 1"),
        (([1.0, 2.0], ["a", "b"]), "event must hold 0 and 1"),
        (([1.0, 2.0], [1, 0], [0.0, 2.0]), "exit must lie after its entry, got exit 2 and entry 2"),
        (([1.0, 2.0], [1, 0], [0.0, np.nan]), "entry must not be NaN"),
        (([1.0, 2.0], [1, 0], [0.0]), "entry has 1"),
        ((["x", "y"], [1, 0]), "time must hold numbers"),
        (([[1.0], [2.0]], [1, 0]), "time must be one-dimensional"),
    ],
)
def test_bad_records_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        KaplanMeier().fit(y)
    with pytest.raises(ValueError, match=message):
        kaplan_meier(*y[:2], entry=y[2] if len(y) == 3 else None)


def test_other_forms_of_y_are_refused():
    for y in (np.zeros(3), np.zeros((3, 4)), ([1.0],), "abc"):
        with pytest.raises(TypeError, match="y must be"):
            KaplanMeier().fit(y)


Y = ([1.0, 2.0, 3.0], [1, 0, 1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sample_weight": [1.0, -1.0, 1.0]}, r"must be finite and >= 0, got -1 in record 1"),
        ({"sample_weight": [0.0, 0.0, 0.0]}, "zero in every record"),
        ({"sample_weight": [1.0, np.nan, 1.0]}, "finite"),
        ({"sample_weight": [1.0]}, "sample_weight has 1"),
        ({"groups": ["a", None, "b"]}, "no label in record 1"),
        ({"groups": [1.0, np.nan, 2.0]}, "no label in record 1"),
        ({"groups": ["a", "", "b"]}, "no label in record 1"),
        ({"groups": [1, 2]}, "groups has 2 values"),
        ({"groups": [[1], [2], [3]]}, "one-dimensional"),
    ],
)
def test_bad_arguments_of_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        KaplanMeier().fit(Y, **arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"conf_type": "loglog"}, "conf_type must be one of 'log-log'"),
        ({"conf_level": 95}, "conf_level must lie strictly between 0 and 1, got 95"),
        ({"estimator": "kaplan"}, "estimator must be one of"),
        ({"variance": "boot"}, "variance must be one of"),
        ({"conf_lower": "low"}, "conf_lower must be one of"),
        ({"tie_tol": "R"}, "tie_tol must be 'ulp', 'r' or 0"),
        ({"start_time": 9.0}, "start_time = 9 is after the last time"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        KaplanMeier(**options).fit(Y)


def test_bad_questions_are_refused():
    model = KaplanMeier().fit(Y)
    for call, message in (
        (lambda: model.rmst(0.0), "tau must be finite and above 0"),
        (lambda: model.quantile(1.5), "q must lie between 0 and 1"),
        (lambda: model.predict([np.nan]), "times must not be NaN"),
        (lambda: model.confidence_band("wide"), "kind must be one of"),
        (lambda: model.confidence_band(t_min=0.1), "must enclose event times"),
        (lambda: model.confidence_band(group=1), "without groups"),
        (lambda: KaplanMeier().fit((Y[0], [0, 0, 0])).confidence_band(), "at least one event"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(AttributeError):
        _ = KaplanMeier().fit((*Y, [0.0, 0.0, 0.0])).event_table_


def test_an_exit_that_joins_its_entry_is_refused():
    time = np.array([1.0, 2.0])
    with pytest.raises(ValueError, match="nearly equal times"):
        KaplanMeier().fit((time, [1, 1], [0.0, np.nextafter(2.0, 0.0)]))


def test_a_risk_set_that_empties_warns_and_start_time_helps():
    y = ([1.0, 5.0, 6.0, 7.0], [1, 1, 0, 1], [0.0, 2.0, 3.0, 3.0])
    with pytest.warns(UserWarning, match="Set start_time"):
        model = KaplanMeier().fit(y)
    assert (model.survival_ == 0).all()
    later = KaplanMeier(start_time=4.0).fit(y)
    assert_allclose(later.survival_, [2 / 3, 2 / 3, 0.0])
    assert_array_equal(later.n_at_risk_, [3.0, 2.0, 1.0])


def test_estimators_are_cloned_and_pickled():
    model = KaplanMeier("log", 0.9, estimator="nelson-aalen", tie_tol=0).fit(Y, groups=[1, 1, 2])
    assert clone(model).get_params() == model.get_params()
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.flat_["survival"], model.flat_["survival"])
    assert clone(NelsonAalen("log")).conf_type == "log"
    hazard = NelsonAalen().fit(Y)
    assert_allclose(hazard.cumulative_hazard_, [1 / 3, 1 / 3, 4 / 3])
    assert_allclose(hazard.survival_, np.exp(-hazard.cumulative_hazard_))


def test_tables_give_the_curves_of_their_records(rng):
    time, event = rng.integers(1, 30, 200) / 7, rng.random(200) < 0.5
    entry = time - rng.random(200) - 0.01
    for y in ((time, event), (time, event, entry)):
        table_ = EventTable.from_records(y)
        one, other = KaplanMeier(tie_tol=0).fit(table_), KaplanMeier(tie_tol=0).fit(y)
        for name in ("time", "n_at_risk", "n_event", "survival", "conf_upper"):
            assert_allclose(one.flat_[name], other.flat_[name], rtol=1e-12)
        if len(y) == 3:
            assert_allclose(one.n_enter_, other.n_enter_)
    with pytest.raises(ValueError, match="takes no sample_weight"):
        KaplanMeier().fit(table_, [1.0])
    with pytest.raises(ValueError, match="needs the records"):
        KaplanMeier(variance="jackknife").fit(table_)
