"""The headers of DICOM files, one for each frame; their free text, such as a description, is never shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.base import DataError, Float64
from data.reading.dicom import files as dicom_files
from data.reading.dicom import traits as dicom_traits
from data.reading.dicom.files import FrameTags, NoImageError
from data.reading.dicom.traits import Trait

_MODALITIES = frozenset(
    ("CR", "CT", "DOC", "DX", "KO", "MG", "MR", "NM", "OT", "PR", "PT", "REG", "RF", "SC", "SEG", "SR", "US", "XA")
)  # of PS3.3 C.7.3.1.1.1; another word in the tag may be anything
_NO_PICTURES = ("KO", "PR", "REG", "SR")
_PICTURES = ("Enhanced US Volume Storage", "Parametric Map Storage", "RT Dose Storage", "Segmentation Storage")
_PLACE = {"ImagePositionPatient": 3, "ImageOrientationPatient": 6, "PixelSpacing": 2}
SMALLEST, LARGEST = 1e-5, 1e3  # mm: a pixel of a microscope, and more than a patient
_MAX_FRAMES = 2**16
_LEAST_FRAME = 8  # bytes: of an item that holds a packed frame; frames of fewer bytes are no picture


@dataclass(frozen=True, eq=False)
class DicomHeader:
    """The header of a frame; missing texts are empty, and missing numbers None.

    Args:
        path: The file.
        frame: The number of the frame in its file, from 0.
        frames: Number of frames in the file.
        shape: The number of rows and of columns.
        patient: PatientID.
        study: StudyInstanceUID.
        reference: FrameOfReferenceUID.
        series: SeriesInstanceUID.
        number: SeriesNumber.
        instance: InstanceNumber.
        modality: Such as `MR`; `unknown` for a modality that the standard does not list.
        description: SeriesDescription.
        protocol: ProtocolName.
        kinds: The values of ImageType, or of the frame's FrameType.
        bytes: Size of its pixels when they are unpacked.
        plane: `(4, 4)`, maps an index `(0, h, w, 1)` (slice, row, column from 0) to LPS mm; None without a place.
        between: Distance of slices as the tags give it, mm.
        fault: Why there is no place; empty where there is one.
        normal: Unit normal of its slice; None without a sound ImageOrientationPatient.
        echo: EchoTime, ms.
        repetition: RepetitionTime, ms.
        inversion: InversionTime, ms.
        colours: Whether it is a colour picture.
        gradient_echo: Whether ScanningSequence contains `GR`.
        contrast: Whether a contrast agent was given.
        traits: What distinguishes it from other images of its place, by name; see `dicom_traits`.
    """

    path: Path
    frame: int
    frames: int
    shape: tuple[int, int]
    patient: str
    study: str
    reference: str
    series: str
    number: int | None
    instance: int | None
    modality: str
    description: str
    protocol: str
    kinds: tuple[str, ...]
    bytes: int
    plane: Float64 | None
    between: float
    fault: str
    normal: Float64 | None
    echo: float | None
    repetition: float | None
    inversion: float | None
    colours: bool
    gradient_echo: bool
    contrast: bool
    traits: Mapping[str, Trait]


def read(path: Path) -> list[DicomHeader]:
    """The header of each frame of a file of any name, read without the pixels.

    Raises:
        NoImageError: It is a DICOM file without a picture.
        DataError: It is not a DICOM file, or ends within its header.
    """
    return of_file(path, dicom_files.read(path, pixels=False))


def of_file(path: Path, file: Any) -> list[DicomHeader]:
    """The header of each frame of a data set; see `read`."""
    with dicom_files.guarded(f"{path}: "), dicom_files.quiet():
        return _headers(path, file)


def _headers(path: Path, file: Any) -> list[DicomHeader]:
    if "DirectoryRecordSequence" in file:
        raise NoImageError(f"{path}: an index of files, without a picture")
    whole = FrameTags(file, -1)
    modality = whole.text("Modality")
    modality = modality if modality in _MODALITIES or not modality else "unknown"
    if not all(file.get(tag) for tag in ("Rows", "Columns", "BitsAllocated")):
        if not _is_picture(file, modality):
            raise NoImageError(f"{path}: {modality or 'DICOM'}, without a picture")
        raise DataError(
            f"{path}: can't be read, truncated or not a picture: it has no Rows and Columns, or no BitsAllocated: copy "
            "it again"
        )
    count = frames(path, file)
    shape = int(file.Rows), int(file.Columns)
    bits = shape[0] * shape[1] * int(file.get("SamplesPerPixel") or 1) * int(file.BitsAllocated)
    of_series = {
        "path": path,
        "frames": count,
        "shape": shape,
        "patient": whole.text("PatientID"),
        "study": whole.text("StudyInstanceUID"),
        "reference": whole.text("FrameOfReferenceUID"),
        "series": whole.text("SeriesInstanceUID"),
        "number": _whole(whole, "SeriesNumber"),
        "instance": _whole(whole, "InstanceNumber"),
        "modality": modality,
        "description": whole.text("SeriesDescription"),
        "protocol": whole.text("ProtocolName"),
        "bytes": bits // 8,
        "colours": whole.number("SamplesPerPixel") == 3 or whole.text("PhotometricInterpretation") == "PALETTE COLOR",
        "gradient_echo": "GR" in whole.text("ScanningSequence").split("\\"),
        "contrast": whole.text("ContrastBolusAgent").casefold() not in ("", "none", "no"),
    }
    return [_header(FrameTags(file, number), number, of_series) for number in range(count)]


def _is_picture(file: Any, modality: str) -> bool:
    """Whether a file must hold pixels: by its class, or by its modality if damage or its writer left the class out."""
    from pydicom.uid import UID

    if modality in _NO_PICTURES:
        return False
    meta = getattr(file, "file_meta", None) or {}
    found = [UID(str(some.get(tag) or "")) for some, tag in ((file, "SOPClassUID"), (meta, "MediaStorageSOPClassUID"))]
    if any("Image Storage" in uid.name or uid.name in _PICTURES for uid in found):
        return True
    known = any(uid and uid.name != uid for uid in found)
    return not known and (not modality or not any(found)) and modality != "unknown"


def frames(path: Path, file: Any) -> int:
    """The number of frames in a data set.

    Raises:
        DataError: It is not a whole number from 1 to 65,536, more than the file can hold, or the frames have no groups
            of attributes each.
    """
    count = FrameTags(file, -1).number("NumberOfFrames") if file.get("NumberOfFrames") is not None else 1.0
    if count is None or not 1 <= count <= _MAX_FRAMES or count % 1:
        raise DataError(f"{path}: NumberOfFrames must be 1 to {_MAX_FRAMES}, and is not")
    if count > 1 and count * _LEAST_FRAME > path.stat().st_size:
        raise DataError(f"{path}: its header gives {count:g} frames, more than its bytes can hold")
    groups = file.get("PerFrameFunctionalGroupsSequence")
    if groups and len(groups) != count:
        raise DataError(f"{path}: has {count:g} frames, but attributes of {len(groups)} frames: write it again")
    return int(count)


def _header(tags: FrameTags, number: int, of_series: dict[str, Any]) -> DicomHeader:
    plane, fault = None, ""
    try:
        plane = place(tags)
    except DataError as error:
        fault = str(error)
    kinds = tags.text("FrameType") or tags.text("ImageType")
    echo = tags.number("EffectiveEchoTime") if tags.groups else None
    inversion = tags.number("InversionTimes") if tags.groups else None
    echo = tags.number("EchoTime") if echo is None else echo
    types = tuple(kinds.upper().split("\\"))
    try:
        apart = tags.numbers("SpacingBetweenSlices") or tags.numbers("SliceThickness")
    except DataError as error:
        apart, plane, fault = [], None, fault or str(error)
    between = abs(apart[0]) if apart and SMALLEST <= abs(apart[0]) <= LARGEST else 1.0
    return DicomHeader(
        frame=number,
        kinds=types,
        plane=plane,
        between=between,
        fault=fault,
        normal=plane[:3, 0] if plane is not None else _normal(tags),
        echo=echo,
        repetition=tags.number("RepetitionTime"),
        inversion=tags.number("InversionTime") if inversion is None else inversion,
        traits=dicom_traits.find(tags, types, echo),
        **of_series,
    )


def place(tags: FrameTags) -> Float64:
    """The plane `(4, 4)` of a frame: an index `(0, h, w, 1)` to LPS mm.

    Raises:
        DataError: An attribute is absent, no number, or outside sane ranges. The message has no file.
    """
    if not tags.groups and (tags.number("NumberOfFrames") or 1) > 1:
        raise DataError(
            "holds several frames without a place for each: save it as .mha or .nii.gz, or as one file for each slice"
        )
    found = {}
    for tag, count in _PLACE.items():
        found[tag] = tags.numbers(tag)
        if len(found[tag]) != count:
            name = dicom_files.written(tag)
            if not found[tag] and tag == "ImagePositionPatient":
                raise DataError(f"tag {name} is absent, so it has no place in the patient, as a screen save has none")
            raise DataError(f"tag {name} has {len(found[tag])} numbers, but a slice's place needs {count}")
    position, directions, (height, width) = found.values()
    across = cross(directions)
    if not all(SMALLEST <= length <= LARGEST for length in (height, width)) or across is None:
        raise DataError(f"pixels of {height:g} x {width:g} mm along {directions} have no place")
    row, column = directions[:3], directions[3:]
    plane = np.eye(4)
    plane[:3, 0], plane[:3, 3] = across, position
    for i in range(3):
        plane[i, 1], plane[i, 2] = column[i] * height, row[i] * width
    return plane


def cross(directions: list[float]) -> tuple[float, float, float] | None:
    """The normal of the directions of rows and columns; None unless these are unit vectors at right angles."""
    (a, b, c), (x, y, z) = directions[:3], directions[3:]
    normal = b * z - c * y, c * x - a * z, a * y - b * x
    lengths = [sum(value**2 for value in vector) ** 0.5 for vector in ((a, b, c), (x, y, z), normal)]
    sound = all(abs(length - 1) < tolerance for length, tolerance in zip(lengths, (0.01, 0.01, 1e-3), strict=True))
    return normal if sound else None


def _normal(tags: FrameTags) -> Float64 | None:
    try:
        directions = tags.numbers("ImageOrientationPatient")
    except DataError:
        return None
    normal = cross(directions) if len(directions) == 6 else None
    return None if normal is None else np.array(normal)


def _whole(tags: FrameTags, tag: str) -> int | None:
    found = tags.number(tag)
    return None if found is None else int(found)
