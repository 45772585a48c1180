# SPDX-License-Identifier: BSD-3-Clause
"""The console script: ``taut fit`` and ``taut survival`` for tables of one's own, ``taut demo``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from taut._version import __version__
from taut.cli._errors import UsageError, one_line

__all__ = ["main"]

EXIT_USAGE, EXIT_INTERRUPTED = 2, 130


class _Parser(argparse.ArgumentParser):
    """Reports a wrong argument in one line, as every other error of this program."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name. Taken from ``sys.argv`` when None.

    Returns
    -------
    int
        0 on success, 2 if the user can put something right, 130 after Ctrl-C.
    """
    try:
        arguments = _parser().parse_args(argv)
        command: Any = arguments.command
        command(arguments)
    except UsageError as error:
        print(f"taut: {one_line(error)}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("taut: stopped; no unfinished report was written", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="taut",
        description="Find the few columns of a table that predict one of them.",
        epilog="Try: taut demo",
    )
    parser.add_argument("--version", action="version", version=f"taut {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_fit(commands)
    _add_survival(commands)
    _add_demo(commands)
    return parser


def _add_fit(commands: Any) -> None:
    fit = commands.add_parser(
        "fit",
        help="fit a table and write a report",
        description="Fit a sparse model to a table and write one HTML report.",
    )
    fit.add_argument("table", metavar="TABLE", help="CSV, TSV or Parquet file with a header")
    fit.add_argument("--target", required=True, metavar="COLUMN", help="column to predict")
    fit.add_argument(
        "--model",
        choices=("lasso", "elasticnet", "logistic", "multinomial"),
        help="default: found from the values of the target",
    )
    fit.add_argument(
        "--l1-ratio",
        type=_ratio,
        metavar="R",
        help="share of the absolute-value penalty, in (0, 1]; the rest is quadratic",
    )
    fit.add_argument(
        "--grouped", action="store_true", help="choose features for all classes together"
    )
    fit.add_argument(
        "--vif",
        type=_threshold,
        metavar="THRESHOLD",
        help="first take out columns whose variance inflation factor exceeds this (10 is usual)",
    )
    fit.add_argument("--cv", type=_folds, default=5, metavar="N", help="folds (default: 5)")
    fit.add_argument(
        "--rule",
        choices=("1se", "min"),
        default="1se",
        help="strongest penalty within one standard error of the best, or the best (default: 1se)",
    )
    fit.add_argument(
        "--missing",
        choices=("median", "drop"),
        default="median",
        help="fill missing numbers with the median, or drop the rows (default: median)",
    )
    fit.add_argument(
        "--test-size",
        type=_share,
        default=0.2,
        metavar="SHARE",
        help="share of the rows held out for the score (default: 0.2)",
    )
    fit.add_argument(
        "--seed", type=_seed, default=0, metavar="N", help="for the split and the folds"
    )
    fit.add_argument("--n-jobs", type=_jobs, default=-1, metavar="N", help="threads (default: all)")
    fit.add_argument(
        "--out", default="report.html", metavar="FILE", help="report (default: report.html)"
    )
    fit.add_argument("--no-progress", action="store_true", help="show no progress bar")
    fit.set_defaults(command=_run_fit)


def _add_survival(commands: Any) -> None:
    survival = commands.add_parser(
        "survival",
        help="survival curves and tests of a table, as a report",
        description="Estimate survival from times and events and write one HTML report.",
    )
    survival.add_argument("table", metavar="TABLE", help="CSV, TSV or Parquet file with a header")
    survival.add_argument("--time", required=True, metavar="COLUMN", help="time of exit")
    survival.add_argument(
        "--event", required=True, metavar="COLUMN", help="1 if the event was seen then, else 0"
    )
    survival.add_argument("--group", metavar="COLUMN", help="groups to compare")
    survival.add_argument("--entry", metavar="COLUMN", help="time of entry under observation")
    survival.add_argument(
        "--conf-level",
        type=_share,
        default=0.95,
        metavar="LEVEL",
        help="of confidence limits (default: 0.95)",
    )
    private = survival.add_argument_group(
        "private report", "differential privacy; everything given here is published"
    )
    private.add_argument(
        "--epsilon", type=_positive, metavar="E", help="bound on the privacy loss; smaller is safer"
    )
    private.add_argument(
        "--horizon",
        type=_positive,
        metavar="TIME",
        help="end of the curve, chosen without looking at the data",
    )
    private.add_argument("--bins", type=_bins, metavar="N", help="default: by epsilon and rows")
    private.add_argument(
        "--group-labels", metavar="A,B,...", help="groups there may be; others are not shown"
    )
    survival.add_argument(
        "--out", default="report.html", metavar="FILE", help="report (default: report.html)"
    )
    survival.set_defaults(command=_run_survival)


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo",
        help="write reports on data that come with the installed packages",
        description="Write reports on real and synthetic data; needs no network.",
    )
    demo.add_argument(
        "--out", default="taut-report", metavar="FOLDER", help="folder (default: taut-report)"
    )
    demo.add_argument(
        "--n-jobs", type=_jobs, default=-1, metavar="N", help="threads (default: all)"
    )
    demo.add_argument("--no-progress", action="store_true", help="show no progress bar")
    demo.set_defaults(command=_run_demo)


def _run_fit(arguments: argparse.Namespace) -> None:
    from taut.cli._run import run_fit

    run_fit(arguments)


def _run_survival(arguments: argparse.Namespace) -> None:
    from taut.cli._survival import run_survival

    run_survival(arguments)


def _run_demo(arguments: argparse.Namespace) -> None:
    from taut.cli._demo import run_demo

    run_demo(arguments)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got {text!r}") from None


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}") from None


def _ratio(text: str) -> float:
    value = _number(text)
    if not 0.0 < value <= 1.0:
        raise argparse.ArgumentTypeError(f"must be in (0, 1], got {text}")
    return value


def _threshold(text: str) -> float:
    value = _number(text)
    if not value > 1.0:
        raise argparse.ArgumentTypeError(f"must be > 1, got {text}")
    return value


def _share(text: str) -> float:
    value = _number(text)
    if not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(f"must be between 0 and 1, got {text}")
    return value


def _positive(text: str) -> float:
    value = _number(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be > 0 and finite, got {text}")
    return value


def _bins(text: str) -> int:
    value = _whole(text)
    if not 1 <= value <= 65536:
        raise argparse.ArgumentTypeError(f"must be between 1 and 65536, got {text}")
    return value


def _folds(text: str) -> int:
    value = _whole(text)
    if value < 2:
        raise argparse.ArgumentTypeError(f"must be at least 2, got {text}")
    return value


def _jobs(text: str) -> int:
    value = _whole(text)
    if value == 0:
        raise argparse.ArgumentTypeError("must not be 0; leave it out to use all processors")
    return value


def _seed(text: str) -> int:
    value = _whole(text)
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"must be between 0 and 4294967295, got {text}")
    return value
