# SPDX-License-Identifier: BSD-3-Clause
"""From ``random_state`` to a NumPy generator and to the key of the compiled generator."""

from __future__ import annotations

from numbers import Integral

import numpy as np

from taut.typing import RandomState


def generator(random_state: RandomState = None) -> np.random.Generator:
    """NumPy generator for a ``random_state``.

    Parameters
    ----------
    random_state : None, int, numpy.random.Generator or numpy.random.RandomState
        None takes fresh entropy; an int >= 0 is a seed; a Generator is used as it is, and so
        advances; a RandomState seeds a new generator by one draw, and advances by it.

    Returns
    -------
    numpy.random.Generator

    Raises
    ------
    TypeError, ValueError
        If ``random_state`` is none of these, or a negative int.
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(0, 2**32, size=4, dtype=np.uint64))
    if random_state is None:
        return np.random.default_rng()
    if isinstance(random_state, bool) or not isinstance(random_state, Integral):
        raise TypeError(
            "random_state must be None, an int, a numpy Generator or RandomState, "
            f"got {random_state!r}."
        )
    if random_state < 0:
        raise ValueError(f"random_state must be >= 0, got {random_state}.")
    return np.random.default_rng(int(random_state))


def philox_key(random_state: RandomState = None) -> tuple[int, int]:
    """128-bit key of the Philox4x64-10 generator of the kernels.

    Sample, chain or replicate ``i`` draws from stream ``i`` of this key; NumPy gives the same
    numbers with ``numpy.random.Philox(key=[k0, k1], counter=[0, i, 0, 0])``.

    Parameters
    ----------
    random_state : None, int, numpy.random.Generator or numpy.random.RandomState
        As in :func:`generator`, which is advanced by two words.

    Returns
    -------
    (int, int)
        Two unsigned 64-bit words.
    """
    words = generator(random_state).integers(0, 2**64, size=2, dtype=np.uint64)
    return int(words[0]), int(words[1])
