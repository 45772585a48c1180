# SPDX-License-Identifier: BSD-3-Clause
"""What somebody does in the first minute after ``pip install taut``; run outside of the tree."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import sklearn
from sklearn.datasets import load_diabetes

import taut
from taut import _core, linear_model

ROOT = Path(__file__).resolve().parents[1]
assert ROOT / "python" not in Path(taut.__file__).parents, "the source tree is in the way"
for name in sorted(taut._SUBPACKAGES):
    importlib.import_module(f"taut.{name}")
X, y = load_diabetes(return_X_y=True)
model = linear_model.LassoCV().fit(X, y)
assert 0 <= model.dual_gap_ < 1e-3 * (y**2).mean()
subprocess.run([sys.executable, "-m", "taut", "--help"], check=True, stdout=subprocess.DEVNULL)
print(
    f"Python {sys.version.split()[0]}, scikit-learn {sklearn.__version__}: taut {taut.__version__},"
    f" variant {_core.VARIANT}, gap {model.dual_gap_:.1e}"
)
