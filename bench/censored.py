# SPDX-License-Identifier: BSD-3-Clause
"""Risk of learners of censored times against the number of records, and against censoring.

Three models of a duration Y of which min(Y, C) is seen. ``mean``: E[Y | x] = 2 + x1 + x2^2 on
[-1, 1]^3, gamma noise of shape 8, C = 4.5 exp(-0.6 kappa x1) times a Weibull(1.5) time, so that
censoring depends on x1 where kappa > 0. ``hazard``: proportional hazards of Y and of C in five
features, target min(Y, 30). ``friedman``: Friedman's first function of ten features with gamma
noise and exponential C, whose rate sets the share of censored records.

Error is the mean squared distance of a learner's predictions from the true conditional mean on 4000
fresh points; a table has its mean and standard error over repetitions for

- ``oracle``, trained on the Y that censoring hides; ``naive``, which takes min(Y, C) for Y;
- ``complete``, records without censoring, unweighted;
- ``marginal``, ``beran``, ``cox``: weights of taut.survival.CensoringWeights;
- for ``hazard`` also the areas under survival curves of ``CoxPH`` and, where scikit-survival is
  installed, of its ``forest``.

``python bench/censored.py size [--model mean] [--kappa 1] [--learner polynomial]``
``python bench/censored.py rate [--learner forest]`` (friedman, 10 to 70 % censored)
``python bench/censored.py real [--learner forest]``: on three tables the error is the mean absolute
one of min(Y, tau) on held-out records, weighted by Cox censoring curves of the training records.

With ``--output FILE.json`` the numbers are written there, and the figure beside them; ``draw``
makes the figure of such a file of `size` again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from pathlib import Path

for _name in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402  (after the thread settings)

FRESH = 4000
HORIZON = 30.0
WEIGHTED = {
    "complete": {"method": "none"},
    "marginal": {"method": "kaplan-meier"},
    "beran": {"method": "beran"},
    "cox": {"method": "cox"},
}


# --- models: X, Y, C, and the mean that is to be learned ------------------------------------------


class Mean:
    tau = None

    def __init__(self, kappa):
        self.kappa = kappa

    def features(self, rng, n):
        return rng.uniform(-1, 1, (n, 3))

    def draw(self, rng, n):
        X = self.features(rng, n)
        lasts = self.truth(X) * rng.gamma(8, 1 / 8, n)
        return X, lasts, 4.5 * np.exp(-0.6 * self.kappa * X[:, 0]) * rng.weibull(1.5, n)

    def truth(self, X):
        return 2 + X[:, 0] + X[:, 1] ** 2


class Hazard:
    tau = HORIZON
    event, censoring = np.array([0.8, -0.5, 0.3, 0.0, 0.0]), np.array([-0.6, 0.0, 0.3, 0.3, 0.0])

    def features(self, rng, n):
        return rng.standard_normal((n, 5))

    def draw(self, rng, n):
        X = self.features(rng, n)
        times = [
            (-np.log(rng.random(n)) * np.exp(-X @ slope) / rate) ** (1 / 1.5)
            for slope, rate in ((self.event, 0.01), (self.censoring, 0.005))
        ]
        return X, *times

    def truth(self, X):
        at, share = np.polynomial.legendre.leggauss(100)
        t = (at + 1) * HORIZON / 2
        survival = np.exp(-0.01 * np.exp(X @ self.event)[:, None] * t**1.5)
        return survival @ share * HORIZON / 2


class Friedman:
    tau = None

    def __init__(self, share):
        rng = np.random.default_rng(1)
        _, lasts, _ = self.draw(rng, 20_000, 1.0)
        # The mean of exp(-rate Y) over Y is the share that is seen; by bisection in the logarithm.
        low, high = -12.0, 3.0
        for _ in range(60):
            middle = (low + high) / 2
            seen = np.mean(np.exp(-np.exp(middle) * lasts))
            low, high = (low, middle) if seen < 1 - share else (middle, high)
        self.rate = np.exp(middle)

    def features(self, rng, n):
        return rng.uniform(0, 1, (n, 10))

    def draw(self, rng, n, rate=None):
        X = self.features(rng, n)
        lasts = self.truth(X) * rng.gamma(8, 1 / 8, n)
        return X, lasts, rng.exponential(1 / (rate or self.rate), n)

    def truth(self, X):
        return (
            10 * np.sin(np.pi * X[:, 0] * X[:, 1])
            + 20 * (X[:, 2] - 0.5) ** 2
            + 10 * X[:, 3]
            + 5 * X[:, 4]
        )


def learner(name):
    from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.linear_model import LassoCV, LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler
    from sklearn.svm import SVR

    made = {
        "polynomial": lambda: make_pipeline(PolynomialFeatures(2), LinearRegression()),
        "lasso": lambda: make_pipeline(PolynomialFeatures(3), StandardScaler(), LassoCV()),
        "forest": lambda: RandomForestRegressor(100, min_samples_leaf=5, random_state=0),
        "boosting": lambda: HistGradientBoostingRegressor(max_iter=50, early_stopping=False),
        "svr": lambda: make_pipeline(StandardScaler(), SVR(C=10.0)),
        "kernel_ridge": lambda: KernelRidge(kernel="rbf", alpha=0.1),
    }
    return made[name]()


# --- one repetition -------------------------------------------------------------------------------


def area(times, curves, horizon=HORIZON):
    """Integral of right-continuous survival curves up to the horizon."""
    widths = np.diff(np.append(times, horizon))
    return times[0] + curves @ widths


def errors(model, name, n, seed, fresh):
    """Return the error of each method on one sample, and the share of censored records."""
    from taut.survival import CensoringWeights, CoxPH, KaplanMeierRiskRegressor, Surv

    X, lasts, ends = model.draw(np.random.default_rng(seed), n)
    time_seen, event = np.minimum(lasts, ends), lasts <= ends
    y = Surv.from_arrays(event, time_seen)
    cut = np.inf if model.tau is None else model.tau
    wanted = model.truth(fresh)

    def error(predicted):
        return float(np.mean((predicted - wanted) ** 2))

    out = {
        "oracle": error(learner(name).fit(X, np.minimum(lasts, cut)).predict(fresh)),
        "naive": error(learner(name).fit(X, np.minimum(time_seen, cut)).predict(fresh)),
    }
    for method, options in WEIGHTED.items():
        # Friedman's censoring depends on no feature; a kernel of ten would see nothing.
        columns = [0, 1, 3] if isinstance(model, Friedman) else None
        weights = CensoringWeights(tau=model.tau, kernel_features=columns, **options)
        fitted = KaplanMeierRiskRegressor(learner(name), weights).fit(X, y)
        out[method] = error(fitted.predict(fresh))
    if model.tau is not None:
        grid = np.linspace(0, HORIZON, 301)[1:-1]
        cox = CoxPH().fit(X, y)
        out["CoxPH"] = error(area(grid, cox.predict_survival_function(fresh, grid)))
        try:
            from sksurv.ensemble import RandomSurvivalForest
        except ImportError:
            return out, 1 - event.mean()
        forest = RandomSurvivalForest(100, min_samples_leaf=15, random_state=0).fit(X, y)
        curves = forest.predict_survival_function(fresh, return_array=True)
        inside = forest.unique_times_ < HORIZON
        out["survival forest"] = error(area(forest.unique_times_[inside], curves[:, inside]))
    return out, 1 - event.mean()


#: Columns of the stored tables, and the horizon in days.
TABLES = {
    "flchain": (["age", "sex", "kappa", "lambda"], 3650.0),
    "pbc": (["age", "edema", "bili", "albumin", "protime"], 3000.0),
    "veteran": (["trt", "karno", "diagtime", "age", "prior"], 180.0),
}


def real(name, repetitions):
    """Print the weighted mean absolute errors of learners over random splits 70 : 30."""
    import gzip

    from sklearn.base import clone

    from taut.survival import CensoringWeights, CoxPH, KaplanMeierRiskRegressor, Surv

    folder = Path(__file__).resolve().parent.parent / "tests" / "references" / "survival"
    for table, (columns, tau) in TABLES.items():
        rows = gzip.decompress((folder / f"{table}.csv.gz").read_bytes()).decode().split()
        header = rows[0].split(",")
        cells = [[float(c) if c else np.nan for c in row.split(",")] for row in rows[1:]]
        data = dict(zip(header, np.array(cells).T, strict=True))
        X = np.column_stack([data[c] for c in columns])
        good = np.isfinite(X).all(axis=1)
        X = X[good]
        y = Surv.from_arrays(data["event"][good] == 1, data["time"][good])
        errors = {}
        for split in range(repetitions):
            order = np.random.default_rng(split).permutation(len(y))
            train, test = np.split(order, [int(0.7 * len(y))])
            judge = CensoringWeights("cox", tau=tau).fit(X[train], y[train])
            times, share = judge.transform_targets(X[test], y[test])
            share = share / share.sum()

            def note(method, predicted, times=times, share=share, errors=errors):
                errors.setdefault(method, []).append(share @ np.abs(times - predicted))

            cut = np.minimum(y["time"][train], tau)
            note("naive", clone(learner(name)).fit(X[train], cut).predict(X[test]))
            for method, options in WEIGHTED.items():
                weights = CensoringWeights(tau=tau, kernel_features=[0, 1, 2], **options)
                model = KaplanMeierRiskRegressor(learner(name), weights)
                note(method, model.fit(X[train], y[train]).predict(X[test]))
            grid = np.linspace(0, tau, 301)[1:-1]
            curves = CoxPH().fit(X[train], y[train]).predict_survival_function(X[test], grid)
            note("CoxPH", area(grid, curves, tau))
        print(f"{table}: {len(y)} records, {1 - y['event'].mean():.0%} censored, tau = {tau:g}")
        for method, values in errors.items():
            spread = np.std(np.subtract(values, errors["naive"])) / np.sqrt(max(repetitions - 1, 1))
            print(f"  {method:10s} {np.mean(values):8.1f}  (against naive: s.e. {spread:.1f})")


def study(points, name, repetitions):
    """Return rows of {x, n, censored, error, std_err}; ``points`` holds (x, model, n)."""
    rows = []
    for x, model, n in points:
        start = time.perf_counter()
        fresh = model.features(np.random.default_rng(0), FRESH)
        drawn = [errors(model, name, n, 500 + r, fresh) for r in range(repetitions)]
        table = {k: np.array([one[k] for one, _ in drawn]) for k in drawn[0][0]}
        root = np.sqrt(max(repetitions - 1, 1))
        rows.append({
            "x": x,
            "n": n,
            "censored": float(np.mean([share for _, share in drawn])),
            "error": {k: float(v.mean()) for k, v in table.items()},
            "std_err": {k: float(v.std() / root) for k, v in table.items()},
        })  # fmt: skip
        took = time.perf_counter() - start
        print(
            f"{x:g}: {rows[-1]['censored']:.0%} censored, {took:.0f} s", file=sys.stderr, flush=True
        )
    return rows


def show(rows, label, slopes):
    names = list(rows[0]["error"])
    print(f"\n| {label} | censored | " + " | ".join(names) + " |")
    print("| --- " * (2 + len(names)) + "|")
    for row in rows:
        cells = [f"{row['error'][k]:.4f} ({row['std_err'][k]:.4f})" for k in names]
        print(f"| {row['x']:g} | {row['censored']:.0%} | " + " | ".join(cells) + " |")
    if slopes and len(rows) > 1:
        x = np.log([row["x"] for row in rows])
        found = [np.polyfit(x, np.log([row["error"][k] for row in rows]), 1)[0] for k in names]
        print("| slope | | " + " | ".join(f"{s:.2f}" for s in found) + " |")


def figure(rows, label, logarithmic, path):
    from matplotlib.figure import Figure

    fig = Figure(figsize=(6.4, 4.2), layout="constrained")
    ax = fig.subplots()
    styles = {"oracle": ("k", ":"), "naive": ("0.6", "-"), "complete": ("0.6", "--")}
    for k in rows[0]["error"]:
        colour, dash = styles.get(k, (None, "-"))
        ax.errorbar(
            [row["x"] for row in rows],
            [row["error"][k] for row in rows],
            [2 * row["std_err"][k] for row in rows],
            label=k,
            color=colour,
            linestyle=dash,
            capsize=2,
        )
    if logarithmic:
        ax.set_xscale("log")
        ax.set_xticks([row["x"] for row in rows], [f"{row['x']:,}" for row in rows])
        ax.minorticks_off()
    ax.set_yscale("log")
    ax.set_xlabel(label)
    ax.set_ylabel("mean squared distance from the true mean")
    ax.legend(frameon=False, fontsize=9)
    fig.savefig(path, dpi=120)
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("size", "rate", "real", "draw"))
    parser.add_argument("--model", choices=("mean", "hazard"), default="mean")
    parser.add_argument("--kappa", type=float, default=1.0)
    parser.add_argument("--sizes", type=int, nargs="+", default=[250, 500, 1000, 2000, 4000, 8000])
    parser.add_argument("--n", type=int, default=1000, help="records of `rate`")
    parser.add_argument("--learner", default=None)
    parser.add_argument("--repetitions", type=int, default=25)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    if options.what == "draw":  # again, from the numbers of an earlier run
        rows = json.loads(options.output.read_text())
        print(figure(rows, "records", True, options.output.with_suffix(".png")))
        return
    warnings.filterwarnings("ignore", category=UserWarning)  # capped weights: they are the subject
    if options.what == "real":
        real(options.learner or "forest", options.repetitions)
        return
    if options.what == "size":
        name = options.learner or "polynomial"
        model = Mean(options.kappa) if options.model == "mean" else Hazard()
        points = [(n, model, n) for n in options.sizes]
        label = "records"
    else:
        name = options.learner or "forest"
        points = [(share, Friedman(share), options.n) for share in np.arange(0.1, 0.75, 0.15)]
        label = "share of censored records"
    rows = study(points, name, options.repetitions)
    show(rows, label, options.what == "size")
    if options.output is not None:
        options.output.write_text(json.dumps(rows, indent=1) + "\n")
        print(figure(rows, label, options.what == "size", options.output.with_suffix(".png")))


if __name__ == "__main__":
    sys.exit(main())
