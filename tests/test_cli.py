# SPDX-License-Identifier: BSD-3-Clause
"""``taut fit`` and ``taut demo``: tables in, reports out, one line for every mistake."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
pytest.importorskip("rich")
pytest.importorskip("matplotlib")

from taut.cli import main  # noqa: E402
from taut.cli._errors import UsageError, near  # noqa: E402
from taut.cli._fit import Certificate, Options, fit_table  # noqa: E402
from taut.cli._html import beside, number, signed, write_atomically  # noqa: E402
from taut.cli._run import fit_command  # noqa: E402
from taut.cli._table import prepare, read_table  # noqa: E402


def small_frame(n: int = 80) -> pd.DataFrame:
    """Numbers that depend on two of five columns, with a group and an identifier."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.standard_normal((n, 5)), columns=["a", "b", "c", "d", "e"])
    frame["group"] = np.where(rng.random(n) < 0.6, "north", "south")
    frame["name"] = [f"row {i}" for i in range(n)]
    frame["y"] = 3.0 * frame["a"] - 2.0 * frame["b"] + 0.3 * rng.standard_normal(n)
    frame["two"] = np.where(frame["y"] > 0, "yes", "no")
    frame["three"] = pd.qcut(frame["y"], 3, labels=False)
    return frame


def read(frame, target, model=None, missing="median"):
    return prepare(frame, target, model=model, missing=missing)


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "table.csv"
    small_frame().drop(columns=["two", "three"]).to_csv(path, index=False)
    return path


