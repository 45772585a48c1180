# SPDX-License-Identifier: BSD-3-Clause
"""Watch the memory of a process through many fits: ``python tests/fuzz/leaks.py FAMILY...``.

Each family's uses (corpus.py) are repeated until compiled functions were called --calls times. What
the process holds when half of that is done must be what it holds at the end: a growth by more than
--bytes a call, over the best fit of a line through the second half, fails.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import sys
import warnings

import corpus
import numpy as np


def resident():
    """Bytes of resident memory, after what is free was given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096


def growth(family, calls):
    """Bytes a call, calls made."""
    once = len(corpus.record(family, keep_all=True))
    rounds = max(20, -(-calls // once))
    held = np.empty(rounds)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for i in range(rounds):
            family()
            held[i] = resident()
    half = np.arange(rounds // 2, rounds)
    slope = np.polyfit(half, held[half], 1)[0]
    return slope / once, rounds * once


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    names = [family.__name__ for family in corpus.FAMILIES]
    parser.add_argument("families", nargs="*", default=names, choices=[*names, []])
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--bytes", type=float, default=16.0)
    args = parser.parse_args()
    leaking = []
    for family in corpus.FAMILIES:
        if family.__name__ in args.families:
            slope, calls = growth(family, args.calls)
            print(f"{family.__name__:14s} {calls:7d} calls {slope:8.2f} bytes a call", flush=True)
            if slope > args.bytes:
                leaking.append(family.__name__)
    return f"memory grows: {', '.join(leaking)}" if leaking else 0


if __name__ == "__main__":
    sys.exit(main())
