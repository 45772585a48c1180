# SPDX-License-Identifier: BSD-3-Clause
"""Checks at the Python border: every message says what was wrong, what was got, what is allowed."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import validation
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d

Float = NDArray[np.floating[Any]]
Float64 = NDArray[np.float64]

#: How every design matrix is read. Order is left alone here: `kernel_design` decides it, because
#: rows cut out of a Fortran array need no copy although NumPy does not call them contiguous.
DESIGN_CHECKS: dict[str, Any] = {
    "accept_sparse": "csc",
    "accept_large_sparse": True,
    "dtype": [np.float64, np.float32],
    "order": None,
    "copy": False,
    # Left to the kernel: a pass of its own over X would be a noticeable part of a fit.
    "ensure_all_finite": False,
}

#: How X is read for predictions, where a product is all that is asked of it.
PREDICT_CHECKS: dict[str, Any] = {
    "accept_sparse": ["csr", "csc"],
    "accept_large_sparse": True,
    "dtype": [np.float64, np.float32],
    "reset": False,
}


def validate_data(estimator: Any, X: Any, *args: Any, **options: Any) -> Any:
    """Read X (and y) as scikit-learn does, and say which columns hold text where some do."""
    try:
        return validation.validate_data(estimator, X, *args, **options)
    except ValueError as error:
        if "could not convert string" not in str(error):
            raise
        raise ValueError(
            f"X must hold numbers, got text in {_text_columns(X)}. Encode such columns, for "
            "example by scikit-learn's OneHotEncoder, or leave them out."
        ) from error


def _text_columns(X: Any) -> str:
    """Names (of a frame) or numbers of the columns that are no numbers, at most five of them."""
    names = list(getattr(X, "columns", ()))
    columns = [X[name] for name in names] if names else list(np.asarray(X, dtype=object).T)
    found = []
    for j, column in enumerate(columns):
        try:
            np.asarray(column, dtype=np.float64)
        except (TypeError, ValueError):
            found.append(repr(names[j]) if names else str(j))
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    return f"column{'s' if len(found) > 1 else ''} {', '.join(found[:5])}{more}"


def kernel_design(X: Any) -> Any:
    """Return a validated X as the kernels read it, without a copy where that is possible.

    Parameters
    ----------
    X : ndarray or CSC matrix of shape (n_samples, n_features), float32 or float64

    Returns
    -------
    ndarray in column-major order, or the tuple (data, indices, indptr, n_samples, n_features)
        A row-major array is copied once, a CSC matrix only when entries are unsorted or repeated.
    """
    if sp.issparse(X):
        if not X.has_canonical_format:
            X = X.copy()  # the caller's matrix is not ours to sort
            X.sum_duplicates()
        width = np.promote_types(X.indices.dtype, X.indptr.dtype)
        indices, indptr = (a.astype(width, copy=False) for a in (X.indices, X.indptr))
        return X.data, indices, indptr, X.shape[0], X.shape[1]
    across, down = X.strides[1], X.strides[0]
    size = X.itemsize
    if down == size and across >= X.shape[0] * size and across % size == 0:
        return np.asarray(X)  # Fortran order, perhaps with gaps between the columns
    return np.asarray(X, order="F")


def check_weights(sample_weight: Any, n_samples: int) -> Float64 | None:
    """Return sample weights as float64 of shape (n_samples,), or None for equal weights.

    Raises
    ------
    ValueError
        If a weight is negative, NaN or infinite, if all are zero, or if the length is wrong.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, float(sample_weight))
    weights = check_array(
        sample_weight,
        ensure_2d=False,
        allow_nd=True,
        dtype=np.float64,
        order="C",
        input_name="sample_weight",
    )
    if weights.ndim != 1:
        raise ValueError(
            f"sample_weight must have shape ({n_samples},) or be a number, got shape "
            f"{weights.shape}."
        )
    if weights.shape[0] != n_samples:
        raise ValueError(f"sample_weight has {weights.shape[0]} values, X has {n_samples} rows.")
    if weights.min() < 0:
        row = int(weights.argmin())
        raise ValueError(f"sample_weight must be >= 0, got {weights[row]:g} in row {row}.")
    if not weights.any():
        raise ValueError("sample_weight is zero in every row; at least one must be positive.")
    return weights


