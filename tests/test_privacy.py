# SPDX-License-Identifier: BSD-3-Clause
"""Private survival curves: the guarantee in closed form, the noise, and that nothing else leaks."""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import struct
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2
from sklearn.base import clone
from sklearn.isotonic import isotonic_regression

from taut import _core
from taut.datasets import load_lung
from taut.exceptions import PrivacyBudgetExceeded, PrivacyGuaranteeWarning
from taut.privacy import PrivacyAccountant, PrivateKaplanMeier, private_event_table
from taut.privacy._curve import log_ratio
from taut.privacy._release import Design, fresh_key, read_columns
from taut.survival import EventTable, KaplanMeier, Surv

GRID = [0.0, 1.0, 2.0, 4.0]
KINDS = ("balanced_isotonic", "simplex", "gondara_wang")


def design_of(
    grid=GRID, n_groups=1, block=0, n=None, neighbors="replace_one", people=1, steps=2**20
):
    return Design(
        np.asarray(grid, dtype=float), n_groups, n_groups > 1, block, n, neighbors, people, steps
    )  # fmt: skip


def records(rng, n, n_groups):
    """Records of every kind, bad ones among them."""
    time = rng.choice([-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.9, 4.0, 4.1, np.inf, np.nan], n)
    event = rng.choice([0.0, 1.0, 2.0, np.nan], n, p=[0.4, 0.4, 0.1, 0.1])
    group = rng.integers(0, n_groups + 1, n)
    return time, event, group


def counts_of(design, time, event, group):
    labels = tuple(range(design.n_groups)) if design.other else None
    return design.counts(read_columns((time, event), group if design.other else None, labels))


def exact_model(y, grid, **options):
    """A curve whose noise is zero for all practical purposes (epsilon = 2^30)."""
    return PrivateKaplanMeier(1e9, grid=grid, **options).fit(y)


# --- the guarantee -------------------------------------------------------------------------------


@pytest.mark.parametrize("neighbors", ["replace_one", "add_remove"])
@pytest.mark.parametrize(("n_groups", "block"), [(1, 0), (1, 2), (3, 0), (3, 2)])
def test_loss_of_every_output_is_at_most_epsilon(rng, neighbors, n_groups, block):
    largest = 0.0
    for _ in range(250):
        people = int(rng.integers(1, 4))
        design = design_of(n_groups=n_groups, block=block, neighbors=neighbors, people=people,
                           steps=int(rng.integers(1, 2**23)))  # fmt: skip
        n = int(rng.integers(people, 12))
        time, event, group = records(rng, n, n_groups)
        counts = counts_of(design, time, event, group)
        if neighbors == "replace_one":
            time[:people], event[:people], group[:people] = records(rng, people, n_groups)
        else:
            time, event, group = time[people:], event[people:], group[people:]
        others = counts_of(design, time, event, group)
        y = counts + rng.integers(-4, 5, (20, design.size))
        loss = np.abs(log_ratio(design, y, counts, others))
        assert (loss <= design.epsilon + 1e-12).all()
        largest = max(largest, float(loss.max() / design.epsilon))
    assert largest > 0.99  # and the bound is reached: no noise is wasted


@pytest.mark.parametrize("block", [0, 1, 2])
def test_sensitivity_by_exhaustion(block):
    # Every data set of up to three records on two bins; a cell of each kind.
    cells = [(0.5, 1), (1.5, 1), (0.5, 0), (1.5, 0), (9.0, 1)]

    def counts(rows, neighbors):
        design = design_of([0.0, 1.0, 2.0], block=block, neighbors=neighbors)
        time, event = zip(*rows, strict=True) if rows else ((), ())
        return design, design.counts(read_columns((np.array(time, float), event), None, None))

    worst = {"replace_one": 0, "add_remove": 0}
    for rows in itertools.combinations_with_replacement(cells, 3):
        for k, other in itertools.product(range(3), cells):
            rest = [r for i, r in enumerate(rows) if i != k]
            for name, neighbor in (("replace_one", [*rest, other]), ("add_remove", rest)):
                design, here = counts(list(rows), name)
                gap = int(np.abs(here - counts(neighbor, name)[1]).sum())
                assert gap <= design.sensitivity
                worst[name] = max(worst[name], gap)
    levels = 2 if block else 1
    assert worst == {"replace_one": 2 * levels, "add_remove": levels}


