"""Scores within subgroups of patients or samples, such as by sex, scanner or age."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.text.names import nearest
from results import ResultsError
from results.flow import counted
from results.run_folder import Predictions, Run, RunCell
from results.run_tables import read_samples
from results.scores.alignment import aligned
from results.scores.choice import EXPLORATORY
from results.scores.fitness import unfit
from results.scores.labels import by_class, in_order
from results.statistics.bootstrap import PatientBootstrap
from results.statistics.metrics import METRICS
from results.tables.formats import Row, Score, Sheet
from results.tables.leading import Leading, common_notes, leading, names, score
from results.tables.presets.base import Preset

if TYPE_CHECKING:
    import pandas as pd

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]

UNCUT = 8
MOST = 50
FEWEST = 5
UNKNOWN = "not known"


def subgroup_sheets(
    run: Run, column: str, metrics: Sequence[str] = ("auc", "accuracy"), resamples: int = 2000
) -> list[Sheet]:
    """One sheet for each target: the best cell by AUC, and the floors, on the samples of each value of a column.

    A column of numbers with more than 8 values is cut at its tertiles: those over patients if each patient has one
    number, else those over samples. Samples without a value form a subgroup of their own. Each subgroup is resampled by
    itself if each of its classes is in 5 patients. AUC and means over classes are empty in a subgroup that lacks a
    class; ordinal metrics are empty for targets without an order.

    Args:
        run: A run folder.
        column: A column of `samples.parquet`.
        metrics: Names in `results.statistics.metrics.METRICS`.
        resamples: Draws of the bootstrap; 0 for no intervals.

    Raises:
        ResultsError: An unknown column or metric; a column of more than 50 words; a broken run folder.
    """
    for name in metrics:
        METRICS.named(name)
    groups, order = _groups(run, column)
    sheets = [_sheet(run, target, column, groups, order, metrics, resamples) for target in run.targets]
    return [sheet for sheet in sheets if sheet is not None]


def _sheet(
    run: Run,
    target: str,
    column: str,
    groups: Mapping[str, str],
    order: Sequence[str],
    metrics: Sequence[str],
    resamples: int,
) -> Sheet | None:
    found = leading(run, target, top=1)
    if not found.predictions:
        return None
    axes, labels = names(run)
    pairs = "auc" in metrics
    drawn = {group: _Group(run, found, group, groups, metrics, resamples) for group in order}
    there = [group for group in order if drawn[group].cells]

    def rows(cells: Sequence[RunCell]) -> tuple[Row, ...]:
        return tuple(drawn[g].row(cell, labels[cell.key]) for cell in cells for g in there if cell in drawn[g].cells)

    total = sum(cell.target == target and cell.status == "done" and not cell.floor for cell in run.cells)
    notes = ["By class: samples of each class."]
    if pairs and run.crossed:
        notes.append(
            "AUC compares samples of the same fold; in a small subgroup few pairs of them are left, so that it is a "
            "coarse number. Pairs: those of two samples of different classes that it compares, of all repeats."
        )
    if total > 1:
        notes.append(f"The best of {total} cells by AUC was chosen on all samples, so its scores may be optimistic.")
    if absent := [group for group in order if group not in there]:
        notes.append(f"No sample of this target is predicted for {column} {', '.join(absent)}.")
    if few := [f"{group} ({drawn[group].rarest})" for group in there if drawn[group].rarest < EXPLORATORY]:
        notes.append(
            f"EXPLORATORY: the rarest class is seen in fewer than {EXPLORATORY} patients of {column} {', '.join(few)}."
        )
    notes += [f"{column} {group}: {drawn[group].lacks}" for group in there if drawn[group].lacks]
    notes += [f"No intervals for {column} {group}: {drawn[group].refused}" for group in there if drawn[group].refused]
    for group in there:
        if drawn[group].bootstrap is not None and 2 * drawn[group].left_out > resamples:
            lacking = f"in {drawn[group].left_out} of {resamples} resamples a class has no pair to compare"
            notes.append(f"No intervals for {column} {group}: {lacking}.")
    left_out = max((drawn[group].left_out for group in there), default=0)
    notes += common_notes(run, target, resamples=resamples, left_out=left_out)
    return Sheet(
        target=target,
        title=f"{target} by {column}: {run.dataset}, run {run.name}",
        labels=(column, "By class", *axes),
        headers=("Patients", "Samples", *(["Pairs"] * pairs), *(METRICS[name].title(run.within) for name in metrics)),
        extras=(),
        rows=rows(found.cells),
        floors=rows(found.floors),
        always=frozenset(range(2 + pairs, 2 + pairs + len(metrics))),
        notes=tuple(notes),
    )


class _Group:
    """The samples of one subgroup.

    Attributes:
        cells: The cells that predict any of them.
        rarest: The number of patients of the rarest class in any cell.
        lacks: A sentence on the classes that are absent; empty if none is.
        refused: The reason why there are no intervals; empty if there are.
        left_out: The number of draws of the bootstrap that lack a class.
    """

    def __init__(
        self, run: Run, found: Leading, group: str, groups: Mapping[str, str], metrics: Sequence[str], resamples: int
    ) -> None:
        self.group, self.metrics, self.run = group, metrics, run
        kept = {key: _only(p, groups, group) for key, p in found.predictions.items()}
        self.predictions = {key: p for key, p in kept.items() if len(p.y)}
        self.cells = [cell for cell in (*found.cells, *found.floors) if cell.key in self.predictions]
        self.rarest, self.left_out, self.lacks, self.refused = 0, 0, "", ""
        self.bootstrap = None
        if not self.cells:
            return
        classes = self.cells[0].classes
        self.alignment = aligned(run, self.cells[0].target, self.predictions)
        every = self.alignment.rows.values()
        self.rarest = min(len(np.unique(own.patient[own.y == k])) for own in every for k in range(len(classes)))
        absent = [name for k, name in enumerate(classes) if any((own.y != k).all() for own in every)]
        if absent:
            self.lacks = f"no sample of class {', '.join(absent)}, so scores that need every class are empty."
        if not resamples:
            return
        carriers = min(len(np.unique(own.patient[own.y == k])) for own in every for k in np.unique(own.y))
        if carriers < FEWEST:
            self.refused = f"the rarest class is in {counted(carriers, 'patient')}, fewer than {FEWEST}."
            return
        self.bootstrap = PatientBootstrap(self.alignment.n_patients, resamples=resamples)
        self.left_out = max(map(self.bootstrap.left_out, every))

    def row(self, cell: RunCell, labels: tuple[str, ...]) -> Row:
        """The scores of one cell here."""
        own = self.alignment.rows[cell.key]
        once = own.repeat == own.repeat[0]
        counted = np.bincount(own.y[once], minlength=own.n_classes)
        counts = [len(np.unique(own.patient)), int(once.sum())]
        if "auc" in self.metrics:
            counts.append(sum(_pairs(own.y[block]) for _, block in own.blocks))
        scores = [self._score(name, cell, counted > 0) for name in self.metrics]
        about = (self.group, by_class(cell.classes, counted.tolist()), *labels)
        return Row(about, (*(Score(float(n), decimals=0) for n in counts), *scores))

    def _score(self, name: str, cell: RunCell, held: Bool) -> Score | None:
        metric, own = METRICS[name], self.alignment.rows[cell.key]
        if unfit(self.run, cell.target, name) or (metric.every_class and not held.all()):
            return None
        return score(metric, own, self.predictions[cell.key], self.bootstrap)


def _pairs(y: Int64) -> int:
    """The number of pairs of samples of different classes."""
    counts = np.bincount(y)
    return int((counts.sum() ** 2 - (counts**2).sum()) // 2)


def _only(p: Predictions, groups: Mapping[str, str], group: str) -> Predictions:
    return p.take(np.array([groups.get(str(sample), UNKNOWN) == group for sample in p.sample]))


def _groups(run: Run, column: str) -> tuple[dict[str, str], list[str]]:
    """The subgroup of each sample by the sample's name, and the subgroups in their order."""
    import pandas as pd

    table = read_samples(run.folder)
    if column not in table:
        raise ResultsError(f"no column '{column}'{nearest(column, list(map(str, table)))}")
    values = table[column]
    there = values.notna()
    number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    values = values.astype(np.float64) if number and not there.all() else values
    distinct = sorted(values[there].unique())
    if not number:
        order_of = in_order(map(str, distinct))
        distinct.sort(key=lambda value: order_of.index(str(value)))
    if number and len(distinct) > UNCUT:
        once = pd.DataFrame({"patient": table["patient"], column: values})[there].drop_duplicates()
        words, order = _tertiles(values, once[column])
    else:
        if len(distinct) > MOST:
            raise ResultsError(f"column '{column}' has {len(distinct)} values: subgroups need at most {MOST}")
        words = values.map({value: _word(value) for value in distinct})
        order = [_word(value) for value in distinct]
    words = words.astype(object).where(there, UNKNOWN)
    return dict(zip(table.index, words, strict=True)), [*order, *([] if there.all() else [UNKNOWN])]


def _tertiles(values: pd.Series, once: pd.Series) -> tuple[pd.Series, list[str]]:
    """The third that each number lies in, cut at values that occur; fewer than three if many numbers are equal."""
    import pandas as pd

    cuts = np.unique(np.quantile(once.to_numpy(np.float64), [1 / 3, 2 / 3], method="inverted_cdf"))
    below = once[once < once.max()]
    cuts = cuts[cuts < once.max()] if cuts[0] < once.max() else np.array([below.max()])
    ends = [f"{cut:.6g}" for cut in cuts]
    order = [f"<= {ends[0]}", *(f"> {a} to {b}" for a, b in itertools.pairwise(ends)), f"> {ends[-1]}"]
    places = np.searchsorted(cuts, values.to_numpy(np.float64), side="left")
    return pd.Series(np.array(order, dtype=object)[np.minimum(places, len(cuts))], index=values.index), order


def _word(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


PRESET = Preset(
    "Scores of the best cell within each value of a column.",
    subgroup_sheets,
    argument="COLUMN",
    example="sex",
    order=30,
)
