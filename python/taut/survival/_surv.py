# SPDX-License-Identifier: BSD-3-Clause
"""Censored responses: every form in which they may come, checked once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taut import _core

Float64 = NDArray[np.float64]

#: Units in the last place within which neighbouring times are one time.
ULPS = 4


class Censored(NamedTuple):
    """Censored times as the kernels read them: contiguous, checked, each of length n."""

    time: Float64
    event: NDArray[np.uint8]
    entry: Float64 | None


class Surv:
    """Censored responses as structured arrays, in the layout of scikit-survival.

    Every ``y`` of this package may be such an array; or an array with the two or three columns
    time, event and entry; or a tuple of such columns.

    See Also
    --------
    KaplanMeier : Takes such an array.

    Examples
    --------
    >>> from taut.survival import Surv
    >>> Surv.from_arrays([1, 0], [2.0, 3.0])["time"]
    array([2., 3.])
    """

    @staticmethod
    def from_arrays(
        event: ArrayLike, time: ArrayLike, entry: ArrayLike | None = None
    ) -> NDArray[np.void]:
        """Put columns together.

        Parameters
        ----------
        event : array-like of bool or 0/1 of shape (n_samples,)
            True where the event was seen at ``time``, False where the record was censored then.
        time : array-like of shape (n_samples,)
            Finite; zero and negative times are allowed.
        entry : array-like of shape (n_samples,), optional
            Time of entry under observation (left truncation), below ``time``. ``-inf`` for records
            observed from the start.

        Returns
        -------
        ndarray of shape (n_samples,)
            Fields ``event`` (bool), ``time`` (float64) and, if given, ``entry`` (float64).

        Raises
        ------
        ValueError
            As for every response: see :class:`KaplanMeier`.

        Examples
        --------
        >>> from taut.survival import Surv
        >>> Surv.from_arrays([True, False], [3.0, 5.0])
        array([( True, 3.), (False, 5.)], dtype=[('event', '?'), ('time', '<f8')])
        """
        fields: list[Any] = [("event", np.bool_), ("time", np.float64)]
        y = check_censored((time, event) if entry is None else (time, event, entry))
        if y.entry is not None:
            fields.append(("entry", np.float64))
        out = np.empty(y.time.shape, dtype=fields)
        out["event"], out["time"] = y.event, y.time
        if y.entry is not None:
            out["entry"] = y.entry
        return out


def check_censored(y: Any) -> Censored:
    """Return time, event and entry from any accepted form of ``y``.

    Raises
    ------
    TypeError
        If ``y`` has none of the accepted forms.
    ValueError
        If a column is empty, of another length, not finite, or an event is not 0 or 1, or an exit
        is not after its entry.
    """
    time, event, entry = _columns(y)
    return check_columns(time, event, entry)


def check_columns(time: Any, event: Any, entry: Any = None) -> Censored:
    """Return the three columns, checked."""
    times = _vector(time, "time")
    n = times.shape[0]
    if n == 0:
        raise ValueError("time is empty; at least one record is needed.")
    finite, bad, _, _ = _core.survival_inspect(times)
    if not finite:
        raise ValueError(f"time must be finite, got {times[bad]} in record {bad}.")
    flags = _events(event)
    if flags.shape[0] != n:
        raise ValueError(f"time has {n} values, event has {flags.shape[0]}.")
    if entry is None:
        return Censored(times, flags, None)
    entries = _vector(entry, "entry")
    if entries.shape[0] != n:
        raise ValueError(f"time has {n} values, entry has {entries.shape[0]}.")
    wrong = ~(entries < times)
    if wrong.any():
        i = int(wrong.argmax())
        if np.isnan(entries[i]):
            raise ValueError(f"entry must not be NaN, got NaN in record {i}; use -inf for none.")
        raise ValueError(
            f"every exit must lie after its entry, got exit {times[i]:g} and entry "
            f"{entries[i]:g} in record {i}."
        )
    early = np.isneginf(entries)
    if early.any():
        # -inf has no place among the keys of finite times; any time before all others does.
        first = float(min(times.min(), entries[~early].min(initial=np.inf)))
        entries = np.where(early, np.nextafter(first - abs(first) - 1.0, -np.inf), entries)
        if early.all():
            return Censored(times, flags, None)
    return Censored(times, flags, entries)


def _columns(y: Any) -> tuple[Any, Any, Any]:
    if isinstance(y, tuple):
        if len(y) not in (2, 3):
            raise TypeError(f"y must be (time, event) or (time, event, entry), got {len(y)} items.")
        return y[0], y[1], y[2] if len(y) == 3 else None
    names = getattr(y, "columns", None)
    if names is not None:  # a data frame
        known = [str(name) for name in names]
        if "time" in known and "event" in known:
            return y["time"], y["event"], y["entry"] if "entry" in known else None
    array = np.asarray(y)
    if array.dtype.names is not None:
        return _fields(array)
    if array.ndim == 2 and array.shape[1] in (2, 3):
        return array[:, 0], array[:, 1], array[:, 2] if array.shape[1] == 3 else None
    raise TypeError(
        "y must be a structured array with the fields event and time (Surv.from_arrays), an array "
        "of shape (n, 2) or (n, 3) with columns time, event[, entry], or a tuple (time, event) "
        f"or (time, event, entry); got {type(y).__name__} of shape {array.shape}."
    )


def _fields(array: NDArray[np.void]) -> tuple[Any, Any, Any]:
    names = array.dtype.names or ()
    if "event" in names and "time" in names:
        return array["time"], array["event"], array["entry"] if "entry" in names else None
    flags = [name for name in names if array.dtype[name] == np.bool_]
    numbers = [name for name in names if name not in flags]
    if len(flags) != 1 or len(numbers) != 1:
        raise TypeError(
            "a structured y must have the fields event and time, or one field of bool and one of "
            f"numbers; got {array.dtype}."
        )
    return array[numbers[0]], array[flags[0]], None


def _vector(values: Any, name: str) -> Float64:
    given = np.asarray(values)
    if given.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} must hold real numbers.")
    try:
        array = given.astype(np.float64, copy=False)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers, got {given.dtype}.") from None
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {array.shape}.")
    return np.ascontiguousarray(array)


def _events(values: Any) -> NDArray[np.uint8]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"event must be one-dimensional, got shape {array.shape}.")
    if array.dtype == np.bool_:
        return np.ascontiguousarray(array).view(np.uint8)
    if array.dtype.kind not in "iuf":
        if array.dtype.kind == "O" and all(isinstance(v, bool | np.bool_) for v in array):
            return array.astype(np.uint8)
        raise ValueError(f"event must hold 0 and 1 or False and True, got {array.dtype}.")
    flags = array == 1
    if not np.array_equal(flags, array != 0):
        seen = np.unique(array)
        shown = ", ".join(f"{v:g}" for v in seen[:4]) + (", ..." if seen.size > 4 else "")
        hint = f" Recode it, for example as event == {seen[-1]:g}." if seen.size == 2 else ""
        raise ValueError(f"event must hold 0 and 1 or False and True, got {shown}.{hint}")
    return flags.view(np.uint8)


def check_weights(sample_weight: Any, n: int) -> Float64 | None:
    """Return weights as float64 of shape (n,), or None.

    Raises
    ------
    ValueError
        If one is negative or not finite, if all are zero, or if the length is wrong.
    """
    if sample_weight is None:
        return None
    weights = _vector(sample_weight, "sample_weight")
    if weights.shape[0] != n:
        raise ValueError(f"sample_weight has {weights.shape[0]} values, y has {n} records.")
    good = (weights >= 0) & np.isfinite(weights)
    if not good.all():
        i = int(good.argmin())
        raise ValueError(
            f"sample_weight must be finite and >= 0, got {weights[i]:g} in record {i}."
        )
    if not weights.any():
        raise ValueError("sample_weight is zero in every record; at least one must be positive.")
    return weights


def check_groups(
    groups: Any, n: int, name: str = "groups"
) -> tuple[NDArray[np.int32], NDArray[Any]]:
    """Return codes 0 .. n_groups-1 and the labels in ascending order.

    Raises
    ------
    ValueError
        If a label is missing (NaN, None or empty), or the length is wrong.
    """
    array = np.asarray(groups)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {array.shape}.")
    if array.shape[0] != n:
        raise ValueError(f"{name} has {array.shape[0]} values, y has {n} records.")
    kind = array.dtype.kind
    if kind in "iu" and n:
        low, high = int(array.min()), int(array.max())
        if high - low < 4 * n + 1024:
            shifted = array - low if low else array
            counts = np.bincount(shifted, minlength=high - low + 1)
            labels = np.flatnonzero(counts)
            if labels.size == counts.size:
                codes = shifted.astype(np.int32)
            else:
                codes = (np.cumsum(counts > 0, dtype=np.int32) - 1)[shifted]
            return codes, (labels + low).astype(array.dtype)
    missing = np.zeros(n, dtype=bool)
    if kind == "f":
        missing = np.isnan(array)
    elif kind == "O":
        missing = np.array([v is None or v != v or v == "" for v in array], dtype=bool)
    elif kind in "US":
        missing = array == array.dtype.type("")
    if missing.any():
        i = int(missing.argmax())
        raise ValueError(f"{name} has no label in record {i}: {array[i]!r}.")
    try:
        labels, inverse = np.unique(array, return_inverse=True)
    except TypeError:
        raise ValueError(f"{name} must hold labels of one kind, which can be ordered.") from None
    return inverse.astype(np.int32), labels


def tie_ulps(tie_tol: Any) -> int:
    """Units in the last place for a tie tolerance; those of R are applied by :func:`snap`."""
    if tie_tol == "ulp":
        return ULPS
    if tie_tol == "r" or (not isinstance(tie_tol, str) and tie_tol == 0):
        return 0
    raise ValueError(f"tie_tol must be 'ulp', 'r' or 0, got {tie_tol!r}.")


def snap(y: Censored, tie_tol: Any) -> Censored:
    """Apply the tie rule of R's ``survfit(timefix=TRUE)`` if ``tie_tol`` is 'r'.

    Distinct times closer than 1.5e-8, absolutely or relative to the mean distinct ``|time|``,
    become the first of their chain; exits and entries together.
    """
    if tie_tol != "r":
        return y
    values = np.unique(y.time if y.entry is None else np.concatenate([y.time, y.entry]))
    gaps = np.diff(values)
    tol = np.sqrt(np.finfo(float).eps)
    scale = float(np.mean(np.abs(values)))
    tied = (gaps <= tol) | ((gaps <= tol * scale) if scale > 0 else False)
    if not tied.any():
        return y
    cuts = values[np.concatenate([[True], ~tied])]

    def moved(times: Float64) -> Float64:
        return cuts[np.searchsorted(cuts, times, side="right") - 1]

    return Censored(moved(y.time), y.event, None if y.entry is None else moved(y.entry))


def distinct_times(times: Float64, tie_tol: Any) -> tuple[NDArray[np.intp], Float64]:
    """Number of the distinct time of each record, and those times: the first of each chain.

    Neighbours at most :data:`ULPS` units in the last place apart are one time, unless ``tie_tol``
    asks for another rule; that of R must have been applied by :func:`snap`.
    """
    values, inverse = np.unique(times + 0.0, return_inverse=True)
    bits = values.view(np.int64)
    keys = np.where(bits < 0, np.iinfo(np.int64).min - bits, bits)  # in the order of the values
    starts = np.concatenate([[True], np.diff(keys) > tie_ulps(tie_tol)])
    return (np.cumsum(starts) - 1)[inverse], values[starts]


def times_passed(
    distinct: Float64, times: Float64, tie_tol: Any, *, left_limit: bool
) -> NDArray[np.intp]:
    """How many of the distinct times lie at or before each time; with the left limit, before it.

    A time that lies as little above a distinct one as :func:`distinct_times` forgives is that one.
    """
    passed = np.searchsorted(distinct, times, side="right")
    if left_limit and distinct.size:
        near = distinct[np.maximum(passed - 1, 0)]
        tied = (passed > 0) & (times - near <= tie_ulps(tie_tol) * np.spacing(np.abs(near)))
        passed = passed - tied
    return np.asarray(passed, dtype=np.intp)


def check_level(level: Any, name: str = "conf_level") -> float:
    """Return a level strictly between 0 and 1."""
    value = float(level)
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} must lie strictly between 0 and 1, got {level!r}.")
    return value


def choice(value: Any, name: str, allowed: tuple[str, ...]) -> str:
    """Return an option, or say which there are."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}.")
    return value


def normal_quantile(level: float) -> float:
    """Two-sided normal critical value."""
    if level == 0.95:
        return 1.959963984540054
    from scipy.special import ndtri

    return float(ndtri(0.5 + 0.5 * level))


CONF_TYPES = ("log-log", "log", "plain", "logit", "arcsin")
ESTIMATORS = ("km", "nelson-aalen", "fleming-harrington")