def test_epsilon_is_rounded_down_and_reported():
    y = ([1.0, 2.0], [1, 0])
    for epsilon in (2.0**-20, 0.1, 1 / 3, 1.0, 7.7, 1e12):
        model = PrivateKaplanMeier(epsilon, grid=GRID).fit(y)
        assert model.epsilon_effective_ <= epsilon
        assert model.epsilon_effective_ > epsilon - 2.0**-20 or epsilon == 1e12
    assert PrivateKaplanMeier(0.5, grid=GRID).fit(y).privacy_guarantee_ == (
        "pure 0.5-differential privacy, one record replaced, number of records public"
    )
    model = PrivateKaplanMeier(
        0.5, grid=GRID, neighbors="add_remove", records_per_person=3, mechanism="tree"
    ).fit(y)
    assert model.sensitivity_ == 6
    assert model.privacy_guarantee_ == (
        "pure 0.5-differential privacy, up to 3 records added or removed, number of records private"
    )


# --- the noise -----------------------------------------------------------------------------------


def test_chacha20_is_that_of_the_rfc():
    # RFC 8439, section 2.3.2
    nonce = bytes.fromhex("000000090000004a00000000")
    block = _core.privacy_chacha20_block(bytes(range(32)), 1, nonce)
    assert block.hex() == (
        "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
        "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"
    )


def test_sampler_has_the_distribution():
    # scale 1: P(z) = tanh(1/2) e^-|z|; the key is fixed so that the test is, too.
    n = 10**6
    draws = _core.privacy_discrete_laplace(bytes(range(32)), n, 2**20, 2**20)
    p0 = 0.4621171572600098
    edges = np.arange(-8, 9)
    expected = n * p0 * np.exp(-np.abs(edges))
    tail = 0.5 * (n - expected.sum())
    seen = [(draws == z).sum() for z in edges]
    seen = np.array([(draws < -8).sum(), *seen, (draws > 8).sum()])
    expected = np.array([tail, *expected, tail])
    statistic = ((seen - expected) ** 2 / expected).sum()
    assert statistic < chi2.isf(1e-4, seen.size - 1)
    assert abs(draws.var() / 1.8413471884 - 1) < 0.01


@pytest.mark.parametrize(("s", "t"), [(1, 7), (7, 3), (2**20 + 1, 3 * 2**20), (5, 2), (40, 1)])
def test_sampler_at_other_scales(s, t):
    n = 200_000
    draws = _core.privacy_discrete_laplace(bytes([s % 251] * 32), n, s, t)
    a = np.exp(-s / t)
    edges = np.arange(-30, 31)
    expected = n * (1 - a) / (1 + a) * a ** np.abs(edges)
    keep = expected > 10
    seen = np.array([(draws == z).sum() for z in edges[keep]])
    rest = n - expected[keep].sum()
    statistic = ((seen - expected[keep]) ** 2 / expected[keep]).sum()
    statistic += (n - seen.sum() - rest) ** 2 / max(rest, 1.0)
    assert statistic < chi2.isf(1e-4, keep.sum())


def test_sampler_agrees_with_opendp():
    dp = pytest.importorskip("opendp.prelude")
    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")
    n, scale = 100_000, 2.5
    peer = np.array(dp.m.make_laplace(*space, scale=scale)([0] * n))
    ours = _core.privacy_discrete_laplace(os.urandom(32), n, 2, 5)
    edges = np.arange(-12, 13)
    a, b = (np.array([(d <= z).sum() for z in edges]) / n for d in (ours, peer))
    # Kolmogorov-Smirnov, two samples: exceeded with probability 2 exp(-4**2) = 2e-7.
    assert np.abs(a - b).max() < 4.0 * np.sqrt(1 / n)


def test_two_fits_never_share_noise():
    y = (np.full(50, 0.5), np.ones(50))
    model = PrivateKaplanMeier(0.01, grid=np.arange(30.0))
    first, second = model.fit(y).noisy_counts_, model.fit(y).noisy_counts_
    assert (first != second).mean() > 0.9


def test_a_forked_child_has_noise_of_its_own():
    y = (np.full(50, 0.5), np.ones(50))
    model = PrivateKaplanMeier(0.01, grid=np.arange(30.0)).fit(y)
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork where there are threads
        child = os.fork()
    if child == 0:
        os.write(write, model.fit(y).noisy_counts_.tobytes())
        os._exit(0)
    mine = model.fit(y).noisy_counts_
    os.waitpid(child, 0)
    theirs = np.frombuffer(os.read(read, 1 << 16), dtype=np.int64)
    os.close(read)
    os.close(write)
    assert (mine != theirs).mean() > 0.9


