# SPDX-License-Identifier: BSD-3-Clause
"""Linear solvers that learn their own parameter.

Relaxation (SOR, symmetric SOR) and preconditioned conjugate gradients for sparse symmetric positive
definite systems, and the bandits that choose the relaxation parameter over a sequence of related
systems from nothing but the iterations they see.
"""

from __future__ import annotations

from taut.linsolve._bandits import BinnedTsallisINF, ChebCB, TsallisINF
from taut.linsolve._heat import HeatEquation
from taut.linsolve._ridge import RidgePath
from taut.linsolve._solve import (
    SolveResult,
    cg,
    count_iterations,
    solve,
    sor,
    ssor_cg,
    ssor_preconditioner,
)
from taut.linsolve._solver import RelaxationSolver
from taut.linsolve._theory import jacobi_radius, omega_opt, sor_radius, ssor_cg_bound

__all__ = [
    "BinnedTsallisINF",
    "ChebCB",
    "HeatEquation",
    "RelaxationSolver",
    "RidgePath",
    "SolveResult",
    "TsallisINF",
    "cg",
    "count_iterations",
    "jacobi_radius",
    "omega_opt",
    "solve",
    "sor",
    "sor_radius",
    "ssor_cg",
    "ssor_cg_bound",
    "ssor_preconditioner",
]
