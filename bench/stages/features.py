"""From tokens, which are filled and fused, and from clinical columns to the matrix that heads read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.stages.training_crops import drawn_entries
from data.base import Float32
from data.numerics.scaling import inverse_deviation
from encoders.base import FittedProjection, Projection, Tokens
from encoders.fusion.base import Fused, Fuser, Fusion
from encoders.missing.base import Filler, Missing
from encoders.missing.filling import quality
from encoders.missing.filling.means import training_means

if TYPE_CHECKING:
    import pandas as pd


PROJECTED_FROM = 50_000
CHUNK = 4096


def project(tokens: Sequence[Tokens], projection: Projection, train: NDArray[np.int64], *, seed: int) -> list[Tokens]:
    """The tokens of each sequence with fewer features; learnt from at most 50,000 tokens of training samples."""
    return projected(tokens, projections(tokens, projection, train, seed=seed))


def projections(
    tokens: Sequence[Tokens], projection: Projection, train: NDArray[np.int64], *, seed: int
) -> list[FittedProjection]:
    """The fitted projection of each sequence, which `project` applies."""
    fitted = []
    for one in tokens:
        entries, _ = drawn_entries(one.rows, train[one.rows[train] >= 0])
        most = PROJECTED_FROM // one.values.shape[1]
        if len(entries) > most:
            entries = np.sort(np.random.default_rng(seed).choice(entries, most, replace=False))
        fitted.append(projection.fit(one.values[entries][one.present[entries]], seed=seed))
    return fitted


def projected(tokens: Sequence[Tokens], fitted: Sequence[FittedProjection]) -> list[Tokens]:
    """The tokens of each sequence with fewer features."""
    out = []
    for one, projection in zip(tokens, fitted, strict=True):
        parts = [projection(np.asarray(one.values[i : i + CHUNK])) for i in range(0, len(one.values), CHUNK)]
        out.append(Tokens(np.concatenate(parts), one.present, one.rows))
    return out


@dataclass(frozen=True, eq=False)
class Measured:
    """Fills what an encoder could not measure by the mean over the training samples' tokens, or by 0 if they have none.

    Args:
        means: For each sequence the means `(F,)`.
        marked: `(F,)` bool: the features that a training sample lacks in some sequence. Each gets an extra feature,
            which is 1 for tokens that lack it.
    """

    means: tuple[Float32, ...]
    marked: NDArray[np.bool_]

    @classmethod
    def of(cls, tokens: Sequence[Tokens], train: NDArray[np.int64]) -> Measured:
        """Learns from the training samples."""
        seen = [one.values[entries][one.present[entries]] for one in tokens for entries in [_entries(one, train)]]
        known = [~np.isnan(one) for one in seen]
        totals = [
            np.where(k, one, 0).sum(axis=0) / np.maximum(k.sum(axis=0), 1) for one, k in zip(seen, known, strict=True)
        ]
        marked = np.any([~k.all(axis=0) for k in known], axis=0)
        return cls(tuple(np.asarray(total, dtype=np.float32) for total in totals), marked)

    def __call__(self, tokens: Sequence[Tokens]) -> list[Tokens]:
        """The tokens of each sequence without NaN."""
        out = []
        for one, means in zip(tokens, self.means, strict=True):
            lacking = np.isnan(one.values)
            filled = np.where(lacking, means, one.values)
            marks = lacking[..., self.marked].astype(np.float32)
            out.append(Tokens(np.concatenate([filled, marks], -1), one.present, one.rows))
        return out


def _entries(tokens: Tokens, samples: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.unique(tokens.rows[samples][tokens.rows[samples] >= 0])


@dataclass(frozen=True, eq=False)
class FilledFusion:
    """A missing step and a fusion that are ready for any samples.

    Args:
        filler: Fills absent sequences; None leaves zeros.
        fuser: Joins slices and sequences.
        filled: Whether the fuser uses filled sequences.
    """

    filler: Filler | None
    fuser: Fuser
    filled: bool

    def __call__(self, tokens: Sequence[Tokens]) -> Fused:
        """One vector for each sample and branch."""
        return self.fuser(tokens, filled(tokens, self.filler, self.filled))


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
    """One vector for each sample and branch; steps that learn see only the samples of `train`.

    Args:
        tokens: The tokens of each sequence, over the same N samples.
        missing: Fills absent sequences if the fusion uses them; None leaves zeros.
        fusion: Joins slices and sequences.
        train: Positions of the training samples.
        y: `(len(train),)` class indices if the fusion learns from labels.
        groups: `(N,)` patient of each sample.
        classes: The number of classes.
        seed: The seed of all draws.
        device: Where torch computes.
    """
    lacking = fusion.uses_filled and not all((one.rows >= 0).all() for one in tokens)
    filler = fitted_filler(tokens, missing, train, groups, seed=seed) if lacking else None
    values = filled(tokens, filler, fusion.uses_filled)
    training = [one.take(train) for one in tokens]
    fuser = fusion.fit(training, values[train], y, classes=classes, groups=groups[train], seed=seed, device=device)
    return fuser(tokens, values), fuser


def fitted_filler(
    tokens: Sequence[Tokens],
    missing: Missing | None,
    train: NDArray[np.int64],
    groups: NDArray[np.str_],
    *,
    seed: int,
) -> Filler | None:
    """A filler of absent sequences, fitted on the samples of `train`; None leaves zeros."""
    if missing is None:
        return None
    values, present = means([one.take(train) for one in tokens])
    return missing.fit(values, present, groups=groups[train], seed=seed)


def filled(tokens: Sequence[Tokens], filler: Filler | None, wanted: bool) -> Float32:
    """The means over the slices of each sequence, absent ones filled, `(N, S, F)`; `(N, S, 0)` if not `wanted`."""
    if not wanted:
        return np.zeros((len(tokens[0].rows), len(tokens), 0), dtype=np.float32)
    values, present = means(tokens)
    return values if filler is None or present.all() else filler(values, present)


def means(tokens: Sequence[Tokens]) -> tuple[Float32, NDArray[np.bool_]]:
    """The mean over the slices of each sequence: `(N, S, F)` float32, zeros where absent, and `(N, S)` bool.

    Raises:
        ValueError: The sequences differ in their number of features.
    """
    widths = [one.values.shape[2] for one in tokens]
    if len(set(widths)) > 1:
        raise ValueError(f"the sequences of a cell must give embeddings of one width, but these have {widths}")
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
    """How well a missing step that learnt from `train` fills sequences that are hidden from samples of `test`.

    Columns: `sequence` (its position), `n`, `cosine` and `explained_variance`; see `encoders.missing.filling.quality`.
    """
    import pandas as pd

    values, present = means(tokens)
    centre = training_means(values[train], present[train])
    filler = missing.fit(values[train], present[train], groups=groups[train], seed=seed)
    return pd.DataFrame(quality.filling_quality(filler, values[test], present[test], means=centre))


def joined(blocks: Sequence[Fused]) -> Fused:
    """The vectors of several encoders side by side, with their mean probabilities.

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


