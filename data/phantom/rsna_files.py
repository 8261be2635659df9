"""Writes phantom patients as files in RSNA 2024's layout, with a table of what was planted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import DataError
from data.phantom.clinical import ClinicalValues, draw_clinical
from data.phantom.dicom import write_slice
from data.phantom.severities import COUNTS
from data.phantom.study import PhantomStudy, StudyRecipe, draw_study
from data.rsna_challenge.places import CLASSES, DESCRIPTIONS, LEVELS, PLACES, SEQUENCES
from data.rsna_challenge.tables import CLINICAL_FILE, POINT_COLUMNS, SERIES_COLUMNS

CONDITIONS = tuple(COUNTS)
READ_ON = dict(zip(CONDITIONS, ("sagittal_t2", "sagittal_t1", "sagittal_t1", "axial_t2", "axial_t2"), strict=True))
"""The sequence in which each condition is graded and its point is marked."""

_HEADER_NAMES = {"sagittal_t1": "T1", "sagittal_t2": "T2", "axial_t2": "T2"}
_COLUMNS = tuple(PLACES)
_SUBMISSION = ("row_id", "normal_mild", "moderate", "severe")
_TEST_NUMBERS = 1_000_000


def write_rsna_phantom(
    folder: Path,
    *,
    patients: int = 40,
    test_patients: int = 1,
    seed: int = 0,
    effect: float = 0.5,
    missing: float = 0.0,
    missing_labels: float = 0.0,
    split: bool = False,
    confined: bool = False,
    mark_error: int = 0,
    spacing: tuple[float, float] = (4.4, 0.9),
    slices: int = 15,
    axial_slices: int = 5,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Writes phantom patients in RSNA 2024's layout: `train_images/{study}/{series}/{instance}.dcm`, seven tables.

    Five tables are RSNA's: `train.csv`, `train_label_coordinates.csv`, `train_series_descriptions.csv`,
    `test_series_descriptions.csv` and `sample_submission.csv`. `train_clinical.csv` has the age, sex and weight of each
    training study's patient, with gaps, which RSNA has not published. `truth.csv` has a row for each of the 25
    gradings of a training study: the grade (also where the label is missing), the share of room lost (`whole`) and its
    two parts, the structure's place (LPS mm), and for each sequence the series and instance of the slice nearest to it.

    Severities have the frequencies of `data.phantom.severities.COUNTS`. In the images only the planted signs show them:
    canals are squeezed at the disc, foramina lose the fat around the root, lateral recesses close. In the table, age
    and weight correlate with the patient's degeneration, which all its severities share. A patient depends only on
    `seed` and the patient's number, and has the same gradings whatever the other arguments are.

    Args:
        folder: Made if need be; the files of an earlier phantom are overwritten.
        patients: Training studies, of one patient each.
        test_patients: Studies in `test_images/`; none of their labels are written.
        seed: For everything that is drawn.
        effect: How strongly the anatomy, age and weight show the severities: 0 (only their frequency can be learnt) to
            1.
        missing: Share of the sequences that are left out; every study keeps one.
        missing_labels: Share of the cells of `train.csv` that are left empty; these have no point either.
        split: Whether foraminal severities are the sum of two independent parts: one changes the fat only in T1, the
            other only in T2, at the same place. Otherwise both sequences show the whole.
        confined: Whether each foramen lies in one sagittal slice; otherwise it is 9 mm long.
        mark_error: The annotated slice is off by up to so many slices, uniformly; x and y stay those of the structure.
        spacing: Spacing between slices, and on average in the plane, mm.
        slices: Slices in each sagittal series.
        axial_slices: Axial slices for each disc.
        progress: Called with the numbers of patients done and to do.

    Raises:
        DataError: An argument is out of its range.
    """
    _check_shares(effect=effect, missing=missing, missing_labels=missing_labels)
    _check_counts(1, patients=patients, slices=slices, axial_slices=axial_slices)
    _check_counts(0, test_patients=test_patients, mark_error=mark_error)
    if min(spacing) <= 0:
        raise DataError(f"spacing {spacing} must be above 0 mm")
    names = ("train", "points", "series", "test_series", "rows", "truth", "clinical")
    tables: dict[str, list[Any]] = {name: [] for name in names}
    recipe = StudyRecipe(
        seed=seed,
        effect=effect,
        missing=missing,
        split=split,
        confined=confined,
        spacing=spacing,
        slices=slices,
        axial_slices=axial_slices,
    )
    numbers = [*range(1, patients + 1), *range(_TEST_NUMBERS, _TEST_NUMBERS + test_patients)]
    for done, number in enumerate(numbers, start=1):
        is_test = number >= _TEST_NUMBERS
        study = draw_study(recipe, number)
        _write_images(folder / ("test_images" if is_test else "train_images"), study, recipe)
        described = sorted((study.id, s.id, DESCRIPTIONS[s.sequence]) for s in study.series)
        tables["test_series" if is_test else "series"] += described
        if is_test:
            tables["rows"] += [(f"{study.id}_{column}", *[1 / 3] * 3) for column in sorted(_COLUMNS)]
        else:
            rng = np.random.default_rng([seed, number, 4])
            labelled = rng.random(len(_COLUMNS)) >= missing_labels
            grades = [CLASSES[g] if k else None for g, k in zip(study.severities.grades.flat, labelled, strict=True)]
            tables["train"].append((study.id, *grades))
            tables["points"] += _points(rng, study, labelled, mark_error)
            tables["truth"] += _truth(study)
            of_patient = np.random.default_rng([seed, number, 5])
            clinical = draw_clinical(of_patient, study.severities.patient, effect=effect)
            tables["clinical"].append((study.id, *clinical))
        if progress is not None:
            progress(done, len(numbers))
    _write_tables(folder, tables)


