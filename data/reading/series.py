"""Reads DICOM series, with one file for each slice, as one stack of slices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data.base import DataError, Float32, Float64, Image
from data.geometry.planes import are_regular, centres, regular_grid
from data.reading import volumes

_PLANE, _PIXEL, _DESCRIPTION = "0020|0037", "0028|0030", "0008|103e"
_NEEDED = {"0020|0032": 3, _PLANE: 6, _PIXEL: 2}
IN_PLANE = 0.5  # cosine: an axial slice along L5/S1 may be turned by 50 degrees
_FARTHEST = 1e6  # mm
_PARALLEL = np.cos(np.radians(1))
_SAME_PLACE = 0.1  # mm


class SlicePlace(NamedTuple):
    """The place of a file's slice in the patient.

    Args:
        plane: `(4, 4)` float64, maps an index `(0, h, w, 1)` of the file (slice, row, column from 0) to LPS mm.
        shape: The number of rows and of columns.
    """

    plane: Float64
    shape: tuple[int, int]


@dataclass(frozen=True)
class _DicomSlice:
    path: Path
    pixels: Float32
    plane: Float64
    between: float


def read(folders: Sequence[Path], orientation: str) -> Image:
    """The slices of one or several series (folders of `files`) as one image, in the scanner's units.

    Slices are turned to `orientation` as in `volumes.read`, never by interpolation, and sorted by position along their
    mean normal. If they are on one regular grid, the affine describes it; otherwise every slice keeps its plane in
    `planes`. Slices of an unusual shape or pixel size are resampled in their plane to the most common one.

    Geometry comes from the tags ImagePositionPatient, ImageOrientationPatient and PixelSpacing, since SimpleITK returns
    spacing 1 and origin 0 for files of an enhanced SOP class. The distance of slices comes from their positions.

    Args:
        folders: The folder of each series.
        orientation: `"sagittal"`, `"axial"` or `"coronal"`; slices in another plane are left out and listed as faults.

    Raises:
        DataError: No slice can be read, or all pixels are equal.
    """
    found = {folder: files(folder) for folder in folders}
    faults = []
    for folder, paths in found.items():
        if not paths:
            faults.append(f"{folder}: {'holds no .dcm file' if folder.is_dir() else 'no such folder'}")
        if len(paths) == 1:
            faults.append(f"{folder}: has a single slice")
    return read_files([path for paths in found.values() for path in paths], orientation, faults)


def read_files(paths: Sequence[Path], orientation: str, faults: Sequence[str] = ()) -> Image:
    """The slices in files of any names and folders as one image; see `read`.

    Args:
        paths: The file of each slice.
        orientation: As in `read`.
        faults: Known faults, which come before those of the image.

    Raises:
        DataError: No slice can be read, or all pixels are equal.
    """
    faults, slices = list(faults), []
    for path in paths:
        try:
            slices.append(_oriented(_read_slice(path), orientation))
        except DataError as error:
            faults.append(str(error))
    if not slices:
        others = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise DataError(f"{faults[0]}{others}: no slice can be read" if faults else "no series given")
    stack, twice = _sorted(slices, orientation)
    pixels, planes = _one_grid(stack)
    volumes.check(pixels, stack[0].path.parent)
    grid = regular_grid(planes, pixels.shape)
    regular = are_regular(planes, pixels.shape, grid)
    return Image(pixels, grid, planes=None if regular else planes, faults=(*faults, *twice))


def files(folder: Path) -> list[Path]:
    """The files of a series by number: the .dcm files, or else those named by a number alone (`001`, as in OAI)."""
    found = list(folder.glob("*.dcm")) or [path for path in folder.glob("[0-9]*") if path.name.isdecimal()]
    return sorted((path for path in found if path.is_file()), key=lambda path: (len(path.stem), path.stem))


def description(path: Path) -> str:
    """The SeriesDescription of a file; empty if it has none.

    Raises:
        DataError: The file is missing or unreadable.
    """
    reader = _opened(path)
    return str(reader.GetMetaData(_DESCRIPTION)).strip() if reader.HasMetaDataKey(_DESCRIPTION) else ""


def read_place(path: Path) -> SlicePlace:
    """The place of the slice in a file.

    Raises:
        DataError: The file is missing or unreadable, has several frames, or lacks a tag.
    """
    return _place(path, _opened(path))


def _reader(path: Path) -> Any:
    import SimpleITK

    if not path.is_file():
        raise DataError(f"{path}: no such file")
    console: Any = SimpleITK.ProcessObject
    console.SetGlobalWarningDisplay(False)
    reader: Any = SimpleITK.ImageFileReader()  # type: ignore[no-untyped-call]
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    return reader


def _opened(path: Path) -> Any:
    """A reader that has read the header."""
    reader = _reader(path)
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise DataError(f"{path}: can't be read, truncated or not a DICOM file") from error
    return reader


def _place(path: Path, scan: Any) -> SlicePlace:
    """The place of the slice in a SimpleITK image or reader."""
    frames = scan.GetSize()[2:]
    if any(n != 1 for n in frames):
        raise DataError(f"{path}: holds {frames[0]} frames, but a file of a series holds one slice")
    tags = {tag: _numbers(path, scan, tag) for tag in _NEEDED}
    for tag, count in _NEEDED.items():
        if len(tags[tag]) != count:
            raise DataError(f"{path}: tag {tag} has {len(tags[tag])} numbers, but a slice's place needs {count}")
    position, (row, column), (height, width) = tags["0020|0032"], np.reshape(tags[_PLANE], (2, 3)), tags[_PIXEL]
    normal = np.cross(row, column)
    if min(height, width) <= 0 or not np.isclose(np.linalg.norm(normal), 1, atol=1e-3):
        raise DataError(f"{path}: pixels of {height} x {width} mm along {tags[_PLANE]} have no place")
    plane = np.eye(4)
    plane[:3] = np.column_stack([normal, column * height, row * width, position])
    columns, rows = scan.GetSize()[:2]
    return SlicePlace(plane, (rows, columns))


def _numbers(path: Path, scan: Any, tag: str) -> list[float]:
    """The finite numbers in a tag; a wrong value is never shown, since it may be a patient's name."""
    try:
        found = volumes.numbers(scan, tag)
    except ValueError as error:
        raise DataError(f"{path}: tag {tag} holds no number") from error
    if not all(abs(number) < _FARTHEST for number in found):
        raise DataError(f"{path}: tag {tag} holds a number that is not finite or above {_FARTHEST:g}")
    return found


