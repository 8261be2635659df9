"""One sample for all rows of a patient and place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.base import NO_LABEL, DataError, Exclusion
from data.image_rows.asked import Asked
from data.image_rows.rows import ImageRows

if TYPE_CHECKING:
    import pandas as pd


def merged(found: ImageRows, asked: Asked) -> tuple[pd.DataFrame, list[Exclusion]]:
    """One row for each sample, with the values on which its sequences agree.

    Raises:
        DataError: Labels are fractions.
    """
    import pandas as pd

    rows, path = found.table, asked.path
    excluded: list[Exclusion] = []
    agreed = [*asked.labels, *(["split"] if "split" in rows else [])]
    groups = rows.groupby("sample", sort=False)
    samples = groups[["patient", *asked.locations, *agreed, *asked.clinical]].first()
    different: dict[str, pd.Index[str]] = {}
    for name in agreed:
        different[name] = samples.index[groups[name].agg("nunique") > 1]
        left_out = ", so it is left out of this target" if name in asked.labels else ""
        for sample in different[name]:
            cells = rows.loc[rows["sample"] == sample, name].dropna()
            why = " and ".join(f"{cell} (line {line})" for line, cell in cells.items())
            excluded.append((path.name, sample, "", f"its sequences contradict each other in {name}{left_out}: {why}"))
    samples = samples.drop(index=different.pop("split", []))
    some_label = samples[list(asked.labels)].notna().any(axis=1)
    for name in asked.labels:
        absent = samples.index[samples[name].isna() & some_label]
        excluded += [(path.name, sample, "", f"{name} is absent: left out of this target") for sample in absent]
        samples.loc[samples.index.isin(different[name]), name] = None
        samples[name] = _numbers(samples[name], whole=True)
        if _numbers(samples[name], whole=False).dtype.kind == "f" and samples[name].dtype.kind not in "if":
            raise DataError(
                f"{path}: '{name}' holds fractions, but labels are whole numbers or words: cut it into classes"
            )
    if asked.labels:
        empty = samples.index[samples[list(asked.labels)].isna().all(axis=1)]
        excluded += [(path.name, sample, "", NO_LABEL) for sample in empty]
        samples = samples.drop(index=empty)
    for name in asked.clinical:
        differ = samples.index[(groups[name].agg("nunique") > 1).reindex(samples.index)]
        if len(differ):
            found.notes.append(
                f"{path.name}: the sequences of {len(differ)} sample{'s' * (len(differ) > 1)} differ in {name}, "
                f"such as {differ[0]}: the first value is used."
            )
        if name in found.numbers:
            samples[name] = pd.to_numeric(samples[name])
    return samples, excluded


def studies(rows: pd.DataFrame) -> dict[str, str]:
    """The study of each sample: the patient where all samples of the patient have the same files, else the sample."""
    of_sample: dict[str, set[tuple[str, ...]]] = {}
    for sample, *scan in rows[["sample", "series", "file", "mask file"]].fillna("").itertuples(index=False, name=None):
        of_sample.setdefault(sample, set()).add(tuple(scan))
    patient_of = dict(zip(rows["sample"], rows["patient"], strict=True))
    of_patient: dict[str, set[frozenset[tuple[str, ...]]]] = {}
    for sample, scans in of_sample.items():
        of_patient.setdefault(patient_of[sample], set()).add(frozenset(scans))
    # A sample of another patient may have the patient's name, and two patients must not share a study.
    taken = {sample for sample, patient in patient_of.items() if sample != patient}
    return {s: p if len(of_patient[p]) == 1 and p not in taken else s for s, p in patient_of.items()}


def _numbers(cells: pd.Series[str], *, whole: bool) -> pd.Series[float] | pd.Series[str]:
    """The cells as numbers if all are numbers (with `whole`, whole numbers), otherwise unchanged."""
    import pandas as pd

    numbers = pd.to_numeric(cells, errors="coerce")
    is_number = bool((numbers.notna() == cells.notna()).all()) and bool(numbers.notna().any())
    return numbers if is_number and not (whole and (numbers.dropna() % 1).any()) else cells
