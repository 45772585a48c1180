# SPDX-License-Identifier: BSD-3-Clause
"""Default sequences of penalty strengths."""

from __future__ import annotations

import numpy as np

from taut._validation import Float64


def default_grid(alpha_max: float, n_alphas: int, eps: float) -> Float64:
    """Return strengths equally spaced in the logarithm from alpha_max to eps times it."""
    steps = np.arange(n_alphas) / max(n_alphas - 1, 1)
    # A constant response is explained by the intercept alone: any strength gives zero then.
    return np.asarray((alpha_max or np.finfo(np.float64).resolution) * eps**steps)


def glmnet_eps(n_samples: int, n_features: int) -> float:
    """Return the default ratio of the least to the largest strength in R's glmnet."""
    return 1e-4 if n_samples > n_features else 1e-2


__all__ = ["default_grid", "glmnet_eps"]
