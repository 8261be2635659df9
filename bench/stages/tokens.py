"""Crops to tokens: writes what an encoder yields, and reads it back memory-mapped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Image
from encoders.base import FittedEncoder, Tokens


class EncodingError(Exception):
    """An encoder gave what no encoder may give."""


def encode(
    fitted: FittedEncoder, images: Sequence[Image], slices: NDArray[np.int64], folder: Path, tick: Callable[[int], None]
) -> None:
    """Writes `values.npy` `(M, T, F)` float32 and `present.npy` `(M, T)` bool.

    Args:
        fitted: The encoder, ready.
        images: M crops.
        slices: `(M,)`: the number of slices of each.
        folder: Where to write.
        tick: Called with the number of images done since the last call.

    Raises:
        EncodingError: Not one finite float32 `(T, F)` array an image.
    """
    values: Float32 | None = None
    present = np.zeros((len(images), 0), dtype=bool)
    count = 0
    for i, token in enumerate(fitted.encode(_stream(images))):
        if values is None:
            width = int(slices.max()) if len(token) == slices[0] else len(token)
            shape = (len(images), width, token.shape[1])
            values = np.lib.format.open_memmap(folder / "values.npy", mode="w+", dtype=np.float32, shape=shape)
            present = np.zeros(shape[:2], dtype=bool)
        if token.dtype != np.float32 or len(token) > values.shape[1] or not np.isfinite(token).all():
            raise EncodingError(f"image {i}: an encoder gives finite float32 tokens, at most one a slice")
        values[i, : len(token)] = token
        present[i, : len(token)] = True
        count += 1
        tick(1)
    if count != len(images) or values is None:
        raise EncodingError(f"an encoder gives one array an image: {count} for {len(images)}")
    if not present[:, 1:].any():
        short = np.array(values[:, :1])
        del values
        np.save(folder / "values.npy", short)
        present = present[:, :1]
    np.save(folder / "present.npy", present)


def read(folder: Path, rows: NDArray[np.int64]) -> Tokens:
    """The tokens of an entry for samples that lead to it by `rows`."""
    return Tokens(np.load(folder / "values.npy", mmap_mode="r"), np.load(folder / "present.npy"), rows)


def _stream(images: Sequence[Image]) -> Iterable[Image]:
    for i in range(len(images)):
        yield images[i]
