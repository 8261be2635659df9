"""Batches of standardised tokens for the fusions that are trained, read from tokens that may be memory-mapped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from encoders.base import CHUNK, Tokens
from encoders.scaling.sequences import LIMIT, SequenceScales

if TYPE_CHECKING:
    from torch import Tensor

Samples = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Batch:
    """B samples on the device; tokens are standardised and cut at `LIMIT` standard deviations.

    Args:
        tokens: `(B, S, T, F)`, zeros where absent.
        slices: `(B, S, T)` bool: which slices are present.
        filled: `(B, S, F)` standardised slice means, absent sequences filled; `(B, S, 0)` for a fusion that does not
            use them.
    """

    tokens: Tensor
    slices: Tensor
    filled: Tensor

    @property
    def sequences(self) -> Tensor:
        """`(B, S)` bool: which sample has which sequence."""
        return self.slices.any(dim=2)


class Reader:
    """Gathers batches, and never holds more than a few chunks of the tokens.

    Args:
        tokens: One `Tokens` for each sequence, over the same N samples.
        filled: `(N, S, F)` or `(N, S, 0)` float32.
        scales: Of the training tokens.
        device: Where the batches are put.
    """

    def __init__(self, tokens: Sequence[Tokens], filled: Float32, scales: SequenceScales, device: str) -> None:
        import torch

        self.tokens, self.filled, self.device = tokens, filled, device
        self.slices = max(t.values.shape[1] for t in tokens)
        self._mean, self._inverse = (torch.from_numpy(a).to(device) for a in (scales.mean, scales.inverse))
        self._read = 0

    def __call__(self, samples: Samples) -> Batch:
        """The batch of some samples, by position."""
        import torch

        values = np.zeros((len(samples), len(self.tokens), self.slices, self._mean.shape[1]), dtype=np.float32)
        present = np.zeros(values.shape[:3], dtype=bool)
        for sequence, one in enumerate(self.tokens):
            length = one.values.shape[1]
            values[:, sequence, :length], present[:, sequence, :length] = one.take(samples).gather()
        self._release(values.nbytes)
        slices = torch.from_numpy(present).to(self.device)
        x = torch.from_numpy(values).to(self.device)
        x = x.sub_(self._mean[:, None]).mul_(self._inverse[:, None]).clamp_(-LIMIT, LIMIT).mul_(slices[..., None])
        filled = torch.from_numpy(self.filled[samples]).to(self.device)
        if filled.shape[2]:
            filled = filled.sub_(self._mean).mul_(self._inverse)
        return Batch(x, slices, filled)

    def parts(self, samples: Samples) -> Iterator[Samples]:
        """The samples in parts that easily fit into memory; one empty part where there are none."""
        step = max(1, CHUNK // (4 * len(self.tokens) * self.slices * self._mean.shape[1]))
        return (samples[start : start + step] for start in range(0, max(1, len(samples)), step))

    def _release(self, size: int) -> None:
        self._read += size
        if self._read > CHUNK // 4:  # random reads may map 50 times what they touch
            self._read = 0
            for one in self.tokens:
                one.release()
