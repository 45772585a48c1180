# SPDX-License-Identifier: BSD-3-Clause
"""The page of ``taut demo`` on colour transfer."""

from __future__ import annotations

import time

import numpy as np

from taut.cli._html import figure_html, number, page_html, table_html


def colors_report(n_jobs: int | None = None) -> str:
    """HTML page: scikit-learn's temple in the colours of its flower, by three kinds of plan."""
    from matplotlib.figure import Figure
    from sklearn.datasets import load_sample_image

    from taut.ot import transfer_colors

    source, target = (load_sample_image(f"{name}.jpg")[::2, ::2] for name in ("china", "flower"))
    images, rows, seconds = {"source": source, "colours from": target}, [], 0.0
    for title, method in (("quadratic", "l2"), ("entropic", "entropic"), ("exact", "exact")):
        if method == "exact" and not _has_network_simplex():
            continue  # SciPy's linear programming would take longer than the rest of the demo
        start = time.perf_counter()
        images[title], result = transfer_colors(source, target, method=method, n_jobs=n_jobs)
        seconds += time.perf_counter() - start
        partners = float(np.mean(np.asarray((result.plan > 0).sum(axis=0))))
        rows.append(
            (
                title,
                number(result.linear_cost, 4),
                number(partners, 3),
                f"{result.duality_gap:.1e}",
                f"{max(result.marginal_error):.1e}",
            )
        )
    figure = Figure(figsize=(8.4, 4.2), layout="constrained")
    for ax, (title, image) in zip(figure.subplots(2, 3).flat, images.items(), strict=False):
        ax.imshow(image, interpolation="nearest")
        ax.set_title(title, loc="left", fontsize=10)
    for ax in figure.axes:
        ax.set_axis_off()
    header = ("Plan", "Cost", "Partners of a colour", "Duality gap", "Marginal error")
    body = (
        "<h1>Colours by optimal transport</h1>\n"
        '<p class="lead">Two photographs that come with scikit-learn, reduced to 256 colours each. '
        "A plan moves one palette onto the other at least cost; pixels move as their colour does."
        "</p>\n"
        + figure_html(figure, "two photographs and the first in the colours of the second")
        + table_html(header, rows, " nnnn")
        + "<p>The gap bounds how much better any plan could be.</p>"
    )
    return page_html("Colours", body, f"All plans together: {seconds:.1f} s.")


def _has_network_simplex() -> bool:
    import importlib.util

    return importlib.util.find_spec("ot") is not None
