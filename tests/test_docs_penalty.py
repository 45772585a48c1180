# SPDX-License-Identifier: BSD-3-Clause
"""docs/contributing/adding_a_penalty.md does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "contributing" / "adding_a_penalty.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_python_blocks_run_in_order():
    scope: dict[str, Any] = {}
    found = blocks("python")
    assert len(found) == 2
    for code in found:
        exec(compile(code, "docs/contributing/adding_a_penalty.md", "exec"), scope)


def test_cpp_blocks_are_quoted_from_a_test_that_is_compiled():
    test = (ROOT / "cpp" / "tests" / "test_adding_a_penalty.cpp").read_text("utf-8")
    found = blocks("cpp")
    assert found
    assert all(code in test for code in found)


def test_the_files_named_are_there():
    for path in re.findall(r"`((?:cpp|python|tests)/[\w/.]+)`", PAGE):
        assert (ROOT / path).exists(), path
