# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import _get_feature_names

from taut.screening._correlation import COLLINEAR_TOL, Factor, correlation, normalized_weights
from taut.typing import MatrixLike

__all__ = [
    "block_vif",
    "generalized_variance_inflation_factor",
    "group_codes",
    "variance_inflation_factor",
    "vif_of",
]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Index = NDArray[np.intp]
Groups = Mapping[Any, Sequence[Any]] | ArrayLike


def variance_inflation_factor(
    X: MatrixLike, *, sample_weight: ArrayLike | None = None
) -> NDArray[np.float64]:
    r"""Variance inflation factor of every column.

    ``VIF_j = 1 / (1 - R_j^2)`` where ``R_j^2`` is the coefficient of determination of column j
    regressed on all other columns and an intercept: the factor by which the variance of its
    least-squares coefficient exceeds that in an orthogonal design.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        float32 or float64, anything else is converted to float64. Sparse X is not densified.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights >= 0; integers mean repeated rows.

    Returns
    -------
    ndarray of float64 of shape (n_features,)
        At least 1; ``inf`` for the columns that take part in an exact linear dependence (less
        than 1e-10 of their variance is left by the others); ``nan`` for constant columns, which
        have no variance to inflate and are left out of the other regressions.

    Raises
    ------
    ValueError
        If X is empty or contains NaN or infinity, or if sample_weight has the wrong length, is
        negative or all zero.

    See Also
    --------
    VIFSelector : Remove columns until all factors are below a threshold.

    Notes
    -----
    The factors are the diagonal of the inverse of the (weighted) correlation matrix, from one
    column-pivoted Cholesky factorisation: O(n p^2 + p^3), not p regressions. statsmodels'
    function of the same name adds no intercept and differs unless the columns are centred.

    Examples
    --------
    Two columns with correlation 1/2 have the factor 1 / (1 - 1/4):

    >>> from taut.screening import variance_inflation_factor
    >>> variance_inflation_factor([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0],
    ...                            [1.0, 1.0], [0.0, 0.0]]).round(4)
    array([1.125, 1.125])
    """
    X = check_array(X, accept_sparse=("csc", "csr"), dtype=[np.float64, np.float32])
    R, constant = correlation(X, normalized_weights(sample_weight, X.shape[0]))
    return vif_of(R, constant)


def generalized_variance_inflation_factor(
    X: MatrixLike, groups: Groups, *, sample_weight: ArrayLike | None = None
) -> NDArray[np.float64]:
    r"""Variance inflation of blocks of columns, ``GVIF^(1 / (2 df))``.

    For a block g of df columns, such as the dummy variables of one factor,
    ``GVIF = det(R_gg) det(R_-g,-g) / det(R)``. It does not depend on the reference level, which
    the factors of the single dummies do. The power makes blocks of different sizes comparable: it
    is the square root of the ordinary factor for a block of one column.

    Parameters
    ----------
    X, sample_weight
        As in :func:`variance_inflation_factor`.
    groups : array-like of shape (n_features,) or mapping
        One label per column, equal labels form a block; or a mapping from a label to the column
        names or indices of its block (columns that are not mentioned stay alone).

    Returns
    -------
    ndarray of float64 of shape (n_features,)
        The value of the block of each column. ``inf`` if a column of the block takes part in an
        exact linear dependence with columns outside; ``nan`` for constant columns.

    Raises
    ------
    ValueError
        As :func:`variance_inflation_factor`, and if ``groups`` is no partition of the columns.

    References
    ----------
    .. [1] J. Fox and G. Monette (1992), Generalized Collinearity Diagnostics, Journal of the
       American Statistical Association 87, 178-183.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.screening import generalized_variance_inflation_factor
    >>> level = np.repeat([0, 1, 2], 4)
    >>> X = np.column_stack([level == 1, level == 2, np.tile([0, 1], 6)]).astype(float)
    >>> generalized_variance_inflation_factor(X, [0, 0, 1]).round(6)
    array([1., 1., 1.])
    """
    names = _get_feature_names(X)
    X = check_array(X, accept_sparse=("csc", "csr"), dtype=[np.float64, np.float32])
    codes = group_codes(groups, X.shape[1], names)
    R, constant = correlation(X, normalized_weights(sample_weight, X.shape[0]))
    out = np.full(X.shape[1], np.nan)
    varies = np.flatnonzero(~constant)
    R = R[np.ix_(varies, varies)]
    factor = Factor.of(R)
    M = None if factor.deficient else factor.inverse()
    for block in np.unique(codes[varies]):
        inside = codes[varies] == block
        if M is None:
            value = _gvif_of_spans(R, inside)
        else:
            cut = np.ix_(inside, inside)
            value = float(block_vif(R[cut], M[cut]))
        out[varies[inside]] = np.sqrt(value)
    return out


