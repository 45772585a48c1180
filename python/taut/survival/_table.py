# SPDX-License-Identifier: BSD-3-Clause
"""Event tables: what censored records say, in a form that can be added up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taut import _core
from taut._threads import n_threads
from taut.survival._surv import Float64, check_censored, check_weights, snap, tie_ulps


class EventTable:
    """Counts of events, censorings and entries at distinct times.

    The sufficient statistic of every curve and test of this package. Tables add: the table of two
    sets of records is the sum of their tables, exactly for counts below 2**53, in any order. Sites
    that may not share records can share tables. (A table is not private: single records show.)

    Parameters
    ----------
    times : array-like of shape (n_times,)
        Strictly increasing, finite.
    n_event, n_censor : array-like of shape (n_times,)
        Weight of the records that leave with an event, or censored, at each time. >= 0.
    n_enter : array-like of shape (n_times,), optional
        Weight of the records that enter at exactly each time and are at risk after it (left
        truncation). The default is that all are at risk from the start.

    Attributes
    ----------
    time, n_event, n_censor : ndarray of shape (n_times,)
    n_enter : ndarray of shape (n_times,) or None
    n_at_risk : ndarray of shape (n_times,)
        What leaves at or after each time, less what enters then; summed from the end.

    Raises
    ------
    ValueError
        If lengths differ, times do not increase, a count is negative or not finite, more leave than
        are at risk, or there is no record.

    See Also
    --------
    KaplanMeier : Curves from such a table.

    Examples
    --------
    >>> from taut.survival import EventTable
    >>> a = EventTable.from_records(([1.0, 2.0, 2.0], [1, 0, 1]))
    >>> b = EventTable.from_records(([2.0, 4.0], [1, 0]))
    >>> total = a + b
    >>> total.time, total.n_event, total.n_at_risk
    (array([1., 2., 4.]), array([1., 2., 0.]), array([5., 4., 1.]))
    """

    def __init__(
        self,
        times: ArrayLike,
        n_event: ArrayLike,
        n_censor: ArrayLike,
        n_enter: ArrayLike | None = None,
    ) -> None:
        self.time = np.array(times, dtype=np.float64)
        if self.time.ndim != 1 or self.time.size == 0:
            raise ValueError(
                f"times must be one-dimensional and not empty, got shape {self.time.shape}."
            )
        if not np.isfinite(self.time).all() or not (np.diff(self.time) > 0).all():
            raise ValueError("times must be finite and strictly increasing.")
        self.n_event = self._counts(n_event, "n_event")
        self.n_censor = self._counts(n_censor, "n_censor")
        self.n_enter = None if n_enter is None else self._counts(n_enter, "n_enter")
        self.n_at_risk: Float64 = _core.survival_at_risk(self._parts())
        leaving = self.n_event + self.n_censor
        if not leaving.any():
            raise ValueError("n_event and n_censor are zero at all times; there is no record.")
        # Sums of weights round; a whole record too many is far from that.
        short = leaving - self.n_at_risk > 1e-9 * leaving.sum()
        if short.any():
            k = int(short.argmax())
            raise ValueError(
                f"at time {self.time[k]:g} {leaving[k]:g} leave, but {self.n_at_risk[k]:g} are at "
                "risk; n_enter must count each record once, before its exit."
            )

    def _counts(self, values: ArrayLike, name: str) -> Float64:
        array = np.array(values, dtype=np.float64)
        if array.shape != self.time.shape:
            raise ValueError(f"{name} has shape {array.shape}, times has {self.time.shape}.")
        if not (np.isfinite(array) & (array >= 0)).all():
            raise ValueError(f"{name} must be finite and >= 0.")
        return array

    def _parts(self) -> tuple[Any, ...]:
        return self.time, self.n_event, self.n_censor, self.n_enter

    @classmethod
    def from_records(
        cls,
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        tie_tol: str | int = 0,
        n_jobs: int | None = None,
    ) -> EventTable:
        """Make the table of censored records.

        Parameters
        ----------
        y : structured array, array of shape (n_samples, 2 or 3), or tuple of columns
            See :class:`Surv`.
        sample_weight : array-like of shape (n_samples,), optional
        tie_tol : {0, 'ulp', 'r'}, default=0
            As in :class:`KaplanMeier`. The default is 0, because only exact times add exactly.
        n_jobs : int or None, default=None
            Threads; the table does not depend on it.

        Returns
        -------
        EventTable
        """
        records = snap(check_censored(y), tie_tol)
        weights = check_weights(sample_weight, records.time.shape[0])
        out = _core.survival_fit(
            records.time,
            records.event,
            records.entry,
            weights,
            ulps=tie_ulps(tie_tol),
            entry_rows=True,
            estimator="",
            n_threads=n_threads(n_jobs),
        )
        return cls(out["time"], out["n_event"], out["n_censor"], out["n_enter"])

    @classmethod
    def from_chunks(cls, chunks: Iterable[Any]) -> EventTable:
        """Add up the tables of several chunks, each in any form that ``from_records`` takes."""
        tables = (c if isinstance(c, cls) else cls.from_records(c) for c in chunks)
        try:
            return reduce(cls.merge, tables)
        except TypeError as error:
            if "empty" in str(error):
                raise ValueError("chunks is empty; at least one is needed.") from None
            raise

    @classmethod
    def from_dict(cls, columns: Mapping[str, ArrayLike | None]) -> EventTable:
        """Make a table from what :meth:`to_dict` gave."""
        missing = {"time", "n_event", "n_censor"} - set(columns)
        if missing:
            raise ValueError(f"columns has no {', '.join(sorted(missing))}.")
        needed: list[Any] = [columns[k] for k in ("time", "n_event", "n_censor")]
        return cls(needed[0], needed[1], needed[2], columns.get("n_enter"))

    def to_dict(self) -> dict[str, Float64]:
        """Return the columns as arrays, ``n_enter`` only if somebody enters late."""
        out = {"time": self.time, "n_event": self.n_event, "n_censor": self.n_censor}
        if self.n_enter is not None:
            out["n_enter"] = self.n_enter
        return out

    def merge(self, other: EventTable) -> EventTable:
        """Add another table: counts on the union of the times."""
        if not isinstance(other, EventTable):
            raise TypeError(f"other must be an EventTable, got {type(other).__name__}.")
        out = _core.survival_merge(self._parts(), other._parts())
        return EventTable(out["time"], out["n_event"], out["n_censor"], out["n_enter"])

    def __add__(self, other: object) -> EventTable:
        return self.merge(other) if isinstance(other, EventTable) else NotImplemented

    def binned(self, edges: ArrayLike) -> EventTable:
        """Round times up to a fixed grid.

        Parameters
        ----------
        edges : array-like of shape (n_bins + 1,)
            Strictly increasing. What happens in ``(edges[k], edges[k + 1]]`` is counted at
            ``edges[k + 1]``; every edge but the first is a row, whether or not anything happened,
            so that the times of the result say nothing of the records. Somebody who enters in a bin
            is at risk from its end on.

        Returns
        -------
        EventTable
            With ``n_bins`` rows.

        Raises
        ------
        ValueError
            If a time lies outside the grid: nothing is moved or left out in silence.
        """
        grid = np.asarray(edges, dtype=np.float64)
        if grid.ndim != 1 or grid.size < 2 or not (np.diff(grid) > 0).all():
            raise ValueError("edges must be one-dimensional and strictly increasing, at least 2.")
        leaving = (self.n_event + self.n_censor) > 0
        outside = leaving & ~((self.time > grid[0]) & (self.time <= grid[-1]))
        if outside.any():
            raise ValueError(
                f"time {self.time[outside.argmax()]:g} lies outside ({grid[0]:g}, {grid[-1]:g}]; "
                "widen the edges, or censor the records first."
            )
        size = grid.size - 1
        bins = np.clip(np.searchsorted(grid, self.time, side="left") - 1, 0, size - 1)
        enter = None
        if self.n_enter is not None:
            # At risk from the first edge above the entry: as if entered at the edge before it.
            start = np.searchsorted(grid, self.time, side="right") - 1
            late = start >= 1
            enter = np.bincount(start[late] - 1, self.n_enter[late], minlength=size)
        return EventTable(
            grid[1:],
            np.bincount(bins, self.n_event, minlength=size),
            np.bincount(bins, self.n_censor, minlength=size),
            enter,
        )

    def at_exits(self) -> dict[str, NDArray[Any]]:
        """Rows at which somebody leaves, as the curves need them."""
        keep = (self.n_event + self.n_censor) > 0
        out = {
            "time": self.time[keep],
            "n_at_risk": np.maximum(self.n_at_risk[keep], 0.0),
            "n_event": self.n_event[keep],
            "n_censor": self.n_censor[keep],
        }
        if self.n_enter is not None:
            before = np.concatenate([[0.0], np.cumsum(self.n_enter)])[np.flatnonzero(keep)]
            out["n_enter"] = np.diff(before, prepend=0.0)
        return out

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EventTable):
            return NotImplemented
        enter = [np.zeros(1) if t.n_enter is None else t.n_enter for t in (self, other)]
        return (
            np.array_equal(self.time, other.time)
            and np.array_equal(self.n_event, other.n_event)
            and np.array_equal(self.n_censor, other.n_censor)
            and (np.array_equal(enter[0], enter[1]) or not (enter[0].any() or enter[1].any()))
        )

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return int(self.time.shape[0])

    def __repr__(self) -> str:
        return (
            f"EventTable({len(self)} times, {self.n_event.sum():g} events, "
            f"{self.n_censor.sum():g} censored)"
        )
