# SPDX-License-Identifier: BSD-3-Clause
"""
Which protein signals to which?
===============================

Eleven proteins and lipids measured in 853 single cells (Sachs et al., Science 308, 2005), seventeen
links that biologists take for the truth, and no experiment. CoLiDE estimates a linear model of
directed links with a noise scale for each variable.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt

from taut.datasets import load_sachs
from taut.graph import CoLiDE
from taut.metrics import graph_metrics
from taut.plotting import DagDisplay

here = Path.cwd()
table = Path("tests/references/graph/sachs.csv.gz")
root = next(folder for folder in (here, *here.parents) if (folder / table).exists())
sachs = load_sachs(root / table)

# %%
# The structural Hamming distance counts links that are missing, too many, or turned round.
fig, axes = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
for ax, noise in zip(axes, ("equal", "unequal"), strict=True):
    model = CoLiDE(noise, preset="fast").fit(sachs.data)
    found = graph_metrics(sachs.adjacency, model.adjacency_)
    DagDisplay.from_estimator(model, ax=ax)
    ax.set_title(f"{noise} scales: distance {found['shd']:g} from the consensus")
    print(f"{noise}: {found['n_edges']:g} links, distance {found['shd']:g}")

# %%
# How much of that is luck: the share of half samples in which each link is found again.
stable = model.edge_stability(sachs.data, n_boot=10, random_state=0)
for i, j in zip(*model.adjacency_.nonzero(), strict=True):
    print(f"{sachs.feature_names[i]} -> {sachs.feature_names[j]}: {stable[i, j]:.2f}")
plt.show()
