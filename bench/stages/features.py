"""Tokens, filled and fused, and clinical columns to the matrix that heads read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from encoders.base import Projection, Tokens
from encoders.fusion.base import Fused, Fuser, Fusion
from encoders.missing import quality
from encoders.missing.base import Missing
from encoders.missing.mean import Mean

if TYPE_CHECKING:
    import pandas as pd


PROJECTED_FROM = 50_000
CHUNK = 4096


def project(tokens: Sequence[Tokens], projection: Projection, train: NDArray[np.int64], *, seed: int) -> list[Tokens]:
    """The tokens of each sequence with fewer features, learnt from those of the training samples (at most 50,000)."""
    out = []
    for one in tokens:
        entries, _ = drawn_entries(one.rows, train[one.rows[train] >= 0])
        most = PROJECTED_FROM // one.values.shape[1]
        if len(entries) > most:
            entries = np.sort(np.random.default_rng(seed).choice(entries, most, replace=False))
        fitted = projection.fit(one.values[entries][one.present[entries]], seed=seed)
        parts = [fitted(np.asarray(one.values[i : i + CHUNK])) for i in range(0, len(one.values), CHUNK)]
        out.append(Tokens(np.concatenate(parts), one.present, one.rows))
    return out


def drawn_entries(rows: NDArray[np.int64], samples: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The entries that samples lead to by `rows` `(N,)`, and for each a sample that does.

    An entry that several samples share stands once; that of a sample that was drawn k times stands k times.
    """
    once, times = np.unique(samples, return_counts=True)
    entries, first = np.unique(rows[once], return_index=True)
    return np.repeat(entries, times[first]), np.repeat(once[first], times[first])


