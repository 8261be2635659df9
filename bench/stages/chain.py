"""All that a cell learnt, from tokens to probabilities, ready for samples that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.stages import features
from bench.stages.features import FilledFusion, Measured, Scale
from bench.stages.fits import FittedHeads, HeadPrediction
from bench.stages.own import has_probabilities
from data.base import Float64
from encoders.base import FittedProjection, Tokens
from encoders.fusion.base import Fused

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class EncoderChain:
    """From the tokens of one encoder to a vector for each sample and branch.

    Args:
        measured: Fills gaps in measures; None for an encoder that measures nothing.
        projections: One projection for each sequence, or none.
        fusion: Fills absent sequences, and joins slices and sequences.
    """

    measured: Measured | None
    projections: tuple[FittedProjection, ...]
    fusion: FilledFusion

    def prepare(self, tokens: Sequence[Tokens]) -> Sequence[Tokens]:
        """The tokens as the fusion reads them, one `Tokens` for each sequence."""
        if self.measured is not None:
            tokens = self.measured(tokens)
        return features.projected(tokens, self.projections) if self.projections else tokens


@dataclass(frozen=True, eq=False)
class Chain:
    """A cell that was fitted, without its encoders.

    Args:
        encoders: One chain for each encoder.
        table: The encoder of table columns; None if they are not used.
        scales: One scale for each branch; none if the head reads the encoders' own probabilities.
        heads: The head on each branch.
    """

    encoders: tuple[EncoderChain, ...]
    table: Any
    scales: tuple[Scale, ...]
    heads: FittedHeads

    def fused(self, tokens: Sequence[Sequence[Tokens]], own: Sequence[Float64 | None]) -> Fused:
        """What the fusion makes of N samples; see `predict`."""
        blocks = [one.fusion(one.prepare(given)) for one, given in zip(self.encoders, tokens, strict=True)]
        blocks = [b if p is None else replace(b, probabilities=p) for b, p in zip(blocks, own, strict=True)]
        return features.joined(blocks)

    def inputs(self, fused: Fused, columns: pd.DataFrame) -> tuple[list[Any], NDArray[np.bool_]]:
        """The inputs of the head for each branch `(N, F)`, and which sample has which branch `(B, N)`."""
        if not self.scales:
            assert fused.probabilities is not None
            return [fused.probabilities], has_probabilities(fused.probabilities)[None]
        table = features.table_features(self.table, columns)
        joined = [features.join_table(vectors, table) for vectors in fused.vectors]
        return [scale(X) for scale, X in zip(self.scales, joined, strict=True)], fused.present

    def predict(
        self, tokens: Sequence[Sequence[Tokens]], own: Sequence[Float64 | None], columns: pd.DataFrame
    ) -> HeadPrediction:
        """Predicts N samples.

        Args:
            tokens: For each encoder the tokens of each sequence.
            own: For each encoder its own probabilities `(N, K)`, or None.
            columns: The samples' rows, with the columns that the table step reads.
        """
        X, present = self.inputs(self.fused(tokens, own), columns)
        return self.heads.predict(X, present)
