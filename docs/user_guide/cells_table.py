# SPDX-License-Identifier: BSD-3-Clause
"""Writes cells.md, the table datafit x penalty, from the list that the estimators use.

python docs/user_guide/cells_table.py
"""

from __future__ import annotations

from pathlib import Path

from taut.datafits import BY_NAME as DATAFITS
from taut.linear_model import refusal
from taut.penalties import BY_NAME as PENALTIES

PAGE = Path(__file__).with_name("cells.md")

HEAD = """# Which datafit goes with which penalty

Made by `docs/user_guide/cells_table.py`; do not edit. `gap`: solved until the duality gap is at
most `tol` times the loss of the model without coefficients. `stationary`: the penalty is not
convex, solved until the distance to stationarity is at most `tol` times its value at zero. A
number: refused, for the reason below. All cells take dense and CSC designs (int32 and int64
indices), float64 and float32, weights, offsets, an intercept, standardisation and penalty
factors; penalties of single coefficients take bounds too. `tests/test_cells.py` fits every cell
on every kind of design and on random problems, and judges it by `taut.testing`, which knows
nothing of the solvers.
"""


def table() -> str:
    """Return the page."""
    reasons: list[str] = []
    lines = [
        "| datafit | " + " | ".join(f"`{name}`" for name in PENALTIES) + " |",
        "| --- |" + " --- |" * len(PENALTIES),
    ]
    for datafit in DATAFITS:
        row = []
        for name, penalty in PENALTIES.items():
            reason = refusal(datafit, name)
            if reason is None:
                row.append("gap" if penalty.convex else "stationary")
                continue
            if reason not in reasons:
                reasons.append(reason)
            row.append(f"({reasons.index(reason) + 1})")
        lines.append(f"| `{datafit}` | " + " | ".join(row) + " |")
    notes = [f"{i + 1}. {reason[0].upper()}{reason[1:]}." for i, reason in enumerate(reasons)]
    return "\n".join([HEAD, *lines, "", *notes, ""])


if __name__ == "__main__":
    PAGE.write_text(table())
