# SPDX-License-Identifier: BSD-3-Clause
"""Ctrl-C ends a long fit at once; fits work in forked and spawned children."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
from joblib import Parallel, delayed

from taut.linear_model import Lasso, LassoCV, MultinomialLassoCV, lasso_path, multinomial_path

LONG = """
import sys
import numpy as np
from taut.{module} import {names}

rng = np.random.default_rng(0)
X = np.asfortranarray(rng.standard_normal(({n}, {p})))
{setup}
print("ready", flush=True)
try:
    {call}
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(0)
print("finished", flush=True)
sys.exit(1)
"""

CALLS = {
    "path": (
        "lasso_path",
        2000,
        4000,
        "y = X @ rng.standard_normal(4000)",
        "lasso_path(X, y, n_alphas=2000, eps=1e-4, tol=1e-12)",
    ),
    "path on two threads": (
        "lasso_path",
        2000,
        4000,
        "y = X @ rng.standard_normal(4000)",
        "lasso_path(X, y, n_alphas=2000, eps=1e-4, tol=1e-12, n_jobs=2)",
    ),
    "classes": (
        "multinomial_path",
        1500,
        1500,
        "y = rng.integers(0, 4, 1500)",
        "multinomial_path(X, y, n_alphas=500, eps=1e-4, tol=1e-11)",
    ),
    "folds on two threads": (
        "LassoCV",
        2000,
        4000,
        "y = X @ rng.standard_normal(4000)",
        "LassoCV(alphas=np.geomspace(50, 1e-3, 2000), n_jobs=2, tol=1e-12).fit(X, y)",
    ),
    "private noise": (
        "Lasso",
        2,
        2,
        "from taut import _core",
        "_core.privacy_discrete_laplace(bytes(32), 3 * 10**7, 1, 2)",
    ),
    "one Newton step": (
        "CoxPH",
        300_000,
        80,
        "y = (rng.exponential(size=300_000), rng.random(300_000) < 0.5)",
        "CoxPH().fit(X, y)",
    ),
    "curves on two threads": (
        "CensoringWeights",
        200_000,
        2,
        "y = (rng.exponential(size=200_000), rng.random(200_000) < 0.5)",
        "CensoringWeights(bandwidth=0.3, n_jobs=2).fit(X, y)",
    ),
}
SURVIVAL = ("CoxPH", "CensoringWeights")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("kind", CALLS)
def test_ctrl_c_ends_a_long_fit(kind):
    names, n, p, setup, call = CALLS[kind]
    module = "survival" if names in SURVIVAL else "linear_model"
    code = LONG.format(module=module, names=names, n=n, p=p, setup=setup, call=call)
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.7)
        assert child.poll() is None, "the fit is too short to be interrupted"
        started = time.perf_counter()
        child.send_signal(signal.SIGINT)
        # the line comes before the interpreter's own clean-up
        assert child.stdout.readline() == "interrupted\n"
        assert time.perf_counter() - started < 0.3
        assert child.wait(timeout=10) == 0
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


class Stop(Exception):
    pass


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_callback_can_end_a_path(n_jobs):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1000, 2000))
    y = X @ rng.standard_normal(2000)
    seen = []

    def callback(info):
        seen.append(info)
        raise Stop

    with pytest.raises(Stop):
        lasso_path(X, y, n_alphas=1000, eps=1e-4, tol=1e-12, callback=callback, n_jobs=n_jobs)
    (info,) = seen
    assert set(info) == {"step", "n_steps", "alpha", "gap", "n_active"}
    assert info["n_steps"] == 1000


def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 400))
    return X, X[:, :5].sum(axis=1) + rng.standard_normal(120)


def fit_on_two_threads(seed):
    X, y = data()
    return Lasso(0.1, n_jobs=2).fit(X, y).coef_


def cross_validate(seed):
    X, y = data()
    return LassoCV(alphas=5, n_jobs=2).fit(X, y).coef_


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("work", [fit_on_two_threads, cross_validate])
def test_forked_child_finishes_after_a_threaded_fit(work):
    expected = work(0)  # starts the threads of the parent
    with warnings.catch_warnings():
        # Python >= 3.12 warns of fork in a process with threads: that is the case tested here
        warnings.simplefilter("ignore", DeprecationWarning)
        context = multiprocessing.get_context("fork")
        with context.Pool(2) as pool:
            results = pool.map_async(work, range(3)).get(timeout=60)
    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_loky_workers_finish_after_a_threaded_fit():
    expected = fit_on_two_threads(0)
    for result in Parallel(n_jobs=2)(delayed(fit_on_two_threads)(i) for i in range(3)):
        np.testing.assert_array_equal(result, expected)


def test_fits_may_run_in_threads_of_the_user():
    expected = cross_validate(0)
    results = Parallel(n_jobs=4, prefer="threads")(delayed(cross_validate)(i) for i in range(8))
    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_error_in_a_fold_ends_all_folds(monkeypatch):
    from taut import _core

    kernel, calls = _core.fit_path, []

    def fails_once(*args, **kwargs):
        calls.append(0)
        if len(calls) == 3:
            raise RuntimeError("broken fold")
        return kernel(*args, **kwargs)

    monkeypatch.setattr("taut._core.fit_path", fails_once)
    with pytest.raises(RuntimeError, match="broken fold"):
        LassoCV(alphas=5, n_jobs=2).fit(*data())


def test_multinomial_folds_on_threads_equal_one_thread():
    X, y = data()
    labels = np.digitize(y, [-1, 1])
    one = MultinomialLassoCV(alphas=5, eps=0.2, n_jobs=1).fit(X, labels)
    two = MultinomialLassoCV(alphas=5, eps=0.2, n_jobs=2).fit(X, labels)
    np.testing.assert_array_equal(one.loss_path_, two.loss_path_)
    path = multinomial_path(X, labels, alphas=one.alphas_, n_jobs=2, early_stop=True)
    np.testing.assert_array_equal(path.coefs, one.coefs_path_)
