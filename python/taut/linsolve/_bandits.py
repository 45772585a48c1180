# SPDX-License-Identifier: BSD-3-Clause
"""Bandits that choose a discrete parameter of a solver from the costs they see."""

from __future__ import annotations

import warnings
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taut import _core
from taut._random import philox_key
from taut.linsolve._matrix import Float64, check_count
from taut.typing import RandomState

__all__ = ["BinnedTsallisINF", "ChebCB", "TsallisINF"]


class _Policy:
    """Rounds of predict and update; a subclass says what it draws from and learns."""

    probabilities_: Float64
    n_rounds_: int

    def __init__(self, n_arms: int, random_state: RandomState) -> None:
        self.n_arms = check_count(n_arms, "n_arms")
        self._key = philox_key(random_state)
        self._arm: int | None = None
        self.n_rounds_ = 0
        self.probabilities_ = np.full(self.n_arms, 1.0 / self.n_arms)

    def predict(self, context: float | None = None) -> int:
        """Return the arm to play in this round; :meth:`update` ends the round.

        Parameters
        ----------
        context : float, default=None
            Needed by policies with a ``context_range``, ignored by others.

        Returns
        -------
        int
            In 0 .. n_arms - 1.

        Raises
        ------
        ValueError
            If a context is missing, not finite, or outside of ``context_range``.
        """
        self._arm = self._draw(context)
        return self._arm

    def update(self, loss: float) -> None:
        """Learn the loss of the arm that was returned last.

        Parameters
        ----------
        loss : float
            At least 1, as every solve takes an iteration.

        Raises
        ------
        ValueError
            If no arm is waiting for its loss, or the loss is below 1 or not finite.
        """
        if self._arm is None:
            raise ValueError("update needs the loss of an arm: call predict first.")
        value = float(loss)
        if not 1.0 <= value < np.inf:
            raise ValueError(f"loss must be a finite number >= 1, got {loss!r}.")
        self._learn(self._arm, value)
        self._arm = None
        self.n_rounds_ += 1

    def _draw(self, context: float | None) -> int:
        raise NotImplementedError

    def _learn(self, arm: int, loss: float) -> None:
        raise NotImplementedError

    def _arrays(self) -> dict[str, Any]:
        raise NotImplementedError

    @property
    def state(self) -> dict[str, Any]:
        """All that was learned, as arrays and numbers; set it to go on from there.

        The seed belongs to it, so a restart draws what would have been drawn.
        """
        own = {name: np.copy(value) for name, value in self._arrays().items()}
        return {"key": self._key, "n_rounds": self.n_rounds_, **own}

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        arrays = self._arrays()
        missing = {"key", "n_rounds", *arrays} - set(state)
        if missing:
            raise ValueError(f"state lacks {', '.join(sorted(missing))}.")
        for name, value in arrays.items():
            new = np.asarray(state[name], dtype=np.float64)
            if new.shape != value.shape:
                raise ValueError(f"state[{name!r}] must have shape {value.shape}, got {new.shape}.")
        for name, value in arrays.items():
            value[...] = state[name]
        self._key = (int(state["key"][0]), int(state["key"][1]))
        self.n_rounds_ = int(state["n_rounds"])
        self._arm = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n_arms={self.n_arms}, n_rounds_={self.n_rounds_})"


class TsallisINF(_Policy):
    r"""Follow the regularised leader with Tsallis entropy of exponent 1/2.

    Round t draws from ``p_i = 4 / (eta (q_i - x))^2`` with ``eta = 2 / sqrt(t)``, where q holds the
    importance-weighted sums of losses over their mean and x makes the sum one. Regret against the
    best fixed arm is at most ``4 sqrt(d T) + 1`` in units of the largest loss, for any sequence.

    Parameters
    ----------
    n_arms : int
    random_state : None, int, Generator or RandomState, default=None

    Attributes
    ----------
    probabilities_ : ndarray of shape (n_arms,)
        What the last arm was drawn from.
    estimates_ : ndarray of shape (n_arms,)
        Sums of ``(loss - 1) / probability``: unbiased for the sum of every arm's losses less one.
    n_rounds_ : int
    state : dict

    Raises
    ------
    ValueError
        If n_arms is not an integer >= 1.

    References
    ----------
    .. [1] J. Zimmert, Y. Seldin (2021), Tsallis-INF: an optimal algorithm for stochastic and
       adversarial bandits, JMLR 22(28).
    .. [2] M. Khodak, E. Chow, M.-F. Balcan, A. Talwalkar (2024), Learning to relax, ICLR.

    Examples
    --------
    >>> from taut.linsolve import TsallisINF
    >>> bandit = TsallisINF(3, random_state=0)
    >>> for _ in range(300):
    ...     bandit.update([9.0, 2.0, 7.0][bandit.predict()])
    >>> int(bandit.probabilities_.argmax())
    1
    """

    def __init__(self, n_arms: int, *, random_state: RandomState = None) -> None:
        super().__init__(n_arms, random_state)
        self.estimates_: Float64 = np.zeros(self.n_arms)
        self._loss_sum: Float64 = np.zeros(1)
        self._stream = 0

    def _draw(self, context: float | None) -> int:
        t = self.n_rounds_
        scale = max(self._loss_sum[0] / t - 1.0, 1e-12) if t else 1.0
        return _core.linsolve_tsallis_draw(
            self.estimates_, scale, 2.0 / (t + 1.0) ** 0.5, *self._key, self._stream, t,
            self.probabilities_,
        )  # fmt: skip

    def _learn(self, arm: int, loss: float) -> None:
        self.estimates_[arm] += (loss - 1.0) / self.probabilities_[arm]
        self._loss_sum[0] += loss

    def _arrays(self) -> dict[str, Any]:
        return {"estimates": self.estimates_, "loss_sum": self._loss_sum}


