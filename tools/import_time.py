# SPDX-License-Identifier: BSD-3-Clause
"""Print how long imports take in fresh processes: medians in milliseconds, taking turns.

The limit is that ``import taut`` and its largest family take at most 80 ms more than scikit-learn's
own linear models, which taut needs anyway.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

BASE = "import sklearn.linear_model"
LIMIT_MS = 80.0


def milliseconds(code: str) -> float:
    # Installed packages have their bytecode; a checkout gets its own in the first run.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    return 1e3 * (time.perf_counter() - start)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--all", action="store_true", help="every subpackage")
    args = parser.parse_args()
    statements = ["pass", "import sklearn", BASE, "import taut", "import taut.linear_model"]
    if args.all:
        import taut

        statements += [f"import taut.{name}" for name in sorted(taut._SUBPACKAGES)]
    times: dict[str, list[float]] = {code: [] for code in dict.fromkeys(statements)}
    for code in times:
        milliseconds(code)
    for _ in range(args.runs):
        for code, values in times.items():
            values.append(milliseconds(code))
    empty = statistics.median(times["pass"])
    base = statistics.median(times[BASE]) - empty
    print(f"{'statement':32s} {'ms':>6s} {'beyond sklearn.linear_model':>28s}")
    for code, values in times.items():
        own = statistics.median(values) - empty
        print(f"{code:32s} {own:6.0f} {own - base:28.0f}")
    worst = statistics.median(times["import taut.linear_model"]) - empty - base
    return int(worst > LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main())
