# SPDX-License-Identifier: BSD-3-Clause
"""Reading a table and turning it into numbers, with an account of everything left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from taut.cli._errors import UsageError, near, require

if TYPE_CHECKING:
    import pandas as pd

CSV_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
PARQUET_ENDINGS = (".parquet", ".pq")
MAX_CLASSES = 20
MAX_LEVELS = 12
FEW_VALUES = 10  # whole numbers with at most this many values are read as classes
MISSING_LEVEL = "(missing)"


@dataclass
class Table:
    """Features as numbers (missing values still in), the target, and what was done to get there."""

    X: pd.DataFrame
    y: NDArray[Any]
    target: str
    task: str  # "regression", "binary" or "multiclass"
    reason: str
    n_rows_read: int
    n_columns_read: int
    n_missing_target: int
    n_dropped_missing: int = 0
    encoded: list[tuple[str, str, int]] = field(default_factory=list)  # column, reference, levels
    left_out: list[tuple[str, str]] = field(default_factory=list)  # column, why


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a CSV, TSV or Parquet file.

    Raises
    ------
    UsageError
        If the file is missing, of an unknown kind, unreadable, or has no rows or columns.
    """
    path = Path(path)
    lower = path.name.lower()
    if not path.exists():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        close = near(path.name, siblings)
        hint = f"did you mean {path.parent / close[0]}?" if close else "check the path"
        raise UsageError(f"no file {path}; {hint}")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give one CSV or Parquet file")
    if not lower.endswith(CSV_ENDINGS + PARQUET_ENDINGS):
        raise UsageError(
            f"cannot tell what kind of table {path.name} is; "
            "use a file that ends in .csv, .tsv, .csv.gz or .parquet"
        )
    require("pandas", "cli")
    frame = _read_parquet(path) if lower.endswith(PARQUET_ENDINGS) else _read_csv(path)
    frame.columns = frame.columns.map(str)
    if frame.columns.has_duplicates:
        double = frame.columns[frame.columns.duplicated()][0]
        raise UsageError(f"{path.name} has two columns named {double!r}; rename one of them")
    if frame.shape[1] == 0 or frame.shape[0] == 0:
        raise UsageError(f"{path.name} has no rows; give a table with a header and data rows")
    return frame


def _read_csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    separator = "\t" if ".tsv" in path.name.lower() else ","
    try:
        frame = pd.read_csv(path, sep=separator, low_memory=False)
    except pd.errors.EmptyDataError:
        raise UsageError(
            f"{path.name} is empty; give a table with a header and data rows"
        ) from None
    except UnicodeDecodeError:
        raise UsageError(f"{path.name} is not UTF-8 text; save it again as CSV in UTF-8") from None
    except (pd.errors.ParserError, OSError, ValueError, EOFError) as error:
        raise UsageError(f"cannot read {path.name} as CSV ({error}); check the file") from None
    if frame.shape[1] == 1 and ";" in str(frame.columns[0]):
        raise UsageError(
            f"{path.name} seems to be separated by semicolons; save it with commas between columns"
        )
    return frame


def _read_parquet(path: Path) -> pd.DataFrame:
    require("pyarrow", "cli")
    import pandas as pd
    import pyarrow

    try:
        return pd.read_parquet(path, engine="pyarrow")
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise UsageError(f"cannot read {path.name} as Parquet ({error}); check the file") from None


def prepare(frame: pd.DataFrame, target: str, *, model: str | None, missing: str) -> Table:
    """Separate the target, find the task, and encode the features.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
    target : str
        Name of the column to predict.
    model : {"lasso", "elasticnet", "logistic", "multinomial"} or None
        None finds the task from the values of the target.
    missing : {"median", "drop"}
        With "drop", rows with a missing feature are removed here.

    Raises
    ------
    UsageError
        If the column is absent, cannot be predicted by the model, or no feature is usable.
    """
    if target not in frame.columns:
        close = near(target, frame.columns)
        shown = close or list(frame.columns[:6])
        lead = "did you mean" if close else "the columns begin"
        end = "?" if close else ""
        raise UsageError(
            f"no column {target!r} in the table; {lead} {', '.join(map(repr, shown))}{end}"
        )
    present = frame[target].notna().to_numpy(dtype=bool)
    kept = frame.loc[present].reset_index(drop=True)
    if kept.empty:
        raise UsageError(f"every value of {target!r} is missing; choose another target")
    y, task, reason = _read_target(kept[target], target, model)
    X, encoded, left_out = _encode(kept.drop(columns=[target]))
    table = Table(
        X=X,
        y=y,
        target=target,
        task=task,
        reason=reason,
        n_rows_read=frame.shape[0],
        n_columns_read=frame.shape[1],
        n_missing_target=int(np.count_nonzero(~present)),
        encoded=encoded,
        left_out=left_out,
    )
    if missing == "drop":
        complete = table.X.notna().all(axis=1).to_numpy(dtype=bool)
        if not complete.any():
            raise UsageError("no row without a missing value; leave out --missing drop")
        table.n_dropped_missing = int(np.count_nonzero(~complete))
        table.X = table.X.loc[complete].reset_index(drop=True)
        table.y = table.y[complete]
    return table


