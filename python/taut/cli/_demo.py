# SPDX-License-Identifier: BSD-3-Clause
"""``taut demo``: reports on data that the installed packages bring along."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from taut.cli._denoise import denoise_report
from taut.cli._errors import UsageError
from taut.cli._fit import MODEL_NAMES, FitResult, Options, fit_table
from taut.cli._graph import graph_report
from taut.cli._heat import heat_report
from taut.cli._html import beside, check_writable, number, page_html, table_html, write_atomically
from taut.cli._private_survival import lung_private_report
from taut.cli._run import require_packages
from taut.cli._survival import SurvivalResult, lung_report
from taut.cli._table import prepare
from taut.cli._transport import colors_report

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Case:
    """One report of the demo."""

    slug: str
    title: str
    target: str
    about: str
    load: Callable[[], pd.DataFrame]
    model: str | None = None
    vif: float | None = None
    grouped: bool = False


def run_demo(arguments: argparse.Namespace) -> None:
    """Run ``taut demo`` with parsed arguments.

    Raises
    ------
    UsageError
        If the folder cannot be written.
    """
    require_packages()
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    from taut._progress import progress_bar
    from taut.cli._report import report_html

    folder = Path(arguments.out)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; choose a folder with --out")
    check_writable(folder / "index.html")
    done: list[tuple[Case, FitResult]] = []
    shown = not arguments.no_progress and sys.stderr.isatty()
    with progress_bar(len(CASES), "demo", enabled=shown) as bar:
        for i, case in enumerate(CASES):
            bar.update(i, case.title)
            options = Options(
                model=case.model, vif=case.vif, grouped=case.grouped, n_jobs=arguments.n_jobs
            )
            table = prepare(case.load(), case.target, model=case.model, missing="median")
            result = fit_table(table, options)
            html = report_html(result, source=case.title, command="taut demo", about=case.about)
            write_atomically(folder / f"{case.slug}.html", html)
            done.append((case, result))
        bar.update(len(CASES), "Lung cancer")
        lung, page = lung_report()
        write_atomically(folder / "lung.html", page)
        write_atomically(folder / "lung-private.html", lung_private_report())
        write_atomically(folder / "colors.html", colors_report(arguments.n_jobs))
        write_atomically(folder / "graph.html", graph_report(arguments.n_jobs))
        write_atomically(folder / "heat.html", heat_report())
        write_atomically(folder / "denoise.html", denoise_report(arguments.n_jobs))
    write_atomically(folder / "index.html", _index_html(done, lung))

    summary = RichTable(box=None, pad_edge=False, header_style="dim")
    for heading in ("data", "chosen", "held-out score", "trivial", "largest gap"):
        summary.add_column(heading, no_wrap=True)
    for case, result in done:
        score = result.scores[0]
        summary.add_row(
            case.title,
            f"{result.n_chosen} of {result.X_train.shape[1]}",
            f"{score.name} {beside(score.value, score.baseline)[0]}",
            beside(score.value, score.baseline)[1],
            f"{result.certificate.largest_gap:.1e}",
        )
    console = Console()
    console.print(summary)
    console.print(Text(f"Open {folder / 'index.html'} in a browser.", style="bold"), soft_wrap=True)


def _index_html(done: list[tuple[Case, FitResult]], lung: SurvivalResult) -> str:
    rows = []
    for case, result in done:
        score = result.scores[0]
        value, trivial = beside(score.value, score.baseline)
        model = MODEL_NAMES[result.model] + (", grouped" if case.grouped else "")
        screened = f", {len(result.screened)} screened out" if result.screened else ""
        rows.append(
            (
                f'<a href="{escape(case.slug, quote=True)}.html">{escape(case.title)}</a>',
                f'<span class="nowrap">{escape(score.name)} {value}</span>',
                trivial,
                f"{result.n_chosen} of {result.X_train.shape[1]}{screened}",
                number(result.certificate.largest_gap, 2),
                f"{result.table.n_rows_read:,}",
                escape(model),
            )
        )
    header = ("Data", "Held out", "Trivial", "Chosen", "Largest gap", "Rows", "Model")
    about = "".join(f"<li><b>{escape(c.title)}</b>: {escape(c.about)}</li>" for c, _ in done)
    body = (
        "<h1>taut on real and synthetic data</h1>\n"
        '<p class="lead">Each line is one report: which columns matter, how well they predict rows '
        "that were held out, and a proof of how close the fit is to the optimum.</p>\n"
        + table_html(header, rows, "  n nn ")
        + f"<h2>The data</h2>\n<ul>{about}</ul>\n"
        "<h2>Times until an event</h2>\n"
        '<p><a href="lung.html">Lung cancer</a>: survival of '
        f"{lung.y[0].size} patients, {int(lung.y[1].sum())} of whom died, by sex (log-rank "
        f"p = {number(lung.test.p_value, 2)}); and "
        '<a href="lung-private.html">under differential privacy</a>.</p>\n'
        '<p><a href="colors.html">Colours</a>: one photograph in the colours of another, '
        "by optimal transport.</p>\n"
        '<p><a href="graph.html">A directed graph</a>: causes and effects among twelve simulated '
        "variables.</p>\n"
        '<p><a href="denoise.html">Denoising</a>: photographs, by filters that learned '
        "from pairs of noisy and clean ones.</p>\n"
        '<p><a href="heat.html">Heat</a>: the heat equation, by a linear solver that learns its '
        "parameter from step to step.</p>\n"
        "<h2>On a table of your own</h2>\n"
        "<pre><code>taut fit TABLE.csv --target COLUMN\n"
        "taut survival TABLE.csv --time COLUMN --event COLUMN --group COLUMN\n"
        "taut survival TABLE.csv --time COLUMN --event COLUMN --epsilon 1 --horizon TIME"
        "</code></pre>"
    )
    all_seconds = sum(result.seconds for _, result in done)
    return page_html("taut demo", body, f"All fits together: {all_seconds:.1f} s.")


def _example(name: str, target: str) -> pd.DataFrame:
    from taut.datasets import load_example

    bunch = load_example(name, as_frame=True)
    frame = bunch.frame.rename(columns={"target": target})
    if bunch.task != "regression":
        frame[target] = np.asarray(bunch.target_names)[frame[target]]
    return frame


def _plans() -> pd.DataFrame:
    from taut.datasets import make_plan_market

    plans = make_plan_market(0, as_frame=True)
    # the digits keep the order of the shares in tables and figures
    names = np.array(["1 low", "2 middle", "3 high"])
    return plans.data.assign(membership=names[np.asarray(plans.target)])


_PLANS_ABOUT = (
    "Synthetic: 172 health plans with brands, premiums, copays and extra benefits, made by "
    "taut.datasets.make_plan_market. The outcome is the plan's share of members in its year."
)

CASES = (
    Case(
        "diabetes",
        "Diabetes",
        "progression",
        "442 patients, ten measurements, and the disease's progression a year later "
        "(Efron, Hastie, Johnstone, Tibshirani 2004), from scikit-learn.",
        partial(_example, "diabetes", "progression"),
    ),
    Case(
        "breast-cancer",
        "Breast cancer",
        "diagnosis",
        "569 tumours described by thirty measurements of cell nuclei, benign or malignant "
        "(Wolberg, Street, Mangasarian 1995), from scikit-learn.",
        partial(_example, "breast_cancer", "diagnosis"),
    ),
    Case(
        "wine",
        "Wine",
        "cultivar",
        "178 wines of three cultivars, thirteen chemical measurements "
        "(Forina and others 1988), from scikit-learn.",
        partial(_example, "wine", "cultivar"),
    ),
    Case("plans", "Plan market", "membership", _PLANS_ABOUT, _plans, vif=10.0),
    Case(
        "plans-grouped",
        "Plan market, grouped",
        "membership",
        _PLANS_ABOUT + " Here a feature is chosen for all classes or for none.",
        _plans,
        vif=10.0,
        grouped=True,
    ),
)
