# SPDX-License-Identifier: BSD-3-Clause
"""One system at a time: relaxation and conjugate gradients with a fixed parameter."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from taut import _core
from taut._threads import n_threads
from taut.exceptions import ConvergenceWarning
from taut.linsolve._matrix import (
    Float64,
    Pattern,
    Rows,
    Split,
    check_choice,
    check_count,
    check_omega,
    check_tol,
    check_vector,
    ordering_of,
)

__all__ = [
    "SolveResult",
    "cg",
    "count_iterations",
    "solve",
    "sor",
    "ssor_cg",
    "ssor_preconditioner",
]

_ENDINGS = {
    "max_iter": "max_iter was reached",
    "diverged": "the residual left the range of numbers",
    "indefinite": "A is not positive definite",
    "stagnated": "rounding keeps the residual above tol",
}


@dataclass(frozen=True)
class SolveResult:
    """Solution of a system and what it took.

    Attributes
    ----------
    x : ndarray of shape (n,)
        The last iterate; the start, if the iterates have left the range of numbers.
    n_iter : int
        Sweeps, or steps of conjugate gradients.
    residual_norm : float
        ``|b - A x|`` in the Euclidean norm, computed from x.
    converged : bool
    ending : {"converged", "max_iter", "diverged", "indefinite", "stagnated"}
        Why the iteration ended.
    omega : float
        The parameter that was used.

    See Also
    --------
    ssor_cg, sor : Return one.

    Examples
    --------
    >>> from taut.linsolve import ssor_cg
    >>> ssor_cg([[2.0, 0.0], [0.0, 4.0]], [2.0, 4.0]).x.round(6)
    array([1., 1.])
    """

    x: Float64
    n_iter: int
    residual_norm: float
    converged: bool
    ending: str = "converged"
    omega: float = 1.0


def sor(
    A: Any,
    b: ArrayLike,
    omega: float = 1.5,
    *,
    x0: ArrayLike | None = None,
    tol: float = 1e-8,
    max_iter: int = 10000,
    ordering: str = "natural",
    symmetric: bool = False,
    norm_ref: str = "r0",
    n_jobs: int | None = None,
) -> SolveResult:
    r"""Successive over-relaxation.

    Iterates ``x += (D / omega + L)^{-1} (b - A x)`` for ``A = L + D + U`` until
    ``|b - A x| <= tol * |b - A x0|``. Converges for every omega in (0, 2) if A is symmetric
    positive definite.

    Parameters
    ----------
    A : sparse matrix or array, or array-like, of shape (n, n)
        With a positive diagonal. Should be symmetric positive definite.
    b : array-like of shape (n,)
    omega : float, default=1.5
        Relaxation parameter in (0, 2); 1 is the method of Gauss and Seidel.
    x0 : array-like of shape (n,), default=None
        Start; zero by default.
    tol : float, default=1e-8
        Relative fall of the residual, in (0, 1).
    max_iter : int, default=10000
        Largest number of sweeps.
    ordering : {"natural", "multicolor", "auto"}, default="natural"
        Order in which rows are visited. "multicolor" takes rows that are not coupled together: red
        and black where the graph of A is bipartite, as that of a grid; it runs in parallel, and is
        recognised to be a 5- or 7-point stencil with constant coefficients, which needs no matrix.
        Asymptotically both need the same number of sweeps. "auto" is "multicolor".
    symmetric : bool, default=False
        Follow each sweep by one in the reverse order; the two count as one iteration.
    norm_ref : {"r0", "b"}, default="r0"
        What ``tol`` is relative to: the norm of the first residual, or of b.
    n_jobs : int or None, default=None
        Threads; the result has the same bits for any number.

    Returns
    -------
    SolveResult

    Raises
    ------
    ValueError
        If A is not square, has a diagonal entry that is zero, negative or not finite, or values
        that are not finite; if shapes disagree or a parameter is out of its range.

    Warns
    -----
    ConvergenceWarning
        If tol is not reached: after max_iter sweeps, or when iterates leave the range of numbers.
        ``residual_norm`` is what was reached.
    UserWarning
        If A is not symmetric.

    Notes
    -----
    The residual is carried along, so that a sweep with its exact residual reads every entry of A
    at most once. It is computed afresh every 50 sweeps and at the end.

    References
    ----------
    .. [1] D. M. Young (1971), Iterative solution of large linear systems, chapters 4 and 6.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from taut.linsolve import sor
    >>> A = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(30, 30))
    >>> [sor(A, [1.0] * 30, omega).n_iter for omega in (1.0, 1.5, 1.8)]
    [1783, 585, 152]
    """
    omega = check_omega(omega)
    tol, max_iter = check_tol(tol), check_count(max_iter, "max_iter")
    check_choice(norm_ref, "norm_ref", ("r0", "b"))
    threads = n_threads(n_jobs)
    method = "ssor" if symmetric else "sor"
    kind = ordering_of(ordering, method)
    rows = Rows(A)
    rhs = check_vector(b, rows.n, "b")
    start = None if x0 is None else check_vector(x0, rows.n, "x0")
    stop = Stop(tol, 0.0, norm_ref == "b", max_iter)
    result = None
    if kind == "multicolor" and not symmetric:
        result = try_stencil(rows, 0.0, rhs, start, omega, stop, threads)
    if result is None:
        pattern = Pattern(rows, kind)
        split = pattern.split(rows)
        warn_asymmetry(split, method)
        result = run(pattern, split, rhs, start, method, omega, stop, threads)
    warn_ending(result, method, tol)
    return result


def ssor_cg(
    A: Any,
    b: ArrayLike,
    omega: float = 1.5,
    *,
    x0: ArrayLike | None = None,
    tol: float = 1e-8,
    max_iter: int = 10000,
    ordering: str = "auto",
    norm_ref: str = "b",
    n_jobs: int | None = None,
) -> SolveResult:
    r"""Conjugate gradients preconditioned by symmetric successive over-relaxation.

    The preconditioner is ``omega / (2 - omega) (D / omega + L) D^{-1} (D / omega + L')``, applied
    in Eisenstat's form: one forward and one backward solve an iteration and no product with A.

    Parameters
    ----------
    A : sparse matrix or array, or array-like, of shape (n, n)
        Symmetric positive definite.
    b : array-like of shape (n,)
    omega : float, default=1.5
        Parameter of the preconditioner in (0, 2).
    x0 : array-like of shape (n,), default=None
        Start; zero by default.
    tol : float, default=1e-8
        Stop when ``|b - A x| <= tol * |b|`` (see ``norm_ref``); in (0, 1).
    max_iter : int, default=10000
    ordering : {"auto", "natural", "multicolor"}, default="auto"
        "auto" is "natural". With colours the best omega is near 1 and hardly better than no
        preconditioner.
    norm_ref : {"b", "r0"}, default="b"
        What ``tol`` is relative to: the norm of b, or that of the first residual. A start that
        already satisfies it is returned after 0 iterations.
    n_jobs : int or None, default=None
        Threads; the result has the same bits for any number.

    Returns
    -------
    SolveResult

    Raises
    ------
    ValueError
        As :func:`sor`; and if A is not symmetric.

    Warns
    -----
    ConvergenceWarning
        If tol is not reached: after max_iter steps; where A turns out not to be positive definite;
        where rounding does not allow it.

    Notes
    -----
    The residual that is tested is that of the system, not the preconditioned one; it is updated by
    numbers that the two solves leave behind, and computed from x before success is reported.

    References
    ----------
    .. [1] S. C. Eisenstat (1981), Efficient implementation of a class of preconditioned conjugate
       gradient methods, SIAM J. Sci. Stat. Comput. 2, 1-4.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from taut.linsolve import cg, ssor_cg
    >>> A = sp.diags_array([-1.0, 2.1, -1.0], offsets=[-1, 0, 1], shape=(500, 500))
    >>> b = [1.0] * 250 + [2.0] * 250
    >>> ssor_cg(A, b, 1.5).n_iter, cg(A, b).n_iter
    (6, 56)
    """
    return _conjugate(
        "ssor_cg", A, b, check_omega(omega), x0, tol, max_iter, ordering, norm_ref, n_jobs
    )


def cg(
    A: Any,
    b: ArrayLike,
    *,
    M: Any = None,
    x0: ArrayLike | None = None,
    tol: float = 1e-8,
    max_iter: int = 10000,
    norm_ref: str = "b",
    n_jobs: int | None = None,
) -> SolveResult:
    """Conjugate gradients, with a preconditioner of any kind.

    Parameters
    ----------
    A : sparse matrix or array, array-like, or LinearOperator, of shape (n, n)
        Symmetric positive definite; symmetry is tested where neither A nor M is an operator.
    b : array-like of shape (n,)
    M : sparse matrix, array-like or LinearOperator of shape (n, n), of shape (n, n), default=None
        Approximate inverse of A, symmetric positive definite.
    x0, tol, max_iter, norm_ref, n_jobs
        As :func:`ssor_cg`. A LinearOperator runs on threads of its own.

    Returns
    -------
    SolveResult

    Raises
    ------
    ValueError
        As :func:`ssor_cg`.

    Warns
    -----
    ConvergenceWarning
        As :func:`ssor_cg`.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from taut.linsolve import cg, ssor_preconditioner
    >>> A = sp.diags_array([-1.0, 2.1, -1.0], offsets=[-1, 0, 1], shape=(500, 500))
    >>> cg(A, [1.0] * 500, M=ssor_preconditioner(A, 1.5)).converged
    True
    """
    if M is None and not isinstance(A, LinearOperator):
        return _conjugate("cg", A, b, 1.0, x0, tol, max_iter, "natural", norm_ref, n_jobs)
    tol, max_iter = check_tol(tol), check_count(max_iter, "max_iter")
    check_choice(norm_ref, "norm_ref", ("r0", "b"))
    n_threads(n_jobs)
    operator = as_operator(A)
    rhs = check_vector(b, operator.shape[0], "b")
    start = None if x0 is None else check_vector(x0, rhs.size, "x0")
    stop = Stop(tol, 0.0, norm_ref == "b", max_iter)
    result = preconditioned_cg(operator, rhs, as_preconditioner(M, rhs.size), start, stop)
    warn_ending(result, "cg", tol)
    return result


def _conjugate(
    method: str,
    A: Any,
    b: ArrayLike,
    omega: float,
    x0: ArrayLike | None,
    tol: float,
    max_iter: int,
    ordering: str,
    norm_ref: str,
    n_jobs: int | None,
) -> SolveResult:
    tol, max_iter = check_tol(tol), check_count(max_iter, "max_iter")
    check_choice(norm_ref, "norm_ref", ("r0", "b"))
    threads = n_threads(n_jobs)
    kind = ordering_of(ordering, method)
    rows = Rows(A)
    rhs = check_vector(b, rows.n, "b")
    start = None if x0 is None else check_vector(x0, rows.n, "x0")
    pattern = Pattern(rows, kind)
    split = pattern.split(rows)
    warn_asymmetry(split, method)
    stop = Stop(tol, 0.0, norm_ref == "b", max_iter)
    result = run(pattern, split, rhs, start, method, omega, stop, threads)
    warn_ending(result, method, tol)
    return result


def solve(
    A: Any,
    b: ArrayLike,
    x0: ArrayLike | None = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: Any = None,
    callback: Callable[[Float64], object] | None = None,
    method: str = "ssor_cg",
    omega: float = 1.5,
) -> tuple[Float64, int]:
    """Solve a system by a function shaped like those of ``scipy.sparse.linalg``.

    Parameters
    ----------
    A : sparse matrix or array, array-like, or LinearOperator (``method="cg"``), of shape (n, n)
    b : array-like of shape (n,)
    x0 : array-like of shape (n,), default=None
        Start; zero by default.
    rtol, atol : float, default=1e-5 and 0
        Stop when ``|b - A x| <= max(rtol * |b|, atol)``.
    maxiter : int, default=None
        10 n by default.
    M : sparse matrix, array-like or LinearOperator of shape (n, n), default=None
        Approximate inverse of A, for ``method="cg"`` only.
    callback : callable, default=None
        Called with the iterate, an ndarray of shape (n,), after each iteration.
    method : {"ssor_cg", "cg", "sor", "ssor"}, default="ssor_cg"
    omega : float, default=1.5

    Returns
    -------
    x : ndarray of shape (n,)
    info : int
        0: converged. > 0: not converged, the number of iterations. -1: A is not positive definite,
        or the iterates have left the range of numbers.

    Raises
    ------
    ValueError
        As :func:`sor` and :func:`ssor_cg`.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.linsolve import solve
    >>> x, info = solve(np.array([[4.0, 1.0], [1.0, 3.0]]), [1.0, 2.0])
    >>> x.round(4), info
    (array([0.0909, 0.6364]), 0)
    """
    check_choice(method, "method", ("ssor_cg", "cg", "sor", "ssor"))
    omega = check_omega(omega)
    for value, name in ((rtol, "rtol"), (atol, "atol")):
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value < np.inf:
            raise ValueError(f"{name} must be a finite number >= 0, got {value!r}.")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable or None, got {type(callback).__name__}.")
    if M is not None and method != "cg":
        raise ValueError(f"M is for method='cg'; method={method!r} is its own preconditioner.")
    by_operators = isinstance(A, LinearOperator) or M is not None
    if isinstance(A, LinearOperator) and method != "cg":
        raise ValueError(f"method={method!r} needs the entries of A; a LinearOperator has none.")
    n = as_operator(A).shape[0]
    rhs = check_vector(b, n, "b")
    start = None if x0 is None else check_vector(x0, n, "x0")
    stop = Stop(
        float(rtol),
        float(atol),
        True,
        10 * n if maxiter is None else check_count(maxiter, "maxiter"),
    )
    if by_operators or (callback is not None and method in ("cg", "ssor_cg")):
        operator = as_operator(A)
        inverse = ssor_preconditioner(A, omega) if method == "ssor_cg" else M
        result = preconditioned_cg(
            operator, rhs, as_preconditioner(inverse, n), start, stop, callback
        )
    else:
        rows = Rows(A)
        pattern = Pattern(rows, "natural")
        split = pattern.split(rows)
        warn_asymmetry(split, method)
        if callback is None:
            result = run(pattern, split, rhs, start, method, omega, stop, 1)
        else:
            result = _stepwise(pattern, split, rhs, start, method, omega, stop, callback)
    if result.converged:
        return result.x, 0
    return result.x, -1 if result.ending in ("diverged", "indefinite") else max(result.n_iter, 1)


def _stepwise(
    pattern: Pattern,
    split: Split,
    rhs: Float64,
    start: Float64 | None,
    method: str,
    omega: float,
    stop: Stop,
    callback: Callable[[Float64], object],
) -> SolveResult:
    """A stationary method may be restarted after each sweep without a change."""
    target = max(stop.rtol * float(np.linalg.norm(rhs)), stop.atol)
    one = Stop(0.0, target, True, 1)
    x = np.zeros(rhs.size) if start is None else start
    done = 0
    while True:
        result = run(pattern, split, rhs, x, method, omega, one, 1)
        if result.n_iter == 0:
            break
        x, done = result.x, done + 1
        callback(x)
        if result.ending != "max_iter" or done == stop.max_iter:
            break
    return replace(result, x=x, n_iter=done)


def ssor_preconditioner(A: Any, omega: float = 1.5) -> LinearOperator:
    """Return the inverse of the SSOR preconditioner as a LinearOperator, for any Krylov method.

    Parameters
    ----------
    A : sparse matrix or array, or array-like, of shape (n, n)
        With a positive diagonal; symmetric, if the method needs a symmetric preconditioner.
    omega : float, default=1.5
        In (0, 2).

    Returns
    -------
    LinearOperator of shape (n, n)
        ``(2 - omega) / omega (D / omega + U)^{-1} D (D / omega + L)^{-1}``.

    Raises
    ------
    ValueError
        As :func:`sor`.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse.linalg import cg
    >>> from taut.linsolve import ssor_preconditioner
    >>> A = np.array([[4.0, 1.0], [1.0, 3.0]])
    >>> x, info = cg(A, np.array([1.0, 2.0]), M=ssor_preconditioner(A))
    >>> info
    0
    """
    omega = check_omega(omega)
    rows = Rows(A)
    pattern = Pattern(rows, "natural")
    parts = pattern.split(rows).parts

    def apply(v: NDArray[Any]) -> Float64:
        vector = np.ascontiguousarray(np.ravel(v), dtype=np.float64)
        product = _core.linsolve_ssor_apply(parts, omega, pattern.to_order(vector))
        return pattern.from_order(product)

    return LinearOperator((rows.n, rows.n), matvec=apply, dtype=np.float64)


def count_iterations(
    A: Any,
    B: ArrayLike,
    *,
    shifts: ArrayLike,
    omegas: ArrayLike,
    tol: float = 1e-8,
    max_iter: int = 10000,
    ordering: str = "natural",
    n_jobs: int | None = None,
) -> NDArray[np.int32]:
    """Count sweeps of SOR on many shifted systems, for every parameter of a grid.

    Parameters
    ----------
    A : sparse matrix or array, or array-like, of shape (n, n)
    B : array-like of shape (T, n)
        Right-hand sides, one a row.
    shifts : array-like of shape (T,)
        System t is ``(A + shifts[t] I) x = B[t]``, started at zero.
    omegas : array-like of shape (d,)
        In (0, 2).
    tol : float, default=1e-8
        Relative to ``|B[t]|``.
    max_iter : int, default=10000
    ordering : {"natural", "multicolor", "auto"}, default="natural"
    n_jobs : int or None, default=None
        Threads; the result is the same for any number.

    Returns
    -------
    ndarray of shape (T, d), int32
        Iterations; max_iter where the method did not converge.

    Raises
    ------
    ValueError
        As :func:`sor`.

    Notes
    -----
    Eight systems advance side by side, so that a sweep over them is made of vector operations; one
    that has converged makes room for the next.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.linsolve import count_iterations
    >>> A = 2 * np.eye(20) - np.eye(20, k=1) - np.eye(20, k=-1)
    >>> count_iterations(A, np.ones((2, 20)), shifts=[0.0, 1.0], omegas=[1.0, 1.5])
    array([[818, 263],
           [ 26,  33]], dtype=int32)
    """
    tol, max_iter = check_tol(tol), check_count(max_iter, "max_iter")
    if max_iter >= 2**31:
        raise ValueError(f"max_iter must be below 2**31, got {max_iter}.")
    threads = n_threads(n_jobs)
    rows = Rows(A)
    pattern = Pattern(rows, ordering_of(ordering, "sor"))
    grid = np.array([check_omega(w, "omegas") for w in np.atleast_1d(omegas).tolist()])
    shift = np.atleast_1d(np.asarray(shifts, dtype=np.float64))
    right = np.asarray(B, dtype=np.float64)
    if shift.ndim != 1 or right.shape != (shift.size, rows.n):
        raise ValueError(
            f"B must have one row of {rows.n} numbers for each of the {shift.size} shifts, "
            f"got shape {right.shape}."
        )
    if not np.isfinite(shift).all() or not np.isfinite(right).all():
        raise ValueError("B and shifts must be finite.")
    diagonal = rows.diagonal()
    if shift.size and not (diagonal + shift.min()).min() > 0:
        raise ValueError(
            f"A + shift I must have a positive diagonal; the least entry is {diagonal.min():g} "
            f"and the least shift {shift.min():g}."
        )
    base = 0.0 if diagonal.min() > 0 or shift.size == 0 else float(shift.min())
    split = pattern.split(rows, base)
    warn_asymmetry(split, "sor")
    if pattern.order is not None:
        right = right[:, pattern.order]
    return _core.linsolve_sor_batch(
        split.parts, shift - base, np.ascontiguousarray(right), grid, rtol=tol, atol=0.0,
        max_iter=max_iter, n_threads=threads,
    )  # fmt: skip


# --- shared with RelaxationSolver ---


@dataclass(frozen=True)
class Stop:
    """When to stop: |b - A x| <= max(rtol * reference, atol), or after max_iter."""

    rtol: float
    atol: float
    relative_to_rhs: bool
    max_iter: int


def run(
    pattern: Pattern,
    split: Split,
    b: Float64,
    x0: Float64 | None,
    method: str,
    omega: float,
    stop: Stop,
    threads: int,
) -> SolveResult:
    """Call the kernel on checked arguments."""
    if stop.relative_to_rhs and not b.any():
        return SolveResult(np.zeros(b.size), 0, 0.0, True, omega=omega)
    x, n_iter, residual, ending = _core.linsolve_solve(
        split.parts,
        pattern.to_order(b),
        None if x0 is None else pattern.to_order(x0),
        method,
        omega,
        rtol=stop.rtol,
        atol=stop.atol,
        relative_to_rhs=stop.relative_to_rhs,
        max_iter=stop.max_iter,
        n_threads=threads,
    )
    return SolveResult(
        pattern.from_order(x), n_iter, residual, ending == "converged", ending, omega
    )


def find_stencil(rows: Rows) -> tuple[Any, ...] | None:
    """Grid and coefficients (nx, ny, nz, diagonal, three couplings) of a stencil, or None."""
    return _core.linsolve_find_stencil(rows.indptr, rows.indices, rows.data)


def try_stencil(
    rows: Rows,
    shift: float,
    b: Float64,
    x0: Float64 | None,
    omega: float,
    stop: Stop,
    threads: int,
) -> SolveResult | None:
    """Red-black SOR without a matrix where A is a stencil of constant coefficients."""
    stencil = find_stencil(rows)
    if stencil is None or not 0.0 < stencil[3] + shift < np.inf or not np.isfinite(stencil).all():
        return None
    return run_stencil(stencil, shift, b, x0, omega, stop, threads)


def run_stencil(
    stencil: tuple[Any, ...],
    shift: float,
    b: Float64,
    x0: Float64 | None,
    omega: float,
    stop: Stop,
    threads: int,
) -> SolveResult:
    """Call the kernel for stencils on checked arguments."""
    if stop.relative_to_rhs and not b.any():
        return SolveResult(np.zeros(b.size), 0, 0.0, True, omega=omega)
    x, n_iter, residual, ending = _core.linsolve_sor_stencil(
        (*stencil[:3], stencil[3] + shift, *stencil[4:]),
        b,
        x0,
        omega,
        rtol=stop.rtol,
        atol=stop.atol,
        relative_to_rhs=stop.relative_to_rhs,
        max_iter=stop.max_iter,
        n_threads=threads,
    )
    return SolveResult(x, n_iter, residual, ending == "converged", ending, omega)


def as_operator(A: Any) -> LinearOperator:
    """Return a square LinearOperator."""
    if isinstance(A, LinearOperator):
        if A.shape[0] != A.shape[1]:
            raise ValueError(f"A must be square, got shape {A.shape}.")
        return A
    rows = Rows(A)
    return aslinearoperator(sp.csr_array((rows.data, rows.indices, rows.indptr), (rows.n, rows.n)))


def as_preconditioner(M: Any, n: int) -> LinearOperator | None:
    """Return a LinearOperator of shape (n, n), or None."""
    if M is None:
        return None
    operator = aslinearoperator(M)
    if operator.shape != (n, n):
        raise ValueError(f"M must have shape ({n}, {n}), as A has, got {operator.shape}.")
    return operator


def preconditioned_cg(
    A: LinearOperator,
    b: Float64,
    M: LinearOperator | None,
    x0: Float64 | None,
    stop: Stop,
    callback: Callable[[Float64], object] | None = None,
) -> SolveResult:
    """Conjugate gradients on operators of the caller; the kernels' rules for stopping."""
    if stop.relative_to_rhs and not b.any():
        return SolveResult(np.zeros(b.size), 0, 0.0, True)
    x = np.zeros(b.size) if x0 is None else x0.copy()
    r = b - A.matvec(x) if x0 is not None else b.copy()
    norm = float(np.linalg.norm(r))
    target = max(
        stop.rtol * (float(np.linalg.norm(b)) if stop.relative_to_rhs else norm), stop.atol
    )
    p, rho, last, ending, k = np.zeros(b.size), 1.0, np.inf, "max_iter", 0
    fresh = True
    if norm <= target:
        return SolveResult(x, 0, norm, True)
    with np.errstate(all="ignore"):
        for k in range(1, stop.max_iter + 1):
            z = r if M is None else np.asarray(M.matvec(r), dtype=np.float64)
            old, rho = rho, float(r @ z)
            p = z.copy() if fresh else z + (rho / old) * p
            fresh = False
            q = np.asarray(A.matvec(p), dtype=np.float64)
            curvature = float(p @ q)
            if not (curvature > 0.0 and rho > 0.0 and np.isfinite(rho / curvature)):
                ending, k = "indefinite", k - 1
                break
            x += (rho / curvature) * p
            r = r - (rho / curvature) * q
            norm = float(np.linalg.norm(r))
            if callback is not None:
                callback(x.copy())
            if norm <= target:
                r = b - A.matvec(x)
                norm = float(np.linalg.norm(r))
                if norm <= target:
                    ending = "converged"
                    break
                if not norm < 0.5 * last:
                    ending = "stagnated"
                    break
                last, fresh = norm, True
            if not np.isfinite(norm):
                ending = "diverged"
                break
        if ending != "converged":
            norm = float(np.linalg.norm(b - A.matvec(x)))
            if not np.isfinite(norm):
                x = np.zeros(b.size) if x0 is None else x0.copy()
                norm, ending = float(np.linalg.norm(b - A.matvec(x))), "diverged"
    return SolveResult(x, k, norm, ending == "converged", ending)


def warn_asymmetry(split: Split, method: str) -> None:
    """Refuse matrices that are not symmetric, or warn where the method can do with them."""
    if split.symmetric:
        return
    if method in ("ssor_cg", "cg"):
        raise ValueError(
            f"A must be symmetric for {method}: |a_ij - a_ji| > 1e-10 sqrt(a_ii a_jj) for some "
            "entry. Use (A + A.T) / 2, or sor."
        )
    warnings.warn(
        f"A is not symmetric; {method} may not converge for every omega in (0, 2).",
        UserWarning,
        stacklevel=3,
    )


def warn_ending(result: SolveResult, method: str, tol: float, stacklevel: int = 3) -> None:
    """Warn if the tolerance was not reached."""
    if result.converged:
        return
    warnings.warn(
        f"{method} ended after {result.n_iter} iterations with a residual of "
        f"{result.residual_norm:.2e} and did not reach tol = {tol:g}: {_ENDINGS[result.ending]}.",
        ConvergenceWarning,
        stacklevel=stacklevel,
    )
