"""An oval fitted to the outline of a disc in its mid-plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from data.base import Float64
from encoders.geometry.frame import DiscFrame
from encoders.geometry.structure import Structure

_SIDE = 61


@dataclass(frozen=True)
class Oval:
    """`|2 u / lateral|**power + (2 v / ap)**2 = 1`, turned by `turn` degrees, around `(u, v)`; lengths in mm."""

    u: float
    v: float
    turn: float
    lateral: float
    ap: float
    power: float

    def lies_in(self, structure: Structure, frame: DiscFrame, *, cut: bool) -> bool:
        """Whether its middle is inside the structure's extent, and it is at most a voxel longer than the structure.

        Where a border cuts the structure on one side (`cut`), the lateral length may go beyond the border.
        """
        own = frame.moved(self.u, self.v, 0.0).turned(self.turn)
        places = (structure.points() - own.centre) @ own.axes
        for axis, length in ((0, self.lateral), (1, self.ap)):
            low, high, voxel = places[:, axis].min(), places[:, axis].max(), structure.voxel(own.axes[:, axis])
            bounded = length <= high - low + 2 * voxel or (cut and axis == 0)
            if not bounded or max(low, -high) > voxel / 2:
                return False
        return True


def fit_oval(structure: Structure, frame: DiscFrame) -> Oval | None:
    """The oval that fits the disc's mid-plane best; None where the disc has fewer than three voxels along u or v."""
    from scipy.optimize import least_squares

    grid = np.linspace(-1.15, 1.15, _SIDE)
    u, v = (a.ravel() for a in np.meshgrid(grid * frame.half[0], grid * frame.half[1], indexing="ij"))
    w = within(structure, frame, 2, 3)
    points, steps = in_slices(structure, frame, frame.points(u[:, None], v[:, None], w))
    points = points[structure.holds(points).all(axis=1)]
    seen = structure.at(points).mean(axis=1)
    u, v, _ = ((points.mean(axis=1) - frame.centre) @ frame.axes).T
    there = seen > 0
    for places, axis in ((u, 0), (v, 1)):
        if not there.any() or np.ptp(places[there]) < 2 * structure.voxel(frame.axes[:, axis]):
            return None
    pitch = 1.5 * (grid[1] - grid[0]) * frame.half[:2]

    def missed(x: Float64) -> Float64:
        c, s = np.cos(x[2]), np.sin(x[2])
        du, dv = u - x[0], v - x[1]
        p, q = np.abs(c * du + s * dv) / x[3], (c * dv - s * du) / x[4]
        raised = np.maximum(p, 1e-6) ** x[5]
        slope_p, slope_q = x[5] * raised / np.maximum(p, 1e-6) / x[3], 2 * q / x[4]
        slope_p = slope_p * np.sign(c * du + s * dv)
        steep = np.maximum(np.hypot(slope_p, slope_q), 1e-9)
        slopes = np.stack([c * slope_p - s * slope_q, s * slope_p + c * slope_q], axis=-1) / steep[:, None]
        ramp = np.sqrt(np.sum((slopes @ steps[:2]) ** 2, axis=1) + np.sum((slopes * pitch) ** 2, axis=1))
        depth = (1 - raised - q**2) / steep
        inside = np.clip(0.5 + depth / np.maximum(ramp, 1e-6), 0, 1)
        return np.asarray(inside - seen)

    total = seen.sum()
    u0, v0 = (seen * u).sum() / total, (seen * v).sum() / total
    cuu, cvv, cuv = ((seen * a * b).sum() / total for a, b in ((u - u0, u - u0), (v - v0, v - v0), (u - u0, v - v0)))
    turn = 0.5 * np.arctan2(2 * cuv, cuu - cvv)
    start = np.array([u0, v0, np.clip(turn, -0.7, 0.7), 2 * np.sqrt(cuu), 2 * np.sqrt(cvv), 2.2])
    low = [-np.inf, -np.inf, -0.8, 1e-3, 1e-3, 1.3]
    high = [np.inf, np.inf, 0.8, np.inf, np.inf, 8.0]
    start = np.clip(start, low, high)

    def fitted(x: Float64, loss: Literal["linear", "cauchy"]) -> Any:
        scale = [1, 1, 0.05, 1, 1, 0.5]
        return least_squares(missed, x, bounds=(low, high), x_scale=scale, loss=loss, f_scale=0.3, max_nfev=40)

    # The second round gives little weight to parts that no oval covers, such as a herniation, which may turn the first.
    first = fitted(start, "linear").x
    straight = np.where(np.arange(6) == 2, 0.0, first)
    x = min((fitted(one, "cauchy") for one in (first, straight)), key=lambda fit: float(fit.cost)).x
    u0, v0, turn, lateral, ap, power = (float(value) for value in x)
    return Oval(u0, v0, float(np.degrees(turn)), 2 * lateral, 2 * ap, power)


def within(structure: Structure, frame: DiscFrame, axis: int, count: int) -> Float64:
    """`(count,)` places around the middle along an axis of the frame, mm, over a voxel or less in a thin disc."""
    return np.linspace(-1, 1, count) * min(structure.voxel(frame.axes[:, axis]) / 2, float(frame.half[axis]))


def in_slices(structure: Structure, frame: DiscFrame, points: Float64) -> tuple[Float64, Float64]:
    """The points moved into the nearest slices along the thickest axis that crosses the mid-plane.

    Values that are interpolated between thick slices would blur the oval's ends.

    Returns:
        The points, and the steps `(3, 3)` of the index axes in the frame, mm; the step of that axis is 0.
    """
    steps = frame.axes.T @ structure.affine[:3, :3]
    spacing = np.linalg.norm(steps, axis=0)
    axis = int(np.where(np.abs(steps[2]) < 0.7 * spacing, spacing, 0).argmax())
    index = (points - structure.affine[:3, 3]) @ np.linalg.inv(structure.affine)[:3, :3].T[:, axis]
    moved = points + (np.rint(index) - index)[..., None] * structure.affine[:3, axis]
    steps[:, axis] = 0
    return moved, steps
