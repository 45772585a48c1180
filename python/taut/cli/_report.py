# SPDX-License-Identifier: BSD-3-Clause
"""The report of one fit: a single HTML page that needs nothing else."""

from __future__ import annotations

import platform
from html import escape

import numpy as np

from taut.cli import _figures
from taut.cli._fit import MODEL_NAMES, FitResult
from taut.cli._html import beside, number, page_html, plural, signed, table_html, tile_html

MAX_ROWS = 40


def report_html(result: FitResult, *, source: str, command: str, about: str = "") -> str:
    """Return the whole page.

    Parameters
    ----------
    result : FitResult
    source : str
        Name of the table, for the title.
    command : str
        The command that makes this report again.
    about : str
        A sentence on where the data come from, plain text.
    """
    title = f"{source}: what predicts {result.table.target}?"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="lead">{_lead(result)}</p>',
        f"<p>{escape(about)}</p>" if about else "",
        _tiles(result),
        _chosen(result),
        _held_out(result),
        _data(result),
        _screening(result),
        "<h2>How strong the penalty was made</h2>",
        _penalty(result),
        _figures.cv_curve(result),
        "<h2>How features enter the model</h2>",
        "<p>Each curve is one feature. From left to right the penalty weakens and more features "
        "come in. Coefficients are per standard deviation of the feature, so that their sizes can "
        "be compared.</p>",
        _figures.path(result),
        _certificate(result),
        _again(result, command),
    ]
    return page_html(title, "\n".join(part for part in parts if part), _footer(result))


def verdict(result: FitResult) -> str:
    """In a few words, how the model compares with the trivial prediction."""
    score = result.scores[0]
    gain = score.value - score.baseline
    if score.better == "lower":
        gain = -gain
    return "better than" if gain > 1e-12 else "no better than"


def _lead(result: FitResult) -> str:
    p = result.X_train.shape[1]
    name = MODEL_NAMES[result.model]
    score = result.scores[0]
    value, trivial = beside(score.value, score.baseline)
    grouped = ", features chosen for all classes together" if result.options.grouped else ""
    return (
        f"{escape(name)}{grouped}: {result.n_chosen} of {plural(p, 'feature')} chosen, "
        f"{verdict(result)} the trivial prediction on {plural(result.y_test.size, 'row')} "
        f"held out ({escape(score.name)} {value} against {trivial})."
    )


def _tiles(result: FitResult) -> str:
    certificate = result.certificate
    tiles = [
        tile_html(
            f"{score.name}, held out",
            beside(score.value, score.baseline)[0],
            f"trivial: {beside(score.value, score.baseline)[1]} ({escape(score.baseline_name)})",
        )
        for score in result.scores[:2]
    ]
    tiles.append(
        tile_html(
            "Features chosen",
            f"{result.n_chosen} of {result.X_train.shape[1]}",
            f"by {result.options.cv}-fold cross-validation",
        )
    )
    tiles.append(
        tile_html(
            "Largest gap to the optimum",
            number(certificate.largest_gap, 2),
            f"of the null objective; asked: {number(certificate.tol, 1)}",
        )
    )
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _chosen(result: FitResult) -> str:
    names = list(result.X_train.columns)
    several = result.coef.shape[0] > 1
    intro = (
        "Sign and size of each coefficient, per standard deviation of the feature, and the share "
        f"of the {result.options.cv} folds in which it was chosen too. A feature that most folds "
        "leave out is a weak finding. Coefficients are shrunk towards zero, and are associations, "
        "not causes."
    )
    if result.table.task == "binary" and not several:
        positive = escape(str(result.estimator.classes_[1]))
        intro += (
            f" <span class='up'>Positive</span> coefficients speak for class <b>{positive}</b>."
        )
    parts = [f"<h2>Chosen features</h2>\n<p>{intro}</p>"]
    blocks = []
    for k in range(result.coef.shape[0]):
        label = ""
        if several:
            value = f"{result.table.target} = {result.estimator.classes_[k]}"
            label = f"<h3>{escape(value)}</h3>"
        both = f"{_figures.coefficients(result, k)}<div>{_details(result, k, names)}</div>"
        blocks.append(f'{label}\n<div class="pair">{both}</div>')
    parts += blocks
    return "\n".join(parts)


