# SPDX-License-Identifier: BSD-3-Clause
"""
Which chemistry tells three wines apart?
========================================

178 wines of three growers, thirteen measurements. The multinomial Lasso gives each class its own
few coefficients; rows that were held out say whether they suffice.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split

from taut.datasets import load_example
from taut.linear_model import MultinomialLassoCV
from taut.plotting import CoefficientDisplay, ConfusionDisplay

data = load_example("wine", as_frame=True)
X, X_test, y, y_test = train_test_split(
    data.data, data.target, stratify=data.target, random_state=0
)
model = MultinomialLassoCV(rule="1se", standardize=True).fit(X, y)
for name, row in zip(model.classes_, model.coef_, strict=True):
    print(name, *X.columns[row != 0])
print(f"held out: {model.score(X_test, y_test):.2f} right, gap {model.dual_gap_:.1e}")

_, axes = plt.subplots(1, 4, figsize=(13, 4), layout="constrained")
CoefficientDisplay.from_estimator(model, ax=axes[:3])
ConfusionDisplay.from_estimator(model, X_test, y_test, ax=axes[3])
plt.show()
