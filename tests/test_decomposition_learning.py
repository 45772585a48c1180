# SPDX-License-Identifier: BSD-3-Clause
"""Learned dictionaries and what belongs to images: planted atoms, closed forms, conventions."""

from __future__ import annotations

import signal
import threading
import time
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_sample_images
from sklearn.utils.estimator_checks import parametrize_with_checks

from taut.decomposition import (
    DictionaryLearner,
    SparseCoder,
    coding_objective,
    extract_patches,
    gabor_fit,
    orientation_selectivity,
    sparse_encode,
    whiten,
)
from taut.exceptions import ConvergenceWarning
from taut.penalties import Lq


def planted(rng, n, p, K, active, noise):
    D = rng.normal(size=(K, p))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    R = np.zeros((n, K))
    for row in R:
        on = rng.choice(K, active, replace=False)
        row[on] = rng.choice([-1.0, 1.0], active) * rng.uniform(0.5, 2.0, active)
    X = R @ D
    return D, X + noise * np.abs(X).std() * rng.normal(size=X.shape)


@parametrize_with_checks([DictionaryLearner(n_components=3, n_epochs=2, random_state=0)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("update", ["online", "sgd"])
def test_planted_atoms_are_found(update, rng):
    D, X = planted(rng, 6000, 64, 128, 4, 0.01)
    model = DictionaryLearner(
        128, penalty="cel0", alpha=0.1, n_epochs=12, batch_size=64, update=update, random_state=1
    ).fit(X)
    match = np.abs(D @ model.components_.T).max(axis=1)  # of any sign and order
    if update == "online":
        assert (match > 0.98).mean() >= 0.9
    else:
        assert match.mean() > 0.5
    assert model.error_curve_[-1] < model.error_curve_[0] / 2


def test_the_strength_is_steered_to_the_activity(rng):
    _, X = planted(rng, 3000, 20, 30, 3, 0.05)
    model = DictionaryLearner(
        30, alpha=1.0, target_sparsity=2.0, n_epochs=10, batch_size=50, random_state=0
    ).fit(X)
    assert model.sparsity_curve_[-60:].mean() == pytest.approx(2, rel=0.1)
    assert model.alpha_ != 1.0


def numpy_online(X, D, n_batches, b, alpha):
    """Mairal et al. with L1 codes, atom by atom."""
    K, p = D.shape
    M, N, D = np.zeros((K, K)), np.zeros((K, p)), D.copy()
    for t in range(1, n_batches + 1):
        batch = X[(t - 1) * b : t * b]
        R = sparse_encode(batch, D, penalty="l1", alpha=alpha, tol=1e-8, max_iter=100000)
        fade = (1 - 1 / t) ** 2
        M, N = fade * M + R.T @ R / b, fade * N + R.T @ batch / b
        for k in np.flatnonzero(np.diag(M)):
            D[k] += (N[k] - M[k] @ D) / M[k, k]
            D[k] /= np.linalg.norm(D[k])
    return D


def test_batches_are_those_of_a_numpy_loop(rng):
    X, start = rng.normal(size=(160, 7)), rng.normal(size=(11, 7))
    model = DictionaryLearner(
        11, penalty="l1", alpha=0.3, dict_init=start, coding_tol=1e-9, max_iter=100000
    )
    for t in range(5):
        model.partial_fit(X[32 * t : 32 * (t + 1)])
    start /= np.linalg.norm(start, axis=1, keepdims=True)
    np.testing.assert_allclose(model.components_, numpy_online(X, start, 5, 32, 0.3), atol=1e-5)
    assert (model.n_iter_, model.alpha_) == (5, 0.3)


def test_a_gradient_step_is_that_of_olshausen_and_field(rng):
    X, D = rng.normal(size=(50, 6)), np.linalg.qr(rng.normal(size=(6, 6)))[0]
    model = DictionaryLearner(
        6, penalty="l1", alpha=0.5, update="sgd", eta=0.3, dict_init=D, coding_tol=1e-10
    ).partial_fit(X)
    R = sparse_encode(X, D, penalty="l1", alpha=0.5, tol=1e-10)
    moved = D + 0.3 * R.T @ (X - R @ D) / (R * R).sum(axis=0).max()
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    np.testing.assert_allclose(model.components_, moved, atol=1e-9)
    rest = X - R @ D
    assert model.error_curve_[0] == pytest.approx((rest**2).sum() / (X**2).sum())
    expected = coding_objective(X, D, R, penalty="l1", alpha=0.5).mean()
    assert model.objective_curve_[0] == pytest.approx(expected)
    np.testing.assert_allclose(model.usage_, (R != 0).mean(axis=0))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_same_bits_for_any_number_of_threads_and_runs(dtype, rng):
    X = rng.normal(size=(700, 9)).astype(dtype)
    options = dict(n_components=15, alpha=0.1, n_epochs=2, random_state=5, homeostasis=True)
    first = DictionaryLearner(**options).fit(X)
    for n_jobs in (1, 3):
        again = DictionaryLearner(n_jobs=n_jobs, **options).fit(X)
        np.testing.assert_array_equal(first.components_, again.components_)
    assert first.components_.dtype == dtype
    np.testing.assert_allclose(np.linalg.norm(first.components_, axis=1), 1, rtol=1e-5)


def test_atoms_that_nobody_uses_are_replaced(rng):
    X = rng.normal(size=(400, 8))
    X[:, 4:] = 0
    # The last atoms are orthogonal to every signal.
    start = np.vstack([np.eye(8)[:4], np.eye(8)[4:]])
    model = DictionaryLearner(
        8, alpha=0.2, dict_init=start, batch_size=40, n_epochs=11, random_state=0
    ).fit(X)
    assert model.n_dead_ == 4
    assert np.abs(model.components_[:, 4:]).max() == 0
    assert (model.usage_ > 0).all()


def test_all_atoms_start_somewhere(rng):
    X = np.vstack([np.zeros((5, 4)), np.eye(4)[:2]])
    model = DictionaryLearner(6, alpha=0.01, n_epochs=1, random_state=0).fit(X)
    np.testing.assert_allclose(np.linalg.norm(model.components_, axis=1), 1)
    assert not model.transform(X)[:5].any()


def test_fit_ends_when_the_objective_stands(rng):
    X = np.tile(rng.normal(size=(8, 5)), (64, 1))
    options = dict(n_components=5, alpha=0.05, batch_size=8, n_epochs=3, random_state=0)
    full = DictionaryLearner(**options).fit(X)
    assert full.n_iter_ == 192
    assert 11 <= DictionaryLearner(tol=0.01, **options).fit(X).n_iter_ < 192


def test_estimator_follows_the_conventions(rng):
    X = rng.normal(size=(300, 8))
    model = clone(DictionaryLearner(12, penalty="mcp", alpha=0.3, n_epochs=1, random_state=0))
    codes = model.fit(X).transform(X)
    coder = SparseCoder(model.components_, penalty="mcp", alpha=model.alpha_).fit(X)
    np.testing.assert_array_equal(codes, coder.transform(X))
    np.testing.assert_allclose(model.inverse_transform(codes), codes @ model.components_)
    assert model.score(X) == pytest.approx(coder.score(X))
    csr = model.set_params(sparse_output=True).transform(X)
    assert sp.issparse(csr)
    np.testing.assert_array_equal(csr.toarray(), codes)
    assert len(model.get_feature_names_out()) == 12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(n_components=0), "n_components"),
        (dict(alpha=-0.1), "alpha"),
        (dict(batch_size=0), "batch_size"),
        (dict(n_epochs=0), "n_epochs"),
        (dict(eta=0.0), "eta"),
        (dict(update="adam"), "update"),
        (dict(n_components=3, target_sparsity=3.0), "target_sparsity must be below"),
        (dict(target_sparsity=0.0), "target_sparsity"),
        (dict(target_sparsity=1.0, alpha=0.0), "alpha must be > 0"),
        (dict(dict_init=np.zeros((4, 4))), "no atom of zeros, got row 0"),
        (dict(dict_init=np.ones((3, 4))), "dict_init must have shape"),
        (dict(n_components=5000), "at most 4096 atoms"),
        (dict(random_state="x"), "random_state"),
    ],
)
def test_bad_parameters_are_named(options, message, rng):
    with pytest.raises(ValueError, match=message):
        DictionaryLearner(**options).fit(rng.normal(size=(10, 4)))


