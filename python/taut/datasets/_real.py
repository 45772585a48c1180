# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from sklearn import datasets
from sklearn.utils import Bunch

__all__ = ["load_example"]

_TASKS = {
    "diabetes": "regression",
    "breast_cancer": "binary",
    "wine": "multiclass",
    "iris": "multiclass",
    "digits": "multiclass",
}


def load_example(name: str, *, as_frame: bool = False) -> Bunch:
    """Load a small real table that scikit-learn ships, together with its task.

    Parameters
    ----------
    name : {"diabetes", "breast_cancer", "wine", "iris", "digits"}
    as_frame : bool, default=False
        Return ``data`` and ``target`` as pandas objects.

    Returns
    -------
    Bunch
        As scikit-learn's loader returns it, plus ``task``: "regression", "binary" or
        "multiclass". The diabetes columns are in their original units.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> from taut.datasets import load_example
    >>> wine = load_example("wine")
    >>> wine.data.shape, wine.task
    ((178, 13), 'multiclass')
    """
    if name not in _TASKS:
        raise ValueError(f"name must be one of {sorted(_TASKS)}, got {name!r}.")
    options = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(datasets, f"load_{name}")(as_frame=as_frame, **options)
    bunch["task"] = _TASKS[name]
    return bunch
