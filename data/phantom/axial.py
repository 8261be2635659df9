"""Where axial slices lie: stacks angled to the discs, in one series or several, or one stack through all levels."""

from __future__ import annotations

import numpy as np

from data.base import Float64
from data.phantom.shapes import Anatomy
from data.rsna_challenge.places import LEVELS

_FIELD = 140.0
# Of 1,975 studies in RSNA, 335 have 2 to 4 axial series.
_SERIES_SHARES = {1: 0.83, 2: 0.1, 3: 0.05, 4: 0.02}
_STRAIGHT_SHARE = 0.25

Stack = tuple[Float64, tuple[int, int, int]]


def axial_stacks(
    rng: np.random.Generator, anatomy: Anatomy, *, pixel: float, distance: float, slices: int
) -> list[list[Stack]]:
    """The stacks of each axial series, from the head down: affine (index D up, H back, W left, to LPS mm) and shape.

    A fourth of the patients with one series have one straight stack. All others have `slices` slices for each of five
    discs, tilted like the disc. `pixel` and `distance` (between slices) are in mm.
    """
    discs = anatomy.discs[len(LEVELS) - 1 :: -1]
    centres = np.array([d.at(0, d.ap / 2, 0) for d in discs]) @ anatomy.pose[:3, :3].T + anatomy.pose[:3, 3]
    centres += [*rng.normal(0, 2, 2), 0]
    backs = np.array([anatomy.pose[:3, :3] @ d.axes[:, 1] for d in discs])
    tilts = np.arctan2(backs[:, 2], backs[:, 1]) + np.radians(rng.normal(0, 2, len(discs)))
    count = int(rng.choice(list(_SERIES_SHARES), p=list(_SERIES_SHARES.values())))
    straight = rng.random() < _STRAIGHT_SHARE
    cuts = np.sort(rng.choice(np.arange(1, len(discs)), count - 1, replace=False))
    side = round(_FIELD / pixel)
    if count == 1 and straight:
        tall = float(np.linalg.norm(centres[0] - centres[-1])) + 16
        middle, tilt = (centres[0] + centres[-1]) / 2, float(np.mean(tilts[1:4]))
        return [[_stack(middle, tilt, pixel, distance, (round(tall / distance), side, side))]]
    stacks = [_stack(c, float(t), pixel, distance, (slices, side, side)) for c, t in zip(centres, tilts, strict=True)]
    return [[stacks[i] for i in part] for part in np.split(np.arange(len(discs)), cuts)]


def _stack(middle: Float64, tilt: float, pixel: float, distance: float, shape: tuple[int, int, int]) -> Stack:
    """Slices about a point, turned about the left-right axis only, as they are planned on a sagittal picture."""
    left, back = np.array([1.0, 0, 0]), np.array([0, np.cos(tilt), np.sin(tilt)])
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([np.cross(left, back) * distance, back * pixel, left * pixel])
    affine[:3, 3] = middle - affine[:3, :3] @ (np.array(shape) - 1) / 2
    return affine, shape
