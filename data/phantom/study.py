"""A phantom patient with three sequences in their own planes, drawn and scanned, in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.base import Float64, Image
from data.phantom.anatomy import draw_anatomy
from data.phantom.axial import axial_stacks
from data.phantom.gradings import COUNTS as DISC_COUNTS
from data.phantom.scan import sagittal_grid, scan
from data.phantom.severities import Severities, draw_severities
from data.phantom.shapes import Anatomy
from data.phantom.stenosis import narrow
from data.rsna_challenge.places import LEVELS, SEQUENCES

_THICKNESS_SHARE = 0.9
# A slice does not show places that are farther away than this, in slice distances.
_SEEN = 0.75


@dataclass(frozen=True, kw_only=True)
class StudyRecipe:
    """The recipe of every patient; the fields are arguments of `write_rsna_phantom`."""

    seed: int
    effect: float
    missing: float
    split: bool
    confined: bool
    spacing: tuple[float, float]
    slices: int
    axial_slices: int

    @property
    def thickness(self) -> float:
        """Thickness of a slice, mm."""
        return _THICKNESS_SHARE * self.spacing[0]


@dataclass(frozen=True)
class Series:
    """A series as it is written: its slices in the order of their instance numbers."""

    sequence: str
    number: int
    id: int
    pixels: list[NDArray[np.uint16]]
    planes: list[Float64]


@dataclass(frozen=True)
class PhantomStudy:
    """A patient: severities, the place of each structure `(5 conditions, 5 LEVELS, 3)` in LPS mm, and the scans."""

    id: int
    severities: Severities
    places: Float64
    series: list[Series]

    def nearest(self, sequence: str, place: Float64) -> tuple[Series, int, tuple[float, float]] | None:
        """The series, the instance and x, y (column, row) of the slice that shows a place; None where none does."""
        best: tuple[float, Series, int, tuple[float, float]] | None = None
        for series in self.series:
            if series.sequence != sequence:
                continue
            for i, (plane, pixels) in enumerate(zip(series.planes, series.pixels, strict=True), start=1):
                d, h, w = np.linalg.inv(plane)[:3] @ np.append(place, 1)
                inside = 0 <= h <= pixels.shape[0] - 1 and 0 <= w <= pixels.shape[1] - 1
                if inside and abs(d) <= _SEEN and (best is None or abs(d) < best[0]):
                    best = abs(float(d)), series, i, (float(w), float(h))
        return None if best is None else best[1:]


def draw_study(recipe: StudyRecipe, number: int) -> PhantomStudy:
    """Draws and scans a patient; what is drawn for one purpose doesn't depend on the others."""
    layout, anatomy_rng, sagittal_rng, axial_rng = (np.random.default_rng([recipe.seed, number, k]) for k in range(4))
    severities = draw_severities(layout)
    study_id = int(layout.integers(400, 429_000)) * 10_000 + number % 10_000
    luck = layout.random(len(SEQUENCES))
    chosen = [s for s, own in zip(SEQUENCES, luck, strict=True) if own >= recipe.missing or own == luck.max()]
    # Gradings of discs would show severities in addition to the planted signs.
    healthy = {name: np.full(len(LEVELS), 3 * (name == "pfirrmann")) for name in DISC_COUNTS}
    anatomy = draw_anatomy(anatomy_rng, healthy, 0.0)
    affine, shape = sagittal_grid(sagittal_rng, anatomy, recipe.spacing, recipe.slices)
    anatomy, places = narrow(
        anatomy_rng,
        anatomy,
        severities,
        affine,
        effect=recipe.effect,
        split=recipe.split,
        confined=recipe.thickness if recipe.confined else None,
    )
    scans: list[tuple[str, list[Image]]] = []
    if contrasts := tuple(s.removeprefix("sagittal_") for s in chosen if s.startswith("sagittal_")):
        sagittal = scan(sagittal_rng, anatomy, affine, shape, contrasts, thickness=recipe.thickness)
        scans += [(f"sagittal_{contrast}", [image]) for contrast, image in sagittal.items()]
    if "axial_t2" in chosen:
        scans += [("axial_t2", images) for images in _axial_scans(axial_rng, anatomy, recipe)]
    first = int(layout.integers(1_000, 42_900_000)) * 100
    reverse = dict(zip(("axial_t2", "sagittal_t2", "sagittal_t1"), layout.random(3) < 0.5, strict=True))
    series = [
        _series(sequence, i, first + 7 * i, images, reverse[sequence])
        for i, (sequence, images) in enumerate(scans, start=1)
    ]
    return PhantomStudy(study_id, severities, places, series)


def _axial_scans(rng: np.random.Generator, anatomy: Anatomy, recipe: StudyRecipe) -> list[list[Image]]:
    """The stacks of each axial series; a study's series share the scanner's gain."""
    gain = float(rng.uniform(0.6, 1.4))
    between, pixel = recipe.spacing
    plan = axial_stacks(rng, anatomy, pixel=0.9 * pixel, distance=between, slices=recipe.axial_slices)
    return [
        [
            scan(rng, anatomy, grid, shape, ("t2",), thickness=recipe.thickness, gain=gain)["t2"]
            for grid, shape in stacks
        ]
        for stacks in plan
    ]


def _series(sequence: str, number: int, series_id: int, images: list[Image], reverse: bool) -> Series:
    """The slices as they are numbered: axial from the head down, sagittal from right to left, or the reverse."""
    pixels, planes = [], []
    for image in images:
        whole = np.clip(np.rint(image.pixels), 0, 4095).astype(np.uint16)
        for d in range(len(whole))[:: -1 if sequence == "axial_t2" else 1]:
            plane = image.affine.copy()
            plane[:3, 3] = image.position((d, 0, 0))
            pixels.append(whole[d])
            planes.append(plane)
    step = -1 if reverse else 1
    return Series(sequence, number, series_id, pixels[::step], planes[::step])
