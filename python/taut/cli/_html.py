# SPDX-License-Identifier: BSD-3-Clause
"""Small pieces of HTML: numbers with sensible digits, tables, figures, the page around them.

Every function that takes text escapes it; those that take HTML say so in the name ``*_html``.
"""

from __future__ import annotations

import base64
import io
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from html import escape
from math import isfinite
from pathlib import Path
from string import Template
from typing import Any

from taut.cli._errors import UsageError

MINUS = "\N{MINUS SIGN}"
NO_BREAK = "\N{NO-BREAK SPACE}"
REM_PER_POINT = 0.1  # 10-point letters of a figure become as large as the text

CSS = """
:root { --ink: #1d2328; --muted: #5d6872; --line: #dde2e6; --soft: #f5f7f8; --blue: #0072b2;
  --red: #b84a00; color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: var(--ink); -webkit-text-size-adjust: 100%;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial,
  sans-serif; }
main { max-width: 58rem; margin: 0 auto; padding: 2.2rem 1.2rem 3rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .35rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .5rem; padding-top: 1.1rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; overflow-wrap: anywhere; }
p, ul { margin: .5rem 0 .8rem; max-width: 44rem; overflow-wrap: anywhere; }
li { margin: .2rem 0; }
a { color: var(--blue); }
code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .88em; }
pre { background: var(--soft); padding: .8rem 1rem; border-radius: 6px; white-space: pre-wrap;
  overflow-wrap: anywhere; margin: .6rem 0; }
.lead { color: var(--muted); font-size: 1.05rem; margin-top: 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem;
  margin: 1.4rem 0; }
.tile { border: 1px solid var(--line); border-radius: 8px; padding: .8rem 1rem; }
.tile b { display: block; font-size: 1.55rem; line-height: 1.25; font-weight: 600;
  font-variant-numeric: tabular-nums; }
.tile .what { color: var(--muted); font-size: .86rem; }
.tile .beside { color: var(--muted); font-size: .86rem; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: .7rem 0 1rem; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .32rem 1.1rem .32rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { font-weight: 600; color: var(--muted); font-size: .84rem; white-space: nowrap; }
td.n, th.n { text-align: right; white-space: nowrap; }
td:first-child { overflow-wrap: anywhere; min-width: 8rem; }
.up { color: var(--blue); } .down { color: var(--red); }
figure { margin: .8rem 0 1rem; }
figure img { width: 100%; height: auto; display: block; }
figcaption { color: var(--muted); font-size: .88rem; max-width: 44rem; margin-top: .3rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr));
  gap: 0 1.4rem; align-items: start; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr));
  gap: 0 2rem; align-items: start; margin-bottom: .6rem; }
.nowrap { white-space: nowrap; }
.ok { border-left: 4px solid #009e73; padding-left: .9rem; }
.bad { border-left: 4px solid #d55e00; padding-left: .9rem; }
footer { color: var(--muted); font-size: .84rem; margin-top: 2.6rem; padding-top: .8rem;
  border-top: 1px solid var(--line); }
@media (max-width: 32rem) { main { padding: 1.3rem .9rem 2rem; } h1 { font-size: 1.4rem; }
  .tiles { grid-template-columns: 1fr 1fr; gap: .55rem; } .tile { padding: .6rem .7rem; }
  .tile b { font-size: 1.25rem; } }
@media print { main { max-width: none; padding: 0; } body { font-size: 10.5pt; }
  figure, .tile, tr { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .scroll { overflow: visible; } }
"""

