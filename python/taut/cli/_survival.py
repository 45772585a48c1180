# SPDX-License-Identifier: BSD-3-Clause
"""``taut survival``: curves, medians and tests of a table with times and events."""

from __future__ import annotations

import argparse
import platform
import shlex
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from taut.cli._errors import UsageError, near, one_line
from taut.cli._html import (
    check_writable,
    figure_html,
    number,
    page_html,
    plural,
    table_html,
    tile_html,
    write_atomically,
)
from taut.cli._table import read_table

if TYPE_CHECKING:
    import pandas as pd

MAX_GROUPS = 8
MISSING_GROUP = "missing"


@dataclass
class SurvivalResult:
    """What the report says."""

    time: str
    event: str
    group: str | None
    y: tuple[NDArray[Any], ...]
    labels: NDArray[Any] | None
    model: Any
    test: Any
    pairs: list[Any]
    cox: Any
    cox_test: Any
    n_rows_read: int
    n_dropped: int
    names: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def run_survival(arguments: argparse.Namespace) -> None:
    """Run ``taut survival`` with parsed arguments.

    Raises
    ------
    UsageError
        If something is wrong that the user can put right. No file is left behind then.
    """
    from taut.cli._private_survival import check_options, run_private
    from taut.cli._run import require_packages

    check_options(arguments)
    require_packages()
    if arguments.epsilon is not None:
        run_private(arguments)
        return
    source, out = Path(arguments.table), Path(arguments.out)
    check_writable(out)
    result = analyse(
        read_table(source),
        arguments.time,
        arguments.event,
        arguments.group,
        arguments.entry,
        conf_level=arguments.conf_level,
    )
    words = ["taut", "survival", arguments.table, "--time", arguments.time]
    words += ["--event", arguments.event]
    for name in ("group", "entry"):
        value = getattr(arguments, name)
        words += [f"--{name}", value] if value is not None else []
    if arguments.conf_level != 0.95:
        words += ["--conf-level", f"{arguments.conf_level:g}"]
    command = shlex.join([*words, "--out", arguments.out])
    write_atomically(out, report_html(result, source=source.name, command=command))
    print_result(result, out)


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    if name not in frame.columns:
        close = near(name, frame.columns)
        shown = close or list(frame.columns[:6])
        lead, end = ("did you mean", "?") if close else ("the columns begin", "")
        raise UsageError(
            f"no column {name!r} in the table; {lead} {', '.join(map(repr, shown))}{end}"
        )
    return frame[name]


def _numbers(frame: pd.DataFrame, name: str, what: str) -> NDArray[np.float64]:
    import pandas as pd

    column = _column(frame, name)
    if not pd.api.types.is_numeric_dtype(column):
        raise UsageError(
            f"{what} {name!r} holds {one_line(column.dropna().iloc[0])!r}, not numbers"
        )
    return column.to_numpy(dtype=float, na_value=np.nan)


def analyse(
    frame: pd.DataFrame,
    time: str,
    event: str,
    group: str | None = None,
    entry: str | None = None,
    *,
    conf_level: float = 0.95,
) -> SurvivalResult:
    """Fit curves and run the tests.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
    time, event, group, entry : str
        Names of columns; rows without a time, an event flag or an entry are left out and counted.
    conf_level : float, default=0.95

    Raises
    ------
    UsageError
        If a column is absent or cannot be used.
    """
    import warnings

    from taut.survival import CoxPH, KaplanMeier, logrank_test, pairwise_logrank_test

    columns = [_numbers(frame, time, "the time column"), _numbers(frame, event, "the event column")]
    if entry is not None:
        columns.append(_numbers(frame, entry, "the entry column"))
    known = ~np.any([np.isnan(c) for c in columns], axis=0)
    if not known.any():
        raise UsageError(f"no row has both {time!r} and {event!r}")
    y = tuple(c[known] for c in columns)
    labels, names = None, ["all"]
    if group is not None:
        labels = _groups(_column(frame, group)[known], group)
        names = [str(label) for label in np.unique(labels)]
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = KaplanMeier(conf_level=conf_level).fit(y, groups=labels)
        except ValueError as error:
            hint = "; recode the column to 0 and 1" if "event must" in str(error) else ""
            raise UsageError(f"{one_line(error)}{hint}") from None
        test, pairs, cox, cox_test = None, [], None, None
        if labels is not None and len(names) > 1 and y[1].any():
            test = logrank_test(y, labels)
            pairs = pairwise_logrank_test(y, labels) if len(names) > 2 else []
            X = (labels[:, None] == np.array(names, dtype=object)[1:]).astype(float)
            cox = CoxPH(conf_level=conf_level).fit(X, y)
            cox_test = cox.proportional_hazards_test(X, y)
    notes += [one_line(w.message) for w in caught]
    return SurvivalResult(
        time,
        event,
        group,
        y,
        labels,
        model,
        test,
        pairs,
        cox,
        cox_test,
        frame.shape[0],
        int(np.count_nonzero(~known)),
        names,
        notes,
    )


