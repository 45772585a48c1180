# SPDX-License-Identifier: BSD-3-Clause
"""Small valid uses of every family, from which the calls of the compiled functions are recorded."""

from __future__ import annotations

import contextlib
import warnings

import numpy as np
import scipy.sparse as sp

from taut import _core

RNG = np.random.default_rng(0)
X = RNG.normal(size=(9, 4))
Y = X[:, 0] - X[:, 1] + 0.1 * RNG.normal(size=9)
CLASSES = np.array([0, 1, 2] * 3)
TIME = np.array([1.0, 2.0, 2.0, 3.0, 4.0, 5.0, 5.5, 6.0, 7.0])
EVENT = np.array([1, 0, 1, 1, 0, 1, 1, 0, 1])
GROUP = np.array([0, 1, 0, 1, 0, 1, 0, 1, 0])
POISSON_MATRIX = sp.diags_array([-1.0, 2.1, -1.0], offsets=[-1, 0, 1], shape=(8, 8)).tocsr()


def core():
    _core.max_threads()
    _core.effective_threads(2)
    _core.philox_uint64(1, 2, 3, 5)
    _core.philox_uniform(1, 2, 3, 5)
    _core.philox_normal(1, 2, 3, 5)
    _core.philox_below(1, 2, 3, 5, 10)
    _core.describe_design(np.asfortranarray(X))
    _core.describe_design(np.asfortranarray(X, dtype=np.float32))
    for index in (np.int32, np.int64):
        S = sp.csc_array(X * (X > 0))
        _core.describe_design((S.data, S.indices.astype(index), S.indptr.astype(index), *S.shape))
    _core.open_region(4, 2)


def linear():
    from taut import prox
    from taut.linear_model import (
        PRESTO,
        AdaptiveLasso,
        GroupLasso,
        MultiTaskLasso,
        PenalizedGLM,
        RelaxedLasso,
        SparseGroupLasso,
        lasso_path,
    )

    few = {"max_iter": 50, "tol": 1e-4}
    for design in (X, X.astype(np.float32), sp.csc_array(X * (X > 0))):
        for penalty in ("l1", "elastic_net", "mcp", "scad", "l0", "lq", "cel0", "fused"):
            PenalizedGLM("quadratic", penalty, alpha=0.1, **few).fit(design, Y)
        for datafit, y in (("logistic", GROUP), ("poisson", GROUP), ("huber", Y), ("sqrt", Y)):
            PenalizedGLM(datafit, "l1", alpha=0.1, **few).fit(design, y)
        PenalizedGLM("multinomial", "l1", alpha=0.1, **few).fit(design, CLASSES)
        GroupLasso(0.1, groups=[0, 0, 1, 1]).fit(design, Y)
        SparseGroupLasso(0.1, groups=[0, 0, 1, 1]).fit(design, Y)
        MultiTaskLasso(0.1).fit(design, np.c_[Y, Y**2])
        lasso_path(design, Y, n_alphas=5, sample_weight=np.ones(9))
    for solver in ("gram", "naive", "fista", "ag", "pncg"):
        with contextlib.suppress(ValueError):
            PenalizedGLM("quadratic", "mcp", alpha=0.1, solver=solver, **few).fit(X, Y)
    AdaptiveLasso().fit(X, Y)
    RelaxedLasso(0.1).fit(X, Y)
    PRESTO(alpha=0.1).fit(X, CLASSES)
    x = RNG.normal(size=5)
    for name in ("l1", "l0", "cel0", "mcp", "scad", "lq"):
        with contextlib.suppress(TypeError):
            getattr(prox, name)(x, 0.3)
    prox.elastic_net(x, 0.3, 0.5)
    prox.tv1d(x, 0.2)
    prox.value("mcp", x, 0.3, gamma=3.0)
    design = np.asfortranarray(X)
    for solver in ("fista", "ag", "pncg"):
        _core.first_order(design, Y, "quadratic", solver=solver, alpha=0.1, max_iter=20)