def test_noise_is_drawn_before_the_data_are_counted(monkeypatch):
    order = []
    noise, counts = Design.noise, Design.counts
    monkeypatch.setattr(Design, "noise", lambda *a: order.append("noise") or noise(*a))
    monkeypatch.setattr(Design, "counts", lambda *a: order.append("counts") or counts(*a))
    PrivateKaplanMeier(1.0, grid=GRID).fit(([1.0], [1]))
    assert order == ["noise", "counts"]


def test_a_seed_gives_up_the_guarantee():
    y = load_lung().y
    model = PrivateKaplanMeier(1.0, time_range=1050, random_state=0)
    with pytest.raises(ValueError, match="insecure_seed=True"):
        model.fit(y)
    model.set_params(insecure_seed=True)
    with pytest.warns(PrivacyGuaranteeWarning, match="not private"):
        first = model.fit(y).noisy_counts_
    assert model.privacy_guarantee_ is None
    with pytest.warns(PrivacyGuaranteeWarning):
        np.testing.assert_array_equal(clone(model).fit(y).noisy_counts_, first)
    # without a seed the option changes nothing
    secure = PrivateKaplanMeier(1.0, time_range=1050, insecure_seed=True).fit(y)
    assert secure.privacy_guarantee_ is not None


# --- nothing else leaks --------------------------------------------------------------------------

PLANTED = 123_456_789_123  # as a count it would be visible anywhere


def encodings(number):
    yield from (str(number).encode(), struct.pack("<q", number), struct.pack("<d", number))
    yield struct.pack(">q", number)


def test_no_exact_count_is_kept(monkeypatch):
    counts = Design.counts

    def planted(design, columns):
        exact = counts(design, columns)
        exact[:] += PLANTED
        return exact

    monkeypatch.setattr(Design, "counts", planted)
    model = PrivateKaplanMeier(0.001, grid=np.arange(40.0)).fit((np.arange(1.0, 90.0), np.ones(89)))
    noisy = model.noisy_counts_
    assert noisy.base is None or noisy.base.size == noisy.size
    exact = {PLANTED + k for k in range(90)} - set(noisy.tolist())
    stored = pickle.dumps(model) + repr(model).encode() + repr(vars(model)).encode()
    for number in exact:
        assert not any(text in stored for text in encodings(number))


def test_attributes_are_functions_of_the_noisy_counts():
    # Two data sets and one output: all that is stored is the same, parameters and all.
    rng = np.random.default_rng(3)
    a = (rng.exponential(size=80), rng.random(80) < 0.5)
    b = (rng.exponential(size=80) ** 2, rng.random(80) < 0.9)
    models = [PrivateKaplanMeier(1.0, grid=GRID).fit(y) for y in (a, b)]
    models[1]._finish(models[1]._design(80, None), None, models[0].noisy_counts_, private=True)
    assert pickle.dumps(models[0]) == pickle.dumps(models[1])
    assert set(vars(models[0])) == {
        *models[0].get_params(), "noisy_counts_", "time_", "groups_", "survival_", "n_at_risk_",
        "n_event_", "n_censor_", "n_beyond_", "epsilon_effective_", "sensitivity_", "mechanism_",
        "privacy_guarantee_", "_release_design",
    }  # fmt: skip


def test_the_grid_does_not_move_with_the_data():
    rng = np.random.default_rng(0)
    grids = []
    for scale in (1.0, 1000.0):
        y = (scale * rng.exponential(size=70), rng.random(70) < 0.5)
        grids.append(PrivateKaplanMeier(1.0, time_range=5.0).fit(y).time_)
    np.testing.assert_array_equal(*grids)
    assert grids[0][-1] == 5.0


BAD_RECORDS: list[Any] = [
    ([np.nan, 1.0], [1, 1]),
    ([np.inf, -np.inf], [1, 1]),
    ([1.0, 2.0], [7, -3]),
    ([1.0, 2.0], [np.nan, 1]),
    (["a", "2.0"], ["1", "x"]),
    ([None, 1.0], [None, True]),
    ([[1], 1.0], [1, object()]),
    ([10**400, 1], [1, 10**400]),
]


@pytest.mark.parametrize("y", BAD_RECORDS)
def test_no_record_raises_or_prints(y, capsys):
    model = PrivateKaplanMeier(1.0, grid=GRID).fit(y)
    assert model.survival_.shape == (4,)
    model.fit(tuple(np.array([*column, None], dtype=object)[:-1] for column in y), y[0], ["a", 2.0])
    assert model.survival_.shape == (2, 4)
    assert capsys.readouterr() == ("", "")


