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


needs_openmp = pytest.mark.skipif(
    _core.effective_threads(2) < 2, reason="built without OpenMP: one thread only"
)


@needs_openmp
def test_region_gets_the_threads_asked_for():
    assert _core.open_region(64, 2) == 2
    assert _core.open_region(64, 1) == 1


@needs_openmp
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_child_forked_after_a_parallel_region_finishes_on_one_thread():
    # Without the guard the child hangs for ever in libgomp; the alarm ends it then.
    code = """
        import os, signal
        from taut import _core
        assert _core.open_region(64, 2) == 2
        pid = os.fork()
        if pid == 0:
            signal.alarm(20)
            os._exit(10 + _core.open_region(64, 2))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), _core.open_region(64, 2))
    """
    assert run(code) == "11 2"


@needs_openmp
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_child_forked_before_any_parallel_region_keeps_its_threads():
    code = """
        import os, signal
        from taut import _core
        pid = os.fork()
        if pid == 0:
            signal.alarm(20)
            os._exit(10 + _core.open_region(64, 2))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """
    assert run(code) == "12"
