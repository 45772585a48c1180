# SPDX-License-Identifier: BSD-3-Clause
"""``taut survival --epsilon``: a report that may be published, because it is private.

Nothing of the table reaches the report or the terminal but names of columns, the number of rows and
what was computed from noisy counts. In particular there are no warnings on single rows.
"""

from __future__ import annotations

import argparse
import platform
import shlex
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

# Of the bootstrap, which hides nothing: the page and the terminal show the same limits.
LIMITS_SEED = 0
MAX_ROWS = 20
ONLY_PRIVATE = {"horizon": "--horizon", "bins": "--bins", "group_labels": "--group-labels"}


def check_options(arguments: argparse.Namespace) -> None:
    """Complain about options that do not go together, before the table is read.

    Raises
    ------
    UsageError
    """
    if arguments.epsilon is None:
        for name, option in ONLY_PRIVATE.items():
            if getattr(arguments, name) is not None:
                raise UsageError(f"{option} belongs to --epsilon")
        return
    if arguments.horizon is None:
        raise UsageError(
            "--epsilon needs --horizon, the end of the curve, chosen without looking at the data: "
            "the planned length of follow-up, say"
        )
    if arguments.entry is not None:
        raise UsageError("--entry cannot be combined with --epsilon")
    if (arguments.group is None) != (arguments.group_labels is None):
        raise UsageError(
            "--group and --group-labels A,B,... go together under --epsilon: which groups there "
            "are must not be taken from the data"
        )


def run_private(arguments: argparse.Namespace) -> None:
    """Run ``taut survival --epsilon`` with parsed and checked arguments.

    Raises
    ------
    UsageError
        If something is wrong that the user can put right. No file is left behind then, and no
        privacy is spent.
    """
    source, out = Path(arguments.table), Path(arguments.out)
    check_writable(out)
    frame = read_table(source)
    labels = None
    if arguments.group_labels is not None:
        labels = [label.strip() for label in arguments.group_labels.split(",")]
    model = release(
        frame,
        arguments.time,
        arguments.event,
        epsilon=arguments.epsilon,
        horizon=arguments.horizon,
        bins=arguments.bins,
        group=arguments.group,
        labels=labels,
    )
    page = report_html(
        model,
        source=source.name,
        command=_command(arguments),
        time=arguments.time,
        event=arguments.event,
        group=arguments.group,
        n_rows=len(frame),
        level=arguments.conf_level,
    )
    write_atomically(out, page)
    _print_result(model, arguments.conf_level, out)


def _command(arguments: argparse.Namespace) -> str:
    words = ["taut", "survival", arguments.table, "--time", arguments.time]
    words += ["--event", arguments.event, "--epsilon", f"{arguments.epsilon:g}"]
    words += ["--horizon", f"{arguments.horizon:g}"]
    words += ["--bins", str(arguments.bins)] if arguments.bins is not None else []
    if arguments.group is not None:
        words += ["--group", arguments.group, "--group-labels", arguments.group_labels]
    if arguments.conf_level != 0.95:
        words += ["--conf-level", f"{arguments.conf_level:g}"]
    return shlex.join([*words, "--out", arguments.out])


def release(
    frame: pd.DataFrame,
    time: str,
    event: str,
    *,
    epsilon: float,
    horizon: float,
    bins: int | None = None,
    group: str | None = None,
    labels: list[str] | None = None,
) -> Any:
    """Fit a private curve to columns of a table.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
    time, event, group : str
        Names of columns. Every row counts; what is missing or no number was not seen to leave.
    epsilon, horizon, bins, labels
        Public parameters; see :class:`~taut.privacy.PrivateKaplanMeier`.

    Returns
    -------
    PrivateKaplanMeier
    """
    from taut.privacy import PrivateKaplanMeier

    model = PrivateKaplanMeier(epsilon, time_range=horizon, n_bins=bins)
    y = _numbers(frame, time), _numbers(frame, event)
    try:
        if group is None:
            return model.fit(y)
        return model.fit(y, [_text(v) for v in _column(frame, group).tolist()], labels)
    except ValueError as error:  # of public parameters: single records raise nothing
        reason = one_line(error)
    raise UsageError(reason)


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    if name not in frame.columns:
        close = near(name, frame.columns)
        hint = f"; did you mean {', '.join(map(repr, close))}?" if close else ""
        raise UsageError(f"no column {name!r} in the table{hint}")
    return frame[name]


