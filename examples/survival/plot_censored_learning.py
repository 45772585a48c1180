# SPDX-License-Identifier: BSD-3-Clause
"""
What does a forest learn of machines that are still running?
============================================================

Machines last longer where a setting x is larger, and are taken out of service early where it is
larger too. A forest that takes the observed times for lives learns the opposite of the truth; one
that is trained on the broken machines alone learns short lives. Weighted by the inverse probability
of having been left in service, the broken machines stand for all.
"""

from __future__ import annotations

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestRegressor

from taut.plotting import SurvivalCalibrationDisplay
from taut.survival import (
    CensoringWeights,
    ConditionalKaplanMeier,
    KaplanMeierRiskRegressor,
    Surv,
)

rng = np.random.default_rng(0)
n = 3000
x = rng.uniform(0, 1, n)
life = (1 + x) * rng.gamma(8, 1 / 8, n)  # 1 + x in the mean
service = (3.5 - 2.5 * x) * rng.weibull(2, n)
X, y = x[:, None], Surv.from_arrays(life <= service, np.minimum(life, service))
print(f"{1 - y['event'].mean():.0%} were taken out of service")

# %%
# The horizon of 2.5 keeps the few longest lives, of which little can be known, from ruling the fit.
horizon = 2.5
forest = RandomForestRegressor(200, min_samples_leaf=60, random_state=0)
grid = np.linspace(0.02, 0.98, 97)[:, None]
fits = {
    "observed times": forest.fit(X, np.minimum(y["time"], horizon)).predict(grid),
}
with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # weights at the floor: what the figure shows
    for name, method in (("broken machines", "none"), ("weighted", "beran")):
        weights = CensoringWeights(method, tau=horizon)
        model = KaplanMeierRiskRegressor(forest, weights).fit(X, y)
        fits[name] = model.predict(grid)
draws = (1 + grid) * rng.gamma(8, 1 / 8, (97, 4000))
truth = np.minimum(draws, horizon).mean(axis=1)
for name, fit in fits.items():
    print(f"{name}: mean error {np.abs(fit - truth).mean():.3f}")

fig, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
axes[0].plot(grid, truth, "k:", label="truth")
for name, fit in fits.items():
    axes[0].plot(grid, fit, label=name)
axes[0].set(xlabel="setting x", ylabel=f"mean life, up to {horizon:g}")
axes[0].legend(frameon=False)

# %%
# The conditional curve itself, made from half of the machines and held against the other half.
half = n // 2
curve = ConditionalKaplanMeier().fit(X[:half], y[:half])
beyond = curve.predict_survival_function(X[half:], [1.5])[:, 0]
SurvivalCalibrationDisplay.from_predictions(y[half:], {"Beran": beyond}, 1.5, axes[1], n_bins=6)
plt.show()
