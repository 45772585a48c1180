# SPDX-License-Identifier: BSD-3-Clause
"""Feed the compiled functions hostile arguments: wrong shapes, strides, dtypes, NaN, bad indices.

``python tests/fuzz/fuzz.py FAMILY... [--inputs 1000000] [--seed 0]``; without a family, all.
Every input is a call that the library itself made (corpus.py), with one to three of its arguments
spoilt. It may return or raise one of a few exceptions; a crash, a hang, a SystemError or any other
exception fails, and the line printed repeats that input alone. An out-of-range read shows under
``make fuzz``, which runs this with AddressSanitizer and UBSan.
"""

from __future__ import annotations

import argparse
import collections
import mmap
import os
import random
import resource
import signal
import struct
import sys
import tempfile
import time
import warnings

import corpus
import numpy as np

from taut import _core

ALLOWED = (ValueError, TypeError, OverflowError, IndexError, KeyError, MemoryError, BufferError)
LIMIT = 0.5  # seconds, then the call is interrupted; it must stop
HANG = 10.0  # seconds without an input finished: a hang
WORDS = ["", "l1", "mcp", "km", "log", "equal", "quadratic", "nonsense", "\0", "\udcff", "x" * 300]
FLOATS = [
    float("nan"),
    float("inf"),
    -float("inf"),
    -1.0,
    -0.0,
    0.0,
    1e-320,
    1e-30,
    0.5,
    1e30,
    1.7e308,
]
KINDS = ["f4", "f8", "f2", "i4", "i8", "u1", "u8", "?", "c16", "O", "U3", ">f8", "g", "M8[s]"]
INTEGERS = [-(2**63), -(2**31) - 1, -2, -1, 0, 1, 2, 3, 7, 50, 2**31 - 1, 2**31, 2**63 - 1, 2**64]


class Interrupted(BaseException):
    pass


def interrupt(signum, frame):
    raise Interrupted


def spoil_array(rng, a):
    way = rng.randrange(8)
    if way <= 1:  # values
        a = a.copy()
        if a.size and a.dtype.kind in "fiub":
            flat = a.reshape(-1) if a.flags.c_contiguous else a.ravel()
            for _ in range(rng.choice([1, 2, a.size])):
                at = rng.randrange(a.size)
                if a.dtype.kind == "f":
                    with np.errstate(over="ignore"):
                        flat[at] = rng.choice(FLOATS)
                else:
                    info = np.iinfo(a.dtype) if a.dtype.kind in "iu" else np.iinfo(np.uint8)
                    value = rng.choice([info.min, -1, 0, 1, 2, a.size, a.size + 1, info.max])
                    flat[at] = min(max(value, info.min), info.max)
            a = flat.reshape(a.shape)
        return a
    if way == 2:  # shape
        return rng.choice(
            [
                a[:0],
                a[:-1] if a.ndim else a,
                np.concatenate([a, a[:1]]) if a.ndim else a,
                a[None],
                a.ravel(),
                a.T,
                a[..., None],
                a.reshape(-1)[:1].reshape(()) if a.size else a,
                np.repeat(a, 2, 0) if a.ndim else a,
            ]
        )
    if way == 3:  # strides
        return rng.choice(
            [
                a[::-1] if a.ndim else a,
                np.repeat(a, 2, 0)[::2] if a.ndim else a,
                np.broadcast_to(a.reshape(-1)[:1].reshape(()), a.shape) if a.size else a,
                np.asfortranarray(a),
                np.ascontiguousarray(a),
                np.flip(a),
                misaligned(a),
            ]
        )
    if way == 4:  # dtype
        kind = rng.choice(KINDS)
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return a.astype(kind)
        except (TypeError, ValueError, OverflowError):
            return a.astype(object)
    if way == 5:  # order of the values
        flat = list(range(a.size))
        rng.shuffle(flat)
        return a.reshape(-1)[flat].reshape(a.shape)
    if way == 6:
        a = a.copy()
        a.flags.writeable = False
        return a
    return rng.choice([None, a.tolist(), "array", 3, 0.5, (), {}, [a], memoryview(b"12345678")])


def misaligned(a):
    if a.dtype.hasobject:
        return a
    raw = np.empty(a.nbytes + 1, np.uint8)
    out = raw[1:].view(a.dtype).reshape(a.shape) if a.nbytes else a
    if a.nbytes:
        out[...] = a
    return out


def spoil(rng, value):
    if isinstance(value, np.ndarray):
        return spoil_array(rng, value)
    if rng.random() < 0.1:
        return rng.choice([None, 3, -1, 0.5, "word", b"bytes", (), [], {}, np.zeros(3), object()])
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, np.integer)):
        return rng.choice(INTEGERS)
    if isinstance(value, (float, np.floating)):
        return rng.choice(FLOATS)
    if isinstance(value, str):
        return rng.choice(WORDS)
    if isinstance(value, bytes):
        return rng.choice([b"", value[:-1], value + b"1"])
    if value is None:
        return rng.choice([np.ones(3), np.zeros(9), np.full(9, np.nan), 1, "word"])
    return value


def leaves(value, path=()):
    """Paths to everything in a call that can be spoilt, containers too."""
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, (list, tuple)):
        items = list(enumerate(value))
    else:
        return [path]
    found = [path] if path else []
    for key, inner in items:
        found += leaves(inner, (*path, key))
    return found


