"""Reads TIFF pictures and stacks with tifffile, and does what tifffile leaves to its callers."""

from __future__ import annotations

import logging
import re
import struct
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import DataError
from data.reading import limits
from data.reading.limits import Decoded
from data.reading.picture_orientation import of_xmp, upright
from data.reading.pictures import grey

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_INKS = {4: "a mask", 5: "inks (CMYK)", 8: "CIE Lab", 32803: "raw sensor data", 34892: "raw sensor data"}
_UNCOMPRESSED, _JPEG = 1, 7
_COMPRESSION, _ORIENTATION, _XMP = 259, 274, 700  # tags
# LZW, JPEG, deflate (two codes), PackBits, LZMA, Zstandard. Rarer codecs are not worth their risk on hostile files.
_PACKED = {5, _JPEG, 8, 32946, 32773, 34925, 50000}
_DEFLATE = (8, 32946)
_FRAME = re.compile(rb"\xff[\xc0-\xc2]\0.[\x08\x0c](..)(..)", re.DOTALL)  # the header of a JPEG frame, with its sides


def read(path: Path) -> Decoded:
    """The pages `(D, H, W)`, upright, black at 0 and grey; thumbnails and masks among the pages are left out.

    Whole numbers of 1, 2 and 4 bits are spread over 0 to 255, as in PNG. Colours of a palette have the palette's 16
    bits.

    Raises:
        DataError: A page is missing, lies outside the file or differs from the others, or its coding is not read.
    """
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what it warns of is checked here
    with limits.naming(path, "TIFF"):
        found = sum(1 for _ in _directories(path))
        with tifffile.TiffFile(path) as file:
            pages: list[Any] = list(file.pages)
            if len(pages) != found:
                raise DataError(f"{path}: is damaged: of its {found} pages, {len(pages)} can be read: copy it again")
            pages = [page for page in pages if not (page.is_reduced or page.is_mask)] or pages[:1]
            first = pages[0]
            for number, page in enumerate(pages):
                _check(path, number, page, first)
            planes = _planes(path, file, pages)
            limits.check_shape(path, (planes, *first.shape))
            if planes != len(pages):
                stack = np.stack([_coloured(path, first, plane) for plane in _behind(path, file, planes)])
            else:
                stack = np.stack([_coloured(path, page, page.asarray(maxworkers=1)) for page in pages])
            tag, xmp = first.tags.get(_ORIENTATION), first.tags.get(_XMP)
            packet = xmp.value if xmp is not None and isinstance(xmp.value, bytes) else b""
            turned = int(tag.value) if tag is not None else of_xmp(packet) or 1
    return Decoded(upright(grey(stack), turned), turned=turned)


def _directories(path: Path) -> Iterator[int]:
    """The offset of each page's directory, as the file chains them.

    Raises:
        DataError: A directory lies outside the file, or occurs twice.
    """
    size = path.stat().st_size
    seen: set[int] = set()
    with path.open("rb") as file:
        order = "<" if file.read(2) == b"II" else ">"
        big = struct.unpack(f"{order}H", file.read(2))[0] == 43
        word, count, entry = ("Q", "Q", 20) if big else ("I", "H", 12)
        file.seek(8 if big else 4)

        def number(code: str) -> int:
            content = file.read(struct.calcsize(f"={code}"))
            if len(content) < struct.calcsize(f"={code}"):
                raise DataError(f"{path}: truncated: page {len(seen) + 1} lies behind its end")
            return int(struct.unpack(order + code, content)[0])

        while offset := number(word):
            if offset in seen:
                raise DataError(f"{path}: is damaged: its pages run in a circle: page {len(seen) + 1} occurs before")
            if offset >= size:
                raise DataError(f"{path}: truncated: page {len(seen) + 1} lies behind its end")
            seen.add(offset)
            yield offset
            file.seek(offset)
            file.seek(number(count) * entry, 1)


