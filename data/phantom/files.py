"""Writes phantom patients as files in SPIDER's layout, with a table of the true geometry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.base import DataError, Image
from data.phantom.anatomy import draw_anatomy
from data.phantom.canvas import SEQUENCES
from data.phantom.gradings import LEVELS, SPIDER_NAMES, draw_gradings
from data.phantom.scan import sagittal_grid, scan
from data.phantom.shapes import Anatomy, measure
from data.reading.volumes import for_simpleitk

_DISCS = (6, 7, 8)
_DISC_SHARES = (0.34, 0.41, 0.25)
_OVERVIEW = (
    "new_file_name num_vertebrae num_discs sex birth_date subset AngioFlag BodyPartExamined DeviceSerialNumber "
    "EchoNumbers EchoTime EchoTrainLength FlipAngle ImagedNucleus ImagingFrequency InPlanePhaseEncodingDirection "
    "MRAcquisitionType MagneticFieldStrength Manufacturer ManufacturerModelName NumberOfPhaseEncodingSteps "
    "PercentPhaseFieldOfView PercentSampling PhotometricInterpretation PixelBandwidth PixelSpacing RepetitionTime SAR "
    "SamplesPerPixel ScanningSequence SequenceName SeriesDescription SliceThickness SoftwareVersions "
    "SpacingBetweenSlices SpecificCharacterSet TransmitCoilName WindowCenter WindowWidth"
)
_SCANNERS = (("SIEMENS", "Avanto_fit", 1.5), ("SIEMENS", "Skyra_fit", 3.0), ("Philips Healthcare", "Ingenia", 3.0))
_TIMES = {"t1": (600.0, 10.0), "t2": (3500.0, 110.0), "t2_SPACE": (1000.0, 93.0), "stir": (4500.0, 60.0)}


def write_phantom(
    folder: Path,
    *,
    patients: int = 40,
    seed: int = 0,
    effect: float = 0.5,
    sequences: Sequence[str] = ("t1", "t2"),
    missing: float = 0.0,
    spacing: tuple[float, float] = (4.4, 0.9),
    slices: int = 15,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Writes phantom patients in SPIDER's layout: `images/`, `masks/`, `radiological_gradings.csv`, `overview.csv`.

    `truth.csv` also has one row per disc: all gradings (stenosis too, which SPIDER doesn't grade), the true geometry of
    `data.phantom.shapes.measure` and the patient's `FACTORS`. A patient depends only on `seed` and the patient's
    number; another `effect` gives the same patients with the same gradings.

    Args:
        folder: Made if need be; the files of an earlier phantom are overwritten.
        patients: Number of patients; each has 6 to 8 graded discs.
        seed: For everything that is drawn.
        effect: How strongly the anatomy shows the gradings: 0 (only their frequency by level can be learnt) to 1.
        sequences: Any of `t1`, `t2`, `t2_SPACE` (thin slices, a grid of its own) and `stir`.
        missing: Share of series that are left out; every patient keeps one.
        spacing: Spacing between slices, and on average in the plane, mm.
        slices: Slices in each series; those of `t2_SPACE` are three times as dense.
        progress: Called with the numbers of patients done and to do.

    Raises:
        DataError: An argument is out of its range.
    """
    _check(patients, effect, sequences, missing, spacing, slices)
    import pandas as pd

    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    gradings_rows, overview_rows, truth_rows = [], [], []
    for number in range(1, patients + 1):
        layout, anatomy_rng, scan_rng = (np.random.default_rng([seed, number, part]) for part in range(3))
        discs = int(layout.choice(_DISCS, p=_DISC_SHARES))
        gradings, degeneration = draw_gradings(layout, discs)
        anatomy = draw_anatomy(anatomy_rng, gradings, effect)
        person = _person(layout, degeneration * effect)
        chosen = _chosen(layout, sequences, missing)
        for sequence, image in _series(scan_rng, anatomy, chosen, spacing, slices).items():
            _write(folder, f"{number}_{sequence}.mha", image)
            overview_rows.append(_overview_row(number, sequence, discs, person, image))
        for i in range(discs):
            row: dict[str, Any] = {"Patient": number, "IVD label": i + 1}
            gradings_rows.append(row | {SPIDER_NAMES[n]: int(g[i]) for n, g in gradings.items() if n in SPIDER_NAMES})
            row |= {"level": LEVELS[i]} | {name: int(g[i]) for name, g in gradings.items()}
            own = measure(anatomy.discs[i], anatomy.pose)
            of_patient = {f"body_{n}" if n in own else n: value for n, value in anatomy.factors.items()}
            truth_rows.append(row | own | of_patient)
        if progress is not None:
            progress(number, patients)
    columns = ["Patient", "IVD label", *SPIDER_NAMES.values()]
    pd.DataFrame(gradings_rows, columns=columns).to_csv(folder / "radiological_gradings.csv", index=False)
    pd.DataFrame(overview_rows, columns=_OVERVIEW.split()).to_csv(folder / "overview.csv", index=False)
    pd.DataFrame(truth_rows).round(4).to_csv(folder / "truth.csv", index=False)


