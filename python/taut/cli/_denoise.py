# SPDX-License-Identifier: BSD-3-Clause
"""The page of ``taut demo`` on denoising photographs."""

from __future__ import annotations

import time

import numpy as np
from sklearn.datasets import load_sample_images

from taut.cli._html import figure_html, number, page_html, table_html

SIZE, NOISE = 48, 0.1


def denoise_report(n_jobs: int | None = None) -> str:
    """HTML page: denoisers learned on one photograph, applied to another."""
    from matplotlib.figure import Figure

    from taut.bilevel import FoEDenoiserLearner, TVDenoiserLearner, psnr
    from taut.plotting import BilevelDisplay

    rng = np.random.default_rng(0)
    temple, flower = (
        image[:420, :640].mean(axis=2).reshape(210, 2, 320, 2).mean(axis=(1, 3)) / 255.0
        for image in load_sample_images().images
    )
    corners = [(20, 40), (60, 100), (100, 180), (140, 240)]
    clean = np.array([temple[r : r + SIZE, c : c + SIZE] for r, c in corners])
    noisy = clean + NOISE * rng.normal(size=clean.shape)
    other = flower[40:168, 90:218]
    grainy = other + NOISE * rng.normal(size=other.shape)
    start = time.perf_counter()
    models = {
        "total variation": TVDenoiserLearner(max_iter=20, n_jobs=n_jobs).fit(noisy, clean),
        "fields of experts": FoEDenoiserLearner(max_iter=25, n_jobs=n_jobs).fit(noisy, clean),
    }
    seconds = time.perf_counter() - start
    shown = {"clean": other, "noisy": grainy}
    shown.update({name: model.predict(grainy) for name, model in models.items()})
    pictures = Figure(figsize=(8.4, 8.6), layout="constrained")
    for panel, (name, image) in zip(pictures.subplots(2, 2).flat, shown.items(), strict=True):
        panel.imshow(image, cmap="gray", vmin=0.0, vmax=1.0)
        level = "" if name == "clean" else f", {psnr(image, other):.1f} dB"
        panel.set_title(name + level, fontsize=10)
        panel.set_axis_off()
    curves = Figure(figsize=(8.4, 3.2), layout="constrained")
    BilevelDisplay.from_estimator(models["total variation"], ax=curves.subplots(1, 2))
    rows = [
        (
            name,
            f"{model.theta_.size}",
            number(psnr(shown[name], other), 4),
            f"{model.n_iter_}",
            f"{model.maid_.n_lower_iter_ + model.maid_.n_hvp_:,}",
        )
        for name, model in models.items()
    ]
    body = (
        "<h1>Denoisers that learn from pairs</h1>\n"
        '<p class="lead">Four small crops of one photograph, with and without noise, teach the '
        "parameters of two models by gradient descent on the error of their results; another "
        "photograph shows what they learned.</p>\n"
        + figure_html(pictures, "the other photograph, clean, noisy and denoised twice")
        + table_html(
            ("Model", "Parameters", "PSNR (dB)", "Steps", "Lower iterations"), rows, " nnnn"
        )
        + "<h2>Accuracy as progress needs it</h2>\n"
        + figure_html(curves, "loss and accuracies over the lower iterations, total variation")
        + "<p>MAID (Salehi, Mukherjee, Roberts, Ehrhardt 2025): every step is proved to decrease "
        "the exact loss, from bounds of what inexact solutions may hide.</p>"
    )
    return page_html("Denoising", body, f"Learning: {seconds:.1f} s.")
