# SPDX-License-Identifier: BSD-3-Clause
"""A progress bar by rich or tqdm, whichever is installed."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from taut.exceptions import OptionalDependencyError


class Bar(Protocol):
    """Something that shows how many of the steps are done."""

    def update(self, done: float, note: str = "") -> None:
        """Set the number of finished steps (not an increment) and the text beside the bar."""


class _SilentBar:
    def update(self, done: float, note: str = "") -> None:
        pass


@contextmanager
def progress_bar(
    total: float, description: str = "", *, enabled: bool | None = False
) -> Iterator[Bar]:
    """Progress bar on standard error for the time of a ``with`` block.

    Parameters
    ----------
    total : float
        Number of steps.
    description : str, default=""
        Text before the bar.
    enabled : bool or None, default=False
        False shows nothing. True shows a bar. None shows one when standard error is a terminal
        and rich or tqdm is installed.

    Yields
    ------
    Bar
        Call ``bar.update(done, note)`` as often as you like.

    Raises
    ------
    OptionalDependencyError
        If ``enabled`` is True and neither rich nor tqdm is installed.
    """
    if enabled is None:
        enabled = sys.stderr.isatty() and _backend() is not None
    if not enabled:
        yield _SilentBar()
        return
    backend = _backend()
    if backend is None:
        raise OptionalDependencyError("A progress bar", "rich (or tqdm)", "cli")
    with (
        _rich_bar(total, description) if backend == "rich" else _tqdm_bar(total, description) as bar
    ):
        yield bar


def _backend() -> str | None:
    for name in ("rich", "tqdm"):
        if importlib.util.find_spec(name) is not None:
            return name
    return None


@contextmanager
def _rich_bar(total: float, description: str) -> Iterator[Bar]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(description, total=total, note="")

        class RichBar:
            def update(self, done: float, note: str = "") -> None:
                progress.update(task, completed=done, note=note)

        yield RichBar()


@contextmanager
def _tqdm_bar(total: float, description: str) -> Iterator[Bar]:
    from tqdm import tqdm

    with tqdm(total=total, desc=description, file=sys.stderr) as bar:

        class TqdmBar:
            def update(self, done: float, note: str = "") -> None:
                bar.set_postfix_str(note, refresh=False)
                bar.update(done - bar.n)

        yield TqdmBar()
