"""Sensitivity, specificity and AUC of each class, for the best cells of a run."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from results import ResultsError
from results.run_folder import Run, RunCell
from results.scores.alignment import aligned
from results.statistics import per_class as rates
from results.statistics.bootstrap import FEWEST, PatientBootstrap, PredictedRows
from results.statistics.metrics.base import OfCounts, OfPairs
from results.statistics.uncertainty import patients
from results.tables.formats import Row, Sheet
from results.tables.leading import common_notes, few_notes, leading, names, score
from results.tables.notes import calling
from results.tables.presets.base import Preset

Float64 = NDArray[np.float64]


def per_class_sheets(run: Run, *, top: int = 3, resamples: int = 2000) -> list[Sheet]:
    """One sheet for each target: a row for each class of its best cells and floors, each class against the rest.

    With two classes only class 1 has rows, since the sensitivity of class 0 is the specificity of class 1.

    Args:
        run: A run folder.
        top: The number of cells, best AUC first.
        resamples: Draws of the bootstrap; 0 for no intervals.

    Raises:
        ResultsError: `top` below 1, or a broken run folder.
    """
    if top < 1:
        raise ResultsError(f"top ({top}) must be at least 1")
    sheets = [_sheet(run, target, top, resamples) for target in run.targets]
    return [sheet for sheet in sheets if sheet is not None]


def _sheet(run: Run, target: str, top: int, resamples: int) -> Sheet | None:
    found = leading(run, target, top)
    done = [*found.cells, *found.floors]
    if not done:
        return None
    classes = done[0].classes
    alignment = aligned(run, target, found.predictions, places=False)
    bootstrap = PatientBootstrap(alignment.n_patients, resamples=resamples)
    axes, labels = names(run)
    shown = range(1 if len(classes) == 2 else 0, len(classes))
    drawing = bootstrap if resamples else None

    def rows(cell: RunCell) -> list[Row]:
        own, predictions = alignment.rows[cell.key], found.predictions[cell.key]
        once = own.repeat == own.repeat[0]
        drawn = []
        for k in shown:
            sensitivity, specificity, auc = _metrics(k)
            few = min(patients(sensitivity, own), patients(specificity, own)) < FEWEST  # then no AUC has an interval
            scores = (
                score(sensitivity, own, predictions, drawing),
                score(specificity, own, predictions, drawing),
                score(auc, own, predictions, None if few else drawing),
            )
            n = f"{int((own.y[once] == k).sum())} of {int(once.sum())}"
            drawn.append(Row((*labels[cell.key], classes[k], n), scores))
        return drawn

    total = sum(cell.target == target and cell.status == "done" and not cell.floor for cell in run.cells)
    notes = [
        f"{_patients(alignment.rows.values())} patients; n: samples of the class, of all samples. Each class against "
        f"the rest. {calling(run, classes)}",
        *filter(None, [run.compares.strip()]),
        *(few_notes((rate for k in shown for rate in _metrics(k)[:2]), alignment.rows.values()) if resamples else []),
        *([f"The best {len(found.cells)} of {total} cells by AUC were chosen on these samples, so their scores may "
           "be optimistic."] if total > len(found.cells) else []),
        *common_notes(run, target, resamples=resamples, left_out=max(map(bootstrap.left_out, alignment.rows.values()))),
    ]  # fmt: skip
    return Sheet(
        target=target,
        title=f"{target} by class: {run.dataset}, run {run.name}",
        labels=(*axes, "Class", "n"),
        headers=("Sensitivity", "Specificity", "AUC"),
        extras=(),
        rows=tuple(row for cell in found.cells for row in rows(cell)),
        floors=tuple(row for cell in found.floors for row in rows(cell)),
        always=frozenset({0, 1, 2}),
        notes=tuple(notes),
    )


def _patients(rows: Iterable[PredictedRows]) -> int:
    """The number of patients that any cell predicts; all count patients alike."""
    return len(set().union(*(one.patient.tolist() for one in rows)))


def _metrics(k: int) -> tuple[OfCounts, OfCounts, OfPairs]:
    """Sensitivity, specificity and AUC of class k."""

    def sensitivity(counts: Float64) -> Float64:
        return np.asarray(rates.sensitivity(counts)[..., k])

    def specificity(counts: Float64) -> Float64:
        return np.asarray(rates.specificity(counts)[..., k])

    return (
        OfCounts("Sensitivity", formula=sensitivity, among=lambda y: y == k, lowest=0, highest=1),
        OfCounts("Specificity", formula=specificity, among=lambda y: y != k, lowest=0, highest=1),
        OfPairs("AUC", tasks=lambda n_classes: np.eye(n_classes, dtype=bool)[[k]]),
    )


PRESET = Preset("Sensitivity, specificity and AUC of each class, for the best cells.", per_class_sheets, order=40)