def _numbers(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    import pandas as pd

    column = pd.to_numeric(_column(frame, name), errors="coerce")
    return column.to_numpy(dtype=float, na_value=np.nan)


def _text(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)


def _names(model: Any) -> list[str]:
    return ["all"] if model.groups_ is None else [str(label) for label in model.groups_]


def _number(value: float) -> str:
    return "not reached" if np.isnan(value) else number(value)


def report_html(
    model: Any,
    *,
    source: str,
    command: str,
    time: str,
    event: str,
    n_rows: int,
    group: str | None = None,
    level: float = 0.95,
    about: str = "",
    exact: Any = None,
    extra_html: str = "",
) -> str:
    """Return the whole page.

    Parameters
    ----------
    model : PrivateKaplanMeier
        Fitted.
    source, command, time, event, group : str
        What the page names.
    n_rows : int
        Public.
    level : float, default=0.95
        Of the limits.
    about : str
        A sentence on where the data come from, plain text.
    exact : KaplanMeier, optional
        Drawn beside the private curve, for data that need no protection.
    extra_html : str
        Goes before the section on the data.
    """
    from matplotlib.figure import Figure

    from taut.plotting import PrivateCurveDisplay

    names = _names(model)
    axes = Figure(figsize=(6.4, 4.2)).subplots()
    shown = None if group is None else [f"{group} = {name}" for name in names]
    display = PrivateCurveDisplay(
        model, exact=exact, names=shown, level=level, random_state=LIMITS_SEED
    ).plot(axes)
    axes.set_xlabel(time)
    bounds = display.bounds
    title = f"{source}: private survival" + (f" by {group}" if group is not None else "")
    epsilon = f"{model.epsilon_effective_:g}"
    percent = f"{100 * level:g}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="lead">{plural(n_rows, "record")}, {escape(model.privacy_guarantee_)}.</p>',
        f"<p>{escape(about)}</p>" if about else "",
        _tiles(model, bounds, names, group, percent),
        "<h2>Survival curves</h2>\n"
        + figure_html(
            axes.figure,
            "Private survival curves",
            f"Curves from noisy counts in {plural(model.time_.size - 1, 'bin')}. Bands: pointwise "
            f"{percent} % limits that count both the sample and the noise."
            + (" Dashed: without noise, as only public data allow." if exact is not None else ""),
        ),
        _guarantee(epsilon),
        _comparison(model),
        _values(model, bounds, names, group),
        extra_html,
        "<h2>The data</h2>\n"
        + table_html(
            ("", ""),
            [
                ("Records, all counted", f"{n_rows:,}"),
                ("Time", escape(time)),
                ("Event", f"{escape(event)} = 1; censored = 0; else not seen to leave"),
                ("End of the curve", number(float(model.time_[-1]))),
            ],
        ),
        "<h2>To make a report like this</h2>\n"
        f"<pre><code>{escape(command)}</code></pre>\n"
        f"<p>Another run draws other noise, and spends another {epsilon}: what is told about the "
        "same people adds up.</p>",
    ]
    footer = f"Python {platform.python_version()}, NumPy {escape(np.__version__)}."
    return page_html(
        title, "\n".join(part for part in parts if part), f"Made by taut with {footer}"
    )


def _tiles(model: Any, bounds: Any, names: list[str], group: str | None, percent: str) -> str:
    tiles = [tile_html("Epsilon", f"{model.epsilon_effective_:g}", "smaller is more private")]
    medians = np.atleast_1d(model.median())
    lower, upper = (np.atleast_1d(v) for v in bounds.median)
    for g, name in enumerate(names[:4]):
        what = "Median" if group is None else f"Median, {group} = {name}"
        beside = f"{percent} %: {_number(lower[g])} to {_number(upper[g])}"
        tiles.append(tile_html(what, _number(medians[g]), beside))
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _guarantee(epsilon: str) -> str:
    with np.errstate(over="ignore"):
        factor = number(float(np.exp(float(epsilon))))
    return (
        "<h2>What is guaranteed</h2>\n"
        "<p>Had any one record been another one, every possible page would have come out with a "
        f"probability at most e<sup>{epsilon}</sup> = {factor} times larger or smaller. This "
        "holds whatever a reader knows already, and for one record a person. It does not make the "
        "number of records secret, and not what is true of people at large.</p>"
    )


def _comparison(model: Any) -> str:
    if model.groups_ is None or len(model.groups_) < 2:
        return ""
    test = model.logrank_test()
    return (
        "<h2>Do the groups differ?</h2>\n"
        f"<p>p = {number(test.p_value, 2)}, by {test.n_sim:,} simulated releases of groups with "
        "one hazard, noise included. It was computed from the released counts and cost no more "
        "privacy.</p>"
    )


