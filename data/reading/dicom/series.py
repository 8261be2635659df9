"""Reads DICOM series, of one file for each slice or of many slices in a file, as one stack of slices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data.base import DataError, Float32, Float64, Image
from data.reading import limits
from data.reading.dicom import files as dicom_files
from data.reading.dicom import headers as dicom_headers
from data.reading.dicom import parts as dicom_parts
from data.reading.dicom import pixels as dicom_pixels
from data.reading.dicom import stacks as dicom_stacks
from data.reading.dicom.files import FrameTags
from data.reading.dicom.headers import DicomHeader
from data.reading.dicom.stacks import DicomSlice, named
from data.reading.orientations import ORIENTATIONS

IN_PLANE = 0.5  # cosine: an axial slice along L5/S1 may be turned by 50 degrees


class SlicePlace(NamedTuple):
    """The place of a file's slice in the patient.

    Args:
        plane: `(4, 4)` float64, maps an index `(0, h, w, 1)` of the file (slice, row, column from 0) to LPS mm.
        shape: The number of rows and of columns.
    """

    plane: Float64
    shape: tuple[int, int]


def read(folders: Sequence[Path], orientation: str, weight: str = "") -> Image:
    """The slices of one or several series (folders of `files`) as one image, in the scanner's units.

    Slices are turned to `orientation` as in `volumes.read`, never by interpolation, and sorted by position along their
    mean normal. If they are on one regular grid, the affine describes it; otherwise every slice keeps its plane in
    `planes`. Slices of an unusual shape or pixel size are resampled in their plane to the most common one, and `faults`
    name them.

    A series with several images of a place (echoes, phase, b-values, times) is parted, and the part that fits the
    weight best is used; `faults` name the others. The distance of slices comes from their positions.

    Args:
        folders: The folder of each series.
        orientation: `"sagittal"`, `"axial"` or `"coronal"`; slices in another plane are left out and listed as faults.
        weight: `t1` or `t2`, as in `dicom_parts.preferred`.

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
    slices: list[DicomSlice] = []
    for paths in found.values():
        some = _slices(paths, orientation, faults, None)
        some.sort(key=lambda one: one.header.instance or 0)  # of images at one place the first is kept
        slices += _of_one_part(some, weight, faults)
    return _stacked(slices, orientation, faults)


def read_frames(headers: Sequence[DicomHeader], orientation: str) -> Image:
    """The slices of some frames as one image; see `read`.

    Args:
        headers: The header of each slice, which may be in files of any names and folders.
        orientation: As in `read`.

    Raises:
        DataError: No slice can be read, or all pixels are equal.
    """
    faults: list[str] = []
    wanted = {(one.path, one.frame) for one in headers}
    paths = dict.fromkeys(one.path for one in headers)
    return _stacked(_slices(paths, orientation, faults, wanted), orientation, faults)


def read_each(path: Path, wanted: Callable[[DicomHeader], bool]) -> list[tuple[DicomHeader, Float32]]:
    """The frames of a file that are wanted, with pixels `(rows, columns)` in the scanner's units.

    Raises:
        DataError: The file can't be read.
    """
    file: Any = dicom_files.read(path, pixels=True)
    headers = [one for one in dicom_headers.of_file(path, file) if wanted(one)]
    if not headers:
        return []
    stored = dicom_pixels.decode(path, file)
    with dicom_files.guarded(f"{path}: "):
        return [(one, dicom_pixels.in_units(FrameTags(file, one.frame), stored[one.frame])) for one in headers]


def files(folder: Path) -> list[Path]:
    """The files of a series by number: the .dcm files, or else those named by a number alone (`001`, as in OAI)."""
    found = [path for path in folder.glob("*") if path.suffix.lower() == ".dcm" and not path.name.startswith(".")]
    found = found or [path for path in folder.glob("[0-9]*") if path.name.isdecimal()]
    return sorted((path for path in found if path.is_file()), key=lambda path: (len(path.stem), path.stem))


def file_of(folder: Path, instance: int | str) -> Path:
    """The file of a slice by its number, `3.dcm` or `3.DCM`; the former where there is none."""
    usual = folder / f"{instance}.dcm"
    if usual.is_file():
        return usual
    return next((path for path in files(folder) if path.stem == str(instance)), usual)


def description(path: Path) -> str:
    """The SeriesDescription of a file; empty if it has none.

    Raises:
        DataError: The file is missing or unreadable.
    """
    return FrameTags(dicom_files.read(path, pixels=False), -1).text("SeriesDescription")


def read_place(path: Path) -> SlicePlace:
    """The place of the slice in a file.

    Raises:
        DataError: The file is missing or unreadable, has several frames, or lacks a tag.
    """
    found = dicom_headers.read(path)
    if len(found) > 1:
        raise DataError(f"{path}: holds {len(found)} frames, but a point is marked on a file of one slice")
    if found[0].plane is None:
        raise DataError(f"{path}: {found[0].fault}")
    return SlicePlace(found[0].plane, found[0].shape)


def _slices(
    paths: Iterable[Path], orientation: str, faults: list[str], wanted: set[tuple[Path, int]] | None
) -> list[DicomSlice]:
    """The slices in some files, turned to an orientation; what can't be read is added to `faults`."""
    slices = []
    for path in paths:
        try:
            frames = read_each(path, lambda one: wanted is None or (one.path, one.frame) in wanted)
        except DataError as error:
            faults.append(str(error))
            continue
        if frames and (frames[0][0].colours or all(header.plane is None for header, _ in frames)):
            head = frames[0][0]
            faults.append(f"{path}: {'is a colour picture, not a scan' if head.colours else head.fault}")
            continue
        for header, pixels in frames:
            if header.plane is None:
                faults.append(f"{named(header)}: {header.fault}")
                continue
            try:
                slices.append(_oriented(DicomSlice(header, pixels, header.plane), orientation))
            except DataError as error:
                faults.append(str(error))
    return slices


def _of_one_part(slices: list[DicomSlice], weight: str, faults: list[str]) -> list[DicomSlice]:
    """The slices of the part of a series that fits a weight best; the other parts are added to `faults`."""
    if not slices:
        return slices
    parts = dicom_parts.parted([one.header for one in slices])
    if len(parts) == 1:
        return slices
    best = dicom_parts.preferred(parts, weight)
    for i, part in enumerate(parts):
        if i != best:
            count = f"{len(part.headers)} slices of another image of their places ({part.words})"
            faults.append(f"{part.headers[0].path.parent}: {count}; {parts[best].words} is used")
    used = {id(one) for one in parts[best].headers}
    return [one for one in slices if id(one.header) in used]


def _stacked(slices: list[DicomSlice], orientation: str, faults: list[str]) -> Image:
    if not slices:
        others = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise DataError(f"{faults[0]}{others}: no slice can be read" if faults else "no series given")
    image = dicom_stacks.image(slices, faults)
    limits.check_pixels(image.pixels, slices[0].header.path.parent)
    return image


def _oriented(one: DicomSlice, orientation: str) -> DicomSlice:
    """The slice with rows and columns exchanged and flipped to the H and W of an orientation."""
    d, h, w = np.array(ORIENTATIONS[orientation], dtype=np.float64)
    plane = one.plane.copy()
    if abs(plane[:3, 0] @ d) < IN_PLANE:
        raise DataError(f"{one.named}: its normal {np.round(plane[:3, 0], 2).tolist()} is not {orientation}")
    plane[:3, 0] *= np.sign(plane[:3, 0] @ d)
    return dicom_stacks.turned(replace(one, plane=plane), h, w)
