"""Writes phantom knees as files in OAI's layout, with a table of what was planted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from data.base import DataError, Image
from data.phantom.dicom import write_slice
from data.phantom.knee import Knee, draw_knees
from data.phantom.knee_scan import knee_grid, scan_knee

_MEANINGS = ("None", "Doubtful", "Minimal", "Moderate", "Severe")
_CODES = {"right": "1: Right", "left": "2: Left"}
_PROJECT, _OTHER_PROJECT = 15, 37
_FIRST_ID, _FIRST_NUMBER = 9_000_000, 10_000_000
_BRIGHTEST = 4095
_LEAST_SIZE = 4


def write_oai_phantom(
    folder: Path,
    *,
    patients: int = 40,
    seed: int = 0,
    effect: float = 0.5,
    missing: float = 0.0,
    size: tuple[int, int, int] = (40, 64, 64),
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Writes phantom knees in OAI's layout: `00m/0.C.2/{ID}/{date}/{number}/001 ...`, and `kXR_SQ_BU00.txt`.

    Each patient has one series per knee; SeriesDescription gives its side. The table is separated by `|` and gives the
    grade of each knee by reading project 15; every fifth patient was read by another project too. `truth.csv` has a row
    for each knee: grade, severity, joint space (mm) on the inner and the outer side, half-width of the spurs (mm), the
    joint's place (LPS mm) and the series. A patient depends only on `seed` and the patient's number; another `effect`
    gives the same patients with the same grades.

    Args:
        folder: Made if need be; the files of an earlier phantom are overwritten.
        patients: Number of patients; both knees are scanned and graded.
        seed: For everything that is drawn.
        effect: How strongly the anatomy shows the grades: 0 (only their frequency can be learnt) to 1.
        missing: Share of series that are left out; every patient keeps one.
        size: Slices, rows and columns of a series, which covers 112 x 140 x 140 mm as OAI's (160, 384, 384) do.
        progress: Called with the numbers of patients done and to do.

    Raises:
        DataError: An argument is out of its range.
    """
    if patients < 1 or len(size) != 3 or min(size) < _LEAST_SIZE:
        raise DataError(
            f"patients ({patients}) must be at least 1, size {size} three numbers of at least {_LEAST_SIZE}, such as "
            "(40, 64, 64)"
        )
    if not 0 <= effect <= 1:
        raise DataError(f"effect ({effect:g}) must lie between 0 and 1")
    if not 0 <= missing < 1:
        raise DataError(f"missing ({missing:g}) must be at least 0 and below 1: it is a share of the series")
    import pandas as pd

    grades, truth = [], []
    for number in range(1, patients + 1):
        layout, anatomy_rng, *scan_rngs = (np.random.default_rng([seed, number, part]) for part in range(4))
        patient = _FIRST_ID + number
        date = f"200{4 + layout.integers(3)}{layout.integers(1, 13):02}{layout.integers(1, 29):02}"
        luck = layout.random(2)
        for i, (knee, rng) in enumerate(zip(draw_knees(anatomy_rng, effect), scan_rngs, strict=True)):
            series = _FIRST_NUMBER + 2 * number + i
            here = folder / "00m" / "0.C.2" / str(patient) / date / str(series)
            is_there = luck[i] >= missing or luck[i] == luck.max()
            if is_there:
                image = scan_knee(rng, knee, knee_grid(rng, knee, size), size)
                _write_series(here, image, patient, series, knee.side, reverse=bool(rng.random() < 0.5))
            meaning = f"{knee.grade}: {_MEANINGS[knee.grade]}"
            for project in (_PROJECT, _OTHER_PROJECT)[: 2 if number % 5 == 0 else 1]:
                grades.append((patient, _CODES[knee.side], project, meaning))
            truth.append(_truth(patient, knee, str(here.relative_to(folder)) if is_there else None))
        if progress is not None:
            progress(number, patients)
    columns = ["ID", "SIDE", "READPRJ", "V00XRKL"]
    pd.DataFrame(grades, columns=columns).to_csv(folder / "kXR_SQ_BU00.txt", sep="|", index=False)
    pd.DataFrame(truth).round(4).to_csv(folder / "truth.csv", index=False)


def _write_series(folder: Path, image: Image, patient: int, series: int, side: str, *, reverse: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.clip(np.rint(image.pixels), 0, _BRIGHTEST).astype(np.uint16)
    order = range(len(pixels))
    for instance, d in enumerate(order[::-1] if reverse else order, start=1):
        plane = image.affine.copy()
        plane[:3, 3] = image.position((d, 0, 0))
        write_slice(
            folder / f"{instance:03}",
            pixels[d],
            plane,
            study=patient,
            series=series,
            instance=instance,
            description=f"SAG_3D_DESS_{side.upper()}",
            thickness=image.spacing[0],
        )


def _truth(patient: int, knee: Knee, series: str | None) -> dict[str, Any]:
    return {
        "ID": patient,
        "SIDE": knee.side,
        "kl": knee.grade,
        "severity": knee.severity,
        "medial_gap": knee.gaps[0] * knee.size,
        "lateral_gap": knee.gaps[1] * knee.size,
        "osteophyte": knee.osteophyte * knee.size,
        **dict(zip("xyz", knee.pose[:3, 3], strict=True)),
        "series": series,
    }
