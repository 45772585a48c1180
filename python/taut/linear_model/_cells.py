# SPDX-License-Identifier: BSD-3-Clause
"""Which datafit goes with which penalty, and what the kernel calls them.

The one place where holders of parameters become keywords of the kernel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from taut._validation import Float64, check_groups, check_per_feature
from taut.datafits import Datafit, Huber, SqrtQuadratic, as_datafit
from taut.penalties import (
    CEL0,
    L0,
    L1,
    MCP,
    SCAD,
    ElasticNet,
    Fused,
    Group,
    Lq,
    Penalty,
    SparseGroup,
    as_penalty,
)

SOLVERS = ("auto", "gram", "naive", "fista", "ag", "pncg")

_NONCONVEX = ("mcp", "scad", "l0", "cel0", "lq")

_POISSON = (
    "its solutions are fixed points of steps as long as the curvature of the datafit allows, and "
    "that of Poisson has no bound"
)
_SQRT = (
    "the square root is solved as least squares of another alpha, which needs a penalty that grows "
    "in proportion to alpha"
)
#: Why a pair is refused; pairs that are not here are solved.
_REFUSED: dict[tuple[str, str], str] = {
    **{("poisson", penalty): _POISSON for penalty in ("l0", "cel0", "lq")},
    **{("sqrt", penalty): _SQRT for penalty in _NONCONVEX},
}


def refusal(datafit: str | Datafit, penalty: str | Penalty) -> str | None:
    """Why a datafit does not go with a penalty.

    Parameters
    ----------
    datafit : str or Datafit
        A name or holder of :mod:`taut.datafits`.
    penalty : str or Penalty
        A name or holder of :mod:`taut.penalties`.

    Returns
    -------
    str or None
        The reason, or None if the pair is solved.

    Raises
    ------
    ValueError
        If a name is unknown.

    See Also
    --------
    MCPRegression : A pair with a name of its own.

    Examples
    --------
    >>> from taut.linear_model import refusal
    >>> refusal("logistic", "l1") is None
    True
    """
    return _REFUSED.get((as_datafit(datafit).name, as_penalty(penalty).name))


def require_cell(owner: str, datafit: Datafit, penalty: Penalty) -> None:
    """Raise a ValueError with the reason if the pair is refused."""
    reason = refusal(datafit, penalty)
    if reason is not None:
        raise ValueError(
            f"{owner} cannot combine datafit={datafit.name!r} with penalty={penalty.name!r}: "
            f"{reason}."
        )


def kernel_options(
    datafit: Datafit, penalty: Penalty, n_features: int, single: bool, penalty_factor: Any
) -> dict[str, Any]:
    """Return the kernel's keywords for a pair of holders and the factors of the penalty.

    Raises
    ------
    ValueError
        If the groups are no partition, or factors have the wrong length or sign.
    """
    options: dict[str, Any] = {}
    if isinstance(datafit, Huber):
        options["delta"] = float(datafit.delta)
    if isinstance(datafit, SqrtQuadratic):
        options["sigma_min"] = float(datafit.sigma_min)
    n_factors, unit = n_features, "feature"
    default: Float64 | None = None
    if isinstance(penalty, L1):
        options |= {"penalty": "elastic_net", "l1_ratio": 1.0}
    elif isinstance(penalty, ElasticNet):
        options |= {"penalty": "elastic_net", "l1_ratio": float(penalty.l1_ratio)}
    elif isinstance(penalty, Group | SparseGroup):
        options |= {"penalty": penalty.name, "l1_ratio": float(penalty.l1_ratio)}
        if penalty.groups is not None:
            groups, n_factors = check_groups(penalty.groups, n_features)
            options["groups"] = groups
            unit = "group"
            default = np.sqrt(np.bincount(groups).astype(np.float64))
        elif single:
            raise ValueError(
                f"penalty={penalty.name!r} needs groups=...: one label per feature, or a list of "
                "the features of each group. Without groups it joins a feature's coefficients of "
                "several outputs, and here there is one."
            )
    elif isinstance(penalty, MCP | SCAD):
        options |= {"penalty": penalty.name, "gamma": float(penalty.gamma)}
    elif isinstance(penalty, Lq):
        options |= {"penalty": "lq", "exponent": float(penalty.exponent)}
    elif isinstance(penalty, L0 | CEL0):
        options |= {"penalty": penalty.name}
    elif isinstance(penalty, Fused):
        options |= {"penalty": "fused", "l1_ratio": 0.0}
        if penalty.groups is not None:
            options["groups"] = check_groups(penalty.groups, n_features)[0]
    else:
        raise TypeError(f"penalty must be a holder of taut.penalties, got {penalty!r}.")
    factor = check_per_feature(
        penalty_factor, "penalty_factor", n_factors, low=0.0, high=np.inf, unit=unit
    )
    options["penalty_factor"] = default if factor is None else factor
    return options


__all__ = ["SOLVERS", "kernel_options", "refusal", "require_cell"]
