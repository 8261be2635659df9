"""Batches of standardised tokens for the fusions that learn, read from tokens that may be memory-mapped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Float64
from encoders.base import CHUNK, Tokens

if TYPE_CHECKING:
    from torch import Tensor

Samples = NDArray[np.int64]
LIMIT = 10.0  # deviations that a standardised feature may be from the mean


@dataclass(frozen=True, eq=False)
class Batch:
    """B samples on the device, standardised and within `LIMIT`.

    Args:
        tokens: `(B, S, T, F)`, zeros where absent.
        slices: `(B, S, T)` bool: what is present.
        filled: `(B, S, F)`, or `(B, S, 0)` for a fusion that does not use it.
    """

    tokens: Tensor
    slices: Tensor
    filled: Tensor

    @property
    def sequences(self) -> Tensor:
        """`(B, S)` bool: which sample has which sequence."""
        return self.slices.any(dim=2)


@dataclass(frozen=True, eq=False)
class Standard:
    """What is taken from every token, and what it is then multiplied by: `(S, F)` float32 each."""

    centre: Float32
    scale: Float32

    @classmethod
    def of(cls, tokens: Sequence[Tokens]) -> Standard:
        """Mean and inverse deviation of each feature over the tokens present; a constant feature becomes 0."""
        centres, scales = zip(*(_moments(one) for one in tokens), strict=True)
        return cls(np.stack(centres).astype(np.float32), np.stack(scales).astype(np.float32))


class Reader:
    """Gathers batches; never holds more than a few chunks of the tokens.

    Args:
        tokens: One a sequence, over the same N samples.
        filled: `(N, S, F)` or `(N, S, 0)` float32.
        standard: Of the training tokens.
        device: Where batches go.
    """

    def __init__(self, tokens: Sequence[Tokens], filled: Float32, standard: Standard, device: str) -> None:
        import torch

        self.tokens, self.filled, self.device = tokens, filled, device
        self.slices = max(t.values.shape[1] for t in tokens)
        self._centre, self._scale = (torch.from_numpy(a).to(device) for a in (standard.centre, standard.scale))
        self._read = 0

    def __call__(self, samples: Samples) -> Batch:
        """The batch of some samples, by position."""
        import torch

        values = np.zeros((len(samples), len(self.tokens), self.slices, self._centre.shape[1]), dtype=np.float32)
        present = np.zeros(values.shape[:3], dtype=bool)
        for sequence, one in enumerate(self.tokens):
            length = one.values.shape[1]
            values[:, sequence, :length], present[:, sequence, :length] = one.take(samples).gather()
        self._release(values.nbytes)
        slices = torch.from_numpy(present).to(self.device)
        x = torch.from_numpy(values).to(self.device)
        x = x.sub_(self._centre[:, None]).mul_(self._scale[:, None]).clamp_(-LIMIT, LIMIT).mul_(slices[..., None])
        filled = torch.from_numpy(self.filled[samples]).to(self.device)
        if filled.shape[2]:
            filled = filled.sub_(self._centre).mul_(self._scale)
        return Batch(x, slices, filled)

    def parts(self, samples: Samples) -> Iterator[Samples]:
        """The samples in parts that fit into memory easily; one empty part where there are none."""
        step = max(1, CHUNK // (4 * len(self.tokens) * self.slices * self._centre.shape[1]))
        return (samples[start : start + step] for start in range(0, max(1, len(samples)), step))

    def _release(self, size: int) -> None:
        self._read += size
        if self._read > CHUNK // 4:  # random reads may map 50 times what they touch
            self._read = 0
            for one in self.tokens:
                one.release()


def _moments(tokens: Tokens) -> tuple[Float64, Float64]:
    """Mean and inverse deviation `(F,)`.

    References:
        T. Chan, G. Golub, R. LeVeque, Algorithms for computing the sample variance, The American Statistician 1983,
        doi:10.1080/00031305.1983.10483115.
    """
    count = 0
    mean = np.zeros(tokens.values.shape[2])
    squares = np.zeros_like(mean)
    for values in tokens.entries():
        if not len(values):
            continue
        step = values.mean(axis=0, dtype=np.float64) - mean
        share = len(values) / (count + len(values))
        squares += values.var(axis=0, dtype=np.float64) * len(values) + step**2 * share * count
        mean += step * share
        count += len(values)
    deviation = np.sqrt(squares / max(count, 1))
    constant = deviation <= 1e-7 * np.maximum(np.abs(mean), 1e-30)
    return mean, np.where(constant, 0.0, 1 / np.where(constant, 1.0, deviation))