def check_per_feature(
    values: Any, name: str, n_features: int, *, low: float, high: float, unit: str = "feature"
) -> Float64 | None:
    """Return one value per feature as float64 (n_features,), or None; a number is repeated.

    `unit` names in messages what there is a value for, where that is not a feature.

    Raises
    ------
    ValueError
        If the length is wrong, or a value is NaN or outside [low, high].
    """
    if values is None:
        return None
    if isinstance(values, Real):
        values = np.full(n_features, float(values))
    array = np.ascontiguousarray(values, dtype=np.float64)
    if array.shape != (n_features,):
        raise ValueError(
            f"{name} must have shape ({n_features},), one value per {unit}, got {array.shape}."
        )
    bad = ~((array >= low) & (array <= high))  # NaN is bad too
    if bad.any():
        j = int(bad.argmax())
        allowed = f">= {low:g}" if high == np.inf else f"<= {high:g}"
        raise ValueError(f"{name} must be {allowed}, got {array[j]:g} for {unit} {j}.")
    return array


def check_alphas(alphas: Any) -> Float64:
    """Return penalty strengths as float64 of shape (k,), largest first.

    Raises
    ------
    ValueError
        If there is none, or one is negative, NaN or infinite.
    """
    array = np.array(alphas, dtype=np.float64, ndmin=1)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(
            f"alphas must be one-dimensional and not empty, got an array of shape {array.shape}."
        )
    bad = ~(np.isfinite(array) & (array >= 0))
    if bad.any():
        i = int(bad.argmax())
        raise ValueError(f"alphas must be finite and >= 0, got {array[i]:g} at position {i}.")
    return np.sort(array)[::-1].copy()


def check_offset(offset: Any, shape: tuple[int, ...]) -> Float64 | None:
    """Return the offset of the linear predictor as C-ordered float64 of the given shape."""
    if offset is None:
        return None
    array = check_array(
        offset, ensure_2d=False, allow_nd=True, dtype=np.float64, order="C", input_name="offset"
    )
    if array.shape != shape:
        raise ValueError(f"offset must have shape {shape}, got {array.shape}.")
    return array


def check_groups(groups: Any, n_features: int) -> tuple[NDArray[np.int64], int]:
    """Return the number of the group of each feature, shape (n_features,), and how many there are.

    Groups are numbered in the order of the sorted labels, or of the lists of features.

    Raises
    ------
    ValueError
        If the groups are no partition of the features: the wrong number of labels, a feature in
        no group or in two, an empty group, an index out of range.
    TypeError
        If an index is no whole number.
    """
    if isinstance(groups, str) or not hasattr(groups, "__len__"):
        raise TypeError(
            "groups must hold one label per feature, or the lists of the features of each group, "
            f"got {groups!r}."
        )
    members = list(groups)
    if any(not isinstance(g, str | bytes) and hasattr(g, "__len__") for g in members):
        return _groups_of_lists(members, n_features)
    if len(members) != n_features:
        raise ValueError(
            f"groups must have one label for each of the {n_features} features, got {len(members)}."
        )
    labels, codes = _encode(np.asarray(groups))
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        raise ValueError("groups contains NaN; give every feature a label.")
    return codes.astype(np.int64), len(labels)


def _groups_of_lists(groups: list[Any], n_features: int) -> tuple[NDArray[np.int64], int]:
    codes = np.full(n_features, -1, dtype=np.int64)
    for g, members in enumerate(groups):
        if not hasattr(members, "__len__") or isinstance(members, str | bytes):
            raise TypeError(
                f"groups mixes lists and labels: entry {g} is {members!r}. Give one label per "
                "feature, or one list of features per group."
            )
        if len(members) == 0:
            raise ValueError(f"Group {g} is empty; leave it out.")
        for j in members:
            if not is_integral(j):
                raise TypeError(f"Group {g} must hold column numbers, got {j!r}.")
            if not 0 <= j < n_features:
                raise ValueError(
                    f"Group {g} holds column {j}, X has columns 0 .. {n_features - 1}."
                )
            if codes[j] >= 0:
                where = f"twice in group {g}" if codes[j] == g else f"in groups {codes[j]} and {g}"
                raise ValueError(f"groups must not overlap: column {j} is {where}.")
            codes[j] = g
    missing = np.flatnonzero(codes < 0)
    if missing.size:
        names = ", ".join(map(str, missing[:5])) + (" and others" if missing.size > 5 else "")
        raise ValueError(
            f"groups must hold every column of X once; missing: {names}. Put a feature that is "
            "alone into a group of its own."
        )
    return codes, len(groups)


