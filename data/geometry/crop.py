"""Cuts a box in patient space out of an image."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import OUTSIDE_SCAN, Box, DataError, Float64, Image
from data.geometry.planes import normals, regular_grid

AGREE = math.cos(math.radians(0.1))  # directions that agree so well count as equal
ROUNDING = 1e-6

Span = tuple[int, int]


def crop(image: Image, box: Box, *, background: float | None = None) -> Image:
    """The part of an image that lies in a box, with its mask; always a contiguous copy.

    If the box has the directions of the image (to 0.1 degrees), voxels are copied. In H and W these are the voxels
    whose centres lie inside (half-open, at least one). Along D they are the `box.slices` nearest to the box's centre,
    moved inwards where they would leave the volume, and fewer where the volume has fewer. Otherwise the image is
    resampled along the box's directions at its own spacing: linearly for pixels, to the nearest voxel for the mask.

    Slices with planes of their own are never resampled. Each is cut along its own axes around the projection of the
    box's centre on it, all to one shape. The crop takes the `box.slices` whose planes are nearest the centre, or all
    that the box's length along D holds. A box of the whole image takes whole slices.

    Every voxel of the crop keeps its position in the patient, by the affine or the planes. A mirrored box flips the
    picture from left to right, so that a left-sided structure looks right-sided; by its affine it is still on the left.

    Args:
        image: `(D, H, W)`.
        box: The part to cut. Outside the image pixels are `background`, and the mask is `OUTSIDE_SCAN`.
        background: Pixel value outside the image; None takes the image's minimum.

    Raises:
        DataError: No part of the box lies in the image.
    """
    if image.planes is not None:
        part = _sliced(image, box, background)
    else:
        aligned = bool(np.all(np.einsum("ij,ij->i", np.asarray(box.directions), image.directions) > AGREE))
        part = _indexed(image, box, background) if aligned else _resampled(image, box, background)
    part = replace(part, structure=box.structure)
    return _flipped(part) if box.mirrored else part


def _indexed(image: Image, box: Box, background: float | None) -> Image:
    shape = image.pixels.shape
    centre = image.index(box.centre)
    lengths = np.asarray(box.size) / image.spacing
    spans = [_span(c, length) for c, length in zip(centre, lengths, strict=True)]
    if not all(start < n and stop > 0 for (start, stop), n in zip(spans, shape, strict=True)):
        raise _outside(image, box)
    if box.slices is not None:
        start = min(max(_span(centre[0], box.slices)[0], 0), max(shape[0] - box.slices, 0))
        spans[0] = start, min(start + box.slices, shape[0])
    affine = image.affine.copy()
    affine[:3, 3] = image.position([start for start, _ in spans])
    fill = _background(image, background) if _leaves(spans, shape) else 0.0
    mask = None if image.mask is None else _cut(image.mask, spans, OUTSIDE_SCAN)
    return Image(_cut(image.pixels, spans, fill), affine, mask, faults=image.faults)


def _sliced(image: Image, box: Box, background: float | None) -> Image:
    """The crop of an image with planes."""
    shape = np.asarray(image.pixels.shape)
    lengths = np.asarray(box.size) / image.spacing
    size = np.maximum(np.rint(lengths[1:]), 1).astype(int)
    away, at = image.on_planes(box.centre)
    starts = np.ceil(at - size / 2 - ROUNDING).astype(int)
    off_centre = np.abs((np.linalg.inv(image.affine) @ [*box.centre, 1.0])[:3] - (shape - 1) / 2)
    covered = lengths - 2 * off_centre > shape - 0.5
    if covered[1:].all():
        starts[:], size = 0, shape[1:]
    seen = ((starts < shape[1:]) & (starts + size > 0)).all(axis=1)
    if box.slices is None:
        # Measured along the box's own direction, since planes that are turned against each other may cross far away.
        along = np.abs(away / (normals(np.asarray(image.planes)) @ box.directions[0]))
        chosen = np.flatnonzero(seen & (covered.all() | (along <= box.size[0] / 2 + ROUNDING)))
    else:
        chosen = np.sort(np.lexsort((np.abs(away), ~seen))[: box.slices])
        chosen = chosen[seen[chosen]]
    if not len(chosen):
        raise _outside(image, box)
    planes = np.asarray(image.planes)[chosen]
    planes[:, :3, 3] += np.einsum("dij,dj->di", planes[:, :3, 1:3], starts[chosen])
    spans = [[(d, d + 1), *((a, a + n) for a, n in zip(starts[d], size, strict=True))] for d in chosen.tolist()]
    fill = _background(image, background) if any(_leaves(one, image.pixels.shape) for one in spans) else 0.0
    pixels = np.concatenate([_cut(image.pixels, one, fill) for one in spans])
    mask = None if image.mask is None else np.concatenate([_cut(image.mask, one, OUTSIDE_SCAN) for one in spans])
    return Image(pixels, regular_grid(planes, pixels.shape), mask, planes, image.faults)


def _span(centre: float, length: float) -> Span:
    """The voxels whose centres lie in `[centre - length / 2, centre + length / 2)`; at least the nearest one."""
    half = max(length, 1.0) / 2
    return math.ceil(centre - half - ROUNDING), math.ceil(centre + half - ROUNDING)


def _leaves(spans: list[Span], shape: tuple[int, ...]) -> bool:
    return any(start < 0 or stop > n for (start, stop), n in zip(spans, shape, strict=True))


def _cut(array: NDArray[Any], spans: list[Span], fill: float) -> NDArray[Any]:
    out = np.full([stop - start for start, stop in spans], fill, dtype=array.dtype)
    seen = [(max(start, 0), min(stop, n)) for (start, stop), n in zip(spans, array.shape, strict=True)]
    place = tuple(slice(a - start, b - start) for (a, b), (start, _) in zip(seen, spans, strict=True))
    out[place] = array[tuple(slice(a, b) for a, b in seen)]
    return out


def _resampled(image: Image, box: Box, background: float | None) -> Image:
    from scipy.ndimage import map_coordinates

    directions = np.asarray(box.directions)
    # A turned box may order its axes otherwise: each direction is sampled like the nearest axis of the image.
    spacing = np.asarray(image.spacing)[np.abs(directions @ image.directions.T).argmax(axis=1)]
    shape = np.maximum(np.rint(np.asarray(box.size) / spacing), 1).astype(int)
    if box.slices is not None:
        shape[0] = box.slices
    affine = np.eye(4)
    affine[:3, :3] = directions.T * spacing
    affine[:3, 3] = box.centre - affine[:3, :3] @ ((shape - 1) / 2)

    to_image = np.linalg.inv(image.affine) @ affine
    at = np.tensordot(to_image[:3, :3], np.indices(shape), axes=1) + to_image[:3, 3, None, None, None]
    last = np.asarray(image.pixels.shape)[:, None, None, None] - 1
    inside = np.all((at > -0.5 - ROUNDING) & (at < last + 0.5 + ROUNDING), axis=0)
    if not inside.any():
        raise _outside(image, box)
    fill = _background(image, background)
    pixels = np.where(inside, map_coordinates(image.pixels, at, order=1, mode="nearest"), np.float32(fill))
    mask = None
    if image.mask is not None:
        mask = np.where(inside, map_coordinates(image.mask, at, order=0, mode="nearest"), np.int16(OUTSIDE_SCAN))
    return Image(pixels, affine, mask, faults=image.faults)


def _flipped(image: Image) -> Image:
    """The picture flipped along the axis that is nearest to the patient's left-right."""
    axis = int(np.abs(image.directions[:, 0]).argmax())
    affine = _turned_round(image.affine, axis, image.pixels.shape)
    planes = image.planes
    if planes is not None and axis == 0:
        planes = planes[::-1] * [-1, 1, 1, 1]
    elif planes is not None:
        planes = np.stack([_turned_round(plane, axis, image.pixels.shape) for plane in planes])
    pixels = np.ascontiguousarray(np.flip(image.pixels, axis))
    mask = None if image.mask is None else np.ascontiguousarray(np.flip(image.mask, axis))
    return replace(image, pixels=pixels, affine=affine, mask=mask, planes=planes)


def _turned_round(affine: Float64, axis: int, shape: tuple[int, ...]) -> Float64:
    """The affine of an image whose axis is flipped."""
    affine = affine.copy()
    affine[:3, 3] += (shape[axis] - 1) * affine[:3, axis]
    affine[:3, axis] *= -1
    return affine


def _background(image: Image, background: float | None) -> float:
    return float(image.pixels.min()) if background is None else background


def _outside(image: Image, box: Box) -> DataError:
    index = ", ".join(f"{i:.1f}" for i in image.index(box.centre))
    return DataError(
        f"box of size {box.size} mm at index ({index}) lies outside the image of shape {image.pixels.shape}: "
        "check that its centre is in LPS mm of this scan"
    )
