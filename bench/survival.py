# SPDX-License-Identifier: BSD-3-Clause
"""Time survival estimates as ratios to numpy.sort of the packed keys, and beside other packages.

Keys are ``bits(time) << 1 | censored``: sorting them is what any exact estimate must do at least,
and the ratio carries over between machines of one kind. CPU time, median of several runs, warm,
exponential times of which a third is censored; "tied" are whole numbers divided by 7 (about
5,000 distinct times), "whole" the whole numbers themselves.

``python bench/survival.py goals [--n 1000000] [--runs 5]`` prints the ratios of taut.
``python bench/survival.py peers [--n 10000 ...] [--packages taut ...] [--store FILE]`` prints
milliseconds; with --store, runs under different interpreters fill one table.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = ["taut", "lifelines", "scikit-survival", "statsmodels", "R survfit"]
GROUPS, GROUP_SIZE, SAMPLE_GROUPS = 10_000, 100, 200


def records(n, kind):
    """Times and event flags."""
    import numpy as np

    rng = np.random.default_rng(n)
    event_time, censor_time = rng.exponential(size=n), rng.exponential(2.0, size=n)
    event = event_time <= censor_time
    times = np.minimum(event_time, censor_time)
    if kind != "continuous":
        times = np.ceil(times * 500)
    return (times / 7 if kind == "tied" else times), event


def cpu_ms(call, runs, setup=None):
    """Median CPU milliseconds of ``call``; ``setup`` makes its argument anew, untimed."""
    taken = []
    for _ in range(runs):
        arguments = () if setup is None else (setup(),)
        start = time.process_time()
        call(*arguments)
        taken.append(time.process_time() - start)
    return 1e3 * statistics.median(taken)


def sort_ms(times, event, runs):
    import numpy as np

    keys = (times.view(np.uint64) << np.uint64(1)) | (~event).astype(np.uint64)
    return cpu_ms(lambda copy: copy.sort(), runs, keys.copy)


def goals(n, runs):
    """Ratios of spec section 6, one process, one thread."""
    import numpy as np

    from taut.survival import KaplanMeier, concordance_index, kaplan_meier, logrank_test

    rng = np.random.default_rng(0)
    floor = {}
    rows = []

    def row(name, kind, goal, call, count=runs):
        call()  # warm
        ms = cpu_ms(call, count)
        rows.append((name, kind, ms, ms / floor[kind], goal))

    for kind, goal in (("continuous", 1.8), ("tied", 1.5), ("whole", 0.6)):
        times, event = records(n, kind)
        floor[kind] = sort_ms(times, event, runs)
        row("Kaplan-Meier, s.e., limits", kind, goal, lambda t=times, e=event: kaplan_meier(t, e))
    times, event = records(n, "continuous")
    two, score = rng.integers(0, 2, n), rng.standard_normal(n)
    entry, weight = times - rng.exponential(size=n) - 1e-9, rng.random(n) + 0.5
    row("log-rank, 2 groups", "continuous", 2.5, lambda: logrank_test((times, event), two))
    row(
        "concordance with variance",
        "continuous",
        8.0,
        lambda: concordance_index((times, event), score),
        3,
    )
    row(
        "late entry",
        "continuous",
        4.0,
        lambda: kaplan_meier(times, event, entry=entry),
    )
    row(
        "weights (jackknife)",
        "continuous",
        6.0,
        lambda: kaplan_meier(times, event, sample_weight=weight),
    )
    # A goal of 60 ms where a million keys took 18.5.
    grouped_times, grouped_event = records(GROUPS * GROUP_SIZE, "continuous")
    labels = rng.permutation(np.repeat(np.arange(GROUPS), GROUP_SIZE))
    floor["a million"] = sort_ms(grouped_times, grouped_event, runs)
    row(
        "10,000 groups of 100",
        "a million",
        3.2,
        lambda: KaplanMeier().fit((grouped_times, grouped_event), groups=labels),
    )
    print(f"n = {n:,}; numpy.sort of the keys: " + ", ".join(f"{k} {v:.1f} ms"
          for k, v in floor.items()))  # fmt: skip
    print("\n| estimate | times | ms | ratio to the sort | goal |\n| --- | --- | --- | --- | --- |")
    for name, kind, ms, ratio, goal in rows:
        print(f"| {name} | {kind} | {ms:.1f} | {ratio:.2f} | {goal} |")
    small = records(100, "continuous")
    loops = 2000
    micro = cpu_ms(lambda: [kaplan_meier(*small) for _ in range(loops)], 5) / loops * 1e3
    print(f"\nn = 100: {micro:.1f} us (goal 15)")
    out = subprocess.run(
        [sys.executable, __file__, "memory", "--n", str(n)], check=True, capture_output=True
    )
    print(f"memory beyond records and result: {float(out.stdout):.1f} arrays of n doubles (goal 3)")
    wall = {}
    for jobs in (1, 2):
        taken = []
        for _ in range(runs):
            start = time.perf_counter()
            kaplan_meier(*records_cached(n), n_jobs=jobs)
            taken.append(time.perf_counter() - start)
        wall[jobs] = statistics.median(taken)
    print(f"two threads: {wall[1] / wall[2]:.2f} times as fast (wall clock; goal 1.7 at n = 1e7)")


def memory(n):
    """Print what the curve of n records needs at its peak, in arrays of n doubles (Linux)."""
    from taut.survival import kaplan_meier

    def status(name):
        rows = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(row.split()[1]) for row in rows if row.startswith(name))

    kaplan_meier(*records(1000, "continuous"))
    times, event = records(n, "continuous")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = status("VmRSS")
    curve = kaplan_meier(times, event)
    result = sum(column.nbytes for column in curve)
    print((status("VmHWM") - before - result) / (8 * n))


_CACHE = {}


def records_cached(n):
    if n not in _CACHE:
        _CACHE.clear()
        _CACHE[n] = records(n, "continuous")
    return _CACHE[n]


# --- packages: each returns CPU milliseconds, times and the curve ---------------------------------


def run_taut(times, event, runs):
    from taut.survival import kaplan_meier

    curve = kaplan_meier(times, event)
    return cpu_ms(lambda: kaplan_meier(times, event), runs), curve.time, curve.survival


def run_lifelines(times, event, runs):
    from lifelines import KaplanMeierFitter

    model = KaplanMeierFitter().fit(times, event)
    curve = model.survival_function_
    ms = cpu_ms(lambda: KaplanMeierFitter().fit(times, event), runs)
    return ms, curve.index.to_numpy(), curve.iloc[:, 0].to_numpy()


def run_sksurv(times, event, runs):
    from sksurv.nonparametric import kaplan_meier_estimator

    out = kaplan_meier_estimator(event, times, conf_type="log-log")
    ms = cpu_ms(lambda: kaplan_meier_estimator(event, times, conf_type="log-log"), runs)
    return ms, out[0], out[1]


def run_statsmodels(times, event, runs):
    from statsmodels.duration.survfunc import SurvfuncRight

    model = SurvfuncRight(times, event.astype(int))
    ms = cpu_ms(lambda: SurvfuncRight(times, event.astype(int)), runs)
    return ms, model.surv_times, model.surv_prob


def run_r(times, event, runs):
    import numpy as np

    with tempfile.TemporaryDirectory(prefix="taut-bench-") as folder:
        times.tofile(Path(folder, "time.bin"))
        event.astype("<i4").tofile(Path(folder, "event.bin"))
        command = ["Rscript", "--vanilla", str(HERE / "survfit.R"), folder, str(runs)]
        subprocess.run(command, check=True)
        ms = float(Path(folder, "ms.txt").read_text())
        return ms, np.fromfile(Path(folder, "t.bin")), np.fromfile(Path(folder, "s.bin"))


RUN = dict(
    zip(PACKAGES, (run_taut, run_lifelines, run_sksurv, run_statsmodels, run_r), strict=True)
)


def grouped_ms(package, runs):
    """Curves of 10,000 groups of 100; loops over groups are timed on the first 200."""
    import numpy as np

    times, event = records(GROUPS * GROUP_SIZE, "continuous")
    if package == "taut":
        from taut.survival import KaplanMeier

        labels = np.repeat(np.arange(GROUPS), GROUP_SIZE)
        return cpu_ms(lambda: KaplanMeier().fit((times, event), groups=labels), runs)
    if package == "R survfit":
        return None
    import logging
    import warnings

    logging.disable()
    warnings.simplefilter("ignore")
    parts = [
        (times[i : i + GROUP_SIZE], event[i : i + GROUP_SIZE])
        for i in range(0, SAMPLE_GROUPS * GROUP_SIZE, GROUP_SIZE)
    ]
    start = time.process_time()
    for t, e in parts:
        CALL[package](t, e)
    return 1e3 * (time.process_time() - start) * GROUPS / SAMPLE_GROUPS


def _call_lifelines(t, e):
    from lifelines import KaplanMeierFitter

    KaplanMeierFitter().fit(t, e)


def _call_sksurv(t, e):
    from sksurv.nonparametric import kaplan_meier_estimator

    kaplan_meier_estimator(e, t, conf_type="log-log")


def _call_statsmodels(t, e):
    from statsmodels.duration.survfunc import SurvfuncRight

    SurvfuncRight(t, e.astype(int))


CALL = {
    "lifelines": _call_lifelines,
    "scikit-survival": _call_sksurv,
    "statsmodels": _call_statsmodels,
}


def peers(sizes, packages, runs, limit, store):
    import numpy as np

    table = json.loads(store.read_text()) if store is not None and store.exists() else {}
    for package in packages:
        for kind in ("continuous", "tied"):
            last = 0.0
            for n in sizes:
                if last * 11 > 1e3 * limit:
                    print(f"{package}, {kind}, n = {n:,}: left out, it would take over {limit} s")
                    continue
                times, event = records(n, kind)
                count = runs if last * 10 < 2e3 else 1
                try:
                    ms, at, survival = RUN[package](times, event, count)
                except (ImportError, OSError, subprocess.CalledProcessError) as error:
                    print(f"{package} left out: {error}")
                    break
                floor = sort_ms(times, event, runs)
                k = int(np.searchsorted(at, np.median(times), side="right")) - 1
                table.setdefault(f"{kind} {n}", {})[package] = {
                    "ms": ms,
                    "sort": floor,
                    "survival": float(survival[k]),
                }
                print(f"{package:16s} {kind:10s} n = {n:>10,}: {ms:10.1f} ms, "
                      f"{ms / floor:8.2f} sorts", flush=True)  # fmt: skip
                last = ms
        try:
            ms = grouped_ms(package, runs)
        except ImportError:
            continue
        if ms is not None:
            table.setdefault("groups", {})[package] = {"ms": ms}
            print(f"{package:16s} 10,000 groups of 100: {ms:10.0f} ms", flush=True)
    if store is not None:
        store.write_text(json.dumps(table, indent=1) + "\n")
    columns = [p for p in PACKAGES if any(p in row for row in table.values())]
    print("\n| ms | " + " | ".join(columns) + " |\n| --- " * 1 + "| --- " * len(columns) + "|")
    for key, row in table.items():
        cells = [f"{row[p]['ms']:.4g}" if p in row else "" for p in columns]
        print(f"| {key} | " + " | ".join(cells) + " |")
        values = [row[p]["survival"] for p in columns if p in row and "survival" in row[p]]
        # R joins times closer than 1.5e-8 of their mean, which moves the seventh digit.
        if values and max(values) - min(values) > 1e-7:
            print(f"the packages disagree for {key}: {values}", file=sys.stderr)


def main():
    for name in ("OPENBLAS", "MKL", "BLIS"):
        os.environ[f"{name}_NUM_THREADS"] = "1"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("goals", "peers", "memory"))
    parser.add_argument("--n", type=float, nargs="+")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--packages", nargs="+", default=PACKAGES, choices=PACKAGES)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds one fit may take")
    parser.add_argument("--store", type=Path, help="JSON file to fill")
    options = parser.parse_args()
    sizes = [int(n) for n in options.n or ()]
    if options.what == "memory":
        memory(sizes[0])
    elif options.what == "goals":
        for n in sizes or [1_000_000]:
            goals(n, options.runs)
    else:
        peers(
            sizes or [10_000, 100_000, 1_000_000, 10_000_000],
            options.packages,
            options.runs,
            options.limit,
            options.store,
        )


if __name__ == "__main__":
    sys.exit(main())
