# SPDX-License-Identifier: BSD-3-Clause
"""What a path function returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taut._validation import Float64
from taut.datafits import Datafit
from taut.linear_model._problem import Problem, Raw, narrowed
from taut.penalties import Penalty


@dataclass(frozen=True, eq=False, repr=False)
class PathResult:
    """Solutions along a sequence of penalty strengths, each with its certificate.

    Also the tuple ``alphas, coefs, dual_gaps`` that scikit-learn's path functions return:
    ``alphas, coefs, gaps = lasso_path(X, y)``.

    Attributes
    ----------
    alphas : ndarray of shape (n_alphas,)
        Penalty strengths, decreasing.
    coefs : ndarray of shape (n_features, n_alphas) or (n_alphas, n_outputs, n_features)
        Coefficients on the original scale of the columns; the second shape for several classes
        or responses.
    intercepts : ndarray of shape (n_alphas,) or (n_alphas, n_outputs)
    dual_gaps : ndarray of shape (n_alphas,)
        Duality gaps in units of the objective: how far the objective may be from its minimum.
    n_iter : ndarray of shape (n_alphas,)
    objective : ndarray of shape (n_alphas,)
        Mean loss plus penalty.
    null_loss : float
        Loss of the model without coefficients. Tolerances are relative to it, for counts to what it
        is more than the loss of a model that fits every row.
    dev_ratio : ndarray of shape (n_alphas,)
        Share of the deviance explained.
    converged : ndarray of bool of shape (n_alphas,)
        Whether the certificate asked for was reached: ``dual_gaps <= tol * null_loss``, or for
        penalties that are not convex ``stop_crits <= tol *`` its value at zero coefficients.
    n_active : ndarray of shape (n_alphas,)
        Number of features with a non-zero coefficient.
    alpha_max : float
        Least strength at which all penalised coefficients are zero.
    classes : ndarray of shape (n_classes,), or None for a real response
    stop_crits : ndarray of shape (n_alphas,)
        Distances of the gradient to the penalty's subdifferential, the certificate of penalties
        that are not convex (``dual_gaps`` is NaN then); NaN where it was not computed.
    sigmas : ndarray of shape (n_alphas,), or None
        Noise levels that were estimated with the coefficients (square-root and concomitant).
    datafit : taut.datafits.Datafit
    penalty : taut.penalties.Penalty
    options : dict
        What else defines the problem: ``fit_intercept``, ``standardize``, ``penalty_factor``,
        ``lower``, ``upper``, ``tol``.

    See Also
    --------
    lasso_path : Returns one.

    Examples
    --------
    >>> from taut.linear_model import lasso_path
    >>> path = lasso_path([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0], alphas=[0.5, 0.1])
    >>> path.coefs.round(2)
    array([[0.25, 0.85]])
    >>> alphas, coefs, dual_gaps = path
    """

    alphas: Float64
    coefs: NDArray[Any]
    intercepts: NDArray[Any]
    dual_gaps: Float64
    n_iter: NDArray[np.integer[Any]]
    objective: Float64
    null_loss: float
    dev_ratio: Float64
    converged: NDArray[np.bool_]
    n_active: NDArray[np.integer[Any]]
    alpha_max: float
    classes: NDArray[Any] | None = None
    stop_crits: Float64 | None = None
    sigmas: Float64 | None = None
    datafit: Datafit | None = None
    penalty: Penalty | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def __iter__(self) -> Any:
        return iter((self.alphas, self.coefs, self.dual_gaps))

    def __len__(self) -> int:
        return 3

    def __repr__(self) -> str:
        k = len(self.alphas)
        gap, word = self.dual_gaps, "duality gap"
        if self.stop_crits is not None and np.isnan(gap).all():
            gap, word = self.stop_crits, "distance to stationarity"
        worst = float(np.max(gap, initial=0.0))
        return (
            f"PathResult({k} alphas from {self.alphas[0]:.3g} to {self.alphas[-1]:.3g}, "
            f"coefs {self.coefs.shape}, largest {word} {worst:.1e})"
        )

    def plot(self, ax: Any = None, **kwargs: Any) -> Any:
        """Draw the coefficients against the strength.

        Parameters
        ----------
        ax : Axes or array of Axes, optional
        **kwargs
            Passed to :meth:`taut.plotting.PathDisplay.from_path`.

        Returns
        -------
        taut.plotting.PathDisplay
        """
        from taut.plotting import PathDisplay

        return PathDisplay.from_path(self, ax=ax, **{"classes": self.classes, **kwargs})


def path_result(problem: Problem, raw: Raw) -> PathResult:
    """Return what the kernel computed in the public layout, in the dtype of X."""
    coefs = narrowed(raw["coefs"], problem.dtype)
    intercepts = narrowed(raw["intercepts"], problem.dtype)
    return PathResult(
        alphas=raw["alphas"],
        coefs=coefs[:, 0, :].T if problem.single else coefs,
        intercepts=intercepts[:, 0] if problem.single else intercepts,
        dual_gaps=raw["dual_gaps"],
        n_iter=raw["n_iter"],
        objective=raw["objective"],
        null_loss=float(raw["null_loss"]),
        dev_ratio=raw["dev_ratio"],
        converged=raw["converged"],
        n_active=raw["n_active"],
        alpha_max=float(raw["alpha_max"]),
        classes=None if problem.target is None else problem.target.classes,
        stop_crits=raw.get("stop_crits"),
        sigmas=raw.get("sigmas"),
        datafit=problem.datafit,
        penalty=problem.penalty,
        options={
            "penalty_factor": problem.kernel["penalty_factor"],
            **{
                name: problem.options.get(name)
                for name in ("fit_intercept", "standardize", "lower", "upper", "tol")
            },
        },
    )


__all__ = ["PathResult", "path_result"]
