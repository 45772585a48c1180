# SPDX-License-Identifier: BSD-3-Clause
# Signatures of the compiled functions; tests/test_build.py compares them with the module.
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taut.typing import ProgressInfo

VARIANT: str
__version__: str

_Csc: TypeAlias = tuple[NDArray[Any], NDArray[Any], NDArray[Any], int, int]
_Vector: TypeAlias = NDArray[np.float64] | None

# core
def max_threads() -> int: ...
def effective_threads(requested: int) -> int: ...
def philox_uint64(k0: int, k1: int, stream: int, n: int) -> NDArray[np.uint64]: ...
def philox_uniform(k0: int, k1: int, stream: int, n: int) -> NDArray[np.float64]: ...
def philox_normal(k0: int, k1: int, stream: int, n: int) -> NDArray[np.float64]: ...
def philox_below(k0: int, k1: int, stream: int, n: int, bound: int) -> NDArray[np.int64]: ...
def describe_design(X: NDArray[Any] | _Csc) -> dict[str, Any]: ...
def open_region(n_blocks: int, n_threads: int) -> int: ...
def burn(seconds: float, callback: Callable[[ProgressInfo], object] | None = None) -> int: ...

# linear
def fit_path(
    X: NDArray[Any] | _Csc,
    y: NDArray[np.float64],
    datafit: str,
    *,
    penalty: str = "elastic_net",
    l1_ratio: float = 1.0,
    gamma: float = 3.0,
    exponent: float = 0.5,
    delta: float = 1.35,
    sigma_min: float = 0.0,
    groups: NDArray[np.int64] | None = None,
    sample_weight: _Vector = None,
    offset: NDArray[np.float64] | None = None,
    penalty_factor: _Vector = None,
    lower: _Vector = None,
    upper: _Vector = None,
    alphas: _Vector = None,
    n_alphas: int = 100,
    eps: float = 1e-3,
    fit_intercept: bool = True,
    standardize: bool = False,
    coef_init: NDArray[np.float64] | None = None,
    intercept_init: NDArray[np.float64] | None = None,
    tol: float = 1e-6,
    max_iter: int = 10000,
    early_stop: bool = False,
    max_active: int = -1,
    solver: str = "auto",
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
    output_factor: _Vector = None,
) -> dict[str, Any]: ...
def prox_tv1d(x: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]: ...

