# SPDX-License-Identifier: BSD-3-Clause
"""The one-standard-error rule."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from taut.typing import ArrayLike


class OneStandardError(NamedTuple):
    """Strengths chosen from a cross-validation curve, and their places in it.

    Attributes
    ----------
    alpha_min, alpha_1se : float
        Of the least loss; the largest within one standard error of it.
    index_min, index_1se : int

    See Also
    --------
    one_standard_error : Returns one.

    Examples
    --------
    >>> from taut.model_selection import one_standard_error
    >>> one_standard_error([1.0, 0.5, 0.1], [1.05, 1.0, 1.2], [0.1, 0.1, 0.1]).alpha_1se
    1.0
    """

    alpha_min: float
    alpha_1se: float
    index_min: int
    index_1se: int


def one_standard_error(alphas: ArrayLike, mean: ArrayLike, se: ArrayLike) -> OneStandardError:
    """Strength of least loss, and the largest one whose loss is within one standard error of it.

    Parameters
    ----------
    alphas : array-like of shape (n_alphas,)
        Penalty strengths, in any order.
    mean : array-like of shape (n_alphas,)
        Mean loss over folds; lower is better. Strengths with NaN are left out.
    se : array-like of shape (n_alphas,)
        Standard errors of the means. NaN at the minimiser (a single fold) counts as 0.

    Returns
    -------
    OneStandardError
        ``alpha_min`` is the largest minimiser of the mean. ``alpha_1se`` is the largest strength
        with ``mean <= mean_min + se_min``, both taken at ``alpha_min``; so it is never smaller
        than ``alpha_min``. ``index_min`` and ``index_1se`` are their positions.

    Raises
    ------
    ValueError
        If the lengths differ, or no mean is a number.

    References
    ----------
    .. [1] Breiman, Friedman, Olshen, Stone (1984), Classification and Regression Trees,
       section 3.4.3.

    Examples
    --------
    >>> one_standard_error([1.0, 0.5, 0.1], [2.0, 1.2, 1.1], [0.3, 0.2, 0.2])
    OneStandardError(alpha_min=0.1, alpha_1se=0.5, index_min=2, index_1se=1)
    """
    strength, curve, error = (np.asarray(a, dtype=np.float64) for a in (alphas, mean, se))
    if not strength.ndim == 1 or not strength.shape == curve.shape == error.shape:
        raise ValueError(
            "alphas, mean and se must be one-dimensional and of one length, got shapes "
            f"{strength.shape}, {curve.shape} and {error.shape}."
        )
    usable = ~np.isnan(curve)
    if not usable.any():
        raise ValueError("mean holds no number, so no strength can be chosen.")

    def largest(allowed: np.ndarray) -> int:
        return int(np.argmax(np.where(allowed & usable, strength, -np.inf)))

    at_min = largest(curve == np.nanmin(curve))
    slack = 0.0 if np.isnan(error[at_min]) else error[at_min]
    at_1se = largest(curve <= curve[at_min] + slack)
    return OneStandardError(float(strength[at_min]), float(strength[at_1se]), at_min, at_1se)