def fitted_table(table: Any, columns: pd.DataFrame, train: NDArray[np.int64], *, seed: int) -> Any:
    """The table transformer, fitted on the training samples; None if the columns are not used."""
    transformer = table.build(seed=seed)
    return None if transformer is None else transformer.fit(columns.iloc[train])


def table_features(transformer: Any, columns: pd.DataFrame) -> Float32 | None:
    """Columns of samples as numbers `(N, F)`; None if they are not used."""
    return None if transformer is None else np.asarray(transformer.transform(columns), dtype=np.float32)


def join_table(vectors: Float32, table: Float32 | None, rows: NDArray[np.int64] | None = None) -> Float32:
    """Vectors `(n, F)`, followed by the table's features of these rows (of all rows for None)."""
    if table is None:
        return vectors
    return np.hstack([vectors, table if rows is None else table[rows]])


@dataclass(frozen=True, eq=False)
class Scale:
    """Scales features to mean 0 and standard deviation 1 over the training samples; a constant feature becomes 0.

    Args:
        mean: `(F,)` float32.
        inverse: `(F,)` float32: 1 / deviation; 0 for a constant feature, and for all features without training samples.
    """

    mean: Float32
    inverse: Float32

    @classmethod
    def of(cls, X: Float32, train: NDArray[np.int64]) -> Scale:
        """Learns from the training rows of X `(N, F)`."""
        if not len(train):
            return cls(np.zeros(X.shape[1], dtype=np.float32), np.zeros(X.shape[1], dtype=np.float32))
        mean = X[train].mean(axis=0, dtype=np.float64)
        deviation = X[train].std(axis=0, dtype=np.float64)
        return cls(mean.astype(np.float32), inverse_deviation(mean, deviation).astype(np.float32))

    def __call__(self, X: Float32) -> Float32:
        """Rows `(n, F)`, scaled."""
        out: Float32 = X - self.mean
        out *= self.inverse
        return out


def standardise(X: Float32, train: NDArray[np.int64]) -> Float32:
    """All rows of X `(N, F)`, scaled by its training rows."""
    return Scale.of(X, train)(X)