def _read_target(
    column: pd.Series, target: str, model: str | None
) -> tuple[NDArray[Any], str, str]:
    """Return the target as an array, the task, and why this task."""
    import pandas as pd

    numeric = pd.api.types.is_numeric_dtype(column)
    boolean = pd.api.types.is_bool_dtype(column)
    n_values = int(column.nunique())
    if n_values == 1:
        raise UsageError(
            f"target {target!r} has one value only, {column.iloc[0]!r}; nothing can be learnt"
        )
    if numeric and not boolean:
        y = column.to_numpy(dtype=float)
        if not np.isfinite(y).all():
            raise UsageError(f"target {target!r} holds infinite values; remove those rows")
        whole = bool(np.all(y == np.round(y)))
    else:
        y, whole = column.astype(str).to_numpy(dtype=object), False
    if model in ("lasso", "elasticnet"):
        if not numeric or boolean:
            raise UsageError(
                f"target {target!r} is not a number, so --model {model} cannot predict it; "
                "use --model logistic or multinomial"
            )
        return y, "regression", "a number, as --model asked"
    if numeric and not boolean:
        as_number = n_values > 2 and not (whole and n_values <= FEW_VALUES)
        if model is None and as_number:
            return y, "regression", f"a number with {n_values:,} different values"
        y = y.astype(np.int64) if whole else y.astype(str).astype(object)
    if n_values > MAX_CLASSES:
        what = "text values, too many for classes" if not numeric else "values, not classes"
        raise UsageError(
            f"target {target!r} has {n_values} different {what} (at most {MAX_CLASSES}); "
            "choose another target" + (" or --model lasso" if numeric else "")
        )
    if model == "logistic" and n_values > 2:
        raise UsageError(
            f"target {target!r} has {n_values} classes, --model logistic takes two; "
            "use --model multinomial"
        )
    if n_values == 2:
        return y, "binary" if model != "multinomial" else "multiclass", "two different values"
    hint = "; --model lasso reads it as a number" if numeric and not boolean else ""
    return y, "multiclass", f"{n_values} different values{hint}"


def _encode(
    frame: pd.DataFrame,
) -> tuple[pd.DataFrame, list[tuple[str, str, int]], list[tuple[str, str]]]:
    """Numbers stay, text of few values becomes 0/1 columns, the rest is left out with a reason."""
    import pandas as pd

    pieces: list[pd.DataFrame] = []
    encoded: list[tuple[str, str, int]] = []
    left_out: list[tuple[str, str]] = []
    for name in frame.columns:
        column = frame[name]
        n_values = int(column.nunique())
        if n_values == 0:
            left_out.append((name, "all values are missing"))
        elif pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
            values = column.to_numpy(dtype=float, na_value=np.nan)
            if _is_row_counter(values):
                left_out.append((name, "counts the rows"))
                continue
            values = np.where(np.isfinite(values), values, np.nan)
            pieces.append(pd.DataFrame({name: values}))
        elif pd.api.types.is_datetime64_any_dtype(column):
            left_out.append((name, "a date; turn it into a number to use it"))
        elif n_values > MAX_LEVELS or 2 * n_values > len(column):
            left_out.append((name, f"text with {n_values:,} different values, like an identifier"))
        else:
            levels = column.astype(object).where(column.notna(), MISSING_LEVEL).map(str)
            reference = levels.value_counts().index[0]
            others = sorted(set(levels) - {reference})
            if not others:
                left_out.append((name, "has one value only"))
                continue
            pieces.append(pd.DataFrame({f"{name} = {v}": (levels == v) * 1.0 for v in others}))
            encoded.append((name, reference, len(others) + 1))
    if not pieces:
        detail = f" ({left_out[0][0]!r}: {left_out[0][1]})" if left_out else ""
        raise UsageError(
            f"no usable feature column{detail}; "
            f"give numeric columns or text columns of at most {MAX_LEVELS} values"
        )
    X = pd.concat(pieces, axis=1)
    if X.columns.has_duplicates:
        double = X.columns[X.columns.duplicated()][0]
        raise UsageError(f"two features would be named {double!r}; rename one column")
    return X, encoded, left_out


def _is_row_counter(values: NDArray[np.float64]) -> bool:
    """True for a column 0, 1, 2, ... or 1, 2, 3, ...: an index written into the file."""
    if values.size < 10 or values[0] not in (0.0, 1.0):
        return False
    return bool(np.array_equal(values, values[0] + np.arange(values.size)))