def test_signals_of_zeros_are_refused(rng):
    with pytest.raises(ValueError, match="All signals are zero"):
        DictionaryLearner(2).fit(np.zeros((5, 3)))


def test_displays_show_the_most_used_filters(rng):
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot as plt

    from taut.plotting import FilterDisplay

    model = DictionaryLearner(7, alpha=0.1, n_epochs=1, random_state=0).fit(
        rng.normal(size=(90, 12))
    )
    display = FilterDisplay.from_estimator(model, shape=(3, 4), n_filters=5)
    np.testing.assert_array_equal(display.order, np.argsort(-model.usage_, kind="stable")[:5])
    picture = display.image_.get_array()
    assert picture.shape == (3 * 4 - 1, 2 * 5 - 1)
    best = model.components_[display.order[0]].reshape(3, 4)
    np.testing.assert_allclose(picture[:3, :4], best / np.abs(best).max())
    assert picture.mask[3].all()  # the gap between rows
    assert picture.mask[8:, 5:].all()  # the sixth place is empty
    plt.close("all")
    with pytest.raises(ValueError, match="shape must be two sides whose product is 12"):
        FilterDisplay(model.components_, shape=(3, 3))
    with pytest.raises(ValueError, match="n_filters must be a whole number >= 1, got 0"):
        FilterDisplay.from_estimator(model, shape=(3, 4), n_filters=0)
    with pytest.raises(ValueError, match=r"order must hold numbers of filters in 0 \.\. 6"):
        FilterDisplay(model.components_, shape=(3, 4), order=[7])


