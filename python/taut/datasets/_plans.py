# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.utils import Bunch

from taut.typing import RandomState

__all__ = ["make_plan_market"]

_N_PLANS = 172
# Sizes of the market-share classes of the study: below 0.3 %, 0.3 to 1.5 %, above 1.5 %.
_CLASS_SIZES = (47, 60, 65)
_BRAND_SHARE = (0.28, 0.22, 0.18, 0.14, 0.10, 0.08)
_BRAND_UTILITY = np.array([0.0, 0.9, -0.4, -0.9, 0.3, -1.2])
_TYPE_SHARE = (0.50, 0.35, 0.15)  # HMO, PPO, other
_N_ANCILLARY = 12

_FEATURES = (
    *(f"brand_{k}" for k in range(1, 6)),
    "ppo",
    "other_type",
    "year",
    "part_d",
    "premium",
    "moop_in",
    "moop_all",
    "ded_med",
    "ded_drug",
    "copay_pcp",
    "copay_spec",
    "copay_er",
    "inpatient",
    "ambulance",
    "tier1",
    "tier3",
    "star",
    *(f"anc_{k}" for k in range(_N_ANCILLARY)),
)

_DESCR = """Synthetic market of health insurance plans
==========================================

172 plans of six brands over six years, 34 columns, three classes of market share
(47 low, 60 middle, 65 high). The shape and the class sizes follow the study below, whose table is
not public; every number here is simulated.

Columns: brand_1..5 (reference brand_0), ppo and other_type (reference HMO), year (since 2018),
part_d (prescription drugs covered), premium and cost sharing in dollars (moop_in and moop_all:
out-of-pocket limits; ded_*: deductibles; copay_*, inpatient, ambulance, tier1, tier3: copayments),
star (quality rating, 2.5 to 5), anc_0..11 (ancillary benefits, unrelated to the share).

moop_all is nearly 1.45 moop_in and ambulance nearly 0.75 inpatient, so that screening by variance
inflation has something to find.

Reference: What Benefits Drive Membership in Medicare Advantage Plans?,
arXiv 2511.08603 (2025).
"""


def make_plan_market(random_state: RandomState = 0, *, as_frame: bool = False) -> Bunch:
    """Simulate a small, collinear table of insurance plans with three market-share classes.

    Parameters
    ----------
    random_state : int, Generator, RandomState or None, default=0
        Seed. The same int gives the same table on every platform.
    as_frame : bool, default=False
        Return ``data`` and ``target`` as pandas objects.

    Returns
    -------
    Bunch
        ``data`` (172, 34) float64, ``target`` (172,) int class of market share, ``share`` (172,)
        share of the plan within its year, ``feature_names``, ``target_names``, ``DESCR``, and
        ``frame`` (data and target in one, or None).

    Raises
    ------
    ImportError
        If ``as_frame=True`` and pandas is missing.

    References
    ----------
    .. [1] What Benefits Drive Membership in Medicare Advantage Plans? (2025),
       arXiv 2511.08603. Only the shape of the table is taken from it.

    Examples
    --------
    >>> from taut.datasets import make_plan_market
    >>> plans = make_plan_market(0)
    >>> plans.data.shape, float(plans.data.sum())
    ((172, 34), 2782857.5)
    """
    rng = _generator(random_state)
    n = _N_PLANS

    def normal() -> NDArray[np.float64]:
        return rng.standard_normal(n)

    # The order of the draws is part of the definition: another order is another table.
    year = rng.integers(2018, 2024, n)
    brand = rng.choice(6, n, p=_BRAND_SHARE)
    kind = rng.choice(3, n, p=_TYPE_SHARE)
    ppo = (kind == 1).astype(float)
    quality = normal()
    part_d = (rng.random(n) < 0.82).astype(float)
    premium = np.round(np.maximum(0, 40 + 35 * ppo - 12 * quality + 25 * normal()), 1)
    moop_in = np.round(np.clip(6200 - 700 * quality + 500 * normal(), 2000, 8300), -2)
    moop_all = np.round(np.clip(1.45 * moop_in + 150 * normal(), 2500, 12450), -2)
    ded_med = np.round(np.maximum(0, 120 - 80 * quality + 120 * normal()))
    ded_drug = np.round(part_d * np.maximum(0, 260 - 60 * quality + 130 * normal()))
    copay_pcp = np.round(np.clip(8 - 5 * quality + 6 * normal(), 0, 40))
    copay_spec = np.round(np.clip(32 + 0.9 * copay_pcp - 4 * quality + 6 * normal(), 0, 65))
    copay_er = np.round(np.clip(95 + 8 * normal(), 50, 135))
    inpatient = np.round(np.clip(330 - 30 * quality + 60 * normal(), 0, 600))
    ambulance = np.round(np.clip(0.75 * inpatient + 12 * normal(), 0, 600))
    tier1 = np.round(part_d * np.clip(3 - 1.2 * quality + 2 * normal(), 0, 15))
    tier3 = np.round(part_d * np.clip(38 + 18 * normal(), 0, 100))
    offered = expit(np.linspace(-1.2, 1.6, _N_ANCILLARY) + 0.5 * quality[:, None])
    ancillary = (rng.random((n, _N_ANCILLARY)) < offered).astype(float)
    star = np.clip(np.round((3.7 + 0.25 * quality + 0.35 * normal()) * 2) / 2, 2.5, 5)

    X = np.column_stack(
        [
            *(brand == k for k in range(1, 6)),
            ppo,
            kind == 2,
            year - 2018,
            part_d,
            premium,
            moop_in,
            moop_all,
            ded_med,
            ded_drug,
            copay_pcp,
            copay_spec,
            copay_er,
            inpatient,
            ambulance,
            tier1,
            tier3,
            star,
            ancillary,
        ]
    ).astype(np.float64)

    utility = (
        _BRAND_UTILITY[brand]
        + 0.9 * ppo
        + 1.0 * part_d
        - 0.010 * premium
        - 0.0006 * moop_in
        - 0.003 * ded_med
        - 0.0015 * ded_drug
        - 0.03 * copay_spec
        + 0.25 * star
        + 0.35 * rng.gumbel(size=n)
    )
    attraction = np.exp(utility - utility.max())
    share = attraction / np.bincount(year - 2018, weights=attraction, minlength=6)[year - 2018]
    target = np.empty(n, dtype=np.int64)
    target[np.argsort(share, kind="stable")] = np.repeat(np.arange(3), _CLASS_SIZES)

    bunch = Bunch(
        data=X,
        target=target,
        share=share,
        frame=None,
        feature_names=list(_FEATURES),
        target_names=["low", "middle", "high"],
        DESCR=_DESCR,
    )
    return _as_frame(bunch) if as_frame else bunch


def _generator(random_state: RandomState) -> np.random.Generator:
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(0, 2**31 - 1, size=4))
    return np.random.default_rng(random_state)


def _as_frame(bunch: Bunch) -> Bunch:
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "as_frame=True needs pandas; install it or use as_frame=False."
        ) from error
    data: Any = pd.DataFrame(bunch.data, columns=bunch.feature_names)
    target = pd.Series(bunch.target, name="target")
    frame = data.assign(target=target)
    return Bunch(**{**bunch, "data": data, "target": target, "frame": frame})