def survival():
    from taut import survival as s

    y = (TIME, EVENT)
    late = (TIME, EVENT, TIME - 1.5)
    s.kaplan_meier(TIME, EVENT, entry=TIME - 1.5)
    for records in (y, late):
        model = s.KaplanMeier().fit(records)
        model.predict([1.0, 4.0])
        model.quantile([0.25, 0.5])
        model.rmst(5.0)
        s.NelsonAalen().fit(records)
        s.KaplanMeier().fit(records, sample_weight=np.linspace(0.5, 2, 9))
        s.logrank_test(records, GROUP)
        s.concordance_index(records, X[:, 0])
        cox = s.CoxPH().fit(X[:, :2], records)
        cox.residuals(X[:, :2], records)
    s.KaplanMeier().fit(y, groups=GROUP)
    s.logrank_test(y, GROUP, strata=CLASSES)
    table = s.EventTable.from_records(y)
    (table + s.EventTable.from_records((TIME + 0.5, EVENT))).n_at_risk  # noqa: B018
    s.logrank_test({"a": table, "b": table})
    s.CoxPH(ties="breslow").fit(X[:, :2], y).predict_survival_function(X[:2, :2], [1.0, 3.0])
    s.CoxPH().fit(X[:, :2], y).proportional_hazards_test(X[:, :2], y)
    s.CoxNet(n_alphas=4).fit(X, y)
    s.CoxNet(n_alphas=4).fit(sp.csc_array(X * (X > 0)), y)
    s.bootstrap_curve(y, 5, times=[2.0], random_state=0)
    model = s.ConditionalKaplanMeier(bandwidth=1.0).fit(X[:, :1], y)
    model.predict_survival_function(X[:2, :1], [2.0, 4.0])
    s.ConditionalKaplanMeier(bandwidth="cv").fit(X[:, :1], y)
    s.CensoringWeights().fit(X[:, :1], y)
    s.censoring_weights(y)


def ot():
    from taut import ot as o

    C = RNG.random((5, 6))
    for cost in (C, o.PointCloud(RNG.random((5, 2)), RNG.random((6, 2)))):
        for method in ("log", "kernel"):
            with contextlib.suppress(ValueError):
                o.sinkhorn(None, None, cost, reg=0.2, method=method, max_iter=50)
        o.smooth_ot(None, None, cost, reg=0.2, max_iter=50)
        o.smooth_ot(None, None, cost, reg=0.2, reg_type="sparse", max_nz=2, max_iter=50)
    o.smooth_ot(None, None, C, reg=0.2, form="dual", max_iter=50)
    result = o.sinkhorn(None, None, o.PointCloud(RNG.random((5, 2)), RNG.random((6, 2))), reg=0.3)
    result.plan  # noqa: B018
    result.apply(np.ones((6, 2)))
    o.sinkhorn(None, None, C, reg=0.2, reg_m=1.0, max_iter=50)
    o.sparse_route(RNG.random((6, 3)), max_nz=2)
    a, b = np.full(5, 0.2), np.full(6, 1 / 6)
    C = np.asfortranarray(C)
    for cost in (C, C.T):
        with contextlib.suppress(ValueError, TypeError):
            _core.ot_semi_dual(cost, a, b, 0.2, 2, np.zeros(5))
        with contextlib.suppress(ValueError, TypeError):
            _core.ot_plan_sums(cost, a, b, np.zeros(5), np.zeros(6), 0.2)


def privacy():
    from taut import privacy as p

    y = (TIME, EVENT)
    p.PrivateKaplanMeier(1.0, time_range=8.0).fit(y)
    p.PrivateKaplanMeier(1.0, grid=[0, 2, 4, 8]).fit(y, groups=GROUP, group_labels=[0, 1])
    p.private_event_table(y, 2.0, time_range=8.0, n_bins=5)
    p.PrivateKaplanMeier(1.0, grid=[0, 4, 8]).fit(
        y, groups=GROUP, group_labels=[0, 1]
    ).logrank_test(19, random_state=0)
    p.TimeIndexedLaplaceKaplanMeier(nominal_epsilon=10.0, random_state=0).fit(y)
    _core.privacy_chacha20_block(bytes(32), 1, bytes(12))
    _core.privacy_isotonic(RNG.random(7))
    _core.privacy_at_risk_variance(5, 2, True, 2, False)


def graph():
    from taut import graph as g
    from taut.metrics import graph_metrics

    for noise in ("equal", "unequal"):
        g.CoLiDE(noise=noise, max_iter=20).fit(X)
    truth = np.triu(np.ones((4, 4)), 1)
    graph_metrics(truth, truth.T)
    g.topological_order(truth)
    weights = np.asfortranarray(RNG.normal(size=(4, 4)))
    _core.graph_prune(weights, 0.1)
    cov = np.asfortranarray(np.cov(X.T))
    _core.graph_objective(cov, 0.01 * weights, np.ones(4), "equal", 0.1, 1.0, 1.0)


