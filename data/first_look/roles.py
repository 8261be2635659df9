"""Guesses the role of each column of a table from its name and its cells, and gives the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from data.first_look.class_words import known_order
from data.first_look.columns import LookedAtColumn, root_of, unique
from data.first_look.words import CLINICAL, ID, IMAGE, LABEL, MASK, OFTEN_PLACE, OTHER, PATIENT, PLACE, SEQUENCE, SIDES
from data.image_rows.class_order import guessed, in_order
from data.text.spelling import word

MOST_CLASSES, MOST_SEQUENCES = 8, 12
NEARLY = 0.9
"""If a larger share of the files is not there, the folder is wrong, not the files."""
_ID = re.compile(r"([^\W\d]{1,12}[-_ ./]?)\d+")
_SPLITS = {"train", "training", "val", "validation", "test"}

Taker = Callable[[LookedAtColumn, str, str], None]
"""Gives a column a role, for a reason."""


@dataclass
class Roles:
    """The columns of a table by their roles, with the reason for each, and what has to be decided or mended.

    Args:
        classes: The classes of each label in words, in order.
        order: For labels of three or more classes in words, where their order comes from.
        unsure: Labels that neither their name nor their words speak for, beside others that do: no targets as yet.
        root: The folder that image paths are relative to; None for that of the table.
        why: The reason for the role of each column, by name.
        problems: Sentences on what is missing or odd.
        unused: Columns without a role.
    """

    image: str = ""
    patient: str = ""
    sequence: str = ""
    mask: str = ""
    split: str = ""
    locations: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    ordinal: list[str] = field(default_factory=list)
    clinical: list[str] = field(default_factory=list)
    classes: dict[str, list[str]] = field(default_factory=dict)
    order: dict[str, str] = field(default_factory=dict)
    unsure: list[str] = field(default_factory=list)
    root: Path | None = None
    why: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)


def guess(columns: Sequence[LookedAtColumn], folder: Path) -> Roles:
    """The role of each column.

    Args:
        columns: The columns of a table.
        folder: The folder of the table, in which images are looked for.
    """
    found, left = Roles(), list(columns)
    by_name = {column.name: column for column in columns}

    def take(column: LookedAtColumn, role: str, why: str) -> None:
        current = getattr(found, role)
        setattr(found, role, [*current, column.name] if isinstance(current, list) else column.name)
        found.why[column.name] = why
        left.remove(column)

    _files(found, left, folder, take)
    if split := next((c for c in left if c.values and {v.lower() for v in c.values} <= _SPLITS), None):
        take(split, "split", f"{split.facts}; set `split: official` under `protocol` to use it")
    _patient(found, left, take)
    one = by_name.get(found.patient)
    for column in list(left):
        if not found.sequence and column.says(*SEQUENCE) and 1 <= len(column.values) <= MOST_SEQUENCES:
            take(column, "sequence", column.facts)
    for column in list(left):
        if (
            (column.says(*PLACE) or _is_side(column) or (column.says(*OFTEN_PLACE) and _varies(column, one)))
            and not column.says(*(LABEL - OFTEN_PLACE - {"label"}))
            and len(column.values) > 1
            and _locates(column, one)
        ):
            take(column, "locations", column.facts)
    _make_unique(found, left, by_name, take)
    for column in list(left):
        _describe(found, column, take)
    found.unused = [column.name for column in left]
    for column in (one for one in left if one.with_units):
        found.problems.append(
            f"'{column.name}' is text, since its numbers have units ({column.filled.iloc[0]}): write the numbers alone "
            "and name the column in `clinical` to use it"
        )
    found.why |= {column.name: column.facts for column in left}
    if assumed := [name for name in (*found.labels, *found.ordinal) if not by_name[name].says(*LABEL)]:
        names = ", ".join(f"'{name}'" for name in assumed)
        few = "a label, since it has few classes" if len(assumed) == 1 else "labels, since they have few classes"
        found.problems.append(
            f"{names}: taken as {few}: move to `clinical` what is known before the image is read, to `locations` what "
            "tells the places of a patient apart, and take out what is neither"
        )
        unsure = [name for name in assumed if not _speaks(by_name[name])]
        if unsure and len(unsure) < len(found.labels) + len(found.ordinal):
            found.unsure = unsure
            named = ", ".join(f"'{name}'" for name in unsure)
            found.problems.append(
                f"{named}: no target as yet, since neither name nor words say that it is a finding: take out the # "
                "below `targets` if it is one"
            )
    if not (found.labels or found.ordinal):
        found.problems.append(
            "no column looks like labels (2 to 8 classes): name one in `labels`, or in `ordinal` if its classes are "
            "whole numbers in order"
        )
    return found


def _speaks(column: LookedAtColumn) -> bool:
    """Whether the values of a column are numbers, or words in an order, such as no and yes, or mild and severe."""
    known = column.whole or known_order(column.values) is not None
    return known or (len(column.values) == 2 and not guessed(Path(), column.name, sorted(column.values), {}))


def _is_side(column: LookedAtColumn) -> bool:
    """Whether all values of a column name sides of the body, such as L and R, or OD and OG."""
    values = {value.lower() for value in column.values}
    return len(values) > 1 and any(values <= sides for sides in SIDES)


def _files(found: Roles, left: Sequence[LookedAtColumn], folder: Path, take: Taker) -> None:
    """The columns of images and masks, and the folder in which the files lie."""
    files = [column for column in left if column.files > 0.8]
    for column in [c for c in files if c.says(*MASK)][:1]:
        take(column, "mask", column.facts)
    files = [column for column in files if column in left]
    named = [column for column in files if column.says(*IMAGE)]
    if not files:  # folders of DICOM files have no ending
        files = [c for c in left if c.says(*IMAGE) and c.values and len(root_of(c, folder)[1]) < len(c.values)]
    if not files:
        found.problems.append(
            "no column holds image files (.png, .dcm, .nii.gz ..., or folders of DICOM files): "
            "add one, with a row for each image, and name it in `image`"
        )
        return
    image = (named or files)[0]
    if len(files) > 1:
        others = ", ".join(f"'{column.name}'" for column in files if column is not image)
        found.problems.append(
            f"'{image.name}' is taken as the image, but {others} hold files, too: if they are other sequences of the "
            "same sample, write one row for each file and a column `sequence`"
        )
    root, missing = root_of(image, folder)
    found.root = root if root != folder else None
    take(image, "image", f"{len(image.values)} different files, below {root.as_posix()}/")
    if missing:
        found.problems.append(_not_there(image, missing, root))


def _not_there(image: LookedAtColumn, missing: Sequence[str], root: Path) -> str:
    """What to do about files that are not there: if they are nearly all, the folder is wrong."""
    lines = ", ".join(f"{cell} (line {image.cells[image.cells == cell].index[0]})" for cell in missing[:3])
    lines += " ..." if len(missing) > 3 else ""
    state = f"{len(missing)} of {len(image.values)} files of '{image.name}' {'is' if len(missing) == 1 else 'are'}"
    if len(missing) > NEARLY * len(image.values):
        return f"{state} not below {root.resolve()}: {lines}: set `root` to the folder that the paths start from"
    its, it = ("its path", "it") if len(missing) == 1 else ("their paths", "them")
    return f"{state} not there: {lines}: mend {its}, or a run leaves {it} out and lists {it} in excluded.csv"


def _patient(found: Roles, left: Sequence[LookedAtColumn], take: Taker) -> None:
    rows = len(left[0].cells) if left else 0
    named = [c for c in left if c.says(*PATIENT) and not c.says("age", "sex", "position", "name", "weight")]
    if named:
        named.sort(key=lambda column: "id" not in column.words and column.words != {"patient"})
        one = named[0]
        per = rows / max(len(one.values), 1)
        take(one, "patient", f"{len(one.values)} patients, {per:.1f} rows each")
        if len(named) > 1:
            others = ", ".join(f"'{column.name}'" for column in named[1:])
            found.problems.append(
                f"'{one.name}' is taken as the patient, {others} may be it, too: name in `patient` the column whose "
                "values are the same in all rows of a person"
            )
        if len(one.values) == rows and rows > 1:
            found.why[one.name] += "; every row has another one: is it an id of images? Patients must stay whole"
        return
    ids = [c for c in left if c.says(*ID) and not c.says(*IMAGE, *OTHER) and len(c.values) > 1]
    if repeated := [c for c in (*ids, *filter(_holds_ids, left)) if MOST_CLASSES < len(c.values) < len(c.filled)]:
        one = repeated[0]
        take(one, "patient", f"{len(one.values)} different, {rows / len(one.values):.1f} rows each")
        found.problems.append(
            f"'{one.name}' is taken as the patient, since it holds ids that repeat ({found.why[one.name]}): name "
            "another column in `patient` if its values are not the same in all rows of a person"
        )
        return
    likely = "; ".join(f"'{c.name}' ({len(c.values)} different, {rows / len(c.values):.1f} rows each)" for c in ids[:5])
    found.problems.append(
        "no column is named like one of patients"
        + (f", but it may be {likely}" if likely else "")
        + ': name it in `patient`, or set `patient: ""` only if every row is another person'
    )


def _holds_ids(column: LookedAtColumn) -> bool:
    """Whether all cells are numbers behind the same letters, such as P001."""
    found = [_ID.fullmatch(value) for value in column.values]
    return all(found) and len({match[1] for match in found if match}) == 1 and column.files == 0


def _locates(column: LookedAtColumn, patient: LookedAtColumn | None) -> bool:
    """Whether a column may tell places of a patient apart; a number that never does so is a measure."""
    rows = column.cells.groupby(patient.cells).nunique() if patient is not None else None
    return not column.numbers or rows is None or bool((rows > 1).any())


def _varies(column: LookedAtColumn, patient: LookedAtColumn | None) -> bool:
    """Whether most patients have several values."""
    return patient is not None and bool((column.cells.groupby(patient.cells).nunique() > 1).mean() > 0.5)


def _make_unique(
    found: Roles, left: Sequence[LookedAtColumn], by_name: Mapping[str, LookedAtColumn], take: Taker
) -> None:
    """Columns that, with those found by name, tell the rows of a patient apart."""
    if not found.patient:
        return
    have = [by_name[name] for name in (found.patient, found.sequence, *found.locations) if name]
    if unique(have):
        return
    likely = [c for c in left if len(c.values) > 1 and not c.says(*LABEL, *CLINICAL, "date", "comment")]
    likely = [c for c in likely if not c.numbers or c.whole]
    for n in (1, 2):
        for some in combinations(likely, n):
            if unique([*have, *some]):
                for column in some:
                    take(column, "locations", f"{column.facts}; without it, rows of a patient can't be told apart")
                return
    import pandas as pd

    rows = pd.concat([column.cells for column in have], axis=1)
    again = rows[rows.duplicated(keep=False)]
    names = " and ".join(f"'{column.name}'" for column in have)
    found.problems.append(
        f"{len(again)} rows have the same {names} as another row, such as lines {again.index[0]} and "
        f"{next(i for i in again.index[1:] if rows.loc[i].equals(rows.loc[again.index[0]]))}: name the column that "
        "tells them apart in `locations` or `sequence`, or delete what is there twice"
    )


def _describe(found: Roles, column: LookedAtColumn, take: Taker) -> None:
    """A column of labels or of clinical facts, or none of them."""
    n, label, clinical = len(column.values), column.says(*LABEL), column.says(*CLINICAL)
    if (column.says(*OTHER) and not label) or n == 0:
        return
    if n == 1:
        if label:
            found.problems.append(
                f"label '{column.name}' has a single class ({column.values[0]}): nothing can be learnt from it"
            )
        return
    if label and n > MOST_CLASSES and column.numbers:
        found.problems.append(
            f"'{column.name}' is named like labels but holds {n} different numbers: cut them into classes in a column "
            "of their own"
        )
        return
    if clinical and not label:
        if n <= len(column.filled) / 2 or column.numbers:
            take(column, "clinical", column.facts)
        return
    if n <= MOST_CLASSES and n <= len(column.filled) / 2:
        take(column, "ordinal" if column.whole and n > 2 else "labels", column.facts)
        if not column.whole:
            words = list(
                {word(value): value for value in reversed(column.values)}.values()
            )  # each in its usual spelling
            found.classes[column.name] = _ordered(found, column.name, words)


def _ordered(found: Roles, name: str, words: Sequence[str]) -> list[str]:
    """Classes in words in order; whether that of three or more means something is for the user to decide."""
    if len(words) < 3:
        return list(in_order(Path(), name, words, {}))
    known = known_order(words)
    ordered = known or sorted(words)
    how = "in this order by their words" if known else "by alphabet, as yet"
    found.order[name] = how
    found.problems.append(
        f"'{name}' has {len(words)} classes, {how}: {', '.join(ordered)}. If their order means something, "
        f"{'' if known else 'list them in it in `classes` and '}move '{name}' from `labels` to `ordinal`: that adds "
        "quadratic kappa, mean absolute error and AUC over thresholds"
    )
    return ordered
