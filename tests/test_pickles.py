# SPDX-License-Identifier: BSD-3-Clause
"""Fitted models that releases stored still load and give the answers that they gave then."""

from __future__ import annotations

import pickle
import runpy
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning

STORED = Path(__file__).parent / "references" / "pickles"
answers = runpy.run_path(str(STORED / "make.py"))["answers"]


@pytest.mark.parametrize("release", sorted(p.stem for p in STORED.glob("*.pkl")))
def test_models_of_a_release_load_and_answer(release):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        stored = pickle.loads((STORED / f"{release}.pkl").read_bytes())
    assert len(stored) >= 30
    for name, (model, expected) in stored.items():
        found = answers(model)
        assert found.keys() == expected.keys(), name
        assert expected, name
        for what, value in expected.items():
            label = f"{name}.{what}"
            if value.dtype.kind == "f":
                np.testing.assert_allclose(found[what], value, 1e-9, 1e-12, err_msg=label)
            else:
                np.testing.assert_array_equal(found[what], value, err_msg=label)
        assert type(clone(model)) is type(model)
