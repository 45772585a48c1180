# SPDX-License-Identifier: BSD-3-Clause
"""Print the requirements of one extra of pyproject.toml, a line each, without building taut.

Reads the file by hand because tomllib is missing from Python 3.10.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path


def requirements(extra: str) -> list[str]:
    """Requirements listed under ``[project.optional-dependencies]`` for ``extra``."""
    text = Path(__file__).resolve().parents[1].joinpath("pyproject.toml").read_text("utf-8")
    section = text.split("[project.optional-dependencies]", 1)[1].split("\n[", 1)[0]
    found = re.search(rf"^{re.escape(extra)} = (\[.*?\])$", section, re.MULTILINE | re.DOTALL)
    if found is None:
        raise SystemExit(f"pyproject.toml has no extra {extra!r}")
    return list(ast.literal_eval(found.group(1)))


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1])))
