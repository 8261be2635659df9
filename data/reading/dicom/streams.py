"""Unpacks the JPEG, JPEG-LS and JPEG 2000 streams of DICOM files, after their sizes have been checked."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import DataError

_RLE_RATIO = 64  # two bytes are at most 128
_RATIO, _SMALL = 1000, 2**26  # more than this ratio is no picture, if it is also more than these bytes
_NO_FRAME_HEADER = (0xC4, 0xC8, 0xCC)  # markers between SOF0 and SOF15 that are tables
_JPEG_2000, _JPEG_LS, _LOSSLESS = 0x4F, 0xF7, 0xC3  # markers of a stream or a frame
_AS_STORED = (_JPEG_2000, _JPEG_LS, _LOSSLESS)  # whose decoders leave YBR_FULL as it is
_END, _SCAN = b"\xff\xd9", b"\xff\xda"
_CONVERTED = (b"JFIF", b"Adobe")  # streams that say themselves how their colours are coded
_JP2 = b"\0\0\0\x0cjP  "
LUMINANCE_FIRST = ("YBR_FULL", "YBR_FULL_422")
"""The codings of colours whose first value is the luminance."""


def check(path: Path, file: Any, shape: tuple[int, int, int], *, rle: bool) -> None:
    """Refuses packed pixels that can't hold what the header gives.

    Raises:
        DataError: Names both lengths.
    """
    packed = len(file.PixelData)
    unpacked = int(np.prod(shape)) * int(file.get("SamplesPerPixel") or 1) * int(file.BitsAllocated) // 8
    if unpacked > packed * (_RLE_RATIO if rle else _RATIO) and (rle or unpacked > _SMALL):
        raise DataError(f"{path}: {packed} bytes can't hold the {unpacked} bytes of pixels that its header gives")


def unpack(path: Path, file: Any, shape: tuple[int, int, int], photometric: str) -> NDArray[Any]:
    """The stored values of all frames `(F, rows, columns)` or, of colours, `(F, rows, columns, 3)`.

    Args:
        path: The file, for messages.
        file: Its data set with pixels.
        shape: The number of frames, rows and columns in the header.
        photometric: PhotometricInterpretation.

    Raises:
        DataError: A stream has another size than the header gives, or there are more or fewer streams than frames.
    """
    from pydicom.encaps import generate_frames

    frames = list(generate_frames(file.PixelData, number_of_frames=shape[0]))
    if len(frames) != shape[0]:
        raise DataError(f"{path}: has {shape[0]} frames, but {len(frames)} packed pictures: the header is wrong")
    return np.stack([_frame(path, frame, file, shape[1:], photometric) for frame in frames])


def _frame(path: Path, frame: bytes, file: Any, shape: tuple[int, int], photometric: str) -> NDArray[Any]:
    """The stored values of a frame `(rows, columns)`, or of colours `(rows, columns, 3)`."""
    import imagecodecs
    import simplejpeg

    frame = _without_boxes(frame)
    found = _stream(frame)
    if found is None or found[:2] != shape:
        size = f"{found[0]} x {found[1]}" if found else "unknown"
        raise DataError(f"{path}: its header gives {shape[0]} x {shape[1]} pixels, but its packed picture is {size}")
    if not frame.rstrip(b"\0").endswith(_END):
        raise DataError(f"{path}: can't be read, truncated or not a whole picture: a packed picture has no end")
    marker, bits = found[2:]
    colours = file.get("SamplesPerPixel") == 3
    if marker == _JPEG_2000:
        pixels = imagecodecs.jpeg2k_decode(frame)
    elif marker == _JPEG_LS:
        pixels = imagecodecs.jpegls_decode(frame)
    elif marker == _LOSSLESS:
        pixels = imagecodecs.jpegsof3_decode(frame)
    elif bits == 8:  # warnings of libjpeg are errors here
        if colours and photometric == "RGB" and not any(name in frame[: frame.find(_SCAN)] for name in _CONVERTED):
            pixels = imagecodecs.jpeg8_decode(frame, colorspace="RGB", outcolorspace="RGB")
        else:
            pixels = simplejpeg.decode_jpeg(frame, "RGB" if colours else "GRAY")
    else:
        pixels = imagecodecs.jpeg8_decode(frame)
    pixels = np.asarray(pixels)
    if colours and marker in _AS_STORED and photometric in LUMINANCE_FIRST:
        pixels = pixels[..., 0]
    return _with_sign(pixels.reshape(*shape, -1) if pixels.size > shape[0] * shape[1] else pixels.reshape(shape), file)


def _without_boxes(frame: bytes) -> bytes:
    """The JPEG 2000 stream in the boxes of a .jp2 file, which some writers leave around it."""
    at = 0
    while frame.startswith(_JP2) and at + 8 <= len(frame):
        length, kind = struct.unpack_from(">I4s", frame, at)
        end = at + length if length else len(frame)
        if kind == b"jp2c":
            return frame[at + 8 : end]
        if length < 8:
            break
        at = end
    return frame


def _with_sign(pixels: NDArray[Any], file: Any) -> NDArray[Any]:
    """The values, signed or not as the header gives it; some streams don't know."""
    signed = bool(file.get("PixelRepresentation"))
    if signed == (pixels.dtype.kind == "i"):
        return pixels
    if not signed:
        return pixels.view(pixels.dtype.str.replace("i", "u"))
    values = pixels.view(pixels.dtype.str.replace("u", "i"))
    shift = np.array(8 * pixels.itemsize - int(file.BitsStored), dtype=values.dtype)
    return np.asarray((values << shift) >> shift)


def _stream(frame: bytes) -> tuple[int, int, int, int] | None:
    """Rows, columns, marker and bits from the frame header of JPEG and JPEG-LS, or the image area of JPEG 2000."""
    if frame.startswith(b"\xff\x4f\xff\x51") and len(frame) > 44:
        right, bottom, left, top = struct.unpack_from(">4I", frame, 8)
        return bottom - top, right - left, _JPEG_2000, (frame[42] & 0x7F) + 1
    at = 2
    while frame.startswith(b"\xff\xd8") and at + 9 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker == 0xFF:
            at += 1  # filled up
        elif marker == _JPEG_LS or (0xC0 <= marker <= 0xCF and marker not in _NO_FRAME_HEADER):
            rows, columns = struct.unpack_from(">2H", frame, at + 5)
            return rows, columns, marker, frame[at + 4]
        else:
            at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    return None
