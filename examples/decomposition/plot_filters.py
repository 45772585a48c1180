# SPDX-License-Identifier: BSD-3-Clause
"""
What are patches of photographs made of?
========================================

Two hundred atoms are learned from patches of two whitened photographs, with L1: localised and
oriented filters come out (Olshausen and Field, Nature 381, 1996). Coded in the same atoms, and with
as many of them a patch, CEL0 leaves less than half of the error: it does not shrink what it keeps.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images

from taut.decomposition import DictionaryLearner, extract_patches, sparse_encode, whiten
from taut.plotting import FilterDisplay

images = [whiten(image.mean(axis=2)) for image in load_sample_images().images]
X = extract_patches(images, (12, 12), 10_000, random_state=0)
held_out = extract_patches(images, (12, 12), 1000, random_state=1)
model = DictionaryLearner(
    200, penalty="l1", alpha=0.5, target_sparsity=5, n_epochs=5, random_state=0
).fit(X)

# %%
# Error against activity, along strengths of each penalty.
fig, axes = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
FilterDisplay.from_estimator(model, shape=(12, 12), ax=axes[0])
axes[0].set_title("filters learned with L1")
D = model.components_
for penalty, strengths in (("l1", np.geomspace(0.3, 2.5, 8)), ("cel0", np.geomspace(0.1, 2.5, 8))):
    active, error = [], []
    for alpha in strengths:
        codes = sparse_encode(held_out, D, penalty=penalty, alpha=alpha)
        active.append((codes != 0).sum(axis=1).mean())
        error.append(np.sum((held_out - codes @ D) ** 2) / np.sum(held_out**2))
    axes[1].plot(active, error, "o-", label=penalty)
    print(f"{penalty}: error {np.interp(5, active[::-1], error[::-1]):.3f} with 5 active atoms")
axes[1].set(xlabel="active atoms a patch", ylabel="relative error of patches not learned from")
axes[1].set(xscale="log", yscale="log")
axes[1].legend(frameon=False)
plt.show()
