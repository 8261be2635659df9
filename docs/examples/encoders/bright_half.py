"""Mean brightness of the halves of a slice."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.base import Float32, Image
from encoders.base import Encoder


@dataclass(frozen=True, kw_only=True)
class BrightHalf(Encoder):
    """Two features per slice: the mean of its upper half and of its lower half.

    Args:
        power: The exponent that pixels are raised to first.
    """

    power: float = 1.0

    def fit(self, images: Any, y: Any, *, groups: Any, seed: int, device: str) -> "BrightHalf":
        """Learns nothing, so it gives itself."""
        return self

    def encode(self, images: Iterable[Image]) -> Iterator[Float32]:
        """One `(slices, 2)` float32 array for each image."""
        for image in images:
            pixels = np.abs(image.pixels) ** self.power
            middle = (pixels.shape[1] + 1) // 2
            halves = [pixels[:, :middle].mean(axis=(1, 2)), pixels[:, middle - 1 :].mean(axis=(1, 2))]
            yield np.stack(halves, axis=1).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Nothing was learnt, so nothing is written."""

    def artifacts(self) -> Mapping[str, Any]:
        """Nothing to keep."""
        return {}
