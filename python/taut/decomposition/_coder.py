# SPDX-License-Identifier: BSD-3-Clause
"""Codes in a fixed dictionary."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted

from taut import _core
from taut._threads import n_threads
from taut._validation import validate_data
from taut.exceptions import ConvergenceWarning
from taut.penalties import CEL0, L0, L1, MCP, SCAD, Lq, Penalty, as_penalty
from taut.prox import value

__all__ = ["SparseCoder", "coding_objective", "sparse_encode"]

Float = NDArray[np.floating[Any]]
Float64 = NDArray[np.float64]

METHODS = ("cd", "ista", "fista")
STARTS = ("zero", "l1", "continuation")
#: Atoms for which coordinate descent may keep its matrix of inner products, 134 MB in float64.
MAX_GRAM_ATOMS = 4096

_PENALTIES = (L1, MCP, SCAD, L0, CEL0, Lq)


def coding_penalty(penalty: str | Penalty, method: str) -> tuple[str, float]:
    """Return the kernel's name of a penalty and its concavity or exponent.

    Raises
    ------
    ValueError
        If it is not a penalty of single codes, or ``method="fista"`` meets one that is not convex.
    """
    holder = as_penalty(penalty)
    if not isinstance(holder, _PENALTIES):
        names = ", ".join(repr(cls.name) for cls in _PENALTIES)
        raise ValueError(f"penalty must be one of {names} for codes, got {holder.name!r}.")
    if method == "fista" and not holder.convex:
        raise ValueError(
            f"method='fista' is for penalty='l1', got {holder.name!r}; momentum may carry a code "
            "out of the valley of its start. Use 'cd' or 'ista'."
        )
    gamma = holder.gamma if isinstance(holder, MCP | SCAD) else 1.0
    if isinstance(holder, Lq):
        gamma = holder.exponent
    return holder.name, float(gamma)


def check_dictionary(dictionary: Any, name: str = "dictionary") -> Float:
    """Return a dictionary as a C-ordered array (n_components, n_features) of floats."""
    return np.ascontiguousarray(
        check_array(dictionary, dtype=[np.float64, np.float32], order="C", input_name=name)
    )


def encode(
    X: Float,
    dictionary: Float,
    *,
    penalty: str | Penalty,
    alpha: float,
    method: str,
    init: str,
    max_iter: int,
    tol: float,
    nonnegative: bool,
    refit: bool,
    sparse_output: bool,
    n_jobs: int | None,
) -> tuple[Any, int]:
    """Code validated signals; returns the codes and the largest number of iterations."""
    name, gamma = coding_penalty(penalty, method)
    if method == "cd" and len(dictionary) > MAX_GRAM_ATOMS:
        raise ValueError(
            f"method='cd' keeps a matrix of all pairs of atoms: at most {MAX_GRAM_ATOMS} atoms, "
            f"got {len(dictionary)}; use method='ista'."
        )
    raw = _core.decomposition_encode(
        np.ascontiguousarray(X),
        np.ascontiguousarray(dictionary, dtype=X.dtype),
        penalty=name,
        alpha=float(alpha),
        gamma=gamma,
        method=method,
        init=init,
        max_iter=int(max_iter),
        tol=float(tol),
        nonnegative=bool(nonnegative),
        refit=bool(refit),
        dense=not sparse_output,
        n_threads=n_threads(n_jobs),
    )
    if raw["n_unfinished"]:
        warnings.warn(
            f"{raw['n_unfinished']} of {len(X)} codes still changed by more than tol={tol:g} of "
            f"the largest correlation after max_iter={max_iter} iterations; raise max_iter or tol.",
            ConvergenceWarning,
            stacklevel=3,
        )
    codes = raw["codes"]
    if sparse_output:
        codes = sp.csr_matrix(codes, shape=(len(X), len(dictionary)))
    return codes, int(raw["n_iter"])


def sparse_encode(
    X: ArrayLike,
    dictionary: ArrayLike,
    *,
    penalty: str | Penalty = "cel0",
    alpha: float = 1.0,
    method: str = "cd",
    init: str = "zero",
    max_iter: int = 1000,
    tol: float = 1e-4,
    nonnegative: bool = False,
    refit: bool = False,
    sparse_output: bool = False,
    n_jobs: int | None = None,
) -> Any:
    """Sparse codes of signals in a dictionary.

    Each row r of the result is a local minimum (the minimum, for "l1") of
    ``||x - r D||^2 / 2 + sum_k phi(r_k)``. See :class:`SparseCoder` for the parameters.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    dictionary : array-like of shape (n_components, n_features)
        Rows are atoms, of any norm.
    penalty, alpha, method, init, max_iter, tol, nonnegative, refit, sparse_output, n_jobs
        As in :class:`SparseCoder`.

    Returns
    -------
    ndarray or CSR matrix of shape (n_samples, n_components)
        float32 if X is, else float64.

    Raises
    ------
    ValueError
        If shapes do not agree, values are NaN or infinite, or a parameter is out of range.

    Examples
    --------
    >>> from taut.decomposition import sparse_encode
    >>> sparse_encode([[3.0, 0.5]], [[1.0, 0.0], [0.0, 1.0]], penalty="l0", alpha=1.0)
    array([[3., 0.]])
    """
    coder = SparseCoder(
        dictionary,
        penalty=penalty,
        alpha=alpha,
        method=method,
        init=init,
        max_iter=max_iter,
        tol=tol,
        nonnegative=nonnegative,
        refit=refit,
        sparse_output=sparse_output,
        n_jobs=n_jobs,
    )
    return coder.fit(X).transform(X)


def coding_objective(
    X: ArrayLike, dictionary: ArrayLike, codes: Any, *, penalty: str | Penalty, alpha: float
) -> Float64:
    """Objective of each signal's code, computed from scratch in float64.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    dictionary : array-like of shape (n_components, n_features)
    codes : array-like or sparse matrix of shape (n_samples, n_components)
    penalty : str or Penalty
    alpha : float

    Returns
    -------
    ndarray of shape (n_samples,)
        ``||x - r D||^2 / 2 + sum_k phi(r_k)``.

    See Also
    --------
    SparseCoder : What it is for.

    Examples
    --------
    >>> from taut.decomposition import coding_objective
    >>> coding_objective([[3.0, 0.5]], [[1.0, 0.0]], [[3.0]], penalty="l0", alpha=1.0)
    array([1.125])
    """
    name, gamma = coding_penalty(penalty, "cd")
    atoms = np.asarray(dictionary, dtype=np.float64)
    r = np.asarray(codes.toarray() if sp.issparse(codes) else codes, dtype=np.float64)
    rest = np.asarray(X, dtype=np.float64) - r @ atoms
    if name == "cel0":
        shape: Any = (atoms * atoms).sum(axis=1)
        used = shape > 0
        r, shape = r[:, used], shape[used]
        # CEL0 of strength alpha is MCP of strength sqrt(2 alpha) ||a|| and concavity 1 / ||a||^2.
        cost = value("mcp", r, np.sqrt(2 * float(alpha) * shape), 1 / shape)
    else:
        cost = value(name, r, float(alpha), gamma if name in ("mcp", "scad", "lq") else None)
    return 0.5 * (rest * rest).sum(axis=1) + np.asarray(cost).sum(axis=1)


class Coder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What estimators with a dictionary ``components_`` do with it."""

    penalty: str | Penalty
    method: str
    init: str
    nonnegative: bool
    refit: bool
    sparse_output: bool
    n_jobs: int | None
    components_: Float

    def _coding(self) -> tuple[float, int, float]:
        """Strength, iterations and tolerance of ``transform``."""
        raise NotImplementedError

    def transform(self, X: ArrayLike) -> Any:
        """Codes of signals.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray or CSR matrix of shape (n_samples, n_components)
            float32 if X is, else float64.
        """
        check_is_fitted(self)
        data = validate_data(self, X, dtype=[np.float64, np.float32], order="C", reset=False)
        alpha, max_iter, tol = self._coding()
        codes, _ = encode(
            data,
            self.components_,
            penalty=self.penalty,
            alpha=alpha,
            method=self.method,
            init=self.init,
            max_iter=max_iter,
            tol=tol,
            nonnegative=self.nonnegative,
            refit=self.refit,
            sparse_output=self.sparse_output,
            n_jobs=self.n_jobs,
        )
        return codes

    def inverse_transform(self, X: Any) -> Float:
        """Signals of codes: ``codes @ components_``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        codes = check_array(
            X, accept_sparse="csr", dtype=[np.float64, np.float32], input_name="codes"
        )
        if codes.shape[1] != len(self.components_):
            raise ValueError(
                f"codes must have {len(self.components_)} columns, one per atom, got "
                f"{codes.shape[1]}."
            )
        return np.asarray(codes @ self.components_.astype(codes.dtype, copy=False))

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Minus the mean objective of the signals' codes, by :func:`coding_objective`."""
        codes = self.transform(X)
        alpha, _, _ = self._coding()
        return -float(
            coding_objective(X, self.components_, codes, penalty=self.penalty, alpha=alpha).mean()
        )

    @property
    def _n_features_out(self) -> int:
        return int(self.components_.shape[0])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class SparseCoder(Coder):
    r"""Sparse codes of signals in a fixed dictionary, with penalties beyond L1.

    The code r of a signal x is a local minimum of

    ``||x - r D||^2 / 2 + sum_k phi(r_k)``

    At the same error of reconstruction, penalties that leave large codes alone need far fewer
    active atoms than L1 (the docs have figures).

    Parameters
    ----------
    dictionary : array-like of shape (n_components, n_features)
        Rows are atoms, of any norm; an atom of zeros is not used.
    penalty : str or Penalty, default="cel0"
        phi, of strength ``alpha``: "cel0", "l0", "l1", "mcp", "scad", "lq" or a holder of
        :mod:`taut.penalties`.
    alpha : float, default=1.0
        Strength, >= 0, in units of the codes (L1, MCP, SCAD) or of their squares (L0, CEL0): an
        atom of norm one enters L0 and CEL0 codes above ``sqrt(2 alpha)``.
    method : {"cd", "ista", "fista"}, default="cd"
        "cd" is coordinate descent on an active set that grows by the atom of the largest pull.
        "ista" takes proximal gradient steps of length ``1 / ||D||^2`` with all atoms at once,
        "fista" adds momentum and is for "l1" only.
    init : {"zero", "l1", "continuation"}, default="zero"
        Start: zero; ten iterations of L1 at half the threshold of the penalty; or solutions at
        five strengths from ``10 alpha`` down. For "l1" it changes only the time taken.
    max_iter : int, default=1000
        Sweeps over the active atoms, or gradient steps, for each signal.
    tol : float, default=1e-4
        A signal is done when no ``||d_k|| |change of r_k|`` of an iteration exceeds ``tol`` times
        the largest ``|d_k x| / ||d_k||``.
    nonnegative : bool, default=False
        Allow codes >= 0 only.
    refit : bool, default=False
        Replace the codes by least squares on the atoms chosen. Atoms that depend on the others
        are left out.
    sparse_output : bool, default=False
        Return a CSR matrix.
    n_jobs : int or None, default=None
        Threads. The result has the same bits for any number of them.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        The dictionary.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
        Only for data with column names.

    Raises
    ------
    ValueError
        If a parameter is out of range, the dictionary or X has NaN or infinity, or their numbers
        of features differ; for ``method="cd"`` if there are more than 4096 atoms.

    Warns
    -----
    ConvergenceWarning
        If codes still change after ``max_iter``.

    Notes
    -----
    Rows of zeros have codes of zero. With "cd" L0 and CEL0 find the same codes: the difference of
    the two is in simultaneous steps, which are shorter than ``1 / ||d_k||^2``. From zero, "ista"
    with L0 lets only atoms above ``sqrt(2 alpha) ||D||`` in and stops in poor minima; give it
    ``init="continuation"``.

    A code that coordinate descent reached in float32 is as good as one of float64 for images;
    ask for ``tol`` above 1e-6 there.

    References
    ----------
    .. [1] I. Rentzeperis, L. Calatroni, L. Perrinet, D. Prandi (2023), Beyond l1 sparse coding in
       V1, PLOS Computational Biology 19(9), e1011459.
    .. [2] E. Soubies, L. Blanc-Feraud, G. Aubert (2015), A continuous exact l0 penalty (CEL0) for
       least squares regularized problem, SIAM Journal on Imaging Sciences 8(3).

    Examples
    --------
    >>> import numpy as np
    >>> from taut.decomposition import SparseCoder
    >>> D = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    >>> SparseCoder(D, penalty="l1", alpha=0.5).fit_transform([[3.0, 4.0]]).round(6)
    array([[0. , 4.5, 0. ]])
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012
        "dictionary": ["array-like"],
        "penalty": [str, Penalty],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "method": [StrOptions(set(METHODS))],
        "init": [StrOptions(set(STARTS))],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "nonnegative": ["boolean"],
        "refit": ["boolean"],
        "sparse_output": ["boolean"],
        "n_jobs": [Integral, None],
    }

    n_features_in_: int
    feature_names_in_: NDArray[Any]

    def __init__(
        self,
        dictionary: ArrayLike,
        *,
        penalty: str | Penalty = "cel0",
        alpha: float = 1.0,
        method: str = "cd",
        init: str = "zero",
        max_iter: int = 1000,
        tol: float = 1e-4,
        nonnegative: bool = False,
        refit: bool = False,
        sparse_output: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.dictionary = dictionary
        self.penalty = penalty
        self.alpha = alpha
        self.method = method
        self.init = init
        self.max_iter = max_iter
        self.tol = tol
        self.nonnegative = nonnegative
        self.refit = refit
        self.sparse_output = sparse_output
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> SparseCoder:
        """Check the dictionary; X is used for its number of features only.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        SparseCoder
            The estimator itself.
        """
        data = validate_data(self, X, dtype=[np.float64, np.float32], order="C")
        self.components_ = check_dictionary(self.dictionary)
        if self.components_.shape[1] != data.shape[1]:
            raise ValueError(
                f"X has {data.shape[1]} features, the atoms of the dictionary have "
                f"{self.components_.shape[1]}."
            )
        coding_penalty(self.penalty, self.method)
        n_threads(self.n_jobs)
        return self

    def _coding(self) -> tuple[float, int, float]:
        return float(self.alpha), int(self.max_iter), float(self.tol)
