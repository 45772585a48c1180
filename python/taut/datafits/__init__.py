# SPDX-License-Identifier: BSD-3-Clause
r"""Datafits of :class:`taut.linear_model.PenalizedGLM`: small frozen holders of parameters.

With weights ``s_i`` of sum one and the linear predictor ``eta_i = x_i' b + c + offset_i``:

===============  =============================================================  ===========
holder           mean loss                                                      y
===============  =============================================================  ===========
`Quadratic`      ``sum s_i (y_i - eta_i)^2 / 2``                                real
`Logistic`       ``sum s_i [log(1 + exp(eta_i)) - y_i eta_i]``                  two classes
`Multinomial`    ``-sum s_i log softmax(eta_i)[y_i]``                           classes
`Poisson`        ``sum s_i [exp(eta_i) - y_i eta_i]``                           >= 0
`Huber`          ``r^2/2`` if ``|r| <= delta``, else ``delta |r| - delta^2/2``  real
`SqrtQuadratic`  ``sqrt(sum s_i (y_i - eta_i)^2)``, with a floor if asked for   real
===============  =============================================================  ===========

The numbers are computed in C++; :func:`taut.linear_model.refusal` says which datafit goes with
which penalty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from taut._holder import Holder, from_name, require_number
from taut._validation import is_real

#: What y is: real numbers, class labels or counts.
Kind = Literal["real", "classes", "counts"]


class Datafit(Holder):
    """A loss of the linear predictor; `name` is what kernels and messages call it.

    See Also
    --------
    Huber : One with a parameter.

    Examples
    --------
    >>> from taut.datafits import Datafit, Huber
    >>> isinstance(Huber(), Datafit), Huber().kind
    (True, 'real')
    """

    name: ClassVar[str]
    kind: ClassVar[Kind] = "real"
    #: Whether y may have several columns.
    several: ClassVar[bool] = False


@dataclass(frozen=True, eq=False, repr=False)
class Quadratic(Datafit):
    """Half the squared error; y of shape (n,), or (n, n_tasks) with a penalty on rows.

    References
    ----------
    .. [1] C. L. Lawson, R. J. Hanson (1974), Solving least squares problems, Prentice-Hall.

    Examples
    --------
    >>> from taut.datafits import Quadratic
    >>> Quadratic()
    Quadratic()
    """

    name: ClassVar[str] = "quadratic"
    several: ClassVar[bool] = True


@dataclass(frozen=True, eq=False, repr=False)
class Logistic(Datafit):
    """Negative log likelihood of two classes.

    References
    ----------
    .. [1] D. R. Cox (1958), The regression analysis of binary sequences, J. R. Stat. Soc. B 20,
       215-242.

    Examples
    --------
    >>> from taut.datafits import Logistic
    >>> Logistic() == Logistic()
    True
    """

    name: ClassVar[str] = "logistic"
    kind: ClassVar[Kind] = "classes"


@dataclass(frozen=True, eq=False, repr=False)
class Multinomial(Datafit):
    """Negative log likelihood of any number of classes, one coefficient per class.

    References
    ----------
    .. [1] J. Friedman, T. Hastie, R. Tibshirani (2010), Regularization paths for generalized
       linear models via coordinate descent, J. Stat. Softw. 33(1).

    Examples
    --------
    >>> from taut.datafits import Multinomial
    >>> Multinomial().kind
    'classes'
    """

    name: ClassVar[str] = "multinomial"
    kind: ClassVar[Kind] = "classes"
    several: ClassVar[bool] = True


@dataclass(frozen=True, eq=False, repr=False)
class Poisson(Datafit):
    """Negative log likelihood of counts with mean ``exp(eta)``, without ``log(y!)``.

    References
    ----------
    .. [1] J. A. Nelder, R. W. M. Wedderburn (1972), Generalized linear models, J. R. Stat. Soc.
       A 135, 370-384.

    Examples
    --------
    >>> from taut.datafits import Poisson
    >>> Poisson().kind
    'counts'
    """

    name: ClassVar[str] = "poisson"
    kind: ClassVar[Kind] = "counts"


@dataclass(frozen=True, eq=False, repr=False)
class Huber(Datafit):
    """Squared error near zero, absolute error in the tails.

    Parameters
    ----------
    delta : float, default=1.35
        Residuals beyond it count linearly; > 0, in the units of y.

    References
    ----------
    .. [1] P. J. Huber (1964), Robust estimation of a location parameter, Ann. Math. Statist.
       35, 73-101.

    Examples
    --------
    >>> from taut.datafits import Huber
    >>> Huber(delta=0.5)
    Huber(delta=0.5)
    """

    delta: float = 1.35
    name: ClassVar[str] = "huber"

    def _check(self) -> None:
        ok = is_real(self.delta) and 0 < self.delta < float("inf")
        require_number("delta", self.delta, must="be finite and > 0", ok=ok)


@dataclass(frozen=True, eq=False, repr=False)
class SqrtQuadratic(Datafit):
    """Root of the mean squared error: the strength of the penalty needs no noise level.

    Parameters
    ----------
    sigma_min : float, default=0.0
        Floor under the noise level, >= 0 and in the units of y: the loss is
        ``min over sigma >= sigma_min of mean(r^2) / (2 sigma) + sigma / 2`` (concomitant Lasso),
        which is the root where that is above the floor.

    References
    ----------
    .. [1] A. Belloni, V. Chernozhukov, L. Wang (2011), Square-root lasso: pivotal recovery of
       sparse signals via conic programming, Biometrika 98, 791-806.

    Examples
    --------
    >>> from taut.datafits import SqrtQuadratic
    >>> SqrtQuadratic(sigma_min=0.1)
    SqrtQuadratic(sigma_min=0.1)
    """

    sigma_min: float = 0.0
    name: ClassVar[str] = "sqrt"

    def _check(self) -> None:
        ok = is_real(self.sigma_min) and 0 <= self.sigma_min < float("inf")
        require_number("sigma_min", self.sigma_min, must="be finite and >= 0", ok=ok)


#: Holders by the name that stands for their defaults.
BY_NAME: dict[str, type[Datafit]] = {
    cls.name: cls for cls in (Quadratic, Logistic, Multinomial, Poisson, Huber, SqrtQuadratic)
}


def as_datafit(value: str | Datafit) -> Datafit:
    """Return a holder from itself or from its name.

    Parameters
    ----------
    value : str or Datafit

    Returns
    -------
    Datafit

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If it is neither a name nor a holder.

    See Also
    --------
    Huber : One with a parameter.

    Examples
    --------
    >>> from taut.datafits import as_datafit
    >>> as_datafit("huber")
    Huber()
    """
    return from_name(value, BY_NAME, Datafit)


__all__ = [
    "Datafit",
    "Huber",
    "Logistic",
    "Multinomial",
    "Poisson",
    "Quadratic",
    "SqrtQuadratic",
    "as_datafit",
]
