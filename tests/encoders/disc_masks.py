"""Aligned phantom discs of four shape factors, as crops with masks."""

from collections.abc import Sequence

import numpy as np

from data.base import Image
from data.phantom.shapes import Body, Endplate

FACTORS = ("ap", "lateral", "height", "wedge")
LABEL = 201
SPACING = 0.75


def draw_factors(patients, discs=5, seed=0):
    """Front-to-back and lateral width, height (mm) and wedge (degrees) of `(patients * discs, 4)`, and their patients.

    Means and deviations are the phantom's; every factor has a part of the patient and a part of the level.
    """
    rng = np.random.default_rng(seed)
    mean = np.array([34.0, 48.0, 9.0, 7.0])
    between = np.array([2.2, 3.0, 1.35, 2.0])
    within = np.array([1.7, 2.0, 1.1, 3.0])
    drawn = rng.standard_normal((patients, 1, 4)) * between + rng.standard_normal((patients, discs, 4)) * within
    values = (mean + np.clip(drawn, -3 * between, 3 * between)).reshape(-1, 4)
    return values, np.repeat([f"p{i:02d}" for i in range(patients)], discs)


def render(ap, lateral, height, wedge):
    """A crop `(D, H, W)` along left, down and back, 3 mm larger than a disc on each side, with a mask at `SPACING`."""
    plate = Endplate(dome=1.2)
    disc = Body(
        label=LABEL,
        centre=np.zeros(3),
        axes=np.eye(3),
        height=height,
        ap=ap,
        lateral=lateral,
        wedge=wedge,
        tilt=0.0,
        upper=plate,
        lower=plate,
        front=0.6,
        back=0.6,
        water=0.6,
    )
    half = disc.reach + 3
    shape = np.ceil(2 * half[[0, 2, 1]] / SPACING).astype(int)
    left, down, back = (
        ((np.arange(n) - (n - 1) / 2) * SPACING).astype(np.float32).reshape(np.roll([-1, 1, 1], axis))
        for axis, n in enumerate(shape)
    )
    inside = disc.depth(left, back, -down)[0] >= 0
    affine = np.array([[SPACING, 0, 0, 0], [0, 0, SPACING, 0], [0, -SPACING, 0, 0], [0, 0, 0, 1.0]])
    mask = (inside * LABEL).astype(np.int16)
    return Image(pixels=inside.astype(np.float32), affine=affine, mask=mask, structure=LABEL)


class Discs(Sequence):
    """The crops of `(n, 4)` factors, rendered when indexed."""

    def __init__(self, factors):
        self.factors = factors

    def __len__(self):
        return len(self.factors)

    def __getitem__(self, i):
        return render(*self.factors[i])


def dice(one, other):
    """Dice `(n,)` of two stacks of masks `(n, ...)`, in which voxels of one half or more are inside."""
    a, b = (np.reshape(m, (len(m), -1)) >= 0.5 for m in (one, other))
    return 2 * (a & b).sum(axis=1) / (a.sum(axis=1) + b.sum(axis=1))
