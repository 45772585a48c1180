# SPDX-License-Identifier: BSD-3-Clause
"""Time the 5-fold cross-validation of a multinomial Lasso against R's cv.glmnet.

n = 2000 rows, p = 100 columns, three classes; glmnet's own lambda sequence, the same folds for
both, columns standardised, intercepts. Accuracy is the violation of the optimality conditions of
the full-data path, measured by score.py. The time to compare is that of the loosest tolerance
of taut whose violation is not above glmnet's, for each of glmnet's thresholds.

``python bench/multinomial.py [--runs 5] [--threads 1 2] [--smoke]``
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
THRESHES = [1e-7, 1e-9, 1e-11, 1e-13]
TOLS = [1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10]


def fix_threads():
    """Keep BLAS and OpenMP pools at one thread: they must not compete with taut's own threads."""
    for name in ("OPENBLAS", "MKL", "BLIS"):
        os.environ[f"{name}_NUM_THREADS"] = "1"


class Glmnet:
    """cv.glmnet in R, timed in R around the call."""

    def __init__(self, folder, X, classes, folds, kind):
        import numpy as np

        self.folder, self.X, self.classes, self.kind = folder, X, classes, kind
        np.asfortranarray(X).ravel(order="K").tofile(folder / "X.bin")
        classes.astype("<i4").tofile(folder / "y.bin")
        (folds + 1).astype("<i4").tofile(folder / "folds.bin")
        self._call()
        self.alphas = np.fromfile(folder / "alphas.bin")

    def _call(self, **more):
        meta = {"n": self.X.shape[0], "p": self.X.shape[1], "type": self.kind, **more}
        (self.folder / "meta.json").write_text(json.dumps(meta))
        command = ["Rscript", "--vanilla", str(HERE / "glmnet_cv.R"), str(self.folder)]
        subprocess.run(command, check=True)

    def run(self, thresh):
        import numpy as np
        from score import multinomial_kkt

        self._call(thresh=thresh, k=int(self.alphas.size))
        out = json.loads((self.folder / "out.json").read_text())
        k, p = out["k"], self.X.shape[1]
        coefs = np.fromfile(self.folder / "coef.bin").reshape(-1, k, p).transpose(1, 0, 2)
        intercepts = np.fromfile(self.folder / "intercept.bin").reshape(k, -1)
        kkt = multinomial_kkt(self.X, self.classes, self.alphas[:k], coefs, intercepts)
        out["kkt"] = float(kkt.max())
        return out


def run_taut(X, classes, folds, alphas, tol, threads):
    import numpy as np
    from score import multinomial_kkt

    from taut.linear_model import MultinomialLassoCV

    splits = [(np.flatnonzero(folds != f), np.flatnonzero(folds == f)) for f in range(5)]
    model = MultinomialLassoCV(alphas=alphas, cv=splits, tol=tol, n_jobs=threads)
    wall, cpu = time.perf_counter(), time.process_time()
    model.fit(X, classes)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    kkt = multinomial_kkt(
        X, classes, model.alphas_, np.asarray(model.coefs_path_), np.asarray(model.intercepts_path_)
    )
    return {
        "wall": wall,
        "cpu": cpu,
        "kkt": float(kkt.max()),
        "k": len(model.alphas_),
        "lambda_min": float(model.alpha_min_),
        "lambda_1se": float(model.alpha_1se_),
        "cvm": np.asarray(model.cv_mean_).tolist(),
    }


def median(runs):
    """Return one record with the median times of several runs."""
    out = dict(runs[-1])
    for key in ("wall", "cpu"):
        out[key] = statistics.median(run[key] for run in runs)
    return out | {"runs": len(runs)}


def show(name, setting, out):
    print(
        f"{name:14s} {setting:14s} wall {out['wall']:8.3f}  cpu {out['cpu']:8.3f}"
        f"  kkt/alpha_max {out['kkt']:.1e}  {out['k']} alphas"
        f"  alpha_min {out['lambda_min']:.6g}  alpha_1se {out['lambda_1se']:.6g}",
        flush=True,
    )


def main():
    fix_threads()
    import numpy as np
    from problems import multinomial_problem

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--smoke", action="store_true", help="n = 200, p = 20")
    parser.add_argument("--output", type=Path, help="JSON file for the numbers")
    options = parser.parse_args()
    size = {"n": 200, "p": 20, "n_active": 4} if options.smoke else {}
    X, classes, folds = multinomial_problem(**size)
    result = {"n": X.shape[0], "p": X.shape[1], "glmnet": {}, "taut": {}}
    with tempfile.TemporaryDirectory(prefix="taut-bench-") as name:
        glmnet = None
        try:
            glmnet = Glmnet(Path(name), X, classes, folds, "ungrouped")
            alphas = glmnet.alphas
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"glmnet left out: {error}")
            Z = (X - X.mean(axis=0)) / X.std(axis=0)
            Y = np.eye(classes.max() + 1)[classes]
            top = np.abs(Z.T @ (Y - Y.mean(axis=0))).max() / len(X)
            alphas = np.geomspace(top, 1e-4 * top, 100)
        try:
            run_taut(X[:100], classes[:100], np.arange(100) % 5, alphas[:3], 1e-4, 1)
            taut = True
        except ImportError as error:
            print(f"taut left out: {error}")
            taut = False
        runs = {}
        for turn in range(options.runs):
            print(f"turn {turn + 1}", flush=True)
            if glmnet:
                for thresh in THRESHES:
                    out = glmnet.run(thresh)
                    runs.setdefault(("glmnet", thresh, 1), []).append(out)
                    show("glmnet", f"thresh {thresh:.0e}", out)
            if taut:
                for threads in options.threads:
                    for tol in TOLS:
                        out = run_taut(X, classes, folds, alphas, tol, threads)
                        runs.setdefault(("taut", tol, threads), []).append(out)
                        show(f"taut x{threads}", f"tol {tol:.0e}", out)
    table = {key: median(value) for key, value in runs.items()}
    print("\n| glmnet thresh | wall | KKT | taut threads | tol | wall | KKT | glmnet / taut |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for (peer, thresh, _), theirs in table.items():
        if peer != "glmnet":
            continue
        result["glmnet"][f"{thresh:.0e}"] = theirs
        for threads in options.threads if taut else []:
            ours = [
                (key[1], out)
                for key, out in table.items()
                if key[0] == "taut" and key[2] == threads and out["kkt"] <= theirs["kkt"]
            ]
            left = f"| {thresh:.0e} | {theirs['wall']:.3f} | {theirs['kkt']:.1e} | {threads} "
            if ours:
                tol, out = max(ours, key=lambda pair: pair[0])
                ratio = theirs["wall"] / out["wall"]
                print(f"{left}| {tol:.0e} | {out['wall']:.3f} | {out['kkt']:.1e} | {ratio:.2f} |")
            else:
                print(f"{left}| no tolerance is as exact | | | |")
    result["taut"] = {f"{k[1]:.0e} x{k[2]}": v for k, v in table.items() if k[0] == "taut"}
    if options.output:
        options.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
