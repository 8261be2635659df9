"""Table 1 of a paper: who was studied, by split."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from results.flow import counted
from results.methods import missing
from results.methods.evidence import Evidence, gather
from results.run_folder import Run
from results.run_tables import read_samples
from results.scores.labels import by_class, in_order, merging
from results.tables.external import external_run
from results.tables.formats import Row, Sheet

if TYPE_CHECKING:
    import pandas as pd

Bool = NDArray[np.bool_]
Numbers = tuple[float, ...]

ABOUT = re.compile(
    r"(birth_?)?(age|sex|gender)|bmi|height|weight|ethnicity|race|site|cent(er|re)|hospital|country|"
    r"scanner|manufacturer|vendor|(scanner_?)?model|field_?strength",
    re.IGNORECASE,
)
ASKED = {
    "Age": r"(birth)?age|alter|âge|edad|età",
    "Sex": r"sex|gender|geschlecht|sexe|sexo|sesso",
    "Scanner": r"scanner|manufacturer|vendor|model|gerät|hersteller",
}
"""What a paper tells of its patients, with words in the name of a column that tells it, in five languages."""

FEW = 4
UNKNOWN = "[AUTHORS]"
QUARTILES = "{} [{}, {}]"


@dataclass(frozen=True, eq=False)
class _SplitColumn:
    """A column of the table: the samples of one part of the split, or of the test part of every fold."""

    header: str
    masks: Sequence[Bool]


@dataclass(frozen=True, eq=False)
class _Characteristic:
    """A row of the table.

    Args:
        name: Its label.
        template: The text of a place, with `{}` for each number.
        numbers: Maps a mask `(n,)` over samples to the numbers; None if they are not known.
    """

    name: str
    template: str
    numbers: Callable[[Bool], Numbers | None]


def table_one(run: Run) -> Sheet:
    """Patients, samples, classes of every target, and clinical and locating columns, by split.

    An official split has a column for training (and validation) and one for test. Folds have one column for all samples
    and one with the lowest and highest number over the test parts of all folds and repeats. The patients of an external
    test have a column too. Numbers are shown as median
    [quartiles]; text, locating columns and numbers with fewer than 4 recurring values are shown as n (%). A column with
    one value per patient is counted by patient, others by sample. Missing values do not count in shares and medians.

    Args:
        run: A run folder.

    Raises:
        ResultsError: A file of the run folder can't be read.
    """
    import pandas as pd

    evidence, outside = gather(run), external_run(run)
    parts, samples = list(_parts(evidence)), evidence.samples
    if outside is not None and outside is not run:
        others = read_samples(outside.folder)
        here = np.arange(len(samples) + len(others)) < len(samples)
        parts = [replace(part, masks=[np.append(m, np.zeros(len(others), bool)) for m in part.masks]) for part in parts]
        parts[0] = replace(parts[0], header=parts[0].header.replace("All", "All but external"))
        parts.append(_SplitColumn("External", [~here]))
        samples = pd.concat([samples, others])
    else:
        outside = None
    patient = samples["patient"].to_numpy(dtype=str)
    lines = [
        _Characteristic("Patients", "{}", lambda mask: (len(set(patient[mask])),)),
        _Characteristic("Samples", "{}", lambda mask: (int(mask.sum()),)),
    ]
    for target in run.targets:
        lines += _classes(evidence, outside, samples, target)
    declared = {*run.locations, *run.clinical}
    described = [str(name) for name in samples if name in declared or ABOUT.fullmatch(str(name))]
    for name in described:
        lines += _column(samples[name].to_numpy(dtype=object), name, patient, placed=name in run.locations)
    for asked, pattern in ASKED.items():
        if not any(re.search(rf"(?<![^\W_])({pattern})(?![^\W_])", name, re.IGNORECASE) for name in described):
            lines.append(_Characteristic(asked, "{}", lambda mask: None))
    rows = tuple(_row(line, parts) for line in lines)
    return Sheet(
        target="table 1",
        title=f"Patients and samples: {run.dataset}, run {run.name}",
        labels=("Characteristic", *(part.header for part in parts)),
        headers=(),
        extras=(),
        rows=rows,
        floors=(),
        notes=tuple(_notes(evidence, parts, rows)),
    )


def _parts(evidence: Evidence) -> Iterator[_SplitColumn]:
    samples, folds = evidence.samples, evidence.folds
    patient = samples["patient"].to_numpy(dtype=str)
    tested = folds[folds["fold"] >= 0]
    of_folds = [np.isin(patient, part["patient"].to_numpy(dtype=str)) for _, part in tested.groupby(["repeat", "fold"])]
    if evidence.run.protocol.get("split") != "official":
        yield _SplitColumn("All", [np.ones(len(samples), dtype=bool)])
        yield _SplitColumn(f"Test part of a fold, range over {len(of_folds)}", of_folds)
        return
    (test,) = of_folds
    named = samples["split"].to_numpy(dtype=str) if "split" in samples else np.full(len(samples), "train")
    validation = ~test & (named == "val")
    yield _SplitColumn("Training", [~test & ~validation])
    if validation.any():
        yield _SplitColumn("Validation", [validation])
    yield _SplitColumn("Test", [test])


def _row(line: _Characteristic, parts: Sequence[_SplitColumn]) -> Row:
    every = []
    for part in parts:
        found = [numbers for numbers in map(line.numbers, part.masks) if numbers is not None]
        every.append(found)
    measured = [x for found in every for numbers in found for x in numbers] if line.template == QUARTILES else []
    digits = int(any(round(x, 1) % 1 for x in measured)) if measured else None
    cells = [_fill(line.template, found, digits) if found else UNKNOWN for found in every]
    return Row((line.name, *cells), ())


def _fill(template: str, found: Sequence[Numbers], digits: int | None) -> str:
    """The template with its numbers, each as a span from the lowest to the highest if they differ.

    They have so many digits after the point; with None, one if they need it.
    """
    spans = []
    for column in zip(*found, strict=True):
        low, high = (
            f"{round(end, 1):g}" if digits is None else f"{end:.{digits}f}" for end in (min(column), max(column))
        )
        spans.append(low if low == high else f"{low} to {high}")
    return template.format(*spans)


def _classes(evidence: Evidence, outside: Run | None, samples: pd.DataFrame, target: str) -> Iterator[_Characteristic]:
    """The classes of a target among the samples that any of its cells predicts, or trains on."""
    classes = next(cell.classes for cell in evidence.run.cells if cell.target == target)
    labels = _labels(evidence, outside, samples, target, classes)

    patient = samples["patient"].to_numpy(dtype=str)

    def size(mask: Bool) -> Numbers | None:
        known = mask & (labels != "")
        return (len(set(patient[known])), int(known.sum())) if known.any() else None

    yield _Characteristic(f"{target}: patients / samples", "{} / {}", size)
    for name in classes:
        yield _Characteristic(f"{target} = {name}, samples", "{} ({} %)", partial(_share, labels, name))


def _labels(
    evidence: Evidence, outside: Run | None, samples: pd.DataFrame, target: str, classes: Sequence[str]
) -> NDArray[np.object_]:
    """`(n,)` str: the class of every sample, also of the external test; "" if it has none or the run folder lacks it.

    With an official split only test samples are predicted. The labels of the others are in the column of the target,
    unless the grid merged some classes.
    """
    names = [str(name) for name in samples.index]
    labels = np.full(len(names), "", dtype=object)
    if evidence.run.protocol.get("split") == "official" and target in samples:
        column = [_text(value) for value in samples[target].to_numpy(dtype=object)]
        if set(column) <= {*classes, ""}:
            labels[:] = column
    known = {s: classes[k] for p in evidence.populations if p.target == target for s, k in p.label.items()}
    if outside is not None:
        for p in (outside.predictions(one) for one in outside.cells if (one.target, one.status) == (target, "done")):
            known |= {str(name): classes[k] for name, k in zip(p.sample, p.y, strict=True)}
    return np.array([known.get(name, label) for name, label in zip(names, labels, strict=True)], dtype=object)


def _column(
    values: NDArray[np.object_], name: str, patient: NDArray[np.str_], *, placed: bool
) -> Iterator[_Characteristic]:
    """The rows on a column, by patient if each patient has one value, else by sample."""
    texts = np.array([_text(value) for value in values], dtype=object)
    by_patient = not placed and len(set(zip(patient, texts, strict=True))) == len(set(patient))
    first = np.zeros(len(texts), dtype=bool)
    first[np.unique(patient, return_index=True)[1]] = True
    once = first if by_patient else np.ones(len(texts), dtype=bool)
    there = (texts != "") & once
    known = list(dict.fromkeys(texts[there]))
    unit = "patients" if by_patient else "samples"
    repeated = len(known) < FEW and 2 * len(known) < there.sum()
    numeric = not placed and not repeated and there.any() and all(_is_number(value) for value in values[there])
    if numeric:
        title = f"{name}, median [quartiles] of {unit}"
        yield _Characteristic(title, QUARTILES, lambda mask: _quartiles(values[there & mask]))
    else:
        for text in in_order(known):
            yield _Characteristic(
                f"{name} = {text}, {unit}",
                "{} ({} %)",
                partial(_share, np.where(once, texts, ""), text),
            )
    if (once & ~there).any():
        yield _Characteristic(f"{name} missing, {unit}", "{}", lambda mask: (int((once & ~there & mask).sum()),))


def _quartiles(values: NDArray[np.object_]) -> Numbers | None:
    if len(values) == 0:
        return None
    lower, median, upper = np.quantile(values.astype(np.float64), [0.25, 0.5, 0.75])
    return float(median), float(lower), float(upper)


def _share(values: NDArray[np.object_], name: str, mask: Bool) -> Numbers | None:
    """The number of values that are `name`, and their percentage of the values that are not ""."""
    n, known = int((values[mask] == name).sum()), int((values[mask] != "").sum())
    percent = 100 * n / known if known else 0.0
    return (n, percent if percent < 1 else round(percent)) if known else None


def _text(value: Any) -> str:
    """A value as classes are spelt; "" for a missing value."""
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, float | np.floating) and value == int(value) else str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _notes(evidence: Evidence, parts: Sequence[_SplitColumn], rows: Sequence[Row]) -> Iterator[str]:
    run = evidence.run
    if any(len(part.masks) > 1 for part in parts):
        yield "Folds: the lowest and the highest of each number over the test parts of all folds and repeats."
    if not run.patients_known:
        yield "The source gives no patient ids: each sample counts as a patient."
    for target in run.targets:
        of_target = [p for p in evidence.populations if p.target == target]
        known = len({name for p in of_target for name in p.label})
        if known < len(evidence.samples) and run.protocol.get("split") != "official":
            yield (
                f"Rows of {target} count the {counted(known, 'sample')} that its cells predict; rows of other columns "
                f"count all {len(evidence.samples)}."
            )
        if len({p.n_samples for p in of_target}) > 1:
            counts = (
                f"{p.sequences}: {counted(p.n_patients, 'patient')}, {counted(p.n_samples, 'sample')} "
                f"({by_class(p.classes, p.events)})"
                for p in of_target
            )
            yield f"The samples on which {target} is scored depend on the sequences: {'; '.join(counts)}."
        if said := merging(run.merged.get(target, {})):
            yield f"{target}, m{said.strip()[1:]}"
    yield from missing.sequences(run)
    if any(UNKNOWN in row.labels for row in rows):
        yield f"{UNKNOWN}: no column of the run folder has this name."
