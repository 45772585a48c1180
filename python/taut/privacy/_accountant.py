# SPDX-License-Identifier: BSD-3-Clause
"""What several releases about the same people cost together."""

from __future__ import annotations

import math
import threading
from typing import Any, NamedTuple

from taut.exceptions import PrivacyBudgetExceeded

_LOCK = threading.Lock()


class Charge(NamedTuple):
    """One release.

    Attributes
    ----------
    epsilon : float
    label : str

    See Also
    --------
    PrivacyAccountant : Keeps a list of them.

    Examples
    --------
    >>> from taut.privacy import PrivacyAccountant
    >>> budget = PrivacyAccountant(1.0)
    >>> budget.charge(0.75, "survival by treatment")
    >>> budget.charges[0].epsilon
    0.75
    """

    epsilon: float
    label: str


class PrivacyAccountant:
    """A privacy budget and what was spent of it, by pure composition: epsilons add up.

    Give one accountant to all estimators that see the same people, subgroups of them included. It
    knows of the releases that were charged to it and of no others; tuning a grid or an epsilon on
    the data and fitting again is one more release each time. A clone of an estimator shares the
    accountant; a pickled one is a second budget, so keep it in one process.

    Parameters
    ----------
    epsilon_total : float
        Budget, > 0.

    Attributes
    ----------
    charges : tuple of Charge
        ``(epsilon, label)`` of each release so far.

    Raises
    ------
    ValueError
        If the budget is not positive and finite.

    References
    ----------
    .. [1] C. Dwork, F. McSherry, K. Nissim, A. Smith (2006), Calibrating noise to sensitivity in
       private data analysis, TCC.

    Examples
    --------
    >>> from taut.privacy import PrivacyAccountant
    >>> budget = PrivacyAccountant(1.0)
    >>> budget.charge(0.75, "survival by treatment")
    >>> budget.epsilon_left
    0.25
    """

    def __init__(self, epsilon_total: float) -> None:
        self.epsilon_total = check_epsilon(epsilon_total, "epsilon_total")
        self._charges: list[Charge] = []

    @property
    def charges(self) -> tuple[Charge, ...]:
        """``(epsilon, label)`` of each release so far."""
        return tuple(self._charges)

    @property
    def epsilon_spent(self) -> float:
        """Sum over all releases."""
        return math.fsum(c.epsilon for c in self._charges)

    @property
    def epsilon_left(self) -> float:
        """What may still be spent."""
        return max(self.epsilon_total - self.epsilon_spent, 0.0)

    def charge(self, epsilon: float, label: str = "") -> None:
        """Pay for a release before it is made.

        Parameters
        ----------
        epsilon : float
            > 0.
        label : str
            What is released.

        Raises
        ------
        PrivacyBudgetExceeded
            If less than ``epsilon`` is left. The budget stays as it was.
        """
        value = check_epsilon(epsilon)
        with _LOCK:  # of several threads, one is the first
            # Ten times 0.1 is all of 1.0: roundings of the sum do not count.
            if math.fsum([self.epsilon_spent, value]) > self.epsilon_total * (1 + 1e-12):
                raise PrivacyBudgetExceeded(
                    f"a release of epsilon = {value:g} would exceed the budget: "
                    f"{self.epsilon_spent:g} of {self.epsilon_total:g} is spent. Nothing was "
                    "released."
                )
            self._charges.append(Charge(value, str(label)))

    def as_zcdp(self, delta: float) -> tuple[float, float]:
        """The same releases by concentrated privacy, which is less for many small ones.

        An epsilon-private release is ``epsilon**2 / 2`` zero-concentrated (Bun and Steinke 2016,
        proposition 1.4); these add up, and give ``(rho + 2 sqrt(rho log(1 / delta)), delta)``
        (proposition 1.3).

        Parameters
        ----------
        delta : float
            In (0, 1): probability with which the guarantee may fail; far below 1 / n.

        Returns
        -------
        rho, epsilon : float
        """
        if not 0.0 < delta < 1.0:
            raise ValueError(f"delta must lie strictly between 0 and 1, got {delta!r}.")
        rho = math.fsum(0.5 * c.epsilon**2 for c in self._charges)
        return rho, rho + 2.0 * math.sqrt(rho * math.log(1.0 / delta))

    # Copies would be budgets of their own.
    def __copy__(self) -> PrivacyAccountant:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> PrivacyAccountant:
        return self

    def __repr__(self) -> str:
        return f"PrivacyAccountant({self.epsilon_total:g}, spent={self.epsilon_spent:g})"


def check_epsilon(epsilon: Any, name: str = "epsilon") -> float:
    """Return a positive, finite number, or say what is wrong."""
    try:
        value = float(epsilon)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number > 0, got {epsilon!r}.") from None
    if not (value > 0.0 and math.isfinite(value)):
        raise ValueError(f"{name} must be > 0 and finite, got {epsilon!r}.")
    return value
