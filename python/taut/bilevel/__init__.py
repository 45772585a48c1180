# SPDX-License-Identifier: BSD-3-Clause
"""Hyperparameters by gradient: bilevel learning.

A lower problem ``xhat(theta) = argmin_x h(x, theta)`` is a model with parameters ``theta`` such as
penalty strengths; an upper problem says how good its minimiser is. :func:`hypergradient` is the
derivative of the one through the other, with a bound of its error. :func:`check_problem` tests
problems of one's own.
"""

from __future__ import annotations

from taut.bilevel._check import ProblemReport, check_problem
from taut.bilevel._cleaning import HyperCleaning
from taut.bilevel._denoise import FoEDenoiserLearner, TVDenoiserLearner, psnr
from taut.bilevel._hoag import HOAG
from taut.bilevel._hypergradient import Hypergradient, LowerSolverError, hypergradient
from taut.bilevel._images import FieldsOfExpertsLower, SmoothedTVLower
from taut.bilevel._maid import MAID
from taut.bilevel._penalty import PenaltyBilevel
from taut.bilevel._problem import CallableLower, CallableUpper, LowerProblem, UpperProblem
from taut.bilevel._projections import (
    Box,
    Halfspace,
    L1Ball,
    L2Ball,
    NonNegative,
    Product,
    Projection,
    Simplex,
)
from taut.bilevel._regression import MultinomialLower, RidgeLower
from taut.bilevel._sparse import CriterionPoint, SparseCriterion
from taut.bilevel._upper import HeldOutLogLoss, HeldOutMSE, ImageMSE

__all__ = [
    "HOAG",
    "MAID",
    "Box",
    "CallableLower",
    "CallableUpper",
    "CriterionPoint",
    "FieldsOfExpertsLower",
    "FoEDenoiserLearner",
    "Halfspace",
    "HeldOutLogLoss",
    "HeldOutMSE",
    "HyperCleaning",
    "Hypergradient",
    "ImageMSE",
    "L1Ball",
    "L2Ball",
    "LowerProblem",
    "LowerSolverError",
    "MultinomialLower",
    "NonNegative",
    "PenaltyBilevel",
    "ProblemReport",
    "Product",
    "Projection",
    "RidgeLower",
    "Simplex",
    "SmoothedTVLower",
    "SparseCriterion",
    "TVDenoiserLearner",
    "UpperProblem",
    "check_problem",
    "hypergradient",
    "psnr",
]
