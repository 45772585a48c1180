# SPDX-License-Identifier: BSD-3-Clause
"""A solver that sets its own parameter while it solves."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator
from sklearn.base import BaseEstimator

from taut._threads import n_threads
from taut.exceptions import NotFittedError
from taut.linsolve._bandits import BinnedTsallisINF, ChebCB, TsallisINF, check_arms, check_range
from taut.linsolve._matrix import (
    ORDERINGS,
    Float64,
    Pattern,
    Rows,
    Split,
    check_choice,
    check_count,
    check_tol,
    check_vector,
    ordering_of,
)
from taut.linsolve._solve import (
    SolveResult,
    Stop,
    as_operator,
    as_preconditioner,
    find_stencil,
    preconditioned_cg,
    run,
    run_stencil,
    warn_asymmetry,
    warn_ending,
)
from taut.typing import RandomState

__all__ = ["RelaxationSolver"]

Policy = TsallisINF | BinnedTsallisINF | ChebCB
POLICIES = ("tsallis_inf", "cheb", "binned", "fixed")


class RelaxationSolver(BaseEstimator):
    r"""Solve many related systems, learning the relaxation parameter from the iterations seen.

    Each call of :meth:`solve` plays one round of a bandit over a grid of parameters: the parameter
    is drawn, the system solved, and the number of iterations is the loss. No spectrum is computed.
    Over a sequence the total is near that of the best fixed parameter, and with a context (the
    shift, the step size) near that of the best parameter of each system.

    Parameters
    ----------
    method : {"sor", "ssor", "ssor_cg", "cg"}, default="sor"
        "cg" has no parameter and needs ``policy="fixed"``; it takes a preconditioner.
    policy : {"tsallis_inf", "cheb", "binned", "fixed"}, default="tsallis_inf"
        :class:`TsallisINF`, :class:`ChebCB` and :class:`BinnedTsallisINF`, the last two with a
        context; "fixed" uses one parameter.
    omegas : array-like of shape (n_omegas,), default=None
        Grid in (0, 2), rising. By default 20 values from 1 to 1.95; 1.5 for ``policy="fixed"``,
        which takes a single one.
    context_range : pair of floats, default=None
        Needed by "cheb" and "binned".
    n_features : int, default=6
        Of "cheb".
    n_bins : int, default=5
        Of "binned".
    clip_context : bool, default=False
        Move contexts outside of the range to its ends, with a warning, instead of an error.
    tol : float, default=1e-8
        In (0, 1), relative to the first residual for "sor" and "ssor" and to b for "ssor_cg" and
        "cg", unless ``norm_ref`` says otherwise.
    max_iter : int, default=10000
        Also the loss of a solve that does not converge.
    ordering : {"auto", "natural", "multicolor"}, default="auto"
        "auto" is "multicolor" for "sor" and "ssor", else "natural".
    norm_ref : {"r0", "b"}, default=None
    cost : {"iterations", "time"}, default="iterations"
        What is learned from. Microseconds are noisy, and runs that learn from them cannot be
        repeated.
    n_jobs : int or None, default=None
        Threads. Iterations, and so arms, are the same for any number.
    random_state : None, int, Generator or RandomState, default=None

    Attributes
    ----------
    omegas_ : ndarray of shape (d,)
    policy_ : TsallisINF, BinnedTsallisINF, ChebCB, or None for "fixed"
        Its ``state`` can be saved and set.
    n_rounds_ : int
    costs_ : ndarray of shape (n_rounds,)
        Losses, in order.
    arms_ : ndarray of shape (n_rounds,)
        Positions in ``omegas_``.
    probabilities_ : ndarray of shape (d,)
        What the last parameter was drawn from.
    theta_ : ndarray of shape (d, n_features)
        Of "cheb": Chebyshev coefficients of each parameter's loss less one.
    best_omega_ : float
        The parameter that is estimated to cost least over the systems seen.

    Raises
    ------
    ValueError
        When first used, if a parameter is out of its range, the grid is not rising, or a context
        range is missing. In ``solve`` as :func:`sor` and :func:`ssor_cg`.

    References
    ----------
    .. [1] M. Khodak, E. Chow, M.-F. Balcan, A. Talwalkar (2024), Learning to relax: setting solver
       parameters across a sequence of linear system instances, ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from taut.linsolve import RelaxationSolver
    >>> A = sp.diags_array([-1.0, 2.05, -1.0], offsets=[-1, 0, 1], shape=(40, 40))
    >>> solver = RelaxationSolver("ssor_cg", random_state=0).set_matrix(A)
    >>> rng = np.random.default_rng(0)
    >>> for _ in range(400):
    ...     x = solver.solve(b=rng.normal(size=40)).x
    >>> bool(solver.costs_[200:].mean() < solver.costs_[:20].mean())
    True
    """

    omegas_: Float64
    policy_: Policy | None

    def __init__(
        self,
        method: str = "sor",
        policy: str = "tsallis_inf",
        *,
        omegas: Any = None,
        context_range: tuple[float, float] | None = None,
        n_features: int = 6,
        n_bins: int = 5,
        clip_context: bool = False,
        tol: float = 1e-8,
        max_iter: int = 10000,
        ordering: str = "auto",
        norm_ref: str | None = None,
        cost: str = "iterations",
        n_jobs: int | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.method = method
        self.policy = policy
        self.omegas = omegas
        self.context_range = context_range
        self.n_features = n_features
        self.n_bins = n_bins
        self.clip_context = clip_context
        self.tol = tol
        self.max_iter = max_iter
        self.ordering = ordering
        self.norm_ref = norm_ref
        self.cost = cost
        self.n_jobs = n_jobs
        self.random_state = random_state

    # --- set-up ---

    def _set_up(self) -> None:
        """Check the parameters and start the policy; done once."""
        if hasattr(self, "omegas_"):
            return
        check_choice(self.method, "method", ("sor", "ssor", "ssor_cg", "cg"))
        check_choice(self.policy, "policy", POLICIES)
        check_choice(self.ordering, "ordering", ORDERINGS)
        check_choice(self.cost, "cost", ("iterations", "time"))
        tol, max_iter = check_tol(self.tol), check_count(self.max_iter, "max_iter")
        if self.norm_ref is not None:
            check_choice(self.norm_ref, "norm_ref", ("r0", "b"))
        if self.method == "cg" and self.policy != "fixed":
            raise ValueError(
                f"method='cg' has no parameter to learn; pass policy='fixed', not {self.policy!r}."
            )
        reference = self.norm_ref or ("b" if self.method in ("ssor_cg", "cg") else "r0")
        threads = n_threads(self.n_jobs)
        if self.omegas is not None:
            grid = check_arms(self.omegas)
        elif self.policy == "fixed":
            grid = np.array([1.5])
        else:
            grid = np.linspace(1.0, 1.95, 20)
        if self.policy == "fixed" and grid.size != 1:
            raise ValueError(f"policy='fixed' takes one omega, got {grid.size}.")
        policy = self._make_policy(grid.size)
        self._stop = Stop(tol, 0.0, reference == "b", max_iter)
        self._threads = threads
        self._kind = ordering_of(self.ordering, self.method)
        self._rows: Rows | None = None
        self._pattern: Pattern | None = None
        self._split: Split | None = None
        self._stencil: tuple[Any, ...] | None = None
        self._shift = 0.0
        self._costs: list[float] = []
        self._arms: list[int] = []
        self.policy_ = policy
        self.omegas_ = grid

    def _make_policy(self, n_arms: int) -> Policy | None:
        if self.policy == "fixed":
            return None
        if self.policy == "tsallis_inf":
            return TsallisINF(n_arms, random_state=self.random_state)
        if self.context_range is None:
            raise ValueError(
                f"policy={self.policy!r} needs context_range=(low, high), the range of its context."
            )
        span = check_range(self.context_range)
        if self.policy == "binned":
            return BinnedTsallisINF(
                n_arms,
                span,
                n_bins=self.n_bins,
                clip_context=self.clip_context,
                random_state=self.random_state,
            )
        return ChebCB(
            n_arms,
            span,
            n_features=self.n_features,
            clip_context=self.clip_context,
            random_state=self.random_state,
        )

    def set_matrix(self, A: Any) -> RelaxationSolver:
        """Analyse a matrix for the solves that follow; a later one may only bring new values.

        Parameters
        ----------
        A : sparse matrix or array, or array-like, of shape (n, n)

        Returns
        -------
        RelaxationSolver
            The solver itself.

        Raises
        ------
        ValueError
            As :func:`sor` and :func:`ssor_cg`.
        """
        self._set_up()
        self._take(Rows(A, self._rows), 0.0)
        return self

    def shift(self, c: float) -> RelaxationSolver:
        """Solve with ``A + c I`` from now on, for the A of :meth:`set_matrix`.

        Parameters
        ----------
        c : float

        Returns
        -------
        RelaxationSolver
            The solver itself.

        Raises
        ------
        ValueError
            If c is not finite, or makes an entry of the diagonal zero or negative.
        """
        self._take(self._known_rows(), _check_shift(c))
        return self

    def _known_rows(self) -> Rows:
        rows: Rows | None = getattr(self, "_rows", None)
        if rows is None:
            raise ValueError("there is no matrix yet: call set_matrix(A) or pass A.")
        return rows

    def _take(self, rows: Rows, shift: float) -> None:
        pattern = self._pattern
        if pattern is None or not rows.same_pattern(pattern.rows):
            pattern = Pattern(rows, self._kind)
        if rows is not self._rows:
            stencil = None
            if pattern.kind == "multicolor" and self.method == "sor":
                stencil = find_stencil(rows)
            self._stencil = stencil
        split = pattern.split(rows, shift)
        warn_asymmetry(split, self.method)
        self._rows, self._pattern, self._split, self._shift = rows, pattern, split, shift

    # --- solving ---

    def solve(
        self,
        A: Any = None,
        b: ArrayLike | None = None,
        context: float | None = None,
        x0: ArrayLike | None = None,
        *,
        M: Any = None,
    ) -> SolveResult:
        """Solve one system with a parameter of the policy's choice, and learn from it.

        Parameters
        ----------
        A : sparse matrix or array, or array-like, of shape (n, n), default=None
            None is the matrix and shift at hand. With the pattern of the one before, only its
            values are looked at.
        b : array-like of shape (n,)
        context : float, default=None
            For "cheb" and "binned".
        x0 : array-like of shape (n,), default=None
            Start; zero by default.
        M : sparse matrix, array-like or LinearOperator of shape (n, n), default=None
            Approximate inverse of A, for ``method="cg"``, where A may be a LinearOperator too.

        Returns
        -------
        SolveResult

        Raises
        ------
        ValueError
            If there is no matrix or no b, or as :func:`sor` and :func:`ssor_cg`. Nothing is learned
            then.

        Warns
        -----
        ConvergenceWarning
            If tol is not reached. The policy learns a loss of max_iter.
        """
        self._set_up()
        if b is not None and (M is not None or isinstance(A, LinearOperator)):
            return self._solve_operators(A, b, x0, M)
        rhs, start = self._system(A, b, x0)
        result = self._round(rhs, start, context)
        warn_ending(result, self.method, self._stop.rtol)
        return result

    def profile(
        self, A: Any = None, b: ArrayLike | None = None, x0: ArrayLike | None = None
    ) -> NDArray[np.intp]:
        """Count the iterations of every parameter of the grid on one system; nothing is learned.

        Parameters
        ----------
        A : sparse matrix or array, or array-like, of shape (n, n), default=None
            None is the matrix and shift at hand.
        b : array-like of shape (n,)
        x0 : array-like of shape (n,), default=None

        Returns
        -------
        ndarray of shape (d,)
            As losses are counted: at least 1, and max_iter where a parameter does not converge.

        Raises
        ------
        ValueError
            As :meth:`solve`.
        """
        self._set_up()
        rhs, start = self._system(A, b, x0)
        results = [self._run(rhs, start, float(omega)) for omega in self.omegas_]
        return np.array([self._iterations(result) for result in results], dtype=np.intp)

    def _system(
        self, A: Any, b: ArrayLike | None, x0: ArrayLike | None
    ) -> tuple[Float64, Float64 | None]:
        """Take a new matrix, if there is one; checked right-hand side and start."""
        if b is None:
            raise ValueError("b is missing.")
        if A is not None:
            self._take(Rows(A, self._rows), 0.0)
        n = self._known_rows().n
        rhs = check_vector(b, n, "b")
        return rhs, None if x0 is None else check_vector(x0, n, "x0")

    def _round(self, b: Float64, x0: Float64 | None, context: float | None) -> SolveResult:
        arm = 0 if self.policy_ is None else self.policy_.predict(context)
        began = time.perf_counter()
        result = self._run(b, x0, float(self.omegas_[arm]))
        self._learn(arm, result, time.perf_counter() - began)
        return result

    def _run(self, b: Float64, x0: Float64 | None, omega: float) -> SolveResult:
        if self._stencil is not None:
            return run_stencil(self._stencil, self._shift, b, x0, omega, self._stop, self._threads)
        assert self._pattern is not None
        assert self._split is not None
        return run(self._pattern, self._split, b, x0, self.method, omega, self._stop, self._threads)

    def _iterations(self, result: SolveResult) -> int:
        return max(result.n_iter, 1) if result.converged else self._stop.max_iter

    def _learn(self, arm: int, result: SolveResult, seconds: float) -> None:
        if self.cost == "time":
            loss = max(1e6 * seconds, 1.0)
            if not result.converged:
                loss *= self._stop.max_iter / max(result.n_iter, 1)
        else:
            loss = float(self._iterations(result))
        if self.policy_ is not None:
            self.policy_.update(loss)
        self._costs.append(loss)
        self._arms.append(arm)

    def _solve_operators(self, A: Any, b: ArrayLike, x0: ArrayLike | None, M: Any) -> SolveResult:
        if self.method != "cg":
            raise ValueError(
                f"M and LinearOperators are for method='cg'; method={self.method!r} needs the "
                "entries of A and is its own preconditioner."
            )
        if A is None:
            rows = self._known_rows()
            A = _shifted(rows, self._shift)
        operator = as_operator(A)
        rhs = check_vector(b, operator.shape[0], "b")
        start = None if x0 is None else check_vector(x0, rhs.size, "x0")
        began = time.perf_counter()
        result = preconditioned_cg(operator, rhs, as_preconditioner(M, rhs.size), start, self._stop)
        self._learn(0, result, time.perf_counter() - began)
        warn_ending(result, self.method, self._stop.rtol)
        return result

    def solve_many(
        self,
        As: Any,
        B: ArrayLike,
        contexts: ArrayLike | None = None,
        *,
        x0: ArrayLike | str | None = None,
    ) -> list[SolveResult]:
        """Solve a sequence of systems, one round each.

        Parameters
        ----------
        As : iterable of T matrices, or tuple (A, shifts)
            The tuple stands for ``A + shifts[t] I``, whose pattern is looked at once.
        B : array-like of shape (T, n) or (n,)
            Right-hand sides, one a row; a vector is used for all.
        contexts : array-like of shape (T,), default=None
            The shifts by default, where there are any.
        x0 : array-like of shape (n,), "previous" or None, default=None
            Start of all systems; "previous" starts at the solution before.

        Returns
        -------
        list of SolveResult

        Raises
        ------
        ValueError
            As :meth:`solve`; and if lengths disagree.

        Warns
        -----
        ConvergenceWarning
            As :meth:`solve`, for each system.
        """
        self._set_up()
        right = np.asarray(B)
        if isinstance(x0, str) and x0 != "previous":
            raise ValueError(f"x0 must be an array, 'previous' or None, got {x0!r}.")
        matrices: Iterable[Any]
        if isinstance(As, tuple) and len(As) == 2 and np.ndim(As[1]) == 1:
            self.set_matrix(As[0])
            shifts = [_check_shift(c) for c in np.asarray(As[1]).tolist()]
            count = len(shifts)
            contexts = shifts if contexts is None else contexts
            matrices = shifts
            by_shift = True
        else:
            matrices = As if isinstance(As, Sequence) else list(As)
            count, by_shift = len(matrices), False
        if right.ndim == 2 and right.shape[0] != count:
            raise ValueError(
                f"B must have {count} rows, one for each system, got {right.shape[0]}."
            )
        if right.ndim not in (1, 2):
            raise ValueError(f"B must have one or two dimensions, got {right.ndim}.")
        told: list[Any] = [None] * count
        if contexts is not None:
            told = np.atleast_1d(np.asarray(contexts, dtype=np.float64)).tolist()
            if len(told) != count:
                raise ValueError(f"contexts must have length {count}, got {len(told)}.")
        results: list[SolveResult] = []
        for t, matrix in enumerate(matrices):
            if by_shift:
                self.shift(matrix)
            else:
                self._take(Rows(matrix, self._rows), 0.0)
            n = self._known_rows().n
            rhs = check_vector(right if right.ndim == 1 else right[t], n, "b")
            if isinstance(x0, str):
                start = results[-1].x if results else None
            else:
                start = None if x0 is None else check_vector(x0, n, "x0")
            result = self._round(rhs, start, told[t])
            warn_ending(result, self.method, self._stop.rtol)
            results.append(result)
        return results

    # --- what was learned ---

    def _require_rounds(self) -> None:
        if not hasattr(self, "omegas_"):
            raise NotFittedError("this RelaxationSolver has not solved anything yet.")

    @property
    def n_rounds_(self) -> int:
        """Systems solved so far."""
        self._require_rounds()
        return len(self._costs)

    @property
    def costs_(self) -> Float64:
        """Losses of all rounds, an ndarray of shape (n_rounds,)."""
        self._require_rounds()
        return np.array(self._costs, dtype=np.float64)

    @property
    def arms_(self) -> NDArray[np.intp]:
        """Positions in ``omegas_`` that were used, an ndarray of shape (n_rounds,)."""
        self._require_rounds()
        return np.array(self._arms, dtype=np.intp)

    @property
    def probabilities_(self) -> Float64:
        """What the last parameter was drawn from, an ndarray of shape (d,)."""
        self._require_rounds()
        return np.ones(1) if self.policy_ is None else self.policy_.probabilities_.copy()

    @property
    def theta_(self) -> Float64:
        """Chebyshev coefficients of every parameter's loss less one, ndarray (d, n_features)."""
        self._require_rounds()
        if not isinstance(self.policy_, ChebCB):
            raise AttributeError(f"theta_ belongs to policy='cheb', not to {self.policy!r}.")
        return self.policy_.theta_

    @property
    def best_omega_(self) -> float:
        """The parameter that is estimated to cost least over the systems seen."""
        self._require_rounds()
        policy = self.policy_
        if policy is None:
            return float(self.omegas_[0])
        if isinstance(policy, ChebCB):
            losses = policy.mean_losses()
        elif isinstance(policy, BinnedTsallisINF):
            losses = np.sum([part.estimates_ for part in policy.bins_], axis=0)
        else:
            losses = policy.estimates_
        return float(self.omegas_[int(np.argmin(losses))])


def _check_shift(c: Any) -> float:
    value = float(c)
    if not np.isfinite(value):
        raise ValueError(f"a shift must be finite, got {value}.")
    return value


def _shifted(rows: Rows, shift: float) -> Any:
    A = sp.csr_array((rows.data, rows.indices, rows.indptr), (rows.n, rows.n))
    return A if shift == 0.0 else A + shift * sp.eye_array(rows.n)
