"""The frame of a disc: the plane midway between its endplates, and left, back and up in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from data.base import Float64
from encoders.geometry.structure import Structure

_CORE = 0.85  # of the half-widths
_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class DiscFrame:
    """A disc's own axes.

    Args:
        centre: `(3,)`, LPS mm.
        axes: `(3, 3)`: the columns are u (to the left), v (to the back) and w (up), unit vectors in LPS.
        half: Approximate half-lengths of the disc along u, v and w, mm.
    """

    centre: Float64
    axes: Float64
    half: Float64

    def points(self, u: Float64, v: Float64, w: Float64) -> Float64:
        """LPS mm `(..., 3)` of places in the frame; u, v and w are broadcast against each other."""
        return np.asarray(self.centre + np.stack(np.broadcast_arrays(u, v, w), axis=-1) @ self.axes.T)

    def moved(self, u: float, v: float, w: float) -> DiscFrame:
        """The frame with its centre moved along its axes, mm."""
        return replace(self, centre=self.centre + self.axes @ [u, v, w])

    def turned(self, degrees: float) -> DiscFrame:
        """The frame turned about w, right-handed."""
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        return replace(self, axes=self.axes @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]))

    def around(self, points: Float64) -> DiscFrame:
        """The frame centred on the cuboid along its axes that holds points `(n, 3)`, with the cuboid's half-lengths."""
        places = (points - self.centre) @ self.axes
        low, high = places.min(axis=0), places.max(axis=0)
        return replace(self.moved(*(low + high) / 2), half=(high - low) / 2)


def rough_frame(structure: Structure) -> DiscFrame:
    """The frame from the second moments of the voxels.

    Its left-right axis is near the image axis that is nearest to the patient's left-right. So a slab of a few slices,
    in which a disc is longer from front to back than from left to right, has the same frame as the whole disc.
    """
    points = structure.points()
    centre = points.mean(axis=0)
    columns = structure.affine[:3, :3] / np.linalg.norm(structure.affine[:3, :3], axis=0)
    across = columns[:, np.abs(columns[0]).argmax()]
    across = across * np.copysign(1, across[0])
    back = _unit(np.array([0.0, 1.0, 0.0]) - across[1] * across)
    basis = np.column_stack([across, back, np.cross(across, back)])
    covariance = np.atleast_2d(np.cov((points - centre) @ basis, rowvar=False, bias=True))
    thick = covariance[0, 0] > 1e-6
    slopes = covariance[0, 1:] / covariance[0, 0] if thick else np.zeros(2)
    rest = covariance[1:, 1:] - np.outer(slopes, covariance[0, 1:])
    _, directions = np.linalg.eigh(rest)
    v = basis[:, 1:] @ directions[:, 1]
    v = v * np.copysign(1, v[1])
    w = _unit(np.cross(basis @ [1.0, *slopes], v))
    return DiscFrame(centre, _axes(v, w * np.copysign(1, w[2])), np.zeros(3)).around(points)


def between_endplates(structure: Structure, frame: DiscFrame) -> DiscFrame:
    """The frame turned and shifted to the plane midway between the endplates, fitted over the middle of the disc.

    Pits in an endplate hardly move the plane, since columns weigh less the further their middle is from it (Cauchy).
    """
    for _ in range(_ROUNDS):
        u, v = core(frame)
        height, middle = columns(structure, frame, u, v)
        there = height > 0.3 * np.median(height)
        if there.sum() < 6:
            return frame
        terms = np.column_stack([np.ones(len(u)), u, v])[there]
        off = np.zeros(len(terms))
        for _ in range(5):
            scale = max(1.5 * float(np.median(np.abs(off))), 1e-3)
            root = 1 / np.sqrt(1 + (off / scale) ** 2)
            plane = np.linalg.lstsq(terms * root[:, None], middle[there] * root, rcond=None)[0]
            off = middle[there] - terms @ plane
        offset, across, along = plane
        normal = _unit(frame.axes @ [-across, -along, 1.0])
        axes = _axes(frame.axes @ [0.0, 1.0, along], normal)
        frame = DiscFrame(frame.moved(0.0, 0.0, float(offset)).centre, axes, frame.half)
    return frame


def core(frame: DiscFrame) -> tuple[Float64, Float64]:
    """Places `(n,)` u and v in the middle of the disc, mm."""
    steps = np.linspace(-_CORE, _CORE, 25)
    u, v = np.meshgrid(steps, steps, indexing="ij")
    inner = u**2 + v**2 <= _CORE**2
    return u[inner] * frame.half[0], v[inner] * frame.half[1]


def columns(structure: Structure, frame: DiscFrame, u: Float64, v: Float64) -> tuple[Float64, Float64]:
    """Height and middle (w) of the columns along w at places `(n,)` of the frame, mm; an empty column has 0 and 0."""
    step = structure.voxel(frame.axes[:, 2]) / 4
    reach = frame.half[2] + 4 * step
    w = np.linspace(-reach, reach, max(int(np.ceil(2 * reach / step)), 8))
    inside = structure.at(frame.points(u[:, None], v[:, None], w))
    total = inside.sum(axis=1, dtype=np.float64)
    return total * (w[1] - w[0]), (inside @ w) / np.maximum(total, 1e-6)


def _axes(v: Float64, w: Float64) -> Float64:
    u = _unit(np.cross(v, w))
    return np.column_stack([u, np.cross(w, u), w])


def _unit(vector: Float64) -> Float64:
    return np.asarray(vector / np.linalg.norm(vector))
