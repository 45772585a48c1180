# SPDX-License-Identifier: BSD-3-Clause
"""``taut survival``: a report from a table, one line for every mistake."""

from __future__ import annotations

import re

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
pytest.importorskip("rich")
pytest.importorskip("matplotlib")

from taut.cli import main  # noqa: E402
from taut.cli._survival import lung_report  # noqa: E402
from taut.datasets import load_lung  # noqa: E402


@pytest.fixture
def table(tmp_path):
    lung = load_lung(as_frame=True)
    frame = lung.data.assign(days=lung.y["time"], died=lung.y["event"].astype(int))
    frame["started"] = frame["days"] - 30.0
    frame["name"] = [f"patient {i}" for i in range(len(frame))]
    frame.loc[[3, 7], "days"] = np.nan
    path = tmp_path / "lung.csv"
    frame.to_csv(path, index=False)
    return path


def run(table, *more):
    out = table.with_name("report.html")
    words = ["survival", table, "--time", "days", "--event", "died", "--out", out, *more]
    assert main([str(w) for w in words]) == 0
    return out.read_text("utf-8")


def fails(capsys, *words) -> str:
    assert main([str(w) for w in words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_report_of_one_sample(table, capsys):
    page = run(table)
    printed = capsys.readouterr().out
    assert "226 records" in printed
    assert "missing: 2" in printed
    assert "226 records" in page
    assert "Log-rank" not in page
    assert page.count("<figure>") == 1
    assert "http" not in re.sub(r'"data:image[^"]*"', "", page)
    assert "taut survival" in page


def test_report_by_group(table, capsys):
    page = run(table, "--group", "ph_ecog", "--conf-level", "0.9")
    assert "Log-rank test: p < 0.0001" in capsys.readouterr().out
    for text in ("Pairs", "adjusted (Holm)", "Hazard ratios", "missing", "--conf-level 0.9"):
        assert text in page
    assert "not reached" in page
    two = run(table, "--group", "sex")
    assert "Pairs" not in two
    assert "0.0014" in two or "0.0013" in two


def test_late_entry(table):
    assert "at risk" in run(table, "--entry", "started")


def test_one_line_for_every_mistake(table, capsys, tmp_path):
    words = ["survival", table, "--event", "died", "--out", tmp_path / "r.html"]
    assert "no column 'dais' in the table; did you mean 'days'?" in fails(
        capsys, *words, "--time", "dais"
    )
    assert "not numbers" in fails(capsys, *words, "--time", "name")
    assert "226 different values" in fails(capsys, *words, "--time", "days", "--group", "name")
    assert "recode the column" in fails(
        capsys, "survival", table, "--time", "days", "--event", "sex", "--out", tmp_path / "r.html"
    )
    assert "every exit must lie after its entry" in fails(
        capsys, *words, "--time", "started", "--entry", "days"
    )
    assert "must be between 0 and 1" in fails(capsys, *words, "--time", "days", "--conf-level", "3")
    frame = pd.DataFrame({"days": [np.nan, 1.0], "died": [1.0, np.nan]})
    empty = tmp_path / "empty.csv"
    frame.to_csv(empty, index=False)
    assert "no row has both" in fails(
        capsys, "survival", empty, "--time", "days", "--event", "died"
    )
    assert not (tmp_path / "r.html").exists()


def test_lung_study_of_the_demo():
    result, page = lung_report()
    assert round(result.test.p_value, 4) == 0.0013
    assert result.names == ["men", "women"]
    assert "Loprinzi" in page
