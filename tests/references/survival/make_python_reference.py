# SPDX-License-Identifier: BSD-3-Clause
# ruff: noqa: B023, E501, SIM115
"""Second set of golden values: quantities that R's survival package does not offer.

Usage: python make_python_reference.py FOLDER      (FOLDER holds lung.csv etc.; python_reference.json is written there)
Peers used: lifelines, scikit-survival.  Critical values of the simultaneous bands are computed here by quadrature.
"""

from __future__ import annotations

import json
import sys

import lifelines
import numpy as np
import pandas as pd
import scipy
import sksurv
from lifelines.statistics import logrank_test
from scipy.linalg import expm
from scipy.optimize import brentq
from scipy.stats import norm
from sksurv.metrics import (
    brier_score,
    concordance_index_ipcw,
    cumulative_dynamic_auc,
    integrated_brier_score,
)
from sksurv.util import Surv

folder = sys.argv[1] if len(sys.argv) > 1 else "."


def hall_wellner_prob(c, a, b, N=80, K=12):
    """P(sup_{a<=u<=b} |Brownian bridge| <= c)."""
    g, w0 = np.polynomial.legendre.leggauss(N)
    A, B = min(c, 9 * np.sqrt(a * (1 - a))), min(c, 9 * np.sqrt(b * (1 - b)))
    X, Y = np.meshgrid(g * A, g * B, indexing="ij")
    tau = b - a
    f = norm.pdf(X, scale=np.sqrt(a * (1 - a))) * norm.pdf(
        Y, loc=X * (1 - b) / (1 - a), scale=np.sqrt(tau * (1 - b) / (1 - a))
    )
    p = sum(
        np.exp(-4 * k * c * (2 * k * c + Y - X) / tau)
        - np.exp(-2 * ((2 * k - 1) * c - X) * ((2 * k - 1) * c - Y) / tau)
        for k in range(-K, K + 1)
    )
    return float(np.sum(np.outer(w0 * A, w0 * B) * f * p))


def equal_precision_prob(c, a, b, N=80):
    """P(sup |B0(u)|/sqrt(u(1-u)) <= c): Ornstein-Uhlenbeck on [0, L] killed at +-c, Chebyshev collocation."""
    L = 0.5 * np.log(b * (1 - a) / (a * (1 - b)))
    j = np.arange(N + 1)
    x = np.cos(np.pi * j / N)
    cc = np.r_[2, np.ones(N - 1), 2] * (-1.0) ** j
    Xm = np.tile(x, (N + 1, 1)).T
    Dm = np.outer(cc, 1 / cc) / (Xm - Xm.T + np.eye(N + 1))
    Dm -= np.diag(Dm.sum(1))
    xs, Dm = x * c, Dm / c
    A = (Dm @ Dm - xs[:, None] * Dm)[1:-1, 1:-1]
    u = np.r_[0, expm(L * A) @ np.ones(N - 1), 0]
    th, w, v = np.pi * j / N, np.zeros(N + 1), np.ones(N - 1)
    for k in range(1, N // 2):
        v -= 2 * np.cos(2 * k * th[1:-1]) / (4 * k * k - 1)
    v -= np.cos(N * th[1:-1]) / (N * N - 1)
    w[1:-1] = 2 * v / N
    w[0] = w[-1] = 1 / (N * N - 1)
    return float(np.sum(w * c * norm.pdf(xs) * u))


out = {
    "meta": {
        "lifelines": lifelines.__version__,
        "scikit-survival": sksurv.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
    }
}
out["band_critical_values"] = [
    dict(
        a_lower=a,
        a_upper=b,
        alpha=al,
        hall_wellner=brentq(lambda c: hall_wellner_prob(c, a, b) - (1 - al), 0.3, 6, xtol=1e-13),
        equal_precision=brentq(
            lambda c: equal_precision_prob(c, a, b) - (1 - al), 0.3, 6, xtol=1e-13
        ),
    )
    for a, b in ((0.01, 0.99), (0.05, 0.95), (0.1, 0.9), (0.02, 0.6), (0.1, 0.5), (0.001, 0.6))
    for al in (0.1, 0.05, 0.01)
]

df = pd.read_csv(f"{folder}/lung.csv")
m = df.sex == 1
args = (df.time[m], df.time[~m], df.event[m], df.event[~m])
wl = {}
for name, kw in {
    "logrank": {},
    "gehan_wilcoxon": dict(weightings="wilcoxon"),
    "tarone_ware": dict(weightings="tarone-ware"),
    "peto_prentice": dict(weightings="peto"),
    "fh_0_1": dict(weightings="fleming-harrington", p=0, q=1),
    "fh_1_1": dict(weightings="fleming-harrington", p=1, q=1),
    "fh_0.5_0.5": dict(weightings="fleming-harrington", p=0.5, q=0.5),
}.items():
    r = logrank_test(*args, **kw)
    wl[name] = dict(statistic=float(r.test_statistic), p_value=float(r.p_value))
out["weighted_logrank_lung_by_sex"] = wl

cc = df.dropna(subset=["age", "sex", "ph_ecog"])
T, E, risk = cc.time.to_numpy(float), cc.event.to_numpy() == 1, cc.age.to_numpy(float)
y = Surv.from_arrays(E, T)
u = {}
for tau in (None, 500.0):
    r = concordance_index_ipcw(y, y, risk, tau=tau)
    u[str(tau)] = dict(
        c=float(r[0]),
        concordant=int(r[1]),
        discordant=int(r[2]),
        tied_risk=int(r[3]),
        tied_time=int(r[4]),
    )
out["uno_c_lung_age"] = u
# a fixed, made-up model so that the predicted curves need no fit: S(t|x) = exp(-t/500 * exp((age-62)/30))
times = np.array([50.0, 100, 200, 300, 400, 500, 700])
pred = np.exp(-times[None, :] / 500 * np.exp((risk[:, None] - 62) / 30))
t_, bs = brier_score(y, y, pred, times)
auc, mean_auc = cumulative_dynamic_auc(y, y, risk, times)
out["prediction_scores_lung"] = dict(
    model="S(t|age)=exp(-t/500*exp((age-62)/30)), complete rows of age, sex, ph_ecog",
    times=times.tolist(),
    brier=bs.tolist(),
    integrated_brier=float(integrated_brier_score(y, y, pred, times)),
    cumulative_dynamic_auc=auc.tolist(),
    mean_auc=float(mean_auc),
)
json.dump(out, open(f"{folder}/python_reference.json", "w"), indent=1)