def _details(result: FitResult, k: int, names: list[str]) -> str:
    coef, frequency = result.coef[k], result.frequency[k]
    standard = coef * result.scale
    order = np.argsort(-np.abs(standard), kind="stable")[: int(np.count_nonzero(coef))]
    if order.size == 0:
        return "<p>None: the prediction is the same for every row.</p>"
    rows = [
        (
            escape(names[j]),
            signed(standard[j]),
            signed(coef[j]),
            f"{100 * frequency[j]:.0f}%",
        )
        for j in order[:MAX_ROWS]
    ]
    more = order.size - len(rows)
    note = f"<p>{plural(more, 'smaller coefficient')} not listed.</p>" if more > 0 else ""
    header = ("Feature", "per SD", "per unit", "in folds")
    return table_html(header, rows, " nnn") + note


def _held_out(result: FitResult) -> str:
    rows = [
        (
            escape(score.name),
            *beside(score.value, score.baseline),
            escape(f"{score.baseline_name}; {score.better} is better"),
        )
        for score in result.scores
    ]
    n = result.y_test.size
    counted = ""
    if result.table.task != "regression":
        hits = int(np.count_nonzero(result.y_pred == result.y_test))
        counted = f" {hits} of {plural(n, 'row')} predicted rightly."
    return (
        "<h2>On rows the model has not seen</h2>\n"
        f"<p>{plural(n, 'row')} were set aside before anything was fitted.{counted}"
        + (" With so few rows the figures are rough." if n < 50 else "")
        + "</p>\n"
        + table_html(("", "Model", "Trivial", "The trivial prediction"), rows, " nn")
        + _figures.held_out(result)
    )


def _data(result: FitResult) -> str:
    table = result.table
    rows = [
        ("Rows in the table", f"{table.n_rows_read:,}"),
        ("Dropped, target missing", f"{table.n_missing_target:,}"),
    ]
    if result.options.missing == "drop":
        rows.append(("Dropped, a feature missing", f"{table.n_dropped_missing:,}"))
    rows += [
        ("Used for fitting", f"{result.y_train.size:,}"),
        ("Held out", f"{result.y_test.size:,}"),
        ("Columns in the table", f"{table.n_columns_read:,}"),
        ("Features offered to the model", f"{result.X_train.shape[1]:,}"),
        ("Target", f"{escape(table.target)}: {escape(table.reason)}"),
        ("Its values", _target_summary(result)),
    ]
    parts = ["<h2>The data</h2>", table_html(("", ""), rows)]
    if result.n_filled:
        total = sum(result.n_filled.values())
        listed = sorted(result.n_filled.items(), key=lambda item: -item[1])[:8]
        columns = ", ".join(f"{escape(name)} ({count:,})" for name, count in listed)
        more = ", …" if len(result.n_filled) > len(listed) else ""
        parts.append(
            f"<p>{plural(total, 'missing value')} in {plural(len(result.n_filled), 'column')} "
            "were filled with the column's median over the rows used for fitting: "
            f"{columns}{more}.</p>"
        )
    else:
        parts.append("<p>No missing value had to be filled.</p>")
    if table.encoded:
        items = "".join(
            f"<li>{escape(name)}: {plural(levels, 'value')}, compared with "
            f"{escape(reference)}, the most frequent one</li>"
            for name, reference, levels in table.encoded
        )
        parts.append(f"<p>Text columns turned into 0/1 features:</p><ul>{items}</ul>")
    left_out = [
        *table.left_out,
        *((n, "one value in the rows for fitting") for n in result.constant),
    ]
    if left_out:
        items = "".join(f"<li>{escape(n)}: {escape(why)}</li>" for n, why in left_out[:30])
        more = f"<li>and {len(left_out) - 30:,} more</li>" if len(left_out) > 30 else ""
        parts.append(f"<p>Columns left out:</p><ul>{items}{more}</ul>")
    return "\n".join(parts)


