"""Scores of confusion counts.

Every score maps counts `(..., K, K)` float64, rows true and columns predicted, to `(...)` float64, so that one call
scores one matrix or thousands of resamples. Definitions are scikit-learn's with `labels=` all K classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


def count(y: Int64, predicted: Int64, n_classes: int) -> Float64:
    """`(K, K)` counts of `(n,)` true and predicted class indices."""
    cells = np.bincount(y * n_classes + predicted, minlength=n_classes**2)
    return cells.reshape(n_classes, n_classes).astype(np.float64)


def accuracy(counts: Float64) -> Float64:
    """The share of samples that are predicted right."""
    return np.asarray(_right(counts).sum(-1) / counts.sum((-2, -1)))


def balanced_accuracy(counts: Float64) -> Float64:
    """The mean recall of the classes that occur in y."""
    support = counts.sum(-1)
    return np.asarray(_divide(_right(counts), support).sum(-1) / (support > 0).sum(-1))


def macro_f1(counts: Float64) -> Float64:
    """The mean F1 of all K classes; 0 for a class that neither occurs nor is predicted (`zero_division=0`)."""
    return np.asarray(_divide(2 * _right(counts), counts.sum(-1) + counts.sum(-2)).mean(-1))


def matthews(counts: Float64) -> Float64:
    """Matthews' correlation coefficient for K classes; 0 if all samples are, or are predicted as, one class.

    References:
        J. Gorodkin, Comparing two K-category assignments by a K-category correlation coefficient, 2004,
        doi:10.1016/j.compbiolchem.2004.09.006.
    """
    true, predicted, total = counts.sum(-1), counts.sum(-2), counts.sum((-2, -1))
    covariance = _right(counts).sum(-1) * total - (true * predicted).sum(-1)
    spread = (total**2 - (true**2).sum(-1)) * (total**2 - (predicted**2).sum(-1))
    return _divide(covariance, np.sqrt(spread))


def quadratic_kappa(counts: Float64) -> Float64:
    """Cohen's kappa with quadratic weights; NaN if all samples are, and are predicted as, one class."""
    steps = _distance(counts) ** 2
    expected = counts.sum(-1)[..., :, None] * counts.sum(-2)[..., None, :] / counts.sum((-2, -1))[..., None, None]
    by_chance = (steps * expected).sum((-2, -1))
    observed = (steps * counts).sum((-2, -1))
    return np.asarray(1 - np.divide(observed, by_chance, out=np.full_like(by_chance, np.nan), where=by_chance > 0))


def mean_absolute_error(counts: Float64) -> Float64:
    """The mean distance of the predicted class from the true one, in classes."""
    return np.asarray((_distance(counts) * counts).sum((-2, -1)) / counts.sum((-2, -1)))


def _right(counts: Float64) -> Float64:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _distance(counts: Float64) -> Float64:
    classes = np.arange(counts.shape[-1], dtype=np.float64)
    return np.abs(classes[:, None] - classes)


def _divide(part: Float64, whole: Float64) -> Float64:
    return np.divide(part, whole, out=np.zeros(np.broadcast_shapes(part.shape, whole.shape)), where=whole > 0)
