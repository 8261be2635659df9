"""Which crops a step learns from, and which it is rated on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]


def training_crops(rows: Int64, samples: Int64, *, labelled: bool) -> tuple[Int64, Int64]:
    """The crops that an encoder is trained on, and for each the sample that it shows.

    Args:
        rows: `(N,)` from samples to crops; -1 where a sample has none.
        samples: The training samples.
        labelled: Whether it learns from labels: samples that share a crop have labels of their own, so that the crop
            stands once for each of them.
    """
    samples = samples[rows[samples] >= 0]
    return (rows[samples], samples) if labelled else drawn_entries(rows, samples)


def test_crops(rows: Int64, test: NDArray[np.bool_]) -> Int64:
    """The crops of the test samples `test` `(N,)` bool, each once; `rows` leads from samples to crops."""
    return np.unique(rows[test & (rows >= 0)])


def drawn_entries(rows: Int64, samples: Int64) -> tuple[Int64, Int64]:
    """The entries that samples lead to by `rows` `(N,)`, and for each a sample that does.

    An entry that several samples share stands once; that of a sample that was drawn k times stands k times.
    """
    once, times = np.unique(samples, return_counts=True)
    entries, first = np.unique(rows[once], return_index=True)
    return np.repeat(entries, times[first]), np.repeat(once[first], times[first])
