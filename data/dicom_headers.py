"""The headers of a folder of DICOM files, and what of them names a patient."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.base import DataError

_PLANES = ("sagittal", "coronal", "axial")  # the plane whose normal is nearest to x, y, z
_TAGS = [
    "SOPClassUID",
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "AccessionNumber",
    "StudyInstanceUID",
    "FrameOfReferenceUID",
    "SeriesInstanceUID",
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
    """A sound DICOM file that holds no picture, such as an index or a report."""


@dataclass(frozen=True)
class Header:
    """What a file says of itself; texts are empty and numbers None where it says nothing.

    Args:
        path: The file.
        patient: PatientID.
        study: StudyInstanceUID.
        frame: FrameOfReferenceUID.
        series: SeriesInstanceUID.
        modality: Such as `MR`.
        description: SeriesDescription.
        protocol: ProtocolName.
        kinds: The values of ImageType.
        plane: `sagittal`, `coronal`, `axial`, or empty without ImageOrientationPatient.
        bytes: Of its pixels when they are unpacked.
        frames: Slices in the file.
        echo: EchoTime, ms.
        repetition: RepetitionTime, ms.
        inversion: InversionTime, ms.
        gradient_echo: Whether ScanningSequence says so.
        contrast: Whether an agent was given.
        diffusion: Whether it has a b-value.
        instance: InstanceNumber.
        names: What of the header names the patient.
    """

    path: Path
    patient: str
    study: str
    frame: str
    series: str
    modality: str
    description: str
    protocol: str
    kinds: tuple[str, ...]
    plane: str
    bytes: int
    frames: int
    echo: float | None
    repetition: float | None
    inversion: float | None
    gradient_echo: bool
    contrast: bool
    diffusion: bool
    instance: int | None
    names: frozenset[str]


def walk(folder: Path) -> Iterator[Path]:
    """All files below a folder, in the order of their numbers; hidden ones are left out."""
    for name, inner, files in os.walk(folder):
        inner[:] = sorted((f for f in inner if not f.startswith((".", "__MACOSX"))), key=_natural)
        yield from (Path(name) / file for file in sorted(files, key=_natural) if not file.startswith("."))


def read(path: Path) -> Header:
    """The header of a file, whatever its name; pixels are not read.

    Raises:
        NoImageError: A DICOM file without a picture.
        DataError: No DICOM file, or one that ends in its header.
    """
    import pydicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote values, a patient's name among them
            file: Any = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_TAGS)
            return _header(path, file)
    except DataError:
        raise
    except Exception as error:  # a damaged file fails in many ways
        raise DataError(f"{path}: can't be read, truncated or no DICOM file") from error


def hide(text: str, names: Iterable[str]) -> str:
    """A text without some names, wherever they stand as a word."""
    words = sorted((re.escape(name) for name in names), key=len, reverse=True)
    return re.sub(rf"(?<![^\W_])(?:{'|'.join(words)})(?![^\W_])", "…", text, flags=re.IGNORECASE) if words else text


def _header(path: Path, file: Any) -> Header:
    if "DirectoryRecordSequence" in file:
        raise NoImageError(f"{path}: an index of files, no picture")
    if not all(file.get(tag) for tag in ("Rows", "Columns", "BitsAllocated")):
        if _text(file, "Modality") or _text(file, "SOPClassUID"):
            raise NoImageError(f"{path}: {_text(file, 'Modality') or 'DICOM'}, no picture")
        raise DataError(f"{path}: can't be read, truncated or no picture: it has no Rows and Columns")
    frames = int(file.get("NumberOfFrames") or 1)
    bits = int(file.Rows) * int(file.Columns) * int(file.get("SamplesPerPixel") or 1) * int(file.BitsAllocated)
    patient, study = _text(file, "PatientID"), _text(file, "StudyInstanceUID")
    told = [patient, study, _text(file, "AccessionNumber"), _text(file, "PatientBirthDate")]
    return Header(
        path=path,
        patient=patient,
        study=study,
        frame=_text(file, "FrameOfReferenceUID"),
        series=_text(file, "SeriesInstanceUID"),
        modality=_text(file, "Modality"),
        description=_text(file, "SeriesDescription"),
        protocol=_text(file, "ProtocolName"),
        kinds=tuple(_text(file, "ImageType").upper().split("\\")),
        plane=_plane(file),
        bytes=bits * frames // 8,
        frames=frames,
        echo=_number(file, "EchoTime"),
        repetition=_number(file, "RepetitionTime"),
        inversion=_number(file, "InversionTime"),
        gradient_echo="GR" in _text(file, "ScanningSequence").split("\\"),
        contrast=_text(file, "ContrastBolusAgent").casefold() not in ("", "none", "no"),
        diffusion=bool(_number(file, "DiffusionBValue")),
        instance=None if (number := _number(file, "InstanceNumber")) is None else int(number),
        names=frozenset(
            [name for name in told if len(name) > 1]
            + [part for part in re.split(r"[\^=,\s]+", _text(file, "PatientName")) if len(part) > 2]
        ),
    )


def _plane(file: Any) -> str:
    directions = file.get("ImageOrientationPatient")
    if directions is None or len(directions) != 6:
        return ""
    row, column = np.reshape(np.array(directions, dtype=np.float64), (2, 3))
    return _PLANES[int(np.abs(np.cross(row, column)).argmax())]


def _text(file: Any, tag: str) -> str:
    """A tag's value as text; several values stand between backslashes."""
    value = file.get(tag)
    values = value if isinstance(value, list) or type(value).__name__ == "MultiValue" else [value]
    return "\\".join(str(v).strip() for v in values if v is not None)


def _number(file: Any, tag: str) -> float | None:
    try:
        return float(_text(file, tag).split("\\")[0])
    except ValueError:
        return None


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts 2 before 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