def _check(
    patients: int, effect: float, sequences: Sequence[str], missing: float, spacing: tuple[float, float], slices: int
) -> None:
    unknown = [s for s in sequences if s not in SEQUENCES]
    if unknown or not sequences:
        raise DataError(f"sequences {unknown or 'are empty'}: the phantom has {', '.join(SEQUENCES)}")
    if not 0 <= effect <= 1:
        raise DataError(f"effect ({effect:g}) must lie between 0 and 1")
    if not 0 <= missing < 1:
        raise DataError(f"missing ({missing:g}) must be at least 0 and below 1: it is a share of the series")
    if patients < 1 or slices < 1 or min(spacing) <= 0:
        raise DataError(f"patients ({patients}), slices ({slices}) and spacing {spacing} must be above 0")


def _chosen(rng: np.random.Generator, sequences: Sequence[str], missing: float) -> list[str]:
    """The sequences that a patient has."""
    luck = dict(zip(SEQUENCES, rng.random(len(SEQUENCES)), strict=True))
    luckiest = max(sequences, key=luck.__getitem__)
    return [s for s in sequences if luck[s] >= missing or s == luckiest]


def _series(
    rng: np.random.Generator, anatomy: Anatomy, sequences: Sequence[str], spacing: tuple[float, float], slices: int
) -> dict[str, Image]:
    """The patient's scans; all but `t2_SPACE` have one grid and one mask."""
    thick_rng, thin_rng = rng.spawn(2)
    images: dict[str, Image] = {}
    if thick := [s for s in sequences if s != "t2_SPACE"]:
        affine, shape = sagittal_grid(thick_rng, anatomy, spacing, slices)
        images |= scan(thick_rng, anatomy, affine, shape, thick, thickness=0.9 * spacing[0])
    if len(thick) < len(sequences):
        affine, shape = sagittal_grid(thin_rng, anatomy, (spacing[0] / 3, spacing[1]), 3 * slices)
        images |= scan(thin_rng, anatomy, affine, shape, ("t2_SPACE",), parts=1)
    return images


def _person(rng: np.random.Generator, degeneration: float) -> dict[str, Any]:
    maker, model, field = _SCANNERS[rng.integers(len(_SCANNERS))]
    age = float(np.clip(58 + 15 * (0.6 * degeneration + 0.8 * rng.standard_normal()), 18, 90).round())
    return {
        "sex": ("F", "M")[rng.integers(2)],
        # As in SPIDER, where most ages are empty.
        "birth_date": age if rng.random() < 0.6 else None,
        "subset": "training" if rng.random() < 0.82 else "validation",
        "BodyPartExamined": "LSPINE",
        "MagneticFieldStrength": field,
        "Manufacturer": maker,
        "ManufacturerModelName": model,
    }


def _overview_row(number: int, sequence: str, discs: int, person: dict[str, Any], image: Image) -> dict[str, Any]:
    between, pixel, _ = image.spacing
    repetition, echo = _TIMES[sequence]
    thin = sequence == "t2_SPACE"
    return person | {
        "new_file_name": f"{number}_{sequence}",
        "num_vertebrae": discs,
        "num_discs": discs,
        "MRAcquisitionType": "3D" if thin else "2D",
        "RepetitionTime": repetition,
        "EchoTime": echo,
        "PixelSpacing": f"[{pixel:.4f}, {pixel:.4f}]",
        "SliceThickness": round(between if thin else 0.9 * between, 3),
        "SpacingBetweenSlices": round(between, 3),
    }


def _write(folder: Path, name: str, image: Image) -> None:
    """Writes image and mask with SPIDER's axes: left-right runs fastest, then front-back, then upwards."""
    import SimpleITK

    left, down, back = image.directions
    between, pixel, _ = image.spacing
    # Noise doesn't compress, and an uncompressed image is read faster; a mask shrinks a hundredfold.
    for kind, array in (("images", image.pixels), ("masks", image.mask)):
        upwards = np.asarray(array).transpose(1, 2, 0)[::-1]
        file: Any = SimpleITK.GetImageFromArray(np.ascontiguousarray(upwards, dtype=np.int16))
        file.SetSpacing((between, pixel, pixel))
        file.SetDirection(np.column_stack([left, back, -down]).ravel().tolist())
        file.SetOrigin(image.position((0, upwards.shape[0] - 1, 0)).tolist())
        SimpleITK.WriteImage(file, for_simpleitk(folder / kind / name), useCompression=kind == "masks")