def _groups(column: pd.Series, name: str) -> NDArray[Any]:
    import pandas as pd

    whole = pd.api.types.is_numeric_dtype(column) and bool((column.dropna() % 1 == 0).all())
    text = column.astype("Int64") if whole else column
    labels = text.astype(object).where(column.notna(), MISSING_GROUP).map(str).to_numpy(object)
    count = np.unique(labels).size
    if count > MAX_GROUPS:
        raise UsageError(
            f"group {name!r} has {count:,} different values, at most {MAX_GROUPS} can be compared; "
            "put them into fewer classes"
        )
    return labels


def _rows_of(result: SurvivalResult, g: int) -> NDArray[np.bool_]:
    if result.labels is None:
        return np.ones(result.y[0].size, dtype=bool)
    return np.asarray(result.labels == result.names[g])


def _limits(value: float, lower: float, upper: float) -> str:
    def text(x: float) -> str:
        return "not reached" if np.isnan(x) else number(x)

    return f"{text(value)} ({text(lower)} to {text(upper)})"


def report_html(result: SurvivalResult, *, source: str, command: str, about: str = "") -> str:
    """Return the whole page.

    Parameters
    ----------
    result : SurvivalResult
    source : str
        Name of the table, for the title.
    command : str
        The command that makes this report again.
    about : str
        A sentence on where the data come from, plain text.
    """
    title = f"{source}: survival"
    if result.group is not None:
        title += f" by {result.group}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="lead">{_lead(result)}</p>',
        f"<p>{escape(about)}</p>" if about else "",
        _tiles(result),
        _curves(result),
        _medians(result),
        _tests(result),
        _hazards(result),
        _data(result),
        f"<h2>To make this report again</h2>\n<pre><code>{escape(command)}</code></pre>",
    ]
    footer = f"Python {platform.python_version()}, NumPy {escape(np.__version__)}."
    return page_html(
        title, "\n".join(part for part in parts if part), f"Made by taut with {footer}"
    )


def _p(value: float) -> str:
    return "< 0.0001" if value < 1e-4 else number(value, 2)


def _lead(result: SurvivalResult) -> str:
    n, events = result.y[0].size, int(result.y[1].sum())
    text = f"{plural(n, 'record')}, {plural(events, 'event')}, {n - events:,} censored."
    if result.test is not None:
        differ = "differ" if result.test.p_value < 0.05 else "do not differ clearly"
        text += f" The {len(result.names)} groups {differ} (log-rank test, p {_p_equal(result)})."
    return text


def _p_equal(result: SurvivalResult) -> str:
    text = _p(result.test.p_value)
    return text if text.startswith("<") else f"= {text}"


def _tiles(result: SurvivalResult) -> str:
    tiles = []
    model = result.model
    medians = np.atleast_1d(model.median())
    lower, upper = (np.atleast_1d(v) for v in model.quantile_limits(0.5))
    for g, name in enumerate(result.names[:4]):
        what = "Median" if result.group is None else f"Median, {result.group} = {name}"
        shown = "not reached" if np.isnan(medians[g]) else number(float(medians[g]))
        tiles.append(tile_html(what, shown, _limits(medians[g], lower[g], upper[g])))
    if result.test is not None:
        tiles.append(
            tile_html(
                "Log-rank test, p",
                _p(result.test.p_value),
                f"chi-squared {number(result.test.statistic)}, "
                f"{plural(result.test.df, 'degree')} of freedom",
            )
        )
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _curves(result: SurvivalResult) -> str:
    from matplotlib.figure import Figure

    from taut.plotting import SurvivalCurveDisplay

    n = len(result.names)
    axes = Figure(figsize=(6.4, 4.0 + 0.2 * n)).subplots()
    names = None if result.group is None else [f"{result.group} = {k}" for k in result.names]
    display = SurvivalCurveDisplay.from_estimator(result.model, axes, names=names)
    axes.set_xlabel(result.time)
    level = f"{100 * result.model.conf_level:g}"
    return "<h2>Survival curves</h2>\n" + figure_html(
        display.figure_,
        "Kaplan-Meier curves",
        f"Kaplan-Meier estimates. Bands: pointwise {level} % limits on the log-log scale. Ticks: "
        "censored records. Below: how many were at risk.",
    )


def _medians(result: SurvivalResult) -> str:
    import warnings

    model = result.model
    time = result.y[0]
    horizon = min(float(time[_rows_of(result, g)].max()) for g in range(len(result.names)))
    rows = []
    quantiles = [np.atleast_2d(model.quantile([0.25, 0.5, 0.75]))]
    quantiles += [np.atleast_2d(q) for q in model.quantile_limits([0.25, 0.5, 0.75])]
    means = None
    if horizon > min(0.0, float(time.min())):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            means = [np.atleast_1d(v) for v in model.rmst(horizon)]
    for g, name in enumerate(result.names):
        own = _rows_of(result, g)
        cells = [_limits(*(q[g, k] for q in quantiles)) for k in range(3)]
        mean = "" if means is None else f"{number(means[0][g])} ± {number(means[1][g], 2)}"
        rows.append(
            (escape(name), f"{own.sum():,}", f"{int(result.y[1][own].sum()):,}", *cells, mean)
        )
    header = (result.group or "", "records", "events", "25 %", "median", "75 %", "restricted mean")
    return (
        "<h2>Times</h2>\n<p>Times by which a share of the group has had the event, with limits; "
        f"and the mean time up to {number(horizon)}, with its standard error.</p>\n"
        + table_html(header, rows, " nnnnnn")
    )


