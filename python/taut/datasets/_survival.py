# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import csv
from importlib.resources import files

import numpy as np
from sklearn.utils import Bunch

__all__ = ["load_lung"]


def load_lung(*, as_frame: bool = False) -> Bunch:
    """Load the lung cancer study of the North Central Cancer Treatment Group.

    Survival of 228 patients with advanced lung cancer, with performance scores given by physicians
    and by the patients themselves; 165 died. The data of Loprinzi et al. (1994) as R's survival
    package distributes them, there in the public domain.

    Parameters
    ----------
    as_frame : bool, default=False
        Return ``data`` as a pandas DataFrame.

    Returns
    -------
    Bunch
        ``data`` of shape (228, 8): sex (1 male, 2 female), age in years, ECOG score of the
        physician (0 good to 4), Karnofsky scores of physician and patient (0 bad to 100), calories
        at meals, weight lost in six months in pounds, institution; missing values are NaN.
        ``y``, structured array of shape (228,) with ``event`` (death) and ``time`` in days.
        ``feature_names``, ``task`` ("survival") and ``DESCR``.

    References
    ----------
    .. [1] C. L. Loprinzi et al. (1994), J. Clin. Oncol. 12, 601-607.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> lung = load_lung()
    >>> lung.data.shape, int(lung.y["event"].sum())
    ((228, 8), 165)
    """
    text = files("taut.datasets").joinpath("data", "lung.csv").read_text("ascii")
    header, *rows = csv.reader(text.splitlines())
    table = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])
    y = np.empty(table.shape[0], dtype=[("event", np.bool_), ("time", np.float64)])
    y["time"], y["event"] = table[:, 0], table[:, 1] == 1
    names = header[2:]
    data = table[:, 2:]
    if as_frame:
        import pandas as pd

        data = pd.DataFrame(data, columns=names)
    return Bunch(
        data=data,
        y=y,
        feature_names=names,
        task="survival",
        DESCR=(load_lung.__doc__ or "").strip(),
    )
