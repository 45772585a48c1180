# SPDX-License-Identifier: BSD-3-Clause
"""Choosing a model along a path."""

from __future__ import annotations

from taut.model_selection._rules import OneStandardError, one_standard_error

__all__ = ["OneStandardError", "one_standard_error"]
