# SPDX-License-Identifier: BSD-3-Clause
"""Log-rank family, concordance, prediction scores and event tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from survival_reference import close, complete, numbers, results, table

from taut.survival import (
    EventTable,
    KaplanMeier,
    bootstrap_curve,
    brier_score,
    censoring_weights,
    concordance_index,
    cumulative_dynamic_auc,
    integrated_brier_score,
    kaplan_meier,
    logrank_test,
    pairwise_logrank_test,
)

RTOL = 1e-12


# --- log-rank family ------------------------------------------------------------------------

TESTS = [
    ("lung", "diff_sex", "sex", None),
    ("lung", "diff_ecog", "ph_ecog", None),
    ("lung", "diff_sex_strata_inst", "sex", "inst"),
    ("veteran", "diff_trt", "trt", None),
    ("veteran", "diff_cell", "celltype", None),
    ("veteran", "diff_trt_strata_cell", "trt", "celltype"),
    ("ovarian", "diff_rx", "rx", None),
    ("aml", "diff_x", "maintained", None),
    ("flchain", "diff_grp", "flc_grp", None),
    ("flchain", "diff_sex", "sex", None),
]


@pytest.mark.parametrize("rho", ["rho0", "rho0.5", "rho1"])
@pytest.mark.parametrize(("name", "block", "group", "stratum"), TESTS)
def test_log_rank_is_that_of_r(name, block, group, stratum, rho):
    data = complete(name, *(c for c in (group, stratum) if c))
    ref = results(name)[block][rho]
    got = logrank_test(
        (data["time"], data["event"]),
        data[group],
        None if stratum is None else data[stratum],
        weights="fleming-harrington",
        rho=float(numbers(ref["rho"])[0]),
    )
    close([got.statistic], numbers(ref["chisq"]), 1e-11)
    close([got.p_value], numbers(ref["pvalue"]), 1e-9)
    assert got.df == numbers(ref["df"])[0]
    assert_allclose(got.covariance, numbers(ref["var"]), rtol=1e-11, atol=1e-12)
    observed, expected = numbers(ref["obs"]), numbers(ref["exp"])
    if observed.ndim == 2:  # one column for each stratum
        observed, expected = observed.sum(axis=1), expected.sum(axis=1)
    assert_allclose(got.score, observed - expected, rtol=1e-10, atol=1e-11)
    if rho == "rho0":
        close(got.observed, observed, RTOL)
        close(got.expected, expected, 1e-11)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("logrank", {"weights": "logrank"}),
        ("gehan_wilcoxon", {"weights": "gehan"}),
        ("tarone_ware", {"weights": "tarone-ware"}),
        ("peto_prentice", {"weights": "peto"}),
        ("fh_0_1", {"weights": "fleming-harrington", "gamma": 1.0}),
        ("fh_1_1", {"weights": "fleming-harrington", "rho": 1.0, "gamma": 1.0}),
        ("fh_0.5_0.5", {"weights": "fleming-harrington", "rho": 0.5, "gamma": 0.5}),
    ],
)
def test_weighted_tests_are_those_of_lifelines(name, options):
    data, ref = table("lung"), results("python_reference")["weighted_logrank_lung_by_sex"][name]
    got = logrank_test((data["time"], data["event"]), data["sex"], **options)
    assert_allclose(got.statistic, ref["statistic"], rtol=1e-11)
    assert_allclose(got.p_value, ref["p_value"], rtol=1e-9)


def test_modified_peto_by_its_definition(rng):
    time, event = rng.integers(1, 12, 80) / 7, rng.random(80) < 0.7
    group = rng.integers(0, 2, 80)
    curve, score = 1.0, 0.0
    for t in np.unique(time[event]):
        risk, died = time >= t, (time == t) & event
        n, d = risk.sum(), died.sum()
        curve *= 1 - d / (n + 1)
        score += curve * n / (n + 1) * (died[group == 0].sum() - d * risk[group == 0].sum() / n)
    got = logrank_test((time, event), group, weights="modified-peto")
    assert_allclose(got.score, [score, -score], rtol=1e-11)


def test_log_rank_of_late_entry_is_the_score_test_of_cox():
    """Without ties both are sum of O - E with the variance p (1 - p)."""
    from taut.survival import CoxPH

    rng = np.random.default_rng(3)
    exit_ = rng.permutation(50) + 2.0
    entry = exit_ - rng.integers(1, 40, 50) - 0.5
    event, group = rng.random(50) < 0.8, rng.integers(0, 2, 50).astype(float)
    y = (exit_, event, entry)
    test = logrank_test(y, group)
    cox = CoxPH().fit(group[:, None], y).score_test_
    assert_allclose(test.statistic, cox.statistic, rtol=1e-9)


def test_log_rank_does_not_see_monotone_maps_of_time(rng):
    time, event, group = rng.exponential(size=90), rng.random(90) < 0.6, rng.integers(0, 3, 90)
    one = logrank_test((time, event), group, weights="peto")
    other = logrank_test((np.log(time), event), group, weights="peto")
    assert one.statistic == other.statistic
    assert one.df == 2


def test_counts_are_repeated_records(rng):
    time, event, group = rng.integers(1, 9, 40), rng.random(40) < 0.6, rng.integers(0, 3, 40)
    count = rng.integers(1, 4, 40)
    one = logrank_test((time, event), group, sample_weight=count)
    other = logrank_test(
        (np.repeat(time, count), np.repeat(event, count)), np.repeat(group, count), n_jobs=2
    )
    assert_allclose(one.statistic, other.statistic, rtol=1e-12)


def test_groups_without_expected_events_lower_the_degrees_of_freedom():
    y = ([1.0, 2.0, 3.0, 4.0, 0.5], [1, 1, 1, 1, 0])
    got = logrank_test(y, ["a", "b", "a", "b", "gone"])
    assert got.df == 1
    assert got.expected[2] == 0
    assert_allclose(got.statistic, logrank_test(tuple(c[:4] for c in y), list("abab")).statistic)


def test_trend_of_two_groups_is_the_test_itself(rng):
    time, event, group = rng.exponential(size=60), rng.random(60) < 0.7, rng.integers(0, 2, 60)
    plain = logrank_test((time, event), group)
    trend = logrank_test((time, event), group, trend=[1.0, 5.0])
    assert_allclose(trend.statistic, plain.statistic, rtol=1e-10)
    three = logrank_test((time, event), rng.integers(0, 3, 60), trend=[0, 1, 2])
    assert three.df == 1


def test_pairs_are_tests_of_two_groups_with_holm_adjustment():
    data = table("veteran")
    y, cell, trt = (data["time"], data["event"]), data["celltype"], data["trt"]
    pairs = pairwise_logrank_test(y, cell, trt)
    assert [(p.first, p.second) for p in pairs] == [(1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)]
    for pair in pairs:
        rows = (cell == pair.first) | (cell == pair.second)
        alone = logrank_test((y[0][rows], y[1][rows]), cell[rows], trt[rows])
        assert pair.p_value == alone.p_value
    p = np.array([pair.p_value for pair in pairs])
    adjusted = np.array([pair.p_adjusted for pair in pairs])
    assert_allclose(adjusted[p.argmin()], min(1, 6 * p.min()))
    assert (adjusted >= p).all()
    assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()


def test_tables_give_the_test_of_their_records(rng):
    time, event, group = (
        rng.integers(1, 20, 120) / 7,
        rng.random(120) < 0.6,
        rng.integers(0, 3, 120),
    )
    entry = time - rng.random(120)
    for late in (False, True):
        y = (time, event, entry) if late else (time, event)
        tables = {g: EventTable.from_records(tuple(c[group == g] for c in y)) for g in (0, 1, 2)}
        for weights in ("logrank", "peto", "tarone-ware"):
            one = logrank_test(tables, weights=weights)
            other = logrank_test(y, group, weights=weights, tie_tol=0)
            assert_allclose(one.statistic, other.statistic, rtol=1e-10)


@pytest.mark.slow
def test_size_of_the_log_rank_test():
    rng = np.random.default_rng(11)
    rejected = 0
    for _ in range(4000):
        time, event = rng.exponential(size=60), rng.random(60) < 0.75
        rejected += logrank_test((time, event), np.repeat([0, 1], 30)).p_value < 0.05
    assert 0.043 <= rejected / 4000 <= 0.057


Y = ([1.0, 2.0, 3.0, 4.0], [1, 0, 1, 1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "groups must be given"),
        ({"groups": [1, 1, 1, 1]}, "at least two labels, got 1"),
        ({"groups": [1, 2]}, "groups has 2 values"),
        ({"groups": [1, 2, 1, 2], "strata": [1, 2]}, "strata has 2 values"),
        ({"groups": [1, 2, 1, 2], "weights": "wilcoxon"}, "weights must be one of"),
        ({"groups": [1, 2, 1, 2], "rho": 1.0}, "rho and gamma belong to"),
        ({"groups": [1, 2, 1, 2], "weights": "fleming-harrington", "rho": -1}, "rho must be"),
        ({"groups": [1, 2, 1, 2], "sample_weight": [0.5, 1, 1, 1]}, "whole numbers"),
        ({"groups": [1, 2, 1, 2], "trend": [1.0]}, "trend must hold 2"),
        ({"groups": [1, 2, 1, 2], "trend": [1.0, 1.0]}, "two different scores"),
    ],
)
def test_bad_arguments_of_the_log_rank_test(arguments, message):
    with pytest.raises(ValueError, match=message):
        logrank_test(Y, **arguments)


def test_log_rank_without_events_is_refused():
    for y, groups in (((Y[0], [0, 0, 0, 0]), [1, 1, 2, 2]),):
        with pytest.raises(ValueError, match="no event"):
            logrank_test(y, groups)
    none = EventTable([1.0], [0.0], [2.0])
    with pytest.raises(ValueError, match="no event"):
        logrank_test({"a": none, "b": none})
    with pytest.raises(ValueError, match="at least two tables"):
        logrank_test({"a": none})
    with pytest.raises(ValueError, match="whole numbers"):
        logrank_test({"a": none, "b": EventTable([1.0], [0.5], [1.0])})
    with pytest.raises(TypeError, match="must be an EventTable"):
        logrank_test({"a": none, "b": 3})
    with pytest.raises(ValueError, match="trend has no meaning"):
        pairwise_logrank_test(Y, [1, 1, 2, 2], trend=[1, 2])


# --- concordance ----------------------------------------------------------------------------

CONCORDANCES = [
    ("lung", "concordance_age", "age", True, ("age", "sex", "ph_ecog")),
    ("lung", "concordance_ecog", "ph_ecog", True, ("age", "sex", "ph_ecog")),
    ("veteran", "concordance_karno", "karno", False, ("karno",)),
    ("ovarian", "concordance_age", "age", True, ("age",)),
    ("aml", "concordance_x", "maintained", False, ("time",)),
    ("flchain", "concordance_age", "age", True, ("age",)),
    ("heart", "concordance_age", "age", True, ("age",)),
    ("mgus2_age", "concordance_hgb", "hgb", False, ()),
]


def check_concordance(y, score, block, high_is_risk):
    for ref in block.values():
        got = concordance_index(y, score, time_weight=ref["timewt"][0], reverse=not high_is_risk)
        close([got.statistic], numbers(ref["concordance"]), 1e-12)
        close([got.std_err**2], numbers(ref["var"]), 1e-10)
        counts = np.ravel([numbers(v) for v in ref["count"].values()])
        assert_allclose(got[2:], counts, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("name", "block", "column", "high_is_risk", "whole"), CONCORDANCES)
def test_concordance_is_that_of_r(name, block, column, high_is_risk, whole):
    data = complete(name, *whole)
    time = data.get("time", data.get("stop", data.get("exit")))
    entry = data.get("start", data.get("entry"))
    y = (time, data["event"]) if entry is None else (time, data["event"], entry)
    check_concordance(y, data[column], results(name)[block], high_is_risk)


def test_concordance_of_ties_is_that_of_r():
    raw = results("edge_cases")["concordance_ties"]
    y = (numbers(raw["time"]), numbers(raw["event"]))
    check_concordance(y, numbers(raw["x"]), raw["result"], high_is_risk=False)


@pytest.mark.parametrize(("tau", "key"), [(None, "None"), (500.0, "500.0")])
def test_unos_index_is_that_of_scikit_survival(tau, key):
    data = complete("lung", "age", "sex", "ph_ecog")
    got = concordance_index(
        (data["time"], data["event"]), data["age"], time_weight="n/G2", tau=tau, left_limit=False
    )
    assert_allclose(
        got.statistic, results("python_reference")["uno_c_lung_age"][key]["c"], rtol=1e-12
    )
    if tau is None:
        left = concordance_index((data["time"], data["event"]), data["age"], time_weight="n/G2")
        assert_allclose(left.statistic, 0.5499236549, rtol=1e-9)


@given(st.integers(0, 10_000), st.sampled_from([5, 300]), st.booleans())
def test_concordance_turns_with_the_score(seed, distinct, late):
    rng = np.random.default_rng(seed)
    n = 150
    time, event = rng.integers(1, 40, n) / 7, rng.random(n) < 0.6
    risk, weight = rng.integers(0, distinct, n), rng.random(n)
    y = (time, event, time - rng.random(n)) if late else (time, event)
    one, other = (concordance_index(y, s * risk, weight) for s in (1, -1))
    if np.isnan(one.statistic):
        assert np.isnan(other.statistic)
        return
    assert_allclose(one.statistic, 1 - other.statistic, atol=1e-12)
    assert_allclose(one.std_err, other.std_err, rtol=1e-9, atol=1e-14)
    assert_allclose([one.concordant, one.tied_risk], [other.discordant, other.tied_risk], atol=1e-9)
    order = rng.permutation(n)
    again = concordance_index(tuple(c[order] for c in y), risk[order], weight[order])
    assert_allclose(again.statistic, one.statistic, rtol=1e-12)


def test_random_scores_say_nothing(rng):
    n = 20_000
    time, event = rng.exponential(size=n), rng.random(n) < 0.6
    got = concordance_index((time, event), rng.random(n))
    assert abs(got.statistic - 0.5) < 3 * got.std_err
    assert 0.001 < got.std_err < 0.005
    best = concordance_index((time, event), time, reverse=True)
    assert best.statistic == 1.0


def test_bad_arguments_of_concordance():
    for arguments, message in (
        (([1.0, 2.0],), r"risk must have shape \(4,\), got \(2,\)"),
        (([1.0, 2.0, 3.0, np.nan],), "risk must be finite"),
    ):
        with pytest.raises(ValueError, match=message):
            concordance_index(Y, *arguments)
    with pytest.raises(ValueError, match="time_weight must be one of"):
        concordance_index(Y, [1, 2, 3, 4], time_weight="uno")
    with pytest.raises(ValueError, match="tau must not be NaN"):
        concordance_index(Y, [1, 2, 3, 4], tau=np.nan)
    assert np.isnan(concordance_index(([1.0], [1]), [0.0]).statistic)


# --- scores of predictions ------------------------------------------------------------------


@pytest.fixture
def predicted():
    data = complete("lung", "age", "sex", "ph_ecog")
    ref = results("python_reference")["prediction_scores_lung"]
    times = np.array(ref["times"])
    survival = np.exp(-times / 500 * np.exp((data["age"][:, None] - 62) / 30))
    return (data["time"], data["event"]), data["age"], survival, times, ref


def test_scores_are_those_of_scikit_survival(predicted):
    y, risk, survival, times, ref = predicted
    assert_allclose(brier_score(y, survival, times, left_limit=False), ref["brier"], rtol=1e-12)
    assert_allclose(
        integrated_brier_score(y, survival, times, left_limit=False),
        ref["integrated_brier"],
        rtol=1e-12,
    )
    got = cumulative_dynamic_auc(y, risk, times, left_limit=False)
    assert_allclose(got.auc, ref["cumulative_dynamic_auc"], rtol=1e-12)
    assert_allclose(got.mean, ref["mean_auc"], rtol=1e-12)
    wide = cumulative_dynamic_auc(y, np.repeat(risk[:, None], 7, axis=1), times, left_limit=False)
    assert_array_equal(wide.auc, got.auc)


def test_scores_without_censoring_are_plain_means(rng):
    time = rng.exponential(size=80)
    y, at = (time, np.ones(80)), np.array([0.3, 0.8, 1.5])
    survival = rng.random((80, 3))
    assert_allclose(
        brier_score(y, survival, at), np.mean((survival - (time[:, None] > at)) ** 2, axis=0)
    )
    risk = rng.integers(0, 9, 80)
    case, control = risk[time <= 0.8], risk[time > 0.8]
    pairs = np.sign(case[:, None] - control) / 2 + 0.5
    assert_allclose(cumulative_dynamic_auc(y, risk, [0.8]).auc, [pairs.mean()])


def test_censoring_weights_sum_to_the_records(rng):
    """Weighted events make the Kaplan-Meier curve: sum of w 1{T <= t} / n = 1 - S(t)."""
    time, event = rng.integers(1, 30, 200) / 7, rng.random(200) < 0.6
    weights = censoring_weights((time, event))
    assert (weights[~event] == 0).all()
    curve = kaplan_meier(time, event)
    mass = [weights[time <= t].sum() / 200 for t in curve.time]
    assert_allclose(mass, 1 - curve.survival, rtol=1e-10, atol=1e-12)
    tau = 2.0
    cut = censoring_weights((time, event), tau=tau)
    assert ((cut > 0) == (event | (time >= tau))).all()
    assert_allclose(cut.sum() / 200, 1.0, rtol=1e-10)
    reverse = censoring_weights((time, event), tie_rule="reverse")
    assert (reverse[event] <= weights[event] + 1e-12).all()


def test_bad_arguments_of_scores(predicted):
    y, risk, survival, times, _ = predicted
    for call, message in (
        (lambda: brier_score(y, survival[:, :2], times), r"survival must have shape \(227, 7\)"),
        (lambda: brier_score(y, survival + 1, times), r"probabilities in \[0, 1\]"),
        (lambda: brier_score(y, survival, times[::-1]), "strictly increasing"),
        (lambda: integrated_brier_score(y, survival[:, :1], [50.0]), "at least two times"),
        (lambda: cumulative_dynamic_auc(y, risk[:3], times), r"risk must have shape \(227,\)"),
        (lambda: brier_score((*y, y[0] - 1), survival, times), "right censoring only"),
        (
            lambda: brier_score(([1.0, 9.0], [1, 1]), [[0.1], [0.5]], [5.0], y_train=([2.0], [0])),
            "censoring curve is 0 at time 5",
        ),
        (lambda: censoring_weights(([1.0, 2.0], [0, 1]), tie_rule="first"), "tie_rule must be"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


# --- event tables ---------------------------------------------------------------------------

rows = st.lists(
    st.tuples(st.integers(1, 9), st.booleans(), st.integers(1, 5)), min_size=1, max_size=25
)


def as_y(rows):
    time, event, gap = (np.array(c, dtype=float) for c in zip(*rows, strict=True))
    return time, event, time - gap


@given(rows, rows, rows)
def test_tables_add_up(a, b, c):
    tables = [EventTable.from_records(as_y(r)) for r in (a, b, c)]
    whole = EventTable.from_records(as_y(a + b + c))
    assert (tables[0] + tables[1]) + tables[2] == whole
    assert tables[0] + (tables[1] + tables[2]) == whole
    assert tables[1] + tables[0] == tables[0] + tables[1]
    assert EventTable.from_chunks([as_y(a), tables[1], as_y(c)]) == whole
    assert EventTable.from_dict(whole.to_dict()) == whole
    assert whole.n_event.sum() + whole.n_censor.sum() == len(a + b + c)
    assert whole.n_at_risk[-1] == whole.n_event[-1] + whole.n_censor[-1]


def test_binned_tables_are_tables_of_rounded_times(rng):
    time, event = rng.uniform(0.1, 9.9, 300), rng.random(300) < 0.5
    entry = time - rng.random(300) * 3
    edges = np.linspace(0, 10, 21)
    got = EventTable.from_records((time, event)).binned(edges)
    up = edges[np.searchsorted(edges, time)]
    want = EventTable.from_records((up, event))
    assert len(got) == 20
    keep = np.isin(got.time, want.time)
    assert_array_equal(got.n_event[keep], want.n_event)
    assert got.n_event[~keep].sum() == 0
    late = EventTable.from_records((time, event, entry)).binned(edges)
    for k in (3, 10, 19):
        assert late.n_at_risk[k] == ((up >= late.time[k]) & (entry < late.time[k])).sum()
    with pytest.raises(ValueError, match="lies outside"):
        EventTable.from_records((time, event)).binned([0.0, 5.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [], []), "times must be one-dimensional and not empty"),
        (([2.0, 1.0], [1, 1], [0, 0]), "strictly increasing"),
        (([1.0], [1, 2], [0]), r"n_event has shape \(2,\)"),
        (([1.0], [-1], [2]), "n_event must be finite and >= 0"),
        (([1.0], [0], [0]), "there is no record"),
        (([1.0, 2.0], [1, 1], [0, 0], [0, 1]), "at time 2 1 leave, but 0 are at risk"),
    ],
)
def test_bad_tables_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        EventTable(*arguments)


def test_other_mistakes_with_tables():
    table_ = EventTable([1.0], [1], [0])
    with pytest.raises(TypeError, match="other must be an EventTable"):
        table_.merge(3)
    with pytest.raises(TypeError):
        _ = table_ + 3
    with pytest.raises(ValueError, match="chunks is empty"):
        EventTable.from_chunks([])
    with pytest.raises(ValueError, match="columns has no n_censor"):
        EventTable.from_dict({"time": [1.0], "n_event": [1.0]})
    with pytest.raises(ValueError, match="edges must be"):
        table_.binned([1.0])
    assert repr(table_) == "EventTable(1 times, 1 events, 0 censored)"


# --- bootstrap ------------------------------------------------------------------------------------


def test_the_bootstrap_does_not_depend_on_threads():
    data = table("heart")
    y = (data["stop"], data["event"], data["start"])
    options = {"quantiles": [0.5], "tau": 300.0, "random_state": 3}
    one, two = (bootstrap_curve(y, 50, n_jobs=jobs, **options) for jobs in (1, 2))
    assert_array_equal(one.replicates, two.replicates)
    assert_array_equal(one.quantiles, two.quantiles)
    assert_array_equal(one.rmst, two.rmst)
    assert one.replicates.shape == (50, one.time.size)
    assert not np.array_equal(one.rmst, bootstrap_curve(y, 50, tau=300.0, random_state=4).rmst)


def test_replicates_are_curves_of_drawn_records():
    """The same draws from NumPy's Philox, and the curve of the records drawn."""
    from taut._random import philox_key

    data = table("lung")
    y = (data["time"], data["event"], data["time"] - 100 - np.arange(228) % 7)
    got = bootstrap_curve(y, 3, times=[100.0, 400.0], quantiles=[0.25], tau=365.0, random_state=1)
    k0, k1 = philox_key(1)
    for b in range(3):
        words = np.random.Philox(key=[k0, k1], counter=[0, b, 0, 0]).random_raw(228)
        rows = np.array([int(w) * 228 >> 64 for w in words])
        model = KaplanMeier().fit(tuple(c[rows] for c in y))
        assert_allclose(got.replicates[b], model.predict([100.0, 400.0]), rtol=1e-12)
        assert_allclose(got.quantiles[b, 0], model.quantile(0.25))
        assert_allclose(got.rmst[b], model.rmst(365.0).mean, rtol=1e-12)