def test_bad_records_count_as_not_seen_to_leave():
    time = [np.nan, 1.0, 1.0, 1.0, np.inf, 5.0, -3.0, 0.0, -np.inf]
    event = [1.0, 1.0, np.nan, 2.0, 1.0, 0.0, 1.0, 0.0, 1.0]
    model = exact_model((time, event), GRID)
    assert model.noisy_counts_.tolist() == [3, 0, 0, 1, 0, 0, 5]


def test_messages_tell_of_shapes_only():
    """The traceback of each refusal names neither a value nor the number of records."""
    n = 98_765
    time, event = np.full(n, 54.321), np.ones(n)
    model = PrivateKaplanMeier(1.0, grid=GRID, neighbors="add_remove")
    cases: list[Any] = [
        ((time, event[:-1]), {}),
        (time, {}),
        ((time, event, time - 1), {}),
        ((time[:, None], event), {}),
        ((time, event), {"groups": time[:-1], "group_labels": [1]}),
        ((time, event), {"groups": time}),
        ((time, event), {"sample_weight": event}),
        (Surv.from_arrays(event, time, time - 1), {}),
        ([[1, 2], [3]], {}),
    ]
    for y, options in cases:
        with pytest.raises((ValueError, TypeError)) as caught:
            model.fit(y, **options)
        chain = [caught.value, caught.value.__context__, caught.value.__cause__]
        text = "".join(str(e) for e in chain if e is not None)
        for word in ("98765", "98764", "98,765", "54.3"):
            assert word not in text
        assert "54.3" not in "".join(traceback.format_exception(caught.value))


# --- bad parameters ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"epsilon": 0.0}, "epsilon must be > 0"),
        ({"epsilon": -1.0}, "epsilon must be > 0"),
        ({"epsilon": np.inf}, "finite"),
        ({"epsilon": np.nan}, "epsilon must be > 0"),
        ({"epsilon": "a"}, "epsilon must be a number"),
        ({"epsilon": 1e-7}, "at least 2\\*\\*-20"),
        ({"grid": None}, "either grid or time_range"),
        ({"time_range": 4.0}, "either grid or time_range"),
        ({"grid": "data"}, "without looking at the data"),
        ({"grid": lambda y: y}, "without looking at the data"),
        ({"grid": [0.0, 2.0, 1.0]}, "increase strictly"),
        ({"grid": [0.0, 2.0, 2.0]}, "increase strictly"),
        ({"grid": [1.0, 2.0]}, "begin with 0"),
        ({"grid": [0.0, np.inf]}, "be finite"),
        ({"grid": [0.0]}, "one-dimensional, at least 2 times"),
        ({"grid": [[0.0, 1.0]]}, "one-dimensional"),
        ({"grid": np.arange(2**16 + 2)}, "at most 65536"),
        ({"grid": None, "time_range": (0.0, 1.0, 2.0)}, "a time or \\(0, time\\)"),
        ({"grid": None, "time_range": (1.0, 2.0)}, "begin with 0"),
        ({"grid": None, "time_range": -2.0}, "increase strictly"),
        ({"grid": None, "time_range": max}, "without looking at the data"),
        ({"grid": None, "time_range": 5e-324}, "too short"),
        ({"n_bins": 4}, "n_bins belongs to time_range"),
        ({"grid": None, "time_range": 4.0, "n_bins": 0}, "n_bins must lie in"),
        ({"grid": None, "time_range": 4.0, "neighbors": "add_remove"}, "n_bins is needed"),
        ({"neighbors": "one"}, "neighbors must be one of"),
        ({"mechanism": "laplace"}, "mechanism must be one of"),
        ({"postprocess": "none"}, "postprocess must be one of"),
        ({"interpolation": "cubic"}, "interpolation must be one of"),
        ({"records_per_person": 0}, "records_per_person must lie in"),
        ({"random_state": 1}, "insecure_seed=True"),
    ],
)
def test_bad_parameters(parameters, message):
    model = PrivateKaplanMeier(**{"epsilon": 1.0, "grid": GRID, **parameters})
    with pytest.raises(ValueError, match=message):
        model.fit(([1.0], [1]))


