"""Reads a DICOM segmentation as the labels of an image, wherever its frames lie in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import DataError, Float64, Image
from data.reading import content
from data.reading.dicom import files as dicom_files
from data.reading.dicom import headers as dicom_headers
from data.reading.dicom import pixels as dicom_pixels
from data.reading.dicom.files import FrameTags
from data.reading.dicom.headers import DicomHeader

_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"
_MAP_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
_NEAR = 0.499  # of a voxel, in the plane of a slice
_OFF_SLICE = 0.1  # of the distance of slices; a regular grid is even to half of this
_LARGEST_LABEL = 2**15 - 1


def is_segmentation(path: Path) -> bool:
    """Whether a file is a DICOM segmentation."""
    if not path.is_file() or content.kind(path) != "dicom":
        return False
    file = dicom_files.read(path, pixels=False)
    with dicom_files.guarded(f"{path}: "):
        return _is_segmentation(file)


def segments(path: Path) -> dict[int, str]:
    """The number and the label of each segment, such as `{1: "Liver"}`.

    Raises:
        DataError: The file can't be read, or is no segmentation.
    """
    file = dicom_files.read(path, pixels=False)
    with dicom_files.guarded(f"{path}: "):
        return _segments(path, file)


def read(path: Path, image: Image, reference: str = "") -> NDArray[np.int16]:
    """The segments' numbers at each voxel of an image, `(D, H, W)`; 0 where there is none.

    Every frame is put where its own place is, so that frames may have any order and slices without a segment may be
    absent. A frame that lies beside a slice, or on another grid, is refused.

    Args:
        path: A segmentation: binary, fractional (a voxel counts from half of the maximum), or a label map.
        image: The image that it belongs to.
        reference: The image's FrameOfReferenceUID; empty if it has none.

    Raises:
        DataError: The file can't be read, is no segmentation, is empty, has overlapping segments, or lies elsewhere.

    References:
        DICOM PS3.3, A.51 and C.8.20.
    """
    file: Any = dicom_files.read(path, pixels=True)
    headers = dicom_headers.of_file(path, file)
    if reference and headers[0].reference and reference != headers[0].reference:
        raise DataError(
            f"{path}: its FrameOfReferenceUID is not that of its image, so that their places can't be compared: use "
            "the image that was segmented, or write the same UID into both if they do lie alike"
        )
    stored = dicom_pixels.decode(path, file)
    with dicom_files.guarded(f"{path}: "):
        return _labels(path, file, headers, stored, image)


def _labels(path: Path, file: Any, headers: list[DicomHeader], stored: Any, image: Image) -> NDArray[np.int16]:
    numbers = _segments(path, file)
    kind = FrameTags(file, -1).text("SegmentationType").upper()
    half = (FrameTags(file, -1).number("MaximumFractionalValue") or 255) / 2 if kind == "FRACTIONAL" else 0.5
    labels = np.zeros(image.pixels.shape, dtype=np.int16)
    for one, frame in zip(headers, stored, strict=True):
        if one.plane is None:
            raise DataError(f"{path}: frame {one.frame + 1}: {one.fault}")
        if kind == "LABELMAP":
            values = frame
        else:
            number = FrameTags(file, one.frame).number("ReferencedSegmentNumber")
            if number is None or int(number) not in numbers:
                raise DataError(f"{path}: frame {one.frame + 1} is of no segment that the file lists")
            values = np.where(frame >= half, int(number), 0)
        if not values.any():
            continue
        if int(values.max()) > _LARGEST_LABEL:
            raise DataError(f"{path}: a mask's labels are below 32768, but this has {int(values.max())}")
        _put(path, labels, values, one.plane, image)
    if not labels.any():
        raise DataError(f"{path}: the mask is empty")
    return labels


def _is_segmentation(file: Any) -> bool:
    tags = FrameTags(file, -1)
    return tags.text("SOPClassUID") in (_STORAGE, _MAP_STORAGE) or tags.text("Modality") == "SEG"


def _segments(path: Path, file: Any) -> dict[int, str]:
    if not _is_segmentation(file):
        raise DataError(f"{path}: is a DICOM file, but no segmentation: name a segmentation as the mask")
    found: dict[int, str] = {}
    for item in file.get("SegmentSequence") or ():
        number = FrameTags(item, -1).number("SegmentNumber")
        if number is not None:
            found[int(number)] = FrameTags(item, -1).text("SegmentLabel")
    return found


def _put(path: Path, labels: NDArray[np.int16], values: NDArray[Any], plane: Float64, image: Image) -> None:
    """Writes a frame's labels into the slice on which it lies, or, for an image cut across, voxel by voxel."""
    index = np.argwhere(values)
    position = np.column_stack([np.zeros(len(index)), index, np.ones(len(index))]) @ plane[:3].T
    at = image.index(position)
    nearest = np.rint(at).astype(int)
    most = np.full(3, _NEAR)
    most[np.abs(image.directions @ plane[:3, 0]).argmax()] = _OFF_SLICE
    if (np.abs(at - nearest) > most).any() or _off_plane(image, position, nearest) > _OFF_SLICE:
        raise DataError(f"{path}: its frames lie between the slices of its image: use the image that was segmented")
    if (nearest < 0).any() or (nearest >= labels.shape).any():
        raise DataError(f"{path}: marks voxels outside its image: use the image that was segmented")
    where = tuple(nearest.T)
    new = values[tuple(index.T)]
    if len(np.unique(nearest, axis=0)) < len(nearest):
        raise DataError(f"{path}: its pixels are smaller than those of its image: use the image that was segmented")
    if (labels[where] != 0).any() and (labels[where] != new)[labels[where] != 0].any():
        pair = sorted({int(labels[where][labels[where] != 0].max()), int(new.max())})
        raise DataError(
            f"{path}: segments {' and '.join(map(str, pair))} overlap, but a voxel has one label: save each in a file"
        )
    labels[where] = new


def _off_plane(image: Image, position: Any, nearest: NDArray[np.int_]) -> float:
    """How far positions lie from their slices, in slice distances, if the slices have planes of their own."""
    if image.planes is None:
        return 0.0
    away, _ = image.on_planes(position)
    slices = np.clip(nearest[:, 0], 0, len(image.planes) - 1)
    thickness = np.linalg.norm(image.planes[slices, :3, 0], axis=1)
    return float(np.max(np.abs(away[np.arange(len(slices)), slices]) / thickness))
