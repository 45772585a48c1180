# SPDX-License-Identifier: BSD-3-Clause
"""Balanced sparse routing of tokens to experts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taut import _core
from taut._threads import n_threads
from taut.ot._cost import check_choice, check_count, check_positive

__all__ = ["Routing", "sparse_route"]


@dataclass(frozen=True)
class Routing:
    """Who goes where, for every group.

    Attributes
    ----------
    indices : ndarray of int64, shape (n_groups, m, k) or (n_groups, n, k)
        For ``choose="experts"``, the tokens of each expert; for ``"tokens"``, the experts of each
        token; strongest first, -1 where there are fewer than k.
    weights : ndarray of the same shape
        Combine weights, 0 where the index is -1.
    counts : ndarray of int64, shape (n_groups, n) or (n_groups, m)
        Experts that each token got, or tokens that each expert got.
    marginal_error : ndarray of shape (n_groups,)
        L1 error of the other marginal, relative to its total; not 0 where the limit of k
        partners does not allow balance.

    See Also
    --------
    sparse_route : Returns one.

    Examples
    --------
    >>> from taut.ot import sparse_route
    >>> sparse_route([[[3.0, 0.0], [0.0, 3.0]]], max_nz=1).counts
    array([[1, 1]])
    """

    indices: NDArray[np.int64]
    weights: NDArray[np.float64]
    counts: NDArray[np.int64]
    marginal_error: NDArray[np.float64]


def sparse_route(
    scores: ArrayLike,
    max_nz: int | None = None,
    *,
    choose: str = "experts",
    capacity_factor: float = 1.0,
    round_to: int = 1,
    reg: float = 1.0,
    weights: str = "scores",
    tol: float = 1e-3,
    max_iter: int = 100,
    n_jobs: int | None = None,
) -> Routing:
    r"""Route tokens to experts by sparsity-constrained transport.

    For each group, maximises ``<T, S> - reg / 2 |T|^2`` over plans in which every token sends
    mass 1 and every expert receives n / m, with at most k partners for each chooser.

    Parameters
    ----------
    scores : array-like of shape (n_groups, n, m) or (n, m)
        Affinity S of tokens (n) and experts (m), such as softmax probabilities.
    max_nz : int or None, default=None
        k. None: ``ceil(capacity_factor * n / m)`` tokens an expert for ``choose="experts"``,
        ``ceil(capacity_factor)`` experts a token for ``"tokens"``; rounded up to a multiple of
        ``round_to``.
    choose : {"experts", "tokens"}, default="experts"
        Whether each expert chooses at most k tokens or each token at most k experts.
    capacity_factor : float, default=1.0
        See ``max_nz``.
    round_to : int, default=1
        See ``max_nz``; hardware likes multiples of 4 or 8.
    reg : float, default=1.0
        Strength, in units of the scores (mass of a token is 1).
    weights : {"scores", "plan"}, default="scores"
        Combine weights: the scores at the chosen places, or the entries of the plan.
    tol, max_iter : float, int
        Relative marginal error and evaluations, per group. Balance to 1e-3 is plenty here; a
        group that ends above says so in ``marginal_error``, without a warning.
    n_jobs : int or None, default=None
        Threads; groups are dealt to them.

    Returns
    -------
    Routing

    Raises
    ------
    ValueError
        If scores are not finite, max_nz is out of range or a parameter unknown.

    References
    ----------
    .. [1] T. Liu, J. Puigcerver, M. Blondel (2023), Sparsity-constrained optimal transport, ICLR,
       section 5.

    Examples
    --------
    >>> from taut.ot import sparse_route
    >>> scores = [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]]
    >>> sparse_route(scores, max_nz=2).indices[0]
    array([[0, 1],
           [3, 2]])
    """
    check_choice(choose, "choose", ("experts", "tokens"))
    check_choice(weights, "weights", ("scores", "plan"))
    strength, accuracy = check_positive(reg, "reg"), check_positive(tol, "tol")
    factor, multiple = (
        check_positive(capacity_factor, "capacity_factor"),
        check_count(round_to, "round_to"),
    )
    budget, threads = check_count(max_iter, "max_iter"), n_threads(n_jobs)
    S = np.asarray(scores, dtype=np.float64)
    if S.ndim == 2:
        S = S[None]
    if S.ndim != 3 or 0 in S.shape:
        raise ValueError(
            "scores must have shape (n_groups, n_tokens, n_experts) or (n_tokens, n_experts), none "
            f"of them 0, got {np.shape(scores)}."
        )
    if not np.isfinite(S).all():
        raise ValueError("scores must be finite, got NaN or infinity.")
    _, n, m = S.shape
    experts = choose == "experts"
    full = n if experts else m
    if max_nz is None:
        wanted = factor * n / m if experts else factor
        k = min(-(-int(np.ceil(wanted - 1e-9)) // multiple) * multiple, full)
    else:
        k = check_count(max_nz, "max_nz")
        if k > full:
            raise ValueError(f"max_nz must be in [1, {full}], got {k}.")
    # Inside, the chooser's scores lie together: (groups, choosers, chosen).
    table = np.ascontiguousarray(S.transpose(0, 2, 1)) if experts else np.ascontiguousarray(S)
    tokens, capacity = np.ones(n), np.full(m, n / m)
    chosen, chooser = (tokens, capacity) if experts else (capacity, tokens)
    found: dict[str, Any] = _core.ot_route(
        table, chosen, chooser, strength, k, accuracy, budget, threads
    )
    index, mass = found["index"], found["mass"]
    used = index >= 0
    combined = mass
    if weights == "scores":
        picked = np.take_along_axis(table, np.where(used, index, 0), axis=2)
        combined = np.where(used, picked, 0.0)
    groups = np.broadcast_to(np.arange(index.shape[0])[:, None, None], index.shape)
    counts = np.zeros((index.shape[0], full), dtype=np.int64)
    np.add.at(counts, (groups[used], index[used]), 1)
    return Routing(index, combined, counts, found["error"])