def test_bootstrap_errors_are_those_of_the_formulas():
    data = table("lung")
    y = (data["time"], data["event"])
    got = bootstrap_curve(y, 2000, times=[100.0, 365.0, 700.0], tau=365.0, random_state=0)
    model = KaplanMeier().fit(y)
    at = np.searchsorted(model.time_, got.time, side="right") - 1
    assert_allclose(got.std_err, model.std_err_[at], rtol=0.08)
    assert_allclose(got.rmst.std(), model.rmst(365.0).std_err, rtol=0.08)
    assert (got.band_lower <= got.lower + 0.01).all()
    assert (got.band_upper >= got.upper - 0.01).all()
    assert_allclose(got.survival, model.predict(got.time))


def test_bad_arguments_of_the_bootstrap():
    for options, message in (
        ({"n_boot": 1}, "n_boot must be a whole number >= 2"),
        ({"n_boot": 2.5}, "n_boot must be a whole number"),
        ({"times": [np.nan]}, "times must be"),
        ({"quantiles": [2.0]}, "quantiles must lie between 0 and 1"),
        ({"tau": 0.0}, "tau must be finite and above 0"),
        ({"conf_level": 2}, "conf_level must lie"),
    ):
        with pytest.raises(ValueError, match=message):
            bootstrap_curve(Y, **options)
    flat = bootstrap_curve(([1.0, 2.0], [0, 0]), 5)
    assert flat.time.size == 0


