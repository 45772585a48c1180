# SPDX-License-Identifier: BSD-3-Clause
"""n_jobs, the thread limits of other packages, and processes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from taut import _core
from taut._threads import n_threads


@pytest.mark.parametrize("n_jobs", [1, 2, 7, np.int64(3)])
def test_positive_n_jobs_is_taken_as_it_is(n_jobs):
    assert n_threads(n_jobs) == n_jobs


def test_none_is_one_thread():
    assert n_threads(None) == 1


def test_negative_n_jobs_counts_back_from_all():
    everything = _core.max_threads()
    assert n_threads(-1) == everything
    assert n_threads(-2) == max(1, everything - 1)
    assert n_threads(-1000) == 1


def test_zero_is_refused():
    with pytest.raises(ValueError, match="n_jobs must not be 0"):
        n_threads(0)


@pytest.mark.parametrize("n_jobs", [1.0, "2", True])
def test_other_types_are_refused(n_jobs):
    with pytest.raises(TypeError, match="n_jobs must be an integer or None"):
        n_threads(n_jobs)


def run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_omp_num_threads_limits_all_threads():
    code = "from taut._threads import n_threads; print(n_threads(-1))"
    assert run(code, OMP_NUM_THREADS="1") == "1"


def test_threadpoolctl_limits_all_threads():
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        assert n_threads(-1) == 1


def test_region_gets_the_threads_asked_for():
    assert _core.open_region(64, 2) == 2
    assert _core.open_region(64, 1) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("before", [0, 2])
def test_forked_child_finishes_and_keeps_its_threads(before):
    # Threads do not survive a fork: a child that waited for its parent's would hang for ever.
    code = f"""
        import os, signal
        from taut import _core
        if {before}:
            _core.open_region(64, {before})
        pid = os.fork()
        if pid == 0:
            signal.alarm(20)
            os._exit(10 + _core.open_region(64, 2))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), _core.open_region(64, 2))
    """
    assert run(code) == "12 2"


def test_regions_of_several_threads_at_once_finish():
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        given = list(pool.map(lambda _: _core.open_region(1000, 3), range(200)))
    assert given == [3] * 200
