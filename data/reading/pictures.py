"""Reads PNG and JPEG pictures with every checksum verified, upright and grey."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import DataError
from data.reading import limits
from data.reading.limits import Decoded

LUMINANCE = np.array((0.299, 0.587, 0.114), dtype=np.float32)  # of red, green, blue: ITU-R BT.601
_ORIENTATION = (274, 3)  # tag and type in EXIF
_START_OF_SCAN, _APP1 = 0xDA, 0xE1  # marks in a JPEG
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the colour type of a PNG
_SCANS = 200  # of a progressive JPEG, each of which is decoded over the whole picture


def read_png(path: Path) -> Decoded:
    """The picture `(1, H, W)` in its 8 or 16 bits; fewer bits are spread over 0 to 255.

    Raises:
        DataError: A chunk is damaged or missing, or the picture is too large.
    """
    import imagecodecs

    with limits.naming(path, "PNG"):
        limits.check_file(path)
        content = path.read_bytes()
        chunks = _chunks(path, content)
        width, height, bits, colour = struct.unpack_from(">IIBB", content, 16)
        limits.check_shape(path, (height, width))
        row = (width * bits * _CHANNELS.get(colour, 1) + 7) // 8
        limits.check_packed(path, chunks["IDAT"], height * row)
        pixels = imagecodecs.png_decode(content)
        turned = _orientation(content[chunks["eXIf"] :]) if "eXIf" in chunks else 1
    return Decoded(upright(grey(pixels[None]), turned), turned=turned)


def read_jpeg(path: Path) -> Decoded:
    """The picture `(1, H, W)`; what follows its end mark is no part of it.

    Raises:
        DataError: The picture breaks off, is damaged so that libjpeg notices it, has inks, or is too large.
    """
    import simplejpeg

    with limits.naming(path, "JPEG"):
        limits.check_file(path)
        content = path.read_bytes()
        if content.count(b"\xff\xda") > _SCANS:
            raise DataError(f"{path}: is built up in more than {_SCANS} passes: save it again as a plain JPEG")
        try:
            height, width, colours, _ = simplejpeg.decode_jpeg_header(content)
            limits.check_shape(path, (height, width))
            if colours not in ("Gray", "YCbCr", "RGB"):
                raise DataError(f"{path}: holds inks ({colours}), not colours: save it as grey or RGB")
            pixels = simplejpeg.decode_jpeg(content, "GRAY" if colours == "Gray" else "RGB")
        except ValueError as error:
            why = "truncated" if "premature" in str(error).lower() else "is damaged"
            raise DataError(f"{path}: {why}: libjpeg reports '{error}': copy it again") from error
        turned = _orientation(_exif(content))
    pixels = pixels[..., 0] if colours == "Gray" else pixels
    return Decoded(upright(grey(pixels[None]), turned), turned=turned)


def grey(pixels: NDArray[Any]) -> NDArray[Any]:
    """`(D, H, W)` of `(D, H, W)` or `(D, H, W, S)`: the luminance of colours; transparency is left out."""
    if pixels.ndim == 3:
        return pixels
    if pixels.shape[-1] < 3:
        return pixels[..., 0]
    return np.asarray(pixels[..., :3].astype(np.float32) @ LUMINANCE)


def upright(pixels: NDArray[Any], turned: int) -> NDArray[Any]:
    """`(D, H, W)` pixels with the first row at the top and the first column at the left.

    Args:
        pixels: In the order of the file.
        turned: Where row 0 and column 0 are by the file, as in EXIF and TIFF; a number that is none of 1 to 8
            has no meaning.
    """
    if turned in (5, 6, 7, 8):
        pixels = pixels.swapaxes(1, 2)
    if turned in (3, 4, 7, 8):
        pixels = pixels[:, ::-1]
    return pixels[:, :, ::-1] if turned in (2, 3, 6, 7) else pixels


def _chunks(path: Path, content: bytes) -> dict[str, int]:
    """Verifies all chunks of a PNG to its end; returns the packed bytes of its pixels and where EXIF begins."""
    at, found = 8, {"IDAT": 0}
    view = memoryview(content)
    while at + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        end = at + 8 + length
        if end + 4 > len(content):
            break
        if zlib.crc32(view[at + 4 : end]) != struct.unpack_from(">I", content, end)[0]:
            raise DataError(f"{path}: is damaged: the checksum of its part {name!r} is wrong: copy it again")
        if at == 8 and (name != b"IHDR" or length != 13):
            raise DataError(f"{path}: is damaged: it begins with {name!r}, not with a header")
        if name == b"IDAT":
            found["IDAT"] += length
        elif name == b"eXIf":
            found["eXIf"] = at + 8
        elif name == b"IEND":
            return found
        at = end + 4
    raise DataError(f"{path}: truncated: it has no end mark")


def _exif(content: bytes) -> bytes:
    """The EXIF block among the segments before the pixels of a JPEG; empty if there is none."""
    at = 2
    while content[at : at + 1] == b"\xff" and content[at + 1] != _START_OF_SCAN:
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        if content[at + 1] == _APP1 and content[at + 4 : at + 10] == b"Exif\0\0":
            return content[at + 10 : at + 2 + length]
        at += 2 + length
    return b""


def _orientation(exif: bytes) -> int:
    """The tag in the first directory of an EXIF block; 1, upright, if it has none or is damaged.

    Pillow reads this too, but prints warnings about other tags.
    """
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    with suppress(struct.error):  # a block that ends too early
        start = struct.unpack_from(f"{order}I", exif, 4)[0]
        for entry in range(struct.unpack_from(f"{order}H", exif, start)[0]):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * entry)
            if (tag, kind) == _ORIENTATION:
                return value if 1 <= value <= 8 else 1
    return 1
