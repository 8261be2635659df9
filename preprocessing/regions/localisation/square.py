"""From a slice's own pixels to a square of another size, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.base import Float32, Float64


@dataclass(frozen=True)
class SquareFrame:
    """How slices of `shape` pixels are resized to squares of `size` pixels, of the same extent.

    Pixel centres have whole numbers in both. Both share their edges, and the first pixel begins at -0.5. Therefore
    `(0, 0)` of one is not `(0, 0)` of the other.

    Args:
        shape: `(H, W)` of the slices.
        size: The square's side.
    """

    shape: tuple[int, int]
    size: int

    @property
    def affine(self) -> Float64:
        """`(3, 3)`: from an index `(row, column, 1)` of the square to the slice's `(h, w, 1)`."""
        scale = np.asarray(self.shape) / self.size
        affine = np.diag([*scale, 1.0])
        affine[:2, 2] = scale / 2 - 0.5
        return affine

    def native(self, index: ArrayLike) -> Float64:
        """The indices `(n, 2)` in the slice of indices `(n, 2)` in the square."""
        affine = self.affine
        return np.asarray(np.asarray(index) @ affine[:2, :2].T + affine[:2, 2], dtype=np.float64)

    def resized(self, index: ArrayLike) -> Float64:
        """The indices `(n, 2)` in the square of indices `(n, 2)` in the slice."""
        inverse = np.linalg.inv(self.affine)
        return np.asarray(np.asarray(index) @ inverse[:2, :2].T + inverse[:2, 2], dtype=np.float64)

    def pixels(self, slices: NDArray[np.float32]) -> Float32:
        """Slices `(D, H, W)` as squares `(D, size, size)`, smoothed where they get coarser."""
        import torch

        given = torch.from_numpy(np.ascontiguousarray(slices))[:, None]
        size = (self.size, self.size)
        squares = torch.nn.functional.interpolate(given, size, mode="bilinear", align_corners=False, antialias=True)
        found: Float32 = squares[:, 0].numpy()
        return found
