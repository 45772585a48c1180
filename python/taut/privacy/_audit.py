# SPDX-License-Identifier: BSD-3-Clause
"""An attack that measures how much a mechanism really gives away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taut._random import generator
from taut.privacy._curve import check_whole
from taut.survival._surv import check_level
from taut.typing import RandomState

Float64 = NDArray[np.float64]
FPR_POINTS = (0.001, 0.01, 0.1)
MAX_THRESHOLDS = 512


@dataclass(frozen=True)
class AuditResult:
    """Outcome of a distinguishing game.

    Attributes
    ----------
    epsilon_lower : float
        With probability ``level``, the mechanism is not epsilon-private for any smaller epsilon.
    epsilon_claimed : float
        What the mechanism claims; NaN if it does not say.
    level : float
    n_trials : int
        Runs on each of the two data sets.
    fpr, tpr : ndarray of shape (n_thresholds,)
        ROC curve of the half of the runs that did not choose the threshold.
    auc : float
        Area under it: 1/2 is guessing.
    tpr_at_fpr : dict
        True-positive rate at the false-positive rates 0.001, 0.01 and 0.1; between two thresholds
        the attacker tosses a coin.
    rates : tuple of two floats
        Rates at the threshold behind the bound: of the positive and of the negative data set.
    statistic : str
        "likelihood ratio", "linear discriminant" or "given".

    See Also
    --------
    audit_mechanism : Returns one.
    PrivateKaplanMeier : A mechanism whose claim holds.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.privacy import audit_mechanism
    >>> rng = np.random.default_rng(0)
    >>> def leak(data):
    ...     return np.array([data + rng.normal()])
    >>> audit_mechanism(leak, 0.0, 9.0, n_trials=400, random_state=0).auc > 0.9
    True
    """

    epsilon_lower: float
    epsilon_claimed: float
    level: float
    n_trials: int
    fpr: Float64
    tpr: Float64
    auc: float
    tpr_at_fpr: dict[float, float]
    rates: tuple[float, float]
    statistic: str

    @property
    def broken(self) -> bool:
        """The bound exceeds the claim."""
        return self.epsilon_lower > self.epsilon_claimed

    def __str__(self) -> str:
        claim = "" if np.isnan(self.epsilon_claimed) else f", claimed {self.epsilon_claimed:g}"
        verdict = ": the claim does not hold" if self.broken else ""
        return (
            f"epsilon >= {self.epsilon_lower:.3g} with {100 * self.level:g} % confidence{claim}"
            f"{verdict} ({self.n_trials:,} runs a side, {self.statistic})"
        )


def audit_mechanism(
    mechanism: Any,
    D: Any,
    D_prime: Any,
    n_trials: int = 10000,
    statistic: Callable[[Float64], Any] | None = None,
    level: float = 0.95,
    random_state: RandomState = None,
) -> AuditResult:
    """Play the distinguishing game between two neighbouring data sets.

    The mechanism runs ``n_trials`` times on each. One half of the runs chooses a threshold of the
    statistic, and on which side of it to bet; the other half counts how often that bet is right and
    wrong. If a mechanism is epsilon-private, no bet is right more than exp(epsilon) times as often
    as wrong, so the ratio of the two rates, each at its Clopper-Pearson limit, bounds epsilon from
    below. No number of runs proves privacy, and n runs cannot show more than about log(n / 8).

    Parameters
    ----------
    mechanism : PrivateKaplanMeier, TimeIndexedLaplaceKaplanMeier or callable
        Not fitted. A callable takes a data set and returns numbers, as many at each call.
        PrivateKaplanMeier is audited on its noisy counts, from which all else follows;
        TimeIndexedLaplaceKaplanMeier on the curve at its times.
    D, D_prime : data sets
        Neighbours: one record replaced, added or removed, as the mechanism's claim has it.
    n_trials : int, default=10000
        Runs on each data set.
    statistic : callable, optional
        From outputs of shape (n, n_numbers) to scores of shape (n,), large for ``D``. The default
        is the likelihood ratio where the mechanism is known, else a linear discriminant fitted to
        the first half of the runs.
    level : float, default=0.95
        Confidence of the bound, both limits together.
    random_state : int, Generator or RandomState, optional
        Makes the game repeatable. By default a private mechanism draws its noise as it does for a
        release.

    Returns
    -------
    AuditResult

    Raises
    ------
    ValueError
        If a parameter is out of its range, or outputs differ in shape.

    See Also
    --------
    PrivateKaplanMeier : A mechanism whose claim holds.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.privacy import PrivateKaplanMeier, audit_mechanism
    >>> time = np.arange(1.0, 11.0)
    >>> mechanism = PrivateKaplanMeier(1.0, grid=[0, 5, 10])
    >>> event = np.ones(10)
    >>> result = audit_mechanism(mechanism, (time, event), (time, event * (time > 1)), 4000,
    ...                          random_state=0)
    >>> 0.5 < result.epsilon_lower < 1.0
    True
    """
    check_whole(n_trials, "n_trials", 20, 10**9)
    check_level(level, "level")
    rng = None if random_state is None else generator(random_state)
    n = int(n_trials)
    half = n // 2
    outputs = [_run(mechanism, data, n, rng) for data in (D, D_prime)]
    if outputs[0].shape[1] != outputs[1].shape[1]:
        raise ValueError(
            f"the mechanism returns {outputs[0].shape[1]} numbers for D and {outputs[1].shape[1]} "
            "for D_prime; that alone tells them apart."
        )
    name = "given"
    scores: list[Any] = [None, None]
    if statistic is not None:
        scores = [_scores(statistic(x), n) for x in outputs]
    else:
        ratio = getattr(mechanism, "_log_ratio", None)
        if ratio is not None:
            scores, name = [ratio(x, D, D_prime) for x in outputs], "likelihood ratio"
        if scores[0] is None:
            weights = _discriminant(outputs[0][:half], outputs[1][:half])
            scores, name = [x @ weights for x in outputs], "linear discriminant"
    positive, negative = scores
    threshold, side = _choose(positive[:half], negative[:half], level)
    rates, lower = _bound(positive[half:], negative[half:], threshold, side, level)
    fpr, tpr = _roc(positive[half:], negative[half:])
    claimed = getattr(mechanism, "epsilon", getattr(mechanism, "nominal_epsilon", np.nan))
    return AuditResult(
        epsilon_lower=lower,
        epsilon_claimed=float(claimed),
        level=float(level),
        n_trials=n,
        fpr=fpr,
        tpr=tpr,
        auc=float(np.sum(np.diff(fpr) * (tpr[1:] + tpr[:-1])) / 2),
        tpr_at_fpr={p: float(np.interp(p, fpr, tpr)) for p in FPR_POINTS},
        rates=rates,
        statistic=name,
    )


def _run(mechanism: Any, data: Any, n: int, rng: np.random.Generator | None) -> Float64:
    sample = getattr(mechanism, "_sample", None)
    if sample is not None:
        return sample(data, n, rng)
    if not callable(mechanism):
        raise TypeError(
            "mechanism must be an estimator of taut.privacy or a callable, got "
            f"{type(mechanism).__name__}."
        )
    return np.stack([np.asarray(mechanism(data), dtype=np.float64).ravel() for _ in range(n)])


def _scores(values: Any, n: int) -> Float64:
    scores = np.asarray(values, dtype=np.float64)
    if scores.shape != (n,):
        raise ValueError(f"statistic must return {n} scores, got shape {scores.shape}.")
    return scores


def _discriminant(positive: Float64, negative: Float64) -> Float64:
    """Fisher's direction, with a ridge for outputs that do not vary or vary together."""
    mean, other = positive.mean(axis=0), negative.mean(axis=0)
    centred = np.concatenate([positive - mean, negative - other])
    covariance = centred.T @ centred / centred.shape[0]
    spread = np.sqrt(np.diag(covariance))
    spread[spread == 0] = 1.0
    correlation = covariance / np.outer(spread, spread) + 1e-6 * np.eye(spread.size)
    return np.linalg.solve(correlation, (mean - other) / spread) / spread