def test_bad_types_and_groups():
    y = ([1.0, 2.0], [1, 0])
    with pytest.raises(TypeError, match="accountant must be a PrivacyAccountant"):
        PrivateKaplanMeier(1.0, GRID, accountant=1.0).fit(y)
    with pytest.raises(TypeError, match="n_bins must be an integer"):
        PrivateKaplanMeier(1.0, time_range=1.0, n_bins=2.5).fit(y)
    model = PrivateKaplanMeier(1.0, GRID)
    with pytest.raises(ValueError, match="public list of the labels"):
        model.fit(y, groups=["a", "b"])
    with pytest.raises(ValueError, match="public list of the labels"):
        model.fit(y, group_labels=["a", "b"])
    with pytest.raises(ValueError, match="must be different labels"):
        model.fit(y, ["a", "b"], ["a", "a"])
    with pytest.raises(ValueError, match="must be different labels"):
        model.fit(y, ["a", "b"], [])
    with pytest.raises(ValueError, match="weight is unbounded"):
        model.fit(y, sample_weight=[1.0, 1.0])
    with pytest.raises(ValueError, match="left truncation"):
        model.fit(([1.0], [1], [0.0]))
    with pytest.raises(ValueError, match="y is empty"):
        model.fit(([], []))
    empty = PrivateKaplanMeier(1.0, GRID, neighbors="add_remove").fit(([], []))
    assert empty.survival_[0] == 1.0


# --- from counts to curves -----------------------------------------------------------------------


def test_without_noise_it_is_the_actuarial_curve():
    lung = load_lung().y
    grid = np.linspace(0.0, 1050.0, 22)
    for options in ({}, {"mechanism": "tree"}, {"postprocess": "simplex"},
                    {"postprocess": "gondara_wang"}, {"neighbors": "add_remove"}):  # fmt: skip
        model = PrivateKaplanMeier(1e6, grid=grid, **options).fit(lung)
        table = EventTable.from_records(lung).binned(grid)
        hazard = table.n_event / np.maximum(table.n_at_risk - table.n_censor / 2, 0.5)
        expected = np.concatenate([[1.0], np.cumprod(1 - np.minimum(hazard, 1.0))])
        np.testing.assert_allclose(model.survival_, expected, rtol=1e-12)
        np.testing.assert_allclose(model.n_at_risk_, table.n_at_risk, rtol=1e-12)
        np.testing.assert_allclose(model.n_event_, table.n_event, atol=1e-9)
        assert model.predict(grid).shape == grid.shape


