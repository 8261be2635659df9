"""What heads read of one branch, and what the floors read, which see no image: so no encoder is in their keys."""

from __future__ import annotations

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
    """Locating columns as indicators of the values that occur in training, `(N, F)` float32."""
    blocks = []
    for name in columns:
        values = columns[name].astype(str).to_numpy(dtype=str)
        blocks.append((values[:, None] == np.unique(values[train])[None, :]).astype(np.float32))
    return np.hstack(blocks) if blocks else np.zeros((len(columns), 0), dtype=np.float32)
