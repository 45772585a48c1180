# SPDX-License-Identifier: BSD-3-Clause
"""Small frozen objects that carry the parameters of a penalty or a datafit."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np

from taut._validation import is_real

H = TypeVar("H", bound="Holder")


@dataclass(frozen=True, eq=False, repr=False)
class Holder:
    """Checked at construction, equal by value, readable by scikit-learn's nested parameters.

    Being frozen it has no ``set_params``; estimators replace it (``model.set_params(
    penalty__gamma=2.0)`` works), so that a holder may be shared.
    """

    def __post_init__(self) -> None:
        self._check()

    def _check(self) -> None:
        """Raise a ValueError or TypeError for a parameter out of its range."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Accepted as in scikit-learn; there is nothing deeper.

        Returns
        -------
        dict
        """
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def with_params(self: H, **params: Any) -> H:
        """Return the same with some parameters replaced.

        Parameters
        ----------
        **params
            Parameters of the constructor.

        Raises
        ------
        ValueError
            If a name is unknown or a value out of its range.
        """
        known = [field.name for field in fields(self)]
        unknown = sorted(set(params) - set(known))
        if unknown:
            raise ValueError(
                f"{type(self).__name__} has no parameter {', '.join(unknown)}; it has "
                f"{', '.join(known) or 'none'}."
            )
        return replace(self, **params)

    def __sklearn_clone__(self: H) -> H:
        return self

    def __repr__(self) -> str:
        changed = [
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)
            if not _same(getattr(self, field.name), field.default)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Holder) or type(self) is not type(other):
            return NotImplemented
        theirs = other.get_params()
        return all(_same(value, theirs[name]) for name, value in self.get_params().items())

    def __hash__(self) -> int:
        numbers = [v for v in self.get_params().values() if isinstance(v, int | float | str)]
        return hash((type(self), *numbers))


def _same(one: Any, two: Any) -> bool:
    if one is two:
        return True
    if np.isscalar(one) or np.isscalar(two) or one is None or two is None:
        return bool(np.isscalar(one) and np.isscalar(two) and one == two)
    try:
        return bool(np.array_equal(np.asarray(one), np.asarray(two)))
    except ValueError:  # lists of several lengths have no array
        return list(map(list, one)) == list(map(list, two))


def require_number(name: str, value: Any, *, must: str, ok: bool) -> None:
    """Raise unless `value` is a real number for which `ok` holds; `must` finishes the message.

    Raises
    ------
    TypeError
        If it is not a real number.
    ValueError
        If `ok` is false (NaN makes every comparison false).
    """
    if not is_real(value):
        raise TypeError(f"{name} must be a number and must {must}, got {value!r}.")
    if not ok:
        raise ValueError(f"{name} must {must}, got {value}.")


def from_name(value: str | H, by_name: dict[str, type[H]], kind: type[H]) -> H:
    """Return a holder from itself or from its name; `kind` is the class of them all.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If it is neither a name nor a holder of that kind.
    """
    if isinstance(value, kind):
        return value
    what = kind.__name__.lower()
    names = ", ".join(repr(name) for name in by_name)
    if not isinstance(value, str):
        home = kind.__module__
        raise TypeError(f"{what} must be one of {names}, or of {home}, got {value!r}.")
    if value not in by_name:
        raise ValueError(f"{what} must be one of {names}, got {value!r}.")
    return by_name[value]()


__all__ = ["Holder", "from_name", "require_number"]
