# SPDX-License-Identifier: BSD-3-Clause
"""
Which relaxation parameter, while a diffusivity swings?
=======================================================

The heat equation in implicit time steps is a sequence of linear systems, and where the diffusivity
changes from step to step so does the best parameter of symmetric over-relaxation. A solver that is
told the diffusivity and sees only how many iterations it took learns the parameter as it goes
(Khodak, Chow, Balcan, Talwalkar 2024).
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from taut.linsolve import HeatEquation, RelaxationSolver
from taut.plotting import FramesDisplay, LearnedIterationsDisplay, LearnedParameterDisplay

steps = 1000
heat = HeatEquation(25, 2e-3)
solver = RelaxationSolver("ssor_cg", "cheb", context_range=heat.context_range, random_state=0)
frames, titles, diffusivity = [], [], np.empty(steps)
counts = np.empty((steps, 20), dtype=int)  # what every parameter of the grid would have taken
for step in range(steps):
    A, b = heat.system()
    diffusivity[step] = heat.context
    result = solver.solve(A, b, heat.context, x0=heat.u)
    counts[step] = solver.profile(b=b, x0=heat.u)
    heat.advance(result.x)
    if step % 200 == 100:
        frames.append(heat.grid())
        titles.append(f"t = {heat.t:.2f}")
_, axes = plt.subplots(1, len(frames), figsize=(12, 3))
FramesDisplay(frames, titles, shared=False).plot(list(axes.flat))

# %%
# Iterations of each step and what they cost beyond the best parameter of each: fixed ones fall
# behind at every turn of the diffusivity.
fixed = int(counts.sum(axis=0).argmin())
costs = {
    "Gauss-Seidel (omega 1)": counts[:, 0],
    f"best fixed omega ({solver.omegas_[fixed]:.2f})": counts[:, fixed],
    "learned": solver.costs_,
}
best = counts.min(axis=1)
for name, values in costs.items():
    share = values.sum() / best.sum()
    print(f"{name:28s} {int(values.sum()):6d} iterations, {share:.3f} of the best")
_, axes = plt.subplots(1, 2, figsize=(10, 4))
LearnedIterationsDisplay(costs, best).plot(list(axes))

# %%
# What it chose in the second half, beside the best of each step.
later = slice(steps // 2, None)
display = LearnedParameterDisplay(
    diffusivity[later],
    solver.omegas_[solver.arms_][later],
    solver.omegas_[counts.argmin(axis=1)][later],
)
display.plot()
display.ax_.set_xlabel("diffusivity")
plt.show()
