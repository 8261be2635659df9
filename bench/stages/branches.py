"""What heads read of one branch, and what the floors read, which see no image: so no encoder is in their keys."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Int64

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Branch:
    """What heads read of one branch of a fusion.

    Args:
        X: `(N, F)` features of all samples, standardised on the training rows.
        present: `(N,)` bool: which sample has this branch.
        refits: For features that were trained with labels the inner fold of each training row `(n,)`, and the training
            rows `(n, F)` by each inner refit.
    """

    X: Any
    present: NDArray[np.bool_]
    refits: tuple[Int64, list[Any]] | None = None

    @classmethod
    def of(cls, X: Float32) -> Branch:
        """One branch that every sample has."""
        return cls(X, np.ones(len(X), dtype=bool))


def one_hot(columns: pd.DataFrame, train: NDArray[np.int64]) -> Float32:
    """Locating columns as indicators of the places that occur in training, `(N, F)` float32.

    A place is a value of a column, or the values of several columns together, such as a level on one side: so a linear
    model has a rate for each place, which a penalty draws towards the rates of the single columns.
    """
    values = [columns[name].astype(str).to_numpy(dtype=str) for name in columns]
    blocks = []
    for order in range(1, len(values) + 1):
        for some in itertools.combinations(values, order):
            _, place = np.unique(np.stack(some), axis=1, return_inverse=True)
            blocks.append((place.reshape(-1, 1) == np.unique(place.ravel()[train])).astype(np.float32))
    return np.hstack(blocks) if blocks else np.zeros((len(columns), 0), dtype=np.float32)