def _write_tables(folder: Path, tables: Mapping[str, Sequence[Any]]) -> None:
    """Writes the seven tables from their rows."""
    import pandas as pd

    def write(name: str, rows: Iterable[Any], columns: tuple[str, ...] | None) -> None:
        pd.DataFrame(rows, columns=columns).to_csv(folder / f"{name}.csv", index=False)

    write("train", sorted(tables["train"]), ("study_id", *_COLUMNS))
    write("train_label_coordinates", sorted(tables["points"]), POINT_COLUMNS)
    write("train_series_descriptions", sorted(tables["series"]), SERIES_COLUMNS)
    write("test_series_descriptions", sorted(tables["test_series"]), SERIES_COLUMNS)
    write("sample_submission", tables["rows"], _SUBMISSION)
    write("truth", tables["truth"], None)
    people = pd.DataFrame(sorted(tables["clinical"]), columns=["study_id", *ClinicalValues._fields])
    people.astype({"age": "Int64", "weight": "Int64"}).to_csv(folder / CLINICAL_FILE, index=False)


def _check_shares(**shares: float) -> None:
    for name, share in shares.items():
        if not 0 <= share <= 1 or (name == "missing" and share == 1):
            raise DataError(
                f"{name} ({share:g}) must be at least 0 and {'below' if name == 'missing' else 'at most'} 1"
            )


def _check_counts(least: int, **counts: int) -> None:
    for name, count in counts.items():
        if count < least:
            raise DataError(f"{name} ({count}) must be at least {least}")


def _write_images(folder: Path, study: PhantomStudy, recipe: StudyRecipe) -> None:
    for series in study.series:
        here = folder / str(study.id) / str(series.id)
        here.mkdir(parents=True, exist_ok=True)
        for i, (pixels, plane) in enumerate(zip(series.pixels, series.planes, strict=True), start=1):
            write_slice(
                here / f"{i}.dcm",
                pixels,
                plane,
                study=study.id,
                series=series.number,
                instance=i,
                description=_HEADER_NAMES[series.sequence],
                thickness=recipe.thickness,
                distance=recipe.spacing[0],
            )


def _points(
    rng: np.random.Generator, study: PhantomStudy, labelled: NDArray[np.bool_], mark_error: int
) -> list[tuple[int | str | float, ...]]:
    """The rows of `train_label_coordinates.csv`: labelled structures that a slice of the right sequence shows."""
    errors = rng.integers(-mark_error, mark_error + 1, len(labelled))
    rows: list[tuple[int | str | float, ...]] = []
    for i, (condition, level) in enumerate(product(CONDITIONS, LEVELS)):
        found = study.nearest(READ_ON[condition], study.places.reshape(-1, 3)[i])
        if found is None or not labelled[i]:
            continue
        series, planted, (x, y) = found
        instance = int(np.clip(planted + errors[i], 1, len(series.planes)))
        name = condition.replace("_", " ").title()
        rows.append((study.id, series.id, instance, name, level, round(x, 4), round(y, 4)))
    return rows


def _truth(study: PhantomStudy) -> list[dict[str, Any]]:
    rows = []
    for i, (condition, level) in enumerate(product(CONDITIONS, LEVELS)):
        place = study.places.reshape(-1, 3)[i]
        row: dict[str, Any] = {
            "row_id": f"{study.id}_{_COLUMNS[i]}",
            "study_id": study.id,
            "condition": condition,
            "level": level,
            "severity": CLASSES[study.severities.grades.flat[i]],
        }
        row |= {n: round(float(getattr(study.severities, n).flat[i]), 4) for n in ("whole", "first", "second")}
        row |= dict(zip("xyz", place.round(3), strict=True))
        for sequence in SEQUENCES:
            found = study.nearest(sequence, place)
            row[f"{sequence}_series"] = str(found[0].id) if found else None
            row[f"{sequence}_instance"] = str(found[1]) if found else None
        rows.append(row)
    return rows