# prox
def prox(
    x: NDArray[np.float64],
    penalty: str,
    *,
    alpha: NDArray[np.float64],
    gamma: NDArray[np.float64],
    step: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
) -> NDArray[np.float64]: ...
def penalty_values(
    x: NDArray[np.float64],
    penalty: str,
    *,
    alpha: NDArray[np.float64],
    gamma: NDArray[np.float64],
) -> NDArray[np.float64]: ...
def first_order(
    X: NDArray[Any] | _Csc,
    y: NDArray[np.float64],
    datafit: str,
    *,
    solver: str,
    alpha: float,
    sample_weight: _Vector = None,
    penalty: str = "elastic_net",
    l1_ratio: float = 1.0,
    gamma: float = 3.0,
    exponent: float = 0.5,
    delta: float = 1.35,
    penalty_factor: _Vector = None,
    coef_init: NDArray[np.float64] | None = None,
    fit_intercept: bool = True,
    standardize: bool = False,
    tol: float = 1e-6,
    floor: float = -1e300,
    max_iter: int = 1000,
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> dict[str, Any]: ...

# survival
_Flags: TypeAlias = NDArray[np.uint8]
_Codes: TypeAlias = NDArray[np.int32] | None
_Float: TypeAlias = NDArray[np.float64]
_Ptr: TypeAlias = NDArray[np.intp]

def survival_inspect(time: _Float, n_threads: int = 1) -> tuple[bool, int, float, float]: ...
def survival_fit(
    time: _Float,
    event: _Flags,
    entry: _Vector = None,
    weight: _Vector = None,
    group: _Codes = None,
    n_groups: int = 1,
    ulps: int = 4,
    entry_rows: bool = False,
    estimator: str = "km",
    conf_type: str = "log-log",
    z: float = 1.959963984540054,
    scaled: bool = False,
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> dict[str, Any]: ...
def survival_curve(
    time: _Float,
    n_at_risk: _Float,
    n_event: _Float,
    n_tied: _Vector,
    group_ptr: _Ptr,
    estimator: str,
    hazard: bool,
    n_threads: int = 1,
) -> tuple[_Float, _Float]: ...
def survival_limits(
    survival: _Float,
    std_err: _Float,
    lower_scale: _Vector,
    conf_type: str,
    z: float,
    n_threads: int = 1,
) -> tuple[_Float, _Float]: ...
def survival_jackknife(
    table: dict[str, Any],
    estimator: str,
    time: _Float,
    event: _Flags,
    entry: _Vector,
    weight: _Vector,
    group: _Codes,
) -> _Float: ...
def survival_quantiles(time: _Float, curve: _Float, group_ptr: _Ptr, probs: _Float) -> _Float: ...
def survival_lookup(
    time: _Float, curve: _Float, group_ptr: _Ptr, before: float, times: _Float
) -> _Float: ...
def survival_restricted_mean(
    time: _Float,
    n_at_risk: _Float,
    n_event: _Float,
    group_ptr: _Ptr,
    survival: _Float,
    tau: float,
) -> tuple[_Float, _Float]: ...
def survival_bootstrap(
    time: _Float,
    out_row: NDArray[np.int32],
    in_row: _Codes,
    event: _Flags,
    at: NDArray[np.int32],
    probs: _Float,
    tau: _Float,
    n_boot: int,
    k0: int,
    k1: int,
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> tuple[_Float, _Float, _Float]: ...
def survival_merge(a: tuple[Any, ...], b: tuple[Any, ...]) -> dict[str, Any]: ...
def survival_at_risk(table: tuple[Any, ...]) -> _Float: ...
def logrank(
    time: _Float,
    event: _Flags,
    entry: _Vector,
    weight: _Vector,
    group: _Codes,
    n_groups: int,
    stratum: _Codes,
    n_strata: int,
    weights: str,
    rho: float,
    gamma: float,
    ulps: int = 4,
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> dict[str, Any]: ...
def logrank_tables(
    tables: list[tuple[Any, ...]], weights: str, rho: float, gamma: float
) -> dict[str, Any]: ...
def concordance(
    time: _Float,
    event: _Flags,
    entry: _Vector,
    weight: _Vector,
    score: _Float,
    time_weight: str,
    tau: float | None,
    left_limit: bool,
    ulps: int = 4,
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> dict[str, float]: ...
def cox_fit(
    data: dict[str, Any],
    tol: float,
    max_iter: int,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> dict[str, Any]: ...
def cox_residuals(data: dict[str, Any], coef: _Float) -> dict[str, Any]: ...
def cox_scaled(data: dict[str, Any], coef: _Float, row_scale: _Float) -> tuple[_Float, _Float]: ...
def coxnet_path(
    X: NDArray[Any] | _Csc,
    time: _Float,
    event: _Flags,
    weight: _Vector,
    stratum: _Codes,
    n_strata: int,
    penalty_factor: _Vector,
    alphas: _Float,
    l1_ratio: float,
    tol: float,
    max_iter: int,
    coef_init: _Vector = None,
    ulps: int = 4,
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> dict[str, Any]: ...
def cox_loss(
    eta: _Float,
    time: _Float,
    event: _Flags,
    weight: _Vector,
    stratum: _Codes,
    n_strata: int,
    ulps: int = 4,
) -> tuple[float, _Float, float]: ...
def beran_at(
    records: tuple[_Float, _Float, _Flags],
    points: tuple[_Float, _Float, NDArray[np.intp]],
    kernel: str,
    stop: NDArray[np.intp],
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> _Float: ...
def beran_curves(
    records: tuple[_Float, _Float, _Flags],
    points: tuple[_Float, _Float, NDArray[np.intp]],
    kernel: str,
    stop: NDArray[np.intp],
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> _Float: ...
def beran_errors(
    records: tuple[_Float, _Float, _Flags],
    points: tuple[_Float, _Float, NDArray[np.intp]],
    kernel: str,
    truth: tuple[_Float, NDArray[np.intp], _Flags, NDArray[np.intp]],
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> tuple[_Float, _Float]: ...

# ot
_Cost: TypeAlias = NDArray[Any] | tuple[NDArray[Any], NDArray[Any]]

def ot_sinkhorn(
    cost: _Cost,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    eps: float,
    f: NDArray[np.float64],
    g: NDArray[np.float64],
    *,
    lam_a: float,
    lam_b: float,
    form: str = "log",
    tol: float = 1e-6,
    max_iter: int = 10000,
    over_relax: bool = True,
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> dict[str, Any]: ...
def ot_plan_sums(
    cost: _Cost,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    f: NDArray[np.float64],
    g: NDArray[np.float64],
    eps: float,
    x: _Vector = None,
    y: _Vector = None,
    n_threads: int = 1,
) -> dict[str, Any]: ...
def ot_plan_apply(
    cost: _Cost,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    f: NDArray[np.float64],
    g: NDArray[np.float64],
    eps: float,
    M: NDArray[np.float64],
    transposed: bool = False,
    n_threads: int = 1,
) -> NDArray[np.float64]: ...
def ot_plan_dense(
    cost: _Cost,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    f: NDArray[np.float64],
    g: NDArray[np.float64],
    eps: float,
    n_threads: int = 1,
) -> NDArray[np.float64]: ...
def ot_smooth(
    cost: _Cost,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    gamma: float,
    max_nz: int,
    *,
    start: _Vector = None,
    solver: str = "auto",
    dual: bool = False,
    tol: float = 1e-6,
    max_iter: int = 1000,
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> dict[str, Any]: ...
def ot_semi_dual(
    cost: _Cost,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    gamma: float,
    max_nz: int,
    alpha: NDArray[np.float64],
    n_threads: int = 1,
    repeats: int = 1,
) -> dict[str, Any]: ...
def ot_route(
    scores: NDArray[np.float64],
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    gamma: float,
    max_nz: int,
    tol: float = 1e-3,
    max_iter: int = 100,
    n_threads: int = 1,
) -> dict[str, Any]: ...

# privacy
def privacy_chacha20_block(key: bytes, counter: int, nonce: bytes) -> bytes: ...
def privacy_discrete_laplace(
    key: bytes,
    size: int,
    s: int,
    t: int,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> NDArray[np.int64]: ...
def privacy_count_cells(
    time: _Float,
    event: _Flags,
    group: _Codes,
    grid: _Float,
    n_groups: int = 1,
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> NDArray[np.int64]: ...
def privacy_curves(
    noisy: _Float,
    n_bins: int,
    n_groups: int,
    other: bool,
    block: int,
    n: float,
    noise_variance: float,
    postprocess: str,
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> tuple[_Float, _Float, _Float, _Float, _Float]: ...
def privacy_at_risk_variance(
    n_bins: int, n_groups: int, other: bool, block: int, known: bool
) -> _Float: ...
def privacy_isotonic(values: _Float) -> _Float: ...

# graph
def graph_colide(
    cov: NDArray[np.float64],
    rows: NDArray[np.float64] | None,
    *,
    noise: str,
    alpha: float,
    mu: NDArray[np.float64],
    s: NDArray[np.float64],
    max_iter: NDArray[np.int64],
    lr: float,
    beta1: float,
    beta2: float,
    tol: float,
    checkpoint: int,
    inverse_lag: int = 1,
    allowed: NDArray[np.uint8] | None = None,
    start: NDArray[np.float64] | None = None,
    single: bool = False,
    float_steps: bool = False,
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> dict[str, Any]: ...
def graph_objective(
    cov: NDArray[np.float64],
    w: NDArray[np.float64],
    sigma: NDArray[np.float64],
    noise: str,
    alpha: float,
    mu: float,
    s: float,
) -> dict[str, Any]: ...
def graph_prune(weights: NDArray[np.float64], threshold: float) -> dict[str, Any]: ...
def graph_order(edges: NDArray[np.uint8]) -> NDArray[np.int64]: ...
def graph_sid(truth: NDArray[np.uint8], estimate: NDArray[np.uint8], n_threads: int = 1) -> int: ...

# linsolve
def linsolve_analyse(
    indptr: NDArray[np.int32], indices: NDArray[np.int32], ordering: str
) -> dict[str, Any]: ...
def linsolve_count_levels(indptr: NDArray[np.int32], indices: NDArray[np.int32]) -> int: ...
def linsolve_values(
    pattern: tuple[Any, ...], values: NDArray[np.float64], shift: float
) -> tuple[Any, ...]: ...
def linsolve_solve(
    split: tuple[Any, ...],
    b: NDArray[np.float64],
    x0: _Vector,
    method: str,
    omega: float,
    *,
    rtol: float,
    atol: float,
    relative_to_rhs: bool,
    max_iter: int,
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> tuple[NDArray[np.float64], int, float, str]: ...
def linsolve_find_stencil(
    indptr: NDArray[np.int32], indices: NDArray[np.int32], values: NDArray[np.float64]
) -> tuple[Any, ...] | None: ...
def linsolve_sor_stencil(
    stencil: tuple[Any, ...],
    b: NDArray[np.float64],
    x0: _Vector,
    omega: float,
    *,
    rtol: float,
    atol: float,
    relative_to_rhs: bool,
    max_iter: int,
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> tuple[NDArray[np.float64], int, float, str]: ...
def linsolve_sor_batch(
    split: tuple[Any, ...],
    shifts: NDArray[np.float64],
    B: NDArray[np.float64],
    omegas: NDArray[np.float64],
    *,
    rtol: float,
    atol: float,
    max_iter: int,
    n_threads: int = 1,
) -> NDArray[np.int32]: ...
def linsolve_ssor_apply(
    split: tuple[Any, ...], omega: float, v: NDArray[np.float64]
) -> NDArray[np.float64]: ...
def linsolve_tsallis_draw(
    estimates: NDArray[np.float64],
    scale: float,
    eta: float,
    k0: int,
    k1: int,
    stream: int,
    round: int,
    probabilities: NDArray[np.float64],
) -> int: ...
def linsolve_cheb_draw(
    theta: NDArray[np.float64],
    scalars: NDArray[np.float64],
    u: float,
    k0: int,
    k1: int,
    round: int,
    probabilities: NDArray[np.float64],
) -> tuple[int, float]: ...
def linsolve_cheb_update(
    theta: NDArray[np.float64],
    gram: NDArray[np.float64],
    rhs: NDArray[np.float64],
    square: NDArray[np.float64],
    seen: NDArray[np.float64],
    scalars: NDArray[np.float64],
    arm: int,
    u: float,
    predicted: float,
    loss: float,
) -> None: ...

# decomposition
def decomposition_encode(
    signals: NDArray[np.floating[Any]],
    dictionary: NDArray[np.floating[Any]],
    *,
    penalty: str,
    alpha: float,
    gamma: float,
    method: str,
    init: str,
    max_iter: int,
    tol: float,
    nonnegative: bool,
    refit: bool,
    dense: bool,
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> dict[str, Any]: ...
def decomposition_learn(
    signals: NDArray[np.floating[Any]],
    order: NDArray[np.int64],
    state: dict[str, Any],
    *,
    penalty: str,
    gamma: float,
    method: str,
    init: str,
    max_iter: int,
    tol: float,
    nonnegative: bool,
    update: str,
    batch_size: int,
    rate: float,
    target_sparsity: float,
    homeostasis: bool,
    stop_tol: float,
    key: tuple[int, int],
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> dict[str, Any]: ...

# bilevel: sparse linear models
def bilevel_sparse_make(
    X: NDArray[Any] | _Csc,
    y: NDArray[np.float64],
    datafit: str,
    *,
    sample_weight: _Vector,
    score_weight: NDArray[np.float64],
    score_linear: _Vector = None,
    offset: _Vector = None,
    penalty_factor: _Vector = None,
    lower: _Vector = None,
    upper: _Vector = None,
    fit_intercept: bool = True,
    standardize: bool = False,
    solver: str = "auto",
    n_threads: int = 1,
) -> Any: ...
def bilevel_sparse_evaluate(
    task: Any,
    *,
    alpha: float,
    l1_ratio: float,
    penalty_factor: _Vector = None,
    tol: float = 1e-8,
    max_iter: int = 1000,
    prove: bool = False,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> dict[str, Any]: ...
def bilevel_sparse_coefficients(task: Any) -> tuple[NDArray[np.float64], float]: ...
def bilevel_project(set: str, x: NDArray[np.float64], size: float) -> NDArray[np.float64]: ...

# bilevel
def bilevel_evaluate(
    problem: tuple[Any, ...],
    what: str,
    theta: NDArray[np.float64],
    x: NDArray[np.float64],
    v: _Vector = None,
    radius: float = 0.0,
    n_threads: int = 1,
) -> Any: ...
def bilevel_spectrum(
    problem: tuple[Any, ...], theta: NDArray[np.float64]
) -> tuple[float, float]: ...
def bilevel_solve(
    problem: tuple[Any, ...],
    theta: NDArray[np.float64],
    x0: NDArray[np.float64],
    method: str,
    tol: float,
    max_iter: int,
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> tuple[NDArray[np.float64], float, int, int, str]: ...
def bilevel_adjoint(
    problem: tuple[Any, ...],
    theta: NDArray[np.float64],
    x: NDArray[np.float64],
    rhs: NDArray[np.float64],
    q0: NDArray[np.float64],
    method: str,
    tol: float,
    max_iter: int,
    n_threads: int = 1,
    callback: Callable[[ProgressInfo], object] | None = None,
) -> tuple[NDArray[np.float64], float, int, str, NDArray[np.float64]]: ...
