"""From an image of any orientation and spacing to the network's grid, and back."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Image, Vector3
from preprocessing.regions.networks.pixels import scaled

Shape = tuple[int, int, int]
SAGITTAL = np.array(((1, 0, 0), (0, 0, -1), (0, 1, 0)))  # LPS directions: D to the left, H to the feet, W to the back


@dataclass(frozen=True)
class VoxelGrid:
    """Sagittal slices at the network's spacing, of the image's own extent.

    Args:
        axes: Which index axis of the image becomes D, H and W.
        flipped: Which of them are reversed.
        turned: The image's shape after both.
        shape: The grid's own shape.
    """

    axes: Shape
    flipped: tuple[int, ...]
    turned: Shape
    shape: Shape

    @classmethod
    def of(cls, image: Image, spacing: Vector3) -> VoxelGrid:
        """The grid of an image; an axis keeps its spacing if that is 0 or it has one voxel. One slice is not turned."""
        cosines = SAGITTAL @ image.directions.T
        one = image.pixels.shape[0] == 1
        orders = [(0, 1, 2)] if one else list(permutations(range(3)))
        a, b, c = max(orders, key=lambda order: float(np.abs(cosines[(0, 1, 2), order]).sum()))
        # A picture has no place in the patient; the axis across its slice shows neither up nor down.
        known = np.abs(cosines[(0, 1, 2), (a, b, c)]) > 0.5
        flipped = tuple(i for i, axis in enumerate((a, b, c)) if known[i] and cosines[i, axis] < 0 and known.all())
        turned = image.pixels.shape[a], image.pixels.shape[b], image.pixels.shape[c]
        old = np.asarray(image.spacing)[[a, b, c]]
        kept = (np.asarray(spacing) == 0) | (np.asarray(turned) == 1)
        wanted = np.where(kept, old, spacing)
        d, h, w = (int(n) for n in np.maximum(np.rint(np.asarray(turned) * old / wanted), 1))
        return cls((a, b, c), flipped, turned, (d, h, w))

    def pixels(self, image: Image) -> Float32:
        """The image on the grid, `(D, H, W)`, blurred where it gets coarser; 1st and 99th percentile are 0 and 1."""
        from scipy.ndimage import gaussian_filter

        pixels = self._turn(scaled(image.pixels))
        ratio = np.asarray(self.turned) / self.shape
        fwhm = np.sqrt(np.maximum(ratio**2 - 1, 0))
        smooth = gaussian_filter(pixels, fwhm / np.sqrt(8 * np.log(2)), mode="nearest")
        on_grid: Float32 = _resized(smooth[None], self.shape, "trilinear")[0]
        return on_grid

    def labels(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The classes of the image's voxels on the grid, `(D, H, W)`, from the nearest voxel."""
        turned = self._turn(labels)[None].astype(np.float32)
        on_grid: NDArray[np.uint8] = _resized(turned, self.shape, "nearest-exact")[0].astype(np.uint8)
        return on_grid

    def classes(self, probabilities: Float32) -> NDArray[np.uint8]:
        """The likeliest class of every voxel of the image, from probabilities `(classes, D, H, W)` on the grid."""
        best = _resized(probabilities, self.turned, "trilinear").argmax(axis=0).astype(np.uint8)
        return np.ascontiguousarray(np.flip(best, self.flipped).transpose(np.argsort(self.axes)))

    def _turn(self, array: NDArray[Any]) -> NDArray[Any]:
        return np.flip(array.transpose(self.axes), self.flipped)


def _resized(array: Float32, shape: Shape, mode: str) -> Float32:
    """Resizes channels `(C, D, H, W)` to another shape of the same extent."""
    import torch

    given = torch.from_numpy(np.ascontiguousarray(array))[None]
    corners = False if mode == "trilinear" else None
    resized: Float32 = torch.nn.functional.interpolate(given, shape, mode=mode, align_corners=corners)[0].numpy()
    return resized
