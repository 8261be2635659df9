"""The headers of a folder of DICOM files; their free text, such as a description, is never shown."""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.base import DataError, Float64

_MODALITIES = frozenset(
    ("CR", "CT", "DOC", "DX", "KO", "MG", "MR", "NM", "OT", "PR", "PT", "REG", "RF", "SC", "SEG", "SR", "US", "XA")
)  # of PS3.3 C.7.3.1.1.1; another word in the tag may be anything
_TAGS = [
    "SOPClassUID",
    "PatientID",
    "StudyInstanceUID",
    "FrameOfReferenceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDescription",
    "ProtocolName",
    "Modality",
    "ImageType",
    "ImageOrientationPatient",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "BitsAllocated",
    "NumberOfFrames",
    "EchoTime",
    "RepetitionTime",
    "InversionTime",
    "ScanningSequence",
    "ContrastBolusAgent",
    "DiffusionBValue",
    "InstanceNumber",
    "DirectoryRecordSequence",
]


class NoImageError(DataError):
    """A sound DICOM file without a picture, such as an index or a report."""


@dataclass(frozen=True, eq=False)
class DicomHeader:
    """The header of a file; missing texts are empty, and missing numbers None.

    Args:
        path: The file.
        patient: PatientID.
        study: StudyInstanceUID.
        frame: FrameOfReferenceUID.
        series: SeriesInstanceUID.
        number: SeriesNumber.
        modality: Such as `MR`; `unknown` for a modality that the standard does not list.
        description: SeriesDescription.
        protocol: ProtocolName.
        kinds: The values of ImageType.
        normal: Unit normal of its slice; None without a sound ImageOrientationPatient.
        bytes: Size of its pixels when they are unpacked.
        frames: Number of slices in the file.
        echo: EchoTime, ms.
        repetition: RepetitionTime, ms.
        inversion: InversionTime, ms.
        gradient_echo: Whether ScanningSequence contains `GR`.
        contrast: Whether a contrast agent was given.
        diffusion: Whether it has a b-value above 0.
        instance: InstanceNumber.
    """

    path: Path
    patient: str
    study: str
    frame: str
    series: str
    number: int | None
    modality: str
    description: str
    protocol: str
    kinds: tuple[str, ...]
    normal: Float64 | None
    bytes: int
    frames: int
    echo: float | None
    repetition: float | None
    inversion: float | None
    gradient_echo: bool
    contrast: bool
    diffusion: bool
    instance: int | None


def walk(folder: Path) -> Iterator[Path]:
    """All files below a folder, in the order of their numbers, without hidden files."""
    for name, inner, files in os.walk(folder):
        inner[:] = sorted((f for f in inner if not f.startswith((".", "__MACOSX"))), key=_natural)
        yield from (Path(name) / file for file in sorted(files, key=_natural) if not file.startswith("."))


def read(path: Path) -> DicomHeader:
    """The header of a file of any name, read without the pixels.

    Raises:
        NoImageError: It is a DICOM file without a picture.
        DataError: It is not a DICOM file, or ends within its header.
    """
    import pydicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings quote values
            file: Any = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_TAGS)
            return _header(path, file)
    except DataError:
        raise
    except Exception as error:  # a damaged file fails in many ways
        raise DataError(f"{path}: can't be read, truncated or not a DICOM file") from error


def _header(path: Path, file: Any) -> DicomHeader:
    if "DirectoryRecordSequence" in file:
        raise NoImageError(f"{path}: an index of files, without a picture")
    if not all(file.get(tag) for tag in ("Rows", "Columns", "BitsAllocated")):
        if _text(file, "Modality") or _text(file, "SOPClassUID"):
            raise NoImageError(f"{path}: {_modality(file) or 'DICOM'}, without a picture")
        raise DataError(f"{path}: can't be read, truncated or not a picture: it has no Rows and Columns")
    frames = int(file.get("NumberOfFrames") or 1)
    bits = int(file.Rows) * int(file.Columns) * int(file.get("SamplesPerPixel") or 1) * int(file.BitsAllocated)
    return DicomHeader(
        path=path,
        patient=_text(file, "PatientID"),
        study=_text(file, "StudyInstanceUID"),
        frame=_text(file, "FrameOfReferenceUID"),
        series=_text(file, "SeriesInstanceUID"),
        number=_whole(file, "SeriesNumber"),
        modality=_modality(file),
        description=_text(file, "SeriesDescription"),
        protocol=_text(file, "ProtocolName"),
        kinds=tuple(_text(file, "ImageType").upper().split("\\")),
        normal=_normal(file),
        bytes=bits * frames // 8,
        frames=frames,
        echo=_number(file, "EchoTime"),
        repetition=_number(file, "RepetitionTime"),
        inversion=_number(file, "InversionTime"),
        gradient_echo="GR" in _text(file, "ScanningSequence").split("\\"),
        contrast=_text(file, "ContrastBolusAgent").casefold() not in ("", "none", "no"),
        diffusion=bool(_number(file, "DiffusionBValue")),
        instance=_whole(file, "InstanceNumber"),
    )


def _modality(file: Any) -> str:
    found = _text(file, "Modality")
    return found if found in _MODALITIES or not found else "unknown"


def _normal(file: Any) -> Float64 | None:
    directions = file.get("ImageOrientationPatient")
    if directions is None or len(directions) != 6:
        return None
    row, column = np.reshape(np.array(directions, dtype=np.float64), (2, 3))
    if not (np.abs([row, column]) < 2).all():  # nor NaN
        return None
    normal: Float64 = np.cross(row, column)
    return normal if np.isclose(np.linalg.norm(normal), 1, atol=1e-3) else None


def _text(file: Any, tag: str) -> str:
    """A tag's value as text; backslashes separate several values."""
    value = file.get(tag)
    values = value if isinstance(value, list) or type(value).__name__ == "MultiValue" else [value]
    return "\\".join(str(v).strip() for v in values if v is not None)


def _number(file: Any, tag: str) -> float | None:
    try:
        found = float(_text(file, tag).split("\\")[0])
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _whole(file: Any, tag: str) -> int | None:
    found = _number(file, tag)
    return None if found is None else int(found)


def _natural(name: str) -> list[tuple[int, str]]:
    """A key for sorting that puts 2 before 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