def _choose(positive: Float64, negative: Float64, level: float) -> tuple[float, int]:
    """Threshold and side with the best bound: bet on D at or above it (+1), else on D' below."""
    pooled = np.unique(np.concatenate([positive, negative]))
    if pooled.size > MAX_THRESHOLDS:
        # More of them at the ends, where the rare outputs are that give most away.
        u = np.linspace(-8.0, 8.0, MAX_THRESHOLDS)
        at = 1.0 / (1.0 + np.exp(-u))
        pooled = np.unique(np.quantile(np.concatenate([positive, negative]), at))
    above = _count_from(positive, pooled), _count_from(negative, pooled)
    below = positive.size - above[0], negative.size - above[1]
    best = (-np.inf, float(pooled[0]), 1)
    for side, hits, misses in ((1, above[0], above[1]), (-1, below[1], below[0])):
        low = np.log(np.maximum(_clopper_pearson(hits, positive.size, level)[0], 1e-300))
        bound = low - np.log(_clopper_pearson(misses, positive.size, level)[1])
        k = int(bound.argmax())
        if bound[k] > best[0]:
            best = (float(bound[k]), float(pooled[k]), side)
    return best[1], best[2]


def _count_from(values: Float64, thresholds: Float64) -> NDArray[np.int64]:
    ordered = np.sort(values)
    return values.size - np.searchsorted(ordered, thresholds, side="left")


