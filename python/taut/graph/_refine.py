# SPDX-License-Identifier: BSD-3-Clause
"""Descent over graphs by single edges."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["refine"]

Float64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Of its variance, what other variables must leave of one that is added to them, and what a
#: residual variance counts at least.
_LEAST_REST = 1e-9
#: Fall of the criterion per sample below which a change is rounding.
_VISIBLE = 1e-6


class _Tables(NamedTuple):
    """What single edges i -> j change, given the other parents of j; each of shape (d, d).

    ``loss`` is the rise of the residual variance of j without the edge, where there is one;
    ``gain`` its fall with it, where there is none, and ``weight`` the coefficient it would get.
    """

    variance: Float64
    loss: Float64
    gain: Float64
    weight: Float64

    def update(self, cov: Float64, edges: Mask, j: int) -> None:
        """Compute column j from the parents of j."""
        parents = np.flatnonzero(edges[:, j])
        inverse = np.linalg.pinv(cov[np.ix_(parents, parents)], hermitian=True)
        coef = inverse @ cov[parents, j]
        self.variance[j] = max(float(cov[j, j] - cov[parents, j] @ coef), 0.0)
        diagonal = np.diag(inverse)
        self.loss[:, j] = 0.0
        self.loss[parents, j] = coef**2 / np.where(diagonal > 0, diagonal, np.inf)
        total = np.diag(cov)
        rest = total - np.einsum("pi,pi->i", cov[parents], inverse @ cov[parents])
        fine = rest > _LEAST_REST * total
        fine[parents] = fine[j] = False
        shared = cov[j] - coef @ cov[parents]
        self.weight[:, j] = np.where(fine, shared, 0.0) / np.where(fine, rest, 1.0)
        self.gain[:, j] = np.where(fine, shared, 0.0) * self.weight[:, j]


def _descendants(edges: Mask) -> Mask:
    """Entry (i, j): whether a path of at least one edge leads from i to j."""
    reached = edges.copy()
    waiting = edges.sum(axis=1)
    ready = list(np.flatnonzero(waiting == 0))
    while ready:
        j = ready.pop()
        for i in np.flatnonzero(edges[:, j]):
            reached[i] |= reached[j]
            waiting[i] -= 1
            if waiting[i] == 0:
                ready.append(i)
    return reached


def refine(
    cov: Float64,
    n: float,
    edges: Mask,
    *,
    equal: bool,
    threshold: Float64,
    allowed: Mask | None,
) -> tuple[Mask, int]:
    """Add, remove and turn single edges as long as the information criterion falls.

    Parameters
    ----------
    cov : ndarray of shape (d, d)
    n : float
        Samples behind it.
    edges : ndarray of bool of shape (d, d)
        A DAG to start from.
    equal : bool
        Whether the criterion has one noise scale for all variables.
    threshold : ndarray of shape (d, d)
        An edge is added only with a weight above it in absolute value.
    allowed : ndarray of bool of shape (d, d) or None
        Edges that can be.

    Returns
    -------
    edges : ndarray of bool of shape (d, d)
        A DAG that no single change that is allowed makes better.
    moves : int
        Changes made.
    """
    d = cov.shape[0]
    edges = edges.copy()
    tables = _Tables(np.zeros(d), *(np.zeros((d, d)) for _ in range(3)))
    for j in range(d):
        tables.update(cov, edges, j)
    able = np.ones((d, d), dtype=bool) if allowed is None else allowed
    each = np.log(n)
    total = np.diag(cov)
    for moves in range(d**2):
        # Sums of variances, or variances, with one edge less, one more, one turned.
        if equal:
            now, least, times = tables.variance.sum(), _LEAST_REST * total.sum(), d
        else:
            now, least, times = tables.variance, _LEAST_REST * total, 1
        before = np.maximum(now, least)
        without = times * np.log(np.maximum(now + tables.loss, least) / before)
        more = times * np.log(np.maximum(now - tables.gain, least) / before)
        if equal:
            both = now + tables.loss - tables.gain.T
            turned = times * np.log(np.maximum(both, least) / before)
        else:
            turned = without + more.T
        reached = _descendants(edges)
        strong = able & (np.abs(tables.weight) > threshold)
        changes = np.stack([
            np.where(edges, n * without - each, np.inf),
            np.where(strong & ~edges & ~reached.T, n * more + each, np.inf),
            np.where(strong.T & edges, n * turned, np.inf),
        ])  # fmt: skip
        while True:
            kind, i, j = (int(k) for k in np.unravel_index(changes.argmin(), changes.shape))
            if not changes[kind, i, j] < -_VISIBLE * n:
                return edges, moves
            # Turned, an edge closes a cycle with any other path.
            if kind == 2 and reached[edges[i] & (np.arange(d) != j), j].any():
                changes[kind, i, j] = np.inf
                continue
            break
        edges[i, j] = kind == 1
        tables.update(cov, edges, j)
        if kind == 2:
            edges[j, i] = True
            tables.update(cov, edges, i)
    return edges, d**2
