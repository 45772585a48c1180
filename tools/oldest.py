# SPDX-License-Identifier: BSD-3-Clause
"""Print as pip constraints the oldest dependencies that pyproject.toml admits."""

from __future__ import annotations

import re
from pathlib import Path

import tomllib

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
for requirement in project["dependencies"] + extras["cli"] + extras["test"]:
    if found := re.fullmatch(r"([\w-]+)>=([\d.]+)", requirement):
        print(f"{found[1]}=={found[2]}.*")
