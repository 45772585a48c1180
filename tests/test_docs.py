# SPDX-License-Identifier: BSD-3-Clause
"""What a reader copies from README and user guide runs, and links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot
import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    str(p.relative_to(ROOT))
    for p in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
    if "_build" not in p.parts
)


@pytest.mark.parametrize("page", [p for p in PAGES if not p.endswith("adding_a_penalty.md")])
def test_code_runs_in_the_order_of_the_page(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")
    scope: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL):
        exec(compile(code, page, "exec"), scope)
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page):
    text = (ROOT / page).read_text("utf-8")
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text):
        if "gallery/" not in target and "api/" not in target:  # which are made by the build
            assert (ROOT / page).parent.joinpath(target).exists(), target
