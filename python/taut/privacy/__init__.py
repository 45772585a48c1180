# SPDX-License-Identifier: BSD-3-Clause
"""Survival curves under differential privacy, and an attack that checks such claims."""

from __future__ import annotations

from taut.privacy._accountant import Charge, PrivacyAccountant
from taut.privacy._audit import AuditResult, audit_mechanism
from taut.privacy._curve import (
    PrivateKaplanMeier,
    PrivateLimits,
    PrivateLogRank,
    private_event_table,
)
from taut.privacy._study import AccuracyStudy, accuracy_study
from taut.privacy._time_indexed import TimeIndexedLaplaceKaplanMeier

__all__ = [
    "AccuracyStudy",
    "AuditResult",
    "Charge",
    "PrivacyAccountant",
    "PrivateKaplanMeier",
    "PrivateLimits",
    "PrivateLogRank",
    "TimeIndexedLaplaceKaplanMeier",
    "accuracy_study",
    "audit_mechanism",
    "private_event_table",
]
