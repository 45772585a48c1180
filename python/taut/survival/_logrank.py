# SPDX-License-Identifier: BSD-3-Clause
"""Tests of equal survival in several groups."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taut import _core
from taut._threads import n_threads
from taut.survival._surv import (
    Censored,
    Float64,
    check_censored,
    check_groups,
    check_weights,
    choice,
    snap,
    tie_ulps,
)
from taut.survival._table import EventTable

TEST_WEIGHTS = (
    "logrank",
    "gehan",
    "tarone-ware",
    "peto",
    "modified-peto",
    "fleming-harrington",
)


class LogRankResult(NamedTuple):
    """Result of :func:`logrank_test`.

    Attributes
    ----------
    statistic : float
        Chi-squared statistic.
    p_value : float
    df : int
        Degrees of freedom.
    groups : ndarray of shape (n_groups,)
        Labels, ascending.
    observed, expected : ndarray of shape (n_groups,)
        Events in each group, and their expectation if all survive alike.
    score : ndarray of shape (n_groups,)
        Weighted sums of observed minus expected.
    covariance : ndarray of shape (n_groups, n_groups)
        Of the scores.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.survival import logrank_test
    >>> lung = load_lung()
    >>> result = logrank_test(lung.y, lung.data[:, 0])
    >>> result.df, round(result.statistic, 1)
    (1, 10.3)
    """

    statistic: float
    p_value: float
    df: int
    groups: NDArray[Any]
    observed: Float64
    expected: Float64
    score: Float64
    covariance: Float64


class PairwiseResult(NamedTuple):
    """One pair of :func:`pairwise_logrank_test`.

    Attributes
    ----------
    first, second : object
        Labels of the two groups.
    statistic, p_value : float
    p_adjusted : float
        Adjusted by Holm's method for all pairs.

    Examples
    --------
    >>> from taut.survival import pairwise_logrank_test
    >>> y = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1, 1, 1, 1, 1, 1])
    >>> pair = pairwise_logrank_test(y, ["a", "a", "b", "b", "c", "c"])[0]
    >>> str(pair.first), str(pair.second), pair.p_adjusted >= pair.p_value
    ('a', 'b', True)
    """

    first: Any
    second: Any
    statistic: float
    p_value: float
    p_adjusted: float


def logrank_test(
    y: Any,
    groups: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    *,
    weights: str = "logrank",
    rho: float = 0.0,
    gamma: float = 0.0,
    sample_weight: ArrayLike | None = None,
    trend: ArrayLike | None = None,
    tie_tol: str | int = "ulp",
    n_jobs: int | None = None,
) -> LogRankResult:
    r"""Test whether groups have the same survival.

    Adds up ``W(t) (d_g - d n_g / n)`` over the event times and compares it with its hypergeometric
    covariance. With strata, sums run over times within strata, weights come from each stratum.

    Parameters
    ----------
    y : structured array, array of shape (n_samples, 2 or 3), or tuple of columns
        See :class:`Surv`; or a dict from label to :class:`EventTable`, without ``groups``.
    groups : array-like of shape (n_samples,)
        Labels of at least two groups.
    strata : array-like of shape (n_samples,), optional
    weights : str, default='logrank'
        ``W``: 'logrank' 1; 'gehan' n; 'tarone-ware' sqrt(n); 'peto' the product of 1 - d/(n + 1) up
        to and with t; 'modified-peto' the same times n/(n + 1); 'fleming-harrington'
        ``S(t-)**rho * (1 - S(t-))**gamma`` of the pooled Kaplan-Meier curve. R's
        ``survdiff(rho=r)`` is the last one with gamma = 0.
    rho, gamma : float, default=0
        >= 0, for 'fleming-harrington'.
    sample_weight : array-like of shape (n_samples,), optional
        Whole numbers: how often each record occurred. Others are refused, because the
        hypergeometric variance counts records.
    trend : array-like of shape (n_groups,), optional
        Scores of the groups in the order of their labels: test for a trend, with one degree of
        freedom.
    tie_tol, n_jobs
        As in :class:`KaplanMeier`.

    Returns
    -------
    LogRankResult
        Groups without expected events lower the degrees of freedom.

    Raises
    ------
    ValueError
        As :class:`KaplanMeier`; if there is one group only, or no event.

    References
    ----------
    .. [1] N. Mantel (1966), Cancer Chemother. Rep. 50, 163-170.
    .. [2] D. P. Harrington, T. R. Fleming (1982), Biometrika 69, 553-566.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.survival import logrank_test
    >>> lung = load_lung()
    >>> result = logrank_test(lung.y, lung.data[:, 0])  # men and women
    >>> round(result.statistic, 4), round(result.p_value, 5), result.df
    (10.3267, 0.00131, 1)
    """
    choice(weights, "weights", TEST_WEIGHTS)
    if weights != "fleming-harrington" and (rho != 0 or gamma != 0):
        raise ValueError(
            f"rho and gamma belong to weights='fleming-harrington', got weights={weights!r}."
        )
    for name, value in (("rho", rho), ("gamma", gamma)):
        if not (np.isfinite(value) and value >= 0):
            raise ValueError(f"{name} must be finite and >= 0, got {value!r}.")
    options = (weights, float(rho), float(gamma))
    if isinstance(y, Mapping):
        return _of_tables(y, groups, strata, sample_weight, options, trend)
    if groups is None:
        raise ValueError("groups must be given: one label for each record.")
    records = snap(check_censored(y), tie_tol)
    n = records.time.shape[0]
    counts = _counts(sample_weight, n)
    codes, labels = check_groups(groups, n)
    stratum, n_strata = None, 1
    if strata is not None:
        stratum, names = check_groups(strata, n, "strata")
        n_strata = names.size
    sums = _sums(records, counts, codes, labels.size, stratum, n_strata, options, tie_tol, n_jobs)
    return _result(sums, labels, trend)


def pairwise_logrank_test(
    y: Any,
    groups: ArrayLike,
    strata: ArrayLike | None = None,
    **options: Any,
) -> list[PairwiseResult]:
    """Test every pair of groups, with p-values adjusted by Holm's method.

    Parameters
    ----------
    y, groups, strata, **options
        As in :func:`logrank_test`; ``trend`` has no meaning here.

    Returns
    -------
    list of PairwiseResult
        In the order of the labels.

    Raises
    ------
    ValueError
        If there are fewer than two groups or ``trend`` is given, and as in :func:`logrank_test`.

    References
    ----------
    .. [1] S. Holm (1979), Scand. J. Stat. 6, 65-70.

    Examples
    --------
    >>> from taut.survival import pairwise_logrank_test
    >>> y = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1, 1, 1, 1, 1, 1])
    >>> len(pairwise_logrank_test(y, ["a", "a", "b", "b", "c", "c"]))
    3
    """
    if "trend" in options:
        raise ValueError("trend has no meaning for pairs of groups.")
    records = check_censored(y)
    n = records.time.shape[0]
    codes, labels = check_groups(groups, n)
    if labels.size < 2:
        raise ValueError(f"groups must hold at least two labels, got {labels.size}.")
    weight = options.pop("sample_weight", None)
    weight = None if weight is None else _counts(weight, n)
    strata = None if strata is None else np.asarray(strata)
    results = []
    for a, b in combinations(range(labels.size), 2):
        rows = (codes == a) | (codes == b)
        part = tuple(c[rows] for c in records if c is not None)
        results.append(
            logrank_test(
                part,
                codes[rows],
                None if strata is None else strata[rows],
                sample_weight=None if weight is None else weight[rows],
                **options,
            )
        )
    p = np.array([r.p_value for r in results])
    order = np.argsort(p)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)))
    return [
        PairwiseResult(labels[a], labels[b], r.statistic, r.p_value, float(q))
        for (a, b), r, q in zip(combinations(range(labels.size), 2), results, adjusted, strict=True)
    ]


def _counts(sample_weight: ArrayLike | None, n: int) -> Float64 | None:
    weights = check_weights(sample_weight, n)
    if weights is not None and (weights % 1).any():
        i = int((weights % 1 > 0).argmax())
        raise ValueError(
            "sample_weight must hold whole numbers (repeated records) in a log-rank test, got "
            f"{weights[i]:g} in record {i}."
        )
    return weights


def _sums(
    records: Censored,
    counts: Float64 | None,
    codes: NDArray[np.int32],
    n_groups: int,
    stratum: NDArray[np.int32] | None,
    n_strata: int,
    options: tuple[str, float, float],
    tie_tol: str | int,
    n_jobs: int | None,
) -> dict[str, Any]:
    if n_groups < 2:
        raise ValueError(f"groups must hold at least two labels, got {n_groups}.")
    if not records.event.any():
        raise ValueError("no event in any record: there is nothing to compare.")
    return _core.logrank(
        *records[:2],
        records.entry,
        counts,
        codes,
        n_groups,
        stratum,
        n_strata,
        weights=options[0],
        rho=options[1],
        gamma=options[2],
        ulps=tie_ulps(tie_tol),
        n_threads=n_threads(n_jobs),
    )


def _of_tables(
    tables: Mapping[Any, Any],
    groups: Any,
    strata: Any,
    sample_weight: Any,
    options: tuple[str, float, float],
    trend: Any,
) -> LogRankResult:
    if groups is not None or strata is not None or sample_weight is not None:
        raise ValueError("event tables take no groups, strata and sample_weight.")
    if len(tables) < 2:
        raise ValueError(f"y must hold at least two tables, got {len(tables)}.")
    for label, table in tables.items():
        if not isinstance(table, EventTable):
            raise TypeError(f"y[{label!r}] must be an EventTable, got {type(table).__name__}.")
    if not any(table.n_event.any() for table in tables.values()):
        raise ValueError("no event in any table: there is nothing to compare.")
    if any((t.n_event % 1).any() or (t.n_censor % 1).any() for t in tables.values()):
        raise ValueError("event tables must hold whole numbers (records) in a log-rank test.")
    sums = _core.logrank_tables([t._parts() for t in tables.values()], *options)
    return _result(sums, np.array(list(tables)), trend)


def _result(sums: dict[str, Any], labels: NDArray[Any], trend: Any) -> LogRankResult:
    from scipy.special import chdtrc

    score, covariance = sums["score"], sums["covariance"]
    if trend is not None:
        scores = np.asarray(trend, dtype=np.float64)
        if scores.shape != labels.shape or not np.isfinite(scores).all():
            raise ValueError(
                f"trend must hold {labels.size} finite scores, one per group, got {trend!r}."
            )
        variance = float(scores @ covariance @ scores)
        if not variance > 0:
            raise ValueError("trend must hold at least two different scores of groups at risk.")
        statistic, df = float(scores @ score) ** 2 / variance, 1
    else:
        statistic, df = _chi_squared(score, covariance, sums["expected"] > 0)
    return LogRankResult(
        statistic=statistic,
        p_value=float(chdtrc(df, statistic)) if df else float("nan"),
        df=df,
        groups=labels,
        observed=sums["observed"],
        expected=sums["expected"],
        score=score,
        covariance=covariance,
    )


def _chi_squared(score: Float64, covariance: Float64, used: NDArray[np.bool_]) -> tuple[float, int]:
    """Quadratic form on all but one of the groups that were ever at risk of an event."""
    kept = np.flatnonzero(used)[:-1]
    df = kept.size
    if df == 0:
        return 0.0, 0
    z, C = score[kept], covariance[np.ix_(kept, kept)]
    values, vectors = np.linalg.eigh(C)
    good = values > 1e-12 * max(values[-1], 0.0)
    along = vectors.T @ z
    return float(np.sum(along[good] ** 2 / values[good])), df
