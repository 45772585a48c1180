# SPDX-License-Identifier: BSD-3-Clause
"""Sparse regression by coordinate descent, with a certificate for every fit.

Estimators follow scikit-learn. The names of :mod:`taut.linear_model` are available here too;
they are imported on first use, so that ``import taut`` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from taut._version import __version__

if TYPE_CHECKING:
    from taut.linear_model import (
        PRESTO,
        PRESTOCV,
        AdaptiveLasso,
        AdaptiveLassoCV,
        ConcomitantLasso,
        ConcomitantLassoCV,
        ElasticNet,
        ElasticNetCV,
        GroupLasso,
        GroupLassoCV,
        HuberLasso,
        HuberLassoCV,
        Lasso,
        LassoCV,
        LogisticLasso,
        LogisticLassoCV,
        MCPRegression,
        MCPRegressionCV,
        MultinomialLasso,
        MultinomialLassoCV,
        MultiTaskElasticNet,
        MultiTaskElasticNetCV,
        MultiTaskLasso,
        MultiTaskLassoCV,
        PathResult,
        PenalizedGLM,
        PoissonLasso,
        PoissonLassoCV,
        RelaxedLasso,
        RelaxedLassoCV,
        SCADRegression,
        SCADRegressionCV,
        SparseGroupLasso,
        SparseGroupLassoCV,
        SqrtLasso,
        SqrtLassoCV,
        enet_path,
        group_lasso_path,
        huber_lasso_path,
        lasso_path,
        logistic_path,
        mcp_path,
        multinomial_path,
        multitask_lasso_path,
        penalized_path,
        poisson_path,
        refusal,
        relaxed_path,
        scad_path,
        sparse_group_lasso_path,
        sqrt_lasso_path,
    )

_SUBPACKAGES = frozenset(
    {
        "bilevel",
        "datafits",
        "datasets",
        "decomposition",
        "exceptions",
        "graph",
        "linear_model",
        "linsolve",
        "metrics",
        "model_selection",
        "ot",
        "penalties",
        "plotting",
        "privacy",
        "prox",
        "screening",
        "survival",
        "testing",
        "typing",
    }
)

__all__ = [
    "PRESTO",
    "PRESTOCV",
    "AdaptiveLasso",
    "AdaptiveLassoCV",
    "ConcomitantLasso",
    "ConcomitantLassoCV",
    "ElasticNet",
    "ElasticNetCV",
    "GroupLasso",
    "GroupLassoCV",
    "HuberLasso",
    "HuberLassoCV",
    "Lasso",
    "LassoCV",
    "LogisticLasso",
    "LogisticLassoCV",
    "MCPRegression",
    "MCPRegressionCV",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "MultinomialLasso",
    "MultinomialLassoCV",
    "PathResult",
    "PenalizedGLM",
    "PoissonLasso",
    "PoissonLassoCV",
    "RelaxedLasso",
    "RelaxedLassoCV",
    "SCADRegression",
    "SCADRegressionCV",
    "SparseGroupLasso",
    "SparseGroupLassoCV",
    "SqrtLasso",
    "SqrtLassoCV",
    "__version__",
    "enet_path",
    "group_lasso_path",
    "huber_lasso_path",
    "lasso_path",
    "logistic_path",
    "mcp_path",
    "multinomial_path",
    "multitask_lasso_path",
    "penalized_path",
    "poisson_path",
    "refusal",
    "relaxed_path",
    "scad_path",
    "sparse_group_lasso_path",
    "sqrt_lasso_path",
]


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return importlib.import_module(f"taut.{name}")
    if name in __all__:
        value = getattr(importlib.import_module("taut.linear_model"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'taut' has no attribute {name!r}{_elsewhere(name)}")


def _elsewhere(name: str) -> str:
    """Where a name is that was looked for at the top; nothing for those of Python and of tools."""
    if name.startswith("_"):
        return ""
    for package in sorted(_SUBPACKAGES):
        if name in importlib.import_module(f"taut.{package}").__all__:
            return f"; it is in taut.{package}"
    from difflib import get_close_matches

    near = get_close_matches(name, [*__all__, *_SUBPACKAGES], n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBPACKAGES})
