"""Stacks the slices of a DICOM series: sorted by position, on one grid where there is one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.base import DataError, Float32, Float64, Image
from data.geometry.planes import are_regular, centres, regular_grid
from data.reading.dicom.headers import DicomHeader
from data.text.names import readable

_PARALLEL = np.cos(np.radians(1))
_SAME_PLACE = 0.1  # mm
_TURNED = 0.5  # cosine below which an axis runs elsewhere


@dataclass(frozen=True)
class DicomSlice:
    """A slice with its place.

    Args:
        header: The header of its frame.
        pixels: `(rows, columns)` in the scanner's units.
        plane: `(4, 4)`, as in `DicomHeader`; turned as the pixels are.
    """

    header: DicomHeader
    pixels: Float32
    plane: Float64

    @property
    def grid(self) -> tuple[int, int, float, float]:
        """Rows, columns, and the height and width of a pixel in mm, rounded."""
        return grid(self.pixels.shape, self.plane)

    @property
    def named(self) -> str:
        """The file, with the frame's number from 1 where it has several."""
        return named(self.header)


def stack(frames: Sequence[tuple[DicomHeader, Float32]], faults: Sequence[str] = ()) -> Image:
    """Frames with a place as one image, sorted by position along their normal.

    Frames whose rows or columns run against those of most others are turned as these, never by interpolation.

    Args:
        frames: Headers with a plane, and pixels `(rows, columns)` in the scanner's units.
        faults: Known faults, which come before those of the image.

    Raises:
        DataError: Frames with other pixels share a place, or lie turned by a right angle.
    """
    slices = _alike([DicomSlice(header, pixels, np.array(header.plane)) for header, pixels in frames])
    if other := next((one for one in slices if one.grid != slices[0].grid), None):
        raise DataError(
            f"{other.named}: its rows run along the columns of {slices[0].named}: put each image into its own folder"
        )
    return image(slices, list(faults), strict=True)


def turned(one: DicomSlice, rows: Float64, columns: Float64) -> DicomSlice:
    """The slice with its axes exchanged and flipped so that they run nearest to two unit vectors `(3,)`.

    Args:
        one: The slice.
        rows: Where the index of the row shall grow to.
        columns: Where the index of the column shall grow to.
    """
    pixels, plane = one.pixels, one.plane.copy()
    h, w = (plane[:3, i] / np.linalg.norm(plane[:3, i]) for i in (1, 2))
    if abs(h @ rows) + abs(w @ columns) < abs(h @ columns) + abs(w @ rows):
        pixels, plane[:3, 1:3] = pixels.T, plane[:3, 2:0:-1].copy()
    for axis, wanted in enumerate((rows, columns)):
        if plane[:3, axis + 1] @ wanted < 0:
            plane[:3, 3] += (pixels.shape[axis] - 1) * plane[:3, axis + 1]
            plane[:3, axis + 1] *= -1
            pixels = np.flip(pixels, axis)
    return replace(one, pixels=pixels, plane=plane)


def _alike(slices: list[DicomSlice]) -> list[DicomSlice]:
    """The slices with normal, rows and columns along those of the slice that most others agree with."""
    axes = np.stack([one.plane[:3, 1:3] for one in slices])
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    agreeing = np.einsum("ija,kja->ika", axes, axes)
    most = int((agreeing > _TURNED).all(axis=2).sum(axis=1).argmax())
    normal = slices[most].plane[:3, 0].copy()
    for one in slices:
        one.plane[:3, 0] *= -1.0 if one.plane[:3, 0] @ normal < 0 else 1.0
    other = (agreeing[most] < _TURNED).any(axis=1)
    return [turned(one, *axes[most].T) if is_other else one for one, is_other in zip(slices, other, strict=True)]


def grid(shape: tuple[int, ...], plane: Float64) -> tuple[int, int, float, float]:
    """What slices share that need no resampling: rows, columns, height and width of a pixel in mm, rounded."""
    height, width = np.round(np.linalg.norm(plane[:3, 1:3], axis=0), 3).tolist()
    return shape[0], shape[1], height, width


def in_words(grid: tuple[int, int, float, float]) -> str:
    """A grid for messages."""
    return f"{grid[0]} x {grid[1]} pixels of {grid[2]:g} x {grid[3]:g} mm"


def named(one: DicomHeader) -> str:
    """The file of a frame, with its number from 1 where the file has several."""
    return f"{one.path}" if one.frames == 1 else f"{one.path} frame {one.frame + 1}"