def test_bins_that_separate_all_times_give_the_kaplan_meier_curve():
    lung = load_lung().y
    # Censored after those who die on the same day, as the estimate has it anyway.
    time = np.where(lung["event"], lung["time"], lung["time"] + 0.5)
    y = Surv.from_arrays(lung["event"], time)
    curve = KaplanMeier().fit(y)
    model = exact_model(y, np.concatenate([[0.0], curve.time_]), mechanism="histogram")
    np.testing.assert_allclose(model.survival_[1:], curve.survival_, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(model.n_at_risk_, curve.n_at_risk_)


@given(
    epsilon=st.sampled_from([1e-4, 0.01, 0.3, 2.0, 1e6]),
    kind=st.sampled_from(KINDS),
    mechanism=st.sampled_from(["auto", "histogram", "tree"]),
    neighbors=st.sampled_from(["replace_one", "add_remove"]),
    shape=st.sampled_from(["one", "censored", "beyond", "tied", "dead", "plain"]),
    bins=st.sampled_from([1, 2, 5, 70]),
    n_groups=st.integers(0, 3),
)
def test_curves_are_curves(epsilon, kind, mechanism, neighbors, shape, bins, n_groups):
    n = 1 if shape == "one" else 30
    time = np.linspace(0.1, 3.0, n)
    event = np.arange(n) % 3 > 0
    if shape == "censored":
        event[:] = False
    if shape == "beyond":
        time += 100.0
    if shape == "tied":
        time[:] = 1.0
    if shape == "dead":
        event[:] = True
    model = PrivateKaplanMeier(epsilon, time_range=3.0, n_bins=bins, postprocess=kind,
                               mechanism=mechanism, neighbors=neighbors)  # fmt: skip
    labels = list(range(n_groups))
    model.fit((time, event), *((np.arange(n) % n_groups, labels) if n_groups else ()))
    survival = np.atleast_2d(model.survival_)
    assert survival.shape == (max(n_groups, 1), bins + 1)
    assert (survival[:, 0] == 1.0).all()
    assert ((survival >= 0) & (survival <= 1)).all()
    assert (np.diff(survival, axis=1) <= 0).all()
    if kind != "gondara_wang":
        for name in ("n_event_", "n_censor_", "n_at_risk_", "n_beyond_"):
            assert (np.asarray(getattr(model, name)) >= 0).all()
        tables = model.event_table()
        for table in tables.values() if n_groups else [tables]:
            assert len(table) == bins
    else:
        with pytest.raises(ValueError, match="negative counts"):
            model.event_table()
    limits = model.confidence_interval(n_boot=20, random_state=0)
    assert np.shape(limits.lower) == np.shape(model.survival_)
    assert (np.asarray(limits.lower) <= np.asarray(limits.upper)).all()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
def test_isotonic_regression_is_that_of_scikit_learn(values):
    ours = _core.privacy_isotonic(np.array(values))
    np.testing.assert_allclose(ours, isotonic_regression(values), rtol=1e-9, atol=1e-6)
    assert (np.diff(ours) >= 0).all()


@pytest.mark.parametrize(("bins", "block"), [(7, 0), (7, 3), (9, 3), (4, 1), (5, 8)])
def test_levels_agree_by_least_squares(rng, bins, block):
    design = design_of(np.arange(bins + 1.0), n_groups=2, block=block, n=50)
    rows = np.eye(design.n_cells, dtype=np.int64)
    A = design.measure(rows).T.astype(float)  # measurements by cells
    assert A.shape == (design.size, design.n_cells)
    truth = rng.integers(0, 5, design.n_cells) + 40
    truth[-1] += 50 - truth.sum()
    noisy = A @ truth + rng.integers(-2, 3, design.size)
    # Minimum of |A x - y|^2 given sum x = 50, by its optimality conditions.
    ones = np.ones((design.n_cells, 1))
    system = np.block([[A.T @ A, ones], [ones.T, np.zeros((1, 1))]])
    x = np.linalg.solve(system, np.append(A.T @ noisy, 50.0))[:-1]
    out = design.curves(noisy[None], "simplex")
    width = 2 * bins + 1
    for g in range(2):
        cells = x[g * width : (g + 1) * width]
        assert (cells > 0).all()  # so that nothing is projected
        np.testing.assert_allclose(out.n_event[0, g], cells[:bins], rtol=1e-10)
        np.testing.assert_allclose(out.n_censor[0, g], cells[bins:-1], rtol=1e-10)
        np.testing.assert_allclose(out.n_beyond[0, g], cells[-1], rtol=1e-10)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("n_groups", "block"), [(1, 0), (1, 3), (2, 0), (2, 3)])
def test_noise_in_the_numbers_at_risk(n_groups, block, known):
    bins = 7
    design = design_of(np.arange(bins + 1.0), n_groups=n_groups, block=block)
    A = design.measure(np.eye(design.n_cells, dtype=np.int64)).T.astype(float)
    covariance = np.linalg.inv(A.T @ A)
    if known:
        along = covariance.sum(axis=1)
        covariance -= np.outer(along, along) / along.sum()
    expected = []
    for k in range(bins):
        left = np.zeros(design.n_cells)
        left[[*range(k, bins), *range(bins + k, 2 * bins + 1)]] = 1.0
        expected.append(left @ covariance @ left)
    found = _core.privacy_at_risk_variance(bins, n_groups, n_groups > 1, block, known)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_variance_of_the_noise():
    design = design_of(steps=2**20)  # rate 1/2
    draws = np.arange(-2000, 2001)
    weights = np.exp(-0.5 * np.abs(draws))
    assert design.variance == pytest.approx((weights * draws**2).sum() / weights.sum())
    assert design_of(steps=2**50).variance == 0.0


def test_rows_and_threads_do_not_matter(rng):
    design = design_of(np.arange(20.0), n_groups=3, block=4)
    noisy = rng.integers(-5, 20, (500, design.size)).astype(float)
    for kind in KINDS:
        arguments = (noisy, design.n_bins, 3, True, 4, 300.0, 7.0, kind)
        one, two = (_core.privacy_curves(*arguments, n_threads=k) for k in (1, 4))
        row = _core.privacy_curves(noisy[77:78].copy(), *arguments[1:])
        for a, b, c in zip(one, two, row, strict=True):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(a[77], c[0])


