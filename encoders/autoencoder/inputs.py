"""Crops of any size and spacing to what an autoencoder takes: intensity, the mask of the structure, or both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.base import Float32, Image
from encoders.autoencoder.recipe import Recipe
from encoders.networks.pixels import demand_scaled, resize_slices, resize_volume, stretch


def prepare(image: Image, recipe: Recipe, *, rescale: bool) -> Float32:
    """The inputs of a crop: `(D, C, H, W)`, one a slice, where the recipe is of 2D, else `(1, C, D, H, W)`.

    Raises:
        ValueError: The mask is wanted, but the crop is around no structure of one.
    """
    parts: list[Float32] = []
    if recipe.input != "mask":
        pixels = stretch(image.pixels) if rescale else demand_scaled(image.pixels)
        parts.append(_placed(pixels, image, recipe, background=float(pixels.min())))
    if recipe.input != "intensity":
        parts.append(_placed(structure(image), image, recipe, background=0.0))
    if len(recipe.shape) == 2:
        return np.stack(parts, axis=1)
    return np.stack(parts)[None]


def structure(image: Image) -> Float32:
    """1 inside the structure that a crop is around, else 0: `(D, H, W)`.

    Raises:
        ValueError: The crop has no mask, or is around no structure of it.
    """
    if image.mask is None or image.structure is None:
        raise ValueError(
            "the mask is wanted, but the crop is around no structure of a mask: use a region that is, such as mask, "
            "or input=intensity"
        )
    return np.asarray(image.mask == image.structure, dtype=np.float32)


def on_grid(
    values: Float32, spacing: Sequence[float], shape: Sequence[int], new_spacing: Sequence[float], background: float
) -> Float32:
    """The last axes of an array on a grid of another shape and spacing with the same middle: cropped and padded.

    Each new voxel is the mean of what it covers, so lengths and volumes in mm are kept as far as the grid reaches; that
    of a mask is the share of it that lies inside.

    Args:
        values: As many last axes count as there are lengths in `shape`.
        spacing: Of `values`, mm, for each of these axes.
        shape: The new lengths, voxels.
        new_spacing: Their spacing, mm.
        background: Lies outside.
    """
    out = values - np.float32(background)
    for axis, (old, length, new) in enumerate(zip(spacing, shape, new_spacing, strict=True), start=-len(shape)):
        share = _overlap(values.shape[axis], old, length, new)
        out = np.moveaxis(np.tensordot(share, out, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(out + np.float32(background), dtype=np.float32)


def _overlap(length: int, spacing: float, new_length: int, new_spacing: float) -> Float32:
    """The share of each new voxel that each old one covers: `(new_length, length)`."""
    old = (np.arange(length + 1) - length / 2) * spacing
    new = (np.arange(new_length + 1) - new_length / 2) * new_spacing
    covered = np.minimum(new[1:, None], old[1:]) - np.maximum(new[:-1, None], old[:-1])
    return np.asarray(np.maximum(covered, 0) / new_spacing, dtype=np.float32)


def _placed(values: Float32, image: Image, recipe: Recipe, *, background: float) -> Float32:
    axes = len(recipe.shape)
    if recipe.placing == "pad":
        return on_grid(values, image.spacing[-axes:], recipe.shape, recipe.spacing_mm, background)
    if axes == 2:
        return resize_slices(values, recipe.shape[0], recipe.shape[1])
    return resize_volume(values, (recipe.shape[0], recipe.shape[1], recipe.shape[2]))