def check_response(y: Any, n_samples: int, owner: str, *, several: bool = False) -> Float64:
    """Return a real response as float64 of shape (n_samples,), or (n_samples, k) if `several`.

    Raises
    ------
    ValueError
        If y is missing, has several columns where one is fitted (or the reverse), another length
        than X, or holds NaN or infinity.
    """
    _require_y(y, owner)
    try:
        array = check_array(
            y,
            ensure_2d=False,
            allow_nd=True,
            dtype=np.float64,
            input_name="y",
            ensure_min_samples=0,
        )
    except ValueError as error:
        if not str(error).startswith("could not convert string"):
            raise
        raise ValueError(
            f"{owner} fits numbers: y must hold reals, got labels ({error}). LogisticLasso and "
            "MultinomialLasso fit labels."
        ) from None
    if several:
        if array.ndim != 2:
            raise ValueError(
                f"{owner} fits several responses: y must have shape ({n_samples}, n_tasks), got "
                f"shape {array.shape}."
            )
        _require_length(array, n_samples)
        return np.ascontiguousarray(array)
    if array.ndim > 1 and not (array.ndim == 2 and array.shape[1] == 1):
        raise ValueError(
            f"{owner} fits one response: y should be a 1d array of shape ({n_samples},), got an "
            f"array of shape {array.shape} instead. Fit one model per column."
        )
    array = column_or_1d(array, warn=True)
    _require_length(array, n_samples)
    return np.ascontiguousarray(array)


def check_counts(y: Any, n_samples: int, owner: str, sample_weight: Float64 | None) -> Float64:
    """Return a response >= 0 that is not zero everywhere, as float64 of shape (n_samples,).

    Raises
    ------
    ValueError
        Also if a value is negative, or if all those of positive weight are zero.
    """
    array = check_response(y, n_samples, owner)
    if array.min(initial=0.0) < 0:
        row = int(array.argmin())
        raise ValueError(f"{owner} needs y >= 0, got {array[row]:g} in row {row}.")
    counted = array if sample_weight is None else array[sample_weight > 0]
    if not counted.any():
        raise ValueError(
            f"{owner} needs a value of y that is > 0 in a row of positive weight: with zeros alone "
            "the best mean is 0 and the intercept has no finite optimum."
        )
    return array


@dataclass(frozen=True)
class ClassTarget:
    """A categorical response: `weights` (n, K) has rows of sum 1, `codes` are their argmax."""

    classes: NDArray[Any]
    codes: NDArray[np.intp]
    shares: Float64 | None  # given as proportions or counts; None when y held labels
    row_weight: Float64 | None  # sample weights, times the row sums of counts

    def one_hot(self) -> Float64:
        """Return the (n, K) matrix of proportions."""
        if self.shares is not None:
            return self.shares
        out = np.zeros((self.codes.size, len(self.classes)))
        # Rows of a class whose total weight is zero carry code -1 and no weight: any row of
        # sum 1 will do for them.
        out[np.arange(self.codes.size), np.maximum(self.codes, 0)] = 1.0
        return out

    @property
    def totals(self) -> Float64:
        """Total weight of each class."""
        weight = np.ones(self.codes.size) if self.row_weight is None else self.row_weight
        if self.shares is not None:
            return weight @ self.shares
        on = self.codes >= 0
        counts = np.bincount(self.codes[on], weights=weight[on], minlength=len(self.classes))
        return counts.astype(np.float64, copy=False)


def check_classes(
    y: Any,
    n_samples: int,
    owner: str,
    sample_weight: Float64 | None,
    *,
    binary: bool = False,
    allow_matrix: bool = False,
) -> ClassTarget:
    """Return a categorical response from labels, or from an (n, K) matrix when allowed.

    Classes without weight do not exist for the fit, as if their rows were absent.

    Raises
    ------
    ValueError
        If y has missing values, another length than X, fewer than two classes, more than two
        when `binary`, or is continuous.
    """
    _require_y(y, owner)
    labels = np.asarray(y)
    if allow_matrix and labels.ndim == 2 and labels.shape[1] > 1:
        return _check_shares(y, n_samples, owner, sample_weight)
    labels = _as_labels(labels, owner)
    _require_length(labels, n_samples)
    classes, codes = _encode(labels)
    if sample_weight is not None:
        alive = np.bincount(codes, weights=sample_weight, minlength=len(classes)) > 0
        if not alive.all():
            renumber = np.where(alive, np.cumsum(alive) - 1, -1)
            classes, codes = classes[alive], renumber[codes]
    if len(classes) < 2:
        raise ValueError(
            f"{owner} needs samples of at least 2 classes with positive weight, got one class: "
            f"{_name(classes[0])}."
        )
    if binary and len(classes) > 2:
        raise ValueError(
            "Only binary classification is supported. The type of the target is multiclass: "
            f"{owner} got {len(classes)} classes; use MultinomialLasso for more than two."
        )
    return ClassTarget(classes, codes, None, sample_weight)