def test_counting_agrees_with_searchsorted(rng):
    n = 300_000
    for grid in (
        np.linspace(0, 3, 65),
        np.concatenate([[0], np.sort(rng.exponential(size=200))]),
        np.concatenate([[0], np.geomspace(1e-12, 3, 300)]),
        np.array([0.0, 1e-310]),
        np.array([0.0, np.nextafter(1, 0), 1.0, np.nextafter(1, 2)]),
    ):
        bins = grid.size - 1
        time = np.concatenate([rng.exponential(size=n), grid, np.nextafter(grid, 9), [np.nan]])
        event = rng.integers(0, 4, time.size).astype(np.uint8)
        group = rng.integers(0, 3, time.size, dtype=np.int32)
        k = np.clip(np.searchsorted(grid, time, side="left") - 1, 0, bins)
        k[np.isnan(time) | (time > grid[-1]) | (event > 1)] = bins
        expected = []
        for g in range(2):
            for status in (1, 0):
                own = (group == g) & (event == status)
                expected.append(np.bincount(k[own], minlength=bins + 1)[:bins])
            expected.append([((group == g) & (k == bins)).sum()])
        expected.append([(group == 2).sum()])
        counts = [_core.privacy_count_cells(time, event, group, grid, 2, t) for t in (1, 3)]
        np.testing.assert_array_equal(counts[0], np.concatenate(expected))
        np.testing.assert_array_equal(counts[0], counts[1])


# --- groups, readings, uncertainty ---------------------------------------------------------------


def test_groups_cost_what_one_costs_and_labels_are_names():
    lung = load_lung()
    sex = lung.data[:, 0]
    named = np.where(sex == 1, "men", "women").astype(object)
    named[5], named[6] = None, "unheard of"
    models = []
    for groups, labels in ((sex, [1, 2]), (named, ["men", "women"])):
        model = PrivateKaplanMeier(1.0, time_range=1050, insecure_seed=True, random_state=3)
        with pytest.warns(PrivacyGuaranteeWarning):
            models.append(model.fit(lung.y, groups, labels))
    assert models[0].sensitivity_ == 2
    assert models[0].epsilon_effective_ == 1.0
    assert models[1].groups_ == ("men", "women")
    gap = np.abs(models[0].noisy_counts_ - models[1].noisy_counts_)
    assert gap.sum() == 4  # the two records of no listed group moved to its cell
    assert gap[-1] == 2
    renamed = PrivateKaplanMeier(1.0, time_range=1050, insecure_seed=True, random_state=3)
    with pytest.warns(PrivacyGuaranteeWarning):
        renamed.fit(lung.y, np.where(sex == 1, "x", "y"), ["x", "y"])
    np.testing.assert_array_equal(renamed.survival_, models[0].survival_)


def test_readings_of_the_curve():
    time = np.repeat([0.5, 1.5, 3.0, 9.0], [10, 10, 10, 10])
    y = (time, np.ones(40))
    model = exact_model(y, GRID)
    np.testing.assert_allclose(model.survival_, [1.0, 0.75, 0.5, 0.25])
    np.testing.assert_allclose(
        model.predict([-1, 0, 0.5, 2, 3, 4]), [1, 1, 0.875, 0.5, 0.375, 0.25]
    )
    assert np.isnan(model.predict([4.1])).all()
    assert model.median() == pytest.approx(2.0)
    np.testing.assert_allclose(model.quantile([0.0, 0.125, 0.75, 0.9]), [0.0, 0.5, 4.0, np.nan])
    assert model.rmst(4.0) == pytest.approx(0.875 + 0.625 + 2 * 0.375)
    assert model.rmst() == model.rmst(4.0)
    step = exact_model(y, GRID, interpolation="step")
    np.testing.assert_allclose(step.predict([0.5, 1.0, 1.5, 4.0]), [1.0, 0.75, 0.75, 0.25])
    assert step.median() == 2.0
    assert step.rmst(3.0) == pytest.approx(1.0 + 0.75 + 0.5)
    groups = exact_model(y, GRID)
    groups.fit(y, np.arange(40) % 2, [0, 1])
    assert groups.median().shape == (2,)
    assert groups.quantile([0.2, 0.4]).shape == (2, 2)
    assert groups.rmst(1.0).shape == (2,)
    assert groups.predict([1.0, 2.0, 3.0]).shape == (2, 3)
    table = private_event_table(y, 1e9, grid=GRID)
    assert table.n_event.sum() == pytest.approx(30)
    assert table.n_at_risk.tolist() == pytest.approx([40, 30, 20])
    with pytest.raises(ValueError, match="tau must lie"):
        model.rmst(4.5)
    with pytest.raises(ValueError, match="q must lie"):
        model.quantile(1.5)
    with pytest.raises(ValueError, match="not NaN"):
        model.predict([np.nan])