def measured(tokens: Sequence[Tokens], train: NDArray[np.int64]) -> list[Tokens]:
    """The tokens of each sequence without NaN: the mean over its training samples' tokens, 0 where these have none.

    For each feature that a training sample lacks in some sequence, one more says which tokens lacked it, 0 or 1.
    """
    seen = [one.values[entries][one.present[entries]] for one in tokens for entries in [_entries(one, train)]]
    told = np.any([np.isnan(one).any(axis=0) for one in seen], axis=0)
    out = []
    for one, training in zip(tokens, seen, strict=True):
        known = ~np.isnan(training)
        means = np.where(known, training, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        lacking = np.isnan(one.values)
        filled = np.where(lacking, means.astype(np.float32), one.values)
        out.append(Tokens(np.concatenate([filled, lacking[..., told].astype(np.float32)], -1), one.present, one.rows))
    return out


def _entries(tokens: Tokens, samples: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.unique(tokens.rows[samples][tokens.rows[samples] >= 0])


def fuse(
    tokens: Sequence[Tokens],
    missing: Missing | None,
    fusion: Fusion,
    train: NDArray[np.int64],
    y: NDArray[np.int64] | None,
    groups: NDArray[np.str_],
    *,
    classes: int,
    seed: int,
    device: str,
) -> tuple[Fused, Fuser]:
    """One vector a sample and branch; what learns sees the samples of `train` alone.

    Args:
        tokens: One a sequence, over the same N samples.
        missing: Fills absent sequences, where the fusion uses that; None leaves zeros.
        fusion: Joins slices and sequences.
        train: Positions of the training samples.
        y: `(len(train),)` where the fusion learns from labels.
        groups: `(N,)` patient of each sample.
        classes: The number of classes.
        seed: For what draws.
        device: Where torch computes.
    """
    filled = np.zeros((len(groups), len(tokens), 0), dtype=np.float32)
    if fusion.uses_filled:
        filled, present = means(tokens)
        if missing is not None and not present.all():
            filled = missing.fit(filled[train], present[train], groups=groups[train], seed=seed)(filled, present)
    training = [one.take(train) for one in tokens]
    fuser = fusion.fit(training, filled[train], y, classes=classes, groups=groups[train], seed=seed, device=device)
    return fuser(tokens, filled), fuser


def means(tokens: Sequence[Tokens]) -> tuple[Float32, NDArray[np.bool_]]:
    """The mean over the slices of each sequence: `(N, S, F)` float32, zeros where absent, and `(N, S)` bool.

    Raises:
        ValueError: The sequences differ in their number of features.
    """
    widths = [one.values.shape[2] for one in tokens]
    if len(set(widths)) > 1:
        raise ValueError(f"the sequences of a cell must give embeddings of one width, these have {widths}")
    values = np.empty((len(tokens[0].rows), len(tokens), widths[0]), dtype=np.float32)
    present = np.empty(values.shape[:2], dtype=bool)
    for i, one in enumerate(tokens):
        values[:, i], present[:, i] = one.means()
    return values, present


def filling_quality(
    tokens: Sequence[Tokens],
    missing: Missing,
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    groups: NDArray[np.str_],
    *,
    seed: int,
) -> pd.DataFrame:
    """How good a missing step that learnt on `train` fills sequences hidden from samples of `test`.

    Columns `sequence` (its position), `n`, `cosine`, `explained_variance`; see `encoders.missing.quality`.
    """
    import pandas as pd

    values, present = means(tokens)
    nothing = np.zeros((1, *values.shape[1:]), dtype=np.float32)
    centre = Mean().fit(values[train], present[train], groups=groups[train], seed=seed)(
        nothing, np.zeros(nothing.shape[:2], dtype=bool)
    )[0]
    filler = missing.fit(values[train], present[train], groups=groups[train], seed=seed)
    return pd.DataFrame(quality.filling_quality(filler, values[test], present[test], means=centre))


def joined(blocks: Sequence[Fused]) -> Fused:
    """What several encoders gave, side by side; their probabilities averaged.

    Raises:
        ValueError: They differ in their number of branches.
    """
    if len(blocks) == 1:
        return blocks[0]
    probabilities = [block.probabilities for block in blocks if block.probabilities is not None]
    return Fused(
        np.concatenate([block.vectors for block in blocks], axis=2),
        np.any([block.present for block in blocks], axis=0),
        np.mean(probabilities, axis=0) if probabilities else None,
        {f"{name}_{i}": values for i, block in enumerate(blocks) for name, values in block.weights.items()},
    )


def table_features(table: Any, columns: pd.DataFrame, train: NDArray[np.int64], *, seed: int) -> Float32 | None:
    """Columns of the samples as numbers, imputed and encoded by the training samples, `(N, F)`; None if not used."""
    transformer = table.build(seed=seed)
    if transformer is None:
        return None
    transformer.fit(columns.iloc[train])
    return np.asarray(transformer.transform(columns), dtype=np.float32)


def join_table(vectors: Float32, table: Float32 | None, rows: NDArray[np.int64] | None = None) -> Float32:
    """Vectors `(n, F)` with the table's features of those rows (all for None) beside them."""
    if table is None:
        return vectors
    return np.hstack([vectors, table if rows is None else table[rows]])


def standardise(X: Float32, train: NDArray[np.int64]) -> Float32:
    """Every feature with mean 0 and standard deviation 1 over the training samples; a constant one becomes 0.

    With no training sample, all are 0.
    """
    if not len(train):
        return np.zeros_like(X)
    mean = X[train].mean(axis=0, dtype=np.float64)
    deviation = X[train].std(axis=0, dtype=np.float64)
    constant = deviation <= 1e-7 * np.maximum(np.abs(mean), 1e-30)
    scale = np.where(constant, 0.0, 1.0 / np.where(constant, 1.0, deviation))
    out: Float32 = X - mean.astype(np.float32)
    out *= scale.astype(np.float32)
    return out


def one_hot(columns: pd.DataFrame, train: NDArray[np.int64]) -> Float32:
    """Locating columns as indicators of the values that occur in training, `(N, F)` float32."""
    blocks = []
    for name in columns:
        values = columns[name].astype(str).to_numpy(dtype=str)
        blocks.append((values[:, None] == np.unique(values[train])[None, :]).astype(np.float32))
    return np.hstack(blocks) if blocks else np.zeros((len(columns), 0), dtype=np.float32)
