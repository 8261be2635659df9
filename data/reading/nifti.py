"""Reads NIfTI volumes (.nii, .nii.gz, NIfTI-1 and 2): nibabel reads the header, the data are verified here."""

from __future__ import annotations

import zlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import DataError, Float64
from data.reading import limits
from data.reading.limits import Decoded

_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # NIfTI counts to the right, the front and the head
_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # by the code of the unit
_SCANNER = 1
_HEAD = 560


def read(path: Path, volume: int = 0) -> Decoded:
    """The volume, scaled by slope and intercept; without a scale in the type of the file.

    Where a header has two places in the patient, that of the scanner counts: sform if its code is 1 or qform has none,
    otherwise qform.

    Args:
        path: The file.
        volume: Which volume of a file of several, from 1; 0 for a file of one.

    Raises:
        DataError: The header asks for what no volume has, the data are damaged or too short, the file has several
            volumes and none was named, or not the named one.
    """
    with limits.naming(path, "NIfTI"):
        return _read(path, volume)


def _read(path: Path, volume: int) -> Decoded:
    with path.open("rb") as file:
        head, packed = file.read(_HEAD), False
        if head.startswith(b"\x1f\x8b"):
            file.seek(0)
            packed, head = True, zlib.decompressobj(31).decompress(file.read(4096), _HEAD)
    header: Any = _header(path, head)
    shape = tuple(int(n) for n in header.get_data_shape())
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) == 5 and shape[3] == 1:  # several values of a voxel, as registration programs write vectors
        shape = (*shape[:3], shape[4])
    if not 2 <= len(shape) <= 4:
        raise DataError(f"{path}: has {len(shape)} axes {shape}, but an image has 2 or 3: save each volume as a file")
    limits.check_shape(path, shape)
    number = _number(path, shape, volume)
    kind, start = _kind(path, header), _start(path, header)
    if kind.kind not in "iufV" or (kind.kind == "f" and kind.itemsize > 8):
        raise DataError(
            f"{path}: holds pixels of type {kind}, but an image holds real numbers of at most 64 bits: save "
            "the real part, or the magnitude, as float32"
        )
    places, oriented = _affine(path, header)
    values = _data(path, start, prod(shape) * kind.itemsize, packed=packed)
    pixels = np.frombuffer(values, kind).reshape(shape[::-1])
    pixels = (pixels[number] if len(shape) == 4 else pixels).reshape((-1, *shape[1::-1]))
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if kind.kind == "V":
        pixels = np.stack([pixels[name] for name in ("R", "G", "B")], axis=-1)
    elif slope != 0 and not np.isnan(slope):  # these two mean that there is no scale
        pixels = limits.scaled(path, pixels, ("scl_slope", slope), ("scl_inter", intercept))
    return Decoded(pixels, places, oriented=oriented)


def _header(path: Path, head: bytes) -> Any:
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    made, length = (Nifti2Header, 540) if head[4:7] == b"n+2" else (Nifti1Header, 348)
    if len(head) < length:
        raise DataError(f"{path}: truncated: its header has {len(head)} of {length} bytes")
    parsed: Any = made
    return parsed(head[:length], check=False)  # nibabel's own check prints and mends; what matters is checked here


def _start(path: Path, header: Any) -> int:
    """Where the pixels begin: behind the header and the four bytes that say whether more header follows."""
    start, least = float(header["vox_offset"]), header.sizeof_hdr + 4
    if not start >= least or start % 1:
        raise DataError(
            f"{path}: its data begin at byte {start:g}, inside its header or between two bytes, but a .nii has whole "
            f"numbers from {least}: mend vox_offset"
        )
    return int(start)


def _kind(path: Path, header: Any) -> Any:
    """The type of a voxel."""
    try:
        return header.get_data_dtype()
    except Exception as error:  # nibabel raises several
        raise DataError(
            f"{path}: its datatype is {int(header['datatype'])}, which is no type of NIfTI: save it again"
        ) from error


def _number(path: Path, shape: tuple[int, ...], volume: int) -> int:
    """The position of the volume that is named."""
    several = shape[3] if len(shape) == 4 else 1
    if not volume and several > 1:
        raise DataError(
            f"{path}: has 4 axes {shape}, so it holds {several} volumes: name one, from {path.name}#1 to "
            f"{path.name}#{several}"
        )
    if volume > several:
        raise DataError(f"{path}: has no volume #{volume}: it has {several}")
    return max(0, volume - 1)


def _affine(path: Path, header: Any) -> tuple[Float64, bool]:
    """From an index (k, j, i) to LPS mm, and whether the header knows the directions in the patient."""
    known = int(header["sform_code"]), int(header["qform_code"])
    steps = header["pixdim"]
    steps[0] = -1 if steps[0] < 0 else 1  # the standard takes 0 as 1
    for axis in range(1, 4):  # flat files leave the third axis at 0
        if steps[axis] == 0 and (axis > header["dim"][0] or header["dim"][axis] == 1):
            steps[axis] = 1
    by_sform = known[0] == _SCANNER or (known[0] and not known[1])
    for axis in range(1, 4):
        if steps[axis] < 0 and not by_sform:
            raise DataError(
                f"{path}: its pixdim[{axis}] is {steps[axis]:g}, but voxels are longer than 0 mm: mend pixdim"
            )
    if by_sform:
        found = header.get_sform()
    elif known[1]:
        found = _qform(path, header)
    else:
        found = np.diag([-steps[1], steps[2], steps[3], 1.0])
    if (unit := int(header["xyzt_units"]) & 7) not in _MM:
        raise DataError(
            f"{path}: the unit of its lengths has the code {unit}, but 0 (unknown), 1 (metres), 2 (mm) and 3 "
            "(micrometres) are known: mend xyzt_units"
        )
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused below
        affine = _TO_LPS @ np.asarray(found, dtype=np.float64)
        affine[:3] *= _MM[unit]
    affine = affine[:, [2, 1, 0, 3]]
    limits.check_place(path, affine)
    return affine, any(known)


def _qform(path: Path, header: Any) -> Any:
    try:
        return header.get_qform()
    except ValueError as error:
        parts = [float(header[f"quatern_{name}"]) for name in "bcd"]
        shown, total = " ".join(f"{n:g}" for n in parts), sum(n * n for n in parts)
        raise DataError(
            f"{path}: its quatern_b, c and d are {shown}, whose squares sum to {total:g}, but at most to 1 in a "
            "rotation: mend its qform"
        ) from error


def _data(path: Path, start: int, needed: int, *, packed: bool) -> NDArray[np.uint8]:
    """The bytes of the pixels."""
    size = path.stat().st_size
    if not packed:
        limits.check_exact(path, size - start, needed)
        return np.fromfile(path, np.uint8, needed, offset=start)
    limits.check_packed(path, size, start + needed)
    limits.check_file(path)
    return np.frombuffer(limits.unpacked(path, path.read_bytes(), start + needed), np.uint8)[start:]
