# SPDX-License-Identifier: BSD-3-Clause
"""``taut fit``: read, fit, write the report, print a short result."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from taut.cli._errors import one_line, require
from taut.cli._fit import MODEL_NAMES, FitResult, Options, fit_table
from taut.cli._html import beside, check_writable, write_atomically
from taut.cli._table import prepare, read_table

MAX_PRINTED = 10


def require_packages() -> None:
    """Complain about a missing optional package before any work is done."""
    for module in ("rich", "pandas", "matplotlib"):
        require(module, "cli")


def run_fit(arguments: argparse.Namespace) -> None:
    """Run ``taut fit`` with parsed arguments.

    Raises
    ------
    UsageError
        If something is wrong that the user can put right. No file is left behind then.
    """
    require_packages()
    options = Options(
        **{f.name: getattr(arguments, f.name) for f in fields(Options)},
    )
    source, out = Path(arguments.table), Path(arguments.out)
    check_writable(out)
    table = prepare(
        read_table(source), arguments.target, model=options.model, missing=options.missing
    )
    progress = not arguments.no_progress and sys.stderr.isatty()
    result = fit_table(table, options, progress=progress)
    # not at the head of the file: matplotlib is slow to import, and a mistake is told at once
    from taut.cli._report import report_html

    command = fit_command(arguments.table, arguments.target, options, arguments.out)
    write_atomically(out, report_html(result, source=source.name, command=command))
    print_result(result, out)


def fit_command(table: str, target: str, options: Options, out: str) -> str:
    """The command line that repeats a run; settings at their default are left out."""
    words = ["taut", "fit", table, "--target", target]
    default = Options()
    for item in fields(Options):
        value = getattr(options, item.name)
        if value == getattr(default, item.name):
            continue
        words.append("--" + item.name.replace("_", "-"))
        if value is not True:
            words.append(str(value))
    return shlex.join([*words, "--out", out])


def print_result(result: FitResult, out: Path) -> None:
    """Print what was found, and where the report is."""
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console()
    certificate = result.certificate
    score = result.scores[0]

    def say(text: str, style: str = "") -> None:
        console.print(Text(text, style=style), soft_wrap=True)

    say(
        f"{MODEL_NAMES[result.model]} for {one_line(result.table.target)}: "
        f"{result.y_train.size:,} rows, {result.X_train.shape[1]:,} features, "
        f"{result.n_chosen:,} chosen",
        "bold",
    )
    for kind, names in (
        ("left out", [name for name, _ in result.table.left_out]),
        ("screened out", [name for name, _ in result.screened]),
    ):
        if names:
            shown = ", ".join(one_line(n) for n in names[:5]) + (", …" if len(names) > 5 else "")
            say(f"  {kind}: {shown}", "dim")
    chosen = RichTable(box=None, pad_edge=False, header_style="dim")
    for heading, side in (("feature", "left"), ("per SD", "right"), ("in folds", "right")):
        chosen.add_column(heading, justify=side)
    several = result.coef.shape[0] > 1
    rows = _largest(result)
    for k, j, value, share in rows:
        name = one_line(result.X_train.columns[j])
        prefix = f"{one_line(result.estimator.classes_[k])}: " if several else ""
        chosen.add_row(Text(prefix + name), f"{value:+.3g}", f"{100 * share:.0f}%")
    if rows:
        console.print(chosen)
    reached, trivial = beside(score.value, score.baseline)
    say(f"{score.name} on {result.y_test.size:,} held-out rows: {reached} (trivial: {trivial})")
    met = "within" if certificate.holds else "ABOVE"
    say(
        f"Largest duality gap on the path: {certificate.largest_gap:.1e} of the null objective, "
        f"{met} the tolerance {certificate.tol:.0e}"
    )
    for note in result.notes:
        say(f"  {note}", "dim")
    say(f"Report: {out}", "bold")


def _largest(result: FitResult) -> list[tuple[Any, Any, float, float]]:
    """Largest coefficients per standard deviation: class, feature, value, share of folds."""
    standard = result.coef * result.scale
    order = np.argsort(-np.abs(standard), axis=None, kind="stable")
    order = order[: min(int(np.count_nonzero(standard)), MAX_PRINTED)]
    rows, columns = np.unravel_index(order, standard.shape)
    return [
        (k, j, float(standard[k, j]), float(result.frequency[k, j]))
        for k, j in zip(rows, columns, strict=True)
    ]