def image(slices: list[DicomSlice], faults: list[str], *, strict: bool = False) -> Image:
    """Slices as one image, sorted by position along their mean normal.

    Args:
        slices: The slices.
        faults: Known faults, which come before those of the image.
        strict: Whether slices of other pixels at one place are refused; else the first is kept and the others named.

    Raises:
        DataError: Slices of other pixels share a place, where this is refused.
    """
    if len(slices) == 1:
        alone = _thick(slices[0], slices[0].header.between)
        return Image(alone.pixels[None], alone.plane, faults=tuple(map(readable, faults)))
    stack, twice = _sorted(slices, strict=strict)
    pixels, planes, resampled = _one_grid(stack)
    affine = regular_grid(planes, pixels.shape)
    regular = are_regular(planes, pixels.shape, affine)
    named_faults = tuple(readable(fault) for fault in (*faults, *twice, *resampled))
    return Image(pixels, affine, planes=None if regular else planes, faults=named_faults)


def _sorted(slices: list[DicomSlice], *, strict: bool) -> tuple[list[DicomSlice], list[str]]:
    """The slices by position along their mean normal, and faults for those at the place of an earlier slice."""
    normal = np.array([one.plane[:3, 0] for one in slices])
    middle = np.array([centres(one.plane[None], one.pixels.shape)[0] for one in slices])
    apart = np.abs(np.einsum("ijk,ik->ij", middle[None] - middle[:, None], normal))
    parallel = normal @ normal.T > _PARALLEL
    same = np.tril(parallel & (apart < _SAME_PLACE), k=-1)
    kept = ~same.any(axis=1)
    pairs = [(slices[i], slices[int(same[i].argmax())]) for i in np.flatnonzero(~kept)]
    differing = [(one, first) for one, first in pairs if not np.array_equal(one.pixels, first.pixels)]
    if strict and differing:
        one, first = differing[0]
        raise DataError(
            f"{one.named}: has the same place as {first.named}, but other pixels ({len(differing)} such slices of "
            f"{len(slices)}), and no echo, time or acquisition number parts them: put each image into its own folder, "
            "or mend ImagePositionPatient"
        )
    twice = [f"{one.named}: has the same place as {first.named}, which is kept" for one, first in pairs]
    distance = _distance(np.where(parallel, apart, np.inf)[np.ix_(kept, kept)], slices)
    order = np.argsort(middle @ normal.mean(axis=0), kind="stable")
    return [_thick(slices[i], distance) for i in order if kept[i]], twice


def _distance(apart: Float64, slices: list[DicomSlice]) -> float:
    """The median distance (mm) of a slice to the nearest parallel slice; the tags' distance without parallel slices."""
    np.fill_diagonal(apart, np.inf)
    nearest = apart.min(axis=1)
    known = nearest[np.isfinite(nearest)]
    return float(np.median(known)) if known.size else slices[0].header.between


def _thick(one: DicomSlice, distance: float) -> DicomSlice:
    plane = one.plane.copy()
    plane[:3, 0] *= distance
    return replace(one, plane=plane)


def _one_grid(stack: list[DicomSlice]) -> tuple[Float32, Float64, list[str]]:
    """Pixels `(D, H, W)` and planes `(D, 4, 4)` in the most common shape and pixel size, and what was resampled."""
    from scipy.ndimage import affine_transform

    common = Counter(one.grid for one in stack).most_common(1)[0][0]
    shape = np.array(common[:2])
    pixels, planes = np.empty((len(stack), *common[:2]), dtype=np.float32), np.stack([one.plane for one in stack])
    others: Counter[tuple[str, str]] = Counter()
    for i, one in enumerate(stack):
        if one.grid == common:
            pixels[i] = one.pixels
            continue
        others[f"{one.header.path.parent}", in_words(one.grid)] += 1
        ratio = np.array(common[2:]) / np.linalg.norm(one.plane[:3, 1:3], axis=0)
        start = (np.array(one.pixels.shape) - 1) / 2 - ratio * (shape - 1) / 2
        pixels[i] = affine_transform(one.pixels, ratio, start, tuple(shape), order=1, cval=float(one.pixels.min()))
        planes[i, :3, 3] += planes[i, :3, 1:3] @ start
        planes[i, :3, 1:3] *= ratio
    faults = [
        f"{folder}: {count} of {len(stack)} slices, of {words}, are resampled to {in_words(common)}"
        for (folder, words), count in others.items()
    ]
    return pixels, planes, faults
