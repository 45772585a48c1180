# SPDX-License-Identifier: BSD-3-Clause
"""Sparse linear models: mean loss plus penalty, every fit with its duality gap."""

from __future__ import annotations

from taut.linear_model.glm import LogisticLasso, LogisticLassoCV
from taut.linear_model.lasso import ElasticNet, ElasticNetCV, Lasso, LassoCV
from taut.linear_model.multinomial import MultinomialLasso, MultinomialLassoCV
from taut.linear_model.path import (
    PathResult,
    enet_path,
    lasso_path,
    logistic_path,
    multinomial_path,
)

__all__ = [
    "ElasticNet",
    "ElasticNetCV",
    "Lasso",
    "LassoCV",
    "LogisticLasso",
    "LogisticLassoCV",
    "MultinomialLasso",
    "MultinomialLassoCV",
    "PathResult",
    "enet_path",
    "lasso_path",
    "logistic_path",
    "multinomial_path",
]
