"""SPIDER's overview: a row for each scan, with what is known of its patient."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from data.base import DataError, Exclusion
from data.reading.tables import spreadsheets, typed
from data.spider_tables import layouts

if TYPE_CHECKING:
    import pandas as pd

CLINICAL = {
    "sex": "sex",
    "age": "birth_date",  # in spite of its name it holds an age
    "manufacturer": "Manufacturer",
    "model": "ManufacturerModelName",
    "field_strength": "MagneticFieldStrength",
}
_NUMBERS = ("age", "field_strength")
_SPLITS = {"training": "train", "validation": "test", "test": "test"}


def read(
    path: Path, name_of: Callable[[str], tuple[str, str]], scanned: Collection[str]
) -> tuple[pd.DataFrame, list[Exclusion], list[str]]:
    """Clinical columns and `split` of each patient, from the row of T2 and, where it is empty, from other sequences.

    Args:
        path: The table.
        name_of: From the name of a scan to its patient and sequence.
        scanned: The patients who have images.

    Returns:
        One row for each patient; the cells that can't be used; notes on how the table was read.

    Raises:
        DataError: The table can't be read, a subset is unknown, or a patient is in two.
    """
    import pandas as pd

    notes: list[str] = []
    table = spreadsheets.read(path, notes)
    excluded: list[Exclusion] = []
    rows = pd.DataFrame(index=table.index)
    for name, source in CLINICAL.items():
        declared = typed.NUMBER if name in _NUMBERS else typed.WORDS
        one = typed.clinical(spreadsheets.ids(table, source, path), source, path, declared=declared)
        rows[name] = pd.to_numeric(one.cells) if one.number else one.cells
        notes += one.notes
        excluded += one.excluded(path.name)
    subset = spreadsheets.column(table, "subset", path)
    if unknown := set(subset.dropna()).difference(_SPLITS):
        raise DataError(f"{path}: subset '{min(unknown)}' is none of {', '.join(_SPLITS)}")
    rows["split"] = subset.map(_SPLITS)
    scans = [name_of(name) for name in spreadsheets.column(table, "new_file_name", path).fillna("")]
    patients = pd.Series([patient for patient, _ in scans], index=rows.index, dtype="str")
    rows["patient"] = layouts.as_scanned(patients, scanned, path, notes)
    splits = rows[["patient", "split"]].dropna().drop_duplicates()
    if len(both := splits.loc[splits.duplicated("patient"), "patient"]):
        raise DataError(f"{path}: patient {both.iloc[0]} is in two subsets, but a split must be by patient")
    if absent := sorted(set(scanned).difference(rows["patient"])):
        notes.append(
            f"{path.name}: {len(absent)} patients with images have no row, such as {absent[0]}: their clinical columns "
            "are missing, and they are in no subset."
        )
    rows["other"] = [sequence != "t2" for _, sequence in scans]
    of_patient = rows.sort_values("other", kind="stable").groupby("patient").first().drop(columns="other")
    return of_patient, excluded, notes
