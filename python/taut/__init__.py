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
        ElasticNet,
        ElasticNetCV,
        Lasso,
        LassoCV,
        LogisticLasso,
        LogisticLassoCV,
        MultinomialLasso,
        MultinomialLassoCV,
        PathResult,
        enet_path,
        lasso_path,
        logistic_path,
        multinomial_path,
    )

_SUBPACKAGES = frozenset(
    {
        "datasets",
        "exceptions",
        "linear_model",
        "model_selection",
        "plotting",
        "screening",
        "testing",
        "typing",
    }
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
    "__version__",
    "enet_path",
    "lasso_path",
    "logistic_path",
    "multinomial_path",
]


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return importlib.import_module(f"taut.{name}")
    if name in __all__:
        value = getattr(importlib.import_module("taut.linear_model"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'taut' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBPACKAGES})