def _read_slice(path: Path) -> _DicomSlice:
    import SimpleITK

    reader = _reader(path)
    try:
        scan = reader.Execute()
    except RuntimeError as error:
        raise DataError(f"{path}: can't be read, truncated or not a DICOM file") from error
    place = _place(path, scan)
    if scan.GetNumberOfComponentsPerPixel() > 1:
        raise DataError(f"{path}: is a colour picture, not a scan")
    pixels = SimpleITK.GetArrayViewFromImage(scan).reshape(place.shape)
    between = next((n[0] for tag in ("0018|0088", "0018|0050") if (n := _numbers(path, scan, tag))), 1.0)
    return _DicomSlice(path, pixels.astype(np.float32), place.plane, abs(between) or 1.0)


def _oriented(one: _DicomSlice, orientation: str) -> _DicomSlice:
    """The slice with rows and columns exchanged and flipped to the H and W of an orientation."""
    d, h, w = np.array(volumes.ORIENTATIONS[orientation], dtype=np.float64)
    pixels, plane = one.pixels, one.plane.copy()
    if abs(plane[:3, 0] @ d) < IN_PLANE:
        raise DataError(f"{one.path}: its normal {np.round(plane[:3, 0], 2).tolist()} is not {orientation}")
    plane[:3, 0] *= np.sign(plane[:3, 0] @ d)
    rows, columns = (plane[:3, i] / np.linalg.norm(plane[:3, i]) for i in (1, 2))
    if abs(rows @ h) + abs(columns @ w) < abs(rows @ w) + abs(columns @ h):
        pixels, plane[:3, 1:3] = pixels.T, plane[:3, 2:0:-1].copy()
    for axis, wanted in enumerate((h, w)):
        if plane[:3, axis + 1] @ wanted < 0:
            plane[:3, 3] += (pixels.shape[axis] - 1) * plane[:3, axis + 1]
            plane[:3, axis + 1] *= -1
            pixels = np.flip(pixels, axis)
    return replace(one, pixels=pixels, plane=plane)


def _sorted(slices: list[_DicomSlice], orientation: str) -> tuple[list[_DicomSlice], list[str]]:
    """The slices by position along their mean normal, and faults for those at the place of an earlier slice."""
    normal = np.array([one.plane[:3, 0] for one in slices])
    middle = np.array([centres(one.plane[None], one.pixels.shape)[0] for one in slices])
    apart = np.abs(np.einsum("ijk,ik->ij", middle[None] - middle[:, None], normal))
    parallel = normal @ normal.T > _PARALLEL
    same = np.tril(parallel & (apart < _SAME_PLACE), k=-1)
    kept = ~same.any(axis=1)
    twice = [
        f"{slices[i].path}: has the same place as {slices[int(same[i].argmax())].path}, which is kept"
        for i in np.flatnonzero(~kept)
    ]
    distance = _distance(np.where(parallel, apart, np.inf)[np.ix_(kept, kept)], slices)
    order = np.argsort(middle @ normal.mean(axis=0), kind="stable")
    return [_thick(slices[i], distance) for i in order if kept[i]], twice


def _distance(apart: Float64, slices: list[_DicomSlice]) -> float:
    """The median distance (mm) of a slice to the nearest parallel slice; the tags' distance without parallel slices."""
    np.fill_diagonal(apart, np.inf)
    nearest = apart.min(axis=1)
    known = nearest[np.isfinite(nearest)]
    return float(np.median(known)) if known.size else slices[0].between


def _thick(one: _DicomSlice, distance: float) -> _DicomSlice:
    plane = one.plane.copy()
    plane[:3, 0] *= distance
    return replace(one, plane=plane)


def _one_grid(stack: list[_DicomSlice]) -> tuple[Float32, Float64]:
    """Pixels `(D, H, W)` and planes `(D, 4, 4)` of all slices in the most common shape and pixel size."""
    from scipy.ndimage import affine_transform

    def grid(one: _DicomSlice) -> tuple[int, int, float, float]:
        height, width = np.round(np.linalg.norm(one.plane[:3, 1:3], axis=0), 3).tolist()
        return (*one.pixels.shape, height, width)

    common = Counter(map(grid, stack)).most_common(1)[0][0]
    shape = np.array(common[:2])
    pixels, planes = np.empty((len(stack), *common[:2]), dtype=np.float32), np.stack([one.plane for one in stack])
    for i, one in enumerate(stack):
        if grid(one) == common:
            pixels[i] = one.pixels
            continue
        ratio = np.array(common[2:]) / np.linalg.norm(one.plane[:3, 1:3], axis=0)
        start = (np.array(one.pixels.shape) - 1) / 2 - ratio * (shape - 1) / 2
        pixels[i] = affine_transform(one.pixels, ratio, start, tuple(shape), order=1, cval=float(one.pixels.min()))
        planes[i, :3, 3] += planes[i, :3, 1:3] @ start
        planes[i, :3, 1:3] *= ratio
    return pixels, planes
