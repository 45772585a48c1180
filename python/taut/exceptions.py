# SPDX-License-Identifier: BSD-3-Clause
"""Warnings and errors that taut raises; those of scikit-learn wherever it has one."""

from __future__ import annotations

from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError

__all__ = [
    "CollinearityError",
    "ConvergenceWarning",
    "DataConversionWarning",
    "NotFittedError",
    "OptionalDependencyError",
    "PrivacyBudgetExceeded",
    "PrivacyGuaranteeWarning",
]


class CollinearityError(ValueError):
    """Columns of a design matrix are linearly dependent where they must not be.

    Parameters
    ----------
    message : str
    columns : tuple of int or str, default=()
        The columns that depend on others, by name where names are known.

    Examples
    --------
    >>> from taut.exceptions import CollinearityError
    >>> CollinearityError("columns depend", ("b",)).columns
    ('b',)
    """

    def __init__(self, message: str, columns: tuple[int | str, ...] = ()) -> None:
        super().__init__(message)
        self.columns = columns


class OptionalDependencyError(ImportError):
    """A feature needs a package that taut does not depend on.

    Parameters
    ----------
    feature : str
        What was asked for, as the subject of a sentence.
    package : str
        Name of the missing package.
    extra : str or None, default=None
        The extra of taut that installs it.

    Examples
    --------
    >>> from taut.exceptions import OptionalDependencyError
    >>> print(OptionalDependencyError("A figure", "matplotlib", "plot"))
    A figure needs matplotlib. Install it with: pip install 'taut[plot]'
    """

    def __init__(self, feature: str, package: str, extra: str | None = None) -> None:
        target = f"taut[{extra}]" if extra else package
        super().__init__(f"{feature} needs {package}. Install it with: pip install '{target}'")
        self.feature = feature
        self.package = package
        self.extra = extra


class PrivacyBudgetExceeded(RuntimeError):
    """A release would cost more than what is left of a privacy budget; nothing was released.

    Examples
    --------
    >>> from taut.exceptions import PrivacyBudgetExceeded
    >>> from taut.privacy import PrivacyAccountant
    >>> try:
    ...     PrivacyAccountant(1.0).charge(2.0)
    ... except PrivacyBudgetExceeded:
    ...     print("nothing was released")
    nothing was released
    """


class PrivacyGuaranteeWarning(UserWarning):
    """A result is called private, or looks so, without the guarantee that its reader may expect.

    Examples
    --------
    >>> import warnings
    >>> from taut.exceptions import PrivacyGuaranteeWarning
    >>> warnings.simplefilter("error", PrivacyGuaranteeWarning)  # no release without a guarantee
    """
