# SPDX-License-Identifier: BSD-3-Clause
"""Write vif.csv: variance inflation factors by statsmodels, with an explicit intercept.

Run by hand: ``python tests/references/vif/make.py`` (needs statsmodels and taut).
"""

from __future__ import annotations

import csv
import json
import platform
from datetime import date
from pathlib import Path

import numpy as np
import sklearn
import statsmodels
from statsmodels.stats.outliers_influence import variance_inflation_factor
from statsmodels.tools import add_constant

from taut.datasets import load_example, make_plan_market

FOLDER = Path(__file__).parent


def factors(X: np.ndarray) -> list[float]:
    design = add_constant(X, prepend=True, has_constant="raise")
    return [float(variance_inflation_factor(design, j + 1)) for j in range(X.shape[1])]


def main() -> None:
    plans = make_plan_market(0)
    kept = [j for j, n in enumerate(plans.feature_names) if n not in ("moop_all", "ambulance")]
    diabetes = load_example("diabetes").data
    tables = {
        "plan_market": plans.data,
        "plan_market_screened": plans.data[:, kept],
        "diabetes": diabetes,
        # integer weights 0, 1, 2, 0, 1, 2, ... as repeated rows
        "diabetes_weighted": np.repeat(diabetes, np.arange(len(diabetes)) % 3, axis=0),
        "breast_cancer": load_example("breast_cancer").data,
        "wine": load_example("wine").data,
    }
    with (FOLDER / "vif.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["table", "column", "vif"])
        for name, X in tables.items():
            writer.writerows([name, j, repr(v)] for j, v in enumerate(factors(X)))
    meta = {
        "what": "variance inflation factors with an intercept, one least-squares fit per column",
        "made_by": "make.py",
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "statsmodels": statsmodels.__version__,
        "seed": "make_plan_market(0); the other tables are real",
        "rtol": 1e-10,
        "why": (
            "statsmodels works on the raw columns through a pseudo-inverse; on breast_cancer "
            "(factors up to 3806, columns of very different scale) it keeps about 12 digits"
        ),
    }
    (FOLDER / "meta.json").write_text(json.dumps(meta, indent=2) + "\n")


if __name__ == "__main__":
    main()