def replace(value, path, rng):
    if not path:
        if isinstance(value, (list, tuple)):
            changed = list(value)
            rng.choice([changed.reverse, changed.clear, lambda: changed and changed.pop()])()
            return type(value)(changed)
        if isinstance(value, dict):
            return {k: v for k, v in value.items() if rng.random() < 0.7}
        return spoil(rng, value)
    if isinstance(value, dict):
        if path[0] not in value:
            return value
        return {**value, path[0]: replace(value[path[0]], path[1:], rng)}
    if not isinstance(value, (list, tuple)) or path[0] >= len(value):
        return value
    changed = list(value)
    changed[path[0]] = replace(changed[path[0]], path[1:], rng)
    return type(value)(changed)


def chosen(calls, rng, seed, i):
    """Name, arguments and places to spoil of input i; ``rng`` goes on from there."""
    rng.seed(seed << 40 | i)
    name, args, kwargs = rng.choice(calls)
    return name, args, kwargs, leaves((args, kwargs))


def run(calls, seed, first, last, progress, only):
    """Feed inputs first .. last - 1; the number of each is in ``progress`` before it is fed."""
    outcomes = collections.Counter()
    rng = random.Random()
    signal.signal(signal.SIGALRM, interrupt)
    warnings.simplefilter("ignore")
    for i in range(first, last):
        struct.pack_into("q", progress, 0, i)
        name, args, kwargs, places = chosen(calls, rng, seed, i)
        call = (corpus.fresh(args), corpus.fresh(kwargs))
        try:
            for _ in range(rng.choice([0, 1, 1, 1, 1, 2, 2, 3])):
                if where := rng.choice(places) if places else ():
                    call = replace(call, where, rng)
            if only:
                print(f"taut._core.{name}(*{call[0]!r}, **{call[1]!r})", flush=True)
            args, kwargs = call
            if "n_threads" in kwargs and isinstance(kwargs["n_threads"], int):
                kwargs["n_threads"] = min(kwargs["n_threads"], 3)
            function = getattr(_core, name)
            signal.setitimer(signal.ITIMER_REAL, LIMIT)
            try:
                function(*args, **kwargs)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            outcomes["returned"] += 1
        except ALLOWED as error:
            outcomes[type(error).__name__] += 1
            if only:
                print(f"{type(error).__name__}: {error}")
        except Interrupted:
            outcomes["interrupted"] += 1
        except Exception as error:
            print(f"input {i}: {name} raised {type(error).__name__}: {error}", flush=True)
            outcomes["failed"] += 1
    return outcomes


def guard(name, inputs, seed, chunk=20000):
    """Run a family in child processes; returns (outcomes, failures)."""
    total, failures = collections.Counter(), []
    at = 0
    with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as errors:
        file.truncate(8)
        progress = mmap.mmap(file.fileno(), 8)
        while at < inputs:
            end = min(inputs, at + chunk)
            struct.pack_into("q", progress, 0, at)
            read, write = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(read)
                os.dup2(errors.fileno(), 2)
                code = 1
                try:
                    if "asan" not in os.environ.get("LD_PRELOAD", ""):
                        resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
                    outcomes = run(RECORDED[name], seed, at, end, progress, False)
                    os.write(write, repr(dict(outcomes)).encode())
                    code = 0
                except BaseException as error:
                    print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                finally:
                    os._exit(code)
            os.close(write)
            status, last, since = None, at, time.monotonic()
            while status is None:
                done, code = os.waitpid(child, os.WNOHANG)
                if done:
                    status = code
                    break
                now = struct.unpack_from("q", progress, 0)[0]
                if now != last:
                    last, since = now, time.monotonic()
                elif time.monotonic() - since > HANG:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                    status = "hang"
                    break
                time.sleep(0.02)
            last = struct.unpack_from("q", progress, 0)[0]
            errors.seek(0)
            said = errors.read().decode(errors="replace")
            errors.seek(0)
            errors.truncate()
            if status == 0:
                outcomes = collections.Counter(eval(os.read(read, 10000).decode()))
                print(said[:6000], end="", flush=True)
                if outcomes["failed"]:
                    failures.append(f"{outcomes['failed']} of inputs {at}-{end - 1}")
                total += outcomes
                at = end
                os.close(read)
                continue
            os.close(read)
            at = last + 1
            # Sanitizers end the process where `new` would throw.
            if "out-of-memory" in said or "Failed to mmap" in said:
                total["MemoryError"] += 1
            else:
                what = "hung" if status == "hang" else f"died with status {status}"
                what += f" in {chosen(RECORDED[name], random.Random(), seed, last)[0]}"
                failures.append(f"input {last} {what}")
                print(
                    f"{name}: input {last} {what}; alone: "
                    f"python tests/fuzz/fuzz.py {name} --seed {seed} --only {last}",
                    flush=True,
                )
                print(said[:6000], flush=True)
                total["died"] += 1
            if total["died"] > 20:
                break
    return total, failures


RECORDED = {}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    names = [f.__name__ for f in corpus.FAMILIES]
    parser.add_argument("families", nargs="*", default=names)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="feed this input alone, in this process")
    options = parser.parse_args()
    bad = False
    for family in corpus.FAMILIES:
        if family.__name__ not in options.families:
            continue
        name = family.__name__
        RECORDED[name] = corpus.record(family)
        if options.only is not None:
            progress = bytearray(8)
            run(RECORDED[name], options.seed, options.only, options.only + 1, progress, True)
            continue
        start = time.monotonic()
        total, failures = guard(name, options.inputs, options.seed)
        rate = options.inputs / (time.monotonic() - start)
        functions = len({call[0] for call in RECORDED[name]})
        counts = ", ".join(f"{k} {v}" for k, v in total.most_common())
        print(
            f"{name}: {options.inputs} inputs to {functions} functions, {rate:.0f}/s: {counts}",
            flush=True,
        )
        bad |= bool(failures)
    return bad


if __name__ == "__main__":
    sys.exit(main())
