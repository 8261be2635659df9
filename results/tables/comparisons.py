"""The comparisons that the grid declared: families of cells against a reference, corrected for their number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from results import ResultsError
from results.run_folder import Predictions, Run, RunCell
from results.scores.alignment import aligned
from results.scores.choice import EXPLORATORY
from results.scores.fitness import unfit
from results.scores.labels import shorten
from results.scores.named import floor_for, is_step, the_cell
from results.scores.paired import pair, value
from results.statistics.bootstrap import PatientBootstrap, PredictedRows
from results.statistics.metrics import METRICS
from results.statistics.selection import selection_corrected
from results.tables.family_sheet import DeclaredFamily, family_sheet, family_title, named
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
    steps = dict(declared["family"])
    if steps.pop("targets", target) != target:
        return None
    of_target = [cell for cell in run.cells if cell.target == target]
    cells = [c for c in of_target if not c.floor and all(is_step(c.axes[axis], name) for axis, name in steps.items())]
    if not cells:
        return None
    why = unfit(run, target, declared["metric"])
    if why:
        return _empty(run, target, declared, why)
    found = _family(run, of_target, cells, declared, resamples)
    return family_sheet(run, found, resamples)


def _family(
    run: Run, of_target: Sequence[RunCell], cells: Sequence[RunCell], declared: dict[str, Any], resamples: int
) -> DeclaredFamily:
    """The comparisons of a family that can be made, and the names of those that can't."""
    target, against, metric = cells[0].target, declared["against"], declared["metric"]
    done = [cell for cell in of_target if cell.status == "done"]
    names = _names(run, cells)
    predictions = {cell.key: run.predictions(cell) for cell in done}
    alignment = aligned(run, target, predictions)
    if against == "best":
        scored = {
            c.key: value(metric, alignment.rows[c.key], predictions[c.key].scored_by(METRICS[metric]))
            for c in cells
            if c.status == "done"
        }
        sign = -1 if METRICS[metric].lower_is_better else 1
        known = [c for c in cells if np.isfinite(scored.get(c.key, np.nan))]
        if not known:
            raise ResultsError(f"{target}: none of the {len(cells)} declared cells has a score")
        best = max(known, key=lambda c: sign * scored[c.key])
        others: dict[str, RunCell | None] = {cell.key: best for cell in cells}
    elif isinstance(against, str):
        others = {cell.key: floor_for(cell, done, against) for cell in cells}
    else:
        reference = the_cell(of_target, against)
        if reference.status != "done":
            because = f": {reference.reason}" if reference.reason else ""
            raise ResultsError(f"{target}: the reference ({named(against)}) is {reference.status}{because}")
        others = {cell.key: reference for cell in cells}
    wanted = [cell for cell in cells if others[cell.key] is not cell]
    compared, absent = [], []
    for cell in wanted:
        other = others[cell.key]
        if cell.status != "done":
            absent.append(f"{names[cell.key]} ({cell.status})")
        elif other is None:
            absent.append(f"{names[cell.key]} (there is no {named(against)})")
        elif not len(alignment.shared(cell.key, other.key)[0].y):
            absent.append(f"{names[cell.key]} (shares no sample with its reference)")
        else:
            compared.append((cell, other))
    if not compared:
        why = f": {some(absent, '; ')}" if absent else ""
        raise ResultsError(f"{target}: no cell of the family can be compared with {named(against)}{why}")
    bootstrap = PatientBootstrap(alignment.n_patients, resamples=resamples)
    made = [pair(metric, cell, other, alignment, predictions, bootstrap) for cell, other in compared]
    carriers = min(len(np.unique(f.rows.patient[f.rows.y == k])) for f in made for k in range(f.rows.n_classes))
    tested = against != "best" and carriers >= EXPLORATORY
    absent += [f"{names[f.cell.key]} (no value or no standard error)" for f in made if not f.usable(tested=tested)]
    pairs = [found for found in made if found.usable(tested=tested)]
    if not pairs:
        raise ResultsError(f"{target}: no comparison has a value and a standard error: {some(absent, '; ')}")
    worth = ""
    if against == "best" and resamples:
        same = [cell for cell in known if alignment.rows[cell.key] is alignment.rows[best.key]]
        worth = _worth(run, metric, bootstrap, alignment.rows[best.key], [predictions[cell.key] for cell in same])
    return DeclaredFamily(target, declared, len(wanted), pairs, absent, carriers, worth)


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
