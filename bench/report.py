# SPDX-License-Identifier: BSD-3-Clause
"""Print the table of a results file, and draw time against gap.

``python bench/report.py [FILE.json] [--figure FILE.png]``; the newest results by default.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"


def best_peer(peers):
    """Return (name, wall) of the fastest package other than taut that reached the target."""
    times = {
        name: peer["compared"]["wall"]
        for name, peer in peers.items()
        if name != "taut" and peer["compared"] and "wall" in peer["compared"]
    }
    name = min(times, key=times.get, default=None)
    return name, times.get(name)


def reason(peer, target):
    """Say why a package has no time to compare."""
    if not peer["info"]["ok"]:
        return f"not run: {peer['info']['reason']}"
    if not peer["info"]["comparable"]:
        good = [point for point in peer["curve"] if point["ok"]]
        time = f"{good[0]['wall']:.2f} s; " if good else ""
        return time + peer["info"]["note"]
    failed = [point for point in peer["curve"] if not point["ok"]]
    gaps = [point["gap"] for point in peer["curve"] if point["ok"]]
    text = f"best gap {min(gaps):.1e} > {target:.0e}" if gaps else "no result"
    return text + (f"; then {failed[0]['reason']}" if failed else "")


def loosest(curve, key, target):
    """Return the first point of a curve whose ``key`` is at most the target, or None."""
    good = (point for point in curve if point.get(key, float("inf")) <= target)
    return next(good, None)


def by_suboptimality(problem, target):
    """Return one line: time of the single ladder run that first was this close to the optimum."""
    found = []
    for name, peer in problem["peers"].items():
        point = loosest(peer["curve"], "suboptimality", target)
        if point:
            found.append((point["wall"], f"{name} {point['wall']:.3g} s (tol {point['tol']:.0e})"))
    return ", ".join(text for _, text in sorted(found)) or "nobody"


def rows(problem, target):
    """Yield table rows, fastest first, those without a time last."""
    peers = problem["peers"]
    _, best = best_peer(peers)

    def key(item):
        compared = item[1]["compared"]
        return compared["wall"] if compared and "wall" in compared else float("inf")

    for name, peer in sorted(peers.items(), key=key):
        if peer["info"].get("absent"):
            continue
        label = f"{name} {peer['info'].get('version', '')}".strip()
        compared = peer["compared"]
        if compared and "wall" in compared:
            ratio = f"{compared['wall'] / best:.3f}" if best else ""
            runs = f"{compared['n_good']}"
            yield (
                f"| {label} | {compared['wall']:.3f} | {compared['cpu']:.3f} | {ratio} "
                f"| {compared['tol']:.0e} | {compared['gap']:.1e} "
                f"| {compared['nonzeros_last']:.0f} "
                f"| {compared['wall'] / problem['floor_seconds']:.0f} | {runs} |"
            )
        else:
            yield f"| {label} | | | | | | | | {reason(peer, target)} |"


def markdown(result):
    """Return the whole report as Markdown text."""
    machine, config = result["machine"], result["config"]
    target = config["target_gap"]
    lines = [
        f"{machine['cpu']}, {machine['n_cpus']} CPUs, {config['threads']} thread(s), "
        f"{machine['date']}, load {machine['load_at_start']:.1f} at start, "
        f"one thread reads {result['bandwidth'] / 1e9:.1f} GB/s.",
        f"Median seconds at the loosest tolerance whose worst criterion over the path (the "
        f"relative duality gap unless said otherwise) is at most {target:.0e}. `ratio` is the wall "
        f"time over that of the best peer, `reads` the wall time in reads of X at that bandwidth. "
        f"Solves over "
        f"{config['slow_seconds']:g} s are run {config['slow_runs']} times.",
    ]
    ratios = []
    for problem in result["problems"]:
        lines += [
            "",
            f"### {problem['name']}",
            f"{problem['reason']}. One read of X: {problem['floor_seconds']:.4f} s. "
            f"Criterion: {problem['criterion']}.",
            "",
            "| package | wall | CPU | ratio | tol | gap | nonzeros | reads | runs |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
            *rows(problem, target),
            "",
            f"First within {target:.0e} of the optimal objective (primal value against the best "
            f"dual value found by anybody; single runs): {by_suboptimality(problem, target)}.",
            "",
            "Time against gap: "
            + "; ".join(
                f"{name}: "
                + ", ".join(
                    f"{q['wall']:.3g} s {q['gap']:.0e}" for q in peer["curve"] if "gap" in q
                )
                for name, peer in problem["peers"].items()
                if any("gap" in q for q in peer["curve"])
            ),
        ]
        name, best = best_peer(problem["peers"])
        taut = problem["peers"].get("taut", {}).get("compared")
        if taut and best:
            lines.append(f"taut / best peer ({name}): {taut['wall'] / best:.3f}")
            ratios.append((problem["name"], taut["wall"], name, best))
    if ratios:
        lines += ["", "| problem | taut | best peer | ratio |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {problem} | {ours:.3f} | {name} {theirs:.3f} | {ours / theirs:.3f} |"
            for problem, ours, name, theirs in ratios
        ]
        middle = statistics.median(ours / theirs for _, ours, _, theirs in ratios)
        lines.append(f"| median | | | {middle:.3f} |")
    return "\n".join(lines)


def figure(result, path):
    """Draw one panel a problem, wall seconds against worst gap; returns the path."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    problems = result["problems"]
    fig, axes = plt.subplots(
        1, len(problems), figsize=(4.5 * len(problems), 4), squeeze=False, layout="constrained"
    )
    for ax, problem in zip(axes[0], problems, strict=True):
        for name, peer in problem["peers"].items():
            points = [(q["wall"], max(q["gap"], 1e-16)) for q in peer["curve"] if "gap" in q]
            if points:
                width = 2.5 if name == "taut" else 1.2
                ax.loglog(*zip(*points, strict=True), marker="o", ms=3, lw=width, label=name)
        ax.axhline(result["config"]["target_gap"], color="0.6", lw=0.8, ls="--")
        ax.axvline(problem["floor_seconds"], color="0.6", lw=0.8, ls=":")
        ax.set(title=problem["name"], xlabel="wall seconds", ylabel="worst relative gap")
    axes[0][0].legend(fontsize=8)
    fig.savefig(path, dpi=120)
    plt.close(fig)
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    path = options.file or max(RESULTS.glob("*.json"), default=None)
    if path is None:
        parser.error(f"no results in {RESULTS}; run bench/run.py first")
    result = json.loads(path.read_text())
    print(markdown(result))
    if options.figure:
        print(f"figure: {figure(result, options.figure)}")


if __name__ == "__main__":
    main()
