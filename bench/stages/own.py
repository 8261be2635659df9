"""The probabilities that encoders trained with labels give themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Float64
from encoders.base import Tokens


def probabilities(
    tokens: Sequence[Tokens], classifiers: Sequence[Callable[[Float32], NDArray[np.floating]]], classes: int
) -> Float64:
    """The mean over the sequences that a sample has, `(N, K)`; zeros for a sample that has none.

    Args:
        tokens: One for each sequence.
        classifiers: For each sequence what gives vectors `(n, F)` their log-probabilities, of at most K classes.
        classes: K.
    """
    total = np.zeros((len(tokens[0].rows), classes))
    for one, classify in zip(tokens, classifiers, strict=True):
        vectors, have = one.means()
        if have.any():
            found = np.exp(classify(vectors[have]).astype(np.float64))
            out = np.zeros((len(found), classes))
            out[:, : found.shape[1]] = found / found.sum(axis=1, keepdims=True)
            total[have] += out
    return np.asarray(total / np.maximum(total.sum(axis=1, keepdims=True), 1e-300))


def has_probabilities(probabilities: Float64) -> NDArray[np.bool_]:
    """Which samples have probabilities, `(N,)`; the rows `(N, K)` of others, such as one not found, are zeros."""
    return np.asarray(probabilities.sum(axis=1) > 0)
