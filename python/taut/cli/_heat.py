# SPDX-License-Identifier: BSD-3-Clause
"""The page of ``taut demo`` on a solver that learns its parameter."""

from __future__ import annotations

import time

import numpy as np

from taut.cli._html import figure_html, number, page_html, table_html

STEPS, CELLS, TIME_STEP = 1000, 25, 2e-3  # two turns of the diffusivity


def heat_report(n_steps: int = STEPS, nx: int = CELLS) -> str:
    """HTML page: the heat equation in time steps, with fixed and learned relaxation."""
    from matplotlib.figure import Figure

    from taut.linsolve import HeatEquation, RelaxationSolver, TsallisINF
    from taut.plotting import FramesDisplay, LearnedIterationsDisplay, LearnedParameterDisplay

    heat = HeatEquation(nx, TIME_STEP)
    learner = RelaxationSolver("ssor_cg", "cheb", context_range=heat.context_range, random_state=0)
    shown = {round(k * (n_steps - 1) / 5) for k in range(6)}
    frames, titles = [], []
    table = np.empty((n_steps, 20), dtype=int)
    kappa = np.empty(n_steps)
    seconds = 0.0
    for step in range(n_steps):
        A, b = heat.system()
        kappa[step] = heat.context
        start = time.perf_counter()
        result = learner.solve(A, b, heat.context, x0=heat.u)
        seconds += time.perf_counter() - start
        table[step] = learner.profile(b=b, x0=heat.u)
        heat.advance(result.x)
        if step in shown:
            frames.append(heat.grid())
            titles.append(f"t = {heat.t:.3g}, from 0 to {heat.u.max():.2g}")
    bandit = TsallisINF(20, random_state=0)
    paid = np.empty(n_steps)
    for step in range(n_steps):
        arm = bandit.predict()
        paid[step] = table[step, arm]
        bandit.update(paid[step])
    fixed = int(table.sum(axis=0).argmin())
    best_omega = f"best fixed omega ({learner.omegas_[fixed]:.2f})"
    costs = {
        "Gauss-Seidel (omega 1)": table[:, 0],
        best_omega: table[:, fixed],
        "learned": paid,
        "learned with context": learner.costs_,
    }
    best = table.min(axis=1)
    pictures = Figure(figsize=(8.4, 4.9), layout="constrained")
    FramesDisplay(frames, titles, shared=False).plot(list(pictures.subplots(2, 3).flat))
    curves = Figure(figsize=(8.4, 3.4), layout="constrained")
    LearnedIterationsDisplay(costs, best).plot(list(curves.subplots(1, 2)))
    chosen = Figure(figsize=(8.4, 2.9), layout="constrained")
    later = slice(n_steps // 2, None)
    choice = LearnedParameterDisplay(
        kappa[later],
        learner.omegas_[learner.arms_][later],
        learner.omegas_[table.argmin(axis=1)][later],
    )
    choice.plot(chosen.subplots())
    choice.ax_.set_xlabel("diffusivity")
    total = best.sum()
    rows = [
        (name, f"{int(values.sum()):,}", number(values.sum() / total, 4))
        for name, values in costs.items()
    ]
    rows.append(("best of each system", f"{int(total):,}", "1"))
    body = (
        "<h1>A solver that learns its parameter</h1>\n"
        f'<p class="lead">The heat equation on a {nx} x {nx} grid while the diffusivity swings '
        f"between 0 and 10: {n_steps:,} linear systems, each another best relaxation parameter. "
        "The solver sees nothing but its own iterations.</p>\n"
        + figure_html(pictures, "the temperature at six times")
        + "<h2>Iterations</h2>\n"
        + table_html(("Parameter", "Iterations", "Of the best"), rows, " nn")
        + figure_html(curves, "iterations of each system, and regret against the best of each")
        + "<h2>What it chose, in the second half</h2>\n"
        + figure_html(chosen, "learned and best parameters over the diffusivity")
        + "<p>Conjugate gradients preconditioned by symmetric over-relaxation; parameters drawn by "
        "Tsallis-INF, and by ChebCB, which is told the diffusivity (Khodak, Chow, Balcan, "
        "Talwalkar 2024).</p>"
    )
    return page_html("Heat", body, f"Solving, learning included: {seconds:.1f} s.")
