"""A structure of a mask: its place in the patient, and the borders of the scan that cut it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data.base import OUTSIDE_SCAN, Float32, Float64


@dataclass(frozen=True, eq=False)
class Structure:
    """The voxels of one label; of several pieces the largest.

    Args:
        inside: `(D, H, W)` float32, 0 or 1; slices of the mask that lie entirely outside the scan are left out.
        affine: `(4, 4)`: from an index of `inside` to LPS mm.
        cuts: `(n, 3)`: the directions (unit vectors, LPS) in which the structure touches a border of the scan.
        seen_fraction: The share of its surface that does not lie at such a border.
    """

    inside: Float32
    affine: Float64
    cuts: Float64
    seen_fraction: float

    @classmethod
    def of(cls, mask: NDArray[np.int16], affine: Float64, label: int) -> Self | None:
        """The structure of a label in a mask `(D, H, W)`; None if it has no voxel."""
        from scipy.ndimage import find_objects
        from scipy.ndimage import label as pieces

        numbered, count = pieces(mask == label, np.ones((3, 3, 3)))
        if not count:
            return None
        largest = int(np.bincount(numbered.ravel())[1:].argmax()) + 1
        scan = find_objects((mask != OUTSIDE_SCAN).astype(np.int8))[0]
        inside = numbered[scan] == largest
        shifted = affine.copy()
        shifted[:3, 3] += affine[:3, :3] @ [part.start for part in scan]
        cuts, seen = _borders(inside, mask[scan] == OUTSIDE_SCAN, affine)
        return cls(inside.astype(np.float32), shifted, cuts, seen)

    @property
    def volume(self) -> float:
        """The volume, mm3."""
        return float(self.inside.sum(dtype=np.float64) * abs(np.linalg.det(self.affine[:3, :3])))

    def points(self) -> Float64:
        """`(n, 3)`: the centres of its voxels, LPS mm."""
        return np.asarray(np.argwhere(self.inside > 0) @ self.affine[:3, :3].T + self.affine[:3, 3])

    def voxel(self, direction: Float64) -> float:
        """The length of a voxel in a direction (unit vector, LPS), mm."""
        return float(np.linalg.norm(direction @ self.affine[:3, :3]))

    def at(self, points: Float64) -> Float32:
        """How much points `(..., 3)` in LPS mm lie inside, 0 to 1, interpolated linearly between voxel centres.

        Points beyond the scan have the value of the nearest voxel, so that a structure goes on where a border cuts it.
        """
        from scipy.ndimage import map_coordinates

        to_index = np.linalg.inv(self.affine)
        index = np.moveaxis(points @ to_index[:3, :3].T + to_index[:3, 3], -1, 0)
        return np.asarray(map_coordinates(self.inside, index, order=1, mode="nearest"))

    def holds(self, points: Float64) -> NDArray[np.bool_]:
        """Which points `(..., 3)` in LPS mm lie in the scan, bool."""
        to_index = np.linalg.inv(self.affine)
        index = points @ to_index[:3, :3].T + to_index[:3, 3]
        return np.asarray(((index >= -0.5) & (index <= np.array(self.inside.shape) - 0.5)).all(axis=-1))


def _borders(inside: NDArray[np.bool_], outside: NDArray[np.bool_], affine: Float64) -> tuple[Float64, float]:
    """The directions in which voxels touch the outside of the scan, and the share of the surface that does not."""
    inward = np.linalg.inv(affine)[:3, :3]
    inside, outside = np.pad(inside, 1), np.pad(outside, 1, constant_values=True)
    cuts, surface, cut = [], 0.0, 0.0
    for axis in range(3):
        length = float(np.linalg.norm(inward[axis]))
        for step in (-1, 1):
            beside = np.roll(inside, -step, axis)
            faces = inside & ~beside
            touching = int((faces & np.roll(outside, -step, axis)).sum())
            surface += float(faces.sum()) * length
            cut += touching * length
            if touching:
                cuts.append(step * inward[axis] / length)
    return np.reshape(np.array(cuts, dtype=np.float64), (-1, 3)), 1 - cut / surface
