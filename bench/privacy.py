# SPDX-License-Identifier: BSD-3-Clause
"""Accuracy, audits and speed of private survival curves.

``python bench/privacy.py [accuracy] [audit] [speed] [--runs 300] [--trials 100000]`` prints tables;
all three by default, which takes a minute. Data: the lung cancer study (n = 228, 186 times).
OpenDP and the package ``survival`` of PyPI are compared with if they are installed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS = ("accuracy", "audit", "speed")
EPSILONS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 6.0, 10.0)
HORIZON = 1050.0


def lung_and_neighbor():
    """The study, and with the status of the record at day 1022 flipped."""
    from taut.datasets import load_lung

    y = load_lung().y
    other = y.copy()
    last = int(y["time"].argmax())
    other["event"][last] = not y["event"][last]
    return y, other


def print_table(header, rows):
    print("\n| " + " | ".join(header) + " |\n| " + "--- | " * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def accuracy(runs):
    """Root-mean-square error at the observed times, mean over releases."""
    from taut.privacy import PrivateKaplanMeier, TimeIndexedLaplaceKaplanMeier, accuracy_study

    y, _ = lung_and_neighbor()
    mechanisms = {
        f"private, {kind}": PrivateKaplanMeier(1.0, time_range=HORIZON, postprocess=kind)
        for kind in ("balanced_isotonic", "simplex", "gondara_wang")
    }
    for scale in ("at_risk", "linear", "harmonic", "constant"):
        mechanisms[f"time-indexed, {scale} (no guarantee)"] = TimeIndexedLaplaceKaplanMeier(
            scale=scale
        )
    study = accuracy_study(y, EPSILONS, mechanisms, n_runs=runs, random_state=0)
    print_table(
        ["root-mean-square error at epsilon", *(f"{e:g}" for e in EPSILONS)],
        [[name, *(f"{v:.4f}" for v in errors)] for name, errors in study.rmse.items()],
    )
    print("\nThe abstract of arXiv 2412.05164 has 0.04 at epsilon 10.")


def audit(trials):
    """Lower bounds on epsilon from distinguishing games, and the exact losses."""
    from taut.exceptions import PrivacyGuaranteeWarning
    from taut.privacy import PrivateKaplanMeier, TimeIndexedLaplaceKaplanMeier, audit_mechanism

    y, other = lung_and_neighbor()
    noise_only = {"clip": False, "smoothing_window": 1, "monotone": False}
    games = [
        (f"PrivateKaplanMeier, {name}, {e:g}",
         PrivateKaplanMeier(e, time_range=HORIZON, n_bins=20, mechanism=name))
        for e in (0.5, 1.0, 4.0)
        for name in ("histogram", "tree")
    ]  # fmt: skip
    for e in (1.0, 4.0, 6.0):
        games.append((f"time-indexed, noise alone, nominal {e:g}",
                      TimeIndexedLaplaceKaplanMeier(e, **noise_only)))  # fmt: skip
        games.append((f"time-indexed, as published, nominal {e:g}",
                      TimeIndexedLaplaceKaplanMeier(e)))  # fmt: skip
    rows = []
    for name, mechanism in games:
        r = audit_mechanism(mechanism, y, other, trials)
        rows.append([name, f"{r.epsilon_lower:.3f}", "broken" if r.broken else "kept",
                     f"{r.auc:.3f}", f"{r.tpr_at_fpr[0.001]:.4f}"])  # fmt: skip
    print(f"\n{trials:,} runs a side, 95 % confidence, day 1022 flipped:")
    print_table(["mechanism", "epsilon at least", "claim", "AUC", "TPR at FPR 0.001"], rows)
    rows = []
    for scale in ("at_risk", "linear", "harmonic", "constant"):
        model = TimeIndexedLaplaceKaplanMeier(1.0, scale)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PrivacyGuaranteeWarning)
            rows.append([scale, f"{model.fit(y).privacy_loss_lower_bound_:.2f}"])
    print("\nExact loss of one flipped status at nominal epsilon 1:")
    print_table(["scale", "epsilon at least"], rows)
    audit_of_the_survival_package(y)


def audit_of_the_survival_package(y):
    """``survival.ml.dp_kaplan_meier``: is the time of one person in what it publishes?"""
    # The folder of this file, first on the path, has a survival.py.
    path, sys.path = sys.path, [p for p in sys.path if Path(p).resolve() != HERE]
    try:
        from survival import ml
    except ImportError:
        print("\nThe package survival is not installed and left out.")
        return
    finally:
        sys.path = path
    import numpy as np

    from taut.privacy import audit_mechanism

    last = float(y["time"].max())
    config = ml.DPConfig(1.0)
    rng = np.random.default_rng(0)

    def published_times(data):
        result = ml.dp_kaplan_meier(*data, config, int(rng.integers(2**31)))
        return [float(last in result.time_points)]

    times, events = y["time"].tolist(), y["event"].astype(int).tolist()
    moved = [t if t < last else t - 1.0 for t in times]
    result = audit_mechanism(
        published_times, (times, events), (moved, events), 4000, lambda x: x[:, 0]
    )
    runs = [ml.dp_kaplan_meier(times, events, config).survival_curve for _ in range(2)]
    print(f"\nsurvival.ml.dp_kaplan_meier at epsilon 1, one time moved by a day: {result}"
          f"; right in {result.rates[0]:.0%} of its bets, wrong in {result.rates[1]:.0%}. Two "
          "calls with its defaults give the same noise: "
          f"{runs[0] == runs[1]}")  # fmt: skip


def seconds(call, runs=5):
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def speed():
    import numpy as np

    from taut import _core
    from taut.privacy import (
        PrivateKaplanMeier,
        TimeIndexedLaplaceKaplanMeier,
        audit_mechanism,
    )

    n = 10**7
    rng = np.random.default_rng(0)
    times, events = rng.exponential(size=n), rng.random(n) < 0.6
    flags = events.view(np.uint8)
    rows = []
    copy = seconds(lambda: times.sum())
    for bins in (8, 64, 256):
        grid = np.linspace(0, 3, bins + 1)
        s = seconds(lambda g=grid: _core.privacy_count_cells(times, flags, None, g))
        rows.append([f"count cells, {bins} bins, a record", f"{1e9 * s / n:.2f} ns", "1.5 ns"])
    s = seconds(lambda: PrivateKaplanMeier(1.0, time_range=3.0).fit((times, events)))
    rows.append(["fit, n = 1e7", f"{1e3 * s:.0f} ms", "60 ms"])
    rows.append(["numpy.sum of the times, for scale", f"{1e3 * copy:.0f} ms", ""])
    draws = 10**6
    s = seconds(lambda: _core.privacy_discrete_laplace(os.urandom(32), draws, 2**20, 2**21))
    rows.append(["exact noise", f"{draws / s / 1e6:.1f} million draws/s", "2 million"])
    peer = opendp_rate(draws // 10)
    if peer is not None:
        rows.append(["the same by OpenDP", f"{peer / 1e6:.2f} million draws/s", ""])
    y, other = lung_and_neighbor()
    paper = TimeIndexedLaplaceKaplanMeier(1.0)
    s = seconds(lambda: audit_mechanism(paper, y, other, 20_000), 3)
    rows.append(["audit, 20,000 runs a side, 186 times", f"{s:.2f} s", "2 s"])
    model = PrivateKaplanMeier(1.0, time_range=HORIZON).fit(y)
    s = seconds(model.confidence_interval)
    rows.append(["limits, 999 replicates", f"{1e3 * s:.1f} ms", ""])
    print_table(["what", "measured", "goal"], rows)


def opendp_rate(draws):
    try:
        import opendp.prelude as dp
    except ImportError:
        return None
    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")
    mechanism = dp.m.make_laplace(*space, scale=2.0)
    zeros = [0] * draws
    return draws / seconds(lambda: mechanism(zeros), 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--runs", type=int, default=300, help="releases behind each error")
    parser.add_argument("--trials", type=int, default=100_000, help="runs of each audit, a side")
    arguments = parser.parse_args()
    if not set(arguments.parts) <= set(PARTS):
        parser.error(f"parts are {', '.join(PARTS)}")
    for part in arguments.parts or PARTS:
        {
            "accuracy": lambda: accuracy(arguments.runs),
            "audit": lambda: audit(arguments.trials),
            "speed": speed,
        }[part]()


if __name__ == "__main__":
    main()
