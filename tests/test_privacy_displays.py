# SPDX-License-Identifier: BSD-3-Clause
"""Displays of private curves, errors and audits; ``taut survival --epsilon``."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
pytest.importorskip("rich")

from taut.cli import main  # noqa: E402
from taut.cli._private_survival import lung_private_report, release  # noqa: E402
from taut.datasets import load_lung  # noqa: E402
from taut.exceptions import PrivacyGuaranteeWarning  # noqa: E402
from taut.plotting import (  # noqa: E402
    InfluentialPointsDisplay,
    PrivacyAuditDisplay,
    PrivacyErrorDisplay,
    PrivateCurveDisplay,
)
from taut.privacy import (  # noqa: E402
    PrivateKaplanMeier,
    accuracy_study,
    audit_mechanism,
)
from taut.survival import KaplanMeier  # noqa: E402


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


# --- displays ------------------------------------------------------------------------------------


def test_curve_beside_the_exact_one():
    lung = load_lung()
    model = PrivateKaplanMeier(1.0, time_range=1050).fit(lung.y)
    display = PrivateCurveDisplay.from_estimator(
        model, exact=KaplanMeier().fit(lung.y), time_unit="days", random_state=0
    )
    np.testing.assert_array_equal(display.lines_[0].get_ydata(), model.survival_)
    assert display.exact_[0].get_ydata()[0] == 1.0
    assert len(display.limits_) == 1
    assert display.ax_.get_title("left") == "ε = 1, limits 95 %"
    assert display.ax_.get_xlabel() == "time (days)"
    assert display.ax_.get_legend() is not None
    alone = PrivateCurveDisplay(model, n_boot=20).plot()
    assert alone.exact_ == []
    assert alone.ax_.get_legend() is None


def test_curves_of_groups_and_what_does_not_fit():
    lung = load_lung()
    sex = lung.data[:, 0]
    model = PrivateKaplanMeier(1.0, time_range=1050, interpolation="step").fit(lung.y, sex, [1, 2])
    exact = KaplanMeier().fit(lung.y, groups=sex)
    display = PrivateCurveDisplay(model, exact=exact, names=["men", "women"], n_boot=20).plot()
    assert [line.get_label() for line in display.lines_] == ["men", "women"]
    assert display.lines_[0].get_drawstyle() == "steps-post"
    assert len(display.exact_) == 2
    with pytest.raises(ValueError, match="names has 1 names, there are 2"):
        PrivateCurveDisplay(model, names=["men"])
    with pytest.raises(ValueError, match="exact has 1 curves"):
        PrivateCurveDisplay(model, exact=KaplanMeier().fit(lung.y))
    many = PrivateKaplanMeier(1.0, time_range=1050).fit(lung.y, sex, range(9))
    with pytest.raises(ValueError, match="too many for one plot"):
        PrivateCurveDisplay(many)


def test_a_seeded_curve_says_that_nothing_is_guaranteed():
    model = PrivateKaplanMeier(1.0, time_range=1050, insecure_seed=True, random_state=0)
    with pytest.warns(PrivacyGuaranteeWarning):
        model.fit(load_lung().y)
    assert PrivateCurveDisplay(model, n_boot=20).plot().ax_.get_title("left").startswith("no guar")


def test_errors_against_epsilon():
    study = accuracy_study(load_lung().y, [0.5, 5.0], time_range=1050, n_runs=20, random_state=0)
    display = PrivacyErrorDisplay.from_study(study, marks={"abstract": (10.0, 0.04)})
    private, paper, mark = display.lines_
    assert (private.get_linestyle(), paper.get_linestyle()) == ("-", "--")
    assert paper.get_label().endswith("(no guarantee)")
    assert mark.get_label() == "abstract"
    np.testing.assert_array_equal(private.get_ydata(), study.rmse["PrivateKaplanMeier"])


def test_audit_against_what_is_allowed():
    y, other = ([1.0, 2.0, 3.0], [1, 1, 1]), ([1.0, 2.0, 3.0], [1, 1, 0])
    mechanism = PrivateKaplanMeier(1.0, grid=[0, 1, 3])
    result = audit_mechanism(mechanism, y, other, 4000, random_state=0)
    display = PrivacyAuditDisplay.from_results({"rigorous": result})
    assert display.epsilon == 1.0
    assert display.lines_[0].get_label() == f"rigorous: ε ≥ {result.epsilon_lower:.2f}"
    allowed, line = display.ax_.lines[0], display.lines_[0]
    excess = line.get_ydata() / allowed.get_ydata()
    assert excess.max() < 1.15  # up to sampling, of 2000 runs
    unknown = audit_mechanism(lambda _: [0.0], y, other, 100, lambda x: x[:, 0])
    with pytest.raises(ValueError, match="no result claims an epsilon"):
        PrivacyAuditDisplay(unknown)
    assert PrivacyAuditDisplay(unknown, epsilon=2.0).plot().epsilon == 2.0


def test_influential_points_count_the_noise():
    y = load_lung().y[:80]
    display = InfluentialPointsDisplay.from_data(y, [2.0, 20.0], random_state=0)
    removed, nobody = (line.get_ydata() for line in display.lines_)
    assert removed[0] > removed[1]
    # Of 80 pairs each; the two counts have one distribution but for what a record adds.
    assert (np.abs(removed - nobody) < 25).all()
    assert "not membership" in display.ax_.get_title("left")
    with pytest.raises(ValueError, match="equally long; got 2, 1 and 1"):
        InfluentialPointsDisplay([1.0, 2.0], [3], [3])


# --- command line --------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path):
    lung = load_lung(as_frame=True)
    frame = lung.data.assign(days=lung.y["time"], died=lung.y["event"].astype(int))
    frame["words"] = "secret-word"
    path = tmp_path / "lung.csv"
    frame.to_csv(path, index=False)
    return path


def words(table, *more):
    out = table.with_name("report.html")
    start = ["survival", table, "--time", "days", "--event", "died", "--out", out]
    return [str(w) for w in (*start, *more)], out


PRIVATE = ("--epsilon", "1", "--horizon", "1050")


def fails(capsys, arguments) -> str:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_private_report(table, capsys):
    arguments, out = words(table, *PRIVATE)
    assert main(arguments) == 0
    printed, said = capsys.readouterr()
    assert said == ""
    assert "pure 1-differential privacy" in printed
    page = out.read_text("utf-8")
    for text in ("pure 1-differential privacy", "What is guaranteed", "--epsilon 1", "228 records"):
        assert text in page
    assert "log-rank" not in page.lower()
    assert page.count("<figure>") == 1
    assert "http" not in re.sub(r'"data:image[^"]*"', "", page)


def test_private_report_by_group(table, capsys):
    arguments, out = words(table, *PRIVATE, "--group", "sex", "--group-labels", "1,2,3")
    assert main([*arguments, "--bins", "5", "--conf-level", "0.9"]) == 0
    page = out.read_text("utf-8")
    for text in ("sex = 1", "sex = 3", "Do the groups differ?", "--group-labels 1,2,3", "90 %"):
        assert text in page
    assert "5 bins" in page


def test_nothing_of_single_rows_is_told(table, capsys):
    frame = pd.read_csv(table)
    frame["days"] = frame["days"].astype(object)
    frame.loc[3, "days"], frame.loc[4, "days"] = "secret-word", None
    frame.loc[5, "days"] = 987654.321
    frame["died"] = frame["died"].astype(object)
    frame.loc[6, "died"], frame.loc[7, "died"] = "secret-word", 17
    frame["sex"] = frame["sex"].astype(object)
    frame.loc[8, "sex"], frame.loc[9, "sex"] = "secret-word", None
    frame.to_csv(table, index=False)
    arguments, out = words(table, *PRIVATE, "--group", "sex", "--group-labels", "1,2")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert main(arguments) == 0
    assert caught == []
    said = out.read_text("utf-8") + "".join(capsys.readouterr())
    for secret in ("secret-word", "987654", "987,654"):
        assert secret not in said
    assert main([*arguments[:3], "words", *arguments[4:]]) == 0
    assert "secret-word" not in out.read_text("utf-8") + "".join(capsys.readouterr())


def test_two_runs_differ(table, capsys):
    arguments, out = words(table, *PRIVATE)
    pages = []
    for _ in range(2):
        assert main(arguments) == 0
        pages.append(out.read_text("utf-8"))
    assert pages[0] != pages[1]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--epsilon", "1"), "--epsilon needs --horizon"),
        (("--horizon", "9"), "--horizon belongs to --epsilon"),
        (("--bins", "9"), "--bins belongs to --epsilon"),
        (("--group-labels", "1,2"), "--group-labels belongs to --epsilon"),
        ((*PRIVATE, "--entry", "age"), "--entry cannot be combined"),
        ((*PRIVATE, "--group", "sex"), "go together under --epsilon"),
        ((*PRIVATE, "--group-labels", "1"), "go together under --epsilon"),
        ((*PRIVATE, "--group", "sex", "--group-labels", "1,1"), "must be different labels"),
        ((*PRIVATE, "--group", "sx", "--group-labels", "1"), "did you mean 'sex'"),
        (("--epsilon", "0", "--horizon", "9"), "must be > 0"),
        (("--epsilon", "1e-9", "--horizon", "9"), "at least 2**-20"),
        (("--epsilon", "1", "--horizon", "inf"), "must be > 0 and finite"),
        ((*PRIVATE, "--bins", "0"), "between 1 and 65536"),
    ],
)
def test_one_line_for_every_mistake(table, capsys, more, message):
    arguments, out = words(table, *more)
    assert message in fails(capsys, arguments)
    assert not out.exists()


def test_labels_are_compared_as_text():
    frame = pd.DataFrame({"t": [1.0, 2.0, 3.0, 4.0], "e": [1, 1, 0, 1], "g": [1.0, 2.0, np.nan, 1]})
    model = release(frame, "t", "e", epsilon=1e9, horizon=5.0, bins=1, group="g", labels=["1", "2"])
    assert model.noisy_counts_.tolist() == [2, 0, 0, 1, 0, 0, 1]


def test_lung_study_of_the_demo():
    page = lung_private_report(n_trials=4000)
    assert page.count("<figure>") == 3
    assert "the claim does not hold" in page
    assert page.count("with 95 % confidence, claimed 1") == 2
