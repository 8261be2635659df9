"""Cuts a box in patient space out of an image."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import Box, DataError, Image

AGREE = math.cos(math.radians(0.1))
ROUNDING = 1e-6

Span = tuple[int, int]


def crop(image: Image, box: Box, *, background: float | None = None) -> Image:
    """The part of an image that lies in a box, with its mask; always a contiguous copy.

    Where the box's directions are the image's own (to 0.1 degrees), voxels are copied: in H and W those whose centres
    lie inside (half-open, at least one), along D the `box.slices` nearest to the box's centre, moved inwards where they
    would leave the volume and fewer where it has fewer. Otherwise the image is resampled along the box's directions at
    its own spacing, linearly for pixels and to the nearest voxel for the mask.

    The affine tells the truth: every voxel of the crop keeps its patient position. A mirrored box flips the *picture*
    along D, so that a left-sided structure looks right-sided; its affine still says left.

    Args:
        image: `(D, H, W)`.
        box: What to cut; one that lies partly outside is filled with `background` there, and 0 in the mask.
        background: Pixel value outside the image; None takes the image's minimum.

    Raises:
        DataError: No part of the box lies in the image.
    """
    aligned = bool(np.all(np.einsum("ij,ij->i", np.asarray(box.directions), image.directions) > AGREE))
    part = _indexed(image, box, background) if aligned else _resampled(image, box, background)
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
    mask = None if image.mask is None else _cut(image.mask, spans, 0)
    return Image(_cut(image.pixels, spans, fill), affine, mask)


def _span(centre: float, length: float) -> Span:
    """The voxels whose centres lie in `[centre - length / 2, centre + length / 2)`, at least the nearest."""
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
    # A turned box may ask for another order of axes: each direction is sampled like the image axis that it is nearest.
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
        mask = np.where(inside, map_coordinates(image.mask, at, order=0, mode="nearest"), np.int16(0))
    return Image(pixels, affine, mask)


def _flipped(image: Image) -> Image:
    affine = image.affine.copy()
    affine[:3, 3] = image.position([image.pixels.shape[0] - 1, 0, 0])
    affine[:3, 0] *= -1
    mask = None if image.mask is None else np.ascontiguousarray(image.mask[::-1])
    return Image(np.ascontiguousarray(image.pixels[::-1]), affine, mask)


def _background(image: Image, background: float | None) -> float:
    return float(image.pixels.min()) if background is None else background


def _outside(image: Image, box: Box) -> DataError:
    index = ", ".join(f"{i:.1f}" for i in image.index(box.centre))
    return DataError(
        f"box of size {box.size} mm at index ({index}) lies outside the image of shape {image.pixels.shape}: "
        "check that its centre is in LPS mm of this scan"
    )
