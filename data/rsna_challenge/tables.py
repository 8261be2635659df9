"""Reads the three tables of RSNA 2024: the gradings, the series, and the points at which gradings were marked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from data.base import DataError, Exclusion, Target
from data.reading.tables import spreadsheets
from data.reading.tables.column_rules import ColumnRules
from data.rsna_challenge.places import CLASSES, DESCRIPTIONS, PLACES, SIDES, Place

if TYPE_CHECKING:
    import pandas as pd

GRADINGS_FILE, SERIES_FILE = "train.csv", "train_series_descriptions.csv"
POINTS_FILE = "train_label_coordinates.csv"
CLINICAL_FILE = "train_clinical.csv"
SERIES_COLUMNS = ("study_id", "series_id", "series_description")
POINT_COLUMNS = ("study_id", "series_id", "instance_number", "condition", "level", "x", "y")

_SEQUENCE_OF = {words.casefold(): sequence for sequence, words in DESCRIPTIONS.items()}


class AnnotatedPoint(NamedTuple):
    """A row of the coordinates table; x (column) and y (row) are pixel indices in a file, from 0 and not rounded."""

    sample: str
    series: str
    instance: str
    x: float
    y: float


def targets() -> list[Target]:
    """All gradings pooled; one target for each condition, for each condition and side, and for each place."""
    rows: dict[str, dict[str, str]] = {"severity": {}}
    rows |= {condition: {"condition": condition} for condition in SIDES}
    rows |= {p.graded: {"condition": p.condition, "side": p.side} for p in PLACES.values() if p.side != "middle"}
    rows |= {column: place._asdict() for column, place in PLACES.items()}
    return [Target(name, "severity", CLASSES, ordinal=True, rows=where) for name, where in rows.items()]


def read_series(path: Path, excluded: list[Exclusion]) -> dict[str, dict[str, str]]:
    """The sequence of each series, by study and series; unusable rows are added to `excluded`."""
    table = spreadsheets.read(path)
    columns = [spreadsheets.column(table, name, path).fillna("") for name in SERIES_COLUMNS]
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for line, study, series, description in zip(table.index, *columns, strict=True):
        sequence = _SEQUENCE_OF.get(" ".join(description.casefold().split()))
        if sequence is None:
            why = f"line {line}: series {series} of study {study} is '{description}', none of {', '.join(_SEQUENCE_OF)}"
            excluded.append((path.name, "", "", why))
        elif found[study].setdefault(series, sequence) != sequence:
            why = f"line {line}: series {series} of study {study} was listed before as {found[study][series]}"
            excluded.append((path.name, "", sequence, why))
    return dict(found)


def read_gradings(path: Path, scanned: set[str], excluded: list[Exclusion]) -> pd.DataFrame:
    """One row for each place of a study with images; unusable studies and labels are added to `excluded`."""
    import pandas as pd

    table = spreadsheets.read(path)
    wide = pd.DataFrame({column: spreadsheets.column(table, column, path) for column in ("study_id", *PLACES)})
    different = wide.drop_duplicates()["study_id"]
    contradictory = set(different[different.duplicated()])
    excluded.extend((path.name, "", "", why) for why in _unusable(wide, contradictory, scanned))
    wide = wide[wide["study_id"].isin(scanned.difference(contradictory)) & ~wide.duplicated()]

    lines = np.repeat(wide.index.to_numpy(), len(PLACES)).tolist()
    studies = np.repeat(wide["study_id"].to_numpy(dtype=str), len(PLACES))
    columns = list(PLACES) * len(wide)
    labels = wide[list(PLACES)].to_numpy(dtype=object).ravel()
    ids = [f"{study}_{column}" for study, column in zip(studies, columns, strict=True)]
    for sample, line, label in zip(ids, lines, labels, strict=True):
        if label not in CLASSES:
            what = "absent" if pd.isna(label) else f"'{label}', none of {', '.join(CLASSES)}"
            excluded.append((path.name, sample, "", f"line {line}: severity is {what}: left out of its targets"))
    places = {name: [getattr(PLACES[column], name) for column in columns] for name in Place._fields}
    severity = [label if label in CLASSES else None for label in labels]
    index = pd.Index(ids, name="sample", dtype="str")
    return pd.DataFrame({"patient": studies, "study": studies, **places, "severity": severity}, index, dtype="str")


def read_clinical(
    rules: ColumnRules, columns: tuple[str, ...], scanned: set[str], excluded: list[Exclusion]
) -> tuple[pd.DataFrame, list[str]]:
    """The columns of the table of patients by study (index `study`): numbers where all cells are, else text.

    Args:
        rules: The table's file, and what the grid says about its columns.
        columns: The columns.
        scanned: The studies with images.
        excluded: Cells that are no number in a column of numbers are added to it.

    Returns:
        The columns, and notes on how they were read.

    Raises:
        DataError: The file or a column is missing, a column has a name that samples use, a column mixes numbers and
            words, or a study has two rows.
    """
    import pandas as pd

    path = rules.path
    if taken := {"patient", "study", *Place._fields, "severity"}.intersection(columns):
        raise DataError(f"{path}: a clinical column can't be named '{min(taken)}': rename it")
    notes: list[str] = []
    table = spreadsheets.read(path, notes)
    study = spreadsheets.column(table, "study_id", path)
    if study.duplicated().any():
        line, name = next(study[study.duplicated()].items())
        raise DataError(f"{path}, line {line}: study {name} has a row before: write one row for each study")
    rules.check(table, columns)
    found = pd.DataFrame(index=table.index)
    for name in columns:
        one = rules.clinical(table, name)
        found[name] = pd.to_numeric(one.cells) if one.number else one.cells
        notes += one.notes
        excluded += one.excluded(path.name)
    if absent := sorted(scanned.difference(study)):
        notes.append(
            f"{path.name}: {len(absent)} studies with images have no row, such as {absent[0]}: their clinical columns "
            "are missing."
        )
    return found.set_index(pd.Index(study, name="study")), notes


def _unusable(wide: pd.DataFrame, contradictory: set[str], scanned: set[str]) -> Iterator[str]:
    for line, study in wide.loc[wide["study_id"].duplicated(), "study_id"].items():
        kept = "the rows contradict each other, so none is kept" if study in contradictory else "the first is kept"
        yield f"line {line}: study {study} occurs twice: {kept}"
    unseen = wide.loc[~wide["study_id"].isin(scanned), "study_id"]
    yield from (f"line {line}: study {study} has no image of the sequences" for line, study in unseen.items())
    yield from (f"study {study} has images but no row" for study in sorted(scanned.difference(wide["study_id"])))


def read_points(path: Path, excluded: list[Exclusion]) -> dict[str, list[AnnotatedPoint]]:
    """The points of each study, one for each sample; unusable rows are added to `excluded`."""
    import pandas as pd

    table = spreadsheets.read(path)
    rows = pd.DataFrame({name: spreadsheets.column(table, name, path) for name in POINT_COLUMNS})
    rows[["x", "y"]] = rows[["x", "y"]].apply(pd.to_numeric, errors="coerce")
    place = (rows["condition"] + "_" + rows["level"]).str.lower().str.replace(r"[ /]+", "_", regex=True)
    rows["sample"] = rows["study_id"] + "_" + place
    usable = rows.notna().all(axis=1) & place.isin(list(PLACES))
    second = usable & rows["sample"].where(usable).duplicated()
    for odd, why in (
        (rows[~usable], "has no graded place, series, instance, x or y"),
        (rows[second], "a second point of its sample; the first is kept"),
    ):
        samples = odd["sample"].fillna("")
        excluded.extend((path.name, sample, "", f"line {line}: {why}") for line, sample in samples.items())
    points: dict[str, list[AnnotatedPoint]] = defaultdict(list)
    kept = rows[usable & ~second]
    columns = (kept[name].tolist() for name in ("study_id", "sample", "series_id", "instance_number", "x", "y"))
    for study, *point in zip(*columns, strict=True):
        points[study].append(AnnotatedPoint(*point))
    return dict(points)
