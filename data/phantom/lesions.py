"""Crops of phantom discs, in half of which a bright lesion is planted at a random place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import DataError, Float32, Float64, Image
from data.phantom.anatomy import draw_anatomy
from data.phantom.gradings import LEVELS, draw_gradings
from data.phantom.scan import sagittal_grid, scan
from data.phantom.shapes import Anatomy
from data.reading import volumes

SEQUENCES = ("t1", "t2")
PLANTED_IN = "t2"
_DISCS = 4
_SIDE, _PIXEL = 48.0, 1.0  # mm
_SLICES, _BETWEEN = 3, 4.4
_RADIUS = (3.0, 5.0)  # mm in the slice
_FROM_EDGE = 7.0  # mm from the centre of a lesion to the crop's edge
_BRIGHT = 1.3  # signal of a lesion at full effect, as a share of the 99th percentile of its crop


def write_lesion_phantom(
    folder: Path,
    *,
    patients: int = 40,
    seed: int = 0,
    effect: float = 0.5,
    missing: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Writes crops of discs for `image_table`: `crops/*.mha`, `masks/*.mha`, `labels.csv`.

    Each patient has four discs, each in a T1 and a T2 crop of three sagittal slices, 48 x 48 mm. Half of the discs have
    a lesion: a circle of 3 to 5 mm radius in one slice of the T2 crop, at a random place, brighter than all around it.
    The T1 crop does not show it. So it is known which sequence, which slice and which place hold the sign. Discs are
    degenerated as in other patients, and no grading goes with the lesion.

    `labels.csv` has a row for each crop: image, patient, sequence, level, lesion (0 or 1). `masks` has a file of the
    same name for each crop with a lesion, 1 inside it. `truth.csv` has a row for each disc: sample, lesion, and the
    lesion's slice, place in patient space (LPS mm) and radius, also where there is none. A patient depends only on
    `seed` and the patient's number; another `effect` gives the same lesions at the same places.

    Args:
        folder: Made if need be; the files of an earlier phantom are overwritten.
        patients: Number of patients.
        seed: For everything that is drawn.
        effect: How bright lesions are: 0 (they cannot be seen) to 1.
        missing: Share of crops that are left out; every disc keeps one.
        progress: Called with the numbers of patients done and to do.

    Raises:
        DataError: An argument is out of its range.
    """
    if patients < 1 or not 0 <= effect <= 1 or not 0 <= missing < 1:
        raise DataError(
            f"patients ({patients}) must be at least 1, effect ({effect:g}) from 0 to 1, and missing ({missing:g}) at "
            "least 0 and below 1"
        )
    import pandas as pd

    for name in ("crops", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    labels, truth = [], []
    for number in range(1, patients + 1):
        layout, anatomy_rng, scan_rng = (np.random.default_rng([seed, number, part]) for part in range(3))
        gradings, _ = draw_gradings(layout, _DISCS)
        anatomy = draw_anatomy(anatomy_rng, gradings, 1.0)
        for disc in range(_DISCS):
            lesion = bool(layout.random() < 0.5)
            slice_, radius, place = int(layout.integers(_SLICES)), layout.uniform(*_RADIUS), layout.uniform(size=2)
            luck = layout.random(2)
            crops = _crops(scan_rng, anatomy, disc)
            depth = _depth(crops[PLANTED_IN], slice_, place, radius)
            row: dict[str, Any] = {"patient": f"p{number:03}", "level": LEVELS[disc]}
            for sequence, own in zip(SEQUENCES, luck, strict=True):
                if own < missing and own < luck.max():
                    continue
                image = crops[sequence]
                inside = np.zeros(image.pixels.shape, dtype=np.int16)
                if lesion and sequence == PLANTED_IN:
                    image, inside = _planted(image, depth, effect)
                name = f"{row['patient']}_{LEVELS[disc].replace('/', '')}_{sequence}.mha"
                mask = folder / "masks" / name if inside.any() else None
                volumes.write(folder / "crops" / name, Image(np.rint(image.pixels), image.affine, inside), mask=mask)
                labels.append({"image": f"crops/{name}"} | row | {"sequence": sequence, "lesion": int(lesion)})
            centre = np.array([slice_, *_centre(crops[PLANTED_IN], place)])
            where = dict(zip("xyz", crops[PLANTED_IN].position(centre).round(3), strict=True))
            sample = f"{row['patient']}_{row['level']}"
            facts = {"lesion": int(lesion), "slice": slice_, "radius": round(radius, 3)}
            truth.append({"sample": sample, **facts, **where})
        if progress is not None:
            progress(number, patients)
    pd.DataFrame(labels).to_csv(folder / "labels.csv", index=False)
    pd.DataFrame(truth).to_csv(folder / "truth.csv", index=False)


def _crops(rng: np.random.Generator, anatomy: Anatomy, disc: int) -> dict[str, Image]:
    """A disc's crop in each sequence, `(3, 48, 48)`."""
    affine, _ = sagittal_grid(rng, anatomy, (_BETWEEN, _PIXEL), _SLICES)
    shape = _SLICES, round(_SIDE / _PIXEL), round(_SIDE / _PIXEL)
    affine[:3, 1:3] *= _PIXEL / np.linalg.norm(affine[:3, 1:3], axis=0)
    centre = anatomy.pose[:3, :3] @ anatomy.discs[disc].centre + anatomy.pose[:3, 3]
    affine[:3, 3] = centre - affine[:3, :3] @ (np.array(shape) - 1) / 2
    return scan(rng, anatomy, affine, shape, SEQUENCES, thickness=0.9 * _BETWEEN)


def _centre(crop: Image, place: NDArray[np.float64]) -> Float64:
    """Row and column of a place, given as shares of the part of the crop in which lesions may lie."""
    edge = _FROM_EDGE / _PIXEL
    return np.asarray(edge + place * (np.array(crop.pixels.shape[1:]) - 1 - 2 * edge))


def _depth(crop: Image, slice_: int, place: NDArray[np.float64], radius: float) -> Float32:
    """How deep each voxel lies inside the lesion, mm in the slice; below 0 outside."""
    d, h, w = np.indices(crop.pixels.shape)
    row, column = _centre(crop, place)
    away = _PIXEL * np.hypot(h - row, w - column)
    return np.asarray(np.where(d == slice_, radius - away, -radius), dtype=np.float32)


def _planted(image: Image, depth: Float32, effect: float) -> tuple[Image, NDArray[np.int16]]:
    """The crop with a lesion, whose edge is soft over a pixel, and where at least half of a voxel is lesion."""
    cover = np.clip(depth / _PIXEL + 0.5, 0, 1)
    bright = _BRIGHT * float(np.percentile(image.pixels, 99))
    pixels = image.pixels + np.float32(effect) * cover * np.maximum(bright - image.pixels, 0)
    return Image(pixels.astype(np.float32), image.affine), (cover >= 0.5).astype(np.int16)