PAGE = Template(
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="taut $version">
<title>$title</title>
<style>$css</style>
</head>
<body>
<main>
$body
<footer>$footer</footer>
</main>
</body>
</html>
"""
)


def number(value: float, digits: int = 3) -> str:
    """HTML of a number with ``digits`` significant digits, in words of ten where it is tiny."""
    if not isfinite(value):
        return "∞" if value > 0 else MINUS + "∞" if value < 0 else "not defined"
    if value == 0:
        return "0"
    size = abs(value)
    if size < 1e-3 or size >= 1e7:
        mantissa, exponent = f"{value:.{max(digits - 1, 0)}e}".split("e")
        power = str(int(exponent)).replace("-", MINUS)
        return f"{mantissa.replace('-', MINUS)}{NO_BREAK}×{NO_BREAK}10<sup>{power}</sup>"
    decimals = max(digits - 1 - int(f"{size:e}".split("e")[1]), 0)
    return f"{value:,.{decimals}f}".replace("-", MINUS)


def beside(value: float, other: float) -> tuple[str, str]:
    """HTML of two figures of one kind, to the same number of decimals."""
    size = max(abs(value), abs(other))
    if not 0.05 <= size < 1e5:
        return number(value), number(other)
    decimals = 3 if size < 10.0 else max(3 - len(str(int(size))), 0)
    first, second = (f"{v:,.{decimals}f}".replace("-", MINUS) for v in (value, other))
    return first, second


def signed(value: float, digits: int = 3) -> str:
    """HTML of a number with its sign, blue above zero and red below."""
    if value == 0:
        return "0"
    kind, plus = ("up", "+") if value > 0 else ("down", "")
    return f'<span class="{kind}">{plus}{number(value, digits)}</span>'


def plural(count: int, noun: str, many: str | None = None) -> str:
    """``1 row``, ``2 rows``."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def table_html(header: Sequence[str], rows_html: Iterable[Sequence[str]], numeric: str = "") -> str:
    """Table with an escaped header; cells are HTML. ``numeric`` has an ``n`` per number column."""
    kind = [' class="n"' if c == "n" else "" for c in numeric.ljust(len(header))]
    cells = "".join(f"<th{k}>{escape(h)}</th>" for h, k in zip(header, kind, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{k}>{c}</td>" for c, k in zip(row, kind, strict=True)) + "</tr>\n"
        for row in rows_html
    )
    head = f"<thead><tr>{cells}</tr></thead>\n" if any(header) else ""
    return f'<div class="scroll"><table>{head}<tbody>{body}</tbody></table></div>'


def tile_html(what: str, value_html: str, beside_html: str = "") -> str:
    """One key figure."""
    beside = f'<span class="beside">{beside_html}</span>' if beside_html else ""
    head = f'<span class="what">{escape(what)}</span>'
    return f'<div class="tile">{head}<b>{value_html}</b>{beside}</div>'


def figure_html(figure: Any, alt: str, caption: str = "") -> str:
    """Embed a matplotlib figure as SVG inside the page; nothing is fetched to show it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", dpi=160, metadata={"Date": None})
    svg = buffer.getvalue()
    data = base64.b64encode(svg).decode("ascii")
    # one scale for all figures of a page, so that their letters have one size
    size = re.search(rb'<svg[^>]*? width="([0-9.]+)pt"', svg)
    width = REM_PER_POINT * float(size[1]) if size else 36.0
    text = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return (
        f'<figure><img alt="{escape(alt, quote=True)}" '
        f'style="max-width: {width:.1f}rem" src="data:image/svg+xml;base64,{data}">{text}</figure>'
    )


def page_html(title: str, body_html: str, footer_html: str) -> str:
    """Put the body into a complete page."""
    from taut._version import __version__

    return PAGE.substitute(
        title=escape(title),
        css=CSS,
        body=body_html,
        footer=footer_html,
        version=escape(__version__),
    )


def check_writable(path: Path) -> None:
    """Raise a UsageError if a file cannot be put at ``path``; creates nothing."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give a file name such as {path / 'report.html'}")
    folder = path.absolute().parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write into {folder}; choose another place with --out")


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that it is there completely or not at all.

    Raises
    ------
    UsageError
        If the file system refuses.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".taut-", suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp makes files that only the owner can read
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(
            f"cannot write {path} ({reason}); choose another place with --out"
        ) from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
