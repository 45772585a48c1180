# SPDX-License-Identifier: BSD-3-Clause
"""Kaplan-Meier curves under pure differential privacy."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from taut._random import generator
from taut.exceptions import PrivacyGuaranteeWarning
from taut.privacy._accountant import PrivacyAccountant, check_epsilon
from taut.privacy._release import (
    MAX_STEPS,
    RESOLUTION,
    TREE_FROM,
    Curves,
    Design,
    Float64,
    fresh_key,
    read_columns,
)
from taut.survival import EventTable
from taut.survival._surv import check_level, choice
from taut.typing import RandomState

NEIGHBORS = ("replace_one", "add_remove")
MECHANISMS = ("auto", "histogram", "tree")
POSTPROCESS = ("balanced_isotonic", "simplex", "gondara_wang")
INTERPOLATIONS = ("linear", "step")
MAX_RECORDS = 1000
MAX_BINS = 2**16


class PrivateLimits(NamedTuple):
    """Limits of a private curve that count the noise as well as the sample.

    Attributes
    ----------
    time : ndarray of shape (n_times,)
    lower, upper : ndarray of the shape of ``survival_``
    median : tuple
        (lower, upper), numbers or one value per group; NaN where it is not reached.
    rmst : tuple
        (lower, upper) of the restricted mean up to the end of the grid.

    See Also
    --------
    PrivateKaplanMeier : Its ``confidence_interval`` returns one.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.privacy import PrivateKaplanMeier
    >>> limits = PrivateKaplanMeier(1.0, time_range=1050).fit(load_lung().y).confidence_interval()
    >>> bool((limits.lower <= limits.upper).all())
    True
    """

    time: Float64
    lower: Float64
    upper: Float64
    median: tuple[Any, Any]
    rmst: tuple[Any, Any]


class PrivateLogRank(NamedTuple):
    """A comparison of private curves; its p-value is simulated with the noise in it.

    Attributes
    ----------
    statistic : float
    p_value : float
    n_sim : int
        Simulations behind the p-value.

    See Also
    --------
    PrivateKaplanMeier : Its ``logrank_test`` returns one.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.privacy import PrivateKaplanMeier
    >>> lung = load_lung()
    >>> model = PrivateKaplanMeier(1.0, time_range=1050)
    >>> model = model.fit(lung.y, groups=lung.data[:, 0], group_labels=[1, 2])
    >>> 0 < model.logrank_test().p_value <= 1
    True
    """

    statistic: float
    p_value: float
    n_sim: int


class PrivateKaplanMeier(BaseEstimator):
    r"""Survival curve under pure :math:`\varepsilon`-differential privacy.

    Records are counted in cells of a public grid, (bin, event) and (bin, censored) and one for
    those not seen to leave, and every count gets independent noise,
    :math:`P(z) \propto e^{-\varepsilon |z| / \Delta}` over the integers. Neighbouring data sets
    differ by at most :math:`\Delta` in the sum of absolute differences of counts, so that the
    probability of any output changes by a factor of at most :math:`e^{\varepsilon}`. The curve is
    computed from the noisy counts and public numbers alone. A smaller epsilon is a stronger
    guarantee.

    The noise is exact (integers only, no floating point) and comes from ChaCha20 with a key of the
    operating system, drawn for each fit before the data are looked at. Nothing else of the data is
    kept, printed or raised: a time that is missing or beyond the grid, or an event that is neither
    0 nor 1, counts as not seen to leave, and times before 0 count in the first bin. The code is not
    hardened against somebody who measures its time or reads its memory.

    Parameters
    ----------
    epsilon : float
        Bound on the privacy loss, at least 2**-20. Rounded down to a multiple of that.
    grid : array-like of shape (n_bins + 1,), optional
        0 and increasing times after it; bins are ``(grid[k], grid[k + 1]]``. To be chosen without
        looking at the data, for example from the protocol of the study.
    time_range : float or (0, float), optional
        In place of a grid: the end of one with bins of equal width. ``max(time)`` is one person's
        time, and using it here publishes it; the planned length of follow-up is not.
    n_bins : int, optional
        Bins of ``time_range``. The default, for ``neighbors='replace_one'`` only, is
        ``0.35 (n epsilon)**(2/3)`` rounded, between 4 and 256, with n and epsilon taken by group
        and by record of a person.
    neighbors : {'replace_one', 'add_remove'}, default='replace_one'
        What must not be noticed: that somebody's record is another one (the number of records is
        public), or that it is there at all (the number is private). ``Delta`` is 2 or 1.
    mechanism : {'auto', 'histogram', 'tree'}, default='auto'
        Cells alone, or cells and sums over blocks of about ``sqrt(n_bins)`` of them, which doubles
        ``Delta`` and pays from about 100 bins on ('auto').
    postprocess : {'balanced_isotonic', 'simplex', 'gondara_wang'}, default='balanced_isotonic'
        How noisy counts become a table: cumulated and made monotone by kind; the nearest counts
        that are not negative; or the recursion of Gondara and Wang on signed counts. In the first
        two, hazards are not taken over fewer at risk than one standard deviation of the noise in
        that number, where the noise of one count would end the curve.
    interpolation : {'linear', 'step'}, default='linear'
        Of the curve between grid points, in :meth:`predict`, :meth:`quantile` and :meth:`rmst`.
    records_per_person : int, default=1
        At most so many records belong to one person; ``Delta`` grows with it. Data with more do not
        have the guarantee, and are not noticed.
    accountant : PrivacyAccountant, optional
        Is charged before the noise is drawn.
    insecure_seed : bool, default=False
        Accept ``random_state``. Who knows the seed can take the noise away again, so the result has
        no guarantee: for tests and simulations.
    random_state : int, Generator or RandomState, optional
        Only with ``insecure_seed=True``.

    Attributes
    ----------
    time_ : ndarray of shape (n_bins + 1,)
        The grid.
    survival_ : ndarray of shape (n_bins + 1,), or (n_groups, n_bins + 1)
        Non-increasing from 1, at the grid.
    n_at_risk_, n_event_, n_censor_ : ndarray of shape (n_bins,), or (n_groups, n_bins)
        Estimated table: at risk at the start of each bin, and what happens in it.
    n_beyond_ : float or ndarray of shape (n_groups,)
        Estimated number of records that were not seen to leave.
    groups_ : tuple or None
        The public labels.
    noisy_counts_ : ndarray of int64
        The release itself: by group, events by bin, censored by bin and the rest; the records of no
        listed group; block sums of the tree. May be published.
    epsilon_effective_ : float
        Epsilon of the release, at most ``epsilon``.
    sensitivity_ : int
        ``Delta``.
    mechanism_ : str
    privacy_guarantee_ : str or None
        What may be said of the release.

    Raises
    ------
    ValueError
        If a parameter is out of range, no public grid is given or it seems to come from the data, y
        has times of entry, there are weights, or groups come without a public list of labels.
    PrivacyBudgetExceeded
        If the accountant has too little left. Nothing has been drawn then.

    References
    ----------
    Gondara and Wang, "Differentially private survival function estimation", MLHC 2020. Canonne,
    Kamath and Steinke, "The discrete Gaussian for differential privacy", NeurIPS 2020. Dwork,
    McSherry, Nissim and Smith, "Calibrating noise to sensitivity in private data analysis", TCC
    2006. The tree follows Hay, Rastogi, Miklau and Suciu, VLDB 2010.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.privacy import PrivateKaplanMeier
    >>> model = PrivateKaplanMeier(epsilon=1.0, time_range=1050).fit(load_lung().y)
    >>> model.privacy_guarantee_
    'pure 1-differential privacy, one record replaced, number of records public'
    >>> model.n_event_.size, model.sensitivity_
    (13, 2)
    >>> bool(model.predict([1050.0]) <= model.predict([100.0]))
    True
    """

    def __init__(
        self,
        epsilon: float,
        grid: ArrayLike | None = None,
        time_range: float | tuple[float, float] | None = None,
        n_bins: int | None = None,
        neighbors: str = "replace_one",
        mechanism: str = "auto",
        postprocess: str = "balanced_isotonic",
        interpolation: str = "linear",
        records_per_person: int = 1,
        accountant: PrivacyAccountant | None = None,
        insecure_seed: bool = False,
        random_state: RandomState = None,
    ) -> None:
        self.epsilon = epsilon
        self.grid = grid
        self.time_range = time_range
        self.n_bins = n_bins
        self.neighbors = neighbors
        self.mechanism = mechanism
        self.postprocess = postprocess
        self.interpolation = interpolation
        self.records_per_person = records_per_person
        self.accountant = accountant
        self.insecure_seed = insecure_seed
        self.random_state = random_state

    def fit(
        self,
        y: Any,
        groups: ArrayLike | None = None,
        group_labels: Sequence[Any] | None = None,
        sample_weight: None = None,
    ) -> PrivateKaplanMeier:
        """Release noisy counts of the data and compute the curve of each group.

        Parameters
        ----------
        y : structured array, array of shape (n_samples, 2), data frame or tuple of two columns
            See :class:`~taut.survival.Surv`.
        groups : array-like of shape (n_samples,), optional
            Labels. All groups together cost the same epsilon as one, because a record is in one.
        group_labels : sequence, optional
            The public list of labels, needed with ``groups``. Records with any other label, or
            none, are counted together and belong to no curve.
        sample_weight : None
            Weights have no bounded sensitivity and are refused.

        Returns
        -------
        PrivateKaplanMeier
        """
        if sample_weight is not None:
            raise ValueError(
                "sample_weight is not supported: a weight is unbounded, and so is what one person "
                "could change."
            )
        self._check_parameters()
        labels = check_labels(groups, group_labels)
        columns = read_columns(y, groups, labels)
        design = self._design(columns.n, labels)
        if self.accountant is not None:
            self.accountant.charge(design.epsilon, type(self).__name__)
        seeded = self.random_state is not None
        if seeded:
            warnings.warn(
                "a seed was given, so this result is not private: who knows it can subtract the "
                "noise.",
                PrivacyGuaranteeWarning,
                stacklevel=2,
            )
        # All noise is there before the data are looked at, and the exact counts are not kept.
        noise = design.noise(1, fresh_key(generator(self.random_state) if seeded else None))
        noisy = noise[0] + design.counts(columns)
        self._finish(design, labels, noisy, private=not seeded)
        return self

    def _check_parameters(self) -> None:
        choice(self.neighbors, "neighbors", NEIGHBORS)
        choice(self.mechanism, "mechanism", MECHANISMS)
        choice(self.postprocess, "postprocess", POSTPROCESS)
        choice(self.interpolation, "interpolation", INTERPOLATIONS)
        if check_epsilon(self.epsilon) < 1 / RESOLUTION:
            raise ValueError(f"epsilon must be at least 2**-20, got {self.epsilon!r}.")
        check_whole(self.records_per_person, "records_per_person", 1, MAX_RECORDS)
        if self.accountant is not None and not isinstance(self.accountant, PrivacyAccountant):
            raise TypeError(
                "accountant must be a PrivacyAccountant or None, got "
                f"{type(self.accountant).__name__}."
            )
        if self.random_state is not None and not self.insecure_seed:
            raise ValueError(
                "random_state makes the noise repeatable, and who knows it can subtract the noise; "
                "pass insecure_seed=True as well if the result need not be private."
            )
        if (self.grid is None) == (self.time_range is None):
            raise ValueError(
                "give either grid or time_range, chosen without looking at the data: they are "
                "published."
            )
        if self.grid is not None and self.n_bins is not None:
            raise ValueError("n_bins belongs to time_range; a grid has its own bins.")
        if self.n_bins is not None:
            check_whole(self.n_bins, "n_bins", 1, MAX_BINS)
        elif self.grid is None and self.neighbors == "add_remove":
            raise ValueError(
                "n_bins is needed with neighbors='add_remove', because the usual number of bins "
                "depends on the number of records, which is private."
            )
        self._public_times()

    def _public_times(self) -> Float64:
        """The grid, or (0, end)."""
        name = "grid" if self.grid is not None else "time_range"
        given = self.grid if self.grid is not None else self.time_range
        if isinstance(given, str) or callable(given):
            raise ValueError(
                f"{name} must be numbers, got {given!r}; the grid must be chosen without looking "
                "at the data."
            )
        times = np.asarray(given, dtype=np.float64)
        if name == "time_range" and times.ndim == 0:
            times = np.array([0.0, float(times)])
        if times.ndim != 1 or times.size < 2 or (name == "time_range" and times.size != 2):
            raise ValueError(
                "grid must be one-dimensional, at least 2 times; time_range a time or (0, time)."
            )
        if times.size > MAX_BINS + 1:
            raise ValueError(f"grid has {times.size - 1} bins, at most {MAX_BINS} are allowed.")
        if not np.isfinite(times).all() or times[0] != 0 or not (np.diff(times) > 0).all():
            raise ValueError(
                f"{name} must begin with 0, where the curve is 1, be finite and increase strictly, "
                f"got {given!r}."
            )
        return times

    def _design(self, n: int, labels: tuple[Any, ...] | None) -> Design:
        """The public description of the release; looks at the data's length at most."""
        known = self.neighbors == "replace_one"
        if known and n == 0:
            raise ValueError("y is empty; at least one record is needed.")
        n_groups = 1 if labels is None else len(labels)
        times = self._public_times()
        if self.time_range is not None:
            bins = self.n_bins
            if bins is None:  # and so n is public
                share = n * self.epsilon / (n_groups * self.records_per_person)
                bins = int(np.clip(round(0.35 * share ** (2 / 3)), 4, 256))
            times = np.linspace(0.0, times[1], bins + 1)
            if not (np.diff(times) > 0).all():
                raise ValueError(
                    f"time_range = {self.time_range!r} is too short for {bins} different times."
                )
        bins = times.size - 1
        tree = self.mechanism == "tree" or (self.mechanism == "auto" and bins >= TREE_FROM)
        return Design(
            grid=times,
            n_groups=n_groups,
            other=labels is not None,
            block=round(math.sqrt(bins)) if tree else 0,
            n=n if known else None,
            neighbors=self.neighbors,
            records_per_person=int(self.records_per_person),
            steps=int(min(math.floor(self.epsilon * RESOLUTION), MAX_STEPS)),
        )

    def _finish(
        self,
        design: Design,
        labels: tuple[Any, ...] | None,
        noisy: NDArray[np.int64],
        *,
        private: bool,
    ) -> None:
        out = design.curves(noisy[None], self.postprocess)
        alone = labels is None
        self.noisy_counts_ = noisy
        self.time_ = design.grid
        self.groups_ = labels
        for name in ("survival", "n_at_risk", "n_event", "n_censor"):
            values = getattr(out, name)[0]
            setattr(self, f"{name}_", values[0] if alone else values)
        self.n_beyond_ = float(out.n_beyond[0, 0]) if alone else out.n_beyond[0]
        self.epsilon_effective_ = design.epsilon
        self.sensitivity_ = design.sensitivity
        self.mechanism_ = "tree" if design.block else "histogram"
        self.privacy_guarantee_ = guarantee(design) if private else None
        self._release_design = design

    # --- what can be read off the curve --------------------------------------------------------

    def _survival(self) -> Float64:
        check_is_fitted(self, "noisy_counts_")
        return np.atleast_2d(self.survival_)

    def _per_group(self, values: Any) -> Any:
        if self.groups_ is not None:
            return values
        first = values[0]
        return first.item() if np.ndim(first) == 0 else first

    def predict(self, times: ArrayLike) -> Float64:
        """Survival probabilities at given times.

        Parameters
        ----------
        times : array-like of shape (n_times,)

        Returns
        -------
        ndarray of shape (n_times,), or (n_groups, n_times) with groups
            1 before time 0; NaN beyond the grid, where nothing was released.
        """
        survival = self._survival()
        at = np.atleast_1d(np.asarray(times, dtype=np.float64))
        if at.ndim != 1 or np.isnan(at).any():
            raise ValueError("times must be one-dimensional and not NaN.")
        return self._per_group(curve_at(self.time_, survival, at, self.interpolation))

    def quantile(self, q: ArrayLike) -> Any:
        """Times by which a share q has had its event: the first at which the curve is ``1 - q``.

        Parameters
        ----------
        q : float or array-like of shape (n_q,)

        Returns
        -------
        float or ndarray of shape (n_q,); with groups, (n_groups,) or (n_groups, n_q)
            NaN where the curve does not get there within the grid.
        """
        survival = self._survival()
        probs = np.atleast_1d(np.asarray(q, dtype=np.float64))
        if not ((probs >= 0) & (probs <= 1)).all():
            raise ValueError(f"q must lie between 0 and 1, got {q!r}.")
        out = np.stack(
            [crossing(self.time_, survival, 1.0 - p, self.interpolation) for p in probs], axis=-1
        )
        return self._per_group(out if np.ndim(q) else out[:, 0])

    def median(self) -> Any:
        """Median survival time: :meth:`quantile` of 0.5."""
        return self.quantile(0.5)

    def rmst(self, tau: float | None = None) -> Any:
        """Restricted mean survival time, the area under the curve up to tau.

        Parameters
        ----------
        tau : float, optional
            In (0, end of the grid], by default the end.

        Returns
        -------
        float, or ndarray of shape (n_groups,)
        """
        survival = self._survival()
        end = float(self.time_[-1])
        tau = end if tau is None else float(tau)
        if not 0.0 < tau <= end:
            raise ValueError(f"tau must lie in (0, {end:g}], the grid, got {tau:g}.")
        return self._per_group(area(self.time_, survival, tau, self.interpolation))

    def event_table(self) -> Any:
        """Estimated counts as event tables, for what :mod:`taut.survival` does with those.

        Who was not seen to leave is censored at the end of the grid. Standard errors and p-values
        computed from such a table know nothing of the noise and are wrong: take
        :meth:`confidence_interval` and :meth:`logrank_test`.

        Returns
        -------
        EventTable, or dict from label to EventTable
        """
        self._survival()
        if self.postprocess == "gondara_wang":
            raise ValueError("postprocess='gondara_wang' leaves negative counts; choose another.")
        event, censor = np.atleast_2d(self.n_event_), np.atleast_2d(self.n_censor_).copy()
        censor[:, -1] += np.atleast_1d(self.n_beyond_)
        tables = [EventTable(self.time_[1:], d, c) for d, c in zip(event, censor, strict=True)]
        if self.groups_ is None:
            return tables[0]
        return dict(zip(self.groups_, tables, strict=True))

    # --- uncertainty: parametric bootstrap, which uses released numbers only -------------------

    def _replicates(self, cells: Float64, n_draws: int, rng: np.random.Generator) -> Curves:
        """Curves of simulated data sets with these expected cells, noise included."""
        design = self._release_design
        total = cells.sum()
        n = design.n if design.n is not None else max(round(total), 1)
        drawn = rng.multinomial(n, cells / total, size=n_draws)
        p = -math.expm1(-design.rate)
        shape = (n_draws, design.size)
        noise = rng.geometric(p, shape) - rng.geometric(p, shape)
        return design.curves(design.measure(drawn) + noise, self.postprocess)

    def _cells(self, event: Float64, censor: Float64, beyond: Float64) -> Float64:
        """Expected cells in the order of the release, without negative ones."""
        groups = np.concatenate([event, censor, beyond[:, None]], axis=1)
        cells = np.maximum(groups, 0.0).ravel()
        if not self._release_design.other:
            return cells
        other = max(float(self.noisy_counts_[cells.size]), 0.0)
        return np.append(cells, other)

    def _table(self) -> tuple[Float64, Float64, Float64]:
        return np.atleast_2d(self.n_event_), np.atleast_2d(self.n_censor_), np.atleast_1d(
            self.n_beyond_
        )  # fmt: skip

    def confidence_interval(
        self,
        level: float = 0.95,
        n_boot: int = 999,
        random_state: RandomState = None,
        *,
        method: str = "percentile",
    ) -> PrivateLimits:
        """Pointwise limits that count both the sample and the noise, at no cost in privacy.

        Data sets are drawn from the estimated table, noise like that of the release is added, and
        the curve is computed again. (Greenwood's formula on noisy counts would ignore the noise.)

        Parameters
        ----------
        level : float, default=0.95
        n_boot : int, default=999
        random_state : int, Generator or RandomState, optional
            An ordinary generator is enough here: nothing of the data is hidden by it.
        method : {'percentile', 'basic'}, default='percentile'
            Quantiles of the replicates, or these reflected at the estimate and cut off at 0 and 1.

        Returns
        -------
        PrivateLimits
        """
        survival = self._survival()
        alpha = 1.0 - check_level(level, "level")
        choice(method, "method", ("percentile", "basic"))
        check_whole(n_boot, "n_boot", 2, 10**7)
        rng = generator(random_state)
        draws = self._replicates(self._cells(*self._table()), int(n_boot), rng).survival
        at = [0.5 * alpha, 1.0 - 0.5 * alpha]
        lower, upper = np.quantile(draws, at, axis=0)
        if method == "basic":
            lower, upper = (np.clip(2.0 * survival - v, 0.0, 1.0) for v in (upper, lower))
        flat = draws.reshape(-1, draws.shape[2])
        shape = draws.shape[:2]
        medians = crossing(self.time_, flat, 0.5, self.interpolation).reshape(shape)
        means = area(self.time_, flat, float(self.time_[-1]), self.interpolation).reshape(shape)
        # Not reached is later than all times that are.
        late = np.where(np.isnan(medians), np.inf, medians)
        ends = np.quantile(late, at, axis=0, method="nearest")
        ends[np.isinf(ends)] = np.nan
        areas = np.quantile(means, at, axis=0)
        return PrivateLimits(
            self.time_,
            self._per_group(lower),
            self._per_group(upper),
            (self._per_group(ends[0]), self._per_group(ends[1])),
            (self._per_group(areas[0]), self._per_group(areas[1])),
        )

    def logrank_test(self, n_sim: int = 999, random_state: RandomState = None) -> PrivateLogRank:
        """Test whether all groups have one curve, at no further cost in privacy.

        The statistic is the sum of ``(observed - expected)**2 / expected`` over groups. Noise makes
        it larger than a chi-squared table allows, so its distribution is simulated: data sets with
        the pooled hazard, each group's own number of records and hazard of censoring, and noise.

        Parameters
        ----------
        n_sim : int, default=999
        random_state : int, Generator or RandomState, optional

        Returns
        -------
        PrivateLogRank

        Raises
        ------
        ValueError
            If there are fewer than two groups.
        """
        self._survival()
        if self.groups_ is None or len(self.groups_) < 2:
            raise ValueError("logrank_test needs at least two groups in fit.")
        check_whole(n_sim, "n_sim", 1, 10**7)
        rng = generator(random_state)
        event, censor, beyond = self._table()
        observed = logrank_statistic(self.n_at_risk_[None], event[None], censor[None])[0]
        cells = self._cells(*one_hazard(self.n_at_risk_, event, censor, beyond))
        out = self._replicates(cells, int(n_sim), rng)
        null = logrank_statistic(out.n_at_risk, out.n_event, out.n_censor)
        p = (1 + int((null >= observed).sum())) / (1 + int(n_sim))
        return PrivateLogRank(float(observed), p, int(n_sim))

    # --- for audits: many releases of one data set ---------------------------------------------

    def _sample(self, y: Any, n_draws: int, rng: np.random.Generator | None) -> Float64:
        """Noisy counts of ``n_draws`` independent releases, without budget or post-processing."""
        self._check_parameters()
        columns = read_columns(y, None, None)
        design = self._design(columns.n, None)
        return (design.noise(n_draws, fresh_key(rng)) + design.counts(columns)).astype(np.float64)

    def _log_ratio(self, outputs: Float64, y: Any, y_prime: Any) -> Float64:
        """Log-likelihood ratio of noisy counts, the best statistic for telling y from y_prime."""
        exact: list[Any] = []
        for columns in (read_columns(y, None, None), read_columns(y_prime, None, None)):
            design = self._design(columns.n, None)
            exact.append(design.counts(columns))
        return log_ratio(design, outputs, exact[0], exact[1])