def fails(capsys, *arguments) -> str:
    """Run, check that it ends with code 2 and one line, and return the line."""
    assert main([str(a) for a in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("taut: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    return err


# Tasks


@pytest.mark.parametrize(
    ("values", "model", "task"),
    [
        (np.linspace(0, 1, 40), None, "regression"),
        (np.arange(40), None, "regression"),
        (np.tile([0.5, 1.0, 1.5], 14)[:40], None, "regression"),
        (np.tile([0, 1], 20), None, "binary"),
        (np.tile([0.25, 0.75], 20), None, "binary"),
        (np.tile([True, False], 20), None, "binary"),
        (np.tile(["yes", "no"], 20), None, "binary"),
        (np.tile([1, 2, 3, 4], 10), None, "multiclass"),
        (np.tile(["x", "y", "z", "x"], 10), None, "multiclass"),
        (np.tile([1, 2, 3, 4], 10), "lasso", "regression"),
        (np.tile([0, 1], 20), "lasso", "regression"),
        (np.tile([0, 1], 20), "multinomial", "multiclass"),
        (np.arange(40) % 15, None, "regression"),
        (np.arange(40) % 15, "multinomial", "multiclass"),
    ],
)
def test_the_task_is_found_from_the_target(values, model, task):
    frame = pd.DataFrame({"x": np.linspace(0, 1, 40) ** 2, "target": values})
    assert read(frame, "target", model).task == task


@pytest.mark.parametrize(
    ("values", "model", "message"),
    [
        (np.ones(40), None, "one value only"),
        (np.tile(["yes", "no"], 20), "lasso", "is not a number"),
        (np.tile([1, 2, 3, 4], 10), "logistic", "--model multinomial"),
        ([f"id {i}" for i in range(40)], None, "too many for classes"),
        (np.linspace(0, 1, 40), "multinomial", "--model lasso"),
        ([np.nan] * 40, None, "every value of 'target' is missing"),
        ([np.inf, *range(39)], None, "infinite"),
    ],
)
def test_targets_that_cannot_be_predicted(values, model, message):
    frame = pd.DataFrame({"x": np.linspace(0, 1, 40), "target": values})
    with pytest.raises(UsageError, match=message):
        read(frame, "target", model)


# Features


def test_text_of_few_values_becomes_columns_and_identifiers_are_left_out():
    table = read(small_frame().drop(columns=["two", "three"]), "y")
    assert list(table.X.columns) == ["a", "b", "c", "d", "e", "group = south"]
    assert table.encoded == [("group", "north", 2)]
    assert table.left_out == [("name", "text with 80 different values, like an identifier")]
    assert table.X["group = south"].isin([0.0, 1.0]).all()


def test_counters_dates_and_empty_columns_are_left_out():
    n = 20
    frame = pd.DataFrame(
        {
            "Unnamed: 0": np.arange(n),
            "when": pd.date_range("2024-01-01", periods=n),
            "nothing": np.full(n, np.nan),
            "same": ["text"] * n,
            "flag": np.tile([True, False], n // 2),
            "y": np.linspace(0, 1, n) ** 2,
        }
    )
    table = read(frame, "y")
    assert list(table.X.columns) == ["flag"]
    assert [name for name, _ in table.left_out] == ["Unnamed: 0", "when", "nothing", "same"]
    assert table.X["flag"].dtype == np.float64


def test_a_missing_text_is_a_value_of_its_own():
    frame = pd.DataFrame({"g": ["u", "u", None, "v"] * 5, "y": np.linspace(0, 1, 20)})
    assert list(read(frame, "y").X.columns) == ["g = (missing)", "g = v"]


def test_missing_targets_are_dropped_and_counted():
    frame = small_frame()
    frame.loc[:6, "y"] = np.nan
    table = read(frame, "y")
    assert (table.n_rows_read, table.n_missing_target, table.y.size) == (80, 7, 73)


def test_rows_with_gaps_are_dropped_on_request():
    frame = small_frame()[["a", "b", "y"]].copy()
    frame.loc[[1, 5], "a"] = np.nan
    frame.loc[[5, 9], "b"] = np.inf
    table = read(frame, "y", missing="drop")
    assert (table.n_dropped_missing, table.y.size, len(table.X)) == (3, 77, 77)
    np.testing.assert_array_equal(table.y, frame["y"].drop([1, 5, 9]).to_numpy())


def test_gaps_are_filled_with_medians_of_the_training_rows():
    frame = small_frame()[["a", "b", "y"]].copy()
    frame.loc[::7, "a"] = np.nan
    table = read(frame, "y")
    result = fit_table(table, Options())
    assert result.n_filled == {"a": 12}
    train = result.X_train.index
    median = frame.loc[train, "a"].median()
    gaps = frame["a"].isna()
    for part in (result.X_train, result.X_test):
        filled = part.loc[gaps[part.index], "a"]
        assert filled.size > 0
        assert (filled == median).all()


def test_a_row_counter_must_count():
    frame = pd.DataFrame({"x": [0.0, 1.0, 2.0, 4.0] + [5.0] * 16, "y": np.linspace(0, 1, 20)})
    assert list(read(frame, "y").X.columns) == ["x"]


# Fits


def test_held_out_rows_are_stratified_and_unseen():
    frame = small_frame()
    frame["three"] = np.where(np.arange(80) < 50, "p", np.where(np.arange(80) < 70, "q", "r"))
    result = fit_table(read(frame.drop(columns=["y", "two"]), "three"), Options())
    assert sorted(result.y_test.tolist()) == ["p"] * 10 + ["q"] * 4 + ["r"] * 2
    assert not set(result.X_train.index) & set(result.X_test.index)


def test_regression_scores_beside_the_mean():
    result = fit_table(read(small_frame().drop(columns=["two", "three"]), "y"), Options())
    r2, rmse, mae = result.scores
    assert r2.value > 0.9
    assert r2.baseline <= 0.0
    error = result.y_test - result.y_train.mean()
    assert rmse.baseline == pytest.approx(np.sqrt(np.mean(error**2)))
    assert mae.baseline == pytest.approx(np.mean(np.abs(error)))
    chosen = result.X_train.columns[result.coef[0] != 0]
    assert {"a", "b"} <= set(chosen)


def test_class_scores_beside_the_commonest_class():
    frame = small_frame().drop(columns=["y", "three"])
    result = fit_table(read(frame, "two"), Options())
    accuracy, loss = result.scores
    classes, counts = np.unique(result.y_train, return_counts=True)
    assert accuracy.baseline == np.mean(result.y_test == classes[np.argmax(counts)])
    shares = counts[np.searchsorted(classes, result.y_test)] / counts.sum()
    assert loss.baseline == pytest.approx(-np.mean(np.log(shares)))
    assert accuracy.value > accuracy.baseline


def test_screening_drops_the_near_duplicate():
    frame = small_frame()[["a", "b", "c", "y"]].copy()
    frame["twin"] = frame["a"] + 1e-3 * frame["c"] + 1e-3 * np.sin(np.arange(80.0))
    result = fit_table(read(frame, "y"), Options(vif=10.0))
    assert [name for name, _ in result.screened] in (["a"], ["twin"])
    assert result.screened[0][1] > 10.0
    assert result.X_test.shape[1] == result.X_train.shape[1] == 3


def test_certificate_is_relative_to_the_null_objective():
    result = fit_table(read(small_frame()[["a", "b", "c", "y"]], "y"), Options())
    path = result.estimator.path_
    largest = np.max(path.dual_gaps) / path.null_loss
    assert result.certificate.largest_gap == pytest.approx(largest)
    assert result.certificate.holds
    assert not Certificate(2e-6, 1e-9, 1e-6, 3, 9, 4).holds


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (Options(), "lasso"),
        (Options(l1_ratio=0.5), "elasticnet"),
        (Options(l1_ratio=1.0), "lasso"),
        (Options(model="elasticnet"), "elasticnet"),
    ],
)
def test_model_of_a_regression(options, name):
    frame = small_frame()[["a", "b", "y"]]
    result = fit_table(read(frame, "y", options.model), options)
    assert result.model == name


# Mistakes: one line, exit code 2, nothing written


def test_missing_file(capsys, tmp_path, csv):
    assert "no file" in fails(capsys, "fit", tmp_path / "absent", "--target", "y")
    assert str(csv) in fails(capsys, "fit", tmp_path / "tabel.csv", "--target", "y")


def test_absent_column_lists_near_matches(capsys, tmp_path, csv):
    out = tmp_path / "r.html"
    line = fails(capsys, "fit", csv, "--target", "Y", "--out", out)
    assert "did you mean 'y'?" in line
    line = fails(capsys, "fit", csv, "--target", "grupo", "--out", out)
    assert "'group'" in line
    line = fails(capsys, "fit", csv, "--target", "zzzzzz", "--out", out)
    assert "the columns begin 'a', 'b'" in line
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "is empty"),
        ("t.csv", b"x,y\n", "has no rows"),
        ("t.csv", b"x,y\n1,2\n1,2,3,4\n", "cannot read t.csv as CSV"),
        ("t.csv", b"x,y\n\xff\xfe\x00\xd8,2\n", "not UTF-8"),
        ("t.csv", b"x;y\n1;2\n", "semicolons"),
        ("t.csv.gz", b"not compressed", "cannot read t.csv.gz as CSV"),
        ("t.parquet", b"not parquet", "cannot read t.parquet as Parquet"),
        ("t.parquet", b"", "cannot read t.parquet as Parquet"),
        ("t.xlsx", b"PK", "cannot tell what kind of table t.xlsx is"),
        ("t.csv", b"who,y\n" + b"".join(b"n%d,%d\n" % (i, i) for i in range(40)), "no usable"),
        ("t.csv", b"x,y\n" + b"".join(b"%d,7\n" % (i % 9) for i in range(40)), "one value only"),
        ("t.csv", b"x,y\n" + b"".join(b"5,%d\n" % i for i in range(40)), "no feature varies"),
        ("t.csv", b"x,y\n1,2\n2,1\n4,4\n", "y' has 3 different values|too few"),
        ("t.csv", b"y\n" + b"".join(b"%d\n" % i for i in range(40)), "no usable feature"),
    ],
)
def test_tables_that_cannot_be_used(capsys, tmp_path, name, content, message):
    table, out = tmp_path / name, tmp_path / "r.html"
    table.write_bytes(content)
    assert re.search(message, fails(capsys, "fit", table, "--target", "y", "--out", out))
    assert sorted(p.name for p in tmp_path.iterdir()) == [name]


