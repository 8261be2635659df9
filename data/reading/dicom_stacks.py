"""Stacks the slices of a DICOM series: sorted by position, on one grid where there is one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.base import Float32, Float64, Image
from data.geometry.planes import are_regular, centres, regular_grid
from data.reading.dicom_headers import DicomHeader
from data.text.names import readable

_PARALLEL = np.cos(np.radians(1))
_SAME_PLACE = 0.1  # mm


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
    def named(self) -> str:
        """The file, with the frame's number from 1 where it has several."""
        return named(self.header)


def stack(frames: Sequence[tuple[DicomHeader, Float32]], faults: Sequence[str] = ()) -> Image:
    """Frames with a place as one image, sorted by position along their normal and not turned.

    Args:
        frames: Headers with a plane, and pixels `(rows, columns)` in the scanner's units.
        faults: Known faults, which come before those of the image.
    """
    slices: list[DicomSlice] = []
    for header, pixels in frames:
        plane = np.array(header.plane)
        plane[:3, 0] *= -1.0 if slices and plane[:3, 0] @ slices[0].plane[:3, 0] < 0 else 1.0
        slices.append(DicomSlice(header, pixels, plane))
    return image(slices, list(faults))


def named(one: DicomHeader) -> str:
    """The file of a frame, with its number from 1 where the file has several."""
    return f"{one.path}" if one.frames == 1 else f"{one.path} frame {one.frame + 1}"


def image(slices: list[DicomSlice], faults: list[str]) -> Image:
    """Slices as one image, sorted by position along their mean normal; `faults` come first among those of the image."""
    if len(slices) == 1:
        alone = _thick(slices[0], slices[0].header.between)
        return Image(alone.pixels[None], alone.plane, faults=tuple(map(readable, faults)))
    stack, twice = _sorted(slices)
    pixels, planes = _one_grid(stack)
    grid = regular_grid(planes, pixels.shape)
    regular = are_regular(planes, pixels.shape, grid)
    named_faults = tuple(readable(fault) for fault in (*faults, *twice))
    return Image(pixels, grid, planes=None if regular else planes, faults=named_faults)


def _sorted(slices: list[DicomSlice]) -> tuple[list[DicomSlice], list[str]]:
    """The slices by position along their mean normal, and faults for those at the place of an earlier slice."""
    normal = np.array([one.plane[:3, 0] for one in slices])
    middle = np.array([centres(one.plane[None], one.pixels.shape)[0] for one in slices])
    apart = np.abs(np.einsum("ijk,ik->ij", middle[None] - middle[:, None], normal))
    parallel = normal @ normal.T > _PARALLEL
    same = np.tril(parallel & (apart < _SAME_PLACE), k=-1)
    kept = ~same.any(axis=1)
    twice = [
        f"{slices[i].named}: has the same place as {slices[int(same[i].argmax())].named}, which is kept"
        for i in np.flatnonzero(~kept)
    ]
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


def _one_grid(stack: list[DicomSlice]) -> tuple[Float32, Float64]:
    """Pixels `(D, H, W)` and planes `(D, 4, 4)` of all slices in the most common shape and pixel size."""
    from scipy.ndimage import affine_transform

    def grid(one: DicomSlice) -> tuple[int, int, float, float]:
        height, width = np.round(np.linalg.norm(one.plane[:3, 1:3], axis=0), 3).tolist()
        return (*one.pixels.shape, height, width)

    common = Counter(map(grid, stack)).most_common(1)[0][0]
    shape = np.array(common[:2])
    pixels, planes = np.empty((len(stack), *common[:2]), dtype=np.float32), np.stack([one.plane for one in stack])
    for i, one in enumerate(stack):
        if grid(one) == common:
            pixels[i] = one.pixels
            continue
        ratio = np.array(common[2:]) / np.linalg.norm(one.plane[:3, 1:3], axis=0)
        start = (np.array(one.pixels.shape) - 1) / 2 - ratio * (shape - 1) / 2
        pixels[i] = affine_transform(one.pixels, ratio, start, tuple(shape), order=1, cval=float(one.pixels.min()))
        planes[i, :3, 3] += planes[i, :3, 1:3] @ start
        planes[i, :3, 1:3] *= ratio
    return pixels, planes
