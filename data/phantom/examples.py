"""Phantom discs in memory, for tests and checks of plug-ins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data.base import Image
from data.phantom.anatomy import draw_anatomy
from data.phantom.gradings import draw_gradings
from data.phantom.scan import sagittal_grid, scan
from data.phantom.shapes import Anatomy


def example_discs(
    n: int, *, seed: int = 0, slices: int = 3, size: int = 48
) -> tuple[list[Image], NDArray[np.int64], NDArray[np.str_]]:
    """Small sagittal T2 crops of discs in memory, for tests of plug-ins; the gradings show at full strength.

    Returns:
        `n` images `(slices, size, size)`, each around the disc with the label `structure` (201 ...); `(n,)` narrowing,
            0 or 1 (both occur from n = 8 on); and `(n,)` the patient, who has three of the discs.
    """
    rng = np.random.default_rng(seed)
    y = (rng.permutation(n) % 5 < 2).astype(np.int64)
    patients = np.arange(n) // 3
    images: list[Image] = []
    for patient in np.unique(patients):
        gradings, _ = draw_gradings(rng, 3)
        mine = y[patients == patient]
        gradings["narrowing"][: len(mine)] = mine
        anatomy = draw_anatomy(rng, gradings, 1.0)
        images += [_example(rng, anatomy, disc, slices, size) for disc in range(len(mine))]
    return images, y, np.array([f"p{patient:03d}" for patient in patients], dtype=np.str_)


def _example(rng: np.random.Generator, anatomy: Anatomy, disc: int, slices: int, size: int) -> Image:
    affine, _ = sagittal_grid(rng, anatomy, (4.4, 50 / size), slices)
    centre = anatomy.pose[:3, :3] @ anatomy.discs[disc].centre + anatomy.pose[:3, 3]
    affine[:3, 3] = centre - affine[:3, :3] @ (np.array([slices, size, size]) - 1) / 2 + rng.normal(0, 1, 3)
    image = scan(rng, anatomy, affine, (slices, size, size), ("t2",))["t2"]
    return replace(image, structure=anatomy.discs[disc].label)
