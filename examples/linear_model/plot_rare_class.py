# SPDX-License-Identifier: BSD-3-Clause
"""
How likely is a stage that hardly anybody reaches?
==================================================

Four ordered stages, the last reached by one in a hundred. Logistic regression of the last on the
rest sees few events; proportional odds borrows from the common stages, but assumes that every
feature acts alike at every boundary. PRESTO (Faletto and Bien, ICML 2023) shrinks towards that
assumption and gives it up where the data say so.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from taut.linear_model import PRESTO, PRESTOCV

rng = np.random.default_rng(3)
X = rng.uniform(-1, 1, (2500, 10))
increments = np.zeros((3, 10))
increments[0, :5], increments[1, 5:7], increments[2, 0] = 0.5, -0.5, 0.5
eta = np.maximum.accumulate(X @ np.cumsum(increments, axis=0).T + (0.0, 3.0, 5.0), axis=1)
y = (rng.logistic(size=(2500, 1)) > eta).sum(axis=1)
truth = expit(-eta[:, 2])
print(f"people in each stage: {np.bincount(y).tolist()}")

# %%
# Strength by cross-validation; the other two are what lies to either side of it.
model = PRESTOCV(random_state=0).fit(X, y)
guesses = {
    "PRESTO": model.predict_rare(X),
    "proportional odds": PRESTO(10.0, penalize_base=False).fit(X, y).predict_rare(X),
    "logistic regression": LogisticRegression(C=np.inf).fit(X, y == 3).predict_proba(X)[:, 1],
}
fig, axes = plt.subplots(1, 4, figsize=(14, 3.6), layout="constrained")
for ax, (name, guess) in zip(axes, guesses.items(), strict=False):
    print(f"{name}: mean squared error {np.mean((guess - truth) ** 2):.1e}")
    ax.loglog(truth, guess, ".", ms=2, alpha=0.4)
    ax.plot([1e-5, 0.5], [1e-5, 0.5], color="black", lw=0.8)
    ax.set(title=name, xlabel="true probability", ylabel="estimate", ylim=(1e-5, 0.5))

# %%
# Which feature changes its effect at which boundary.
image = axes[3].imshow(model.increments_, cmap="RdBu", vmin=-0.6, vmax=0.6, aspect="auto")
axes[3].set(title="increments", xlabel="feature", ylabel="boundary", yticks=range(3))
fig.colorbar(image, ax=axes[3])
plt.show()