class _Contextual(_Policy):
    def __init__(
        self,
        n_arms: int,
        context_range: tuple[float, float],
        clip_context: bool,
        random_state: RandomState,
    ) -> None:
        super().__init__(n_arms, random_state)
        self.context_range = check_range(context_range)
        self.clip_context = bool(clip_context)

    def _position(self, context: float | None) -> float:
        """Where a context lies in its range, in [0, 1]."""
        if context is None:
            raise ValueError(f"{type(self).__name__} needs a context: predict(context).")
        value = float(context)
        low, high = self.context_range
        if not low <= value <= high:
            if not self.clip_context or np.isnan(value):
                raise ValueError(
                    f"context must lie in context_range = [{low:g}, {high:g}], got {value:g}. "
                    "Widen the range or pass clip_context=True."
                )
            warnings.warn(
                f"context {value:g} was clipped to context_range = [{low:g}, {high:g}].",
                UserWarning,
                stacklevel=4,
            )
            value = min(max(value, low), high)
        return (value - low) / (high - low)


class BinnedTsallisINF(_Contextual):
    """One :class:`TsallisINF` for each of some equal bins of a context.

    Parameters
    ----------
    n_arms : int
    context_range : pair of floats
        Least and largest context.
    n_bins : int, default=5
    clip_context : bool, default=False
        Move contexts outside of the range to its ends, with a warning, instead of an error.
    random_state : None, int, Generator or RandomState, default=None

    Attributes
    ----------
    bins_ : list of TsallisINF
    probabilities_ : ndarray of shape (n_arms,)
        What the last arm was drawn from.
    n_rounds_ : int
    state : dict

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> from taut.linsolve import BinnedTsallisINF
    >>> bandit = BinnedTsallisINF(2, (0.0, 1.0), n_bins=2, random_state=0)
    >>> for t in range(600):
    ...     c = (t % 2) * 0.9
    ...     arm = bandit.predict(c)
    ...     bandit.update(2.0 if arm == round(c) else 9.0)
    >>> [int(b.probabilities_.argmax()) for b in bandit.bins_]
    [0, 1]
    """

    def __init__(
        self,
        n_arms: int,
        context_range: tuple[float, float],
        *,
        n_bins: int = 5,
        clip_context: bool = False,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(n_arms, context_range, clip_context, random_state)
        self.n_bins = check_count(n_bins, "n_bins")
        self.bins_ = [TsallisINF(self.n_arms, random_state=0) for _ in range(self.n_bins)]
        for stream, part in enumerate(self.bins_):
            part._key, part._stream = self._key, stream
        self._bin = 0

    def _draw(self, context: float | None) -> int:
        self._bin = min(int(self._position(context) * self.n_bins), self.n_bins - 1)
        chosen = self.bins_[self._bin]
        arm = chosen.predict()
        self.probabilities_ = chosen.probabilities_
        return arm

    def _learn(self, arm: int, loss: float) -> None:
        self.bins_[self._bin].update(loss)

    def _arrays(self) -> dict[str, Any]:
        raise NotImplementedError  # the state is that of the bins

    @property
    def state(self) -> dict[str, Any]:
        """All that was learned; set it to go on from there."""
        return {
            "key": self._key,
            "n_rounds": self.n_rounds_,
            "bins": [part.state for part in self.bins_],
        }

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        missing = {"key", "n_rounds", "bins"} - set(state)
        if missing:
            raise ValueError(f"state lacks {', '.join(sorted(missing))}.")
        if len(state["bins"]) != self.n_bins:
            raise ValueError(
                f"state['bins'] must have length {self.n_bins}, got {len(state['bins'])}."
            )
        for part, values in zip(self.bins_, state["bins"], strict=True):
            part.state = values
        self._key = (int(state["key"][0]), int(state["key"][1]))
        self.n_rounds_ = int(state["n_rounds"])
        self._arm = None


class ChebCB(_Contextual):
    r"""Regress the costs of every arm on Chebyshev polynomials of a context; draw by inverse gaps.

    Where the cost of an arm is a Lipschitz function of one number (a shift, a step size), a
    polynomial of low degree predicts it, and after some rounds most draws go to the arm that is
    best in the context at hand. Coefficients stay in a box that such functions obey.

    Parameters
    ----------
    n_arms : int
    context_range : pair of floats
        Least and largest context.
    n_features : int, default=6
        Polynomials of degree below this.
    clip_context : bool, default=False
        Move contexts outside of the range to its ends, with a warning, instead of an error.
    random_state : None, int, Generator or RandomState, default=None

    Attributes
    ----------
    theta_ : ndarray of shape (n_arms, n_features)
        Coefficients of the predicted loss less one, in iterations.
    probabilities_ : ndarray of shape (n_arms,)
        What the last arm was drawn from.
    n_rounds_ : int
    state : dict

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    Gram matrices of the features are kept in unscaled losses, one an arm, so a round costs a small
    eigenproblem however many rounds there were. Arms seen in fewer contexts than features get the
    solution of least norm.

    References
    ----------
    .. [1] M. Khodak, E. Chow, M.-F. Balcan, A. Talwalkar (2024), Learning to relax, ICLR,
       algorithm 3 and appendix.
    .. [2] D. Foster, A. Rakhlin (2020), Beyond UCB: optimal and efficient contextual bandits with
       regression oracles, ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.linsolve import ChebCB
    >>> bandit = ChebCB(5, (0.0, 1.0), random_state=0)
    >>> for c in np.random.default_rng(0).random(2000):
    ...     arm = bandit.predict(c)
    ...     bandit.update(1.0 + 10.0 * abs(c - arm / 4))
    >>> [int(np.argmin(bandit.predict_losses(c))) for c in (0.0, 0.3, 0.5, 1.0)]
    [0, 1, 2, 4]
    """

    _SCALE = 2  # place of the unit of theta among the scalars of the kernel

    def __init__(
        self,
        n_arms: int,
        context_range: tuple[float, float],
        *,
        n_features: int = 6,
        clip_context: bool = False,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(n_arms, context_range, clip_context, random_state)
        d, m = self.n_arms, check_count(n_features, "n_features")
        self.n_features = m
        self._theta, self._rhs = np.zeros((d, m)), np.zeros((d, m))
        self._gram, self._square, self._seen = np.zeros((d, m, m)), np.zeros(d), np.zeros(d)
        self._scalars = np.zeros(6)
        self._u = self._predicted = 0.0

    @property
    def theta_(self) -> Float64:
        """Coefficients of every arm, in iterations."""
        return self._theta * self._scalars[self._SCALE]

    def predict_losses(self, context: float) -> Float64:
        """Return the losses that are predicted for a context, an ndarray of shape (n_arms,)."""
        u = 2.0 * self._position(context) - 1.0
        return 1.0 + np.asarray(np.polynomial.chebyshev.chebval(u, self.theta_.T))

    def mean_losses(self) -> Float64:
        """Return predicted losses, averaged over the contexts seen, an ndarray (n_arms,)."""
        features = self._gram[:, 0, :].sum(axis=0)  # phi_0 = 1
        return 1.0 + self.theta_ @ features / max(self.n_rounds_, 1)

    def _draw(self, context: float | None) -> int:
        self._u = 2.0 * self._position(context) - 1.0
        arm, self._predicted = _core.linsolve_cheb_draw(
            self._theta, self._scalars, self._u, *self._key, self.n_rounds_, self.probabilities_
        )
        return arm

    def _learn(self, arm: int, loss: float) -> None:
        _core.linsolve_cheb_update(
            self._theta, self._gram, self._rhs, self._square, self._seen, self._scalars,
            arm, self._u, self._predicted, loss,
        )  # fmt: skip

    def _arrays(self) -> dict[str, Any]:
        return {
            "theta": self._theta,
            "gram": self._gram,
            "rhs": self._rhs,
            "square": self._square,
            "seen": self._seen,
            "scalars": self._scalars,
        }


def check_range(context_range: Any) -> tuple[float, float]:
    """Return (low, high) with finite low < high."""
    try:
        low, high = context_range
        good = (
            all(isinstance(v, Real) and np.isfinite(float(v)) for v in (low, high)) and low < high
        )
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(
            f"context_range must be a pair of finite numbers (low, high), low < high, "
            f"got {context_range!r}."
        )
    return float(low), float(high)


def check_arms(omegas: Any) -> NDArray[np.float64]:
    """Return a grid of parameters: rising, distinct, in (0, 2)."""
    grid = np.atleast_1d(np.asarray(omegas, dtype=np.float64))
    if grid.ndim != 1 or grid.size == 0 or not ((grid > 0) & (grid < 2)).all():
        raise ValueError(f"omegas must be numbers in the open interval (0, 2), got {omegas!r}.")
    if not (np.diff(grid) > 0).all():
        raise ValueError(f"omegas must be sorted and distinct, got {omegas!r}.")
    return grid
