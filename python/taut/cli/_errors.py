# SPDX-License-Identifier: BSD-3-Clause
"""The one kind of error the command line reports without a traceback."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class UsageError(Exception):
    """Something the user can put right. The message is one line that says what to do."""


def one_line(text: object) -> str:
    """Fold white space and drop characters that would upset a terminal."""
    folded = " ".join(str(text).split())
    return "".join(c for c in folded if c.isprintable())


def near(name: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """Names that look like ``name``: same letters in another case, one inside the other, typos."""
    names = list(known)
    folded = {n: n.casefold().strip() for n in names}
    wanted = name.casefold().strip()
    found = [n for n in names if folded[n] == wanted]
    close = set(get_close_matches(wanted, list(folded.values()), n=limit, cutoff=0.6))
    found += [n for n in names if folded[n] in close and n not in found]
    if len(wanted) >= 3:
        found += [n for n in names if wanted in folded[n] and n not in found]
    return found[:limit]


def require(module: str, extra: str) -> None:
    """Raise a UsageError that names the extra when an optional package is absent."""
    from importlib import import_module

    try:
        import_module(module)
    except ImportError:
        raise UsageError(
            f"this command needs {module}, which is not installed; "
            f"install it with: pip install 'taut[{extra}]'"
        ) from None
