"""Detects truncated files by their length before decoding, since some readers fill missing pixels with zeros."""

from __future__ import annotations

import gzip
import struct
import zlib
from contextlib import suppress
from math import prod
from pathlib import Path

from data.base import DataError

_META_BYTES = {"CHAR": 1, "UCHAR": 1, "SHORT": 2, "USHORT": 2, "INT": 4, "UINT": 4, "LONG_LONG": 8, "ULONG_LONG": 8}
_META_BYTES |= {"FLOAT": 4, "DOUBLE": 8}


def check(path: Path) -> None:
    """Checks the length of a file by its own header (.mha, .mhd, .nii, .nii.gz) or by its end (JPEG).

    Raises:
        DataError: The file is missing or a folder, or shorter than its header requires.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder, but an image is a file")
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    name = path.name.lower()
    if name.endswith((".mha", ".mhd")):
        try:
            _check_meta_image(path)
        except ValueError as error:
            raise DataError(f"{path}: its header can't be read: {error}") from error
    elif name.endswith((".nii", ".nii.gz")):
        _check_nifti(path)
    elif name.endswith((".jpg", ".jpeg")):
        _check_jpeg(path)


def _check_meta_image(path: Path) -> None:
    fields: dict[str, str] = {}
    with path.open("rb") as file:
        for line in file:
            key, _, value = line.decode("latin-1").partition("=")
            fields[key.strip()] = value.strip()
            if key.strip() == "ElementDataFile" or len(fields) > 1000:
                break
        start = file.tell()
    source = fields.get("ElementDataFile", "")
    if source == "LOCAL":
        data, held = path, path.stat().st_size - start
    elif source and "%" not in source and not source.startswith("LIST"):
        data = path.parent / source
        if not data.is_file():
            raise DataError(f"{path}: its pixels are in {data}: no such file")
        held = data.stat().st_size - max(0, int(fields.get("HeaderSize", "0")))
    else:
        return
    if fields.get("CompressedData", "False").lower() == "true":
        needed = int(fields.get("CompressedDataSize", "0"))
    else:
        channels = int(fields.get("ElementNumberOfChannels", "1"))
        element = _META_BYTES.get(fields.get("ElementType", "").removeprefix("MET_").removesuffix("_ARRAY"), 0)
        needed = prod(int(n) for n in fields.get("DimSize", "0").split()) * channels * element
    _compare(data, held, needed)


def _check_nifti(path: Path) -> None:
    zipped = path.name.lower().endswith(".gz")
    try:
        with gzip.open(path) if zipped else path.open("rb") as file:
            header = file.read(348)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: truncated: {error}") from error
    if len(header) < 348:
        raise DataError(f"{path}: truncated: its header has {len(header)} of 348 bytes")
    order = "<" if header[:4] == struct.pack("<i", 348) else ">"
    if header[344:348] != b"n+1\0":
        return
    shape = struct.unpack_from(f"{order}8h", header, 40)
    bits, start = struct.unpack_from(f"{order}h", header, 72)[0], struct.unpack_from(f"{order}f", header, 108)[0]
    needed = int(start) + prod(shape[1 : shape[0] + 1]) * bits // 8
    if not zipped:
        _compare(path, path.stat().st_size, needed)
    elif _unzipped_length_by_trailer(path) != needed % 2**32:
        _compare(path, _unzipped_length(path), needed)


def _unzipped_length_by_trailer(path: Path) -> int:
    """The unzipped length, modulo 2^32, from the last four bytes of a gzip file."""
    with path.open("rb") as file:
        file.seek(-4, 2)
        return int.from_bytes(file.read(4), "little")


def _unzipped_length(path: Path) -> int:
    """The number of bytes that a gzip file gives before it ends or breaks off."""
    length = 0
    with suppress(EOFError, zlib.error), gzip.open(path) as file:
        while chunk := file.read(2**20):
            length += len(chunk)
    return length


def _check_jpeg(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        if b"\xff\xd9" not in file.read():
            raise DataError(f"{path}: truncated: it has no end-of-image mark")


def _compare(path: Path, held: int, needed: int) -> None:
    if held < needed:
        raise DataError(f"{path}: truncated: its header requires {needed} bytes of data, but it has {held}")
