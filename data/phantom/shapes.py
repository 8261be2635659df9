"""The shapes of a phantom patient: vertebrae and discs as closed formulas, and their true geometry.

Body space is LPS in mm: x to the left, y to the back, z up, with the upper endplate of S1 at the origin. Every
vertebra and disc has a frame of its own: u to the left, v to the back, w up, origin in its centre.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Float64 = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Endplate:
    """The dent of a disc into a vertebra, mm deep: a dome over the whole endplate and a node at (u, v)."""

    dome: float
    node: float = 0.0
    at: tuple[float, float] = (0.0, 0.0)

    def depth(self, u: Array, v: Array, ap: float, lateral: float) -> Array:
        """Depth at (u, v), mm."""
        dome = self.dome * np.maximum(0, 1 - (2 * u / lateral) ** 2 - (2 * v / ap) ** 2)
        if not self.node:
            return np.asarray(dome)
        return np.asarray(dome + self.node * np.exp(-((u - self.at[0]) ** 2 + (v - self.at[1]) ** 2) / 30))


@dataclass(frozen=True, kw_only=True)
class Body:
    """A wedge between two endplates over an oval: a vertebral body or a disc. Lengths in mm, angles in degrees.

    Args:
        label: Label in the mask; 0 for a structure that is seen but not labelled.
        centre: `(3,)` in body space.
        axes: `(3, 3)`; the columns are u, v and w in body space.
        height: Between the endplates' rims on the axis.
        wedge: Angle by which it is higher in front.
        tilt: Angle by which it is higher on the right.
        upper: The endplate above; it widens a disc and hollows a vertebra.
        lower: The endplate below.
        front: How far the middle of the front stands out (a disc) or is drawn in (a vertebra, negative).
        back: The same behind.
        protrusion: Length of a focal protrusion to the back, with the u of its middle in `protrusion_at`.
        taper: Widening from bottom to top as a share of the front-to-back width (the sacrum).
        modic: Grade and strength at the upper and at the lower endplate of a vertebra.
        water: Signal of the nucleus of a disc, from 0 to 1.
    """

    label: int
    centre: Float64
    axes: Float64
    height: float
    ap: float
    lateral: float
    wedge: float
    tilt: float
    upper: Endplate
    lower: Endplate
    front: float = 0.0
    back: float = 0.0
    protrusion: float = 0.0
    protrusion_at: float = 0.0
    taper: float = 0.0
    modic: tuple[tuple[int, float], tuple[int, float]] = ((0, 0.0), (0, 0.0))
    water: float = 0.0

    @property
    def is_disc(self) -> bool:
        """Whether the endplates bulge outwards."""
        return self.water > 0

    @property
    def reach(self) -> Float64:
        """Half-lengths of a cuboid in its frame that holds it, mm."""
        ap = self.ap * (1 + self.taper / 2) / 2 + max(self.front, self.back, 0) + self.protrusion
        slopes = np.tan(np.radians([abs(self.wedge), abs(self.tilt)]) / 2) @ [self.ap / 2, self.lateral / 2]
        dents = max(plate.dome + plate.node for plate in (self.upper, self.lower)) if self.is_disc else 0
        return np.array([self.lateral / 2, ap, self.height / 2 + slopes + dents]) + 1

    def surfaces(self, u: Array, v: Array) -> tuple[Array, Array]:
        """The upper and the lower surface over (u, v): their w, mm."""
        sign = 1 if self.is_disc else -1
        rim = self.height / 2 - np.tan(np.radians(self.wedge) / 2) * v + np.tan(np.radians(self.tilt) / 2) * -u
        upper = rim + sign * self.upper.depth(u, v, self.ap, self.lateral)
        lower = -rim - sign * self.lower.depth(u, v, self.ap, self.lateral)
        return np.asarray(upper), np.asarray(lower)

    def depth(self, u: Array, v: Array, w: Array) -> tuple[Array, Array, Array]:
        """Distance inside the whole surface, the upper and the lower endplate, mm; negative outside."""
        upper, lower = self.surfaces(u, v)
        profile = np.maximum(0, 1 - np.square(w * (2 / (self.height + 1))))
        across = np.abs(u) * (2 / self.lateral)
        oval = np.sqrt(np.maximum(0, 1 - across * across * across))
        half = oval * (self.ap / 2)
        if self.taper:
            half = half * (1 + self.taper * w / self.height)
        back = half + (self.back * oval) * profile
        if self.protrusion:
            back = back + self.protrusion * np.exp(-np.square((u - self.protrusion_at) / 6)) * profile
        front = half + (self.front * oval) * profile
        sides = np.minimum(np.minimum(back - v, v + front), self.lateral / 2 - np.abs(u))
        above, below = upper - w, w - lower
        return np.asarray(np.minimum(sides, np.minimum(above, below))), above, below

    def at(self, u: float, v: float, w: float) -> Float64:
        """A point of the structure's frame in body space, mm."""
        return np.asarray(self.centre + self.axes @ np.array([u, v, w]))


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A tube with a root in it; around the root it is bright, unless it is narrowed.

    Args:
        centre: `(3,)` in body space, mm.
        axes: `(3, 3)`; the columns are along the tube and twice across, in body space.
        half: Half-lengths along these axes, mm.
        root: Place of the root across the tube, mm from the centre.
        radius: Radius of the root, mm.
        filling: The tissue around the root: a name in `data.phantom.canvas.SIGNALS`.
        lost: The share of the filling that is lost, by sequence, 0 to 1; dark tissue takes its place.
        sleeve: Half-length of dull tissue along the tube, in which only the tube is bright; 0 for none.
    """

    centre: Float64
    axes: Float64
    half: tuple[float, float, float]
    root: tuple[float, float]
    radius: float
    filling: str
    lost: Mapping[str, float]
    sleeve: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """The anatomy of a patient, as far as scans show it.

    Args:
        factors: The patient's values of `FACTORS`.
        discs: The discs from the bottom; two at the top are seen but not labelled.
        vertebrae: The vertebrae from the bottom, L5 first, as many as discs.
        sacrum: S1 to S3 and what is left of their discs, from the top.
        canal: `(n, 4)` points of the thecal sac from the bottom: x, y, z and front-to-back width, mm.
        pose: `(4, 4)`, from body space to the scanner's, both LPS mm.
        room: The `canal` as it would be without stenosis; dark tissue fills the difference. None if nothing is lost.
        passages: Foramina and lateral recesses; without them, these are just fat.
    """

    factors: dict[str, float]
    discs: list[Body]
    vertebrae: list[Body]
    sacrum: list[Body]
    canal: Float64
    pose: Float64
    room: Float64 | None = None
    passages: Sequence[Passage] = ()


def measure(disc: Body, pose: Float64) -> dict[str, float]:
    """The true geometry of a disc in the scanner's space: mm, mm3, degrees and LPS.

    `height` is taken on the axis, `anterior_height` and `posterior_height` at 80 % of the way to the rims, `ap_width`
    in the midsagittal plane at mid-height; `sagittal_angle`, `coronal_angle` and `axial_angle` are the angles of its
    plane and its left-right axis with the scanner's axes.
    """
    ends = np.array([0.0, -0.4, 0.4], dtype=np.float32) * disc.ap
    upper, lower = disc.surfaces(np.zeros(3, dtype=np.float32), ends)
    height, anterior, posterior = (float(h) for h in upper - lower)
    steps = [np.arange(-np.ceil(r), np.ceil(r) + 1) for r in disc.reach]
    u, v, w = (a.astype(np.float32) for a in np.meshgrid(*steps, indexing="ij", sparse=True))
    inside = np.clip(disc.depth(u, v, w)[0] + 0.5, 0, 1)
    volume = float(inside.sum())
    centroid = [float((inside * a).sum() / volume) for a in (u, v, w)]
    x, y, z = pose[:3, :3] @ disc.at(*centroid) + pose[:3, 3]
    left, behind, _ = (pose[:3, :3] @ disc.axes).T
    protrusion = disc.protrusion * np.exp(-((disc.protrusion_at / 6) ** 2))
    return {
        "height": height,
        "anterior_height": anterior,
        "posterior_height": posterior,
        "ap_width": float(disc.ap + disc.front + disc.back + protrusion),
        "lateral_width": disc.lateral,
        "wedge": disc.wedge,
        "volume": volume,
        "sagittal_angle": float(np.degrees(np.arctan2(behind[2], behind[1]))),
        "coronal_angle": float(np.degrees(np.arctan2(left[2], left[0]))),
        "axial_angle": float(np.degrees(np.arctan2(left[1], left[0]))),
        "x": float(x),
        "y": float(y),
        "z": float(z),
    }


def turn(axis: int, degrees: float) -> Float64:
    """`(3, 3)`: the right-handed turn about x (0), y (1) or z (2)."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(3)
    first, second = ((1, 2), (2, 0), (0, 1))[axis]
    matrix[first, first] = matrix[second, second] = c
    matrix[first, second], matrix[second, first] = -s, s
    return matrix
