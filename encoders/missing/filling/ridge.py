"""Ridge regressions from the sequences that a sample has to one that it lacks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from encoders.scaling.sequences import SequenceScales


@dataclass(frozen=True, eq=False)
class RidgeFiller:
    """A `Filler` with one regression for each absent sequence and set of present ones, fitted when first needed.

    Args:
        alpha: Penalty, as in `ridge`.
        values: `(n, S, F)` of the training samples.
        present: `(n, S)` bool of the training samples.
        scales: Of the training samples.
    """

    alpha: float
    values: Float32
    present: NDArray[np.bool_]
    scales: SequenceScales
    models: dict[tuple[int, ...], Linear] = field(default_factory=dict, init=False, repr=False)

    def __call__(self, values: Float32, present: NDArray[np.bool_]) -> Float32:
        """As in `Filler`."""
        filled = np.where(present[:, :, None], values, self.scales.mean)
        patterns, which = np.unique(present, axis=0, return_inverse=True)
        for index, pattern in enumerate(patterns):
            rows, given = np.flatnonzero(which.ravel() == index), np.flatnonzero(pattern)
            if len(given):
                X = self._predictors(values[rows], given)
                for absent in np.flatnonzero(~pattern):
                    filled[rows, absent] = self._model(int(absent), given)(X)
        return filled

    def _model(self, absent: int, given: NDArray[np.int64]) -> Linear:
        key = (absent, *given.tolist())
        if key not in self.models:
            both = self.present[:, list(key)].all(axis=1)
            X, Y = self._predictors(self.values[both], given), self.values[both, absent]
            self.models[key] = ridge(X, Y, self.alpha) if len(X) else Linear.constant(self.scales.mean[absent], X)
        return self.models[key]

    def _predictors(self, values: Float32, given: NDArray[np.int64]) -> Float32:
        return np.concatenate([self.scales(values[:, s], s) for s in given], axis=1)


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear model: coefficients times the difference from a centre, plus an intercept.

    Args:
        centre: `(P,)` float32.
        coefficients: `(P, F)` float32.
        intercept: `(F,)` float32.
    """

    centre: Float32
    coefficients: Float32
    intercept: Float32

    @classmethod
    def constant(cls, intercept: Float32, X: Float32) -> Linear:
        """The model that gives the intercept for every row of X `(n, P)`."""
        return cls(np.zeros(X.shape[1], np.float32), np.zeros((X.shape[1], len(intercept)), np.float32), intercept)

    def __call__(self, X: Float32) -> Float32:
        """`(n, P)` to `(n, F)`."""
        return np.asarray((X - self.centre) @ self.coefficients + self.intercept, dtype=np.float32)


def ridge(X: Float32, Y: Float32, alpha: float) -> Linear:
    """Ridge regression, solved by the smaller of the two normal equations.

    Args:
        X: `(n, P)` float32.
        Y: `(n, F)` float32.
        alpha: Penalty on the squared coefficients, in multiples of the sum of the variances of X.
    """
    from scipy.linalg import solve

    centre, intercept = X.mean(axis=0), Y.mean(axis=0)
    X, Y = X - centre, Y - intercept
    wide = X.shape[1] > len(X)
    moments = np.asarray(X @ X.T if wide else X.T @ X, dtype=np.float64)
    penalty = alpha * moments.trace() / len(X)
    moments[np.diag_indices_from(moments)] += max(penalty, 1e-12)
    target = np.asarray(Y if wide else X.T @ Y, dtype=np.float64)
    solution = solve(moments, target, assume_a="pos", overwrite_a=True, overwrite_b=True).astype(np.float32)
    return Linear(centre, np.asarray(X.T @ solution if wide else solution), intercept)
