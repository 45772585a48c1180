# SPDX-License-Identifier: BSD-3-Clause
"""Censored data: curves, tests, Cox regression and scores."""

from __future__ import annotations

from taut.survival._bootstrap import BootstrapCurve, bootstrap_curve
from taut.survival._censored_lasso import CensoredLasso, CensoredLassoCV
from taut.survival._censoring import CensoringCurve, censoring_weights
from taut.survival._conditional import ConditionalKaplanMeier
from taut.survival._cox import CoxPH, ProportionalHazardsResult
from taut.survival._coxnet import CoxNet, CoxNetCV
from taut.survival._curve import (
    ConfidenceBand,
    KaplanMeier,
    NelsonAalen,
    RestrictedMean,
    SurvivalArrays,
    kaplan_meier,
)
from taut.survival._logrank import (
    LogRankResult,
    PairwiseResult,
    logrank_test,
    pairwise_logrank_test,
)
from taut.survival._risk import KaplanMeierRiskRegressor
from taut.survival._scores import (
    Concordance,
    DynamicAUC,
    brier_score,
    concordance_index,
    cumulative_dynamic_auc,
    integrated_brier_score,
)
from taut.survival._surv import Surv
from taut.survival._table import EventTable
from taut.survival._weights import CensoringWeights

__all__ = [
    "BootstrapCurve",
    "CensoredLasso",
    "CensoredLassoCV",
    "CensoringCurve",
    "CensoringWeights",
    "Concordance",
    "ConditionalKaplanMeier",
    "ConfidenceBand",
    "CoxNet",
    "CoxNetCV",
    "CoxPH",
    "DynamicAUC",
    "EventTable",
    "KaplanMeier",
    "KaplanMeierRiskRegressor",
    "LogRankResult",
    "NelsonAalen",
    "PairwiseResult",
    "ProportionalHazardsResult",
    "RestrictedMean",
    "Surv",
    "SurvivalArrays",
    "bootstrap_curve",
    "brier_score",
    "censoring_weights",
    "concordance_index",
    "cumulative_dynamic_auc",
    "integrated_brier_score",
    "kaplan_meier",
    "logrank_test",
    "pairwise_logrank_test",
]
