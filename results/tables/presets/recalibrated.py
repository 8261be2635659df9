"""What balancing does to called classes: each cell on balanced rows as fitted and recalibrated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from results import ResultsError
from results.run_folder import Predictions, Run
from results.scores.alignment import aligned
from results.statistics.bootstrap import PatientBootstrap
from results.statistics.metrics import METRICS
from results.tables.formats import Row, Score, Sheet
from results.tables.leading import common_notes, leading, names, score
from results.tables.notes import calling
from results.tables.presets.base import Preset

SHOWN = ("accuracy", "balanced_accuracy", "f1", "auc")
LEAST = 0.005


def recalibrated_sheets(run: Run, *, resamples: int = 2000) -> list[Sheet]:
    """One sheet for each target: the cells fitted on weighted or resampled rows, as fitted and recalibrated.

    A target without such cells has no sheet.

    Args:
        run: A run folder.
        resamples: Draws of the bootstrap; 0 for no intervals.

    Raises:
        ResultsError: No cell was fitted on weighted or resampled rows, or a broken run folder.
    """
    sheets = [_sheet(run, target, resamples) for target in run.targets]
    found = [sheet for sheet in sheets if sheet is not None]
    if not found:
        raise ResultsError("no cell of this run was fitted on weighted or resampled rows: there is nothing to undo")
    return found


def _sheet(run: Run, target: str, resamples: int) -> Sheet | None:
    found = leading(run, target)
    cells = [cell for cell in found.cells if found.predictions[cell.key].recalibrated is not None]
    if not cells:
        return None
    alignment = aligned(run, target, found.predictions, places=False)
    bootstrap = PatientBootstrap(alignment.n_patients, resamples=resamples)
    left_out = max(map(bootstrap.left_out, alignment.rows.values()))
    axes, labels = names(run)

    def row(key: str, words: str, predictions: Predictions) -> Row:
        drawn = bootstrap if resamples else None
        scores = [score(METRICS[name], alignment.rows[key], predictions, drawn) for name in SHOWN]
        return Row((*labels[key], words), tuple(scores))

    rows = []
    for cell in cells:
        predictions = found.predictions[cell.key]
        assert predictions.recalibrated is not None
        for words, P in (("as fitted", predictions.P), ("recalibrated", predictions.recalibrated)):
            rows.append(row(cell.key, words, replace(predictions, P=P, called=None)))
    return Sheet(
        target=target,
        title=f"{target}, balanced and recalibrated: {run.dataset}, run {run.name}",
        labels=(*axes, "Probabilities"),
        headers=tuple(METRICS[name].title(run.within) for name in SHOWN),
        extras=(),
        rows=tuple(rows),
        floors=tuple(row(floor.key, "", found.predictions[floor.key]) for floor in found.floors),
        always=frozenset(range(len(SHOWN))),
        notes=(
            "Weighted or resampled rows have another base rate than the scans, so that a fit calls the rare class more "
            "often. Recalibrated: a sigmoid, learnt on real held-out rows, undoes this. Both rows of a "
            "cell call the most probable class, so that they differ in nothing else: F1 and accuracy move with the "
            "base rate.",
            *_of_auc(rows),
            *_called_otherwise(run, cells[0].classes),
            *common_notes(run, target, resamples=resamples, left_out=left_out),
        ),
    )


def _of_auc(rows: Sequence[Row]) -> Iterator[str]:
    """By how much the AUC differs between the two rows of a cell."""
    both = [(a.scores[-1], b.scores[-1]) for a, b in zip(rows[::2], rows[1::2], strict=True)]
    moved = sorted(b.value - a.value for a, b in both if a is not None and b is not None)
    if not moved:
        return
    if max(map(abs, moved)) < LEAST:
        yield f"Recalibration changes no AUC of these cells by {LEAST} or more."
        return
    low, high = (Score(end, signed=True).text() for end in (moved[0], moved[-1]))
    yield (
        f"Recalibration changes the AUC by {low}{f' to {high}' if high != low else ''}: each fit has a sigmoid of its "
        "own, which need not keep the order of the samples."
    )


def _called_otherwise(run: Run, classes: Sequence[str]) -> Iterator[str]:
    """A note where the run's own tables call classes by another rule."""
    if run.protocol.get("threshold", "argmax") != "argmax":
        yield f"The main table and the floors below call otherwise. {calling(run, classes)}"


PRESET = Preset(
    "Accuracy, F1 and AUC of cells on balanced rows, as fitted and recalibrated.", recalibrated_sheets, order=55
)
