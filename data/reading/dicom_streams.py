"""Unpacks the JPEG, JPEG-LS and JPEG 2000 streams of DICOM files, after their sizes have been checked."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import DataError
from data.reading import dicom_files

_RLE_RATIO = 64  # two bytes are at most 128
_RATIO, _SMALL = 1000, 2**26  # more than this ratio is no picture, if it is also more than these bytes
_NO_FRAME_HEADER = (0xC4, 0xC8, 0xCC)  # markers between SOF0 and SOF15 that are tables
_COPIED = ("Rows", "Columns", "SamplesPerPixel", "PlanarConfiguration", "BitsAllocated", "BitsStored", "HighBit")


def check(path: Path, file: Any, shape: tuple[int, int, int], *, rle: bool) -> None:
    """Refuses packed pixels that can't hold what the header says.

    Raises:
        DataError: Names both lengths.
    """
    packed = len(file.PixelData)
    unpacked = int(np.prod(shape)) * int(file.get("SamplesPerPixel") or 1) * int(file.BitsAllocated) // 8
    if unpacked > packed * (_RLE_RATIO if rle else _RATIO) and (rle or unpacked > _SMALL):
        raise DataError(f"{path}: {packed} bytes can't hold the {unpacked} bytes of pixels that its header says")


def unpack(path: Path, file: Any, shape: tuple[int, int, int], photometric: str) -> NDArray[Any]:
    """The stored values of all frames `(F, rows, columns)` or, of colours, `(F, rows, columns, 3)`.

    Args:
        path: The file, for messages.
        file: Its data set with pixels.
        shape: The number of frames, rows and columns in the header.
        photometric: PhotometricInterpretation.

    Raises:
        DataError: A stream has another size than the header says, or there are more or fewer streams than frames.
    """
    from pydicom.encaps import generate_frames

    frames = list(generate_frames(file.PixelData, number_of_frames=shape[0]))
    if len(frames) != shape[0]:
        raise DataError(f"{path}: has {shape[0]} frames, but {len(frames)} packed pictures: the header is wrong")
    for frame in frames:
        if (size := _size(frame)) != shape[1:]:
            found = f"{size[0]} x {size[1]}" if size else "unknown"
            raise DataError(
                f"{path}: its header says {shape[1]} x {shape[2]} pixels, but its packed picture is {found}"
            )
    if frames[0].startswith(b"\xff\x4f"):
        import imagecodecs

        return np.stack([imagecodecs.jpeg2k_decode(frame) for frame in frames])
    return _by_gdcm(file, frames, photometric)


def _size(frame: bytes) -> tuple[int, int] | None:
    """The rows and columns in the frame header of JPEG or JPEG-LS, or the image area of JPEG 2000."""
    if frame.startswith(b"\xff\x4f\xff\x51") and len(frame) > 24:
        right, bottom, left, top = struct.unpack_from(">4I", frame, 8)
        return bottom - top, right - left
    at = 2
    while frame.startswith(b"\xff\xd8") and at + 9 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker == 0xFF:
            at += 1  # filled up
        elif marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in _NO_FRAME_HEADER):
            rows, columns = struct.unpack_from(">2H", frame, at + 5)
            return rows, columns
        else:
            at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    return None


def _by_gdcm(file: Any, frames: list[bytes], photometric: str) -> NDArray[Any]:
    """JPEG and JPEG-LS, from a copy of nothing but the pixels: GDCM would scale all frames by one slope."""
    import SimpleITK
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

    copy: Any = Dataset()
    copy.file_meta = FileMetaDataset()
    copy.file_meta.TransferSyntaxUID = file.file_meta.TransferSyntaxUID
    copy.SOPClassUID = copy.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    copy.SOPInstanceUID = copy.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    for tag in (*_COPIED, "PixelRepresentation"):
        if tag in file:
            setattr(copy, tag, file[tag].value)
    grey = photometric in ("PALETTE COLOR", "MONOCHROME1")
    copy.PhotometricInterpretation = "MONOCHROME2" if grey else photometric
    copy.NumberOfFrames = len(frames)
    copy.PixelData = encapsulate(frames)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pixels.dcm"
        with dicom_files.quiet():
            copy.save_as(path, enforce_file_format=True)
        reader: Any = SimpleITK.ImageFileReader()  # type: ignore[no-untyped-call]
        console: Any = SimpleITK.ProcessObject
        console.SetGlobalWarningDisplay(False)
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(path))
        return np.asarray(SimpleITK.GetArrayFromImage(reader.Execute()))
