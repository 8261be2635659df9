"""A grid file to begin with, for a table of images: which column is what, and why, in comments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.base import DataError
from data.first_look.columns import LookedAtColumn, look, without_copies
from data.first_look.roles import Roles, guess
from data.image_table import ImageTable
from data.reading.tables import ids, spreadsheets, workbooks
from data.text.spelling import word

if TYPE_CHECKING:
    import pandas as pd

FOLDS, FEWEST = 5, 3
MANY = 0.1  # of the samples; fewer that contradict themselves are taken for slips
_PLAIN = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "~")  # no text to YAML
_USUAL = {"image": "image", "patient": "patient", "sequence": "sequence", "mask": "mask", "split": "split"}


@dataclass(frozen=True)
class FirstGrid:
    """A grid for a table.

    Args:
        text: The grid file.
        columns: A line for each column that has a role.
        problems: What is missing or odd, a sentence each.
        usable: Whether a run can read the table as it is.
    """

    text: str
    columns: tuple[str, ...]
    problems: tuple[str, ...]
    usable: bool = True


def first_grid(table: str, name: str) -> FirstGrid:
    """Looks at a table and writes a grid for it.

    Args:
        table: A CSV or Excel file, as seen from the working folder; `FILE.xlsx#SHEET` names a sheet.
        name: The name of the grid.

    Raises:
        DataError: The table can't be read at all.
    """
    path = Path(table)
    notes: list[str] = []
    columns = look(spreadsheets.read(path, notes), path)
    if not columns or columns[0].cells.empty:
        raise DataError(f"{path}: has no rows: write a row for each image")
    rows = len(columns[0].cells)
    copies, columns = without_copies(columns)
    roles = guess(columns, workbooks.split(path)[0].parent)
    roles.problems += [*copies, *_spellings(roles, columns, path), *notes]
    roles.problems += _parted(roles, columns, path)
    samples, sequences = (None, []) if copies else _read(roles, path)
    usable = samples is not None
    if samples is None:
        samples, sequences = _counted(roles, columns)
    classes = _classes(roles, samples)
    good = [one for one in classes if one.patients >= FEWEST and one.name not in roles.unsure]
    roles.problems += [one.too_few for one in classes if one.patients < FEWEST]
    lines = [
        *_head(name, path, roles, len(columns), rows),
        *_data(path, roles),
        *_targets(classes, roles.unsure),
        *_steps(sequences),
        *_protocol(good),
    ]
    shown = tuple(_shown(roles))
    return FirstGrid("\n".join(lines) + "\n", shown, tuple(roles.problems), usable or not roles.patient)


@dataclass(frozen=True)
class _Classes:
    """A label column: `0: 299 samples of 71 patients, 1: ...`, its classes, and the patients of the rarest of them."""

    name: str
    words: str
    patients: int
    counted: bool = True
    labels: tuple[str, ...] = ()
    rarest: int = 0

    @property
    def too_few(self) -> str:
        if not self.labels:
            return f"'{self.name}' labels no sample: it is no target"
        why = f"'{self.name}' has a class of fewer than {FEWEST} patients ({self.words}): it is no target yet"
        if len(self.labels) < 2:
            return why
        name, rare = _yaml(self.name), _label(self.labels[self.rarest])
        ways = [f"name a value that means a missing one in `image_table`, such as missing: {{{name}: [{rare}]}}"]
        if len(self.labels) > 2:
            beside = _label(self.labels[self.rarest - 1 if self.rarest else 1])
            ways.insert(0, f"join classes, such as targets: [{{{name}: {{merge: {{{rare}: {beside}}}}}}}]")
        return f"{why}: {', or '.join(ways)}"


def _spellings(roles: Roles, columns: Sequence[LookedAtColumn], path: Path) -> Iterator[str]:
    """Two spellings of a patient, a sequence or a place, which a run refuses."""
    for column in columns:
        if column.name in (roles.patient, roles.sequence, *roles.locations):
            try:
                ids.check(column.filled, column.name, path.name, dates=column.name != roles.patient)
            except DataError as error:
                yield str(error)


def _parted(roles: Roles, columns: Sequence[LookedAtColumn], path: Path) -> Iterator[str]:
    """Patients of whom some rows are in the official test set and others are not, which a run on that split refuses."""
    cells = {column.name: column.cells for column in columns}
    if not (roles.split and roles.patient):
        return
    patients, tested = cells[roles.patient], cells[roles.split].str.lower() == "test"
    both = sorted(set(patients[tested].dropna()) & set(patients[~tested].dropna()))
    if both:
        lines = [patients.index[(patients == both[0]) & side][0] for side in (tested, ~tested)]
        whose = f"1 patient is on both sides of the test set in '{roles.split}'"
        if len(both) > 1:
            whose = f"{len(both)} patients are on both sides of the test set in '{roles.split}', such as {both[0]}"
        yield (
            f"{path.name}: {whose}: {both[0]} is in test in line {lines[0]}, and not in line {lines[1]}: give all rows "
            "of a patient one split before you use split: official"
        )


def _fields(path: Path, roles: Roles) -> dict[str, Any]:
    found: dict[str, Any] = {"table": path.as_posix()}
    if roles.root is not None:
        found["root"] = roles.root.as_posix()
    single = {field: getattr(roles, field) for field in _USUAL}
    found |= {field: column for field, column in single.items() if column not in ("", _USUAL[field])}
    lists = ("locations", "labels", "ordinal", "clinical")
    found |= {field: list(getattr(roles, field)) for field in lists if getattr(roles, field)}
    return found | ({"classes": roles.classes} if roles.classes else {})


def _read(roles: Roles, path: Path) -> tuple[pd.DataFrame | None, list[str]]:
    """The samples and sequences as a run reads them; what it refuses is a problem."""
    if not (roles.image and roles.patient):
        return None, []
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in _fields(path, roles).items()
    }
    try:
        dataset = ImageTable(**fields)
        samples = dataset.samples()
        roles.problems += _contradicting(roles, dataset.excluded()["reason"], len(samples))
        return samples, list(dataset.sequences)
    except DataError as error:
        if not any(str(error).split(": ", 1)[-1][:40] in one for one in roles.problems):
            roles.problems.append(str(error))
        return None, []


def _contradicting(roles: Roles, reasons: pd.Series[str], samples: int) -> Iterator[str]:
    """Labels on which the rows of many samples disagree, such as the reader of each image."""
    for name in (*roles.labels, *roles.ordinal):
        n = int(reasons.str.startswith(f"its sequences contradict each other in {name}, ").sum())
        if n > MANY * (samples + n):
            yield (
                f"'{name}' differs between the images of {n} samples, so that these have no such label: take it out of "
                "`labels` if it is none"
            )


def _counted(roles: Roles, columns: Sequence[LookedAtColumn]) -> tuple[pd.DataFrame | None, list[str]]:
    """The samples and sequences of a table that a run refuses as it is, counted from its cells."""
    import pandas as pd

    cells = {column.name: column.cells for column in columns}
    sequences = list(dict.fromkeys(cells[roles.sequence].dropna())) if roles.sequence else []
    if not (roles.image and roles.patient):
        return None, sequences
    key = [roles.patient, *roles.locations]
    labels = {name: cells[name].map(word, na_action="ignore") for name in (*roles.labels, *roles.ordinal)}
    table = pd.DataFrame({name: cells[name] for name in key} | labels).dropna(subset=key)
    samples = table.groupby(key, sort=False).first().reset_index()
    return samples.rename(columns={roles.patient: "patient"}), sequences


def _classes(roles: Roles, samples: pd.DataFrame | None) -> list[_Classes]:
    found = []
    for name in (*roles.labels, *roles.ordinal):
        if samples is None:
            found.append(_Classes(name, roles.why[name], FOLDS, counted=False))
            continue
        groups = samples.dropna(subset=[name]).groupby(name)["patient"]
        written = ((f"{label:g}" if isinstance(label, float) else str(label), group) for label, group in groups)
        counts = [(label, len(group), group.nunique()) for label, group in written]
        place = {word(label): i for i, label in enumerate(roles.classes.get(name, ()))}
        counts.sort(key=lambda one: place.get(word(one[0]), 0))
        words = ", ".join(f"{label}: {n} samples of {patients} patients" for label, n, patients in counts)
        labels, patients = tuple(label for label, _, _ in counts), [patients for _, _, patients in counts]
        fewest = min(patients, default=0)
        found.append(_Classes(name, words, fewest, labels=labels, rarest=patients.index(fewest) if labels else 0))
    return found


def _head(name: str, path: Path, roles: Roles, columns: int, rows: int) -> Iterator[str]:
    yield f"# A first grid for {path.name}, guessed from its {columns} columns and {rows} rows."
    yield "# Check which column is what: everything else follows from it."
    if roles.problems:
        yield "#"
        yield "# To decide or to mend first:"
        for problem in roles.problems:
            yield f"# - {' '.join(problem.split())}"
    yield f"name: {_yaml(name)}"


def _data(path: Path, roles: Roles) -> Iterator[str]:
    """The dataset, with a comment on each column."""
    fields = _fields(path, roles)
    yield "data:"
    yield "  image_table:"
    yield f"    table: {_yaml(fields['table'])}"
    if "root" in fields:
        yield f"    root: {_yaml(fields['root'])}   # the files of '{roles.image}' lie there"
    for field in _USUAL:
        if column := getattr(roles, field):
            yield f"    {field}: {_yaml(column)}   # {roles.why[column]}"
        elif field in ("image", "patient"):
            yield f"    {field}: NAME_THE_COLUMN   # none was found"
    for field in ("locations", "labels", "ordinal", "clinical"):
        for i, column in enumerate(fields.get(field, ())):
            if i == 0:
                yield f"    {field}:"
            yield f"      - {_yaml(column)}   # {roles.why[column]}"
    if fields.get("classes"):
        yield "    classes:   # in order: of two classes the last is the finding"
        for column, listed in fields["classes"].items():
            if column in roles.order:
                yield f"      # {roles.order[column]}; if the order means something, move {column} to `ordinal`"
            yield f"      {_yaml(column)}: [{', '.join(map(_yaml, listed))}]"
    if roles.unused:
        yield "    # not used, as yet:"
    for column in roles.unused:
        yield f"    # - {column}: {roles.why[column]}"


def _targets(classes: Sequence[_Classes], unsure: Sequence[str]) -> Iterator[str]:
    if any(one.counted for one in classes):
        yield "# Samples of each class, and their patients:"
    good = [one.name for one in classes if one.patients >= FEWEST and one.name not in unsure]
    yield "targets:" if good else "targets: []   # name label columns"
    for one in classes:
        off = "" if one.name in good else "# "
        yield f"  {off}- {_yaml(one.name)}   # {one.words}"


def _steps(sequences: Sequence[str]) -> Iterator[str]:
    names = ", ".join(_yaml(one) for one in sequences or ["image"])
    several = f'   # each alone; "{" + ".join(sequences[:2])}" reads both' if len(sequences) > 1 else ""
    yield f"sequences: [{names}]{several}"
    yield "images: [grayscale]"
    yield "encoders: [raw_pixels, efficientnet_lite0]   # both need no download; `list encoders` shows the others"
    yield "heads: [logistic, svc]"


def _protocol(classes: Sequence[_Classes]) -> Iterator[str]:
    """Folds that the rarest class can fill, stratified on it."""
    rarest = min(classes, key=lambda one: one.patients, default=None)
    folds = min(FOLDS, rarest.patients if rarest else FOLDS)
    yield "protocol:"
    why = "" if folds == FOLDS or not rarest else f"   # as many as patients in the rarest class of {rarest.name}"
    yield f"  folds: {folds}{why}"
    yield "  repeats: 5"
    yield "  seed: 0"
    if rarest and rarest.counted and len(classes) > 1:
        yield f"  stratify: {_yaml(rarest.name)}   # its rarest class has {rarest.patients} patients"


def _shown(roles: Roles) -> Iterator[str]:
    for field in (*_USUAL, "locations", "labels", "ordinal", "clinical"):
        value = getattr(roles, field)
        for column in value if isinstance(value, list) else [value] if value else []:
            yield f"{field:<9}  {column}: {roles.why[column]}"
    for column in roles.unused:
        yield f"not used   {column}: {roles.why[column]}"


def _label(text: str) -> str:
    """A label as YAML: a whole number as one, anything else as a text."""
    return text if re.fullmatch(r"-?[1-9][0-9]*|0", text) else _yaml(text)


def _yaml(text: str) -> str:
    """A text as YAML reads it as one."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text, ensure_ascii=False)
