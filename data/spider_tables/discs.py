"""SPIDER's gradings, one row for each disc."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from data.base import Exclusion
from data.spider_tables import layouts

if TYPE_CHECKING:
    import pandas as pd


class Grading(NamedTuple):
    """A grade: the spellings of its column, its classes, and whether they have an order."""

    columns: tuple[str, ...]
    classes: tuple[int, ...] = (0, 1)
    ordinal: bool = False


GRADINGS = {
    "modic": Grading(("Modic",), (0, 1, 2, 3)),
    "upper_endplate": Grading(("UP endplate", "Sup endplate")),
    "lower_endplate": Grading(("LOW endplate", "Inf endplate")),
    "spondylolisthesis": Grading(("Spondylolisthesis", "Listhesis")),
    "herniation": Grading(("Disc herniation", "Herniation")),
    "narrowing": Grading(("Disc narrowing", "Narrowing")),
    "bulging": Grading(("Disc bulging", "Bulging")),
    "pfirrmann": Grading(("Pfirrman grade", "Pfirrmann grade", "Pfirrmann"), (1, 2, 3, 4, 5), ordinal=True),
}
VERTEBRAE = ("S1", *(f"L{n}" for n in range(5, 0, -1)), *(f"T{n}" for n in range(12, 0, -1)))


def read(path: Path, scanned: set[str]) -> tuple[pd.DataFrame, list[Exclusion], list[str]]:
    """One row for each usable disc, the exclusions, and notes on how the table was read."""
    import pandas as pd

    discs, notes = layouts.read(path, {name: grading.columns for name, grading in GRADINGS.items()}, scanned)
    excluded: list[Exclusion] = []

    def name(rows: pd.DataFrame, why: pd.Series[str] | str) -> None:
        samples = rows["patient"].fillna("?") + "_ivd" + rows["disc"].fillna("?")
        reasons = "line " + rows["line"].astype("str") + ": " + why
        excluded.extend((path.name, sample, "", reason) for sample, reason in zip(samples, reasons, strict=True))

    anonymous = discs["patient"].isna()
    name(discs[anonymous], "has no patient")
    unseen = discs[~anonymous & ~discs["patient"].isin(scanned)]
    if len(unseen):
        why = f"{unseen['patient'].nunique()} patients with {len(unseen)} graded discs have no image"
        excluded.append((path.name, "", "", why))
    discs = discs[discs["patient"].isin(scanned)]
    ungraded = scanned.difference(discs["patient"])
    excluded.extend((path.name, "", "", f"patient {patient} has images but no grading") for patient in sorted(ungraded))

    ivd = pd.to_numeric(discs["disc"], errors="coerce")
    known = ivd.isin(range(1, len(VERTEBRAE)))
    name(discs[~known], "IVD label is " + _shown(discs.loc[~known, "disc"]) + ", discs count from 1 (L5/S1)")
    discs = discs[known].assign(ivd=ivd[known].astype("int64"))

    disc = ["patient", "ivd"]
    repeated = discs.duplicated([*disc, *GRADINGS])
    kept = discs.groupby(disc)["line"].transform("first")[repeated].astype("str")
    name(discs[repeated], "the same as line " + kept + ", which is kept")
    discs = discs[~repeated]
    unsure = discs.duplicated(disc, keep=False)
    name(discs[unsure], "another row contradicts it, so none is kept")
    discs = discs[~unsure]

    raw = discs
    for grade, grading in GRADINGS.items():
        numbers = pd.to_numeric(raw[grade], errors="coerce")
        valid = numbers.isin(grading.classes)
        expected = f", expected {grading.classes[0]} to {grading.classes[-1]}: left out of this target"
        name(raw[~valid], f"{grade} is " + _shown(raw.loc[~valid, grade]) + expected)
        discs = discs.assign(**{grade: numbers.where(valid)})
    empty = discs[list(GRADINGS)].isna().all(axis=1)
    name(discs[empty], "no grading can be used")
    discs = discs[~empty]

    counted = pd.Series([f"{VERTEBRAE[n]}/{VERTEBRAE[n - 1]}" for n in discs["ivd"]], index=discs.index, dtype="str")
    differ = discs["level"].notna() & (discs["level"] != counted)
    if differ.any():
        n, line = int(differ.sum()), discs.index[differ][0]
        notes.append(
            f"{path.name}: the level of {n} disc{'s' * (n > 1)} is not the one that its number from below gives, such "
            f"as '{discs.loc[line, 'level']}' in line {line}: the level in the table is used."
        )
    discs = discs.assign(
        sample=discs["patient"] + "_ivd" + discs["ivd"].astype("str"),
        study=discs["patient"],
        level=discs["level"].where(discs["level"].notna(), counted).astype("str"),
        mask_label=discs["ivd"] + 200,
    )
    columns = ["patient", "study", "level", "ivd", "mask_label", *GRADINGS]
    return discs.set_index("sample")[columns], excluded, notes


def _shown(values: pd.Series[str]) -> pd.Series[str]:
    return values.fillna("absent")
