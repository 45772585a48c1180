# SPDX-License-Identifier: BSD-3-Clause
"""Learned filters as small images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from taut._validation import is_integral
from taut.plotting import _style


class FilterDisplay:
    """Atoms of a dictionary as images side by side, each scaled by its largest entry.

    Parameters
    ----------
    components : array-like of shape (n_components, height * width)
    shape : tuple of two int
        Height and width.
    order : array-like of int, optional
        Which filters, in the order of the rows of the picture; by default all.

    Attributes
    ----------
    order : ndarray of shape (n_filters,)
    ax_ : Axes
    figure_ : Figure
    image_ : AxesImage
        The montage; its array is masked between the filters.

    Raises
    ------
    ImportError
        In ``plot``, if matplotlib is not installed.
    ValueError
        If the shape is not that of an atom, or the order holds other numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.plotting import FilterDisplay
    >>> FilterDisplay(np.eye(4), shape=(2, 2)).order
    array([0, 1, 2, 3])
    """

    ax_: Any
    figure_: Any
    image_: Any

    def __init__(
        self, components: ArrayLike, *, shape: tuple[int, int], order: ArrayLike | None = None
    ) -> None:
        self.components = np.asarray(components, dtype=float)
        if self.components.ndim != 2:
            raise ValueError(
                f"components must have two dimensions, got shape {self.components.shape}."
            )
        n, size = self.components.shape
        if len(shape) != 2 or shape[0] * shape[1] != size:
            raise ValueError(
                f"shape must be two sides whose product is {size}, the length of a filter, got "
                f"{shape!r}."
            )
        self.shape = shape
        self.order = np.arange(n) if order is None else np.asarray(order, dtype=int)
        if self.order.ndim != 1 or not ((self.order >= 0) & (self.order < n)).all():
            raise ValueError(f"order must hold numbers of filters in 0 .. {n - 1}, got {order!r}.")

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        ax: Any = None,
        *,
        shape: tuple[int, int],
        n_filters: int | None = None,
        cmap: str = "gray",
    ) -> FilterDisplay:
        """Draw the atoms of a fitted estimator with ``components_``, the most used first.

        Parameters
        ----------
        estimator : fitted DictionaryLearner, or other estimator with ``components_``
            Without ``usage_`` the order is that of ``components_``.
        ax : Axes, optional
            Where to draw. A new figure is made when it is None.
        shape : tuple of two int
        n_filters : int, optional
            How many at most, >= 1.
        cmap : str, default="gray"
            Zero is in the middle of the colours.
        """
        _style.require(estimator, "components_", "a DictionaryLearner or SparseCoder")
        components = estimator.components_
        if n_filters is not None and not (is_integral(n_filters) and n_filters >= 1):
            raise ValueError(f"n_filters must be a whole number >= 1, got {n_filters!r}.")
        usage = getattr(estimator, "usage_", np.zeros(len(components)))
        order = np.argsort(-np.asarray(usage), kind="stable")[:n_filters]
        return cls(components, shape=shape, order=order).plot(ax, cmap=cmap)

    def plot(self, ax: Any = None, *, cmap: str = "gray") -> FilterDisplay:
        """Draw into ``ax``, or into a new figure.

        Parameters
        ----------
        ax : Axes, optional
        cmap : str, default="gray"

        Returns
        -------
        FilterDisplay
            The display itself, with ``ax_``, ``figure_`` and ``image_`` set.
        """
        h, w = self.shape
        n_cols = int(np.ceil(np.sqrt(self.order.size * h / w)))
        n_rows = -(-self.order.size // n_cols)
        picture = np.ma.masked_all((n_rows * (h + 1) - 1, n_cols * (w + 1) - 1))
        for place, k in enumerate(self.order):
            top, left = place // n_cols * (h + 1), place % n_cols * (w + 1)
            atom = self.components[k].reshape(h, w)
            picture[top : top + h, left : left + w] = atom / max(np.abs(atom).max(), 1e-300)
        (ax,) = _style.take_axes(ax, 1)
        self.image_ = ax.imshow(picture, cmap=cmap, vmin=-1, vmax=1, interpolation="nearest")
        ax.set_axis_off()
        self.ax_, self.figure_ = ax, _style.figure_of(ax)
        return self
