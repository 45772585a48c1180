# SPDX-License-Identifier: BSD-3-Clause
"""ott-jax, compiled once for each number of iterations: kernel form and log form."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import ott
from ott.geometry import geometry
from ott.problems.linear import linear_problem
from ott.solvers.linear import sinkhorn


def version():
    return ott.__version__


def forms(X, Y, C, reg, threads):
    """As in ot_pot.py. XLA takes the cores that the process may use."""
    jax.config.update("jax_enable_x64", True)
    cost = jnp.array(C)

    def mode(lse):
        def prepare(count):
            solver = sinkhorn.Sinkhorn(
                lse_mode=lse,
                threshold=1e-30,
                inner_iterations=count,
                max_iterations=count,
                min_iterations=count,
            )

            @jax.jit
            def solve(c):
                problem = linear_problem.LinearProblem(
                    geometry.Geometry(cost_matrix=c, epsilon=reg)
                )
                output = solver(problem)
                return output.f, output.g

            def call():
                f, g = jax.block_until_ready(solve(cost))
                return lambda: np.exp((np.asarray(f)[:, None] + np.asarray(g) - C) / reg)

            return call, count

        return prepare

    return {"kernel": (mode(False), 5, 45), "log": (mode(True), 2, 7)}