def _values(model: Any, bounds: Any, names: list[str], group: str | None) -> str:
    survival, lower, upper, at_risk = (
        np.atleast_2d(v) for v in (model.survival_, bounds.lower, bounds.upper, model.n_at_risk_)
    )
    last = model.time_.size - 1
    keep = np.unique(np.linspace(1, last, min(last, MAX_ROWS)).round().astype(int))
    text = "<h2>Values</h2>\n<p>At risk: estimated, at the start of the bin.</p>\n"
    for g, name in enumerate(names):
        rows = [
            (
                number(float(model.time_[k])),
                f"{max(at_risk[g, k - 1], 0.0):,.0f}",
                f"{survival[g, k]:.3f}",
                f"{lower[g, k]:.3f} to {upper[g, k]:.3f}",
            )
            for k in keep
        ]
        text += f"<h3>{escape(group)} = {escape(name)}</h3>\n" if group is not None else ""
        text += table_html(("time", "at risk", "survival", "limits"), rows, "nnnn")
    return text


def _print_result(model: Any, level: float, out: Path) -> None:
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console()
    console.print(Text(model.privacy_guarantee_, style="bold"), soft_wrap=True)
    bounds = model.confidence_interval(level, random_state=LIMITS_SEED)
    summary = RichTable(box=None, pad_edge=False, header_style="dim")
    summary.add_column("group")
    for heading in ("median", "from", "to"):
        summary.add_column(heading, justify="right")
    columns = [np.atleast_1d(v) for v in (model.median(), *bounds.median)]
    for g, name in enumerate(_names(model)):
        cells = ["not reached" if np.isnan(v[g]) else f"{v[g]:.4g}" for v in columns]
        summary.add_row(Text(one_line(name)), *cells)
    console.print(summary)
    console.print(Text(f"Report: {out}", style="bold"), soft_wrap=True)


EPSILONS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0)


def lung_private_report(n_trials: int = 20_000) -> str:
    """The lung cancer study as a private report, with what only public data allow to show.

    Parameters
    ----------
    n_trials : int, default=20000
        Runs of the audits on each data set.
    """
    from taut.datasets import load_lung
    from taut.privacy import PrivateKaplanMeier
    from taut.survival import KaplanMeier

    lung = load_lung(as_frame=True)
    model = PrivateKaplanMeier(1.0, time_range=1050).fit(lung.y)
    return report_html(
        model,
        source="Lung cancer",
        command="taut demo",
        time="days",
        event="death",
        n_rows=lung.y.size,
        about="The survival of the lung report as it could be published if it were confidential, "
        "beside the exact curve, which then could not.",
        exact=KaplanMeier().fit(lung.y),
        extra_html=_error_html(lung.y) + _audit_html(lung.y, n_trials),
    )


def _error_html(y: Any) -> str:
    from matplotlib.figure import Figure

    from taut.plotting import PrivacyErrorDisplay
    from taut.privacy import accuracy_study

    study = accuracy_study(y, EPSILONS, time_range=1050, random_state=0)
    axes = Figure(figsize=(6.4, 4.0)).subplots()
    marks = {"0.04 at 10, abstract of arXiv 2412.05164": (10.0, 0.04)}
    PrivacyErrorDisplay(study, marks=marks).plot(axes)
    rows = [
        (f"{epsilon:g}", *(f"{errors[k]:.4f}" for errors in study.rmse.values()))
        for k, epsilon in enumerate(study.epsilons)
    ]
    return (
        "<h2>Error against epsilon</h2>\n"
        + figure_html(
            axes.figure,
            "Root-mean-square error against epsilon",
            f"Means and 90 % ranges over {study.n_runs} releases. Dashed: Laplace noise by time "
            "index on the curve, a published mechanism that does not keep its epsilon.",
        )
        + table_html(("epsilon", *study.rmse), rows, "nnn")
    )


def _audit_html(y: Any, n_trials: int) -> str:
    from matplotlib.figure import Figure

    from taut.plotting import PrivacyAuditDisplay
    from taut.privacy import (
        PrivateKaplanMeier,
        TimeIndexedLaplaceKaplanMeier,
        audit_mechanism,
    )

    other = y.copy()
    last = int(y["time"].argmax())
    other["event"][last] = not y["event"][last]
    mechanisms = {
        "PrivateKaplanMeier": PrivateKaplanMeier(1.0, time_range=1050),
        "time-indexed Laplace": TimeIndexedLaplaceKaplanMeier(1.0),
    }
    results = {
        name: audit_mechanism(mechanism, y, other, n_trials, random_state=0)
        for name, mechanism in mechanisms.items()
    }
    axes = Figure(figsize=(6.4, 4.0)).subplots()
    PrivacyAuditDisplay(results).plot(axes)
    said = "".join(f"<li>{escape(name)}: {escape(str(r))}.</li>" for name, r in results.items())
    return (
        "<h2>Audit</h2>\n<p>An attacker bets whether the patient observed longest died on the last "
        f"day or was still alive, from {n_trials:,} releases of either data set.</p>\n"
        + figure_html(
            axes.figure,
            "How well the attacker does",
            "True against false positives. A mechanism with ε = 1 stays below the shaded region.",
        )
        + f"<ul>{said}</ul>"
    )
