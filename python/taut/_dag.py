# SPDX-License-Identifier: BSD-3-Clause
"""Properties of directed graphs given by their matrix: an entry (i, j) that is not 0 is i -> j."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array

from taut import _core

__all__ = [
    "acyclicity",
    "check_square",
    "cpdag",
    "edge_bytes",
    "is_dag",
    "require_dag",
    "topological_order",
]


def check_square(matrix: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return a finite (d, d) matrix as float64 in Fortran order."""
    array = check_array(matrix, dtype=np.float64, order="F", input_name=name, ensure_min_features=1)
    if array.shape[0] != array.shape[1]:
        raise ValueError(f"{name} must be a square matrix, got shape {array.shape}.")
    return np.asarray(array)


def edge_bytes(matrix: ArrayLike, name: str) -> NDArray[np.uint8]:
    """Return 1 where there is an edge, in Fortran order."""
    return np.asfortranarray(check_square(matrix, name) != 0).astype(np.uint8, order="F")


def require_dag(matrix: ArrayLike, name: str) -> NDArray[np.uint8]:
    """As :func:`edge_bytes`, and an error if there is a cycle."""
    edges = edge_bytes(matrix, name)
    if _core.graph_order(edges).size == 0:
        raise ValueError(f"{name} must be the matrix of a graph without cycles.")
    return edges


def topological_order(A: ArrayLike) -> NDArray[np.int64]:
    """Sort the nodes so that every edge leads from an earlier to a later one.

    Parameters
    ----------
    A : array-like of shape (d, d)
        Edges where not 0.

    Returns
    -------
    ndarray of shape (d,)
        Nodes; the lowest number first where there is a choice.

    Raises
    ------
    ValueError
        If the graph has a cycle, or A is not a square matrix of finite numbers.

    See Also
    --------
    CoLiDE : Learns a graph without cycles.

    Examples
    --------
    >>> from taut.graph import topological_order
    >>> topological_order([[0, 0, 0], [1, 0, 1], [1, 0, 0]])
    array([1, 2, 0])
    """
    order = _core.graph_order(edge_bytes(A, "A"))
    if order.size == 0:
        raise ValueError("A has a cycle; a graph with one has no topological order.")
    return order


def is_dag(A: ArrayLike) -> bool:
    """Whether a directed graph has no cycle (an entry of the diagonal is one).

    Parameters
    ----------
    A : array-like of shape (d, d)
        Edges where not 0.

    Returns
    -------
    bool

    See Also
    --------
    CoLiDE : Learns a graph without cycles.

    Examples
    --------
    >>> from taut.graph import is_dag
    >>> is_dag([[0, 1], [0, 0]]), is_dag([[0, 1], [1, 0]])
    (True, False)
    """
    return bool(_core.graph_order(edge_bytes(A, "A")).size)


def acyclicity(W: ArrayLike, s: float = 1.0) -> tuple[float, NDArray[np.float64]]:
    r"""Log-determinant measure of the cycles of a weighted graph, and its gradient.

    ``h(W) = d log(s) - log det(s I - W * W)`` [1]_ with the entrywise square: 0 for a graph without
    cycles, positive otherwise, and infinite where ``s I - W * W`` is no M-matrix.

    Parameters
    ----------
    W : array-like of shape (d, d)
    s : float, default=1.0
        Must be > 0. The domain grows with it.

    Returns
    -------
    h : float
    gradient : ndarray of shape (d, d)
        ``2 W * inv(s I - W * W).T``; NaN outside the domain.

    Raises
    ------
    ValueError
        If W is not a square matrix of finite numbers, or s is not > 0.

    References
    ----------
    .. [1] K. Bello, B. Aragam, P. Ravikumar (2022), DAGMA: Learning DAGs via M-matrices and a
       log-determinant acyclicity characterization, NeurIPS, theorem 1.

    Examples
    --------
    >>> from taut.graph import acyclicity
    >>> acyclicity([[0.0, 3.0], [0.0, 0.0]])[0]
    0.0
    >>> round(acyclicity([[0.0, 0.5], [0.5, 0.0]])[0], 4)  # -log(1 - 0.5^4)
    0.0645
    """
    weights = check_square(W, "W")
    if not (np.isfinite(s) and s > 0):
        raise ValueError(f"s must be finite and > 0, got {s!r}.")
    d = weights.shape[0]
    raw = _core.graph_objective(
        np.zeros((d, d), order="F"), weights, np.ones(d), "none", 0.0, 0.0, float(s)
    )
    if not np.isfinite(raw["h"]):
        return np.inf, np.full((d, d), np.nan)
    return float(raw["h"]), np.ascontiguousarray(raw["gradient"])


def cpdag(A: ArrayLike) -> NDArray[np.bool_]:
    """Completed partially directed graph of a DAG: what its Markov equivalence class agrees on.

    Edges of colliders ``i -> k <- j`` with i and j not adjacent keep their direction, so do those
    that another direction would make a new collider or a cycle (rules 1 to 3 of [1]_); the others
    are undirected.

    Parameters
    ----------
    A : array-like of shape (d, d)
        Edges where not 0; no cycles.

    Returns
    -------
    ndarray of bool of shape (d, d)
        True at (i, j) alone for i -> j, at both (i, j) and (j, i) for an undirected edge.

    Raises
    ------
    ValueError
        If A has a cycle, or is not a square matrix of finite numbers.

    References
    ----------
    .. [1] C. Meek (1995), Causal inference and causal explanation with background knowledge, UAI,
       section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.graph import cpdag
    >>> chain = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]])
    >>> cpdag(chain).astype(int)  # the direction of a chain cannot be seen
    array([[0, 1, 0],
           [1, 0, 1],
           [0, 1, 0]])
    """
    edges = require_dag(A, "A").astype(bool)
    near = edges | edges.T
    apart = ~near
    np.fill_diagonal(apart, False)
    # i -> k is part of a collider if some other parent of k is not a neighbour of i.
    directed = edges & _product(apart, edges)
    undirected = near & ~(directed | directed.T)
    while True:
        new = _product(directed.T, apart) & undirected  # a -> b - c, a and c apart: b -> c
        new |= _product(directed, directed) & undirected  # a -> b -> c, a - c: a -> c
        new |= _kites(directed, undirected & ~(new | new.T), apart)
        if not new.any():
            return directed | undirected
        directed |= new
        undirected &= ~(new | new.T)


def _product(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
    return (a.astype(np.float32) @ b.astype(np.float32)) > 0


def _kites(
    directed: NDArray[np.bool_], undirected: NDArray[np.bool_], apart: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Rule 3: a - b -> d, a - c -> d, a - d with b and c apart give a -> d."""
    new = np.zeros_like(directed)
    for a, d in np.argwhere(undirected):
        between = np.flatnonzero(undirected[a] & directed[:, d])
        if between.size > 1 and apart[np.ix_(between, between)].any():
            new[a, d] = True
    return new
