"""Reads and writes volumes and pictures with their place in the patient, through SimpleITK."""

from __future__ import annotations

import re
from itertools import permutations
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from data.base import DataError, Float32, Image
from data.reading import lengths

Orientation = Literal["sagittal", "axial", "coronal"]
PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
LUMINANCE = np.array((0.299, 0.587, 0.114), dtype=np.float32)  # of red, green, blue: ITU-R BT.601
UNPLACED = np.eye(4)[[2, 1, 0, 3]]  # the affine of an image without a place: 1 mm, columns along x, rows along y

# The LPS directions of D, H and W, as a radiologist views the slices: nose or head up, nose to the left.
ORIENTATIONS = {
    "sagittal": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    "axial": ((0, 0, 1), (0, 1, 0), (1, 0, 0)),
    "coronal": ((0, 1, 0), (0, 0, -1), (1, 0, 0)),
}


def read(path: str | Path, *, mask: str | Path | None = None, orientation: str | None = None) -> Image:
    """The image in a file (.mha, .mhd, .nii, .nii.gz, one DICOM file, PNG, JPEG, TIFF) in the scanner's units.

    Rescale slope and intercept are applied (HU), 16 bits are kept, and nothing is clipped. Colours become their
    luminance. A picture has D = 1 (a TIFF of many pages has D pages) and pixels of 1 mm, since its dots per inch don't
    describe the patient.

    Args:
        path: The image's file.
        mask: The file of its labels, with the same shape and place.
        orientation: `"sagittal"` (D grows to the patient's left, H to the feet, W to the back), `"axial"` (to the head,
            the back, the left) or `"coronal"` (to the back, the feet, the left). Axes are permuted and flipped to the
            nearest of these, never resampled. None keeps the file's order (slices, rows, columns), and so do pictures
            without a place in the patient.

    Raises:
        DataError: The file is missing, truncated or unreadable, its pixels are not finite or all equal, or the mask is
            empty or has another shape or place than the image.
    """
    path = Path(path)
    scan, affine = _decode(path)
    axes, flipped = _axes(affine, None if _is_picture(path) else orientation)
    pixels = _array(scan, axes, flipped, np.float32)
    check(pixels, path)
    labels = None
    if mask is not None:
        labels = _labels(Path(mask), pixels.shape, affine, axes, flipped, located=not _is_picture(path))
    return Image(pixels, _reordered(affine, axes, flipped, pixels.shape), labels)


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


def check(pixels: Float32, source: str | Path) -> None:
    """Refuses pixels that can't be a picture.

    Raises:
        DataError: A pixel is not finite, or all pixels are equal.
    """
    with np.errstate(invalid="ignore"):
        low, high = pixels.min(), pixels.max()
    if not np.isfinite(low) or not np.isfinite(high):
        bad = pixels.size - int(np.isfinite(pixels).sum())
        raise DataError(f"{source}: {bad} of {pixels.size} pixels are not finite numbers")
    if low == high:
        raise DataError(f"{source}: is empty: all pixels are {low:g}")


def reason(error: RuntimeError) -> str:
    """The reason in a SimpleITK error, without its prefix and memory addresses, which differ in every run."""
    return re.sub(r"\(0x[0-9a-f]+\)", "", str(error).strip().splitlines()[-1]).removeprefix("sitk::ERROR: ")


def numbers(scan: Any, tag: str) -> list[float]:
    """The numbers in a DICOM tag (`"0028|0030"`) of a SimpleITK image or reader; empty if the tag is absent."""
    texts = scan.GetMetaData(tag).split("\\") if scan.HasMetaDataKey(tag) else []
    return [float(text) for text in texts if text.strip()]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES


def _decode(path: Path) -> tuple[Any, NDArray[np.float64]]:
    """The SimpleITK image in a file, with 2 or 3 axes, and the affine of its index (k, j, i)."""
    import SimpleITK

    lengths.check(path)
    console: Any = SimpleITK.ProcessObject
    console.SetGlobalWarningDisplay(False)
    try:
        scan: Any = SimpleITK.ReadImage(str(path))
    except RuntimeError as error:
        raise DataError(f"{path}: can't be read, truncated or not an image: {reason(error)}") from error
    if scan.GetDimension() == 4 and scan.GetSize()[3] == 1:
        scan = scan[:, :, :, 0]
    if scan.GetDimension() > 3:
        raise DataError(f"{path}: has {scan.GetDimension()} axes {scan.GetSize()}, but an image has 2 or 3")
    if scan.GetNumberOfComponentsPerPixel() > 4:
        raise DataError(
            f"{path}: has {scan.GetNumberOfComponentsPerPixel()} channels, but an image has 1, or 3 colours"
        )
    return scan, UNPLACED.copy() if _is_picture(path) else _affine(scan)


