# SPDX-License-Identifier: BSD-3-Clause
"""Rules of this tree that no linter knows. Prints each breach and exits with 1."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CODE = {".c", ".cpp", ".hpp", ".py", ".pyi", ".R", ".sh"}
MAX_LINES = 900
THREADS = re.compile(r"#\s*pragma\s+omp\s+(?!simd)|\bstd::(thread|async|jthread)\b")
THREAD_HOME = "cpp/src/core/parallel.cpp"
THREAD_TEST = "cpp/tests/test_parallel.cpp"  # opens regions from several threads at once
HEAVY_EIGEN = re.compile(r"#\s*include\s*<Eigen/(Dense|SVD|Eigenvalues|Eigen)>")


def tracked() -> list[Path]:
    """Files that git knows or would add; every file where there is no git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        folders = ("cpp", "python", "tests", "tools", "bench")
        return [p for folder in folders for p in ROOT.joinpath(folder).rglob("*") if p.is_file()]
    return [ROOT / line for line in listed.stdout.splitlines()]


def breaches(path: Path) -> Iterator[str]:
    """What is wrong with one file, as ``file:line: message``."""
    name = path.relative_to(ROOT).as_posix()
    lines = path.read_text("utf-8").splitlines()
    if len(lines) > MAX_LINES:
        yield f"{name}: {len(lines)} lines, at most {MAX_LINES} are allowed: split it"
    if lines and not any("SPDX-License-Identifier: BSD-3-Clause" in line for line in lines[:2]):
        yield f"{name}:1: no line 'SPDX-License-Identifier: BSD-3-Clause' at the head"
    if not name.startswith("cpp/"):
        return
    for number, line in enumerate(lines, start=1):
        if THREADS.search(line) and name not in (THREAD_HOME, THREAD_TEST):
            yield f"{name}:{number}: threads outside {THREAD_HOME}: use taut::parallel_for"
        if HEAVY_EIGEN.search(line):
            yield f"{name}:{number}: {line.strip()} is slow to compile: use <Eigen/Core>"


def main() -> int:
    files = [p for p in tracked() if p.suffix in CODE and p.is_file()]
    found = [message for path in files for message in breaches(path)]
    print("\n".join(found) if found else f"{len(files)} files keep the rules of the tree")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
