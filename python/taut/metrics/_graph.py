# SPDX-License-Identifier: BSD-3-Clause
"""Distances between directed acyclic graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taut import _core
from taut._dag import cpdag, require_dag
from taut._threads import n_threads

__all__ = ["graph_metrics", "varsortability"]


def graph_metrics(
    A_true: ArrayLike, A_est: ArrayLike, *, sid: bool = True, n_jobs: int | None = None
) -> dict[str, Any]:
    """Compare an estimated DAG with the true one.

    Parameters
    ----------
    A_true, A_est : array-like of shape (d, d)
        Edges i -> j where entry (i, j) is not 0; no cycles.
    sid : bool, default=True
        Compute the structural intervention distance too: ``O(d^2 (d + edges))``.
    n_jobs : int or None, default=None
        Threads of it.

    Returns
    -------
    dict
        ``shd``: edges that are extra, missing or reversed, each counted once [1]_.
        ``tpr``: edges found with their direction, of the true ones. ``fdr``: reversed and extra
        edges, of those estimated (0 if there are none). ``fpr``: the same, of the pairs that have
        no true edge. ``n_edges``: estimated edges. ``shd_cpdag``: pairs whose edge differs between
        the completed partially directed graphs. ``sid``: ordered pairs (i, j) for which adjusting
        for the estimated parents of i gives a wrong effect of i on j [2]_, 0 .. d (d - 1); None
        unless asked for.

    Raises
    ------
    ValueError
        If a matrix is not square, has a cycle, or their shapes differ.

    References
    ----------
    .. [1] I. Tsamardinos, L. Brown, C. Aliferis (2006), The max-min hill-climbing Bayesian network
       structure learning algorithm, Machine Learning 65, section 9.1.3.
    .. [2] J. Peters, P. Buehlmann (2015), Structural intervention distance for evaluating causal
       graphs, Neural Computation 27, proposition 6.

    Examples
    --------
    >>> from taut.metrics import graph_metrics
    >>> truth = [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    >>> reversed_edge = [[0, 0, 1], [1, 0, 1], [0, 0, 0]]
    >>> found = graph_metrics(truth, reversed_edge)
    >>> found["shd"], found["shd_cpdag"], found["sid"]
    (1, 0, 4)
    """
    true, estimate = require_dag(A_true, "A_true"), require_dag(A_est, "A_est")
    if true.shape != estimate.shape:
        raise ValueError(
            f"A_true and A_est must have one shape, got {true.shape} and {estimate.shape}."
        )
    d = true.shape[0]
    right = int(np.sum((true & estimate) != 0))
    turned = int(np.sum((true.T & estimate) != 0))
    n_true, n_edges = int(true.sum()), int(estimate.sum())
    extra = n_edges - right - turned
    missing = n_true - right - turned
    pairs = d * (d - 1) // 2 - n_true
    one, other = cpdag(true), cpdag(estimate)
    differs = (one != other) | (one != other).T
    distance = None
    if sid:
        distance = int(_core.graph_sid(true, estimate, n_threads(n_jobs)))
    return {
        "shd": extra + missing + turned,
        "tpr": right / n_true if n_true else 1.0,
        "fdr": (extra + turned) / n_edges if n_edges else 0.0,
        "fpr": (extra + turned) / pairs if pairs else 0.0,
        "n_edges": n_edges,
        "shd_cpdag": int(np.triu(differs, 1).sum()),
        "sid": distance,
    }


def varsortability(variances: ArrayLike, A: ArrayLike) -> float:
    """Share of the directed paths of a graph along which the variance rises.

    Near 1 the order of the variances gives the graph away, as it does in most simulations; then
    a method that only sorts variables by variance is the one to beat [1]_. Near 0.5 it says
    nothing.

    Parameters
    ----------
    variances : array-like of shape (d,)
    A : array-like of shape (d, d)
        Edges where not 0; no cycles.

    Returns
    -------
    float
        Pairs of nodes joined by a path of length k count once for each k; ties count half. NaN
        for a graph without edges.

    Raises
    ------
    ValueError
        If A has a cycle, or the shapes do not fit.

    References
    ----------
    .. [1] A. Reisach, C. Seiler, S. Weichwald (2021), Beware of the simulated DAG! Causal discovery
       benchmarks may be easy to game, NeurIPS, section 3.1.

    Examples
    --------
    >>> from taut.metrics import varsortability
    >>> varsortability([1.0, 2.0, 1.5], [[0, 1, 0], [0, 0, 1], [0, 0, 0]])
    0.6666666666666666
    """
    edges = require_dag(A, "A") != 0
    scale: NDArray[np.float64] = np.asarray(variances, dtype=np.float64)
    if scale.shape != (edges.shape[0],):
        raise ValueError(f"variances must have shape ({edges.shape[0]},), got {scale.shape}.")
    ratio = scale[None, :] / scale[:, None]
    gain = np.where(ratio > 1 + 1e-9, 1.0, np.where(ratio < 1 - 1e-9, 0.0, 0.5))
    reached, paths, rising = edges, 0, 0.0
    while reached.any():
        paths += int(reached.sum())
        rising += float(gain[reached].sum())
        reached = (reached.astype(np.float32) @ edges.astype(np.float32)) > 0
    return rising / paths if paths else float("nan")
