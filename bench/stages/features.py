"""Tokens, filled and fused, and clinical columns to the matrix that heads read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from encoders.base import Projection, Tokens
from encoders.fusion.base import Fusion
from encoders.missing.base import Missing

if TYPE_CHECKING:
    import pandas as pd


def project(tokens: Sequence[Tokens], projection: Projection, train: NDArray[np.int64], *, seed: int) -> list[Tokens]:
    """The tokens of each sequence with fewer features, learnt from the tokens of the training samples."""
    out = []
    for one in tokens:
        entries = np.unique(one.rows[train][one.rows[train] >= 0])
        fitted = projection.fit(one.values[entries][one.present[entries]], seed=seed)
        out.append(Tokens(fitted(np.asarray(one.values)), one.present, one.rows))
    return out


def fuse(
    tokens: Sequence[Tokens],
    missing: Missing,
    fusion: Fusion,
    train: NDArray[np.int64],
    y: NDArray[np.int64] | None,
    groups: NDArray[np.str_],
    *,
    seed: int,
    device: str,
) -> Float32:
    """One vector a sample, `(N, F)` float32; what learns sees the samples of `train` alone.

    Args:
        tokens: One a sequence, over the same N samples.
        missing: Fills absent sequences.
        fusion: Joins slices and sequences.
        train: Positions of the training samples.
        y: `(len(train),)` where the fusion learns from labels.
        groups: `(N,)` patient of each sample.
        seed: For what draws.
        device: Where torch computes.
    """
    means = [one.means() for one in tokens]
    if len({values.shape[1] for values, _ in means}) > 1:
        raise ValueError("the sequences of a cell must give embeddings of one width")
    values = np.stack([v for v, _ in means], axis=1)
    present = np.stack([p for _, p in means], axis=1)
    if not present.all():
        values = missing.fit(values[train], present[train], seed=seed)(values, present)
    training = [one.take(train) for one in tokens]
    fuser = fusion.fit(training, values[train], y, groups=groups[train], seed=seed, device=device)
    fused, _ = fuser(tokens, values)
    if len(fused) != 1:
        raise ValueError(f"a fusion of {len(fused)} branches needs a head a branch, which the engine does not fit yet")
    vectors: Float32 = fused[0]
    return vectors


def join_table(
    fused: Float32, table: Any | None, clinical: pd.DataFrame, train: NDArray[np.int64], *, seed: int
) -> Float32:
    """The fused vectors with the clinical columns, imputed and encoded by the training samples, beside them."""
    transformer = table.build(seed=seed) if table is not None else None
    if transformer is None:
        return fused
    transformer.fit(clinical.iloc[train])
    return np.hstack([fused, np.asarray(transformer.transform(clinical), dtype=np.float32)])


def standardise(X: Float32, train: NDArray[np.int64]) -> Float32:
    """Every feature with mean 0 and standard deviation 1 over the training samples; a constant one becomes 0."""
    mean = X[train].mean(axis=0, dtype=np.float64)
    deviation = X[train].std(axis=0, dtype=np.float64)
    constant = deviation <= 1e-7 * np.maximum(np.abs(mean), 1e-30)
    scale = np.where(constant, 0.0, 1.0 / np.where(constant, 1.0, deviation))
    return np.asarray((X - mean.astype(np.float32)) * scale.astype(np.float32), dtype=np.float32)


def one_hot(columns: pd.DataFrame, train: NDArray[np.int64]) -> Float32:
    """Locating columns as indicators of the values that occur in training, `(N, F)` float32."""
    blocks = []
    for name in columns:
        values = columns[name].astype(str).to_numpy(dtype=str)
        blocks.append((values[:, None] == np.unique(values[train])[None, :]).astype(np.float32))
    return np.hstack(blocks) if blocks else np.zeros((len(columns), 0), dtype=np.float32)
