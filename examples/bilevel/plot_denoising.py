# SPDX-License-Identifier: BSD-3-Clause
"""
How should a photograph be denoised?
====================================

Two models restore a noisy picture by minimising a fit plus a penalty: total variation with two
parameters, and fields of experts, which start there and have filters to choose. Pairs of noisy and
clean crops of one photograph teach both by gradient descent through their minimisers (MAID:
Salehi, Mukherjee, Roberts, Ehrhardt 2025), and another photograph judges them.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images

from taut.bilevel import FoEDenoiserLearner, TVDenoiserLearner, psnr
from taut.plotting import BilevelDisplay, FilterDisplay

rng = np.random.default_rng(0)
china, flower = (
    image[:420, :640].mean(axis=2).reshape(210, 2, 320, 2).mean(axis=(1, 3)) / 255.0
    for image in load_sample_images().images
)
corners = [(20, 40), (60, 100), (100, 180), (140, 240)]
clean = np.array([china[r : r + 48, c : c + 48] for r, c in corners])
noisy = clean + 0.1 * rng.normal(size=clean.shape)
tv = TVDenoiserLearner(max_iter=25).fit(noisy, clean)
foe = FoEDenoiserLearner(max_iter=40).fit(noisy, clean)
print(f"total variation: alpha {tv.alpha_:.3f}, smoothing {tv.smoothing_:.4f}")

# %%
# Before and after, on the photograph that neither has seen.
other = flower[40:168, 90:218]
grainy = other + 0.1 * rng.normal(size=other.shape)
shown = {
    "clean": other,
    "noisy": grainy,
    "total variation": tv.predict(grainy),
    "fields of experts": foe.predict(grainy),
}
_, axes = plt.subplots(1, 4, figsize=(12, 3.4))
for ax, (name, image) in zip(axes, shown.items(), strict=True):
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    ax.set_title(name if name == "clean" else f"{name}, {psnr(image, other):.1f} dB", fontsize=10)
    ax.set_axis_off()

# %%
# What learning cost, and how accuracies followed it: they are tightened where progress needs it.
display = BilevelDisplay.from_estimator(tv)

# %%
# The learned filters.
filters = FilterDisplay(foe.filters_.reshape(8, -1), shape=(3, 3)).plot()
