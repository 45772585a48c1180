# SPDX-License-Identifier: BSD-3-Clause
"""Sparse codes of signals, and dictionaries learned for them, beyond the L1 penalty.

:class:`SparseCoder` codes signals in a fixed dictionary, :class:`DictionaryLearner` learns one,
:func:`sparse_encode` is the function behind both. :func:`whiten`, :func:`extract_patches` and
:func:`gabor_fit` are for images.
"""

from __future__ import annotations

from taut.decomposition._coder import SparseCoder, coding_objective, sparse_encode
from taut.decomposition._images import (
    GaborFit,
    extract_patches,
    gabor_fit,
    orientation_selectivity,
    whiten,
)
from taut.decomposition._learner import DictionaryLearner

__all__ = [
    "DictionaryLearner",
    "GaborFit",
    "SparseCoder",
    "coding_objective",
    "extract_patches",
    "gabor_fit",
    "orientation_selectivity",
    "sparse_encode",
    "whiten",
]
