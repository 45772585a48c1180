# SPDX-License-Identifier: BSD-3-Clause
"""Directed acyclic graphs of linear structural equations, learned from observations.

:class:`CoLiDE` estimates the weights and the noise scale of every variable together, from data or
from a covariance, with prior knowledge, standard errors, edge stabilities and interventions.
"""

from __future__ import annotations

from taut._dag import acyclicity, cpdag, is_dag, topological_order
from taut.graph._colide import CoLiDE, Edge

__all__ = ["CoLiDE", "Edge", "acyclicity", "cpdag", "is_dag", "topological_order"]
