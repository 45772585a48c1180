# SPDX-License-Identifier: BSD-3-Clause
"""
What does a private survival curve still tell?
==============================================

A curve of 228 patients shows single patients: each step is one. With noise that hides any one of
them it can be published, and its limits say how much it still tells. One budget serves
both releases.
"""

from __future__ import annotations

import warnings

import matplotlib.pyplot as plt

from taut.datasets import load_lung
from taut.exceptions import PrivacyGuaranteeWarning
from taut.plotting import PrivateCurveDisplay
from taut.privacy import PrivacyAccountant, PrivateKaplanMeier

warnings.simplefilter("ignore", PrivacyGuaranteeWarning)
lung = load_lung()
budget = PrivacyAccountant(3.0)
_, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained", sharey=True)
for ax, epsilon in zip(axes, (0.5, 2.5), strict=True):
    # A seed makes this page the same each time; taut warns that a release must not have one.
    model = PrivateKaplanMeier(
        epsilon, time_range=1050, accountant=budget, random_state=0, insecure_seed=True
    ).fit(lung.y)
    PrivateCurveDisplay.from_estimator(model, ax=ax, time_unit="days")
    low, high = model.confidence_interval().median
    print(f"epsilon {epsilon}: median {model.median():.0f} days, limits {low:.0f} to {high:.0f}")
print(budget)
plt.show()