def log_ratio(design: Design, noisy: NDArray[Any], counts: Any, others: Any) -> Float64:
    """Log of P(noisy | counts) / P(noisy | others), for noisy of shape (n_draws, size)."""
    return design.rate * (np.abs(noisy - others) - np.abs(noisy - counts)).sum(axis=-1)


def guarantee(design: Design) -> str:
    """What may be said of a release, in words."""
    if design.neighbors == "replace_one":
        change = "one record replaced, number of records public"
    else:
        change = "one record added or removed, number of records private"
    if design.records_per_person > 1:
        change = change.replace("one record", f"up to {design.records_per_person} records")
    return f"pure {design.epsilon:g}-differential privacy, {change}"


def check_whole(value: Any, name: str, low: int, high: int) -> int:
    """Return an integer in [low, high], or say what is wrong."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}.")
    if not low <= int(value) <= high:
        raise ValueError(f"{name} must lie in {low} .. {high}, got {value!r}.")
    return int(value)


def check_labels(groups: Any, group_labels: Any) -> tuple[Any, ...] | None:
    """Return the public labels, or None without groups."""
    if groups is None and group_labels is None:
        return None
    if groups is None or group_labels is None or isinstance(group_labels, str):
        raise ValueError(
            "groups need group_labels, a public list of the labels, and the other way round: a "
            "list made from the data would show which labels occur."
        )
    labels = tuple(v.item() if isinstance(v, np.generic) else v for v in group_labels)
    if not labels or len(set(labels)) < len(labels):
        raise ValueError(f"group_labels must be different labels, at least one, got {labels!r}.")
    return labels


def curve_at(grid: Float64, survival: Float64, at: Float64, interpolation: str) -> Float64:
    """Curves of shape (n, n_bins + 1) at times: (n, n_times)."""
    if interpolation == "linear":
        out = np.stack([np.interp(at, grid, row, left=1.0) for row in survival])
    else:
        k = np.clip(np.searchsorted(grid, at, side="right") - 1, 0, grid.size - 1)
        out = survival[:, k]
    out[:, at > grid[-1]] = np.nan
    return out


def crossing(grid: Float64, survival: Float64, level: float, interpolation: str) -> Float64:
    """First time at which each curve is at ``level`` or below; NaN if never: (n,)."""
    below = survival <= level
    k = below.argmax(axis=1)
    row = np.arange(survival.shape[0])
    time = grid[k]
    if interpolation == "linear":
        before = np.maximum(k - 1, 0)
        high, low = survival[row, before], survival[row, k]
        drop = np.where(high > low, high - low, 1.0)
        time = np.where(
            k > 0, grid[before] + (grid[k] - grid[before]) * (high - level) / drop, time
        )
    return np.where(below.any(axis=1), time, np.nan)


def area(grid: Float64, survival: Float64, tau: float, interpolation: str) -> Float64:
    """Area under each curve up to tau, which lies on the grid's range: (n,)."""
    times = np.append(grid[grid < tau], tau)
    values = curve_at(grid, survival, times, interpolation)
    width = np.diff(times)
    if interpolation == "linear":
        return 0.5 * (values[:, 1:] + values[:, :-1]) @ width
    return values[:, :-1] @ width


