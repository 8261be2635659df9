"""Reads MetaImage volumes (.mha, .mhd) with every length and checksum verified.

ITK's reader takes what zlib gives before it stops, leaves the rest uninitialised, and follows any name of a data file.
"""

from __future__ import annotations

from math import prod
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import DataError, Float64
from data.reading import limits
from data.reading.limits import Decoded
from data.text.names import closest

_TYPES = {"CHAR": "i1", "UCHAR": "u1", "SHORT": "i2", "USHORT": "u2", "INT": "i4", "UINT": "u4", "LONG": "i4"}
_TYPES |= {"ULONG": "u4", "LONG_LONG": "i8", "ULONG_LONG": "u8", "FLOAT": "f4", "DOUBLE": "f8"}
_FIELDS = {"ObjectType", "ObjectSubType", "NDims", "DimSize", "Comment", "Name", "ID", "ParentID", "Color", "Modality"}
_FIELDS |= {"BinaryData", "BinaryDataByteOrderMSB", "ElementByteOrderMSB", "CompressedData", "CompressedDataSize"}
_FIELDS |= {"CompressionLevel", "TransformMatrix", "Rotation", "Orientation", "Offset", "Position", "Origin"}
_FIELDS |= {
    "CenterOfRotation",
    "AnatomicalOrientation",
    "DistanceUnits",
    "ElementSpacing",
    "ElementSize",
    "ElementType",
}
_FIELDS |= {"ElementNumberOfChannels", "ElementMin", "ElementMax", "ElementDataFile", "HeaderSize", "SequenceID"}
_FIELDS |= {
    "HeaderSizePerSlice",
    "ImagePosition",
    "ElementToIntensityFunctionSlope",
    "ElementToIntensityFunctionOffset",
}
_FIELDS |= {"AcquisitionDate", "CompressionAlgorithm", "TransformType"}
_SCALE = {"ElementToIntensityFunctionSlope": 1.0, "ElementToIntensityFunctionOffset": 0.0}
_BLANKS = " \t\r\n"  # others, such as a non-breaking blank, are damage
_LONGEST = 2**16  # bytes of a header


def read(path: Path) -> Decoded:
    """The volume, with 2 or 3 axes, and with channels last if it has several.

    Raises:
        DataError: The header is incomplete or asks for what no volume has, or the data are damaged or too short.
    """
    with limits.naming(path, "MetaImage"):
        fields, start = _header(path)
        sizes = _sizes(path, fields)
        channels = _number(path, fields, "ElementNumberOfChannels", 1)
        limits.check_channels(path, channels, _kind(path, fields))
        limits.check_shape(path, sizes)
        affine = _affine(path, fields, len(sizes))
        shape = (*sizes[:3][::-1], *([channels] if channels > 1 else []))
        pixels = _data(path, fields, start, shape)
        slope, intercept = ((name, _real(path, fields, name, absent)) for name, absent in _SCALE.items())
        pixels = limits.scaled(path, pixels, slope, intercept)
        return Decoded(pixels.reshape((-1, *shape[-2 - (channels > 1) :])), affine)


def _header(path: Path) -> tuple[dict[str, str], int]:
    """The fields, and where the data begin."""
    fields: dict[str, str] = {}
    with path.open("rb") as file:
        while file.tell() < _LONGEST and (line := file.readline(_LONGEST)):
            key, mark, value = line.decode("latin-1").partition("=")
            if line.strip() and not mark:
                raise DataError(f"{path}: its header can't be read: the line {key.strip()[:40]!a} has no '='")
            name = key.strip(_BLANKS)
            if name in _FIELDS and name in fields:
                raise DataError(f"{path}: its header can't be read: it has two lines of {name}: remove one")
            fields[name] = value.strip(_BLANKS)
            if name == "ElementDataFile":
                _check_names(path, fields)
                return fields, file.tell()
    raise DataError(f"{path}: its header can't be read: it names no ElementDataFile")


def _check_names(path: Path, fields: dict[str, str]) -> None:
    """Refuses a field that is spelt nearly like one of the format: damage would leave out its spacing or byte order."""
    lower = {field.lower(): field for field in _FIELDS}
    for name in fields.keys() - _FIELDS:
        if near := lower.get(name.lower()) or closest(name, sorted(_FIELDS), cutoff=0.8):
            raise DataError(f"{path}: its header can't be read: {name[:80]!r} is no field: did you mean '{near}'?")


def _sizes(path: Path, fields: dict[str, str]) -> list[int]:
    """The pixels along x, y and z; a fourth axis of 1 is left out."""
    axes, sizes = _number(path, fields, "NDims", 0), _numbers(path, fields, "DimSize")
    if not 2 <= axes <= 4 or (axes == 4 and sizes[3:] != [1]):
        raise DataError(f"{path}: has {axes} axes ({fields.get('DimSize', 'no DimSize')}), but an image has 2 or 3")
    if len(sizes) != axes or any(n != int(n) for n in sizes):
        raise DataError(
            f"{path}: its header can't be read: DimSize is '{fields.get('DimSize', '')}', but NDims is {axes}"
        )
    return [int(n) for n in sizes[:3]]


def _numbers(path: Path, fields: dict[str, str], name: str) -> list[float]:
    """The numbers in a field; empty if the header lacks it."""
    try:
        return [float(n) for n in fields.get(name, "").replace("\t", " ").split(" ") if n]
    except ValueError:
        raise DataError(f"{path}: its header can't be read: {name} is '{fields[name][:80]}'") from None


def _number(path: Path, fields: dict[str, str], name: str, absent: int) -> int:
    found = _real(path, fields, name, absent)
    if found != int(found):
        raise DataError(f"{path}: its header can't be read: {name} is '{fields[name][:80]}', not a whole number")
    return int(found)


