"""Scans of a phantom knee: sagittal slices with the contrast of a water-excited dual-echo steady state."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Float64, Image
from data.phantom.knee import Knee
from data.phantom.shapes import turn

FIELD = (112.0, 140.0, 140.0)
"""The field of view along the slices' normal, down and back, mm, as in OAI."""

# Only water is excited, so marrow and fat are dark.
_SIGNALS = {
    "fat": 170,
    "skin": 260,
    "muscle": 330,
    "capsule": 230,
    "tendon": 60,
    "meniscus": 90,
    "fluid": 1000,
    "cartilage": 640,
    "cortex": 50,
    "marrow": 130,
}
_NOISE = 22.0
_FINE = 1.4  # mm: thicker slices are taken in several parts
_PLATEAU = (38.0, 26.0)
_NOTCH = 7.0


def knee_grid(rng: np.random.Generator, knee: Knee, shape: tuple[int, int, int]) -> Float64:
    """The affine `(4, 4)` (index D left, H down, W back, to LPS mm) of slices of OAI's field of view over a knee."""
    axes = turn(2, rng.normal(0, 3)) @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    affine = np.eye(4)
    affine[:3, :3] = axes * (np.array(FIELD) / shape)
    centre = knee.pose[:3, 3] + axes @ (rng.normal(0, 2, 3) - [0, 5, 0])
    affine[:3, 3] = centre - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def scan_knee(rng: np.random.Generator, knee: Knee, affine: Float64, shape: tuple[int, int, int]) -> Image:
    """The knee on a grid `(D, H, W)`: tissues with partial volume, texture, the coil's bias, and noise."""
    from scipy.ndimage import gaussian_filter

    to_knee = (np.linalg.inv(knee.pose) @ affine).astype(np.float32)
    between, pixel = np.linalg.norm(affine[:3, :2], axis=0)
    parts = max(1, round(float(between) / _FINE))
    within = (np.arange(parts, dtype=np.float32) + 0.5) / parts - 0.5
    h, w = np.arange(shape[1], dtype=np.float32)[:, None], np.arange(shape[2], dtype=np.float32)
    slices = []
    for d in range(shape[0]):
        u, v, up = (a * (d + within)[:, None, None] + b * h + c * w + t for a, b, c, t in to_knee[:3])
        slices.append(_KneeSlice(u, v, up, float(pixel) / knee.size).of(knee).mean(axis=0))
    pixels = np.stack(slices)
    texture = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), 3 / np.linalg.norm(affine[:3, :3], axis=0))
    pixels *= 1 + 0.06 * texture / texture.std()
    pixels *= _bias(rng, shape)
    noise = rng.standard_normal((2, *shape), dtype=np.float32) * np.float32(_NOISE * rng.uniform(0.6, 1.6))
    pixels = np.hypot(pixels + noise[0], noise[1]) * np.float32(rng.uniform(0.7, 1.4))
    return Image(pixels, affine)


