"""Reads NRRD volumes (.nrrd): pynrrd reads the header, the data are verified here."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import DataError, Float64
from data.reading import limits
from data.reading.limits import Decoded

_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_TO_LPS = {"right": -1, "left": 1, "posterior": 1, "anterior": -1, "superior": 1}
_SHORT = {"lps": "left-posterior-superior", "ras": "right-anterior-superior", "las": "left-anterior-superior"}
_UNPLACED = ("scanner-xyz", "3d-right-handed", "3d-left-handed")  # known to no patient
_UNKNOWN = ("???", "none")
_SPACE = ("domain", "space", *_UNKNOWN)
_VALUES = ("rgb-color", "rgba-color", "3-color", "4-color", "vector", "3-vector", "4-vector", "2-vector", "complex")
_FIELDS = {"content", "type", "dimension", "sizes", "encoding", "endian", "space", "kinds", "thicknesses", "labels"}
_FIELDS |= {"space dimension", "space units", "space origin", "space directions", "measurement frame", "number"}
_FIELDS |= {"min", "max", "old min", "oldmin", "old max", "oldmax", "sample units", "sampleunits", "units", "spacings"}
_FIELDS |= {"axis mins", "axismins", "axis maxs", "axismaxs", "centers", "centerings", "block size", "blocksize"}
_FIELDS |= {"data file", "datafile", "line skip", "lineskip", "byte skip", "byteskip"}
_LONGEST = 2**16  # bytes of a header


def read(path: Path) -> Decoded:
    """The volume, with 2 or 3 axes, and with channels last if it has several.

    Raises:
        DataError: The header asks for what no volume has or is not read, or the data are damaged or too short.
    """
    with limits.naming(path, "NRRD"):
        header, start = _header(path)
        if header["encoding"] not in ("raw", "gzip", "gz"):
            raise DataError(f"{path}: is coded as {header['encoding']}, which is not read: save it as raw or gzip")
        sizes = [int(n) for n in header["sizes"]]
        if header["dimension"] != len(sizes):
            raise DataError(f"{path}: has {len(sizes)} sizes, but dimension is {header['dimension']}")
        directions = header.get("space directions")
        channels = 1
        if len(sizes) > 2 and _is_list(path, header, directions):
            channels, sizes = sizes[0], sizes[1:]
            directions = None if directions is None else directions[1:]
        if len(sizes) not in (2, 3):
            raise DataError(
                f"{path}: has {len(sizes)} axes {sizes}, but an image has 2 or 3: save each image as a file"
            )
        limits.check_channels(path, channels, _kind(path, header))
        limits.check_shape(path, sizes)
        affine, oriented = _affine(path, header, directions, len(sizes))
        shape = (*sizes[::-1], *([channels] if channels > 1 else []))
        pixels = _data(path, header, start, shape)
        return Decoded(pixels.reshape((-1, *shape[-2 - (channels > 1) :])), affine, oriented=oriented)


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The fields, and where the data begin."""
    import nrrd

    lines: list[bytes] = []
    with path.open("rb") as file:
        while file.tell() < _LONGEST and (line := file.readline(_LONGEST)).strip():
            field, mark, value = line.partition(b":")
            if mark and not value.startswith(b"=") and not line.startswith(b"#"):  # fields, not notes of the user
                name = field.decode("latin-1").strip().lower()  # capitals are the same field
                if name not in _FIELDS:
                    raise DataError(f"{path}: its header can't be read: '{name[:80]}' is no field of NRRD")
                line = name.encode() + mark + value
            lines.append(line)
        start = file.tell()
    header: dict[str, Any] = nrrd.read_header(iter(lines))
    for name in ("type", "dimension", "sizes", "encoding"):
        if name not in header:
            raise DataError(f"{path}: its header can't be read: it has no field '{name}'")
    for name in ("data file", "datafile"):
        if header.get(name):
            raise DataError(f"{path}: its pixels are apart from its header ({name}), which is not read: save one .nrrd")
    for name in ("line skip", "lineskip", "byte skip", "byteskip"):
        if header.get(name):
            raise DataError(
                f"{path}: bytes lie between its header and its pixels ({name} {header[name]}), which is not read: "
                "save it again"
            )
    return header, start