def _affine(scan: Any) -> NDArray[np.float64]:
    axes = scan.GetDimension()
    directions, spacing, origin = np.eye(3), np.ones(3), np.zeros(3)
    directions[:axes, :axes] = np.reshape(scan.GetDirection(), (axes, axes))
    spacing[:axes], origin[:axes] = scan.GetSpacing(), scan.GetOrigin()
    if axes == 2 or scan.GetSize()[2] == 1:
        # For files of an enhanced SOP class with one frame SimpleITK returns spacing 1 and origin 0, so the tags count.
        if pixel_spacing := numbers(scan, "0028|0030"):
            apart = numbers(scan, "0018|0088") or numbers(scan, "0018|0050") or [1.0]
            spacing[:] = pixel_spacing[1], pixel_spacing[0], apart[0]
        if position := numbers(scan, "0020|0032"):
            origin[:] = position
        if row_column := numbers(scan, "0020|0037"):
            row, column = np.reshape(row_column, (2, 3))
            directions[:] = np.column_stack((row, column, np.cross(row, column)))
    affine = np.eye(4)
    affine[:3, :3] = (directions * spacing)[:, ::-1]
    affine[:3, 3] = origin
    return affine


def _axes(affine: NDArray[np.float64], orientation: str | None) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """The index axes that become D, H and W, and which of them are flipped."""
    if orientation is None:
        return (0, 1, 2), (False, False, False)
    if orientation not in ORIENTATIONS:
        raise ValueError(f"orientation '{orientation}' is none of {', '.join(ORIENTATIONS)}")
    columns = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    cosines = np.array(ORIENTATIONS[orientation]) @ columns
    order = max(permutations(range(3)), key=lambda p: float(np.abs(cosines[(0, 1, 2), p]).sum()))
    return order, tuple(bool(cosines[i, axis] < 0) for i, axis in enumerate(order))


def _array(scan: Any, axes: tuple[int, ...], flipped: tuple[bool, ...], dtype: type) -> NDArray[Any]:
    """The pixels `(D, H, W)`, reordered and converted in one copy."""
    import SimpleITK

    view = SimpleITK.GetArrayViewFromImage(scan)
    channels = scan.GetNumberOfComponentsPerPixel()
    if channels >= 3:
        view = view[..., :3].astype(np.float32) @ LUMINANCE
    elif channels == 2:
        view = view[..., 0]  # grey with transparency
    volume = view.reshape((-1, *view.shape[-2:])).transpose(axes)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array(volume[tuple(slice(None, None, -1 if f else 1) for f in flipped)], dtype=dtype, order="C")


def _reordered(
    affine: NDArray[np.float64], axes: tuple[int, ...], flipped: tuple[bool, ...], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    affine = affine[:, [*axes, 3]].copy()
    for axis in np.flatnonzero(flipped):
        affine[:, 3] += affine[:, axis] * (shape[axis] - 1)
        affine[:, axis] *= -1
    return affine


def _labels(
    path: Path,
    shape: tuple[int, ...],
    affine: NDArray[np.float64],
    axes: tuple[int, ...],
    flipped: tuple[bool, ...],
    *,
    located: bool,
) -> NDArray[np.int16]:
    """A mask's labels in the order of its image, which has the final `shape` and in its file the `affine`."""
    import SimpleITK

    scan, mask_affine = _decode(path)
    labels: NDArray[np.int16] = _array(scan, axes, flipped, np.int16)
    if labels.shape != shape:
        raise DataError(f"{path}: the mask's shape {labels.shape} is not that of its image, {shape} (D, H, W)")
    if located and not _is_picture(path):
        corners = np.array([(*c, 1) for c in np.ndindex(2, 2, 2)]) * [*np.array(shape)[np.argsort(axes)] - 1, 1]
        apart = np.linalg.norm(corners @ (affine - mask_affine).T, axis=1).max()
        if apart > np.linalg.norm(affine[:3, :3], axis=0).max():
            raise DataError(
                f"{path}: the mask lies up to {apart:.1f} mm from its image: write it with the image's geometry"
            )
    if not labels.any():
        raise DataError(f"{path}: the mask is empty")
    if scan.GetPixelID() not in (SimpleITK.sitkUInt8, SimpleITK.sitkInt8, SimpleITK.sitkInt16):
        exact = _array(scan, axes, flipped, np.float64)
        if not np.array_equal(exact, labels):
            raise DataError(f"{path}: a mask's labels are whole numbers below 32768, but this mask has {exact.max():g}")
    return labels


def _write(path: Path, array: NDArray[Any], affine: NDArray[np.float64]) -> None:
    import SimpleITK

    columns = affine[:3, 2::-1]
    spacing = np.linalg.norm(columns, axis=0)
    scan: Any = SimpleITK.GetImageFromArray(np.ascontiguousarray(array))
    scan.SetSpacing(spacing.tolist())
    scan.SetDirection((columns / spacing).ravel().tolist())
    scan.SetOrigin(affine[:3, 3].tolist())
    SimpleITK.WriteImage(scan, str(path), useCompression=True)