# ----------------------------------------------------------------------------------------- images


def test_whitening_multiplies_a_wave_by_the_filter():
    wave = np.cos(2 * np.pi * 4 * np.arange(64) / 64)  # an eighth of the Nyquist frequency
    image = np.ones((32, 1)) * (wave + np.cos(2 * np.pi * 16 * np.arange(64) / 64))
    f = np.array([0.125, 0.5])
    gain = f * np.exp(-((f / 0.8) ** 4))
    spectrum = np.abs(np.fft.fft(whiten(image)[0]))
    assert spectrum[4] / spectrum[16] == pytest.approx(gain[0] / gain[1])
    assert whiten(image).std() == pytest.approx(1)


def test_patches_are_windows_of_the_images():
    image = np.arange(48.0).reshape(6, 8)
    rows = extract_patches([image, 100 + image], (2, 3), 200, remove_mean=False, random_state=0)
    first = rows[:, :1]
    np.testing.assert_array_equal(rows - first, np.tile([0, 1, 2, 8, 9, 10], (200, 1)))
    assert {0, 100} <= set(100 * (first.ravel() >= 100).astype(int))
    assert set(np.unique(first % 100 % 8)) == set(range(6))
    np.testing.assert_allclose(
        extract_patches([image], (2, 2), 9, random_state=1).mean(axis=1), 0, atol=1e-12
    )


@pytest.mark.parametrize("theta", [0.0, 0.6, 2.5])
def test_a_gabor_function_is_found(theta):
    y, x = np.mgrid[:14, :12].astype(float)
    u = (x - 5) * np.cos(theta) + (y - 7.5) * np.sin(theta)
    v = (y - 7.5) * np.cos(theta) - (x - 5) * np.sin(theta)
    wave = 3 * np.exp(-(u**2) / 8 - v**2 / 12) * np.cos(2 * np.pi * 0.21 * u + 0.7)
    fit = gabor_fit([wave.ravel()], (14, 12))
    assert fit.r2[0] > 1 - 1e-6
    assert np.abs(np.exp(2j * fit.theta[0]) - np.exp(2j * theta)) < 1e-2
    assert fit.frequency[0] == pytest.approx(0.21, rel=1e-2)
    np.testing.assert_allclose(fit.center[0], [7.5, 5], atol=0.05)
    np.testing.assert_allclose(fit.sigma[0], [2, np.sqrt(6)], rtol=0.02)
    assert fit.amplitude[0] == pytest.approx(3, rel=0.02)
    assert np.cos(fit.phase[0]) == pytest.approx(np.cos(0.7), abs=0.05)