def _bound(
    positive: Float64, negative: Float64, threshold: float, side: int, level: float
) -> tuple[tuple[float, float], float]:
    """Rates of right and wrong bets in fresh runs, and the bound; never below 0."""
    if side > 0:
        right, wrong = int((positive >= threshold).sum()), int((negative >= threshold).sum())
    else:
        right, wrong = int((negative < threshold).sum()), int((positive < threshold).sum())
    n = positive.size
    low = float(_clopper_pearson(np.array([right]), n, level)[0][0])
    high = float(_clopper_pearson(np.array([wrong]), n, level)[1][0])
    lower = float(np.log(low / high)) if low > 0 else 0.0
    return (right / n, wrong / n), max(lower, 0.0)


def _clopper_pearson(hits: NDArray[Any], n: int, level: float) -> tuple[Float64, Float64]:
    """Exact limits of a probability; each fails with probability (1 - level) / 2."""
    from scipy.stats import beta

    tail = 0.5 * (1.0 - level)
    with np.errstate(all="ignore"):
        low = np.where(hits > 0, beta.ppf(tail, hits, n - hits + 1), 0.0)
        high = np.where(hits < n, beta.ppf(1.0 - tail, hits + 1, n - hits), 1.0)
    return np.nan_to_num(low), np.nan_to_num(high, nan=1.0)


def _roc(positive: Float64, negative: Float64) -> tuple[Float64, Float64]:
    """Rates over all thresholds, from (0, 0) to (1, 1), thinned out where there are many."""
    thresholds = np.unique(np.concatenate([positive, negative]))[::-1]
    tpr = np.concatenate([[0.0], _count_from(positive, thresholds) / positive.size])
    fpr = np.concatenate([[0.0], _count_from(negative, thresholds) / negative.size])
    if fpr.size > 4 * MAX_THRESHOLDS:
        keep = np.unique(np.linspace(0, fpr.size - 1, 4 * MAX_THRESHOLDS).round().astype(int))
        early = np.flatnonzero(np.diff(fpr, prepend=-1.0) > 0)[:MAX_THRESHOLDS]
        keep = np.union1d(keep, early)
        fpr, tpr = fpr[keep], tpr[keep]
    return fpr, tpr
