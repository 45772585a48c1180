# SPDX-License-Identifier: BSD-3-Clause
r"""Penalties of :class:`taut.linear_model.PenalizedGLM`: small frozen holders of parameters.

The strength ``alpha`` and the factors ``c_j`` (``penalty_factor``) belong to the estimator; with
``lam = alpha c_j`` a coefficient ``b`` costs:

===============  ===============================================================================
holder           cost
===============  ===============================================================================
`L1`             ``lam |b|``
`ElasticNet`     ``lam (l1_ratio |b| + (1 - l1_ratio)/2 b^2)``
`Group`          ``lam_g ||b_g||`` for each group; ``l1_ratio`` mixes in ``||b_g||^2 / 2``
`SparseGroup`    ``alpha (l1_ratio |b| + (1 - l1_ratio) c_g ||b_g||)``
`MCP`            ``lam |b| - b^2/(2 gamma)`` up to ``gamma lam``, then ``gamma lam^2 / 2``
`SCAD`           ``lam |b|`` up to ``lam``, quadratic up to ``gamma lam``, then constant
`L0`             ``lam`` if b is not zero
`CEL0`           the continuous exact relaxation of `L0` for least squares
`Lq`             ``lam |b|^exponent``
`Fused`          ``lam |b_j - b_(j-1)|``
===============  ===============================================================================

:func:`taut.linear_model.refusal` says which datafit goes with which penalty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from taut._holder import Holder, from_name, require_number
from taut._validation import is_real


class Penalty(Holder):
    """A penalty of the coefficients; `name` is what kernels and messages call it.

    See Also
    --------
    MCP : One with a parameter.

    Examples
    --------
    >>> from taut.penalties import MCP, Penalty
    >>> isinstance(MCP(), Penalty), MCP().convex
    (True, False)
    """

    name: ClassVar[str]
    #: A convex problem ends with a duality gap, another with a distance to stationarity.
    convex: ClassVar[bool] = True
    #: Whether features share a norm, so that bounds would break it.
    blocks: ClassVar[bool] = False


def _between(value: Any, low: float, high: float) -> bool:
    return is_real(value) and low <= value <= high


@dataclass(frozen=True, eq=False, repr=False)
class L1(Penalty):
    """Sum of absolute values.

    References
    ----------
    .. [1] R. Tibshirani (1996), Regression shrinkage and selection via the lasso, J. R. Stat.
       Soc. B 58, 267-288.

    Examples
    --------
    >>> from taut.penalties import L1
    >>> L1()
    L1()
    """

    name: ClassVar[str] = "l1"


@dataclass(frozen=True, eq=False, repr=False)
class ElasticNet(Penalty):
    """Absolute values mixed with squares.

    Parameters
    ----------
    l1_ratio : float, default=0.5
        Share of the absolute values, in [0, 1].

    References
    ----------
    .. [1] H. Zou, T. Hastie (2005), Regularization and variable selection via the elastic net,
       J. R. Stat. Soc. B 67, 301-320.

    Examples
    --------
    >>> from taut.penalties import ElasticNet
    >>> ElasticNet(l1_ratio=0.9)
    ElasticNet(l1_ratio=0.9)
    """

    l1_ratio: float = 0.5
    name: ClassVar[str] = "elastic_net"

    def _check(self) -> None:
        require_number(
            "l1_ratio", self.l1_ratio, must="lie in [0, 1]", ok=_between(self.l1_ratio, 0, 1)
        )


@dataclass(frozen=True, eq=False, repr=False)
class Group(Penalty):
    """Euclidean norms of groups of features: a group is in or out as a whole.

    Parameters
    ----------
    groups : array-like of shape (n_features,) or list of lists of int, optional
        A label for each feature, or the features of each group; together they must hold every
        feature once. None makes a group of each feature's row of coefficients when there are
        several outputs (classes or tasks).
    l1_ratio : float, default=1.0
        Share of the norms; the rest is ridge, ``||b_g||^2 / 2``.

    Notes
    -----
    The estimator's ``penalty_factor`` has one value per group, in the order of the sorted labels
    or of the lists; by default the root of the group's size (1 for rows of outputs).

    References
    ----------
    .. [1] M. Yuan, Y. Lin (2006), Model selection and estimation in regression with grouped
       variables, J. R. Stat. Soc. B 68, 49-67.

    Examples
    --------
    >>> from taut.penalties import Group
    >>> Group(groups=[[0, 1], [2]])
    Group(groups=[[0, 1], [2]])
    """

    groups: Any = None
    l1_ratio: float = 1.0
    name: ClassVar[str] = "group"
    blocks: ClassVar[bool] = True

    def _check(self) -> None:
        require_number(
            "l1_ratio", self.l1_ratio, must="lie in [0, 1]", ok=_between(self.l1_ratio, 0, 1)
        )


@dataclass(frozen=True, eq=False, repr=False)
class SparseGroup(Penalty):
    """Norms of groups plus absolute values: sparse between groups and within them.

    Parameters
    ----------
    groups : array-like of shape (n_features,) or list of lists of int
        As in :class:`Group`.
    l1_ratio : float, default=0.5
        Share of the absolute values, in [0, 1]: 1 is the Lasso, 0 the group Lasso.

    References
    ----------
    .. [1] N. Simon, J. Friedman, T. Hastie, R. Tibshirani (2013), A sparse-group lasso, J.
       Comput. Graph. Stat. 22, 231-245.

    Examples
    --------
    >>> from taut.penalties import SparseGroup
    >>> SparseGroup(groups=["a", "a", "b"], l1_ratio=0.2).l1_ratio
    0.2
    """

    groups: Any = None
    l1_ratio: float = 0.5
    name: ClassVar[str] = "sparse_group"
    blocks: ClassVar[bool] = True

    def _check(self) -> None:
        require_number(
            "l1_ratio", self.l1_ratio, must="lie in [0, 1]", ok=_between(self.l1_ratio, 0, 1)
        )


@dataclass(frozen=True, eq=False, repr=False)
class MCP(Penalty):
    """Minimax concave penalty: large coefficients are not shrunk.

    Parameters
    ----------
    gamma : float, default=3.0
        Concavity, > 1 (in units of the columns' mean square: 1 when standardised); the larger,
        the closer to L1.

    References
    ----------
    .. [1] C.-H. Zhang (2010), Nearly unbiased variable selection under minimax concave penalty,
       Ann. Statist. 38, 894-942.

    Examples
    --------
    >>> from taut.penalties import MCP
    >>> MCP(gamma=1.5)
    MCP(gamma=1.5)
    """

    gamma: float = 3.0
    name: ClassVar[str] = "mcp"
    convex: ClassVar[bool] = False

    def _check(self) -> None:
        require_number(
            "gamma", self.gamma, must="be > 1", ok=is_real(self.gamma) and self.gamma > 1
        )


@dataclass(frozen=True, eq=False, repr=False)
class SCAD(Penalty):
    """Smoothly clipped absolute deviation: large coefficients are not shrunk.

    Parameters
    ----------
    gamma : float, default=3.7
        Concavity, > 2; called ``a`` by its authors.

    References
    ----------
    .. [1] J. Fan, R. Li (2001), Variable selection via nonconcave penalized likelihood and its
       oracle properties, J. Am. Stat. Assoc. 96, 1348-1360.

    Examples
    --------
    >>> from taut.penalties import SCAD
    >>> SCAD().gamma
    3.7
    """

    gamma: float = 3.7
    name: ClassVar[str] = "scad"
    convex: ClassVar[bool] = False

    def _check(self) -> None:
        require_number(
            "gamma", self.gamma, must="be > 2", ok=is_real(self.gamma) and self.gamma > 2
        )


@dataclass(frozen=True, eq=False, repr=False)
class L0(Penalty):
    """Number of coefficients that are not zero.

    References
    ----------
    .. [1] A. Miller (2002), Subset selection in regression, Chapman and Hall.

    Examples
    --------
    >>> from taut.penalties import L0
    >>> L0().convex
    False
    """

    name: ClassVar[str] = "l0"
    convex: ClassVar[bool] = False


@dataclass(frozen=True, eq=False, repr=False)
class CEL0(Penalty):
    """Continuous exact relaxation of the L0 penalty for least squares.

    References
    ----------
    .. [1] E. Soubies, L. Blanc-Féraud, G. Aubert (2015), A continuous exact l0 penalty (CEL0)
       for least squares regularized problem, SIAM J. Imaging Sci. 8, 1607-1639.

    Examples
    --------
    >>> from taut.penalties import CEL0
    >>> CEL0()
    CEL0()
    """

    name: ClassVar[str] = "cel0"
    convex: ClassVar[bool] = False


@dataclass(frozen=True, eq=False, repr=False)
class Lq(Penalty):
    """Powers of absolute values between L0 and L1.

    Parameters
    ----------
    exponent : float, default=0.5
        In (0, 1); 1/2 and 2/3 have closed forms.

    References
    ----------
    .. [1] I. E. Frank, J. H. Friedman (1993), A statistical view of some chemometrics
       regression tools, Technometrics 35, 109-135.

    Examples
    --------
    >>> from taut.penalties import Lq
    >>> Lq()
    Lq()
    """

    exponent: float = 0.5
    name: ClassVar[str] = "lq"
    convex: ClassVar[bool] = False

    def _check(self) -> None:
        ok = is_real(self.exponent) and 0 < self.exponent < 1
        require_number("exponent", self.exponent, must="lie in (0, 1)", ok=ok)


@dataclass(frozen=True, eq=False, repr=False)
class Fused(Penalty):
    """Differences of neighbouring coefficients: pieces of equal value.

    Parameters
    ----------
    groups : array-like of shape (n_features,) or list of lists of int, optional
        Chains; differences are taken within each, in the order of the columns. None is one chain
        of all features.

    Notes
    -----
    Solved as a Lasso in the increments, so ``penalty_factor`` weighs them: that of a chain's first
    column weighs the size of its coefficient (default 0), that of any other the difference from
    the column before (default 1).

    References
    ----------
    .. [1] R. Tibshirani, M. Saunders, S. Rosset, J. Zhu, K. Knight (2005), Sparsity and
       smoothness via the fused lasso, J. R. Stat. Soc. B 67, 91-108.

    Examples
    --------
    >>> from taut.penalties import Fused
    >>> Fused(groups=[0, 0, 1, 1])
    Fused(groups=[0, 0, 1, 1])
    """

    groups: Any = None
    name: ClassVar[str] = "fused"
    blocks: ClassVar[bool] = True


#: Holders by the name that stands for their defaults.
BY_NAME: dict[str, type[Penalty]] = {
    cls.name: cls for cls in (L1, ElasticNet, Group, SparseGroup, MCP, SCAD, L0, CEL0, Lq, Fused)
}


def as_penalty(value: str | Penalty) -> Penalty:
    """Return a holder from itself or from its name.

    Parameters
    ----------
    value : str or Penalty

    Returns
    -------
    Penalty

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If it is neither a name nor a holder.

    See Also
    --------
    MCP : One with a parameter.

    Examples
    --------
    >>> from taut.penalties import as_penalty
    >>> as_penalty("mcp")
    MCP()
    """
    return from_name(value, BY_NAME, Penalty)


__all__ = [
    "CEL0",
    "L0",
    "L1",
    "MCP",
    "SCAD",
    "ElasticNet",
    "Fused",
    "Group",
    "Lq",
    "Penalty",
    "SparseGroup",
    "as_penalty",
]
