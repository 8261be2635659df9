"""The pixels themselves, which a network must beat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Image
from encoders.base import Encoder, FittedEncoder
from encoders.networks.pixels import resize_slices

if TYPE_CHECKING:
    import pandas as pd

_Slices = Literal["all", "middle"]


@dataclass(frozen=True, kw_only=True)
class RawPixels(Encoder):
    """Every slice, resized, is a token of size x size features in the units of the image.

    Args:
        size: Side of the square that each slice is resized to, in pixels.
        slices: `"all"`, or `"middle"` for the central slice alone: slice D // 2 of D, counted from 0.
    """

    words = "the resized pixels themselves"
    packages = ("opencv-python-headless",)

    size: int = 32
    slices: _Slices = "all"

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size ({self.size}) must be at least 1")
        if self.slices not in get_args(_Slices):
            raise ValueError(f"slices ({self.slices!r}) must be all or middle")

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
        return _Resizer(self)

    def prepare(self, image: Image) -> Float32:
        """`(S, 1, size, size)`: the slices that become tokens, resized."""
        pixels, middle = image.pixels, len(image.pixels) // 2
        pixels = pixels if self.slices == "all" else pixels[middle : middle + 1]
        return resize_slices(pixels, self.size, self.size)[:, None]


class _Resizer:
    def __init__(self, encoder: RawPixels) -> None:
        self._encoder = encoder

    def encode(self, images: Iterable[Image]) -> Iterator[Float32]:
        for image in images:
            prepared = self._encoder.prepare(image)
            yield prepared.reshape(len(prepared), -1)

    def save(self, folder: Path) -> None:
        pass

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        return {}
