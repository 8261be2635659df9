"""The pixels themselves, which a network must beat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Image
from encoders.base import Encoder, FittedEncoder
from encoders.networks.pixels import resize_slices

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class RawPixels(Encoder):
    """Every slice, resized, is a token of size x size features in the units of the image.

    Args:
        size: Side of the square that each slice is resized to, in pixels.
    """

    words = "the resized pixels themselves"
    packages = ("opencv-python-headless",)

    size: int = 32

    def fit(
        self,
        images: Sequence[Image],
        y: NDArray[np.int64] | None,
        *,
        groups: NDArray[np.str_],
        seed: int,
        device: str,
    ) -> FittedEncoder:
        """Gives the encoder, which learns nothing."""
        return _Resizer(self.size)


class _Resizer:
    def __init__(self, size: int) -> None:
        self.size = size

    def encode(self, images: Iterable[Image]) -> Iterator[Float32]:
        for image in images:
            yield resize_slices(image.pixels, self.size, self.size).reshape(len(image.pixels), -1)

    def save(self, folder: Path) -> None:
        pass

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        return {}
