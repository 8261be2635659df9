"""Reads PNG and JPEG pictures with every checksum verified, upright and grey."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.base import DataError
from data.reading import limits, picture_orientation
from data.reading.limits import Decoded
from data.reading.picture_orientation import upright

LUMINANCE = np.array((0.299, 0.587, 0.114), dtype=np.float32)  # of red, green, blue: ITU-R BT.601
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the colour type of a PNG
_PALETTE = 3
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_SCANS = 200  # of a progressive JPEG, each of which is decoded over the whole picture
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")


class _PngParts(NamedTuple):
    packed: int  # bytes of its pixels
    palette: tuple[int, int]  # start and length of the chunk with its colours; 0 and 0 without one
    exif: bytes
    texts: list[tuple[bytes, bytes]]  # names and contents of chunks


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
        limits.check_packed(path, chunks.packed, height * row)
        if colour == _PALETTE and not chunks.palette[1]:
            raise DataError(f"{path}: is damaged: it has no palette for its colours: copy it again, or save it anew")
        pixels = imagecodecs.png_decode(content)
        if colour == _PALETTE:
            _check_palette(path, content, chunks.palette, 2**bits, pixels)
        turned = picture_orientation.of_png(chunks.exif, chunks.texts) if chunks.exif or chunks.texts else 1
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
        turned = picture_orientation.of_jpeg(content)
    pixels = pixels[..., 0] if colours == "Gray" else pixels
    return Decoded(upright(grey(pixels[None]), turned), turned=turned)


def grey(pixels: NDArray[Any]) -> NDArray[Any]:
    """`(D, H, W)` of `(D, H, W)` or `(D, H, W, S)`: the luminance of colours; transparency is left out."""
    if pixels.ndim == 3:
        return pixels
    if pixels.shape[-1] < 3:
        return pixels[..., 0]
    return np.asarray(pixels[..., :3].astype(np.float32) @ LUMINANCE)


def _chunks(path: Path, content: bytes) -> _PngParts:
    """Verifies all chunks of a PNG to its end."""
    at, packed, exif, palette = 8, 0, b"", (0, 0)
    texts: list[tuple[bytes, bytes]] = []
    view = memoryview(content)
    while at + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        end = at + 8 + length
        if end + 4 > len(content):
            break
        if zlib.crc32(view[at + 4 : end]) != struct.unpack_from(">I", content, end)[0]:
            raise DataError(f"{path}: is damaged: the checksum of its part {_shown(name)} is wrong: copy it again")
        if at == 8 and (name != b"IHDR" or length != 13):
            raise DataError(f"{path}: is damaged: it begins with {_shown(name)}, not with a header: copy it again")
        if name not in _CRITICAL and name[:1].isupper():
            raise DataError(f"{path}: its part {_shown(name)} is of no known kind, but needed: save it again as PNG")
        if name == b"PLTE":
            palette = at, length
        if name == b"IDAT":
            packed += length
        elif name == b"eXIf":
            exif = content[at + 8 : end]
        elif name in _TEXTS:
            texts.append((name, content[at + 8 : end]))
        elif name == b"IEND":
            return _PngParts(packed, palette, exif, texts)
        at = end + 4
    raise DataError(f"{path}: truncated: it has no end mark")


def _shown(name: bytes) -> str:
    return ascii(name.decode("latin-1"))


def _check_palette(path: Path, content: bytes, place: tuple[int, int], most: int, pixels: NDArray[Any]) -> None:
    """Refuses pixels of a colour that the palette lacks, which libpng shows as black.

    Such pixels, and no others, change with the colours that are added to the palette.
    """
    import imagecodecs

    at, length = place
    if length // 3 >= most:
        return
    added = b"PLTE" + content[at + 8 : at + 8 + length] + b"\xff" * (3 * most - length)
    chunk = struct.pack(">I", 3 * most) + added + struct.pack(">I", zlib.crc32(added))
    other = imagecodecs.png_decode(content[:at] + chunk + content[at + 12 + length :])
    if bad := int((other[..., :3] != pixels[..., :3]).any(axis=-1).sum()):
        raise DataError(f"{path}: {bad} of its pixels have a colour behind its palette of {length // 3}: save it again")
