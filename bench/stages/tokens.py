"""Turns crops into tokens: writes the tokens of an encoder, and reads them back memory-mapped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data import ScangridError
from data.base import Image
from encoders.base import FittedEncoder, Tokens


class EncodingError(ScangridError):
    """An encoder gave something that no encoder may give."""


def encode(
    fitted: FittedEncoder,
    images: Sequence[Image],
    slices: NDArray[np.int64],
    folder: Path,
    tick: Callable[[int], None],
    *,
    measures: bool = False,
) -> None:
    """Writes `values.npy` `(M, T, F)` float32 and `present.npy` `(M, T)` bool.

    Args:
        fitted: The fitted encoder.
        images: M crops.
        slices: `(M,)`: the number of slices of each crop.
        folder: Where to write.
        tick: Called with the number of images done since the last call.
        measures: Whether the encoder may give NaN for what can't be measured.

    Raises:
        EncodingError: The encoder does not give one finite float32 `(T, F)` array for each image.
    """
    present = np.zeros((len(images), int(slices.max())), dtype=bool)
    with (folder / "tokens.f32").open("wb") as file:
        features = 0
        count = 0
        for token in fitted.encode(_stream(images)):
            good = (
                token.ndim == 2
                and token.dtype == np.float32
                and not (np.isinf(token) if measures else ~np.isfinite(token)).any()
            )
            if not good or count >= len(images) or len(token) > present.shape[1]:
                raise EncodingError(
                    f"image {count}: an encoder must give finite float32 tokens, at most one for each slice"
                )
            if features not in (0, token.shape[1]):
                raise EncodingError(f"image {count}: {token.shape[1]} features, but earlier images have {features}")
            features = token.shape[1]
            file.write(token.tobytes())
            present[count, : len(token)] = True
            count += 1
            tick(1)
    if count != len(images):
        raise EncodingError(f"an encoder must give one array for each image: it gave {count} for {len(images)} images")
    _pad(folder, present[:, : int(present.sum(axis=1).max())], features)


def _pad(folder: Path, present: NDArray[np.bool_], features: int) -> None:
    """Turns the tokens that were written one after another into `(M, T, F)`, padded with zeros."""
    lengths = present.sum(axis=1)
    shape = (*present.shape, features)
    with (folder / "tokens.f32").open("rb") as source, (folder / "values.npy").open("wb") as target:
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(target, header)
        for length in lengths:
            target.write(source.read(4 * features * int(length)).ljust(4 * features * shape[1], b"\0"))
    (folder / "tokens.f32").unlink()
    np.save(folder / "present.npy", present)


def read(folder: Path, rows: NDArray[np.int64]) -> Tokens:
    """The tokens of a store entry; `rows` gives the position of each sample."""
    return Tokens(np.load(folder / "values.npy", mmap_mode="r"), np.load(folder / "present.npy"), rows)


def _stream(images: Sequence[Image]) -> Iterable[Image]:
    for i in range(len(images)):
        yield images[i]