def test_limits_cover_the_true_curve():
    rng = np.random.default_rng(1)
    grid = np.linspace(0, 2, 13)
    true = np.exp(-grid)
    hits, median = [], []
    for _ in range(300):
        event, gone = rng.exponential(size=500), rng.exponential(2.0, size=500)
        model = PrivateKaplanMeier(1.0, grid=grid, insecure_seed=True, random_state=rng)
        with pytest.warns(PrivacyGuaranteeWarning):
            model.fit((np.minimum(event, gone), event <= gone))
        limits = model.confidence_interval(n_boot=199, random_state=rng)
        hits.append((limits.lower <= true) & (true <= limits.upper))
        median.append(limits.median[0] <= np.log(2) <= limits.median[1])
    assert 0.92 <= np.mean(hits) <= 0.975
    assert 0.91 <= np.mean(median) <= 0.985
    basic = model.confidence_interval(n_boot=199, method="basic")
    assert ((basic.lower >= 0) & (basic.upper <= 1)).all()


def test_logrank_test_holds_its_level_and_finds_a_difference():
    rng = np.random.default_rng(2)
    p = {1.0: [], 2.5: []}
    for ratio, values in p.items():
        for _ in range(80 if ratio == 1.0 else 20):
            group = np.arange(600) % 2
            event = rng.exponential(np.where(group == 1, ratio, 1.0))
            gone = rng.exponential(2.0, size=600)
            model = PrivateKaplanMeier(0.5, time_range=2.0, insecure_seed=True, random_state=rng)
            with pytest.warns(PrivacyGuaranteeWarning):
                model.fit((np.minimum(event, gone), event <= gone), group, [0, 1])
            values.append(model.logrank_test(99, rng).p_value)
    # 80 tests of level 0.1: beyond 16 rejections with probability below 0.003
    assert (np.array(p[1.0]) <= 0.1).sum() <= 16
    assert 0.35 < np.mean(p[1.0]) < 0.65
    assert np.mean(p[2.5]) < 0.05
    with pytest.raises(ValueError, match="two groups"):
        PrivateKaplanMeier(1.0, GRID).fit(([1.0], [1])).logrank_test()


# --- accounting ----------------------------------------------------------------------------------


def test_a_budget_stops_before_anything_is_drawn(monkeypatch):
    budget = PrivacyAccountant(1.5)
    y = ([1.0, 2.0], [1, 0])
    model = PrivateKaplanMeier(1.0, GRID, accountant=budget).fit(y)
    assert budget.epsilon_spent == 1.0

    def never(*_):
        raise AssertionError("noise was drawn, or data counted")

    monkeypatch.setattr(os, "urandom", never)
    monkeypatch.setattr(Design, "counts", never)
    before = model.noisy_counts_
    with pytest.raises(PrivacyBudgetExceeded, match="Nothing was released"):
        clone(model).fit(y)  # a clone spends the same budget
    assert model.noisy_counts_ is before
    assert budget.charges == ((1.0, "PrivateKaplanMeier"),)


def test_accountant_adds_up():
    budget = PrivacyAccountant(1.0)
    for _ in range(10):
        budget.charge(0.1, "a tenth")
    assert budget.epsilon_left == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(PrivacyBudgetExceeded):
        budget.charge(1e-6)
    rho, epsilon = budget.as_zcdp(1e-6)
    assert rho == pytest.approx(0.05)
    assert epsilon == pytest.approx(0.05 + 2 * np.sqrt(0.05 * np.log(1e6)))
    assert repr(budget) == "PrivacyAccountant(1, spent=1)"
    assert pickle.loads(pickle.dumps(budget)).epsilon_spent == budget.epsilon_spent
    shared = PrivacyAccountant(1.0)

    def spend(_):
        with contextlib.suppress(PrivacyBudgetExceeded):
            shared.charge(0.01)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(spend, range(400)))
    assert len(shared.charges) == 100
    for wrong in (0.0, -1.0, np.nan, np.inf, "much"):
        with pytest.raises(ValueError, match="epsilon"):
            PrivacyAccountant(wrong)
        with pytest.raises(ValueError, match="epsilon"):
            budget.charge(wrong)
    with pytest.raises(ValueError, match="delta"):
        budget.as_zcdp(1.0)


def test_a_key_of_the_system_is_never_the_same():
    assert len({fresh_key() for _ in range(100)}) == 100
    assert fresh_key(np.random.default_rng(0)) == fresh_key(np.random.default_rng(0))
