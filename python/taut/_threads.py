# SPDX-License-Identifier: BSD-3-Clause
"""From ``n_jobs`` to a number of threads."""

from __future__ import annotations

from numbers import Integral

from taut import _core


def n_threads(n_jobs: int | None) -> int:
    """Threads that ``n_jobs`` asks for, as scikit-learn counts.

    Parameters
    ----------
    n_jobs : int or None
        None is 1; -1 is all that the machine, ``OMP_NUM_THREADS`` and
        ``threadpoolctl.threadpool_limits`` offer, -2 all but one, and so on, at least 1. Positive
        numbers are taken as they are.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    TypeError
        If ``n_jobs`` is not an integer.
    ValueError
        If ``n_jobs`` is 0.

    Examples
    --------
    >>> n_threads(None), n_threads(3)
    (1, 3)
    """
    if n_jobs is None:
        return 1
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral):
        raise TypeError(f"n_jobs must be an integer or None, got {n_jobs!r}.")
    n_jobs = int(n_jobs)
    if n_jobs == 0:
        raise ValueError("n_jobs must not be 0. Use None or 1 for one thread, -1 for all.")
    if n_jobs > 0:
        return n_jobs
    return max(1, _available() + 1 + n_jobs)


def _available() -> int:
    """Processors offered; a limit set on the OpenMP pools of this process counts for ours too."""
    from threadpoolctl import threadpool_info  # comes with scikit-learn

    limits = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"]
    return min([int(_core.max_threads()), *limits])
