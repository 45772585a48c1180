# SPDX-License-Identifier: BSD-3-Clause
"""Probabilities of ordered classes from the log odds of their boundaries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from taut._validation import ClassTarget, Float64, name_classes
from taut.datafits import Datafit, Kind


@dataclass(frozen=True, eq=False, repr=False)
class CumulativeLogit(Datafit):
    """Negative log likelihood of ordered classes.

    One predictor per boundary, given to the kernel by its increments from boundary to boundary.
    """

    name: ClassVar[str] = "cumulative_logit"
    kind: ClassVar[Kind] = "classes"
    several: ClassVar[bool] = True


def ordered(target: ClassTarget, y: Any, categories: Any, owner: str) -> ClassTarget:
    """Return a target whose classes are in order: given, of an ordered Categorical, or sorted.

    Raises
    ------
    ValueError
        If there are fewer than three classes, `categories` has repeats or is not what y holds, or
        y was a matrix.
    """
    if target.shares is not None:
        raise ValueError(
            f"{owner} fits one label per row: y should be a 1d array, got a matrix of "
            f"{target.shares.shape[1]} columns."
        )
    found = target.classes
    dtype = getattr(y, "dtype", None)
    if categories is not None:
        order = np.asarray(categories)
        if order.ndim != 1 or len({*order.tolist()}) != order.size:
            raise ValueError(
                f"categories must be one-dimensional and without repeats, got {categories!r}."
            )
        for these, others, what in (
            (found, order, "y holds classes that are not in categories"),
            (order, found, "categories holds classes that y does not, or without weight"),
        ):
            missing = [label for label in these.tolist() if label not in others.tolist()]
            if missing:
                raise ValueError(f"{what}: {name_classes(missing)}.")
    elif getattr(dtype, "ordered", False):
        order = np.asarray(dtype.categories)  # type: ignore[union-attr]
    else:
        order = found
    if len(found) < 3:
        raise ValueError(
            f"{owner} needs at least three ordered classes, got {name_classes(found)}; use "
            "LogisticLasso for two."
        )
    place = {label: at for at, label in enumerate(order.tolist())}
    by_place = np.argsort([place[label] for label in found.tolist()])
    rank = np.argsort(by_place)
    codes = np.where(target.codes >= 0, rank[target.codes], -1)
    return replace(target, classes=found[by_place], codes=codes)


def thresholds(below: Float64, weight: Float64 | None) -> Float64:
    """Return the log odds of y <= k of the model of intercepts alone, shape (n_classes - 1,).

    `below` (n, n_classes - 1) is 1 where y <= k, else 0.
    """
    at_most = np.average(below, axis=0, weights=weight)
    above = np.average(1.0 - below, axis=0, weights=weight)
    return np.asarray(np.log(at_most / above))


def _gaps(eta: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Raise each boundary's log odds to the largest so far; also return by how much they rise."""
    raised = np.maximum.accumulate(eta, axis=-1)
    return raised, np.diff(raised, axis=-1)


def class_probabilities(eta: NDArray[Any]) -> NDArray[Any]:
    """Return probabilities of the classes in the last axis, one more than there are boundaries.

    Boundaries that cross are raised to the largest before them, so that none is negative and the
    last class keeps its own. Small ones keep their relative precision: a difference of two
    probabilities near one would not.
    """
    raised, gap = _gaps(eta)
    inner = expit(raised[..., 1:]) * expit(-raised[..., :-1]) * -np.expm1(-gap)
    return np.concatenate([expit(raised[..., :1]), inner, expit(-raised[..., -1:])], axis=-1)


def log_class_probabilities(eta: NDArray[Any]) -> NDArray[Any]:
    """Return logarithms of `class_probabilities`: -inf for a class between crossed boundaries."""
    raised, gap = _gaps(eta)
    with np.errstate(divide="ignore"):
        inner = log_expit(raised[..., 1:]) + log_expit(-raised[..., :-1]) + np.log(-np.expm1(-gap))
    return np.concatenate(
        [log_expit(raised[..., :1]), inner, log_expit(-raised[..., -1:])], axis=-1
    )


def held_out_loss(scoring: str, below: Float64, increments: Float64, floor: float) -> Float64:
    """Return the loss of each row at each strength.

    Parameters
    ----------
    scoring : {"brier", "log_loss", "rare_brier"}
    below : ndarray of shape (rows, n_classes - 1)
    increments : ndarray of shape (rows, n_alphas, n_classes - 1)
    floor : float
        Least probability that "log_loss" sees.
    """
    P = class_probabilities(np.cumsum(increments, axis=2))
    if scoring == "rare_brier":
        return np.asarray((P[:, :, -1] - (1.0 - below[:, -1:])) ** 2)
    hit = np.diff(below, axis=1, prepend=0.0, append=1.0)[:, None, :]
    if scoring == "brier":
        return np.asarray(((P - hit) ** 2).sum(axis=2))
    return np.asarray(-np.log(np.maximum((P * hit).sum(axis=2), floor)))


__all__ = [
    "CumulativeLogit",
    "class_probabilities",
    "held_out_loss",
    "log_class_probabilities",
    "ordered",
    "thresholds",
]
