"""One slice as a DICOM file with the peculiarities of RSNA 2024's files, so that a reader is tested on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float64

_BITS = 12
_IMPLEMENTATION = ("1.2.276.0.7230010.3.0.3.6.7", "OFFIS_DCMTK_367")
_FIRST_OFFSET = 64


def write_slice(
    path: Path,
    pixels: NDArray[np.uint16],
    plane: Float64,
    *,
    study: int,
    series: int,
    instance: int,
    description: str,
    thickness: float | None = None,
    distance: float | None = None,
) -> None:
    """Writes a slice `(H, W)` uint16 below 4096, RLE Lossless.

    As in the real files, the header of the file names Enhanced MR, the data set has no SOP class, and the geometry of
    its one frame is at the top level. GDCM, and so SimpleITK, then gives spacing 1 and origin 0; the true geometry is
    only in the tags. There is no patient's name, and UIDs are not valid.

    Args:
        path: The file; it is overwritten if it exists.
        pixels: The slice; 12 of its 16 bits are used.
        plane: `(4, 4)`, from an index `(0, h, w, 1)` to LPS mm.
        study: The id of the study and of the patient.
        series: The number of the series in its study.
        instance: The number of the slice in its series, from 1.
        description: Description of the series, such as `T2`.
        thickness: Thickness of the slice, mm; None leaves it out.
        distance: Distance between slices, mm; None leaves it out.

    Raises:
        ValueError: A pixel needs more than 12 bits.
    """
    if pixels.max(initial=0) >= 1 << _BITS:
        raise ValueError(f"pixels (up to {pixels.max()}) must lie below {1 << _BITS}: scale them")
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import EnhancedMRImageStorage, RLELossless
    from pydicom.valuerep import DSfloat

    def decimals(values: Any) -> list[Any]:
        return [DSfloat(float(v), auto_format=True) for v in values]

    meta: Any = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    meta.MediaStorageSOPInstanceUID = f"{study}.{series}.{instance}"
    meta.TransferSyntaxUID = RLELossless
    meta.ImplementationClassUID, meta.ImplementationVersionName = _IMPLEMENTATION
    file: Any = FileDataset(str(path), {}, preamble=b"\x00" * 128, file_meta=meta)
    file.SOPInstanceUID = f"{study}.{series}.{instance}"
    file.SeriesDescription = description
    file.PatientID = str(study)
    if thickness is not None:
        file.SliceThickness = decimals([thickness])[0]
    if distance is not None:
        file.SpacingBetweenSlices = decimals([distance])[0]
    file.PatientPosition = "HFS"
    file.StudyInstanceUID = str(study)
    file.SeriesInstanceUID = f"{study}.{series}"
    file.InstanceNumber = instance
    rows, columns = plane[:3, 1], plane[:3, 2]
    spacing = np.linalg.norm(rows), np.linalg.norm(columns)
    file.ImagePositionPatient = decimals(plane[:3, 3])
    file.ImageOrientationPatient = decimals([*columns / spacing[1], *rows / spacing[0]])
    file.SamplesPerPixel = 1
    file.PhotometricInterpretation = "MONOCHROME2"
    file.Rows, file.Columns = pixels.shape
    file.PixelSpacing = decimals(spacing)
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, _BITS, _BITS - 1, 0
    file.PixelData = encapsulate([_encode(pixels)])
    file["PixelData"].VR = "OB"
    file.save_as(path, enforce_file_format=True)


def _encode(pixels: NDArray[np.uint16]) -> bytes:
    """A frame in DICOM's run length encoding (PS3.5 annex G): the high bytes, then the low ones."""
    segments = [_encode_bytes((pixels >> shift).astype(np.uint8)) for shift in (8, 0)]
    header = np.zeros(_FIRST_OFFSET // 4, dtype="<u4")
    header[:3] = len(segments), _FIRST_OFFSET, _FIRST_OFFSET + len(segments[0])
    return header.tobytes() + b"".join(segments)


def _encode_bytes(values: NDArray[np.uint8]) -> bytes:
    """PackBits, row by row: as runs or as literals, whichever is shorter; vectorised, since pydicom's is slow."""
    count, width = values.shape
    column = np.tile(np.arange(width), count)
    flat = values.ravel()
    changes = (column == 0) | np.append(True, flat[1:] != flat[:-1])
    first = np.maximum.accumulate(np.where(changes, np.arange(flat.size), 0))
    starts = np.flatnonzero((np.arange(flat.size) - first) % 128 == 0)
    lengths = np.diff(starts, append=flat.size)
    runs = np.column_stack([(257 - lengths) % 256, flat[starts]]).astype(np.uint8)
    chunks = [values[:, at : at + 128] for at in range(0, width, 128)]
    literals = np.hstack([np.insert(chunk, 0, chunk.shape[1] - 1, axis=1) for chunk in chunks])
    encoded = min(runs.tobytes(), literals.tobytes(), key=len)
    return encoded + b"\x00" * (len(encoded) % 2)