def exposed(at_risk: Float64, censor: Float64) -> Float64:
    """Actuarial exposure: half of those censored in a bin count."""
    return np.maximum(at_risk - 0.5 * censor, 0.0)


def logrank_statistic(at_risk: Float64, event: Float64, censor: Float64) -> Float64:
    """Sum over groups of (O - E)^2 / E, for tables of shape (n_draws, n_groups, n_bins)."""
    risk = exposed(at_risk, censor)
    total = risk.sum(axis=1, keepdims=True)
    share = risk / np.where(total > 0, total, 1.0)
    expected = (share * event.sum(axis=1, keepdims=True)).sum(axis=2)
    observed = event.sum(axis=2)
    # Less than half an event expected says nothing, and would divide by noise.
    return ((observed - expected) ** 2 / np.maximum(expected, 0.5)).sum(axis=1)


def one_hazard(
    at_risk: Float64, event: Float64, censor: Float64, beyond: Float64
) -> tuple[Float64, Float64, Float64]:
    """Expected table if all groups had the pooled hazard and kept their own of censoring."""
    risk = exposed(at_risk, censor)
    total = risk.sum(axis=0)
    hazard = np.clip(event.sum(axis=0) / np.where(total > 0, total, 1.0), 0.0, 1.0)
    withdrawn = np.clip(censor / np.where(at_risk > 0, at_risk, 1.0), 0.0, 1.0)
    left = event.sum(axis=1) + censor.sum(axis=1) + beyond
    d, c = np.empty_like(event), np.empty_like(censor)
    for k in range(event.shape[1]):
        c[:, k] = withdrawn[:, k] * left
        d[:, k] = np.minimum(hazard[k] * (left - 0.5 * c[:, k]), left - c[:, k])
        left = left - c[:, k] - d[:, k]
    return d, c, left


def private_event_table(
    y: Any,
    epsilon: float,
    *,
    groups: ArrayLike | None = None,
    group_labels: Sequence[Any] | None = None,
    **options: Any,
) -> Any:
    """Event table of private data, or one per group: :meth:`PrivateKaplanMeier.event_table`.

    Parameters
    ----------
    y, groups, group_labels
        As in :meth:`PrivateKaplanMeier.fit`.
    epsilon : float
        What the tables cost together.
    **options
        Other parameters of :class:`PrivateKaplanMeier`; ``grid`` or ``time_range`` is needed.

    Returns
    -------
    EventTable, or dict from label to EventTable
        Counts are estimates, not whole numbers.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.privacy import private_event_table
    >>> len(private_event_table(load_lung().y, 2.0, time_range=1050, n_bins=10))
    10
    """
    return PrivateKaplanMeier(epsilon, **options).fit(y, groups, group_labels).event_table()
