# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import blas
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from taut._validation import validate_data
from taut.screening._correlation import Factor, correlation, dropped_by_rule, normalized_weights
from taut.screening._vif import block_vif, group_codes, vif_of
from taut.typing import MatrixLike

__all__ = ["DroppedColumn", "VIFSelector"]

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Two factors closer than this count as a tie, which rounding must not decide.
_TIE = 1e-9
# Removing a column with this factor costs about eight digits of what stays: factorise anew.
_ILL_CONDITIONED = 1e6
_NAMES_IN_MESSAGE = 10


class DroppedColumn(NamedTuple):
    """A column that screening removed, and why.

    Attributes
    ----------
    name : str
    column : int
        Position among the input columns.
    reason : str
        "constant", "collinear" (exact dependence) or "vif".
    vif : float
        Factor at removal: nan for a constant column, inf for a collinear one.

    See Also
    --------
    VIFSelector : Lists them in ``dropped_``.

    Examples
    --------
    >>> from taut.screening import VIFSelector
    >>> VIFSelector().fit([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]]).dropped_[0].reason
    'constant'
    """

    name: str
    column: int
    reason: str
    vif: float


class VIFSelector(SelectorMixin, BaseEstimator):
    r"""Remove columns one at a time until every variance inflation factor is small.

    Constant columns go first, then columns that are exactly collinear with earlier ones; then,
    while the largest ``VIF_j = 1 / (1 - R_j^2)`` exceeds ``threshold``, the column it belongs to.
    An intercept is always part of the regressions behind ``R_j^2``.

    Parameters
    ----------
    threshold : float, default=10.0
        Largest factor that may stay, > 1. 5 is a common stricter choice.
    max_drop : int, default=None
        At most this many removals because of the threshold (a block counts as one; constant and
        collinear columns do not count). None means no limit.
    groups : array-like of shape (n_features,) or mapping, default=None
        Blocks of columns that stay or go together, such as the dummy variables of one factor:
        one label per column, or a mapping from a label to column names or indices. Blocks are
        judged by ``GVIF^(1/df)``, the square of ``GVIF^(1/(2 df))`` [1]_, so that ``threshold``
        means the same for a block as for a single column.
    collinear : {"drop", "error"}, default="drop"
        What to do with columns that others determine exactly (less than 1e-10 of the variance
        left): drop the later ones, or raise an error that names all columns involved.

    Attributes
    ----------
    vif_ : ndarray of shape (n_features_out,)
        Factors of the columns that stay, in their order (``GVIF^(1/df)`` for blocks).
    gvif_ : ndarray of shape (n_features_out,)
        ``GVIF^(1/(2 df))`` of the columns that stay; only with ``groups``.
    vif_initial_ : ndarray of shape (n_features,)
        Factors before any removal: nan for constant columns, inf for collinear ones.
    vif_path_ : list of (str, float)
        Removed columns and their factor at removal, in order (inf for collinear columns;
        constant columns have no factor and are not listed).
    dropped_ : list of DroppedColumn
        All removed columns as (name, column, reason, vif), in order.
    support_ : ndarray of bool of shape (n_features,)
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
        Only if X has column names.

    Raises
    ------
    ValueError
        If ``threshold <= 1``, if every column is constant, if columns are collinear and
        ``collinear="error"``, or for X with fewer than two rows, NaN or infinity.

    See Also
    --------
    variance_inflation_factor : The factors alone.

    Notes
    -----
    One Cholesky factorisation of the correlation matrix gives its inverse M, whose diagonal holds
    the factors; removing column r is the rank-one downdate ``M - M[:, r] M[r, :] / M[r, r]``,
    O(p^2). If a removed factor exceeded 1e6, the remaining matrix is factorised once more before
    the result is reported. Of columns tied for the largest factor the last one goes. Sparse X is
    not densified; the correlation matrix is dense, (n_features, n_features) in float64.

    Screening looks at X only, but a cross-validated error should contain it: put it in a pipeline.

    References
    ----------
    .. [1] J. Fox and G. Monette (1992), Generalized Collinearity Diagnostics, Journal of the
       American Statistical Association 87, 178-183.

    Examples
    --------
    >>> from taut.datasets import make_plan_market
    >>> from taut.screening import VIFSelector
    >>> plans = make_plan_market(0, as_frame=True)
    >>> selector = VIFSelector().fit(plans.data)
    >>> [(name, round(vif, 2)) for name, vif in selector.vif_path_]
    [('moop_all', 100.06), ('ambulance', 24.59)]
    >>> selector.transform(plans.data).shape
    (172, 32)
    """

    support_: NDArray[np.bool_]
    vif_: Array
    gvif_: Array
    vif_initial_: Array
    vif_path_: list[tuple[str, float]]
    dropped_: list[DroppedColumn]
    n_features_in_: int

    def __init__(
        self,
        threshold: float = 10.0,
        *,
        max_drop: int | None = None,
        groups: Mapping[Any, Sequence[Any]] | ArrayLike | None = None,
        collinear: str = "drop",
    ) -> None:
        self.threshold = threshold
        self.max_drop = max_drop
        self.groups = groups
        self.collinear = collinear

    def fit(
        self, X: MatrixLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> VIFSelector:
        """Find the columns that stay.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0; integers mean repeated rows.

        Returns
        -------
        VIFSelector
            The fitted selector.
        """
        self._check_parameters()
        X = validate_data(
            self,
            X,
            accept_sparse=("csc", "csr"),
            dtype=[np.float64, np.float32],
            ensure_min_samples=2,
        )
        names = [str(name) for name in _check_feature_names_in(self)]
        p = X.shape[1]
        codes = np.arange(p)
        if self.groups is not None:
            codes = group_codes(self.groups, p, getattr(self, "feature_names_in_", names))
        R, constant = correlation(X, normalized_weights(sample_weight, X.shape[0]))
        if constant.all():
            raise ValueError(
                f"Every column of X is constant ({p} of {p}); no variance inflation is defined."
            )

        dropped = [
            DroppedColumn(names[j], int(j), "constant", np.nan) for j in np.flatnonzero(constant)
        ]
        kept = np.flatnonzero(~constant)
        factor = Factor.of(R[np.ix_(kept, kept)])
        self.vif_initial_ = vif_of(R, constant)
        if factor.deficient and self.collinear == "error":
            raise ValueError(_collinear_message(names, kept[factor.involved()]))
        while factor.deficient:
            # A borderline case can need another round; each removes at least one column.
            gone = dropped_by_rule(factor)
            dropped += [DroppedColumn(names[j], int(j), "collinear", np.inf) for j in kept[gone]]
            kept = kept[~gone]
            factor = Factor.of(R[np.ix_(kept, kept)])

        screen = _Screen(R, kept, codes, factor)
        limit = np.inf if self.max_drop is None else self.max_drop
        removals = 0
        while removals < limit:
            block, vif = screen.worst()
            if not vif > self.threshold:
                if not screen.refresh():
                    break
                continue
            dropped += [DroppedColumn(names[j], int(j), "vif", vif) for j in block]
            screen.remove(block)
            removals += 1
        screen.refresh()

        kept = screen.kept
        self.support_ = np.zeros(p, dtype=bool)
        self.support_[kept] = True
        self.vif_ = screen.values()
        if self.groups is not None:
            self.gvif_ = np.sqrt(self.vif_)
        self.dropped_ = dropped
        self.vif_path_ = [(d.name, d.vif) for d in dropped if d.reason != "constant"]
        return self

    def _check_parameters(self) -> None:
        if not isinstance(self.threshold, Real) or not self.threshold > 1:
            raise ValueError(f"threshold must be > 1, got {self.threshold!r}.")
        if self.max_drop is not None and (
            not isinstance(self.max_drop, Integral) or self.max_drop < 0
        ):
            raise ValueError(f"max_drop must be None or an integer >= 0, got {self.max_drop!r}.")
        if self.collinear not in ("drop", "error"):
            raise ValueError(f'collinear must be "drop" or "error", got {self.collinear!r}.')

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        return self.support_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = False
        return tags


class _Screen:
    """Inverse correlation matrix of the columns that are left, under removal of blocks."""

    def __init__(self, R: Array, kept: Index, codes: Index, factor: Factor) -> None:
        self._R = R
        self._codes = codes
        self._rebuild(kept, factor)

    def _rebuild(self, kept: Index, factor: Factor) -> None:
        self._columns = kept  # input columns that the rows of M stand for
        self._alive = np.ones(kept.size, dtype=bool)
        # Only the lower triangle is kept up to date by the downdates.
        self._M = np.asfortranarray(factor.inverse())
        self._largest = 1.0
        self._index_blocks()

    def _index_blocks(self) -> None:
        """Blocks (positions in M) by size, so that each size is one vectorised determinant."""
        codes = np.where(self._alive, self._codes[self._columns], -1)
        order = np.argsort(codes, kind="stable")
        order = order[codes[order] >= 0]
        _, starts = np.unique(codes[order], return_index=True)
        sizes = np.diff(np.append(starts, order.size))
        self._by_size = {
            int(size): order[starts[sizes == size][:, None] + np.arange(size)]
            for size in np.unique(sizes)
        }

    @property
    def kept(self) -> Index:
        return self._columns[self._alive]

    def _factors(self) -> Array:
        """GVIF^(1/df) of the block of every row of M, 0 where it was removed."""
        out = np.zeros(self._columns.size)
        for size, blocks in self._by_size.items():
            blocks = blocks[self._alive[blocks[:, 0]]]
            if not blocks.size:
                continue
            if size == 1:
                diagonal = np.diagonal(self._M)[blocks[:, 0]]
                out[blocks[:, 0]] = np.maximum(diagonal, 1.0)
                continue
            columns = self._columns[blocks]
            R = self._R[columns[:, :, None], columns[:, None, :]]
            out[blocks] = block_vif(R, self._lower(blocks))[:, None]
        return out

    def _lower(self, blocks: Index) -> Array:
        """Blocks of M (m, size, size), read from the lower triangle."""
        rows, columns = blocks[:, :, None], blocks[:, None, :]
        return self._M[np.maximum(rows, columns), np.minimum(rows, columns)]

    def values(self) -> Array:
        return self._factors()[self._alive]

    def worst(self) -> tuple[Index, float]:
        """Input columns and factor of the worst block; the last one among ties."""
        factors = self._factors()
        top = factors.max()
        position = np.flatnonzero(factors >= top * (1.0 - _TIE))[-1]
        return self._columns[self._members(position)], float(factors[position])

    def _members(self, position: np.intp) -> Index:
        code = self._codes[self._columns[position]]
        return np.flatnonzero(self._alive & (self._codes[self._columns] == code))

    def remove(self, columns: Index) -> None:
        """Rank-one downdate for each column: M - M_r M_r' / M_rr."""
        for r in np.flatnonzero(np.isin(self._columns, columns) & self._alive):
            pivot = float(self._M[r, r])
            row = np.concatenate([self._M[r, :r], self._M[r:, r]])
            self._largest = max(self._largest, pivot)
            self._M = blas.dsyr(-1.0 / pivot, row, a=self._M, lower=1, overwrite_a=1)
            self._alive[r] = False
        if self._alive.sum() < 0.7 * self._alive.size:
            self._M = np.asfortranarray(self._M[np.ix_(self._alive, self._alive)])
            self._columns = self._columns[self._alive]
            self._alive = np.ones(self._columns.size, dtype=bool)
            self._index_blocks()

    def refresh(self) -> bool:
        """Factorise anew if a removal was ill-conditioned; says whether it did."""
        if self._largest < _ILL_CONDITIONED:
            return False
        kept = self.kept
        self._rebuild(kept, Factor.of(self._R[np.ix_(kept, kept)]))
        return True


def _collinear_message(names: list[str], involved: Index) -> str:
    listed = ", ".join(repr(names[j]) for j in involved[:_NAMES_IN_MESSAGE])
    more = involved.size - _NAMES_IN_MESSAGE
    return (
        f"{involved.size} columns of X are exactly collinear: {listed}"
        + (f" and {more} more" if more > 0 else "")
        + '. Remove some of them or use collinear="drop".'
    )
