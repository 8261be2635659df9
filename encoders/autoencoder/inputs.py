"""Turns crops of any size and spacing into inputs of an autoencoder: intensity, the structure's mask, or both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.base import Float32, Image
from encoders.autoencoder.recipe import AutoencoderRecipe
from encoders.networks.pixels import network_inputs, resize_slices, resize_volume


def prepare(image: Image, recipe: AutoencoderRecipe, *, rescale: bool) -> Float32:
    """The inputs of a crop: `(D, C, H, W)`, one for each slice, for a 2D recipe, else `(1, C, D, H, W)`.

    Raises:
        ValueError: The recipe needs the mask, but the crop is not around a structure of a mask.
    """
    parts: list[Float32] = []
    if recipe.input != "mask":
        pixels = network_inputs(image.pixels, rescale=rescale)
        parts.append(_placed(pixels, image, recipe, background=float(pixels.min())))
    if recipe.input != "intensity":
        parts.append(_placed(structure(image), image, recipe, background=0.0))
    if len(recipe.shape) == 2:
        return np.stack(parts, axis=1)
    return np.stack(parts)[None]


def structure(image: Image) -> Float32:
    """`(D, H, W)` float32: 1 inside the structure that the crop is around, else 0.

    Raises:
        ValueError: The crop has no mask, or is not around a structure of it.
    """
    if image.mask is None or image.structure is None:
        raise ValueError(
            "this input needs a mask, but the crop is not around a structure of a mask: use a region such as mask, "
            "or set input=intensity"
        )
    return np.asarray(image.mask == image.structure, dtype=np.float32)


def on_grid(
    values: Float32, spacing: Sequence[float], shape: Sequence[int], new_spacing: Sequence[float], background: float
) -> Float32:
    """An array on a grid of another shape and spacing around the same middle: resampled, cropped and padded.

    Each new voxel is the mean of what it covers, so that lengths and volumes in mm are kept as far as the grid reaches.
    A voxel of a mask becomes its share inside the structure.

    Args:
        values: The last axes lie on the grid, as many as `shape` has lengths.
        spacing: Spacing of `values` along each of these axes, mm.
        shape: The new lengths, in voxels.
        new_spacing: The new spacing along each axis, mm.
        background: Value outside the array.
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


def _placed(values: Float32, image: Image, recipe: AutoencoderRecipe, *, background: float) -> Float32:
    axes = len(recipe.shape)
    if recipe.placing == "pad":
        return on_grid(values, image.spacing[-axes:], recipe.shape, recipe.spacing_mm, background)
    if axes == 2:
        return resize_slices(values, recipe.shape[0], recipe.shape[1])
    return resize_volume(values, (recipe.shape[0], recipe.shape[1], recipe.shape[2]))