def _check(path: Path, number: int, page: Any, first: Any) -> None:
    """Refuses a page that lies outside the file, is not read, or does not fit the first."""
    name = f"page {number + 1}"
    if page.photometric in _INKS or page.axes not in ("YX", "YXS", "SYX"):
        held = _INKS.get(page.photometric, f"axes {page.axes}")
        raise DataError(f"{path}: {name} holds {held}, which is not read: save it as grey or RGB")
    if _COMPRESSION not in page.tags:  # packed bytes would be taken for pixels
        raise DataError(f"{path}: is damaged: {name} does not say how it is packed: copy it again")
    if page.compression != _UNCOMPRESSED and page.compression not in _PACKED:
        code = getattr(page.compression, "name", page.compression)
        raise DataError(
            f"{path}: {name} is packed by {code}, which is not read: save it unpacked, or with LZW or deflate"
        )
    if page.photometric == _YCBCR and page.compression != _JPEG:
        raise DataError(f"{path}: {name} holds YCbCr without JPEG, which is not read: save it as RGB")
    if page.dtype is None or page.dtype.kind not in "biuf":
        raise DataError(f"{path}: {name} holds pixels of type {page.dtype}, but an image holds real numbers")
    kinds = [_kind(p) for p in (first, page)]
    if differing := [name for name in kinds[0] if kinds[0][name] != kinds[1][name]]:
        shown = "; ".join(f"{name} {kinds[0][name]} and {kinds[1][name]}" for name in differing)
        raise DataError(f"{path}: its pages 1 and {number + 1} differ ({shown}): keep those of one image")
    limits.check_shape(path, page.shape)
    limits.check_shape(path, page.chunks)
    size = path.stat().st_size
    places = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    if len(places) < prod(page.chunked) and not page.is_contiguous:
        raise DataError(f"{path}: truncated: {name} has {len(places)} of {prod(page.chunked)} strips")
    if any(not length or not offset or offset + length > size for offset, length in places):
        raise DataError(f"{path}: truncated: {name} has pixels that lie behind its end, or none")
    needed = page.size * page.bitspersample // 8
    if page.compression in _DEFLATE:
        limits.check_packed(path, sum(length for _, length in places), needed)
    if page.compression == _JPEG:
        _check_jpegs(path, page, places)
    if page.compression == _UNCOMPRESSED:
        limits.check_length(path, sum(length for _, length in places), needed)


def _kind(page: Any) -> dict[str, Any]:
    """What all slices of an image have in common, in words."""
    turned = page.tags.get(_ORIENTATION)
    return {
        "shape": " x ".join(map(str, page.shape)),
        "type": page.dtype,
        "bits": page.bitspersample,
        "photometry": getattr(page.photometric, "name", page.photometric),
        "planes": getattr(page.planarconfig, "name", page.planarconfig),
        "samples": page.samplesperpixel,
        "orientation": 1 if turned is None else int(turned.value),
    }


def _check_jpegs(path: Path, page: Any, places: list[tuple[int, int]]) -> None:
    """Refuses a strip or tile whose own header asks for more pixels than it has in the page."""
    rows, columns = page.chunks[:2] if page.axes != "SYX" else page.chunks[1:3]
    with path.open("rb") as file:
        for offset, length in places:
            file.seek(offset)
            found = _FRAME.search(file.read(min(length, 2**16)))
            if found is None:
                raise DataError(f"{path}: is damaged: a part of it is no JPEG: copy it again")
            sides = [int.from_bytes(side, "big") for side in found.groups()]
            if sides[0] > rows + 16 or sides[1] > columns + 16:
                raise DataError(f"{path}: a part of {rows} x {columns} pixels holds a JPEG of {sides[0]} x {sides[1]}")


def _planes(path: Path, file: Any, pages: list[Any]) -> int:
    """The number of slices; ImageJ and tifffile may write one directory for all slices of a stack."""
    if not (file.is_imagej or file.is_ome or (file.is_shaped and len(pages) == 1)):
        return len(pages)
    series = file.series[0]
    long = [f"{n} {axis}" for n, axis in zip(series.shape, series.axes, strict=True) if axis not in "YXS" and n > 1]
    if len(long) > 1 or (long and long[0][-1] in "CT"):
        raise DataError(
            f"{path}: holds {' x '.join(long)} (Z: slices, T: times, C: channels): save one stack of slices (axes "
            "ZYX), or each image as a file"
        )
    return prod(series.shape) // prod(pages[0].shape) if len(pages) == 1 else len(pages)


def _behind(path: Path, file: Any, planes: int) -> NDArray[Any]:
    """The slices of a stack that lie one behind the other, of which only the first has a directory."""
    series, page = file.series[0], file.series[0].pages[0]
    limits.check_length(path, path.stat().st_size - page.dataoffsets[0], prod(series.shape) * page.dtype.itemsize)
    return np.asarray(series.asarray(maxworkers=1)).reshape((planes, *page.shape))


def _coloured(path: Path, page: Any, pixels: NDArray[Any]) -> NDArray[Any]:
    """`(H, W)`, or `(H, W, S)` with the samples last; black at 0, colours instead of a palette's indices."""
    bits = page.bitspersample
    if page.photometric == _PALETTE:
        colours = np.asarray(page.colormap)
        colours = colours.astype(np.uint8) if colours.max() < 256 else colours  # some write 8 bits into the map
        return np.ascontiguousarray(np.moveaxis(colours[:, pixels], 0, -1))
    if page.photometric == _WHITE_IS_ZERO:
        if pixels.dtype.kind not in "bu":
            raise DataError(f"{path}: white is 0 in pixels of type {pixels.dtype}, so black is unknown: save it again")
        pixels = ~pixels if pixels.dtype.kind == "b" else (2**bits - 1) - pixels
    if bits in (1, 2, 4):
        pixels = pixels.astype(np.uint8) * np.uint8(255 // (2**bits - 1))
    return np.moveaxis(pixels, 0, -1) if page.axes.startswith("S") else pixels
