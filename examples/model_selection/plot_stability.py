# SPDX-License-Identifier: BSD-3-Clause
"""
Would other patients have pointed at the same measurements?
===========================================================

Thirty measurements of cell nuclei, many of them nearly copies of each other, and whether the tumour
was malignant. The Lasso picks a dozen; on other halves of the patients it picks others. Stability
selection keeps those that are picked again and again, with a bound on how many are there by chance.
"""

from __future__ import annotations

import matplotlib.pyplot as plt

from taut.datasets import load_example
from taut.linear_model import LogisticLasso, LogisticLassoCV
from taut.model_selection import StabilitySelection

data = load_example("breast_cancer", as_frame=True)
X, y = data.data, data.target
once = LogisticLassoCV(standardize=True).fit(X, y)
print(f"cross-validation keeps {(once.coef_ != 0).sum()} of {X.shape[1]}")

# %%
# Fifty pairs of complementary halves.
stable = StabilitySelection(LogisticLasso(standardize=True), random_state=0).fit(X, y)
print(stable.report())
print(*X.columns[stable.get_support()], sep=", ")
stable.plot()
plt.show()
