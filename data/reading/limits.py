"""What a header may ask for: sizes are held against the file and a bound before anything is allocated."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.base import DataError, Float32, Float64

LARGEST = 2**29  # pixels of an image, 2 GiB as float32: 512 x 512 x 2048, or 23,000 x 23,000
_DENSEST = 1032  # bytes that deflate packs into one at most
_SPACING = (1e-6, 1e5)  # mm
_FARTHEST = 1e6  # mm from the origin


class Decoded(NamedTuple):
    """What a file holds.

    Args:
        pixels: `(D, H, W)` of any real type, in the order of the file.
        affine: `(4, 4)` float64, maps an index `(d, h, w, 1)` to LPS mm; None for a picture, which has no place.
        turned: How its rows lie by the file, as in EXIF: 1 is upright. `pixels` are turned upright already.
        oriented: Whether the directions of the axes in the patient are known.
        planes: `(D, 4, 4)` where the slices are on no regular grid, as in `Image`.
        faults: The parts that could not be read, or were not chosen, each as `file: reason`.
        reference: Its FrameOfReferenceUID; empty where it has none.
    """

    pixels: NDArray[Any]
    affine: Float64 | None = None
    turned: int = 1
    oriented: bool = True
    planes: Float64 | None = None
    faults: tuple[str, ...] = ()
    reference: str = ""


def check_shape(path: Path, shape: Sequence[int]) -> None:
    """Refuses an image without pixels, or with more than `LARGEST`.

    Raises:
        DataError: Names the shape.
    """
    shown = " x ".join(map(str, shape))
    if not shape or min(shape) < 1:
        raise DataError(f"{path}: its header gives {shown} pixels, but every axis has at least 1")
    if prod(shape) > LARGEST:
        raise DataError(
            f"{path}: its header gives {shown} pixels, more than the {LARGEST:,} that are read: crop or shrink it"
        )


def check_length(path: Path, held: int, needed: int) -> None:
    """Refuses a file with fewer bytes than its header requires.

    Raises:
        DataError: Names both.
    """
    if held < needed:
        raise DataError(f"{path}: truncated: its header requires {needed} bytes of data, but it has {held}")


def check_exact(path: Path, held: int, needed: int) -> None:
    """Refuses data that are shorter or longer than the header requires: a byte too many may be one that slipped in.

    Raises:
        DataError: Names both.
    """
    check_length(path, held, needed)
    if held > needed:
        raise DataError(
            f"{path}: has {held} bytes of data, but its header requires {needed}: the header is damaged, or the file "
            "holds more: save it again"
        )


def check_file(path: Path) -> None:
    """Refuses a packed file that is larger than what any image in it could unpack to.

    Raises:
        DataError: Names the size.
    """
    if (size := path.stat().st_size) > 8 * LARGEST:
        raise DataError(f"{path}: has {size} bytes, more than the packed data of any image that is read")


def check_packed(path: Path, held: int, needed: int) -> None:
    """Refuses packed bytes that can't unpack to what the header requires, however well they are packed.

    Raises:
        DataError: Names both.
    """
    if needed > held * _DENSEST + 4096:
        raise DataError(
            f"{path}: truncated: its header requires {needed} bytes of data, which {held} packed bytes can't hold"
        )


def check_place(path: Path, affine: Float64) -> None:
    """Refuses an affine that no scanner gives.

    Raises:
        DataError: A number is not finite, a distance is not within 1e-6 and 1e5 mm, or the axes lie in one plane.
    """
    if not np.isfinite(affine).all():
        raise DataError(f"{path}: its place in the patient has numbers that are not finite: mend its header")
    with np.errstate(over="ignore"):
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if spacing.min() < _SPACING[0] or spacing.max() > _SPACING[1]:
        shown = " x ".join(f"{n:g}" for n in spacing)
        raise DataError(f"{path}: its spacing is {shown} mm, but {_SPACING[0]:g} to {_SPACING[1]:g} mm is possible")
    if np.abs(affine[:3, 3]).max() > _FARTHEST:
        raise DataError(
            f"{path}: its origin {affine[:3, 3].tolist()} lies above {_FARTHEST:g} mm away: mend its header"
        )
    if abs(np.linalg.det(affine[:3, :3] / spacing)) < 1e-3:
        raise DataError(f"{path}: its axes lie in one plane: mend the directions in its header")


def check_channels(path: Path, channels: int, kind: np.dtype[Any]) -> None:
    """Refuses several values for each pixel that are no colours, such as the two of a complex number or a vector.

    Raises:
        DataError: Names the number and the type.
    """
    if channels == 1 or (channels in (3, 4) and kind.kind == "u" and kind.itemsize <= 2):
        return
    raise DataError(
        f"{path}: has {channels} values of type {kind.name} for each pixel, but an image has 1, or 3 or 4 colours of 8 "
        "or 16 bits: save each value as a file of its own"
    )


def scaled(path: Path, pixels: NDArray[Any], slope: tuple[str, float], intercept: tuple[str, float]) -> NDArray[Any]:
    """`pixels * slope + intercept`, float64; the pixels themselves where these are 1 and 0.

    Args:
        path: For messages.
        pixels: Pixels of any shape.
        slope: The name of its field, and its value.
        intercept: As `slope`.

    Raises:
        DataError: A value is not finite, or the slope is 0.
    """
    for name, value in (slope, intercept):
        if not np.isfinite(value) or (name == slope[0] and value == 0):
            raise DataError(f"{path}: its {name} is {value:g}, so that its units are unknown: mend this field")
    if (slope[1], intercept[1]) == (1, 0):
        return pixels
    return np.asarray(pixels * np.float64(slope[1]) + np.float64(intercept[1]))


def check_pixels(pixels: Float32, source: str | Path) -> None:
    """Refuses pixels that can't be a picture.

    Raises:
        DataError: A pixel is not finite, or all pixels are equal.
    """
    with np.errstate(invalid="ignore"):
        low, high = pixels.min(), pixels.max()
    if not np.isfinite(low) or not np.isfinite(high):
        bad = pixels.size - int(np.isfinite(pixels).sum())
        raise DataError(
            f"{source}: {bad} of {pixels.size} pixels are not finite numbers: write a number there, such as that of air"
        )
    if low == high:
        raise DataError(f"{source}: is empty: all pixels are {low:g}")


@contextmanager
def naming(path: Path, kind: str) -> Iterator[None]:
    """Turns whatever a reader raises into one line about the file, since damage makes readers raise anything.

    Raises:
        DataError: Something was raised.
    """
    try:
        yield
    except DataError:
        raise
    except MemoryError as error:
        raise DataError(f"{path}: does not fit into memory: read fewer at a time (--jobs 1), or shrink it") from error
    except Exception as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"{path}: is a damaged or unusual {kind} file and can't be read: {why[:300]}: save it again"
        ) from error


def unpacked(path: Path, packed: bytes, needed: int) -> bytes:
    """The `needed` bytes that zlib or gzip data unpack to, with all checksums of the data verified.

    Args:
        path: For messages.
        packed: A zlib stream, or gzip members one after another.
        needed: How many bytes the header requires.

    Raises:
        DataError: The data are damaged, or unpack to fewer or more bytes.
    """
    import imagecodecs

    check_packed(path, len(packed), needed)
    zipped = packed[:2] == b"\x1f\x8b"
    try:
        # Faster than zlib, but only for one stream of exactly this length, and it gives no reasons.
        found = (imagecodecs.gzip_decode if zipped else imagecodecs.deflate_decode)(packed, out=needed)
    except RuntimeError:
        found = b""
    return bytes(found) if len(found) == needed else _streamed(path, packed, needed, zipped=zipped)


def _streamed(path: Path, packed: bytes, needed: int, *, zipped: bool) -> bytes:
    """As `unpacked`, piece by piece, with the reason if the data are damaged."""
    view, at, parts, length = memoryview(packed), 0, [], 0
    while True:
        stream = zlib.decompressobj(47)
        while not stream.eof:
            piece = view[at : at + 2**18]
            try:
                part = stream.decompress(piece, 2**24)
            except zlib.error as error:
                why = str(error).removeprefix("Error -3 while decompressing data: ")
                tool = "gzip" if zipped else "zlib"
                raise DataError(f"{path}: is damaged: {tool} reports '{why}': copy it again") from error
            at += len(piece) - len(stream.unconsumed_tail) - len(stream.unused_data)
            length += len(part)
            parts.append(part)
            if not part and not piece:
                after = f"after {length}" if length < needed else "before its checksum"
                raise DataError(
                    f"{path}: truncated: its header requires {needed} bytes of data, but it breaks off {after}: copy "
                    "it again"
                )
            if length > needed + 2**24:
                raise DataError(f"{path}: unpacks to far more than the {needed} bytes that its header requires")
        if not (zipped and packed.startswith(b"\x1f\x8b", at)):
            break
    if length != needed:
        raise DataError(f"{path}: unpacks to {length} bytes, but its header requires {needed}: make it again")
    return b"".join(parts)