def _tests(result: SurvivalResult) -> str:
    if result.test is None:
        return ""
    rows = [
        (escape(name), number(float(o)), number(float(e)), number(float(o / e)) if e > 0 else "")
        for name, o, e in zip(result.names, result.test.observed, result.test.expected, strict=True)
    ]
    text = (
        "<h2>Do the groups differ?</h2>\n<p>Events seen in each group, and expected if all had the "
        "same hazard at every time.</p>\n"
        + table_html((result.group or "", "observed", "expected", "ratio"), rows, " nnn")
    )
    if result.pairs:
        pairs = [
            (escape(f"{p.first} and {p.second}"), number(p.statistic), _p(p.p_value),
             _p(p.p_adjusted))
            for p in result.pairs
        ]  # fmt: skip
        text += "<h3>Pairs</h3>\n" + table_html(
            ("", "chi-squared", "p", "p, adjusted (Holm)"), pairs, " nnn"
        )
    return text


def _hazards(result: SurvivalResult) -> str:
    if result.cox is None:
        return ""
    s = result.cox.summary()
    rows = [
        (
            escape(f"{name} against {result.names[0]}"),
            number(float(s["hazard_ratio"][j])),
            f"{number(float(s['lower'][j]))} to {number(float(s['upper'][j]))}",
            _p(float(s["p_value"][j])),
            _p(float(result.cox_test.p_value[j])),
        )
        for j, name in enumerate(result.names[1:])
    ]
    header = ("", "hazard ratio", "limits", "p", "p that it changes with time")
    return (
        "<h2>Hazard ratios</h2>\n<p>Cox regression on the groups alone (Efron's ties). The last "
        "column tests proportional hazards: where it is small, one ratio does not tell the whole "
        "story.</p>\n" + table_html(header, rows, " nnnn")
    )


def _data(result: SurvivalResult) -> str:
    rows = [
        ("Rows in the table", f"{result.n_rows_read:,}"),
        ("Left out, a time or event is missing", f"{result.n_dropped:,}"),
        ("Time", escape(result.time)),
        ("Event", escape(result.event)),
    ]
    notes = "".join(f"<li>{escape(note)}</li>" for note in result.notes)
    said = f"<p>Said during the analysis:</p><ul>{notes}</ul>" if notes else ""
    return "<h2>The data</h2>\n" + table_html(("", ""), rows) + said


def print_result(result: SurvivalResult, out: Path) -> None:
    """Print what was found, and where the report is."""
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console()
    n, events = result.y[0].size, int(result.y[1].sum())
    console.print(Text(f"{n:,} records, {events:,} events", style="bold"), soft_wrap=True)
    if result.n_dropped:
        console.print(
            Text(f"  left out, a time or event is missing: {result.n_dropped:,}", style="dim")
        )
    summary = RichTable(box=None, pad_edge=False, header_style="dim")
    for heading, side in (("group", "left"), ("records", "right"), ("median", "right")):
        summary.add_column(heading, justify=side)
    for heading in ("from", "to"):
        summary.add_column(heading, justify="right")
    medians = np.atleast_1d(result.model.median())
    lower, upper = (np.atleast_1d(v) for v in result.model.quantile_limits(0.5))
    for g, name in enumerate(result.names):
        summary.add_row(
            Text(one_line(name)),
            f"{_rows_of(result, g).sum():,}",
            *(_plain(v[g]) for v in (medians, lower, upper)),
        )
    console.print(summary)
    if result.test is not None:
        p = result.test.p_value
        shown = "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"
        console.print(Text(f"Log-rank test: {shown}"))
    for note in result.notes:
        console.print(Text(f"  {note}", style="dim"), soft_wrap=True)
    console.print(Text(f"Report: {out}", style="bold"), soft_wrap=True)


def _plain(value: float) -> str:
    return "not reached" if np.isnan(value) else f"{value:.4g}"


def lung_report() -> tuple[SurvivalResult, str]:
    """The lung cancer study by sex, for the demo: its result and its page."""
    from taut.datasets import load_lung

    lung = load_lung(as_frame=True)
    frame = lung.data.assign(
        days=lung.y["time"],
        death=lung.y["event"].astype(int),
        sex=np.where(lung.data["sex"] == 1, "men", "women"),
    )
    result = analyse(frame, "days", "death", "sex")
    about = (
        "228 patients with advanced lung cancer, and days until death or the last contact "
        "(Loprinzi and others 1994, North Central Cancer Treatment Group)."
    )
    page = report_html(result, source="Lung cancer", command="taut demo", about=about)
    return result, page
