"""Measures how well a missing step predicts sequences, on samples that have them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from encoders.missing.base import Filler

ROWS = 4096


def filling_quality(
    filler: Filler, values: Float32, present: NDArray[np.bool_], *, means: Float32
) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
    """Hides one sequence at a time from the samples that have at least two, and compares the filled values with it.

    Args:
        filler: Fitted on other samples.
        values: `(N, S, F)` float32, zeros where absent.
        present: `(N, S)` bool.
        means: `(S, F)` float32: the training mean of each sequence; a filler that gives it explains no variance.

    Returns:
        Columns of S rows: `sequence` (position), `n` (samples), `cosine` (of filled and true values, the mean over
        samples) and `explained_variance` (1 minus the ratio of the squared errors to the squared differences from
        `means`, summed over all features). Both are NaN where n is 0; explained variance also where all true values
        equal the means.
    """
    rows = [_of_sequence(filler, values, present, s, means[s]) for s in range(values.shape[1])]
    n, cosine, explained = zip(*rows, strict=True)
    return {
        "sequence": np.arange(len(rows)),
        "n": np.array(n, dtype=np.int64),
        "cosine": np.array(cosine, dtype=np.float64),
        "explained_variance": np.array(explained, dtype=np.float64),
    }


def _of_sequence(
    filler: Filler, values: Float32, present: NDArray[np.bool_], sequence: int, mean: Float32
) -> tuple[int, float, float]:
    rows = np.flatnonzero(present[:, sequence] & (present.sum(axis=1) >= 2))
    cosines = error = total = 0.0
    for start in range(0, len(rows), ROWS):
        part = rows[start : start + ROWS]
        given, there = values[part], present[part]
        given[:, sequence], there[:, sequence] = 0, False
        true = values[part, sequence].astype(np.float64)
        filled = filler(given, there)[:, sequence].astype(np.float64)
        lengths = np.linalg.norm(true, axis=1) * np.linalg.norm(filled, axis=1)
        cosines += float(((true * filled).sum(axis=1) / np.where(lengths > 0, lengths, 1)).sum())
        error += float(((true - filled) ** 2).sum())
        total += float(((true - mean) ** 2).sum())
    cosine = cosines / len(rows) if len(rows) else float("nan")
    return len(rows), cosine, 1 - error / total if total > 0 else float("nan")
