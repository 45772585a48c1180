# SPDX-License-Identifier: BSD-3-Clause
"""Sparse linear models: mean loss plus penalty, every fit with its certificate."""

from __future__ import annotations

from taut.linear_model._cells import refusal
from taut.linear_model._result import PathResult
from taut.linear_model.adaptive import AdaptiveLasso, AdaptiveLassoCV
from taut.linear_model.general import PenalizedGLM
from taut.linear_model.glm import LogisticLasso, LogisticLassoCV
from taut.linear_model.group import (
    GroupLasso,
    GroupLassoCV,
    SparseGroupLasso,
    SparseGroupLassoCV,
)
from taut.linear_model.lasso import ElasticNet, ElasticNetCV, Lasso, LassoCV
from taut.linear_model.multinomial import MultinomialLasso, MultinomialLassoCV
from taut.linear_model.multitask import (
    MultiTaskElasticNet,
    MultiTaskElasticNetCV,
    MultiTaskLasso,
    MultiTaskLassoCV,
)
from taut.linear_model.nonconvex import (
    MCPRegression,
    MCPRegressionCV,
    SCADRegression,
    SCADRegressionCV,
)
from taut.linear_model.ordinal import PRESTO, PRESTOCV
from taut.linear_model.path import (
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
    scad_path,
    sparse_group_lasso_path,
    sqrt_lasso_path,
)
from taut.linear_model.poisson import PoissonLasso, PoissonLassoCV
from taut.linear_model.relaxed import RelaxedLasso, RelaxedLassoCV, relaxed_path
from taut.linear_model.robust import (
    ConcomitantLasso,
    ConcomitantLassoCV,
    HuberLasso,
    HuberLassoCV,
    SqrtLasso,
    SqrtLassoCV,
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