def test_a_folder_is_not_a_table(capsys, tmp_path):
    assert "is a folder" in fails(capsys, "fit", tmp_path, "--target", "y")


def test_rare_classes(capsys, tmp_path):
    frame = small_frame()[["a", "b"]].assign(kind=["x", "y"] * 38 + ["z"] * 4)
    frame.to_csv(tmp_path / "t.csv", index=False)
    line = fails(capsys, "fit", tmp_path / "t.csv", "--target", "kind")
    assert "class 'z' of 'kind' has 4 rows" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: COMMAND"),
        (["frobnicate"], "invalid choice"),
        (["fit"], "required: TABLE, --target"),
        (["fit", "t.csv"], "required: --target"),
        (["fit", "t.csv", "--target", "y", "--cv", "1"], "must be at least 2"),
        (["fit", "t.csv", "--target", "y", "--cv", "x"], "must be a whole number"),
        (["fit", "t.csv", "--target", "y", "--vif", "1"], "must be > 1"),
        (["fit", "t.csv", "--target", "y", "--vif", "nan"], "must be > 1"),
        (["fit", "t.csv", "--target", "y", "--l1-ratio", "0"], r"must be in \(0, 1\]"),
        (["fit", "t.csv", "--target", "y", "--test-size", "1"], "between 0 and 1"),
        (["fit", "t.csv", "--target", "y", "--n-jobs", "0"], "must not be 0"),
        (["fit", "t.csv", "--target", "y", "--seed", "-1"], "between 0 and"),
        (["fit", "t.csv", "--target", "y", "--model", "ols"], "invalid choice"),
    ],
)
def test_wrong_arguments(capsys, arguments, message):
    assert re.search(message, fails(capsys, *arguments))