def linsolve():
    from taut import linsolve as ls

    A, b = POISSON_MATRIX, np.ones(8)
    ls.sor(A, b, 1.3, max_iter=30)
    ls.sor(A, b, 1.3, ordering="multicolor", max_iter=30)
    ls.ssor_cg(A, b, 1.3, max_iter=30)
    ls.cg(A, b, max_iter=30)
    ls.ssor_preconditioner(A, 1.3) @ b
    ls.count_iterations(A, np.ones((2, 8)), shifts=[0.0, 1.0], omegas=[1.0, 1.5])
    stencil = (4, 2, 1, 4.1, -1.0, -1.0, 0.0)
    settings = {"rtol": 1e-6, "atol": 0.0, "relative_to_rhs": True, "max_iter": 30}
    _core.linsolve_sor_stencil(stencil, b, None, 1.2, **settings)
    solver = ls.RelaxationSolver("ssor_cg", random_state=0).set_matrix(A)
    for _ in range(3):
        solver.solve(b=b)
    bandit = ls.TsallisINF(3, random_state=0)
    bandit.predict()
    bandit.update(1.0)
    contextual = ls.ChebCB(5, (0.0, 1.0), random_state=0)
    contextual.predict(0.3)
    contextual.update(1.0)


def decomposition():
    from taut import decomposition as d

    D = np.ascontiguousarray(RNG.normal(size=(6, 4)))
    for penalty in ("l1", "l0", "cel0", "mcp", "scad", "lq"):
        d.sparse_encode(X, D, penalty=penalty, alpha=0.1, max_iter=30)
        d.sparse_encode(X.astype(np.float32), D.astype(np.float32), penalty=penalty, alpha=0.1)
    d.DictionaryLearner(4, alpha=0.1, random_state=0).fit(X)


def bilevel():
    from taut import bilevel as b
    from taut.linear_model import ElasticNet, Lasso, LogisticLasso

    image = 0.1 * RNG.random((6, 6))
    for lower, upper in (
        (b.RidgeLower(X, Y, penalty="feature"), b.HeldOutMSE(X, Y)),
        (b.MultinomialLower(X, CLASSES), b.HeldOutLogLoss(X, CLASSES, np.unique(CLASSES))),
        (b.SmoothedTVLower(image), b.ImageMSE(image)),
        (b.FieldsOfExpertsLower(image, n_filters=2, size=3), b.ImageMSE(image)),
    ):
        theta = getattr(lower, "initial_theta", lambda n=lower.n_theta: np.zeros(n))()
        with contextlib.suppress(b.LowerSolverError):
            b.hypergradient(lower, upper, theta, eps=1e-2, delta=1e-2)
        b.check_problem(lower)
    for projection in (b.Simplex(), b.L1Ball(0.5)):
        projection(X[0])
    for model, y in ((Lasso(), Y), (ElasticNet(), Y), (LogisticLasso(), GROUP)):
        for design in (X, sp.csc_array(X * (X > 0))):
            criterion = b.SparseCriterion(model, design, y, cv=3)
            criterion(criterion.start, prove=True)
            criterion.coefficients()


FAMILIES = [core, linear, survival, ot, privacy, graph, linsolve, decomposition, bilevel]


def record(family, keep_all=False):
    """The calls of compiled functions that a family makes, as (name, args, kwargs), copied."""
    calls = []
    originals = {n: f for n, f in vars(_core).items() if callable(f) and not n.startswith("_")}

    def recorder(name, function):
        def wrapped(*args, **kwargs):
            kept = {k: v for k, v in kwargs.items() if k != "callback"}
            calls.append((name, fresh(args), fresh(kept)))
            return function(*args, **kwargs)

        return wrapped

    try:
        for name, function in originals.items():
            if not isinstance(function, type):
                setattr(_core, name, recorder(name, function))
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            family()
    finally:
        for name, function in originals.items():
            setattr(_core, name, function)
    if keep_all:
        return calls
    seen, few = {}, []
    for call in calls:  # of the same function with the same kinds of arguments a handful
        kind = (call[0], _kind(call[1]), _kind(call[2]))
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] <= 3:
            few.append(call)
    return few


def fresh(value):
    """The same with copies of all arrays, since some functions write into theirs."""
    if isinstance(value, np.ndarray):
        return value.copy(order="K")
    if isinstance(value, dict):
        return {k: fresh(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(fresh, value))
    return value


def _kind(value):
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.ndim)
    if isinstance(value, dict):
        return tuple((k, _kind(v)) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(map(_kind, value))
    return value if isinstance(value, str) else type(value).__name__
