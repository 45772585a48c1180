# SPDX-License-Identifier: BSD-3-Clause
"""Information criteria along a path, and the degrees of freedom they count."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import gammaln, log_expit, log_softmax
from sklearn.utils.validation import check_array

from taut._validation import (
    PREDICT_CHECKS,
    Float64,
    check_classes,
    check_counts,
    check_groups,
    check_offset,
    check_response,
    check_weights,
)
from taut.linear_model._result import PathResult
from taut.penalties import ElasticNet, Fused, Group, SparseGroup
from taut.typing import ArrayLike, MatrixLike

CRITERIA = ("aic", "bic", "ebic")


class InformationCriterion(NamedTuple):
    """A criterion along a path.

    Attributes
    ----------
    values : ndarray of shape (n_alphas,)
        Lower is better; ``inf`` where the model has as many degrees of freedom as rows.
    df : ndarray of shape (n_alphas,)
        Degrees of freedom, intercepts included.
    deviance : ndarray of shape (n_alphas,)
        Minus twice the log likelihood.
    index_min : int
        Where the criterion is least; of several, at the largest strength.
    alpha_min : float
        The strength there.

    See Also
    --------
    information_criterion : Returns one.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import lasso_path
    >>> from taut.model_selection import information_criterion
    >>> X, y = load_diabetes(return_X_y=True)
    >>> path = lasso_path(X, y, n_alphas=20)
    >>> float(information_criterion(path, X, y, criterion="bic").df[0])
    1.0
    """

    values: Float64
    df: Float64
    deviance: Float64
    index_min: int
    alpha_min: float


def information_criterion(
    path: PathResult,
    X: MatrixLike,
    y: ArrayLike,
    *,
    criterion: str = "bic",
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    noise_variance: float | None = None,
    ebic_gamma: float = 1.0,
) -> InformationCriterion:
    """AIC, BIC or EBIC of every model of a path.

    ``-2 log likelihood + c * df`` with ``c = 2`` (AIC) or ``log n`` (BIC). EBIC adds
    ``2 * ebic_gamma * log(binomial(p, active features))`` to BIC: the number of models of that
    size, without which BIC finds too many features when p is large [2]_.

    Parameters
    ----------
    path : PathResult
        From a path function, or ``path_`` of an estimator.
    X, y, sample_weight, offset
        The data that the path was fitted to. A weight counts its row that many times, so here
        their scale matters: n is the sum of the weights.
    criterion : {"aic", "bic", "ebic"}, default="bic"
    noise_variance : float, optional
        Of a real response: minus twice the log likelihood is then ``RSS / noise_variance``. By
        default the variance is profiled out, ``n log(RSS / n)``, which rewards interpolation when
        there are more features than rows; give an estimate then.
    ebic_gamma : float, default=1.0
        Between 0 (BIC) and 1.

    Returns
    -------
    InformationCriterion

    Raises
    ------
    ValueError
        If the path does not belong to X and y, or an argument is out of its range.

    Notes
    -----
    Degrees of freedom, plus one for every intercept:

    - L1 and other penalties without a line of their own: the number of coefficients that are not
      zero. Exact for the Lasso of least squares [1]_; for penalties that are not convex it is a
      convention.
    - elastic net and ridge: ``trace(H (H + D)^-1)`` over the active coefficients, with H the
      Hessian of the loss there and D that of the penalty, ``alpha (1 - l1_ratio)`` times the
      factor.
    - groups: the same with the Hessian of the norms, ``w_g (I - u u') / ||b_g||`` with ``u = b_g /
      ||b_g||`` [4]_. For orthonormal columns this is the formula of Yuan and Lin [3]_.
    - fused: the number of runs of equal coefficients that are not zero.

    With datafit "huber" minus twice the log likelihood is that of the density proportional to
    ``exp(-loss)``, and with "sqrt" that of least squares.

    References
    ----------
    .. [1] H. Zou, T. Hastie, R. Tibshirani (2007), On the degrees of freedom of the lasso, Ann.
       Statist. 35, 2173-2192.
    .. [2] J. Chen, Z. Chen (2008), Extended Bayesian information criteria for model selection
       with large model spaces, Biometrika 95, 759-771.
    .. [3] M. Yuan, Y. Lin (2006), Model selection and estimation in regression with grouped
       variables, J. R. Stat. Soc. B 68, 49-67, eq. (6.2).
    .. [4] S. Vaiter, C. Deledalle, J. Fadili, G. Peyré, C. Dossal (2017), The degrees of freedom
       of partly smooth regularizers, Ann. Inst. Stat. Math. 69, 791-832.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import lasso_path
    >>> from taut.model_selection import information_criterion
    >>> X, y = load_diabetes(return_X_y=True)
    >>> path = lasso_path(X, y, standardize=True)
    >>> best = information_criterion(path, X, y, criterion="bic")
    >>> int(path.n_active[best.index_min]), float(best.df[best.index_min])
    (7, 8.0)
    """
    if criterion not in CRITERIA:
        raise ValueError(f"criterion must be one of {CRITERIA}, got {criterion!r}.")
    if not 0 <= ebic_gamma <= 1:
        raise ValueError(f"ebic_gamma must lie in [0, 1], got {ebic_gamma}.")
    if noise_variance is not None and not noise_variance > 0:
        raise ValueError(f"noise_variance must be > 0, got {noise_variance}.")
    data = _Data.read(path, X, y, sample_weight, offset)
    n_coefs = data.coefs.shape[2]
    loss, df = np.empty(len(path.alphas)), np.empty(len(path.alphas))
    for k in range(len(path.alphas)):
        eta = data.predictor(k)
        loss[k] = data.deviance(eta, noise_variance)
        df[k] = data.degrees_of_freedom(k, eta)
    price = 2.0 if criterion == "aic" else np.log(data.n)
    values = loss + price * df
    if criterion == "ebic":
        size = np.any(data.coefs != 0, axis=1).sum(axis=1)
        choices = gammaln(n_coefs + 1) - gammaln(size + 1) - gammaln(n_coefs - size + 1)
        values = values + 2.0 * ebic_gamma * choices
    if noise_variance is None and data.kind == "real":
        # No variance is left to estimate: the profiled likelihood has no maximum there.
        values = np.where(df >= data.n * data.n_outputs - 0.5, np.inf, values)
    if not np.isfinite(values).any():
        raise ValueError(
            "Every model of the path has as many degrees of freedom as there are rows "
            f"(n_samples={data.n:g})."
        )
    index = int(np.argmin(values))
    return InformationCriterion(values, df, loss, index, float(path.alphas[index]))


class _Data:
    """A path and the data it was fitted to, rows without weight left out."""

    def __init__(self, path: PathResult, X: Any, Y: Float64, s: Float64, o: Float64) -> None:
        assert path.datafit is not None
        self.path, self.X, self.Y, self.s, self.o = path, X, Y, s, o
        self.n, self.n_outputs = float(s.sum()), Y.shape[1]
        self.kind, self.datafit = path.datafit.kind, path.datafit
        single = path.coefs.ndim == 2
        self.coefs = np.asarray(path.coefs.T[:, None, :] if single else path.coefs, np.float64)
        self.intercepts = np.asarray(path.intercepts, np.float64).reshape(len(path.alphas), -1)

    @classmethod
    def read(cls, path: PathResult, X: Any, y: Any, weight: Any, offset: Any) -> _Data:
        datafit, owner = path.datafit, "information_criterion"
        if datafit is None or path.penalty is None:
            raise ValueError(
                "path does not say what was minimised; take it from a path function of "
                "taut.linear_model, or the path_ of an estimator."
            )
        checks = {k: v for k, v in PREDICT_CHECKS.items() if k != "reset"}
        X = check_array(X, input_name="X", **checks)
        n, p = X.shape
        p_path = path.coefs.shape[0 if path.coefs.ndim == 2 else 2]
        if p != p_path:
            raise ValueError(f"X has {p} features, the path was fitted to {p_path}.")
        s = check_weights(weight, n)
        if datafit.kind == "classes":
            several = datafit.several
            target = check_classes(y, n, owner, s, binary=not several, allow_matrix=several)
            if path.classes is None or list(target.classes) != list(path.classes):
                raise ValueError(
                    f"y has classes {list(target.classes)}, the path was fitted to "
                    f"{None if path.classes is None else list(path.classes)}."
                )
            s = target.row_weight
            Y = target.one_hot() if several else (target.codes > 0).astype(np.float64)
        elif datafit.kind == "counts":
            Y = check_counts(y, n, owner, s)
        else:
            Y = check_response(y, n, owner, several=path.coefs.ndim == 3)
        o = check_offset(offset, Y.shape)
        Y, o = Y.reshape(n, -1), np.zeros((n, 1)) if o is None else o.reshape(n, -1)
        weights = np.ones(n) if s is None else s
        on = np.flatnonzero(weights > 0)
        if on.size < n:
            X = X[on]
        return cls(path, X, Y[on], weights[on], np.broadcast_to(o, Y.shape)[on])

    def predictor(self, k: int) -> Float64:
        """Linear predictor (n, n_outputs) at strength k."""
        active = np.flatnonzero(self.coefs[k].any(axis=0))
        block = self.X[:, active]
        product = block @ self.coefs[k][:, active].T
        dense = product.toarray() if sp.issparse(product) else product
        return np.asarray(dense + self.intercepts[k] + self.o)

    def deviance(self, eta: Float64, noise_variance: float | None) -> float:
        """Minus twice the log likelihood; constants that no model changes are left out."""
        s = self.s[:, None]
        if self.datafit.name == "multinomial":
            return float(-2.0 * (s * self.Y * log_softmax(eta, axis=1)).sum())
        if self.datafit.name == "logistic":
            log_p = self.Y * log_expit(eta) + (1.0 - self.Y) * log_expit(-eta)
            return float(-2.0 * (s * log_p).sum())
        if self.kind == "counts":
            return float(2.0 * (s * (np.exp(eta) - self.Y * eta + gammaln(self.Y + 1.0))).sum())
        r = self.Y - eta
        if self.datafit.name == "huber":
            inside = np.minimum(np.abs(r), self.datafit.get_params()["delta"])
            return float((s * inside * (2.0 * np.abs(r) - inside)).sum())
        rss = float((s * r**2).sum())
        if noise_variance is not None:
            return rss / noise_variance
        size = self.n * self.n_outputs
        floor = np.finfo(float).tiny
        return size * float(np.log(max(rss / size, floor)))

    def degrees_of_freedom(self, k: int, eta: Float64) -> float:
        """Degrees of freedom at strength k, as documented."""
        B = self.coefs[k]
        penalty = self.path.penalty
        shift = float(self.n_outputs if self.path.options["fit_intercept"] else 0)
        if self.datafit.name == "multinomial" and shift:
            shift -= 1.0  # one of the intercepts is fixed by the others
        if isinstance(penalty, Fused):
            return shift + _runs(B[0], penalty.groups)
        curved = isinstance(penalty, Group | SparseGroup) or (
            isinstance(penalty, ElasticNet) and penalty.l1_ratio < 1
        )
        active = B.T != 0  # (p, K)
        if isinstance(penalty, Group):
            active = np.repeat(active.any(axis=1)[:, None], self.n_outputs, axis=1)
        if not curved or not active.any():
            return shift + float(active.sum())
        H = self._hessian(active, eta)
        D = self._curvature(k, active)
        # Columns that depend on others: as many degrees as their rank, by a ridge out of sight.
        tiny = 1e-12 * max(float(np.trace(H)) / len(H), np.finfo(float).tiny)
        factor = cho_factor(H + D + tiny * np.eye(len(H)))
        return shift + float(np.trace(cho_solve(factor, H)))

    def _hessian(self, active: NDArray[np.bool_], eta: Float64) -> Float64:
        """Hessian of the mean loss in the active coefficients, features slowest."""
        rows, outputs = np.nonzero(active)
        features, place = np.unique(rows, return_inverse=True)
        block = self.X[:, features]
        A = np.asarray(block.toarray() if sp.issparse(block) else block, dtype=np.float64)
        s = self.s / self.n
        centre = bool(self.path.options["fit_intercept"])

        def gram(h: Float64) -> Float64:
            C = A
            if centre and h.sum() > 0:
                C = A - (h @ A) / h.sum()
            return np.asarray(C.T @ (h[:, None] * C))

        H = np.zeros((rows.size, rows.size))
        if self.datafit.name == "multinomial":
            P = np.exp(log_softmax(eta, axis=1))
            for a in range(self.n_outputs):
                for b in range(self.n_outputs):
                    h = s * P[:, a] * (float(a == b) - P[:, b])
                    C = A - (s @ A) if centre else A
                    one, two = np.flatnonzero(outputs == a), np.flatnonzero(outputs == b)
                    G = C.T @ (h[:, None] * C)
                    H[np.ix_(one, two)] = G[np.ix_(place[one], place[two])]
            return H
        for a in range(self.n_outputs):
            at = np.flatnonzero(outputs == a)
            G = gram(s * self._second_derivative(eta[:, a], self.Y[:, a]))
            H[np.ix_(at, at)] = G[np.ix_(place[at], place[at])]
        return H

    def _second_derivative(self, eta: Float64, y: Float64) -> Float64:
        if self.datafit.name == "logistic":
            return np.exp(log_expit(eta) + log_expit(-eta))
        if self.kind == "counts":
            return np.exp(eta)
        if self.datafit.name == "huber":
            return (np.abs(y - eta) <= self.datafit.get_params()["delta"]).astype(np.float64)
        if self.datafit.name == "sqrt":
            return np.full(eta.size, 1.0 / np.sqrt((self.s @ (y - eta) ** 2) / self.n))
        return np.ones(eta.size)

    def _curvature(self, k: int, active: NDArray[np.bool_]) -> Float64:
        """Hessian of the penalty in the active coefficients."""
        penalty, alpha = self.path.penalty, float(self.path.alphas[k])
        assert penalty is not None
        ratio = float(penalty.get_params()["l1_ratio"])
        rows, outputs = np.nonzero(active)
        p = self.coefs.shape[2]
        scale = self._scale()
        factor = self.path.options["penalty_factor"]
        if isinstance(penalty, ElasticNet):
            c = np.ones(p) if factor is None else np.where(np.isinf(factor), 0.0, factor)
            return np.diag(alpha * (1.0 - ratio) * (c * scale**2)[rows])
        groups = penalty.get_params()["groups"]
        of = np.arange(p) if groups is None else check_groups(groups, p)[0]
        c = np.ones(int(of.max()) + 1) if factor is None else factor
        norms, ridge = (ratio, 1.0 - ratio) if isinstance(penalty, Group) else (1.0 - ratio, 0.0)
        D = np.zeros((rows.size, rows.size))
        for g in np.unique(of[rows]):
            at = np.flatnonzero(of[rows] == g)
            d = scale[rows[at]]
            b = self.coefs[k][outputs[at], rows[at]] * d
            size = float(np.linalg.norm(b))
            weight = alpha * float(c[g])
            if size == 0.0 or not np.isfinite(weight):
                continue
            u = b / size
            block = norms * weight / size * (np.eye(at.size) - np.outer(u, u))
            block += ridge * weight * np.eye(at.size)
            D[np.ix_(at, at)] = d[:, None] * block * d
        return D

    def _scale(self) -> Float64:
        if not self.path.options["standardize"]:
            return np.ones(self.coefs.shape[2])
        s = self.s / self.n
        X = self.X
        mean = np.asarray(s @ X).ravel()
        if sp.issparse(X):
            square = np.asarray(s @ X.multiply(X)).ravel()
            return np.sqrt(np.maximum(square - mean**2, 0.0))
        return np.asarray(np.sqrt(np.maximum(s @ np.square(X) - mean**2, 0.0)))


def _runs(coef: Float64, groups: Any) -> float:
    """Runs of equal coefficients that are not zero, chain by chain."""
    chains = np.zeros(coef.size, int) if groups is None else check_groups(groups, coef.size)[0]
    runs = 0
    for g in np.unique(chains):
        b = coef[chains == g]
        first = np.r_[True, b[1:] != b[:-1]]
        runs += int(np.count_nonzero(first & (b != 0)))
    return float(runs)


__all__ = ["CRITERIA", "InformationCriterion", "information_criterion"]