def test_settings_that_do_not_go_together(capsys, csv):
    assert "--grouped" in fails(capsys, "fit", csv, "--target", "y", "--grouped")
    line = fails(capsys, "fit", csv, "--target", "y", "--model", "lasso", "--l1-ratio", "0.5")
    assert "--model elasticnet" in line


def test_places_that_cannot_be_written(capsys, tmp_path, csv):
    line = fails(capsys, "fit", csv, "--target", "y", "--out", tmp_path)
    assert "is a folder" in line
    line = fails(capsys, "fit", csv, "--target", "y", "--out", csv / "sub" / "r.html")
    assert "cannot write into" in line
    assert "is a file" in fails(capsys, "demo", "--out", csv)
    assert "cannot write into" in fails(capsys, "demo", "--out", csv / "sub")


def test_a_read_only_folder(capsys, tmp_path, csv, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    line = fails(capsys, "fit", csv, "--target", "y", "--out", tmp_path / "r.html")
    assert "cannot write into" in line


def test_nothing_is_half_written_when_the_disk_is_full(capsys, tmp_path, csv, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    out = tmp_path / "sub" / "r.html"
    assert "No space left" in fails(capsys, "fit", csv, "--target", "y", "--out", out)
    assert list(out.parent.iterdir()) == []


def test_an_old_report_survives_a_failure(capsys, tmp_path, csv):
    out = tmp_path / "r.html"
    out.write_text("old", encoding="utf-8")
    fails(capsys, "fit", csv, "--target", "absent", "--out", out)
    assert out.read_text(encoding="utf-8") == "old"


def test_atomic_write_leaves_a_readable_file(tmp_path):
    path = tmp_path / "new" / "page.html"
    write_atomically(path, "café")
    assert path.read_text(encoding="utf-8") == "café"
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    assert [p.name for p in path.parent.iterdir()] == ["page.html"]


@pytest.mark.parametrize("command", ["fit", "demo"])
def test_interrupt(capsys, tmp_path, csv, monkeypatch, command):
    from taut.cli import _demo, _run

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(_run, "fit_table", interrupted)
    monkeypatch.setattr(_demo, "fit_table", interrupted)
    out = tmp_path / "out"
    arguments = ["fit", str(csv), "--target", "y"] if command == "fit" else ["demo"]
    assert main([*arguments, "--out", str(out)]) == 130
    err = capsys.readouterr().err
    assert err == "taut: stopped; no unfinished report was written\n"
    assert not out.exists()


@pytest.mark.parametrize("module", ["rich", "pandas", "matplotlib"])
def test_missing_packages_name_the_extra(capsys, csv, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    line = fails(capsys, "fit", csv, "--target", "y")
    assert f"needs {module}" in line
    assert "taut[cli]" in line


def test_as_a_program():
    run = subprocess.run(
        [sys.executable, "-m", "taut", "fit", "absent.csv", "--target", "y"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr == "taut: no file absent.csv; check the path\n"


# Reports


def self_contained(html: str) -> bool:
    """No link, script, style or picture from elsewhere."""
    sources = re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)""", html)
    outside = [s for s in sources if not s.startswith("data:")]
    assert "@import" not in html
    assert "url(" not in html
    return outside == [] and re.search("https?:", html) is None


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_report_of_a_regression(capsys, tmp_path, ending):
    table, out = tmp_path / f"table.{ending}", tmp_path / "new" / "r.html"
    frame = small_frame().drop(columns=["two", "three"])
    frame.loc[:2, "y"] = np.nan
    if ending == "csv":
        frame.to_csv(table, index=False)
    else:
        frame.to_parquet(table)
    arguments = ["fit", str(table), "--target", "y", "--vif", "10", "--out", str(out)]
    assert main([*arguments, "--no-progress"]) == 0
    stdout, stderr = capsys.readouterr()
    assert stderr == ""
    assert "Lasso for y" in stdout
    assert "Largest duality gap" in stdout
    assert str(out) in stdout
    html = out.read_text(encoding="utf-8")
    assert self_contained(html)
    headings = re.findall("<h2>(.*?)</h2>", html)
    assert headings == [
        "Chosen features",
        "On rows the model has not seen",
        "The data",
        "Screening for near-duplicate columns",
        "How strong the penalty was made",
        "How features enter the model",
        "Certificate",
        "To make this report again",
    ]
    assert html.count("data:image/svg+xml;base64,") == 4
    assert "<td>Dropped, target missing</td><td>3</td>" in html
    assert "name: text with 77 different values, like an identifier" in html
    assert "compared with north" in html
    assert "proven to be optimal" in html
    assert "Tolerance asked for" in html
    assert f"taut fit {table} --target y --vif 10.0 --out {out}" in html
    assert [p.name for p in out.parent.iterdir()] == ["r.html"]


@pytest.mark.parametrize("grouped", [False, True])
def test_report_of_three_classes(capsys, tmp_path, grouped):
    table, out = tmp_path / "t.csv", tmp_path / "r.html"
    frame = small_frame(120).drop(columns=["two", "y", "name"])
    frame["three"] = frame["three"].map({0: "low", 1: "mid", 2: "high"})
    frame.to_csv(table, index=False)
    arguments = ["fit", str(table), "--target", "three", "--out", str(out), "--cv", "3"]
    assert main(arguments + ["--grouped"] * grouped) == 0
    html = out.read_text(encoding="utf-8")
    assert self_contained(html)
    for label in ("low", "mid", "high"):
        assert f"<h3>three = {label}</h3>" in html
    assert html.count("data:image/svg+xml;base64,") == 3 + 3 + 2  # bars, paths, curve, confusion
    assert "Confusion matrix of the held-out rows" in html
    assert "Multinomial Lasso for three" in capsys.readouterr().out


def test_report_of_two_classes_names_the_positive_one(tmp_path):
    table, out = tmp_path / "t.csv", tmp_path / "r.html"
    small_frame().drop(columns=["three", "y"]).to_csv(table, index=False)
    assert main(["fit", str(table), "--target", "two", "--out", str(out), "--rule", "min"]) == 0
    html = out.read_text(encoding="utf-8")
    assert "speak for class <b>yes</b>" in html
    assert "of least cross-validated loss" in html


def test_hostile_names_are_escaped(capsys, tmp_path):
    evil = "<script>alert('x')</script>"
    frame = small_frame().rename(columns={"a": evil, "b": 'b" onload="x$', "y": evil + "y"})
    frame["group"] = frame["group"].map({"north": "<b>north", "south": "</td>south"})
    frame["name"] = "<img src=x>" + frame["name"]
    frame["\x1b[31mred"] = np.arange(80) % 7
    frame = frame.drop(columns=["two", "three"])
    table, out = tmp_path / "a<i>.csv", tmp_path / "r.html"
    frame.to_csv(table, index=False)
    assert main(["fit", str(table), "--target", evil + "y", "--out", str(out)]) == 0
    html = out.read_text(encoding="utf-8")
    for raw in ("<script", "<img src=x", "<b>north", "</td>south", "<i>", '" onload'):
        assert raw not in html
    assert "&lt;script&gt;" in html
    assert "\x1b" not in capsys.readouterr().out


def test_the_same_command_gives_the_same_page(tmp_path, csv):
    pages = []
    for _ in range(2):
        assert main(["fit", str(csv), "--target", "y", "--out", str(tmp_path / "r.html")]) == 0
        html = (tmp_path / "r.html").read_text(encoding="utf-8")
        pages.append(re.sub(r"data:image[^\"]*|in [0-9.]+ s\.", "", html))
    assert pages[0] == pages[1]


def test_demo(capsys, tmp_path):
    out = tmp_path / "reports"
    assert main(["demo", "--out", str(out), "--no-progress"]) == 0
    stdout = capsys.readouterr().out
    assert stdout.endswith(f"Open {out / 'index.html'} in a browser.\n")
    pages = {p.name for p in out.iterdir()}
    index = (out / "index.html").read_text(encoding="utf-8")
    linked = set(re.findall('href="([^"]*)"', index))
    assert linked == pages - {"index.html"}
    assert len(linked) == 11
    other = (
        "lung.html",
        "lung-private.html",
        "colors.html",
        "graph.html",
        "heat.html",
        "denoise.html",
    )
    for name in linked:
        html = (out / name).read_text(encoding="utf-8")
        assert self_contained(html)
        assert ("proven to be optimal" in html) == (name not in other)


# Small pieces


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1234567.0, "1,234,567"),
        (12.345, "12.3"),
        (0.0123456, "0.0123"),
        (-0.5, "−0.500"),
        (4.2e-7, "4.20\u00a0×\u00a010<sup>−7</sup>"),
        (float("inf"), "∞"),
        (float("nan"), "not defined"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


def test_figures_side_by_side_have_the_same_decimals():
    assert beside(0.53, -0.00177) == ("0.530", "−0.002")
    assert beside(56.52, 82.4) == ("56.5", "82.4")
    assert beside(12345.6, 9.0) == ("12,346", "9")
    assert signed(0.5) == '<span class="up">+0.500</span>'


def test_near_matches():
    known = ["Price", "price_old", "rooms", "Area"]
    assert near("price", known)[0] == "Price"
    assert near("roms", known) == ["rooms"]
    assert near("q", known) == []


def test_the_command_is_quoted_and_short():
    options = Options(vif=5.0, grouped=True, l1_ratio=0.5)
    line = fit_command("my table.csv", "a b", options, "r.html")
    assert line == (
        "taut fit 'my table.csv' --target 'a b' --l1-ratio 0.5 --grouped --vif 5.0 --out r.html"
    )


def test_reading_tab_separated_and_compressed(tmp_path):
    frame = pd.DataFrame({"x": [1, 2], "y": [3, 4]})
    frame.to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    frame.to_csv(tmp_path / "t.csv.gz", index=False)
    for name in ("t.tsv", "t.csv.gz"):
        pd.testing.assert_frame_equal(read_table(tmp_path / name), frame)