def _check_shares(y: Any, n: int, owner: str, sample_weight: Float64 | None) -> ClassTarget:
    names = getattr(y, "columns", None)
    shares = check_array(y, dtype=np.float64, order="C", input_name="y", copy=True)
    _require_length(shares, n)
    if shares.min() < 0:
        row, k = np.unravel_index(int(shares.argmin()), shares.shape)
        raise ValueError(
            f"y as a matrix holds counts or proportions >= 0, got {shares[row, k]:g} in row "
            f"{row}, column {k}."
        )
    total = shares.sum(axis=1)
    empty = total == 0
    shares[~empty] /= total[~empty, None]
    shares[empty] = 1.0 / shares.shape[1]
    weight = total if sample_weight is None else total * sample_weight
    if not weight.any():
        raise ValueError("y as a matrix has no positive entry in a row of positive weight.")
    classes = np.arange(shares.shape[1]) if names is None else np.asarray(names)
    absent = (weight @ shares) == 0
    if absent.any():
        raise ValueError(
            f"{owner}: column {int(absent.argmax())} of y (class {_name(classes[absent][0])}) has "
            "no positive entry; leave the column out."
        )
    return ClassTarget(classes, shares.argmax(axis=1), shares, weight)


def _require_y(y: Any, owner: str) -> None:
    if y is None:
        raise ValueError(
            f"This {owner} estimator requires y to be passed, but the target y is None."
        )


def _require_length(y: NDArray[Any], n_samples: int) -> None:
    if y.shape[0] != n_samples:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"y has {y.shape[0]} rows, X has {n_samples} rows."
        )


def _as_labels(labels: NDArray[Any], owner: str) -> NDArray[Any]:
    if labels.ndim > 1 and not (labels.ndim == 2 and labels.shape[1] == 1):
        raise ValueError(
            f"{owner} fits one categorical response: y should be a 1d array, got an array of "
            f"shape {labels.shape} instead."
        )
    labels = column_or_1d(labels, warn=True)
    if labels.dtype.kind == "f":
        check_array(labels, ensure_2d=False, input_name="y", ensure_min_samples=0)
        check_classification_targets(labels)
    elif labels.dtype.kind == "O":
        # NaN is the only label that differs from itself; None marks missing text in tables.
        missing = np.fromiter((v is None or v != v for v in labels), bool, labels.size)
        if missing.any():
            raise ValueError(
                f"Input y contains NaN or None, first in row {int(missing.argmax())}; drop "
                "these rows or give them a label."
            )
    elif labels.dtype.kind in "cmM":
        check_classification_targets(labels)
    return labels


def _encode(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return sorted classes and codes; labels that have no order keep that of appearance."""
    try:
        classes, codes = np.unique(labels, return_inverse=True)
        return classes, codes.reshape(-1)
    except TypeError:
        pass
    table: dict[Hashable, int] = {}
    codes = np.fromiter((table.setdefault(v, len(table)) for v in labels), np.intp, labels.size)
    classes = np.empty(len(table), dtype=object)
    classes[:] = list(table)
    return classes, codes


def _name(label: Any) -> str:
    return repr(label.item() if isinstance(label, np.generic) else label)


def name_classes(labels: Iterable[Any]) -> str:
    """Return labels for a message, at most five of them."""
    names = [_name(v) for v in labels]
    return ", ".join(names[:5]) + (" and others" if len(names) > 5 else "")


def is_integral(value: Any) -> bool:
    """Say whether value is a whole number and not a bool."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_real(value: Any) -> bool:
    """Say whether value is a real number and not a bool."""
    return isinstance(value, Real) and not isinstance(value, bool)


__all__ = [
    "DESIGN_CHECKS",
    "PREDICT_CHECKS",
    "ArrayLike",
    "ClassTarget",
    "Float",
    "Float64",
    "check_alphas",
    "check_classes",
    "check_counts",
    "check_groups",
    "check_offset",
    "check_per_feature",
    "check_response",
    "check_weights",
    "is_integral",
    "is_real",
    "kernel_design",
    "name_classes",
]