# --- few records, and many ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "event"),
    [
        ([2.0], [1]),
        ([2.0], [0]),
        ([1.0, 2.0, 3.0, 4.0], [0, 0, 0, 0]),
        ([2.0, 2.0, 2.0, 2.0], [1, 1, 1, 1]),
        ([2.0, 2.0, 2.0, 2.0], [1, 0, 1, 0]),
        ([2.0, 2.0, 2.0, 2.0], [0, 0, 0, 0]),
    ],
)
def test_one_record_all_censored_all_tied(time, event):
    y, n = (time, event), len(time)
    curve = KaplanMeier().fit(y)
    assert curve.survival_[-1] == 1 - np.mean(event)
    assert np.isnan(curve.median()) == (np.mean(event) < 0.5)
    seen = concordance_index(y, np.arange(n))
    pairs = seen.concordant + seen.discordant + seen.tied_risk
    assert pairs == (4 if event == [1, 0, 1, 0] else 0)
    assert np.isnan(seen.statistic) == (pairs == 0)
    assert_allclose(brier_score(y, np.full((n, 1), 0.2), [0.5]), 0.8**2)
    assert np.isnan(cumulative_dynamic_auc(y, np.arange(n), [0.5]).mean)
    assert_array_equal(censoring_weights(y), event)
    table = EventTable.from_records(y)
    assert (table + table).n_event.sum() == 2 * sum(event)
    if len(set(event)) == 1 and n > 1 and not any(event):
        with pytest.raises(ValueError, match="no event in any record"):
            logrank_test(y, np.arange(n) % 2)
    elif n > 1:
        result = logrank_test(y, np.arange(n) % 2)
        assert result.observed.sum() == sum(event)
        assert 0 < result.p_value <= 1


@pytest.mark.slow
def test_ten_million_records_are_scored():
    n = 10_000_000
    rng = np.random.default_rng(1)
    last, ends = rng.exponential(size=n), rng.exponential(2.0, size=n)
    y = (np.minimum(last, ends), last <= ends)
    assert logrank_test(y, rng.integers(0, 2, n)).p_value > 1e-4
    found = concordance_index(y, rng.standard_normal(n))
    assert abs(found.statistic - 0.5) < 4 * found.std_err < 0.002
    weights = censoring_weights(y, tau=2.0)
    assert abs(weights.mean() - 1) < 1e-3
    assert abs(np.mean(weights * np.minimum(y[0], 2.0)) - (1 - np.exp(-2.0))) < 2e-3
