# SPDX-License-Identifier: BSD-3-Clause
"""A short run of the fuzzer; ``make fuzz`` is the long one, under sanitizers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from taut import _core

FUZZ = Path(__file__).parent / "fuzz"


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_hostile_arguments_are_refused_without_a_crash():
    command = [sys.executable, str(FUZZ / "fuzz.py"), "--inputs", "400"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_compiled_function_is_fuzzed(monkeypatch):
    monkeypatch.syspath_prepend(str(FUZZ))
    import corpus

    # `burn` does nothing but take time, for tests of the monitor.
    fed = {name for family in corpus.FAMILIES for name, _, _ in corpus.record(family)}
    kind = type(_core.max_threads)
    assert {n for n, f in vars(_core).items() if isinstance(f, kind)} - fed == {"burn"}