def test_noise_is_no_gabor_function_and_has_no_orientation(rng):
    noise = rng.normal(size=(3, 144))
    assert (gabor_fit(noise, (12, 12)).r2 < 0.6).all()
    spot = np.zeros((9, 9))
    spot[4, 4] = 1
    assert orientation_selectivity([spot.ravel()], (9, 9))[0] < 0.02


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: whiten(np.ones((4, 4))), "no variation"),
        (lambda: whiten(np.eye(4), f0=0), "f0 must be > 0"),
        (lambda: extract_patches([], (2, 2), 1), "images is empty"),
        (lambda: extract_patches([np.eye(3)], (4, 4), 1), "smaller than a patch"),
        (lambda: extract_patches([np.eye(3)], (0, 4), 1), "patch_shape"),
        (lambda: extract_patches([np.eye(3)], (2, 2), 0), "n_patches"),
        (lambda: gabor_fit(np.ones((1, 6)), (2, 2)), "whose product is 6"),
        (lambda: gabor_fit(np.zeros((1, 6)), (2, 3)), "Atom 0 is zero"),
    ],
)
def test_bad_images_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---------------------------------------------------------------------------------------- Ctrl-C


@pytest.mark.parametrize("kind", ["coder", "learner"])
def test_interrupt_ends_coding_and_learning(kind):
    rng = np.random.default_rng(0)
    atoms, X = rng.normal(size=(400, 64)), rng.normal(size=(20_000, 64))
    if kind == "coder":
        model = SparseCoder(atoms, penalty="l1", alpha=1e-3, method="ista", tol=0)
        model.fit(X)
        run = model.transform
    else:
        learner = DictionaryLearner(400, alpha=0.5, n_epochs=10**4, random_state=0)
        run = learner.fit
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        signal.raise_signal(signal.SIGINT)

    timer = threading.Timer(0.3, interrupt)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run(X)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
    assert time.perf_counter() - sent[0] < 2.0


@pytest.fixture(scope="module")
def photographs():
    """Whitened patches for learning and others, and a dictionary learned from the first."""
    images = [whiten(image.mean(axis=2)) for image in load_sample_images().images]
    X = extract_patches(images, (8, 8), 8_000, random_state=0)
    model = DictionaryLearner(
        100, penalty="l1", target_sparsity=6, n_epochs=3, batch_size=200, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X[:6_000])
    return X[7_000:], model.components_


@pytest.mark.parametrize("penalty", ["l0", "cel0", "mcp", "scad", Lq(0.5), Lq(2 / 3)])
def test_soft_thresholds_take_more_atoms_for_the_same_error(photographs, penalty):
    X, D = photographs
    total = float(np.sum(X**2))

    def curve(penalty, scales):
        """Shares of the squares that are left, rising, and mean numbers of atoms."""
        points = []
        for alpha in scales:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                R = sparse_encode(X, D, penalty=penalty, alpha=alpha)
            points.append((np.sum((X - R @ D) ** 2) / total, np.count_nonzero(R) / len(X)))
        error, atoms = np.array(sorted(points)).T
        assert (np.diff(atoms) < 0).all()
        return error, atoms

    scale = np.sqrt(total / X.size)
    strengths = np.geomspace(0.25, 4.0, 8) * scale
    concave = strengths**2 / 2 if penalty in ("l0", "cel0") else strengths
    soft, sharp = curve("l1", strengths), curve(penalty, concave)
    levels = np.linspace(max(soft[0][0], sharp[0][0]), min(soft[0][-1], sharp[0][-1]), 5)
    assert levels[-1] > levels[0] + 0.25
    ours, theirs = (np.interp(levels, *one) for one in (sharp, soft))
    assert (ours[:-1] < (0.99 if penalty == "scad" else 0.85) * theirs[:-1]).all()
