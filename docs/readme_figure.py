# SPDX-License-Identifier: BSD-3-Clause
"""Draw the figure of the README: cross-validation and path on the diabetes data.

``python docs/readme_figure.py`` writes docs/readme.png.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes

from taut.linear_model import LassoCV
from taut.plotting import CVCurveDisplay, PathDisplay

X, y = load_diabetes(return_X_y=True, as_frame=True)
model = LassoCV(rule="1se").fit(X, y)
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.6), layout="constrained")
CVCurveDisplay.from_estimator(model, ax=left)
PathDisplay.from_estimator(model, ax=right)
figure.savefig(Path(__file__).with_name("readme.png"), dpi=110)
