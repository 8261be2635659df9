"""A canvas of voxels that tissues are painted on, with the partial volume of pixels and slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from data.phantom.shapes import Anatomy, Array, Float64

SEQUENCES = ("t1", "t2", "t2_SPACE", "stir")
SIGNALS = {
    "fat": (900, 720, 660, 70),
    "marrow": (520, 360, 330, 110),
    "cortex": (90, 70, 60, 40),
    "muscle": (290, 170, 160, 190),
    "viscera": (300, 330, 300, 260),
    "vessel": (80, 50, 40, 40),
    "ligament": (150, 90, 80, 60),
    "csf": (150, 1000, 1050, 950),
    "nerve": (330, 420, 400, 330),
    "annulus": (250, 95, 85, 60),
    "dry": (290, 110, 100, 70),
    "water": (270, 690, 660, 560),
    "modic_1": (260, 620, 560, 520),
    "modic_2": (820, 600, 540, 100),
    "modic_3": (140, 110, 100, 60),
}
"""Signal of each tissue in each of `SEQUENCES`."""

Box = tuple[slice, slice, slice]


class Canvas:
    """Signals `(sequences, D, H, W)` and labels; structures are painted on them, later ones over earlier ones."""

    def __init__(
        self,
        anatomy: Anatomy,
        affine: Float64,
        shape: tuple[int, int, int],
        sequences: Sequence[str],
        thickness: float | None,
        parts: int,
    ) -> None:
        self.to_body = np.linalg.inv(anatomy.pose) @ affine
        self.shape = shape
        self.sequences = tuple(sequences)
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        self.pixel = float(spacing[1])
        self.parts = parts
        within = (np.arange(parts) + 0.5) / parts - 0.5
        self.within = (within * (1 if thickness is None else thickness / spacing[0])).astype(np.float32)
        columns = [SEQUENCES.index(s) for s in sequences]
        self.signals = {t: np.array(values, dtype=np.float32)[columns] for t, values in SIGNALS.items()}
        f = anatomy.factors
        for tissues, factor in (
            (("marrow", "modic_1", "modic_2", "modic_3"), f["vertebra_signal"]),
            (("csf",), f["csf_signal"]),
            (("muscle", "viscera"), f["muscle_signal"]),
        ):
            for tissue in tissues:
                self.signals[tissue] *= factor
        self.pixels = np.zeros((len(sequences), *shape), dtype=np.float32)
        self.mask = np.zeros(shape, dtype=np.int16)

    @property
    def everywhere(self) -> Box:
        """All voxels."""
        return (slice(0, self.shape[0]), slice(0, self.shape[1]), slice(0, self.shape[2]))

    def box(self, frame: Float64, low: Any, high: Any) -> Box | None:
        """The voxels that a cuboid of a frame `(4, 4)` (to body space) may touch; None if there are none."""
        corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1).T
        index = self.index(corners @ frame[:3, :3].T + frame[:3, 3])
        return self.clipped(index.min(axis=0) - 1, index.max(axis=0) + 1)

    def clipped(self, low: Float64, high: Float64) -> Box | None:
        """The voxels of the canvas from index `low` to `high`; None if there are none."""
        first = np.maximum(np.floor(low), 0).astype(int)
        last = np.minimum(np.ceil(high) + 1, self.shape).astype(int)
        if (first >= last).any():
            return None
        return slice(first[0], last[0]), slice(first[1], last[1]), slice(first[2], last[2])

    def index(self, points: Float64) -> Float64:
        """Fractional index of points `(n, 3 or more)` of body space."""
        to_index = np.linalg.inv(self.to_body)
        return np.asarray(points[:, :3] @ to_index[:3, :3].T + to_index[:3, 3])

    def voxels_in(self, length: float) -> Float64:
        """A length in mm counted in voxels along D, H and W."""
        return np.asarray(length / np.linalg.norm(self.to_body[:3, :3], axis=0))

    def coordinates(self, box: Box, frame: Float64, *, fine: bool = True) -> list[Array]:
        """Positions of the box's voxels in a frame, mm; `fine` gives all parts of each slice along axis 0."""
        to_frame = (np.linalg.inv(frame) @ self.to_body).astype(np.float32)
        d, h, w = (np.arange(s.start, s.stop, dtype=np.float32) for s in box)
        if fine:
            d = (d[:, None] + self.within).ravel()
        return [((a * d + t)[:, None] + b * h)[:, :, None] + c * w for a, b, c, t in to_frame[:3]]

    def cover(self, depth: Array) -> Array:
        """The share of a pixel that lies inside a surface, from the depth of its centre in mm."""
        return np.asarray(np.clip(depth * np.float32(1 / self.pixel) + np.float32(0.5), 0, 1))

    def paint(
        self, box: Box, tissues: Sequence[tuple[Array, str | Array]], label: int = 0, only: str | None = None
    ) -> None:
        """Paints tissues over those in a box, and a label where they cover half of a voxel or more.

        A tissue is a weight (0 to 1, the parts of each slice along axis 0) with a name or a signal `(sequences,)`; with
        `only` a single sequence is painted.
        """
        first, stop = (0, None) if only is None else (self.sequences.index(only), self.sequences.index(only) + 1)
        under = self.pixels[(slice(first, stop), *box)]
        shares = [_slice_mean(weight, under.shape[1]) for weight, _ in tissues]
        covered = np.sum(shares, axis=0) if len(shares) > 1 else shares[0]
        under *= 1 - covered
        for share, (_, tissue) in zip(shares, tissues, strict=True):
            signal = self.signals[tissue] if isinstance(tissue, str) else tissue
            for layer, value in zip(under, signal[first:stop], strict=True):
                layer += share * value
        if label:
            self.mask[box][covered >= 0.5] = label


def _slice_mean(weight: Array, slices: int) -> Array:
    """The mean over the parts of each slice."""
    return weight if len(weight) == slices else np.asarray(weight.reshape(slices, -1, *weight.shape[1:]).mean(axis=1))
