# SPDX-License-Identifier: BSD-3-Clause
"""Displays of fitted paths, cross-validation, coefficients and held-out predictions.

Every display is made by ``from_estimator`` (or ``from_path``, ``from_predictions``), keeps its
numbers as attributes, and leaves ``ax_`` and ``figure_`` behind for further work. Matplotlib is
imported when something is drawn, not before; install it with ``pip install 'taut[plot]'``.
"""

from __future__ import annotations

from taut.plotting._bilevel import BilevelDisplay
from taut.plotting._calibration import SurvivalCalibrationDisplay
from taut.plotting._coefficients import CoefficientDisplay
from taut.plotting._confusion import ConfusionDisplay
from taut.plotting._cv import CVCurveDisplay
from taut.plotting._filters import FilterDisplay
from taut.plotting._graph import DagDisplay
from taut.plotting._path import PathDisplay
from taut.plotting._privacy import (
    InfluentialPointsDisplay,
    PrivacyAuditDisplay,
    PrivacyErrorDisplay,
    PrivateCurveDisplay,
)
from taut.plotting._relaxation import (
    FramesDisplay,
    LearnedIterationsDisplay,
    LearnedParameterDisplay,
)
from taut.plotting._residual import ResidualDisplay
from taut.plotting._stability import StabilityDisplay
from taut.plotting._survival import BrierDisplay, SurvivalCurveDisplay
from taut.plotting._transport import OTConvergenceDisplay, TransportPlanDisplay

__all__ = [
    "BilevelDisplay",
    "BrierDisplay",
    "CVCurveDisplay",
    "CoefficientDisplay",
    "ConfusionDisplay",
    "DagDisplay",
    "FilterDisplay",
    "FramesDisplay",
    "InfluentialPointsDisplay",
    "LearnedIterationsDisplay",
    "LearnedParameterDisplay",
    "OTConvergenceDisplay",
    "PathDisplay",
    "PrivacyAuditDisplay",
    "PrivacyErrorDisplay",
    "PrivateCurveDisplay",
    "ResidualDisplay",
    "StabilityDisplay",
    "SurvivalCalibrationDisplay",
    "SurvivalCurveDisplay",
    "TransportPlanDisplay",
]
