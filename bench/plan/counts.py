"""The samples and patients of a plan by class and fold, and what is known about them before a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bench.plan.directions import first_look
from bench.plan.guards import MANY_CLASSES
from bench.plan.plan import Plan

EXPLORATORY, SHOWN, NOTES = 20, 5, 12


def counts(plan: Plan, read: bool) -> Iterator[str]:
    """The lines; `read` is whether all images were read."""
    samples = plan.samples
    yield f"{plan.grid.data.name}: {len(samples)} samples of {len(set(plan.patients))} patients"
    excluded = plan.dataset.excluded()
    if len(excluded):
        yield f"left out, for all targets or for one, or read as missing, while the tables were read: {len(excluded)}"
        for row in excluded.head(SHOWN).itertuples():
            yield "  " + " ".join(str(word) for word in (row.file, row.sample, row.reason) if word)
        if len(excluded) > SHOWN:
            yield f"  and {len(excluded) - SHOWN} more; a run lists all in excluded.csv"
    studies = list(dict.fromkeys(samples["study"].astype(str)))
    images = plan.reading_notes() if read else first_look(plan.dataset, studies, plan.sequences())
    notes = [*images, *plan.dataset.table_notes(), *(note for each in plan.gives_away.values() for note in each)]
    yield from (f"note: {note}" for note in notes[:NOTES])
    if len(notes) > NOTES:
        yield f"  and {len(notes) - NOTES} more notes; a run lists all in run.json"
    absent = [path for study in samples["study"].unique() for path in plan.dataset.absent(study)]
    if absent:
        yield f"files that the table names but that do not exist: {len(absent)}"
        yield from (f"  {path}" for path in absent[:SHOWN])
        if len(absent) > SHOWN:
            yield f"  and {len(absent) - SHOWN} more"
    if not read:
        yield "the images were not read yet: broken files will lower these numbers"
    for name, one in plan.view.labels.items():
        have = np.zeros(len(samples), dtype=bool)
        for sequences in plan.grid.axes["sequences"]:
            for region in plan.grid.axes["regions"]:
                have |= plan.present(sequences, region).any(axis=1)
        official = plan.grid.protocol.split == "official"
        yield f"target {name}: samples (patients) by class, in all | in {'the test set' if official else 'each fold'}"
        if len(one.classes) > MANY_CLASSES:
            yield f"  {len(one.classes)} different labels, which are too many to list"
            continue
        merged = next(target.merge for target in plan.grid.targets if target.name == name)
        if pairs := [f"{label} counts as {other}" for label, other in merged.items()]:
            yield f"  merged: {', '.join(pairs)}"
        width = max(len(c) for c in one.classes)
        empty: list[str] = []
        for k, c in enumerate(one.classes):
            rows = (one.y == k) & have
            patients = len(set(plan.patients[rows]))
            few = "  exploratory" if patients < EXPLORATORY else ""
            tests = [rows & fold.test for fold in plan.view.folds if fold.repeat == 0]
            folds = "  ".join(f"{t.sum()} ({len(set(plan.patients[t]))})" for t in tests)
            yield f"  {c:{width}}  {rows.sum()} ({patients})  | {folds}{few}"
            if not all(test.any() for test in tests):
                empty.append(c)
        if any(len(set(plan.patients[(one.y == k) & have])) < EXPLORATORY for k in range(len(one.classes))):
            yield f"  exploratory: a class of fewer than {EXPLORATORY} patients gets no p-value"
        if empty and len(one.classes) > 1:
            yield f"  {_lacking(plan, name, empty)}"


def _lacking(plan: Plan, target: str, classes: Sequence[str]) -> str:
    """What follows from classes of a target that a test part lacks, and what can be done about it."""
    protocol, lost = plan.grid.protocol, f"class{'es' * (len(classes) > 1)} {', '.join(classes)}"
    left_out = f"Folds that lack {'one of ' * (len(classes) > 1)}{lost} are left out of the AUC."
    if protocol.split == "official":
        return f"The test set lacks {lost}: no score tells how well such samples are found. Merge classes."
    if protocol.split != "patients":
        return f"{left_out} Merge classes, or mend the folds in {protocol.split}."
    stratified = protocol.stratify or plan.grid.targets[0].name
    first = "" if stratified == target else f"set protocol.stratify: {target}, "
    return f"{left_out} Folds are stratified on {stratified}: {first}merge classes or use fewer folds."
