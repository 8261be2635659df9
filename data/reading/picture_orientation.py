"""Where the top of a picture is, by EXIF, or by XMP where EXIF says nothing, as Pillow reads it."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from numpy.typing import NDArray

_TAG = (274, 3)  # tag and type in EXIF
_START_OF_SCAN, _APP1 = 0xDA, 0xE1  # marks in a JPEG
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"  # the beginnings of these segments
_IN_XMP = re.compile(rb"""tiff:Orientation\s*(?:=\s*["']|>)\s*(\d)\b""")
_LONGEST = 1 << 24  # bytes that a packed text of a PNG may have


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


def of_png(exif: bytes, texts: Iterable[tuple[bytes, bytes]]) -> int:
    """The orientation of a PNG; 1, upright, if nothing says otherwise.

    Args:
        exif: Its chunk `eXIf`, or nothing.
        texts: The names and contents of its chunks of text; older programs write EXIF into one.
    """
    found = dict(_text(*one) for one in texts)
    if not exif:
        profile = b"".join(found.get(b"Raw profile type exif", b"").split(b"\n")[3:])
        with suppress(ValueError):  # no hexadecimal digits
            exif = bytes.fromhex(profile.decode("ascii", "replace")).removeprefix(_EXIF)
    return of_exif(exif) or of_xmp(found.get(b"XML:com.adobe.xmp", b"")) or 1


def of_jpeg(content: bytes) -> int:
    """The orientation of a JPEG, by the segments before its pixels; 1, upright, if nothing says otherwise."""
    at, exif, xmp = 2, b"", b""
    while content[at : at + 1] == b"\xff" and content[at + 1] != _START_OF_SCAN:
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        if content[at + 1] == _APP1:
            segment = content[at + 4 : at + 2 + length]
            if segment.startswith(_EXIF) and not exif:
                exif = segment.removeprefix(_EXIF)
            elif segment.startswith(_XMP) and not xmp:
                xmp = segment.removeprefix(_XMP)
        at += 2 + length
    return of_exif(exif) or of_xmp(xmp) or 1


def of_exif(exif: bytes) -> int | None:
    """The tag in the first directory of an EXIF block; None if it has none or is damaged.

    Pillow reads this too, but prints warnings about other tags.
    """
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    with suppress(struct.error):  # a block that ends too early
        start = struct.unpack_from(f"{order}I", exif, 4)[0]
        for entry in range(struct.unpack_from(f"{order}H", exif, start)[0]):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * entry)
            if (tag, kind) == _TAG:
                return value if 1 <= value <= 8 else 1
    return None


def of_xmp(xmp: bytes) -> int | None:
    """The orientation in a packet of XMP; None if it has none."""
    found = _IN_XMP.search(xmp)
    return int(found[1]) if found and 1 <= int(found[1]) <= 8 else None


def _text(name: bytes, content: bytes) -> tuple[bytes, bytes]:
    """The keyword of a chunk of text, and its text."""
    keyword, _, text = content.partition(b"\0")
    packed = name == b"zTXt" or (name == b"iTXt" and text[:1] == b"\1")
    if name == b"zTXt":
        text = text[1:]
    elif name == b"iTXt":
        text = text[2:].split(b"\0", 2)[-1]  # behind the language and the translated keyword
    if packed:
        try:
            text = zlib.decompressobj().decompress(text, _LONGEST)
        except zlib.error:
            text = b""
    return keyword, text
