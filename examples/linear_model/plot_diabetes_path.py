# SPDX-License-Identifier: BSD-3-Clause
"""
Which measurements tell how diabetes will progress?
===================================================

442 patients, ten measurements, and the progress of the disease a year later (Efron, Hastie,
Johnstone, Tibshirani 2004). The Lasso enters one measurement after the other; cross-validation
says where to stop, and MCP what the effects are when they are not shrunk.
"""

from __future__ import annotations

import matplotlib.pyplot as plt

from taut.datasets import load_example
from taut.linear_model import LassoCV, MCPRegressionCV
from taut.plotting import CVCurveDisplay, PathDisplay

data = load_example("diabetes", as_frame=True)
X, y = data.data, data.target
model = LassoCV(rule="1se", standardize=True).fit(X, y)
_, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
CVCurveDisplay.from_estimator(model, ax=axes[0])
PathDisplay.from_estimator(model, ax=axes[1])

# %%
# The rule of one standard error takes the sparsest model that predicts as well as the best.
# Coefficients are per unit of the measurement; the certificate bounds what any other model of this
# strength could gain.
unshrunk = MCPRegressionCV(rule="1se", standardize=True).fit(X, y)
print(f"{'':6s} {'Lasso':>8s} {'MCP':>8s}   change of the response per standard deviation")
for name, spread, lasso, mcp in zip(X.columns, X.std(), model.coef_, unshrunk.coef_, strict=True):
    if lasso or mcp:
        print(f"{name:6s} {lasso * spread:8.1f} {mcp * spread:8.1f}")
print(f"duality gap of the Lasso: {model.dual_gap_:.1e}")
plt.show()
