"""The comparisons that the grid declared: families of cells against a reference, corrected for their number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from results import ResultsError
from results.run_folder import Predictions, Run, RunCell
from results.scores.alignment import aligned
from results.scores.choice import EXPLORATORY
from results.scores.family import family_cells, matched, reference_in_words
from results.scores.fitness import unfit
from results.scores.labels import shorten
from results.scores.paired import pair
from results.statistics.bootstrap import PatientBootstrap, PredictedRows
from results.statistics.metrics import METRICS
from results.statistics.selection import selection_corrected
from results.tables.family_sheet import DeclaredFamily, family_sheet, family_title
from results.tables.formats import Score, Sheet
from results.tables.notes import some


def comparisons(run: Run, *, resamples: int = 2000) -> list[Sheet]:
    """A table for each declared family and target: differences with intervals, p-values, equivalence.

    Differences are paired over the samples that both cells predict, in the same resamples of patients. Intervals, `p`
    (of one comparison by itself) and `Adjusted p` (step-down max-|t| over the declared family, including the
    comparisons that could not be made) are about the procedures: they cover training sets. The columns `of these fits`
    (clustered DeLong for AUC of two classes, clustered McNemar for accuracy) hold for the fitted models alone. There is
    no p-value against `best`, since the same numbers chose the best.

    Args:
        run: A run folder; its declarations are in `run.compare`.
        resamples: Draws of the bootstrap.

    Raises:
        ResultsError: A broken run folder.
    """
    found = []
    for declared in run.compare:
        for target in run.targets:
            try:
                sheet = _sheet(run, target, declared, resamples)
            except ResultsError as error:
                sheet = _empty(run, target, declared, str(error))
            if sheet is not None:
                found.append(sheet)
    return found


def _empty(run: Run, target: str, declared: dict[str, Any], why: str) -> Sheet:
    headers = (METRICS.named(declared["metric"]).title(run.within),)
    return Sheet(
        target, family_title(run, target, declared), ("heads",), headers, (), (), (), notes=(f"Not compared: {why}.",)
    )


def _sheet(run: Run, target: str, declared: dict[str, Any], resamples: int) -> Sheet | None:
    cells = family_cells(run, target, declared)
    if not cells:
        return None
    why = unfit(run, target, declared["metric"])
    if why:
        return _empty(run, target, declared, why)
    return family_sheet(run, _family(run, cells, declared, resamples), resamples)


def _family(run: Run, cells: Sequence[RunCell], declared: dict[str, Any], resamples: int) -> DeclaredFamily:
    """The comparisons of a family that can be made, and the names of those that can't."""
    target, against, metric = cells[0].target, declared["against"], declared["metric"]
    names = _names(run, cells)
    predictions = {c.key: run.predictions(c) for c in run.cells if c.target == target and c.status == "done"}
    alignment = aligned(run, target, predictions)
    found = matched(run, cells, declared, predictions, alignment)
    absent = [f"{names[cell.key]} ({why})" for cell, why in found.absent]
    if not found.pairs:
        why = f": {some(absent, '; ')}" if absent else ""
        raise ResultsError(f"{target}: no cell of the family can be compared with {reference_in_words(against)}{why}")
    bootstrap = PatientBootstrap(alignment.n_patients, resamples=resamples)
    made = [pair(metric, cell, other, alignment, predictions, bootstrap) for cell, other in found.pairs]
    carriers = min(len(np.unique(f.rows.patient[f.rows.y == k])) for f in made for k in range(f.rows.n_classes))
    tested = against != "best" and carriers >= EXPLORATORY
    absent += [f"{names[f.cell.key]} (no value or no standard error)" for f in made if not f.usable(tested=tested)]
    pairs = [one for one in made if one.usable(tested=tested)]
    if not pairs:
        raise ResultsError(f"{target}: no comparison has a value and a standard error: {some(absent, '; ')}")
    worth = ""
    if found.candidates and resamples:
        rows = alignment.rows[found.candidates[0].key]
        same = [cell for cell in found.candidates if alignment.rows[cell.key] is rows]
        worth = _worth(run, metric, bootstrap, rows, [predictions[cell.key] for cell in same])
    return DeclaredFamily(target, declared, found.size, pairs, absent, carriers, worth)


def _worth(
    run: Run, metric: str, bootstrap: PatientBootstrap, rows: PredictedRows, cells: Sequence[Predictions]
) -> str:
    """A sentence on the score of the best, corrected for being chosen among the cells on its samples."""
    measure = METRICS[metric]
    found = selection_corrected(bootstrap, measure, rows, [cell.scored_by(measure) for cell in cells])
    score = Score(found.value, found.low, found.high).text()
    return (
        f" Its {measure.title(run.within)}, corrected for the choice among the {len(cells)} cells on its samples "
        f"(BBC-CV: chosen on the patients drawn, scored on the others), is {score}."
    )


def _names(run: Run, cells: Sequence[RunCell]) -> dict[str, str]:
    """The steps on which the cells of a family differ, by their keys."""
    axes = [axis for axis in run.axes if len({cell.axes[axis] for cell in cells}) > 1] or ["heads"]
    short = {axis: shorten(cell.axes[axis] for cell in cells) for axis in axes}
    return {cell.key: ", ".join(short[axis][cell.axes[axis]] for axis in axes) for cell in cells}
