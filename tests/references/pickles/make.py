# SPDX-License-Identifier: BSD-3-Clause
"""Store fitted models of this release: ``python tests/references/pickles/make.py``.

Run once a release, with the oldest Python and dependencies that it supports. Later releases must
load the file and give the answers in it (tests/test_pickles.py), or refuse it by name.
"""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import taut
from taut import (
    decomposition,
    graph,
    linear_model,
    linsolve,
    model_selection,
    ot,
    privacy,
    screening,
    survival,
)

RNG = np.random.default_rng(7)
X = RNG.normal(size=(60, 5))
Y = X[:, 0] - 2.0 * X[:, 1] + RNG.normal(size=60)
BINARY = (Y > 0).astype(int)
CLASSES = np.array(["low", "middle", "top"])[np.digitize(Y, [-1.0, 1.0])]
COUNTS = RNG.poisson(np.exp(0.3 * X[:, 0]))
EVENTS = survival.Surv.from_arrays(RNG.random(60) < 0.7, RNG.exponential(np.exp(0.5 * X[:, 0])))


def models():
    """Fitted models by name, with the arguments of what they predict."""
    lm = linear_model
    lasso = lm.Lasso(alpha=0.1)
    for model, y in [
        (lasso, Y),
        (lm.LassoCV(alphas=5, cv=3), Y),
        (lm.ElasticNet(alpha=0.1, standardize=True), Y),
        (lm.GroupLasso(alpha=0.1, groups=[0, 0, 1, 1, 2]), Y),
        (lm.SparseGroupLasso(alpha=0.1, groups=[0, 0, 1, 1, 2]), Y),
        (lm.MultiTaskLasso(alpha=0.1), np.c_[Y, -Y]),
        (lm.AdaptiveLasso(alpha=0.1), Y),
        (lm.RelaxedLasso(alpha=0.1), Y),
        (lm.MCPRegression(alpha=0.1), Y),
        (lm.SCADRegression(alpha=0.1), Y),
        (lm.HuberLasso(alpha=0.1), Y),
        (lm.SqrtLasso(alpha=0.2), Y),
        (lm.ConcomitantLasso(alpha=0.2), Y),
        (lm.PoissonLasso(alpha=0.1), COUNTS),
        (lm.LogisticLasso(alpha=0.05), BINARY),
        (lm.MultinomialLasso(alpha=0.05), CLASSES),
        (lm.PRESTO(alpha=0.05), CLASSES),
        (lm.PenalizedGLM("huber", "mcp", alpha=0.1), Y),
        (model_selection.PathCV(lasso, cv=3), Y),
        (model_selection.PathIC(lasso), Y),
        (model_selection.Refitted(lasso), Y),
        (model_selection.BilevelCV(lasso, cv=3), Y),
        (screening.VIFSelector(), Y),
        (linsolve.RidgePath(alphas=[1.0, 0.1]), Y),
        (survival.KaplanMeier(), EVENTS),
        (survival.NelsonAalen(), EVENTS),
        (survival.CoxPH(), EVENTS),
        (survival.CoxNet(), EVENTS),
        (survival.ConditionalKaplanMeier(bandwidth=1.0), EVENTS),
        (survival.CensoredLasso(alpha=0.1), EVENTS),
        (privacy.PrivateKaplanMeier(epsilon=1.0, time_range=(0.0, 3.0)), EVENTS),
        (decomposition.DictionaryLearner(n_components=3, n_epochs=2, random_state=0), None),
        (decomposition.SparseCoder(RNG.normal(size=(7, 5)), alpha=0.3), None),
        (graph.CoLiDE(preset="fast", warn_varsortability=False), None),
        (ot.SparseTransport(), None),
    ]:
        yield type(model).__name__, model, y


CURVES = ("KaplanMeier", "NelsonAalen", "PrivateKaplanMeier")


def answers(model):
    """What a model says of X, or a curve of times, and what it holds, as arrays."""
    at = np.linspace(0.0, 2.0, 9) if type(model).__name__ in CURVES else X
    said = {}
    for method in ("predict", "predict_proba", "transform"):
        if hasattr(model, method):
            with np.errstate(all="ignore"):
                said[method] = np.asarray(getattr(model, method)(at))
    for name, value in vars(model).items():
        if name.endswith("_") and not name.startswith("_"):
            array = np.asarray(value) if isinstance(value, (int, float, np.ndarray)) else None
            if array is not None and array.dtype.kind in "fiub":
                said[name] = array
    return said


def main():
    stored = {}
    for name, model, y in models():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            if isinstance(model, ot.SparseTransport):
                model.fit(X, X + 1.0)
            elif name in CURVES:
                model.fit(y)
            else:
                model.fit(X, y)
        stored[name] = (model, answers(model))
    path = Path(__file__).parent / f"{taut.__version__}.pkl"
    path.write_bytes(pickle.dumps(stored, protocol=4))
    print(f"{len(stored)} models, {path.stat().st_size} bytes in {path.name}")


if __name__ == "__main__":
    main()
