# SPDX-License-Identifier: BSD-3-Clause
"""How far private curves lie from the exact one, against epsilon: for data that are public."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taut._random import generator
from taut.privacy._accountant import check_epsilon
from taut.privacy._curve import PrivateKaplanMeier, check_whole, curve_at
from taut.privacy._release import fresh_key, read_columns
from taut.privacy._time_indexed import TimeIndexedLaplaceKaplanMeier, exact_curve
from taut.typing import RandomState

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class AccuracyStudy:
    """Root-mean-square errors of several mechanisms at several epsilons.

    Attributes
    ----------
    epsilons : ndarray of shape (n_epsilons,)
    rmse : dict of ndarray of shape (n_epsilons,)
        By mechanism: mean over runs of the root-mean-square error over the observed times.
    spread : dict of ndarray of shape (2, n_epsilons)
        By mechanism: 5 % and 95 % quantiles over runs.
    without_guarantee : frozenset of str
        Mechanisms that do not keep the epsilon they are drawn at.
    n_runs : int

    See Also
    --------
    accuracy_study : Returns one.
    PrivateKaplanMeier : Measured in it.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.privacy import accuracy_study
    >>> study = accuracy_study(load_lung().y, [0.5, 5.0], time_range=1050, n_runs=5, random_state=0)
    >>> all(error[1] < error[0] for error in study.rmse.values())
    True
    """

    epsilons: Float64
    rmse: dict[str, Float64]
    spread: dict[str, Float64]
    without_guarantee: frozenset[str]
    n_runs: int


def accuracy_study(
    y: Any,
    epsilons: Sequence[float],
    mechanisms: dict[str, Any] | None = None,
    *,
    time_range: float | None = None,
    n_runs: int = 300,
    random_state: RandomState = None,
) -> AccuracyStudy:
    """Measure how accurate mechanisms are on data that need no protection.

    Every run spends its epsilon again, so this is for published or simulated data.

    Parameters
    ----------
    y : as in :class:`~taut.survival.KaplanMeier`
        Without times of entry.
    epsilons : sequence of float
    mechanisms : dict from name to estimator, optional
        Estimators of this package; their epsilon is set. The default is PrivateKaplanMeier, which
        needs ``time_range``, beside TimeIndexedLaplaceKaplanMeier.
    time_range : float, optional
        End of the grid of the default.
    n_runs : int, default=300
    random_state : int, Generator or RandomState, optional
        Makes the study repeatable; nothing in it is private.

    Returns
    -------
    AccuracyStudy

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.privacy import accuracy_study
    >>> study = accuracy_study(load_lung().y, [0.5, 10.0], time_range=1050, random_state=0)
    >>> {name: errors.round(2) for name, errors in study.rmse.items()}
    {'PrivateKaplanMeier': array([0.04, 0.01]), 'time-indexed Laplace': array([0.43, 0.04])}
    """
    check_whole(n_runs, "n_runs", 1, 10**7)
    levels = np.array([check_epsilon(e, "epsilons") for e in epsilons])
    if mechanisms is None:
        mechanisms = {
            "PrivateKaplanMeier": PrivateKaplanMeier(1.0, time_range=time_range),
            "time-indexed Laplace": TimeIndexedLaplaceKaplanMeier(),
        }
    rng = generator(random_state)
    curve = exact_curve(y)
    rmse: dict[str, Float64] = {}
    spread: dict[str, Float64] = {}
    loose = set()
    for name, mechanism in mechanisms.items():
        rows = []
        private = isinstance(mechanism, PrivateKaplanMeier)
        if not private:
            loose.add(name)
        for epsilon in levels:
            parameters = mechanism.get_params(deep=False)
            parameters["epsilon" if private else "nominal_epsilon"] = epsilon
            model = type(mechanism)(**parameters)
            if private:
                drawn = private_curves(model, y, n_runs, rng, curve.time_)
            else:
                drawn = model._sample(y, n_runs, rng)
            rows.append(np.sqrt(np.mean((drawn - curve.survival_) ** 2, axis=1)))
        errors = np.stack(rows)
        rmse[name] = errors.mean(axis=1)
        spread[name] = np.quantile(errors, [0.05, 0.95], axis=1)
    return AccuracyStudy(levels, rmse, spread, frozenset(loose), int(n_runs))


def private_curves(
    model: PrivateKaplanMeier, y: Any, n_draws: int, rng: np.random.Generator, times: Float64
) -> Float64:
    """Many releases of one data set at given times: (n_draws, n_times). Spends each time."""
    model._check_parameters()
    columns = read_columns(y, None, None)
    design = model._design(columns.n, None)
    noisy = design.noise(n_draws, fresh_key(rng)) + design.counts(columns)
    survival = design.curves(noisy, model.postprocess).survival[:, 0]
    return curve_at(design.grid, survival, times, model.interpolation)
