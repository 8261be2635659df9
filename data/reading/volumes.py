"""Reads and writes volumes and pictures with their place in the patient, each family through one reader."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from data.base import DataError, Float64, Image
from data.geometry.unplaced import UNPLACED as UNPLACED
from data.reading import content, limits, meta_image, nifti, nrrd_volume, pictures, tiff
from data.reading.dicom import labels as dicom_labels
from data.reading.dicom import scans as dicom_scans
from data.reading.limits import Decoded
from data.reading.orientations import ORIENTATIONS as ORIENTATIONS
from data.reading.pictures import LUMINANCE as LUMINANCE

Orientation = Literal["sagittal", "axial", "coronal"]

# The reader of each kind of file.
_READERS = {
    "meta_image": meta_image.read,
    "nifti": nifti.read,
    "nrrd": nrrd_volume.read,
    "tiff": tiff.read,
    "png": pictures.read_png,
    "jpeg": pictures.read_jpeg,
}
_SHEARED = np.sin(np.radians(0.1))  # the cosine of two axes; headers round to about a hundredth of this


def read(
    path: str | Path,
    *,
    mask: str | Path | None = None,
    orientation: str | None = None,
    suv: bool = False,
) -> Image:
    """The image in a file (.mha, .mhd, .nii, .nii.gz, .nrrd, DICOM, PNG, JPEG, TIFF) in the scanner's units.

    A folder of DICOM files is one image, too. Where it holds several, such as two echoes, `FOLDER#2` is its second;
    `FILE#2` is the second volume of a NIfTI file of several.

    The content of a file decides what it is, not its name. Rescale slope and intercept are applied (HU), 16 bits are
    kept, and nothing is clipped. Pictures are turned upright, white is high, and colours become their luminance. A
    picture has D = 1 (a TIFF of many pages has D pages) and pixels of 1 mm, since its dots per inch don't describe the
    patient.

    Args:
        path: The image's file, or its folder of DICOM files.
        mask: The file of its labels, with the same shape and place, or a DICOM segmentation in the same place.
        orientation: `"sagittal"` (D grows to the patient's left, H to the feet, W to the back), `"axial"` (to the head,
            the back, the left) or `"coronal"` (to the back, the feet, the left). Axes are permuted and flipped to the
            nearest of these, never resampled. None keeps the file's order (slices, rows, columns), and so do pictures
            without a place in the patient.
        suv: Whether the activity of a PET series becomes standardised uptake values by body weight, g/ml.

    Raises:
        DataError: The file is missing, truncated, damaged or of a kind that is not read, its pixels are not finite or
            all equal, or the mask is empty or has another shape or place than the image. An orientation is asked of a
            volume whose axes are sheared, or whose header does not know its directions.
    """
    path = Path(path)
    scan = _decode(path, suv=suv)
    axes, flipped = _turn(path, scan, orientation)
    affine = UNPLACED.copy() if scan.affine is None else scan.affine
    pixels = _array(scan, axes, flipped, np.float32)
    limits.check_pixels(pixels, path)
    planes = None if scan.planes is None else _turned_planes(path, scan.planes, axes, flipped, pixels.shape)
    image = Image(pixels, _reordered(affine, axes, flipped, pixels.shape), planes=planes, faults=scan.faults)
    if mask is None:
        return image
    if dicom_labels.is_segmentation(Path(mask)):
        return replace(image, mask=dicom_labels.read(Path(mask), image, scan.reference))
    return replace(image, mask=_labels(Path(mask), pixels.shape, scan, axes, flipped))


def write(path: str | Path, image: Image, *, mask: str | Path | None = None) -> None:
    """Writes an image as a compressed volume (.mha, .nii.gz ...), and its labels to `mask`.

    The file is exact: whole numbers that fit are stored as int16, all others as float32.
    """
    pixels = image.pixels
    whole = bool((np.abs(pixels) < 2**15).all() and (pixels == np.rint(pixels)).all())
    _write(Path(path), pixels.astype(np.int16) if whole else pixels, image.affine)
    if mask is not None:
        if image.mask is None:
            raise ValueError(f"{mask}: the image has no labels to write")
        _write(Path(mask), image.mask, image.affine)


def _decode(path: Path, *, suv: bool = False) -> Decoded:
    scan = dicom_scans.split(path)
    kind = "dicom" if scan.path.is_dir() else content.kind(scan.path)
    if suv and kind != "dicom":
        raise DataError(f"{path}: has no standardised uptake values: they need the DICOM files of a PET series")
    if kind == "dicom":
        return dicom_scans.decode(scan, suv=suv)
    if kind == "nifti":
        return nifti.read(scan.path, scan.part)
    if scan.part:
        raise DataError(f"{path}: only DICOM and NIfTI hold several images, so leave #{scan.part} out")
    return _READERS[kind](path)


def _turn(path: Path, scan: Decoded, orientation: str | None) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """The index axes that become D, H and W, and which of them are flipped."""
    if orientation is not None and orientation not in ORIENTATIONS:
        raise ValueError(f"orientation '{orientation}' is none of {', '.join(ORIENTATIONS)}")
    if orientation is None or scan.affine is None:
        return (0, 1, 2), (False, False, False)
    if not scan.oriented:
        raise DataError(
            f"{path}: its header does not know how it lies in the patient (qform_code and sform_code are 0), so it "
            "can't be turned: set one of them, or leave `orientation` out"
        )
    columns = scan.affine[:3, :3] / np.linalg.norm(scan.affine[:3, :3], axis=0)
    if (skew := np.abs(np.triu(columns.T @ columns, 1)).max()) > _SHEARED:
        raise DataError(
            f"{path}: its axes are {90 - np.degrees(np.arccos(skew)):.2f} degrees from orthogonal (sheared), so its "
            f"slices can't be {orientation}: leave `orientation` out, or resample it to orthogonal axes "
            "(nibabel.processing.resample_to_output)"
        )
    cosines = np.array(ORIENTATIONS[orientation]) @ columns
    order = max(permutations(range(3)), key=lambda p: float(np.abs(cosines[(0, 1, 2), p]).sum()))
    return order, tuple(bool(cosines[i, axis] < 0) for i, axis in enumerate(order))


def _array(scan: Decoded, axes: tuple[int, ...], flipped: tuple[bool, ...], dtype: type) -> NDArray[Any]:
    """The pixels `(D, H, W)`, reordered and converted in one copy."""
    volume = pictures.grey(scan.pixels).transpose(axes)
    with np.errstate(over="ignore", invalid="ignore"):
        turned = volume[tuple(slice(None, None, -1 if f else 1) for f in flipped)]
        return np.require(turned, dtype, ["C", "W"])


def _reordered(
    affine: NDArray[np.float64], axes: tuple[int, ...], flipped: tuple[bool, ...], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    affine = affine[:, [*axes, 3]].copy()
    for axis in np.flatnonzero(flipped):
        affine[:, 3] += affine[:, axis] * (shape[axis] - 1)
        affine[:, axis] *= -1
    return affine


def _turned_planes(
    path: Path, planes: Float64, axes: tuple[int, ...], flipped: tuple[bool, ...], shape: tuple[int, ...]
) -> Float64:
    """The planes `(D, 4, 4)` of slices on no regular grid, turned as their pixels; slices stay slices."""
    if axes[0] != 0:
        raise DataError(
            f"{path}: its slices are on no regular grid, so they can't be cut in another plane: leave `orientation` "
            "out, or name the plane of its slices"
        )
    turned = np.stack([_reordered(plane, axes, (False, *flipped[1:]), shape) for plane in planes])
    if flipped[0]:
        turned = turned[::-1].copy()
        turned[:, :, 0] *= -1
    return turned


def _labels(
    path: Path, shape: tuple[int, ...], scan: Decoded, axes: tuple[int, ...], flipped: tuple[bool, ...]
) -> NDArray[np.int16]:
    """A mask's labels in the order of its image, which has the final `shape`."""
    mask = _decode(path)
    labels: NDArray[np.int16] = _array(mask, axes, flipped, np.int16)
    if labels.shape != shape:
        raise DataError(f"{path}: the mask's shape {labels.shape} is not that of its image, {shape} (D, H, W)")
    if mask.turned != scan.turned:
        raise DataError(
            f"{path}: the mask's orientation tag is {mask.turned}, that of its image is {scan.turned}, so it is "
            "unknown whether both lie alike: save both upright, without the tag"
        )
    if scan.affine is not None and mask.affine is not None:
        corners = np.array([(*c, 1) for c in np.ndindex(2, 2, 2)]) * [*np.array(shape)[np.argsort(axes)] - 1, 1]
        apart = np.linalg.norm(corners @ (scan.affine - mask.affine).T, axis=1).max()
        if apart > np.linalg.norm(scan.affine[:3, :3], axis=0).max():
            raise DataError(
                f"{path}: the mask lies up to {apart:.1f} mm from its image: write it with the image's geometry"
            )
    if not labels.any():
        raise DataError(f"{path}: the mask is empty")
    if mask.pixels.dtype not in (np.uint8, np.int8, np.int16):
        exact = _array(mask, axes, flipped, np.float64)
        if not np.array_equal(exact, labels):
            raise DataError(f"{path}: a mask's labels are whole numbers below 32768, but this mask has {exact.max():g}")
    return labels


def for_simpleitk(path: Path) -> str:
    """A path that SimpleITK may write to; it ends the process on names that are no UTF-8.

    Raises:
        DataError: The name is none.
    """
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{path}: is no UTF-8, and volumes can't be written to such a name: choose another") from error
    return str(path)


def _write(path: Path, array: NDArray[Any], affine: NDArray[np.float64]) -> None:
    import SimpleITK

    columns = affine[:3, 2::-1]
    spacing = np.linalg.norm(columns, axis=0)
    scan: Any = SimpleITK.GetImageFromArray(np.ascontiguousarray(array))
    scan.SetSpacing(spacing.tolist())
    scan.SetDirection((columns / spacing).ravel().tolist())
    scan.SetOrigin(affine[:3, 3].tolist())
    SimpleITK.WriteImage(scan, for_simpleitk(path), useCompression=True)
