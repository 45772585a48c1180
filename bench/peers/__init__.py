# SPDX-License-Identifier: BSD-3-Clause
"""One adapter per package.

An adapter has ``version()`` and ``solve(X, y, alphas, tol, n_threads)``, which returns the
coefficients as an array or sparse matrix of shape (p, k), or a triple (coefficients, wall seconds,
CPU seconds) when the package is timed elsewhere than in this process. ``COMPARABLE = False``
marks a package that solves another problem; ``NOTE`` says what the reader has to know.
"""