def _is_list(path: Path, header: dict[str, Any], directions: Any) -> bool:
    """Whether the first axis counts the values of a pixel, such as its colours.

    Raises:
        DataError: Another axis is not of space, or the first one counts times or images.
    """
    kinds = [kind.lower() for kind in header.get("kinds", [])] or ["???"] * len(header["sizes"])
    if len(kinds) != len(header["sizes"]):
        raise DataError(f"{path}: has {len(header['sizes'])} axes, but {len(kinds)} kinds: mend its header")
    for axis, kind in enumerate(kinds):
        if kind not in _SPACE and not (axis == 0 and kind in _VALUES):
            raise DataError(
                f"{path}: its axis {axis + 1} is of the kind '{kind[:40]}', neither space (domain, space) nor, "
                "as the first axis, colours: save each image as a file of its own"
            )
    if directions is not None and kinds[0] in _UNKNOWN:
        return bool(np.isnan(np.asarray(directions[0], dtype=np.float64)).any())
    return kinds[0] in _VALUES


def _affine(path: Path, header: dict[str, Any], directions: Any, axes: int) -> tuple[Float64, bool]:
    """From an index (k, j, i) to LPS mm, and whether the header knows the directions in the patient."""
    units = {str(unit).strip('"') for unit in header.get("space units", [])}
    if units - {"mm", ""}:
        raise DataError(
            f"{path}: its lengths are in {', '.join(sorted(units))}, but mm are read: write the header in mm"
        )
    matrix, origin = np.eye(3), np.zeros(3)
    if directions is None:
        spacings = [float(n) for n in header.get("spacings", np.ones(len(header["sizes"])))]
        if len(spacings) != len(header["sizes"]) or not np.isfinite(spacings[-axes:]).all():
            raise DataError(f"{path}: its spacings are {spacings}, which leaves the size of a pixel open: mend them")
        matrix[range(axes), range(axes)] = spacings[-axes:]
    else:
        rows = np.asarray(directions, dtype=np.float64)
        if rows.shape != (axes, axes):
            raise DataError(
                f"{path}: its space directions are {len(rows)} vectors of {rows.shape[-1]} numbers, but the space of "
                f"{axes} axes needs {axes} of {axes}: save each image as a file of its own"
            )
        matrix[:axes, :axes] = rows.T
    start = np.asarray(header.get("space origin", np.zeros(axes)), dtype=np.float64)
    if len(start) != axes:
        raise DataError(f"{path}: its space origin has {len(start)} numbers, but {axes} axes: mend its header")
    origin[:axes] = start
    for name in ("axis mins", "axismins", "axis maxs", "axismaxs"):
        if np.isfinite(header.get(name, [])).any():
            raise DataError(f"{path}: its place is in '{name}', which is not read: write a space origin instead")
    space = str(header.get("space", "")).lower()
    names = _SHORT.get(space, space).split("-")
    known = len(names) == 3 and set(names) <= _TO_LPS.keys()
    if space and not known and space not in _UNPLACED:
        raise DataError(f"{path}: its header can't be read: space is '{space[:80]}'")
    if known:
        signs = np.array([_TO_LPS[name] for name in names])
        matrix, origin = signs[:, None] * matrix, signs * origin
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = matrix[:, ::-1], origin
    limits.check_place(path, affine)
    return affine, known


def _data(path: Path, header: dict[str, Any], start: int, shape: tuple[int, ...]) -> NDArray[Any]:
    """The pixels in the shape of the file."""
    kind = _kind(path, header)
    needed, held = prod(shape) * kind.itemsize, path.stat().st_size - start
    if header["encoding"] == "raw":
        limits.check_exact(path, held, needed)
        return np.fromfile(path, kind, prod(shape), offset=start).reshape(shape)
    limits.check_file(path)
    with path.open("rb") as file:
        file.seek(start)
        return np.frombuffer(limits.unpacked(path, file.read(), needed), kind).reshape(shape)


def _kind(path: Path, header: dict[str, Any]) -> np.dtype[Any]:
    """The type of a value, with its byte order."""
    code = next((code for code, names in _TYPES.items() if header["type"] in names), None)
    if code is None:
        raise DataError(f"{path}: holds pixels of type {header['type']}, but an image holds real numbers")
    if code[1] != "1" and header.get("endian") not in ("little", "big"):
        raise DataError(f"{path}: its header can't be read: endian is '{header.get('endian')}', not little or big")
    return np.dtype((">" if header.get("endian") == "big" else "<") + code)
