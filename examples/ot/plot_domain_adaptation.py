# SPDX-License-Identifier: BSD-3-Clause
"""
Does moving the training data help in a new domain?
===================================================

A classifier is trained where labels are known and used where the measurements have drifted:
shifted, stretched, and without labels. A sparse transport plan moves the training samples onto the
new ones; each goes to the mean of its few partners, and keeps its label.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from taut.ot import SparseTransport
from taut.plotting import TransportPlanDisplay

rng = np.random.default_rng(0)
y = np.repeat([0, 1], 60)
X = 0.4 * rng.normal(size=(120, 2)) + np.where(y[:, None] == 1, [2.0, 0.0], [0.0, 0.0])
yt = np.repeat([0, 1], 80)
Xt = 0.4 * rng.normal(size=(160, 2)) + np.where(yt[:, None] == 1, [2.0, 0.0], [0.0, 0.0])
Xt = 1.1 * Xt + [3.0, 1.0]

# %%
# The classifier of the old domain is useless in the new one. Trained on moved samples it is not.
transport = SparseTransport(method="l2").fit(X, Xt=Xt)
before = LogisticRegression().fit(X, y).score(Xt, yt)
after = LogisticRegression().fit(transport.transform(X), y).score(Xt, yt)
print(f"accuracy in the new domain: {before:.2f} before, {after:.2f} after")
print(f"duality gap of the plan: {transport.dual_gap_:.1e}")

fig, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
TransportPlanDisplay.from_estimator(transport, Xt, ax=axes[0])
axes[1].scatter(*Xt.T, c=yt, s=14, cmap="coolwarm", alpha=0.4, label="new domain")
axes[1].scatter(*transport.transform(X).T, c=y, s=14, marker="x", cmap="coolwarm", label="moved")
axes[1].legend(frameon=False)
plt.show()
