"""The comparisons that the grid declared: families of cells against a reference, corrected for their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from results import ResultsError
from results.run_folder import Predictions, Run, RunCell
from results.scores import reconstruction
from results.scores.alignment import Alignment
from results.scores.fitness import unfit
from results.scores.labels import shorten
from results.scores.named import floor_for, is_step, the_cell
from results.scores.paired import ComparedPair, adjusted, alone, differences_by_fold, pair, secondary, value
from results.scores.target import EXPLORATORY
from results.statistics.bootstrap import PatientBootstrap, PredictedRows, interval
from results.statistics.equivalence import equivalence_test
from results.statistics.metrics import METRICS
from results.statistics.selection import selection_corrected
from results.tables.formats import Row, Score, Sheet
from results.tables.notes import some

FEW = 40


@dataclass(frozen=True, eq=False)
class _DeclaredFamily:
    """A declared family on one target, with the comparisons that could be made.

    Args:
        target: The target.
        declared: The declaration in the run: `family`, `against`, `metric`, `margin`.
        size: The number of declared comparisons.
        pairs: The comparisons that were made.
        absent: The other comparisons, each with its reason.
        carriers: The number of patients in whom the rarest class is seen.
        worth: Against `best`: a sentence on its score, corrected for the choice.
    """

    target: str
    declared: dict[str, Any]
    size: int
    pairs: Sequence[ComparedPair]
    absent: Sequence[str]
    carriers: int
    worth: str = ""

    @property
    def tested(self) -> bool:
        return self.declared["against"] != "best" and self.carriers >= EXPLORATORY

    @property
    def patients(self) -> int:
        return len(np.unique(np.concatenate([found.rows.patient for found in self.pairs])))


def comparisons(run: Run, *, resamples: int = 2000) -> list[Sheet]:
    """A table for each declared family and target: differences with intervals, p-values, equivalence.

    Differences are paired over the samples that both cells predict, in the same resamples of patients. `p` is for one
    comparison by itself: clustered DeLong for AUC of two classes, clustered McNemar for accuracy. `Adjusted p` is
    step-down max-|t| over the declared family, including the comparisons that could not be made
    (`results.scores.paired.adjusted`). `Secondary p` is the corrected resampled t over the folds of all repeats, if
    there are at least 10. There is no p-value against `best`, since the same numbers chose the best.

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


def _title(run: Run, target: str, declared: dict[str, Any]) -> str:
    return f"{target}: declared comparison with {_named(declared['against'])}, {run.dataset}, run {run.name}"


