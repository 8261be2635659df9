"""The usable rows of a table of images, with names for their samples."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from data.base import DataError, Exclusion
from data.image_rows.asked import Asked
from data.reading.tables import ids, spreadsheets, typed

if TYPE_CHECKING:
    import pandas as pd

_LONGEST, _LONGEST_PATH = 255, 4095  # bytes of the name of a file, and of its path, on most systems
_SHOWN = 40
_SPLITS = {"train": "train", "training": "train", "val": "val", "validation": "val", "test": "test"}


@dataclass
class ImageRows:
    """The usable rows of a table: one image each.

    Args:
        table: `sample`, `patient`, `series`, `file` and `mask file` (as the table names them), `split` if there is
            one, and the columns that the grid names, as text; the index is the line in the file.
        numbers: The clinical columns of numbers.
        excluded: Rows and cells that can't be used.
        notes: Sentences on how cells were read.
    """

    table: pd.DataFrame
    numbers: set[str] = field(default_factory=set)
    excluded: list[Exclusion] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read(asked: Asked) -> ImageRows:
    """Reads a table of images.

    Raises:
        DataError: The table can't be read, lacks a column, or has cells that can't be right.
    """
    import pandas as pd

    path = asked.path
    notes: list[str] = []
    table = spreadsheets.read(path, notes)
    _check_present(table, asked)
    asked.check(table)

    def column(name: str) -> pd.Series[str]:
        return spreadsheets.column(table, name, path)

    def has(name: str, default: str) -> bool:
        return asked.find(table, name) is not None or (bool(name) and name != default)

    # The root is left out: its name may hold bytes that are no text.
    cells = pd.DataFrame({"file": column(asked.image).map(lambda cell: str(Path(cell)), na_action="ignore")})
    found = ImageRows(cells, notes=notes)
    cells["patient"] = (
        spreadsheets.ids(table, asked.patient, path) if asked.patient else "row" + cells.index.astype("str")
    )
    cells["series"] = column(asked.sequence) if has(asked.sequence, "sequence") else "image"
    cells["mask file"] = column(asked.mask) if has(asked.mask, "mask") else None
    cells["mask file"] = cells["mask file"].map(lambda cell: str(Path(cell)), na_action="ignore")
    for name in asked.locations:
        cells[name] = column(name)
    for name in asked.labels:
        cells[name] = _labels(table, name, asked, found.notes)
    for name in asked.clinical:
        one = asked.rules.clinical(table, name)
        cells[name] = one.cells
        found.numbers |= {name} if one.number else set()
        found.notes += one.notes
        found.excluded += one.excluded(path.name)
    if has(asked.split, "split"):
        split = column(asked.split).str.lower()
        if unknown := set(split.dropna()).difference(_SPLITS):
            raise DataError(f"{path}: split '{min(unknown)}' is none of train, val, test")
        cells["split"] = split.map(_SPLITS)
    _without_holes(found, asked)
    _without_long_names(found, asked)
    _check_ids(found, asked)
    _name_samples(found, asked)
    return found


def _check_present(table: pd.DataFrame, asked: Asked) -> None:
    known = spreadsheets.listed(table)
    if asked.find(table, asked.image) is None:
        raise DataError(f"{asked.path}: no column '{asked.image}' of image files; it has {known}: name one in `image`")
    if asked.patient and asked.find(table, asked.patient) is None:
        raise DataError(
            f"{asked.path}: no column '{asked.patient}' of patients; it has {known}: name the column in `patient`, "
            'or set patient: "" if each row is a patient of its own'
        )
    for name in (*asked.locations, *asked.labels, *asked.clinical):
        spreadsheets.ids(table, name, asked.path)


def _labels(table: pd.DataFrame, name: str, asked: Asked, notes: list[str]) -> pd.Series[str]:
    """Labels as text, whole numbers without `.0`, each word in one spelling."""
    path = asked.path
    raw = typed.without(spreadsheets.ids(table, name, path), asked.rules.missing_of(table, name))
    known: pd.Series[str] = raw.mask(raw.isin(spreadsheets.MISSING))
    notes += asked.rules.unused(table, name)
    whole = typed.whole_numbers(known)
    if name in asked.ordinal and name not in asked.classes and not whole.all():
        raise DataError(
            f"{path}: '{name}' is ordinal, so its labels must be whole numbers, but {typed.cells_of(known[~whole])}: "
            f"list its words in order with classes: {{{name}: [...]}}, write 0, 1, 2 ..., or set "
            f"missing: {{{name}: [...]}} with the values that mean none"
        )
    labels, merged = typed.one_word(known, name, path)
    notes += merged
    if whole.all():
        notes += typed.codes(labels, name, path, settable=True)
    elif (whole & known.notna()).any() and whole.mean() > 0.5:
        notes.append(
            f"{path.name}: in column '{name}', {typed.cells_of(known[~whole])}, and most other labels are whole "
            f"numbers: each word is a class. Set missing: {{{name}: [...]}} if a word means that there is none."
        )
    return labels


def _without_holes(found: ImageRows, asked: Asked) -> None:
    """Leaves out the rows without an image, a patient or a place."""
    needed = {"file": asked.image, "patient": asked.patient, "series": asked.sequence}
    needed |= {name: name for name in asked.locations}
    holes = found.table[list(needed)].isna()
    found.excluded += [
        (asked.path.name, "", "", f"line {line}: no {' and no '.join(needed[n] for n in needed if hole[n])}")
        for line, hole in holes[holes.any(axis=1)].iterrows()
    ]
    found.table = found.table[~holes.any(axis=1)]
    if found.table.empty:
        raise DataError(f"{asked.path}: no row names {', '.join(needed.values())}")


def _without_long_names(found: ImageRows, asked: Asked) -> None:
    """Leaves out the rows whose image or mask has a longer name than a file can have: the system refuses to look."""
    for column, written in (("file", asked.image), ("mask file", asked.mask)):
        cells = found.table[column].dropna()
        long = cells[[_is_too_long(asked.root / cell) for cell in cells]]
        found.excluded += [
            (
                asked.path.name,
                "",
                "",
                f"line {line}: {written} '{cell[:_SHOWN]}...' is longer than a file's name can be",
            )
            for line, cell in long.items()
        ]
        found.table = found.table.drop(index=long.index)
    if found.table.empty:
        raise DataError(f"{asked.path}: every image or mask has a longer name than a file can have: name files")


def _is_too_long(path: Path) -> bool:
    lengths = [len(os.fsencode(part)) for part in path.parts]
    return max(lengths) > _LONGEST or sum(lengths) + len(lengths) > _LONGEST_PATH


def _check_ids(found: ImageRows, asked: Asked) -> None:
    """Demands one spelling of each patient, sequence and place; notes patients who are called as if they were none."""
    named = {"series": asked.sequence, **{name: name for name in asked.locations}}
    if asked.patient:
        named = {"patient": asked.patient} | named
    for name, written in named.items():
        if asked.ids == "exact":
            ids.clean(found.table[name], written, asked.path)
        else:
            ids.check(found.table[name], written, asked.path, dates=name != "patient")
    nobody = found.table["patient"][found.table["patient"].str.casefold().isin(ids.NOBODY)]
    for patient, rows in nobody.groupby(nobody):
        found.notes.append(
            f"{asked.path.name}: {asked.patient} '{patient}' (line {rows.index[0]}) is taken as a name, and its "
            f"{len(rows)} row{'s' * (len(rows) > 1)} as one patient: empty the cells if they mean that there is none."
        )


def _name_samples(found: ImageRows, asked: Asked) -> None:
    """Adds the column `sample`; rows of one patient and place are one sample."""
    rows = found.table
    keys: list[tuple[str, ...]] = list(rows[["patient", *asked.locations]].itertuples(index=False, name=None))
    seen: dict[tuple[tuple[str, ...], str], int] = {}
    for line, key, series in zip(rows.index.tolist(), keys, rows["series"], strict=True):
        if (before := seen.setdefault((key, series), line)) != line:
            raise DataError(
                f"{asked.path}: lines {before} and {line} are both sample '{'_'.join(key)}' in sequence '{series}': "
                "name the columns that tell them apart in `locations` or `sequence`, or delete one of the lines"
            )
    names = ids.joined(keys, asked.path)
    found.table = rows.assign(sample=[names[key] for key in keys])
