# SPDX-License-Identifier: BSD-3-Clause
"""Domain adaptation by the barycentric map of a transport plan."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.neighbors import NearestNeighbors
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted

from taut._validation import check_weights, validate_data
from taut.ot._cost import PointCloud, check_problem
from taut.ot._exact import ot_exact
from taut.ot._result import OTResult
from taut.ot._sinkhorn import sinkhorn
from taut.ot._smooth import auto_reg, smooth_ot

__all__ = ["SparseTransport"]


class SparseTransport(TransformerMixin, BaseEstimator):
    r"""Move samples of a source domain onto a target domain.

    ``fit`` computes a transport plan T between the two sets of samples; ``transform`` sends source
    i to the barycentre of its partners, ``sum_j T_ij y_j / sum_j T_ij``. A model trained on the
    moved sources with their labels can then be used in the target domain.

    Parameters
    ----------
    max_nz : int, default=8
        For ``method="sparse"``: at most this many partners of each target.
    reg : float or "auto", default="auto"
        Strength, see :func:`smooth_ot` and :func:`sinkhorn` for its units. "auto" scales with the
        median cost.
    method : {"sparse", "l2", "entropic", "exact"}, default="sparse"
    metric : str, default="sqeuclidean"
        "sqeuclidean" is computed as needed; any other name that
        ``sklearn.metrics.pairwise_distances`` knows makes a dense cost matrix.
    solver : {"auto", "newton", "lbfgs", "proximal", "bundle"}, default="auto"
        Of :func:`smooth_ot`.
    tol : float, default=1e-6
    max_iter : int, default=1000
        Evaluations or sweeps.
    n_jobs : int or None, default=None

    Attributes
    ----------
    plan_ : csr_array or ndarray of shape (n_source, n_target)
    potentials_ : tuple of ndarray (n_source,) and ndarray (n_target,)
    dual_gap_ : float
    marginal_error_ : tuple of two floats
    n_ties_ : int
    n_iter_ : int
    reg_ : float
    n_features_in_ : int

    Raises
    ------
    ValueError
        If the two sets have different numbers of features, or as :func:`smooth_ot`.

    Notes
    -----
    Sources that were not seen in ``fit`` get the displacement of the nearest one that was.
    ``fit(X)`` without ``Xt`` moves X onto itself; that is only of use to pipelines' checks.

    References
    ----------
    .. [1] N. Courty, R. Flamary, D. Tuia, A. Rakotomamonjy (2017), Optimal transport for domain
       adaptation, IEEE Trans. PAMI 39, 1853-1865.
    .. [2] T. Liu, J. Puigcerver, M. Blondel (2023), Sparsity-constrained optimal transport, ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.ot import SparseTransport
    >>> source = np.array([[0.0], [1.0], [2.0]])
    >>> SparseTransport(max_nz=1, method="exact").fit(source, Xt=source + 5).transform(source)
    array([[5.],
           [6.],
           [7.]])
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012
        "max_nz": [Interval(Integral, 1, None, closed="left")],
        "reg": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "method": [StrOptions({"sparse", "l2", "entropic", "exact"})],
        "metric": [str],
        "solver": [StrOptions({"auto", "newton", "lbfgs", "proximal", "bundle"})],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
    }

    plan_: Any
    potentials_: tuple[NDArray[np.float64], NDArray[np.float64]]

    def __init__(
        self,
        max_nz: int = 8,
        *,
        reg: float | str = "auto",
        method: str = "sparse",
        metric: str = "sqeuclidean",
        solver: str = "auto",
        tol: float = 1e-6,
        max_iter: int = 1000,
        n_jobs: int | None = None,
    ) -> None:
        self.max_nz = max_nz
        self.reg = reg
        self.method = method
        self.metric = metric
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        Xt: ArrayLike | None = None,
        source_weight: ArrayLike | None = None,
        target_weight: ArrayLike | None = None,
    ) -> SparseTransport:
        """Compute the plan from sources to targets.

        Parameters
        ----------
        X : array-like of shape (n_source, n_features)
            Source samples.
        y : ignored
        Xt : array-like of shape (n_target, n_features), default=None
            Target samples.
        source_weight, target_weight : array-like of shape (n_source,) and (n_target,), or None
            Weights >= 0; each side is normalised to sum one. A weight is not a repetition: a
            quadratic regulariser prefers mass that is spread over more rows.

        Returns
        -------
        SparseTransport
            The estimator itself.
        """
        self._validate_params()
        source = validate_data(self, X, dtype=[np.float64, np.float32], order="C")
        target = source
        if Xt is not None:
            target = check_array(Xt, dtype=source.dtype, order="C", input_name="Xt")
        if target.shape[1] != source.shape[1]:
            raise ValueError(f"Xt has {target.shape[1]} features, but X has {source.shape[1]}.")
        a, b = (
            None if w is None else w / w.sum()
            for w in (
                _named_weights(source_weight, "source_weight", source.shape[0]),
                _named_weights(target_weight, "target_weight", target.shape[0]),
            )
        )
        result = self._solve(a, b, self._cost(source, target))
        self.plan_ = result.plan
        self.potentials_ = result.potentials
        self.dual_gap_ = result.duality_gap
        self.marginal_error_ = result.marginal_error
        self.n_ties_ = result.n_ties
        self.n_iter_ = max(result.n_iter, 1)
        self.source_ = source
        # Rows without mass (weight 0, or no target chose them) stay with their neighbours.
        mass = np.asarray(result.apply(np.ones(target.shape[0]))).ravel()
        self._moves = np.flatnonzero(mass > 0)
        image = np.asarray(result.apply(target.astype(np.float64)))[self._moves]
        image /= mass[self._moves, None]
        self.image_ = image.astype(source.dtype, copy=False)
        self._neighbours = NearestNeighbors(n_neighbors=1).fit(source[self._moves])
        return self

    def _cost(self, source: Any, target: Any) -> Any:
        if self.metric == "sqeuclidean":
            return PointCloud(source, target)
        from sklearn.metrics import pairwise_distances

        return pairwise_distances(source, target, metric=self.metric)

    def _solve(self, a: Any, b: Any, cost: Any) -> OTResult:
        if self.method == "exact":
            self.reg_ = 0.0
            return ot_exact(a, b, cost)
        problem = check_problem(a, b, cost)
        if self.reg == "auto":
            try:
                self.reg_ = auto_reg(problem, self.method)
            except ValueError:  # most points coincide: any scale will do
                self.reg_ = 1.0
        else:
            self.reg_ = float(self.reg)
        if self.method == "entropic":
            return sinkhorn(
                a, b, cost, reg=self.reg_, tol=self.tol, max_iter=self.max_iter, n_jobs=self.n_jobs
            )
        limit = None
        if self.method == "sparse":
            limit = min(int(self.max_nz), problem.full_a.size)
        return smooth_ot(
            a,
            b,
            cost,
            reg=self.reg_,
            reg_type=self.method,
            max_nz=limit,
            solver=self.solver,
            tol=self.tol,
            max_iter=self.max_iter,
            n_jobs=self.n_jobs,
        )

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Move samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows equal to a fitted source go to its barycentre; others by the displacement of the
            nearest fitted source.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        samples = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        nearest = self._neighbours.kneighbors(samples, return_distance=False)[:, 0]
        shift = self.image_ - self.source_[self._moves]
        return samples + shift[nearest].astype(samples.dtype, copy=False)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "image_")

    @property
    def _n_features_out(self) -> int:
        return int(self.n_features_in_)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the columns of the result: those of the input."""
        from sklearn.utils.validation import _check_feature_names_in

        check_is_fitted(self)
        return _check_feature_names_in(self, input_features)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _named_weights(weights: Any, name: str, size: int) -> Any:
    try:
        return check_weights(weights, size)
    except ValueError as error:
        text = str(error).replace("sample_weight", name)
        raise ValueError(text.replace("X has", "the samples have")) from error
