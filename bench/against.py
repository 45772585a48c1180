# SPDX-License-Identifier: BSD-3-Clause
"""Time the paths of run.py by this build of taut and by another one, taking turns.

The other build is a folder made by ``pip install --no-deps --target FOLDER SOURCE``. Both are taken
at the loosest tolerance whose certificate, measured by tasks.py, reaches the target over the path.

Examples
--------
::

    python bench/against.py FOLDER
    python bench/against.py FOLDER --problems sparse-5000x100000-1e-3 --runs 15
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import problems as catalogue
from run import HERE, Worker, ladder, store, take_turns, tomllib
from tasks import TASKS


def compare(problem, folders, config):
    """Print a row of a Markdown table: medians of both builds, their gaps, the ratio."""
    with tempfile.TemporaryDirectory(prefix="taut-bench-") as name:
        folder = Path(name)
        data, bounds = store(problem, folder), TASKS[problem.task].bounds
        workers = {}
        try:
            for build, path in folders.items():
                workers[build] = Worker("taut", sys.executable, folder, config["threads"], path)
                info = workers[build].start()
                if not info["ok"]:
                    print(f"| {problem.name} | {build}: {info['reason']} |", flush=True)
                    return
            curves = ladder(workers, config, data, bounds, lambda *_: None)
            found = take_turns(workers, curves, config, data, bounds, lambda *_: None)
        finally:
            for worker in workers.values():
                worker.stop()
    if len(found) < len(folders):
        print(f"| {problem.name} | the target is reached only by {list(found)} |", flush=True)
        return
    text, least = f"| {problem.name} |", {}
    for build, result in found.items():
        walls = [point["wall"] for point in result["points"] if point["ok"]]
        least[build] = min(walls)
        text += f" {statistics.median(walls):.4f} ({least[build]:.4f}), {result['gap']:.1e} |"
    text += f" {found['this']['wall'] / found['other']['wall']:.3f} |"
    print(f"{text} {least['this'] / least['other']:.3f} |", flush=True)


def main():
    names = [problem.name for problem in catalogue.PROBLEMS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other", type=Path, help="folder that holds the other build")
    parser.add_argument("--this", type=Path, help="another folder; else what is installed here")
    parser.add_argument("--problems", nargs="+", choices=names, metavar="NAME", help=str(names))
    parser.add_argument("--runs", type=int, default=11)
    options = parser.parse_args()
    config = tomllib.loads((HERE / "config.toml").read_text())
    config.update(runs=options.runs, slow_runs=options.runs, quick=True)
    config["peers"] = dict.fromkeys(("this", "other"), config["peers"]["taut"])
    print("| problem | this: median (least) s, gap | other | medians | least |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    for problem in catalogue.PROBLEMS:
        if problem.name in options.problems if options.problems else not problem.smoke:
            compare(problem, {"this": options.this, "other": options.other}, config)


if __name__ == "__main__":
    main()