def _empty(run: Run, target: str, declared: dict[str, Any], why: str) -> Sheet:
    headers = (METRICS.named(declared["metric"]).title(run.within),)
    return Sheet(
        target, _title(run, target, declared), ("heads",), headers, (), (), (), notes=(f"Not compared: {why}.",)
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
    return _drawn(run, found, resamples)


def _family(
    run: Run, of_target: Sequence[RunCell], cells: Sequence[RunCell], declared: dict[str, Any], resamples: int
) -> _DeclaredFamily:
    """The comparisons of a family that can be made, and the names of those that can't."""
    target, against, metric = cells[0].target, declared["against"], declared["metric"]
    done = [cell for cell in of_target if cell.status == "done"]
    names = _names(run, cells)
    predictions = {cell.key: run.predictions(cell) for cell in done}
    alignment = Alignment(predictions, n_classes=len(cells[0].classes), places=run.places)
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
            raise ResultsError(f"{target}: the reference ({_named(against)}) is {reference.status}{because}")
        others = {cell.key: reference for cell in cells}
    wanted = [cell for cell in cells if others[cell.key] is not cell]
    compared, absent = [], []
    for cell in wanted:
        other = others[cell.key]
        if cell.status != "done":
            absent.append(f"{names[cell.key]} ({cell.status})")
        elif other is None:
            absent.append(f"{names[cell.key]} (there is no {_named(against)})")
        elif not len(alignment.shared(cell.key, other.key)[0].y):
            absent.append(f"{names[cell.key]} (shares no sample with its reference)")
        else:
            compared.append((cell, other))
    if not compared:
        why = f": {some(absent, '; ')}" if absent else ""
        raise ResultsError(f"{target}: no cell of the family can be compared with {_named(against)}{why}")
    try:
        bootstrap = PatientBootstrap(alignment.n_patients, alignment.all_rows(), resamples=resamples)
    except ValueError as error:
        raise ResultsError(f"{target}: {error}") from None
    made = [pair(metric, cell, other, alignment, predictions, bootstrap) for cell, other in compared]
    absent += [f"{names[found.cell.key]} (no value in some resamples)" for found in made if not found.usable]
    pairs = [found for found in made if found.usable]
    if not pairs:
        raise ResultsError(f"{target}: no comparison has a value in every resample: {some(absent, '; ')}")
    carriers = min(len(np.unique(f.rows.patient[f.rows.y == k])) for f in pairs for k in range(f.rows.n_classes))
    worth = ""
    if against == "best" and resamples:
        same = [cell for cell in known if alignment.rows[cell.key] is alignment.rows[best.key]]
        worth = _worth(run, metric, bootstrap, alignment.rows[best.key], [predictions[cell.key] for cell in same])
    return _DeclaredFamily(target, declared, len(wanted), pairs, absent, carriers, worth)


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


def _drawn(run: Run, family: _DeclaredFamily, resamples: int) -> Sheet:
    name, against, pairs = family.declared["metric"], family.declared["against"], family.pairs
    everyone = [cell for found in pairs for cell in (found.cell, *([found.reference] * (not found.reference.floor)))]
    axes = [a for a in run.axes if len({cell.axes[a] for cell in everyone}) > 1] or ["heads"]
    short = {axis: shorten(found.cell.axes[axis] for found in pairs) for axis in axes}
    columns: dict[str, list[str]] = {}
    if family.tested:
        columns["p"] = [_p(alone(name, found)) for found in pairs]
        columns["Adjusted p"] = [_p(p) for p in adjusted(pairs, family.size, family.patients)]
        columns["Secondary p"] = [_p(secondary(name, found)) for found in pairs]
        columns = {header: texts for header, texts in columns.items() if any(texts)}
        if family.declared["margin"] is not None:
            margin = family.declared["margin"]
            columns[f"Within {margin:g}"] = [
                "yes" if equivalence_test(found.draws, margin).equivalent else "not shown" for found in pairs
            ]
    rows = []
    failed = reconstruction.collapsed(run)
    for i, found in enumerate(pairs):
        difference = Score(found.value - found.other_value, *interval(found.draws), signed=True)
        steps = [short[axis][found.cell.axes[axis]] for axis in axes]
        labels = reconstruction.marked(steps, axes, [found.cell.key], failed)
        extras = tuple(texts[i] for texts in columns.values())
        rows.append(Row(labels, (Score(found.value), Score(found.other_value), difference), extras))
    rows.sort(key=lambda row: -(row.scores[2].value if row.scores[2] else 0.0))
    label = METRICS[name].title(run.within)
    return Sheet(
        target=family.target,
        title=_title(run, family.target, family.declared),
        labels=tuple(axes),
        headers=(label, f"{label} of\n{_named(against)}", "Difference"),
        extras=tuple(columns),
        rows=tuple(rows),
        floors=(),
        notes=(
            *_notes(family, resamples, second="Secondary p" in columns),
            *reconstruction.notes(run, [cell.key for cell in everyone]),
        ),
    )


def _notes(family: _DeclaredFamily, resamples: int, *, second: bool) -> list[str]:
    declared, pairs, patients = family.declared, family.pairs, family.patients
    notes = [f"A family of {family.size}, declared in the grid; {patients} patients."]
    if family.absent:
        notes.append(f"{len(pairs)} of {family.size} declared; not done: {some(family.absent, '; ')}.")
    notes.append(
        f"[ ]: 95 % percentile bootstrap of the paired difference over patients ({resamples} resamples), conditional "
        "on the fitted models."
    )
    if family.tested:
        if declared["metric"] == "auc" and pairs[0].rows.n_classes == 2:
            notes.append("p: clustered DeLong test of one comparison by itself.")
        elif declared["metric"] == "accuracy":
            notes.append(
                "p: clustered McNemar test of one comparison by itself. It weighs all patients the same, while the "
                "difference weighs all samples the same."
            )
        lacking = f", times {family.size} / {len(pairs)} for comparisons not done" if family.absent else ""
        notes.append(f"Adjusted p: step-down max-|t| over the family, from the same resamples{lacking}.")
        if second:
            used = sorted({len(differences_by_fold(declared["metric"], found)) for found in pairs})
            folds = f"{used[0]} folds" if len(used) == 1 else f"{used[0]} to {used[-1]} folds"
            notes.append(
                f"Secondary p: corrected resampled t (Nadeau and Bengio 2003) over {folds} of "
                f"{pairs[0].rows.n_repeats} repeats, which weigh the same. It is a heuristic for one comparison by "
                "itself: draw conclusions from adjusted p."
            )
        if patients < FEW:
            notes.append(f"Fewer than {FEW} patients: p-values are approximate.")
    elif declared["against"] == "best":
        notes.append(
            f"The best was chosen by these numbers, so there are no p-values and no test of equivalence.{family.worth}"
        )
    else:
        notes.append(
            f"EXPLORATORY: the rarest class is seen in {family.carriers} patients, fewer than {EXPLORATORY}; no "
            "p-values."
        )
    if declared["margin"] is not None and family.tested:
        notes.append(
            f"Within {declared['margin']:g}: whether the 90 % interval lies inside the margin (two one-sided tests at "
            "5 %), for each cell by itself, not corrected for their number."
        )
    return notes


def _names(run: Run, cells: Sequence[RunCell]) -> dict[str, str]:
    """The steps on which the cells of a family differ, by their keys."""
    axes = [axis for axis in run.axes if len({cell.axes[axis] for cell in cells}) > 1] or ["heads"]
    short = {axis: shorten(cell.axes[axis] for cell in cells) for axis in axes}
    return {cell.key: ", ".join(short[axis][cell.axes[axis]] for axis in axes) for cell in cells}


def _named(against: Any) -> str:
    return against if isinstance(against, str) else ", ".join(against.values())


def _p(value: float | None) -> str:
    if value is None or not np.isfinite(value):
        return ""
    return "< .001" if value < 0.001 else f"{value:.3f}".lstrip("0")
