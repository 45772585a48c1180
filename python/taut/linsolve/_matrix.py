# SPDX-License-Identifier: BSD-3-Clause
"""Matrices and vectors: what is accepted, and what the kernels get."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from taut import _core

Float64 = NDArray[np.float64]
Int32 = NDArray[np.int32]

METHODS = ("sor", "ssor", "ssor_cg", "cg")
ORDERINGS = ("auto", "natural", "multicolor")
_ROWS_PER_LEVEL = 16  # from here on rows without a dependency chain are worth a permutation


class Rows:
    """Square matrix by sorted rows with 32-bit indices and float64 values, all copies.

    With the pattern of ``like`` the index arrays are its own, so that later comparisons are short.
    """

    __slots__ = ("data", "indices", "indptr")

    def __init__(self, A: Any, like: Rows | None = None, name: str = "A") -> None:
        csr = _as_csr(A, name)
        indptr, indices = _as_int32(csr.indptr), _as_int32(csr.indices)
        if like is not None and _same(indptr, like.indptr) and _same(indices, like.indices):
            indptr, indices = like.indptr, like.indices
        else:
            if not csr.has_canonical_format:
                csr = csr.copy()
                csr.sum_duplicates()
            indptr = np.array(csr.indptr, dtype=np.int32)
            indices = np.array(csr.indices[: csr.nnz], dtype=np.int32)
        self.indptr: Int32 = indptr
        self.indices: Int32 = indices
        self.data: Float64 = np.array(csr.data[: indices.size], dtype=np.float64)

    @property
    def n(self) -> int:
        return self.indptr.size - 1

    def same_pattern(self, other: Rows) -> bool:
        return _same(self.indptr, other.indptr) and _same(self.indices, other.indices)

    def diagonal(self) -> Float64:
        return sp.csr_array((self.data, self.indices, self.indptr), (self.n, self.n)).diagonal()


def _same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return a is b or (a.size == b.size and bool((a == b).all()))


def _as_csr(A: Any, name: str) -> Any:
    if sp.issparse(A):
        csr = A if A.format == "csr" else A.tocsr()
    else:
        dense = np.asarray(A)
        if dense.dtype == object or dense.ndim != 2:
            raise ValueError(
                f"{name} must be a sparse matrix or a 2-d array of numbers, "
                f"got {type(A).__name__} of shape {dense.shape}."
            )
        csr = sp.csr_array(dense)
    if csr.ndim != 2 or csr.shape[0] != csr.shape[1]:
        raise ValueError(f"{name} must be square, got shape {csr.shape}.")
    if csr.shape[0] == 0:
        raise ValueError(f"{name} must have at least one row, got shape {csr.shape}.")
    if np.iscomplexobj(csr.data):
        raise ValueError(f"{name} must be real, got dtype {csr.dtype}.")
    if csr.nnz >= 2**31:
        raise ValueError(f"{name} must have less than 2**31 entries, got {csr.nnz}.")
    return csr


def _as_int32(index: NDArray[Any]) -> Int32:
    return np.ascontiguousarray(index, dtype=np.int32)


class Split:
    """Values of a matrix in the order of a pattern, as the kernels take them."""

    __slots__ = ("parts", "symmetric")

    def __init__(self, parts: tuple[Any, ...], symmetric: bool) -> None:
        self.parts = parts
        self.symmetric = symmetric


class Pattern:
    """How the rows of a matrix are visited, and where its values go; kept while the pattern stays.

    ``kind`` is "natural" or "multicolor". The natural order is carried out level by level where
    levels are wide: the same method without waiting for the row before.
    """

    __slots__ = ("_from", "_idx", "kind", "order", "phases", "rows")

    def __init__(self, rows: Rows, kind: str) -> None:
        form = kind
        if kind == "natural":
            levels = _core.linsolve_count_levels(rows.indptr, rows.indices)
            form = "levels" if rows.n >= _ROWS_PER_LEVEL * levels else "natural"
        parts = _core.linsolve_analyse(rows.indptr, rows.indices, form)
        self.rows = rows
        self.kind = kind
        self.order: Int32 | None = None if form == "natural" else parts["order"]
        self.phases: NDArray[np.int64] = parts["phases"]
        self._from = tuple(
            parts[key]
            for key in (
                *("order", "lower_ptr", "lower_idx", "lower_from", "lower_mirror"),
                *("upper_from", "diag_from", "unpaired"),
            )
        )
        self._idx = tuple(
            parts[key] for key in ("lower_ptr", "lower_idx", "upper_ptr", "upper_idx")
        )

    def split(self, rows: Rows, shift: float = 0.0, name: str = "A") -> Split:
        """Sort values by triangle.

        Raises
        ------
        ValueError
            If a value is not finite or a diagonal entry not positive.
        """
        diag, lower, upper, symmetric, exact, finite, bad = _core.linsolve_values(
            self._from, rows.data, shift
        )
        if bad >= 0:
            value = rows.diagonal()[bad]
            shifted = f" + shift {shift:g}" if shift else ""
            kind = "finite" if not np.isfinite(value + shift) else "positive"
            raise ValueError(
                f"{name} must have a positive, finite diagonal: it is not {kind} "
                f"at row {bad}, where it is {value:g}{shifted}."
            )
        if not finite:
            raise ValueError(f"{name} must be finite; it holds NaN or infinity off the diagonal.")
        lower_ptr, lower_idx, upper_ptr, upper_idx = self._idx
        parts = (
            *(diag, lower_ptr, lower_idx, lower, upper_ptr, upper_idx, upper),
            *(self.phases, exact),
        )
        return Split(parts, symmetric)

    def to_order(self, v: Float64) -> Float64:
        return v if self.order is None else v[self.order]

    def from_order(self, v: Float64) -> Float64:
        if self.order is None:
            return v
        out = np.empty_like(v)
        out[self.order] = v
        return out


def ordering_of(ordering: Any, method: str) -> str:
    """Return "natural" or "multicolor"; colours cost conjugate gradients what omega gains them."""
    check_choice(ordering, "ordering", ORDERINGS)
    if ordering == "auto":
        return "multicolor" if method in ("sor", "ssor") else "natural"
    return str(ordering)


def check_vector(v: Any, n: int, name: str) -> Float64:
    """Return a contiguous float64 vector of length n with finite entries."""
    array = np.asarray(v)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), as A has rows, got shape {array.shape}.")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold real numbers, got dtype {array.dtype}.")
    vector = np.ascontiguousarray(array, dtype=np.float64)
    # A sum is not finite if a term is not; one that overflows is looked at again.
    if not np.isfinite(vector.sum()) and not np.isfinite(vector).all():
        i = int((~np.isfinite(vector)).argmax())
        raise ValueError(f"{name} must be finite, got {vector[i]} at position {i}.")
    return vector


def check_omega(value: Any, name: str = "omega") -> float:
    """Return a number in (0, 2)."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0.0 < float(value) < 2.0:
        raise ValueError(f"{name} must be a number in the open interval (0, 2), got {value!r}.")
    return float(value)


def check_tol(value: Any, name: str = "tol") -> float:
    """Return a number in (0, 1)."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0.0 < float(value) < 1.0:
        raise ValueError(f"{name} must be a number in the open interval (0, 1), got {value!r}.")
    return float(value)


def check_count(value: Any, name: str) -> int:
    """Return an integer >= 1."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be an integer >= 1, got {value!r}.")
    return int(value)


def check_choice(value: Any, name: str, allowed: tuple[str, ...]) -> str:
    """Return one of the allowed strings."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {allowed}, got {value!r}.")
    return value
