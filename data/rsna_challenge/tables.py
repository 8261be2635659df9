"""The three tables of RSNA 2024: what was graded, which series there are, and where the gradings were marked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from data.base import Target
from data.reading import spreadsheets

if TYPE_CHECKING:
    import pandas as pd

Exclusion = tuple[str, str, str, str]

CLASSES = ("Normal/Mild", "Moderate", "Severe")
LEVELS = ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")
SIDES = {
    "spinal_canal_stenosis": ("middle",),
    "neural_foraminal_narrowing": ("left", "right"),
    "subarticular_stenosis": ("left", "right"),
}
SEQUENCES = {"sagittal t1": "sagittal_t1", "sagittal t2/stir": "sagittal_t2", "axial t2": "axial_t2"}
SHOWN = {
    "condition": {
        "spinal_canal_stenosis": "Spinal canal",
        "neural_foraminal_narrowing": "Foramen",
        "subarticular_stenosis": "Subarticular",
    },
    "side": {"middle": ""},
    "sequence": {"sagittal_t1": "Sagittal T1", "sagittal_t2": "Sagittal T2/STIR", "axial_t2": "Axial T2"},
}
GRADINGS_FILE, SERIES_FILE = "train.csv", "train_series_descriptions.csv"
MARKS_FILE = "train_label_coordinates.csv"


class Place(NamedTuple):
    """What is graded once in every study."""

    condition: str
    side: str
    level: str

    @property
    def graded(self) -> str:
        """The condition with its side, as the tables name it."""
        return self.condition if self.side == "middle" else f"{self.side}_{self.condition}"

    @property
    def column(self) -> str:
        """The column of `train.csv`."""
        return f"{self.graded}_{self.level.lower().replace('/', '_')}"


PLACES = {
    place.column: place
    for condition, sides in SIDES.items()
    for side, level in product(sides, LEVELS)
    for place in [Place(condition, side, level)]
}


class Mark(NamedTuple):
    """A row of the coordinates table: x (column) and y (row) are pixel indices of a file, from 0 and not rounded."""

    sample: str
    series: str
    instance: str
    x: float
    y: float


def targets() -> list[Target]:
    """All gradings pooled; one a condition; one a condition and side; one a column of `train.csv`."""
    rows: dict[str, dict[str, str]] = {"severity": {}}
    rows |= {condition: {"condition": condition} for condition in SIDES}
    rows |= {p.graded: {"condition": p.condition, "side": p.side} for p in PLACES.values() if p.side != "middle"}
    rows |= {column: place._asdict() for column, place in PLACES.items()}
    return [Target(name, "severity", CLASSES, ordinal=True, rows=where) for name, where in rows.items()]


def read_series(path: Path, excluded: list[Exclusion]) -> dict[str, dict[str, str]]:
    """The sequence of each series, by study and series; unusable rows are added to `excluded`."""
    table = spreadsheets.read(path)
    names = ("study_id", "series_id", "series_description")
    columns = [spreadsheets.column(table, name, path).fillna("") for name in names]
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for line, study, series, description in zip(table.index, *columns, strict=True):
        sequence = SEQUENCES.get(" ".join(description.casefold().split()))
        if sequence is None:
            why = f"line {line}: series {series} of study {study} is '{description}', none of {', '.join(SEQUENCES)}"
            excluded.append((path.name, "", "", why))
        elif found[study].setdefault(series, sequence) != sequence:
            why = f"line {line}: series {series} of study {study} is listed before as {found[study][series]}"
            excluded.append((path.name, "", sequence, why))
    return dict(found)


def read_gradings(path: Path, scanned: set[str], excluded: list[Exclusion]) -> pd.DataFrame:
    """One row a study and place, of studies that have images; what can't be used is added to `excluded`."""
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
    told = wide[list(PLACES)].to_numpy(dtype=object).ravel()
    ids = [f"{study}_{column}" for study, column in zip(studies, columns, strict=True)]
    for sample, line, label in zip(ids, lines, told, strict=True):
        if label not in CLASSES:
            what = "absent" if pd.isna(label) else f"'{label}', none of {', '.join(CLASSES)}"
            excluded.append((path.name, sample, "", f"line {line}: severity is {what}: left out of its targets"))
    places = {name: [getattr(PLACES[column], name) for column in columns] for name in Place._fields}
    severity = [label if label in CLASSES else None for label in told]
    index = pd.Index(ids, name="sample", dtype="str")
    return pd.DataFrame({"patient": studies, "study": studies, **places, "severity": severity}, index, dtype="str")


def _unusable(wide: pd.DataFrame, contradictory: set[str], scanned: set[str]) -> Iterator[str]:
    for line, study in wide.loc[wide["study_id"].duplicated(), "study_id"].items():
        kept = "the rows contradict each other, none is kept" if study in contradictory else "the first is kept"
        yield f"line {line}: study {study} is there twice: {kept}"
    unseen = wide.loc[~wide["study_id"].isin(scanned), "study_id"]
    yield from (f"line {line}: study {study} has no image of the sequences" for line, study in unseen.items())
    yield from (f"study {study} has images but no row" for study in sorted(scanned.difference(wide["study_id"])))


def read_marks(path: Path, excluded: list[Exclusion]) -> dict[str, list[Mark]]:
    """The marks of each study, one a sample; rows that can't be used are added to `excluded`."""
    import pandas as pd

    table = spreadsheets.read(path)
    names = ("study_id", "series_id", "instance_number", "condition", "level", "x", "y")
    rows = pd.DataFrame({name: spreadsheets.column(table, name, path) for name in names})
    rows[["x", "y"]] = rows[["x", "y"]].apply(pd.to_numeric, errors="coerce")
    place = (rows["condition"] + "_" + rows["level"]).str.lower().str.replace(r"[ /]+", "_", regex=True)
    rows["sample"] = rows["study_id"] + "_" + place
    usable = rows.notna().all(axis=1) & place.isin(list(PLACES))
    second = usable & rows["sample"].where(usable).duplicated()
    for odd, why in (
        (rows[~usable], "lacks a graded place, a series, an instance, x or y"),
        (rows[second], "another point of its sample, whose first is kept"),
    ):
        samples = odd["sample"].fillna("")
        excluded.extend((path.name, sample, "", f"line {line}: {why}") for line, sample in samples.items())
    marks: dict[str, list[Mark]] = defaultdict(list)
    kept = rows[usable & ~second]
    columns = (kept[name].tolist() for name in ("study_id", "sample", "series_id", "instance_number", "x", "y"))
    for study, *mark in zip(*columns, strict=True):
        marks[study].append(Mark(*mark))
    return dict(marks)