def _target_summary(result: FitResult) -> str:
    y = result.table.y
    if result.table.task == "regression":
        low, middle, high = np.quantile(y.astype(float), [0.0, 0.5, 1.0])
        return f"from {number(low)} to {number(high)}, median {number(middle)}"
    classes, counts = np.unique(y, return_counts=True)
    return ", ".join(f"{escape(str(c))} ({n:,})" for c, n in zip(classes, counts, strict=True))


def _screening(result: FitResult) -> str:
    threshold = result.options.vif
    if threshold is None:
        return ""
    head = (
        "<h2>Screening for near-duplicate columns</h2>\n"
        "<p>The variance inflation factor of a column says how well the other columns predict it "
        f"(1: not at all). While any exceeded {number(threshold)}, the largest was taken out, "
        "looking at the rows for fitting only and never at the target. The folds below share this "
        "choice.</p>\n"
    )
    if not result.screened:
        return head + "<p>No column had to go.</p>"
    rows = [(escape(name), number(vif)) for name, vif in result.screened]
    return head + table_html(("Taken out", "factor"), rows, " n")


def _penalty(result: FitResult) -> str:
    estimator, options = result.estimator, result.options
    if options.rule == "1se":
        rule = (
            "the strongest penalty whose loss is within one standard error of the least "
            "(“1 standard error”): fewer features at hardly any loss"
        )
    else:
        rule = "the penalty of least cross-validated loss (“minimum”)"
    ratio = getattr(estimator, "l1_ratio", 1.0)
    mixture = f" Share of the absolute-value penalty: {number(ratio)}." if ratio != 1.0 else ""
    strengths = plural(result.certificate.n_alphas, "strength")
    return (
        f"<p>{options.cv}-fold cross-validation over {strengths}; taken was {rule}."
        f"{mixture} Chosen: alpha = {number(float(estimator.alpha_))} "
        f"(minimum at {number(float(estimator.alpha_min_))}, one standard error at "
        f"{number(float(estimator.alpha_1se_))}).</p>"
    )


def _certificate(result: FitResult) -> str:
    c = result.certificate
    if c.holds:
        text = (
            "Every model on the path is proven to be optimal to the tolerance asked for: its "
            "duality gap bounds how much lower any other coefficients could bring the objective."
        )
    else:
        text = (
            "Not every model on the path reached the tolerance asked for. The duality gap below "
            "bounds how much lower the objective could still go."
        )
    rows = [
        ("Largest gap on the path, relative to the null objective", number(c.largest_gap)),
        ("Gap of the chosen model, relative to the null objective", number(c.chosen_gap)),
        ("Tolerance asked for", number(c.tol, 1)),
        ("Models on the path", f"{c.n_alphas:,}"),
        ("Iterations, all models together", f"{c.n_iter_total:,}"),
        ("Iterations, most for one model", f"{c.n_iter_max:,}"),
    ]
    notes = "".join(f"<li>{escape(note)}</li>" for note in result.notes)
    said = f"<p>Said during the fit:</p><ul>{notes}</ul>" if notes else ""
    return (
        f'<h2>Certificate</h2>\n<p class="{"ok" if c.holds else "bad"}">{text}</p>\n'
        + table_html(("", ""), rows, " n")
        + said
    )


def _again(result: FitResult, command: str) -> str:
    return (
        "<h2>To make this report again</h2>\n"
        f"<pre><code>{escape(command)}</code></pre>\n"
        f"<p>Seed {result.options.seed} decides which rows are held out and which fold a row "
        "belongs to.</p>"
    )


def _footer(result: FitResult) -> str:
    import sklearn

    from taut._version import __version__

    return (
        f"Made by taut {escape(__version__)} with Python {platform.python_version()}, "
        f"NumPy {escape(np.__version__)}, scikit-learn {escape(sklearn.__version__)} in "
        f"{result.seconds:.1f} s."
    )
