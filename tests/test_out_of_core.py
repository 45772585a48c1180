# SPDX-License-Identifier: BSD-3-Clause
"""The path on a matrix mapped from a file, as bench/out_of_core.py runs it on 30 GiB, in small."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_mapped_design_is_read_in_place(tmp_path):
    script = Path(__file__).parents[1] / "bench" / "out_of_core.py"
    command = [sys.executable, script, "--gib", "0.25", "--rows", "5000", "--n-alphas", "20"]
    done = subprocess.run(
        [*command, "--file", tmp_path / "X.f32"], check=True, capture_output=True, text=True
    )
    result = json.loads(done.stdout)
    assert result["converged"]
    assert result["worst gap"] <= 1e-6
    assert result["active at the end"] > 50
    # A copy of X, or of a part in float64, would be 0.25 GiB; the packed working set is a tenth.
    assert result["anonymous GiB at peak"] - result["anonymous GiB before"] <= 0.06
    assert not (tmp_path / "X.f32").exists()
