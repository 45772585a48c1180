# SPDX-License-Identifier: BSD-3-Clause
"""Choosing a model along a path, and saying how far to trust the choice."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from taut.model_selection._rules import OneStandardError, one_standard_error

if TYPE_CHECKING:
    from taut.model_selection._bilevel_cv import BilevelCV
    from taut.model_selection._criteria import InformationCriterion, information_criterion
    from taut.model_selection._path_choice import PathCV, PathIC
    from taut.model_selection._refit import Refitted
    from taut.model_selection._stability import StabilitySelection

# These stand on taut.linear_model, which stands on the rules above: imported on first use.
_LATER = {
    "BilevelCV": "_bilevel_cv",
    "InformationCriterion": "_criteria",
    "PathCV": "_path_choice",
    "PathIC": "_path_choice",
    "Refitted": "_refit",
    "StabilitySelection": "_stability",
    "information_criterion": "_criteria",
}

__all__ = [
    "BilevelCV",
    "InformationCriterion",
    "OneStandardError",
    "PathCV",
    "PathIC",
    "Refitted",
    "StabilitySelection",
    "information_criterion",
    "one_standard_error",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        value = getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