def _real(path: Path, fields: dict[str, str], name: str, absent: float) -> float:
    found = _numbers(path, fields, name) or [absent]
    if len(found) != 1:
        raise DataError(f"{path}: its header can't be read: {name} is '{fields[name][:80]}', not one number")
    return found[0]


def _affine(path: Path, fields: dict[str, str], axes: int) -> Float64:
    """From an index (k, j, i) to LPS mm. A row of TransformMatrix is the direction of an axis."""
    n = _number(path, fields, "NDims", 0)

    def first(*names: str) -> list[float]:
        return next((found for name in names if (found := _numbers(path, fields, name))), [])

    spacing = first("ElementSpacing", "ElementSize") or [1.0] * n
    origin = first("Offset", "Position", "Origin") or [0.0] * n
    turn = first("TransformMatrix", "Rotation", "Orientation") or np.eye(n).ravel().tolist()
    if (len(spacing), len(origin), len(turn)) != (n, n, n * n):
        raise DataError(f"{path}: its header can't be read: spacing, offset or matrix do not have {n} axes")
    matrix = np.eye(3)
    matrix[:axes, :axes] = np.reshape(turn, (n, n))[:axes, :axes].T
    steps, place = np.ones(3), np.zeros(3)
    steps[:axes], place[:axes] = spacing[:axes], origin[:axes]
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = (matrix * steps)[:, ::-1], place
    limits.check_place(path, affine)
    return affine


def _data(path: Path, fields: dict[str, str], start: int, shape: tuple[int, ...]) -> NDArray[Any]:
    """The pixels in the shape of the file."""
    kind = _kind(path, fields)
    if "BinaryData" in fields and not _yes(path, fields, "BinaryData"):
        raise DataError(f"{path}: holds its pixels as text (BinaryData = False): save it again as binary data")
    source, packed = path, _yes(path, fields, "CompressedData")
    skipped = _number(path, fields, "HeaderSize", 0)
    if fields["ElementDataFile"] != "LOCAL":
        source, start = _beside(path, fields["ElementDataFile"]), max(0, skipped)
    elif skipped not in (-1, 0, start):
        raise DataError(
            f"{path}: its HeaderSize is {skipped}, but its pixels follow its header at byte {start}: remove the line "
            "HeaderSize, or write -1 if the pixels are the last bytes of the file"
        )
    if skipped < -1 or (skipped < 0 and packed) or _number(path, fields, "HeaderSizePerSlice", 0) != 0:
        raise DataError(
            f"{path}: its header can't be read: HeaderSize is {skipped}, or HeaderSizePerSlice is not 0, but pixels "
            "begin behind HeaderSize bytes, or are the last bytes of a file that is not packed (-1)"
        )
    held, needed = source.stat().st_size, prod(shape) * kind.itemsize
    limits.check_length(source, held - start, 1 if packed else needed)
    if not packed:
        start = held - needed if skipped == -1 else start
        limits.check_exact(source, held - start, needed)
        return np.fromfile(source, kind, prod(shape), offset=start).reshape(shape)
    size = max(0, _number(path, fields, "CompressedDataSize", 0))
    limits.check_length(source, held - start, size)
    if 0 < size < held - start:
        raise DataError(
            f"{path}: its CompressedDataSize is {size}, but {held - start} bytes of data are in {source.name}: it is "
            "damaged, or holds more: save it again"
        )
    limits.check_file(source)
    with source.open("rb") as file:
        file.seek(start)
        content = limits.unpacked(source, file.read(), needed)
    return np.frombuffer(content, kind).reshape(shape)


def _kind(path: Path, fields: dict[str, str]) -> np.dtype[Any]:
    """The type of a value, with its byte order."""
    name = fields.get("ElementType", "").removeprefix("MET_").removesuffix("_ARRAY")
    if name not in _TYPES:
        raise DataError(f"{path}: its ElementType '{fields.get('ElementType', '')}' is none of {', '.join(_TYPES)}")
    orders = {
        _yes(path, fields, field) for field in ("BinaryDataByteOrderMSB", "ElementByteOrderMSB") if field in fields
    }
    if len(orders) > 1:
        raise DataError(f"{path}: BinaryDataByteOrderMSB and ElementByteOrderMSB contradict each other: remove one")
    return np.dtype((">" if orders == {True} else "<") + _TYPES[name])


def _yes(path: Path, fields: dict[str, str], name: str) -> bool:
    found = fields.get(name, "false").lower()
    if found not in ("true", "1", "false", "0"):
        raise DataError(f"{path}: its header can't be read: {name} is '{fields[name][:80]}', neither True nor False")
    return found in ("true", "1")


def _beside(path: Path, name: str) -> Path:
    """The data file of a .mhd, which lies in the folder of its header or below."""
    if "%" in name or name.split()[:1] == ["LIST"]:
        raise DataError(
            f"{path}: its pixels are in one file per slice ({name[:40]!a}), which is not read: save it as .mha"
        )
    if PurePosixPath(name).is_absolute() and Path(name).parent.resolve() == path.parent.resolve():
        name = Path(name).name
    foreign = [part(name).is_absolute() or ".." in part(name).parts for part in (PurePosixPath, PureWindowsPath)]
    if not name or "\0" in name or any(foreign):
        raise DataError(
            f"{path}: its pixels are in '{name}', outside the folder of their header: put both into one folder, and "
            "write the name alone"
        )
    source = path.parent / name
    if not source.is_file():
        raise DataError(f"{path}: its pixels are in {source}: no such file")
    return source