class _KneeSlice:
    """Signals of a slice; tissues are painted on them, later ones over earlier ones."""

    def __init__(self, u: Float32, v: Float32, w: Float32, pixel: float) -> None:
        self.u, self.v, self.w, self.pixel = u, v, w, pixel
        self.pixels = np.zeros_like(u)

    def of(self, knee: Knee) -> Float32:
        """All tissues of a knee."""
        signals = _SIGNALS | {
            "cartilage": _SIGNALS["cartilage"] * knee.signals[0],
            "muscle": _SIGNALS["muscle"] * knee.signals[1],
        }
        self._paint_soft_tissue(knee, signals)
        gap = np.asarray(np.where(self.u > 0, *knee.gaps), dtype=np.float32)
        condyles, femur = self._femur(knee)
        plateau, tibia = self._tibia(knee)
        within = np.minimum(plateau, np.minimum(self.w, 12 - self.w))
        self._paint(np.minimum(within, -condyles + 1), signals["capsule"])
        rim = np.minimum(np.minimum(within, 11 - plateau), -condyles)
        self._paint(np.minimum(rim, np.minimum(np.abs(self.u) - _NOTCH, gap + 1 - self.w)), signals["meniscus"])
        between = np.minimum(np.minimum(condyles + gap, plateau - 7), np.minimum(self.w, gap + 2 - self.w))
        self._paint(between, signals["fluid"])
        shell = np.minimum(condyles + 0.45 * gap, self.v + 30)
        self._paint(np.minimum(shell, 20 - self.w), signals["cartilage"])
        slab = np.minimum(0.45 * gap - self.w, self.w + 1)
        self._paint(np.minimum(np.minimum(slab, plateau - 2), np.abs(self.u) - _NOTCH), signals["cartilage"])
        patella = self._ellipsoid((0, -44, 34), (20, 9, 19))
        self._paint(np.minimum(patella + 3, self.v + 44), signals["cartilage"])
        fibula = np.minimum(self._column((-33, 20), (7, 7)), -16 - self.w)
        for bone in (femur, tibia, patella, fibula):
            self._paint(bone, signals["cortex"])
            self._paint(bone - 1.2, signals["marrow"])
        return self.pixels

    def _paint_soft_tissue(self, knee: Knee, signals: dict[str, float]) -> None:
        leg = self._column((0, 4), (58 + knee.fat / 2, 60 + knee.fat / 2))
        self._paint(leg, signals["skin"])
        self._paint(leg - 1.5, signals["fat"])
        # Above and below the joint there is muscle behind, in front only above the patella.
        behind = np.minimum(np.minimum(leg - knee.fat, self.v - 12), np.abs(self.w + 4) - 14)
        self._paint(behind, signals["muscle"])
        self._paint(np.minimum(leg - knee.fat, self.w - 52), signals["muscle"])
        self._paint(self._ellipsoid((0, -2, 16), (46, 36, 42)), signals["capsule"])
        self._paint(self._ellipsoid((0, -31, 58), (22, knee.effusion, 16)), signals["fluid"])
        tendon = np.minimum(4 - np.abs(self.v + 47), 14 - np.abs(self.u))
        self._paint(np.minimum(tendon, self.w + 30), signals["tendon"])
        cruciate = 4.5 - np.hypot(self.u, (self.v - 4) * 0.75 - (self.w - 10) * 0.6)
        self._paint(np.minimum(cruciate, np.minimum(self.w + 1, 28 - self.w)), signals["tendon"])

    def _femur(self, knee: Knee) -> tuple[Float32, Float32]:
        """Depth inside the condyles, and inside the whole femur with its spurs."""
        medial, lateral = knee.gaps
        condyles = np.maximum(
            self._ellipsoid((22, 4, medial + 22), (15, 32, 22)), self._ellipsoid((-22, 4, lateral + 22), (15, 30, 22))
        )
        middle = (medial + lateral) / 2
        block = self._ellipsoid((0, -6, middle + 36), (36, 20, 22))
        shaft = np.minimum(self._column((0, -4), (17, 15)), self.w - 40)
        femur = np.maximum(np.maximum(condyles, block), shaft)
        for u, gap in ((36, medial), (-36, lateral)):
            femur = np.maximum(femur, self._spur((u, 4, gap + 14), knee.osteophyte))
        return condyles, femur

    def _tibia(self, knee: Knee) -> tuple[Float32, Float32]:
        """Depth inside the plateau's outline, and inside the whole tibia with its spurs."""
        plateau = self._column((0, 2), _PLATEAU)
        # It narrows to the shaft, which the floor of the outline reaches 45 mm below.
        narrowing = np.clip(-self.w / 45, 0, 1)
        tibia = np.minimum(plateau - 14 * narrowing * narrowing, -self.w)
        spine = self._ellipsoid((0, 4, 0), (4, 9, 7))
        tibia = np.maximum(tibia, spine)
        for u in (37, -37):
            tibia = np.maximum(tibia, self._spur((u, 2, -4), knee.osteophyte))
        return plateau, np.maximum(tibia, self._spur((0, 27, -4), knee.osteophyte))

    def _spur(self, centre: tuple[float, float, float], size: float) -> Float32:
        if size < 0.1:
            return np.full_like(self.u, -np.inf)
        return self._ellipsoid(centre, (size, 1.8 * size if centre[0] else size, 0.8 * size))

    def _ellipsoid(self, centre: tuple[float, float, float], half: tuple[float, float, float]) -> Float32:
        """Depth inside an ellipsoid, mm: to first order, and exact on the axes."""
        p = [(a - np.float32(c)) for a, c in zip((self.u, self.v, self.w), centre, strict=True)]
        return _depth(p, half)

    def _column(self, centre: tuple[float, float], half: tuple[float, float]) -> Float32:
        """Depth inside an oval column along w, mm."""
        return _depth([self.u - np.float32(centre[0]), self.v - np.float32(centre[1])], half)

    def _paint(self, depth: NDArray[np.floating[Any]], signal: float) -> None:
        cover = np.clip(depth * np.float32(1 / self.pixel) + np.float32(0.5), 0, 1)
        self.pixels += cover * (np.float32(signal) - self.pixels)


def _depth(p: list[Float32], half: tuple[float, ...]) -> Float32:
    radius = np.sqrt(sum(np.square(a / np.float32(h)) for a, h in zip(p, half, strict=True)))
    slope = np.sqrt(sum(np.square(a / np.float32(h**2)) for a, h in zip(p, half, strict=True)))
    return np.asarray(radius * (1 - radius) / np.maximum(slope, np.float32(1e-6)), dtype=np.float32)


def _bias(rng: np.random.Generator, shape: tuple[int, int, int]) -> Float32:
    """The coil's sensitivity, which falls towards the ends of the leg."""
    d, h, w = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    a, b, c = rng.normal(0, 0.06, 3)
    exponent = (a * d)[:, None, None] + (b * h - 0.25 * h**2)[:, None] + c * w
    return np.asarray(np.exp(exponent), dtype=np.float32)
