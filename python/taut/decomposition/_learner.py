# SPDX-License-Identifier: BSD-3-Clause
"""Dictionaries learned from signals."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from taut import _core
from taut._random import generator, philox_key
from taut._threads import n_threads
from taut._validation import validate_data
from taut.decomposition._coder import (
    MAX_GRAM_ATOMS,
    METHODS,
    STARTS,
    Coder,
    check_dictionary,
    coding_penalty,
)
from taut.penalties import Penalty
from taut.typing import RandomState

__all__ = ["DictionaryLearner"]

Float = NDArray[np.floating[Any]]
Float64 = NDArray[np.float64]


class DictionaryLearner(Coder):
    r"""Dictionary of unit atoms in which signals have sparse codes.

    Looks for a local minimum over atoms D and codes R of

    ``mean_i (||x_i - r_i D||^2 / 2 + sum_k phi(r_ik))``, ``||d_k|| = 1``

    batch by batch: codes by :class:`SparseCoder`'s methods, then one step of the dictionary.

    Parameters
    ----------
    n_components : int or None, default=None
        Number of atoms, >= 1; None is the number of features.
    penalty, alpha, method, init, nonnegative, n_jobs
        As in :class:`SparseCoder`. Compare penalties at equal activity, not at equal ``alpha``.
    target_sparsity : float or None, default=None
        Mean number of active atoms: every 20 batches ``alpha`` is multiplied by the root of the
        ratio of what is measured to this. In (0, n_components).
    update : {"online", "sgd"}, default="online"
        "online" minimises a surrogate from the faded moments of all batches, one atom after the
        other [2]_; "sgd" takes a gradient step on the batch [3]_.
    eta : float, default=1.0
        Step of "sgd", in units of one over the largest mean square code; above 0.
    batch_size : int, default=256
    n_epochs : int, default=5
        Passes over the data, each in a new order.
    tol : float, default=0.0
        Ends a fit when the smoothed objective changes by less than this share in ten batches; 0
        makes all passes.
    max_iter : int, default=100
        Iterations of a code while learning; ending there is no cause for a warning.
    transform_max_iter : int, default=1000
        The same in ``transform``.
    coding_tol : float, default=1e-4
        ``tol`` of :class:`SparseCoder`; ten times as much while learning.
    refit, sparse_output : bool, default=False
        As in :class:`SparseCoder`, for ``transform``.
    dict_init : array-like of shape (n_components, n_features), default=None
        First atoms, none of them zero; scaled to norm one. None takes signals at random, and
        random directions when there are too few.
    homeostasis : bool, default=False
        Multiply the penalty of each atom, while learning, by the tenth root of its use relative
        to the mean, within a factor of two.
    random_state : None, int, Generator or RandomState, default=None

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Atoms, of norm one.
    alpha_ : float
        Strength at the end, used by ``transform``.
    usage_ : ndarray of shape (n_components,)
        Share of signals that use the atom, over about the last hundred batches.
    n_dead_ : int
        Atoms replaced by residuals because hardly a signal used them (less than a thousandth of
        the mean in a hundred batches).
    error_curve_, sparsity_curve_, objective_curve_ : ndarray of shape (n_iter,)
        By batch, before the update: ``||X - R D||^2 / ||X||^2``, mean number of active atoms,
        objective.
    n_iter_ : int
        Batches in all.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
        Only for data with column names.

    Raises
    ------
    ValueError
        If a parameter is out of range, X has NaN or infinity, or all signals are zero.

    Notes
    -----
    The result has the same bits for any ``n_jobs``, and of the same ``random_state``. Moments are
    kept in float64 also for float32 data.

    Learning is not convex in the atoms, and concave penalties make it less so: on natural patches
    atoms learned with "l1", then coded with "cel0", reconstruct better than atoms learned with
    "cel0" (the docs have figures). Try both, the former by :class:`SparseCoder` on
    ``components_``, or go on with "cel0" from them by ``dict_init``.

    Deviation from the source of "online": atoms are scaled to norm one, not only down to it.

    References
    ----------
    .. [1] I. Rentzeperis, L. Calatroni, L. Perrinet, D. Prandi (2023), Beyond l1 sparse coding in
       V1, PLOS Computational Biology 19(9), e1011459.
    .. [2] J. Mairal, F. Bach, J. Ponce, G. Sapiro (2010), Online learning for matrix factorization
       and sparse coding, JMLR 11, algorithms 1 and 2.
    .. [3] B. Olshausen, D. Field (1996), Emergence of simple-cell receptive field properties by
       learning a sparse code for natural images, Nature 381.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.decomposition import DictionaryLearner
    >>> rng = np.random.default_rng(0)
    >>> codes = rng.normal(size=(2000, 4)) * (rng.random((2000, 4)) < 0.3)
    >>> X = codes @ rng.normal(size=(4, 8))
    >>> model = DictionaryLearner(4, alpha=0.01, random_state=0).fit(X)
    >>> model.components_.shape, bool(model.error_curve_[-1] < 0.01)
    ((4, 8), True)
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "penalty": [str, Penalty],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "target_sparsity": [Interval(Real, 0, None, closed="neither"), None],
        "update": [StrOptions({"online", "sgd"})],
        "eta": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_epochs": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "transform_max_iter": [Interval(Integral, 1, None, closed="left")],
        "coding_tol": [Interval(Real, 0, None, closed="left")],
        "init": [StrOptions(set(STARTS))],
        "method": [StrOptions(set(METHODS))],
        "nonnegative": ["boolean"],
        "refit": ["boolean"],
        "sparse_output": ["boolean"],
        "dict_init": ["array-like", None],
        "homeostasis": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state", np.random.Generator],
    }

    n_features_in_: int
    feature_names_in_: NDArray[Any]

    def __init__(
        self,
        n_components: int | None = None,
        *,
        penalty: str | Penalty = "cel0",
        alpha: float = 1.0,
        target_sparsity: float | None = None,
        update: str = "online",
        eta: float = 1.0,
        batch_size: int = 256,
        n_epochs: int = 5,
        tol: float = 0.0,
        max_iter: int = 100,
        transform_max_iter: int = 1000,
        coding_tol: float = 1e-4,
        init: str = "zero",
        method: str = "cd",
        nonnegative: bool = False,
        refit: bool = False,
        sparse_output: bool = False,
        dict_init: ArrayLike | None = None,
        homeostasis: bool = False,
        n_jobs: int | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.n_components = n_components
        self.penalty = penalty
        self.alpha = alpha
        self.target_sparsity = target_sparsity
        self.update = update
        self.eta = eta
        self.batch_size = batch_size
        self.n_epochs = n_epochs
        self.tol = tol
        self.max_iter = max_iter
        self.transform_max_iter = transform_max_iter
        self.coding_tol = coding_tol
        self.init = init
        self.method = method
        self.nonnegative = nonnegative
        self.refit = refit
        self.sparse_output = sparse_output
        self.dict_init = dict_init
        self.homeostasis = homeostasis
        self.n_jobs = n_jobs
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> DictionaryLearner:
        """Learn from signals, from the beginning.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        DictionaryLearner
            The estimator itself.
        """
        data = validate_data(self, X, dtype=[np.float64, np.float32], order="C")
        rng = generator(self.random_state)
        self._begin(data, rng)
        order = np.concatenate([rng.permutation(len(data)) for _ in range(self.n_epochs)])
        self._learn(data, order.astype(np.int64), int(self.batch_size), float(self.tol))
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: ArrayLike, y: Any = None) -> DictionaryLearner:
        """Learn from one batch, all of X, and go on from what was learned before.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        DictionaryLearner
            The estimator itself.
        """
        first = not hasattr(self, "components_")
        data = validate_data(self, X, dtype=[np.float64, np.float32], order="C", reset=first)
        if first:
            self._begin(data, generator(self.random_state))
        self._learn(data, np.arange(len(data), dtype=np.int64), len(data), 0.0)
        return self

    def _begin(self, data: Float, rng: np.random.Generator) -> None:
        p = data.shape[1]
        K = p if self.n_components is None else int(self.n_components)
        coding_penalty(self.penalty, self.method)
        if self.method == "cd" and K > MAX_GRAM_ATOMS:
            raise ValueError(
                f"method='cd' is for at most {MAX_GRAM_ATOMS} atoms, got n_components={K}; use "
                "method='ista'."
            )
        if self.target_sparsity is not None:
            if self.target_sparsity >= K:
                raise ValueError(
                    f"target_sparsity must be below the number of atoms, {K}, got "
                    f"{self.target_sparsity:g}."
                )
            if self.alpha == 0:
                raise ValueError("alpha must be > 0 where target_sparsity is to change it, got 0.")
        if not data.any():
            raise ValueError("All signals are zero; there is nothing to learn atoms from.")
        self._state: dict[str, Any] = {
            "atoms": self._first_atoms(data, K, rng),
            "moments": np.zeros((K, K)),
            "cross": np.zeros((K, p)),
            "usage": np.zeros((1, K)),
            "window": np.zeros((1, K)),
            "alpha": float(self.alpha),
            "recent_active": 0.0,
            "n_batches": 0,
            "n_dead": 0,
        }
        self._key = philox_key(rng)
        self.error_curve_ = self.sparsity_curve_ = self.objective_curve_ = np.zeros(0)

    def _first_atoms(self, data: Float, K: int, rng: np.random.Generator) -> Float64:
        p = data.shape[1]
        if self.dict_init is not None:
            given = check_dictionary(self.dict_init, "dict_init")
            atoms: Float64 = np.array(given, dtype=np.float64)
            if atoms.shape != (K, p):
                raise ValueError(f"dict_init must have shape ({K}, {p}), got {atoms.shape}.")
        else:
            candidates = np.flatnonzero((data != 0).any(axis=1))
            chosen = rng.permutation(candidates)[:K]
            more = rng.normal(size=(K - len(chosen), p))
            atoms = np.concatenate([data[chosen].astype(np.float64), more])
        size: Float64 = np.abs(atoms).max(axis=1, keepdims=True)
        if not size.all():
            raise ValueError(f"dict_init must have no atom of zeros, got row {int(size.argmin())}.")
        atoms /= size
        atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
        return np.ascontiguousarray(atoms)

    def _learn(self, data: Float, order: NDArray[np.int64], batch_size: int, tol: float) -> None:
        name, gamma = coding_penalty(self.penalty, self.method)
        raw = _core.decomposition_learn(
            np.ascontiguousarray(data),
            order,
            self._state,
            penalty=name,
            gamma=gamma,
            method=self.method,
            init=self.init,
            max_iter=int(self.max_iter),
            tol=10 * float(self.coding_tol),
            nonnegative=bool(self.nonnegative),
            update=self.update,
            batch_size=batch_size,
            rate=float(self.eta),
            target_sparsity=float(self.target_sparsity or 0.0),
            homeostasis=bool(self.homeostasis),
            stop_tol=tol,
            key=self._key,
            n_threads=n_threads(self.n_jobs),
        )
        state = self._state = raw["state"]
        n_batches = int(state["n_batches"])
        self.components_: Float = state["atoms"].astype(data.dtype, copy=False)
        self.alpha_ = float(state["alpha"])
        # The faded mean started from zero.
        self.usage_ = state["usage"][0] / (1 - 0.99**n_batches)
        self.n_dead_ = int(state["n_dead"])
        self.n_iter_ = n_batches
        self.error_curve_ = np.append(self.error_curve_, raw["error"])
        self.sparsity_curve_ = np.append(self.sparsity_curve_, raw["active"])
        self.objective_curve_ = np.append(self.objective_curve_, raw["objective"])

    def _coding(self) -> tuple[float, int, float]:
        return self.alpha_, int(self.transform_max_iter), float(self.coding_tol)
