"""The prepared inputs of crops, kept in memory between epochs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from data.base import Float32, Image, Int64

if TYPE_CHECKING:
    from torch import Tensor

KEPT = 4 << 30  # bytes of prepared crops that stay in memory; the others are read again in every epoch


@dataclass(eq=False)
class PreparedCrops:
    """The inputs of crops with different numbers of slices.

    Args:
        images: The crops, read when indexed.
        prepare: Maps an image to its inputs `(T, 1, size, size)`.
        device: Where batches are put.
    """

    images: Sequence[Image]
    prepare: Callable[[Image], Float32]
    device: str
    _kept: dict[int, Float32] = field(default_factory=dict)
    _bytes: int = 0

    def __call__(self, rows: Int64) -> tuple[Tensor, Tensor]:
        """All slices `(B, 1, size, size)` of some crops, and for each slice the position of its crop in `rows`."""
        import torch

        parts = [self._read(int(row)) for row in rows]
        crop = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        pixels = torch.from_numpy(np.concatenate(parts)).to(self.device, memory_format=torch.channels_last)
        return pixels, torch.from_numpy(crop).to(self.device)

    def _read(self, row: int) -> Float32:
        if row in self._kept:
            return self._kept[row]
        inputs = self.prepare(self.images[row])
        if self._bytes + inputs.nbytes <= KEPT:
            self._kept[row] = inputs
            self._bytes += inputs.nbytes
        return inputs
