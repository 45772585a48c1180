# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import csv
import gzip
import os
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from taut._random import generator
from taut.typing import RandomState

__all__ = ["load_sachs", "make_linear_sem"]

_NOISES = ("normal", "laplace", "exponential", "gumbel")


def make_linear_sem(
    n_samples: int = 1000,
    n_nodes: int = 50,
    *,
    graph: str = "er",
    degree: int = 4,
    noise: str = "normal",
    variance: float | tuple[float, float] = 1.0,
    weights: tuple[float, float] = (0.5, 2.0),
    random_state: RandomState = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Draw samples of linear structural equations on a random DAG.

    Parameters
    ----------
    n_samples, n_nodes : int
        At least 1 and 2.
    graph : {"er", "sf"}, default="er"
        Erdos and Renyi: every pair is joined with the probability that makes ``degree * n_nodes``
        edges expected, and directed along a random order. Scale free, of Barabasi and Albert:
        each new node gets ``degree`` edges to older ones, chosen by their degrees and directed
        from the new one to them; nodes are numbered at random.
    degree : int, default=4
        Edges per node, at least 1.
    noise : {"normal", "laplace", "exponential", "gumbel"}, default="normal"
        Exponential and Gumbel noise has a mean other than 0.
    variance : float or (low, high), default=1.0
        Variance of the noise; of each variable's, drawn uniformly, where two are given.
    weights : (low, high), default=(0.5, 2.0)
        Magnitude of the weights, uniform, with random signs.
    random_state : int, Generator, RandomState or None, default=None
        Seed.

    Returns
    -------
    X : ndarray of shape (n_samples, n_nodes)
        Not centred.
    W : ndarray of shape (n_nodes, n_nodes)
        Entry (i, j) is the weight of the edge i -> j.
    scale : ndarray of shape (n_nodes,)
        Standard deviations of the noise.

    Raises
    ------
    ValueError
        If an argument lies outside its range.

    Examples
    --------
    >>> from taut.datasets import make_linear_sem
    >>> X, W, scale = make_linear_sem(200, 10, degree=2, random_state=0)
    >>> X.shape, W.shape, bool((abs(W[W != 0]) >= 0.5).all())
    ((200, 10), (10, 10), True)
    """
    for name, value, least in (
        ("n_samples", n_samples, 1),
        ("n_nodes", n_nodes, 2),
        ("degree", degree, 1),
    ):
        if value < least:
            raise ValueError(f"{name} must be >= {least}, got {value!r}.")
    if graph not in ("er", "sf"):
        raise ValueError(f"graph must be 'er' or 'sf', got {graph!r}.")
    if noise not in _NOISES:
        raise ValueError(f"noise must be one of {_NOISES}, got {noise!r}.")
    spread: Any = (variance, variance) if isinstance(variance, Real) else variance
    for name, pair in (("variance", spread), ("weights", weights)):
        if len(pair) != 2 or not 0 < pair[0] <= pair[1] < np.inf:
            raise ValueError(f"{name} must satisfy 0 < low <= high < inf, got {pair!r}.")
    rng = generator(random_state)
    d = int(n_nodes)
    edges = _erdos_renyi(rng, d, degree) if graph == "er" else _scale_free(rng, d, degree)
    place = rng.permutation(d)
    edges = edges[np.ix_(place, place)]
    size = rng.uniform(weights[0], weights[1], (d, d)) * rng.choice([-1.0, 1.0], (d, d))
    W = np.where(edges, size, 0.0)
    scale = np.sqrt(rng.uniform(spread[0], spread[1], d))
    Z = _draw(rng, noise, (int(n_samples), d)) * scale
    # X = Z (I - W)^{-1}; both in a topological order, where I - W is triangular.
    X: Any = np.linalg.solve((np.eye(d) - W).T, Z.T).T
    return X, W, scale


def _erdos_renyi(rng: np.random.Generator, d: int, degree: int) -> NDArray[np.bool_]:
    return np.triu(rng.random((d, d)) < 2 * degree / (d - 1), 1)


def _scale_free(rng: np.random.Generator, d: int, degree: int) -> NDArray[np.bool_]:
    edges = np.zeros((d, d), dtype=bool)
    ends: list[int] = []  # every node once per edge
    for node in range(1, d):
        # The first nodes join all before them; later ones choose by degree.
        chosen = set(range(node)) if node <= degree else set()
        while len(chosen) < min(degree, node):
            chosen.add(ends[rng.integers(len(ends))])
        edges[node, list(chosen)] = True
        ends.extend([*chosen, *[node] * len(chosen)])
    return edges


def _draw(rng: np.random.Generator, noise: str, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Noise of variance 1."""
    if noise == "normal":
        return rng.standard_normal(shape)
    if noise == "laplace":
        return rng.laplace(0.0, np.sqrt(0.5), shape)
    if noise == "exponential":
        return rng.exponential(1.0, shape)
    return rng.gumbel(0.0, np.sqrt(6.0) / np.pi, shape)


#: Column of the published table, name, and parents by the consensus of [1].
_SACHS = {
    "praf": ("Raf", ("PKC", "PKA")),
    "pmek": ("Mek", ("PKC", "PKA", "Raf")),
    "plcg": ("Plcg", ()),
    "PIP2": ("PIP2", ("Plcg", "PIP3")),
    "PIP3": ("PIP3", ("Plcg",)),
    "p44/42": ("Erk", ("Mek", "PKA")),
    "pakts473": ("Akt", ("Erk", "PKA")),
    "PKA": ("PKA", ("PKC",)),
    "PKC": ("PKC", ()),
    "P38": ("P38", ("PKC", "PKA")),
    "pjnk": ("Jnk", ("PKC", "PKA")),
}
_SACHS_OBSERVED = 853


def load_sachs(path: str | os.PathLike[str]) -> Bunch:
    """Read the protein-signalling measurements of Sachs et al. from a file that you have.

    Parameters
    ----------
    path : path
        Table with a header (praf, pmek, plcg, PIP2, PIP3, p44/42, pakts473, PKA, PKC, P38, pjnk),
        such as ``cyto_full_data.csv`` of the package cdt; ``.gz`` is unpacked. The first 853 rows
        are the observations without intervention, and alone are read.

    Returns
    -------
    Bunch
        ``data`` of shape (853, 11), ``feature_names``, and ``adjacency`` of shape (11, 11): the 17
        edges of the network that is commonly taken for the truth.

    Raises
    ------
    ValueError
        If the columns are not those named, or there are fewer than 853 rows.

    References
    ----------
    .. [1] K. Sachs, O. Perez, D. Pe'er, D. Lauffenburger, G. Nolan (2005), Causal protein-signaling
       networks derived from multiparameter single-cell data, Science 308, 523-529.

    Examples
    --------
    >>> from taut.datasets import load_sachs
    >>> load_sachs("not_here.csv")
    Traceback (most recent call last):
        ...
    FileNotFoundError: [Errno 2] No such file or directory: 'not_here.csv'
    """
    source: Any = os.fspath(path)
    opener: Any = gzip.open if source.endswith(".gz") else open
    with opener(source, "rt", encoding="ascii", newline="") as file:
        header, *rows = csv.reader(file)
    if set(header) != set(_SACHS):
        raise ValueError(f"{source} must have the columns {tuple(_SACHS)}, got {tuple(header)}.")
    if len(rows) < _SACHS_OBSERVED:
        raise ValueError(f"{source} must have at least {_SACHS_OBSERVED} rows, got {len(rows)}.")
    names = [_SACHS[column][0] for column in header]
    adjacency = np.zeros((len(names), len(names)), dtype=np.int64)
    for name, parents in _SACHS.values():
        for parent in parents:
            adjacency[names.index(parent), names.index(name)] = 1
    return Bunch(
        data=np.array(rows[:_SACHS_OBSERVED], dtype=np.float64),
        feature_names=names,
        adjacency=adjacency,
        DESCR=(load_sachs.__doc__ or "").strip(),
    )
