# SPDX-License-Identifier: BSD-3-Clause
"""
Can a photograph be painted in the colours of another?
======================================================

Both photographs come with scikit-learn. Each is reduced to 256 colours; a transport plan says which
colour of the temple becomes which colours of the flower. The limit on partners is the knob: with
one partner a target colour, the plan is as sharp as exact transport; with many, colours are mixed
and the picture turns flat.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

from taut.ot import transfer_colors
from taut.plotting import TransportPlanDisplay

china, flower = load_sample_image("china.jpg"), load_sample_image("flower.jpg")

fig, axes = plt.subplots(2, 3, figsize=(11, 6), layout="constrained")
images = {"source": china, "colours from": flower}
plans = {}
for title, options in {
    "at most 4 partners": dict(method="sparse", max_nz=4),
    "quadratic": dict(method="l2"),
    "entropic": dict(method="entropic"),
}.items():
    images[title], plans[title] = transfer_colors(china, flower, **options)

for ax, (title, image) in zip(axes.flat, images.items(), strict=False):
    ax.imshow(image)
    ax.set_axis_off()
    ax.set_title(title, loc="left")
TransportPlanDisplay.from_result(plans["at most 4 partners"], kind="heatmap", ax=axes[1, 2])

# %%
# How many partners does a colour of the flower have, and what does the plan cost? The gap bounds
# how much cheaper any plan could be.
for title, result in plans.items():
    partners = np.mean(np.asarray((result.plan > 0).sum(axis=0)))
    print(
        f"{title:>20}: cost {result.linear_cost:.4f}, partners {partners:.1f}, "
        f"gap {result.duality_gap:.1e}"
    )

plt.show()
