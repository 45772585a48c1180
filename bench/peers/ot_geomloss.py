# SPDX-License-Identifier: BSD-3-Clause
"""geomloss, tensorized: log form with a falling strength, whose steps are set by `scaling`."""

from __future__ import annotations

import geomloss
import numpy as np
import torch
from geomloss import SamplesLoss


def version():
    return geomloss.__version__


def forms(X, Y, C, reg, threads):
    """As in ot_pot.py. Its cost is half the squared distance."""
    torch.set_num_threads(threads)
    x, y = torch.from_numpy(X), torch.from_numpy(Y)
    diameter = float(np.linalg.norm(np.vstack([X, Y]).max(0) - np.vstack([X, Y]).min(0)))
    blur = (reg / 2) ** 0.5

    def prepare(scaling):
        loss = SamplesLoss(
            "sinkhorn",
            p=2,
            blur=blur,
            scaling=scaling,
            debias=False,
            potentials=True,
            backend="tensorized",
            diameter=diameter,
        )
        # Strengths from diameter^2 down to blur^2 by scaling^2, and both ends.
        steps = 2 + len(np.arange(2 * np.log(diameter), 2 * np.log(blur), 2 * np.log(scaling)))

        def call():
            f, g = loss(x, y)

            def plan():
                F, G = 2 * f.numpy().ravel(), 2 * g.numpy().ravel()
                return np.exp((F[:, None] + G - C) / reg) / (len(X) * len(Y))

            return plan

        return call, steps

    return {"log": (prepare, 0.5, 0.8)}
