# SPDX-License-Identifier: BSD-3-Clause
"""
Do women with lung cancer live longer, and is it their sex?
===========================================================

228 patients with advanced lung cancer (Loprinzi et al. 1994). Two curves, a test, and a regression
that holds age and the physician's rating of the patient's state fixed.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from taut.datasets import load_lung
from taut.plotting import SurvivalCurveDisplay
from taut.survival import CoxPH, KaplanMeier, logrank_test

lung = load_lung()
sex = lung.data[:, 0]
curves = KaplanMeier().fit(lung.y, groups=sex)
SurvivalCurveDisplay.from_estimator(curves, names=["men", "women"], time_unit="days")
print("median survival in days:", *np.ravel(curves.median()))
print(f"log-rank test: p = {logrank_test(lung.y, sex).p_value:.4f}")

# %%
# The hazard of women relative to that of men of the same age and state, and whether the ratio is
# the same at all times.
known = ~np.isnan(lung.data).any(axis=1)
X, y = lung.data[known], lung.y[known]
model = CoxPH().fit(X, y)
table = model.summary()
for j, name in enumerate(lung.feature_names):
    print(f"{name:10s} hazard ratio {table['hazard_ratio'][j]:.2f}")
test = model.proportional_hazards_test(X, y)
print(f"proportional at all times: p = {test.overall.p_value:.2f}")
plt.show()