def _gvif_of_spans(R: Array, inside: Mask) -> float:
    """GVIF^(1/df) of one block, from the principal angles between its span and the others'.

    Works for a singular R: a dependence within the block (one dummy too many) does not change its
    span. df is the dimension of the span.
    """
    own, others = np.flatnonzero(inside), np.flatnonzero(~inside)
    own_factor, other_factor = Factor.of(R[np.ix_(own, own)]), Factor.of(R[np.ix_(others, others)])
    own = own[own_factor.order[: own_factor.rank]]
    others = others[other_factor.order[: other_factor.rank]]
    if not others.size:
        return 1.0
    # det(R) / (det(R_gg) det(R_oo)) = det(I - A A') with A = L_g^-1 R_go L_o^-T.
    A = np.linalg.solve(own_factor.L[: own.size], R[np.ix_(own, others)])
    A = np.linalg.solve(other_factor.L[: others.size], A.T)
    left = 1.0 - np.linalg.svd(A, compute_uv=False) ** 2
    if left.size and left.min() <= COLLINEAR_TOL:
        return float("inf")
    return float(np.exp(-np.log(left).sum() / own.size))


def vif_of(R: Array, constant: Mask) -> Array:
    """Factors from a correlation matrix: nan for constant columns, inf for collinear ones."""
    out = np.full(R.shape[0], np.nan)
    varies = np.flatnonzero(~constant)
    factor = Factor.of(R[np.ix_(varies, varies)])
    independent = np.sort(factor.order[: factor.rank])
    out[varies[independent]] = np.maximum(np.diagonal(factor.inverse()), 1.0)
    out[varies[factor.involved()]] = np.inf
    return out


def block_vif(R: Array, M: Array) -> Array:
    """GVIF^(1/df) of blocks of one size: R and M are (m, df, df) blocks of R and its inverse.

    det(R_-g,-g) / det(R) = det(M_gg), so GVIF = det(R_gg) det(M_gg).
    """
    log_det = np.linalg.slogdet(R)[1] + np.linalg.slogdet(M)[1]
    return np.exp(np.maximum(log_det, 0.0) / R.shape[-1])


def group_codes(groups: Groups, n_features: int, names: Any = None) -> Index:
    """Integer code of the block of every column."""
    if isinstance(groups, Mapping):
        return _codes_of_mapping(groups, n_features, names)
    labels = list(groups)  # type: ignore[arg-type]
    if len(labels) != n_features:
        raise ValueError(f"groups has {len(labels)} labels, X has {n_features} columns.")
    seen: dict[Any, int] = {}
    return np.array([seen.setdefault(label, len(seen)) for label in labels], dtype=np.intp)


def _codes_of_mapping(groups: Mapping[Any, Any], n_features: int, names: Any) -> Index:
    position = {} if names is None else {name: j for j, name in enumerate(names)}
    codes = np.full(n_features, -1, dtype=np.intp)
    for code, (label, members) in enumerate(groups.items()):
        for member in members:
            j = position.get(member, member)
            if not isinstance(j, (int, np.integer)) or not 0 <= j < n_features:
                raise ValueError(
                    f"groups[{label!r}] names the column {member!r}, which X does not have."
                )
            if codes[j] >= 0:
                raise ValueError(f"groups puts the column {member!r} into two blocks.")
            codes[j] = code
    alone = np.flatnonzero(codes < 0)
    codes[alone] = len(groups) + np.arange(alone.size)
    return np.unique(codes, return_inverse=True)[1].astype(np.intp)
