"""The samples of another dataset in the columns, and with the labels, of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.plan.labels import text
from data.base import Dataset
from data.text.spelling import as_known, changed

if TYPE_CHECKING:
    import pandas as pd


def in_columns_of(
    own: Dataset, other: Dataset, samples: pd.DataFrame, others: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, dict[str, int]], dict[str, str]]:
    """The samples of another dataset with the columns of one's own, labels as one's own targets spell them.

    Args:
        own: One's own dataset.
        other: The other one.
        samples: One's own samples.
        others: The other's samples.

    Returns:
        The table, in which columns that the other dataset lacks are missing; for each target how many samples have
        each label that its classes don't include; and a note on each target whose labels are spelt otherwise.
    """
    columns = {target.name: target.column for target in other.targets()}
    labels = {target.column for target in own.targets()}
    kept = [c for c in samples if c != "split"]
    table = others.reindex(columns=[c for c in kept if c in others and c not in labels])
    table = table.assign(**{str(c): None for c in kept if c not in table})
    unknown: dict[str, dict[str, int]] = {}
    notes: dict[str, str] = {}
    for target in own.targets():
        if target.name not in columns:
            continue
        known = {text(label): label for label in target.classes}
        theirs = others[columns[target.name]]
        spelled = [None if missing else text(label) for label, missing in zip(theirs, theirs.isna(), strict=True)]
        spelt = as_known((label for label in spelled if label is not None), known)
        if spelt:
            notes[target.name] = respelt(target.name, spelt, sum(label in spelt for label in spelled))
            spelled = [label if label is None else spelt.get(label, label) for label in spelled]
        table[target.column] = [None if label is None else known.get(label) for label in spelled]
        for label in spelled:
            if label is not None and label not in known:
                of_target = unknown.setdefault(target.name, {})
                of_target[label] = of_target.get(label, 0) + 1
    return table[kept], unknown, notes


def respelt(target: str, spelt: Mapping[str, str], n: int) -> str:
    """The note on labels of other data that are spelt otherwise than the classes of a target."""
    return f"Labels of {target} are read as training spells them: {changed(spelt)}, in {n} sample{'s' * (n > 1)}."
