"""The comparisons that the grid declared: families of cells against a reference, corrected for their number."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from results import ResultsError
from results.run_folder import Predictions, Run, RunCell
from results.scores import reconstruction
from results.scores.alignment import aligned
from results.scores.fitness import unfit
from results.scores.labels import shorten
from results.scores.named import floor_for, is_step, the_cell
from results.scores.paired import ComparedPair, adjusted, of_these_fits, pair, value
from results.scores.target import EXPLORATORY
from results.statistics.bootstrap import PatientBootstrap, PredictedRows
from results.statistics.equivalence import equivalence_test
from results.statistics.metrics import METRICS
from results.statistics.selection import selection_corrected
from results.tables.formats import Row, Score, Sheet
from results.tables.intervals import covers
from results.tables.notes import some

FEW = 33
"""The fewest patients with which the simulations of `docs/pages/simulations.md` checked the tests."""

MCNEMAR, DELONG = "McNemar p\nof these fits", "DeLong p\nof these fits"


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
        columns["p"] = [_p(found.difference.p_value) for found in pairs]
        columns["Adjusted p"] = [_p(p) for p in adjusted(pairs, family.size, family.patients)]
        columns[MCNEMAR if name == "accuracy" else DELONG] = [_p(of_these_fits(name, found)) for found in pairs]
        columns = {header: texts for header, texts in columns.items() if any(texts)}
        if family.declared["margin"] is not None:
            columns |= _practical(pairs, METRICS[name].lower_is_better, family.declared["margin"])
    rows = []
    failed = reconstruction.collapsed(run)
    for i, found in enumerate(pairs):
        difference = Score(found.difference.value, found.difference.low, found.difference.high, signed=True)
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
            *_notes(run, family, resamples, columns),
            *reconstruction.notes(run, [cell.key for cell in everyone]),
        ),
    )


def _practical(pairs: Sequence[ComparedPair], lower_is_better: bool, margin: float) -> dict[str, list[str]]:
    """Whether each difference lies within a margin, and the probabilities of worse, within and better."""
    found = [equivalence_test(one.difference, one.rows, margin, lower_is_better=lower_is_better) for one in pairs]
    chances = [None if one is None else (one.worse, one.within, one.better) for one in found]
    return {
        f"Within {margin:g}": ["" if one is None else "yes" if one.equivalent else "not shown" for one in found],
        "Worse / within\n/ better": [" / ".join(f"{p:.2f}" for p in chance) if chance else "" for chance in chances],
    }


def _notes(run: Run, family: _DeclaredFamily, resamples: int, columns: Collection[str]) -> list[str]:
    declared, pairs, patients = family.declared, family.pairs, family.patients
    notes = [f"A family of {family.size}, declared in the grid; {patients} patients."]
    if family.absent:
        notes.append(f"{len(pairs)} of {family.size} declared; not done: {some(family.absent, '; ')}.")
    notes.append(covers(run, resamples, 0, rows=", the same for all rows; paired differences"))
    if family.tested:
        lacking = f", times {family.size} / {len(pairs)} for comparisons not done" if family.absent else ""
        notes.append(
            "p: of one comparison by itself, below .05 where its interval does not hold 0. Adjusted p: step-down "
            f"max-|t| over the family, from the same resamples{lacking}."
        )
        if DELONG in columns:
            notes.append("DeLong p of these fits: clustered DeLong test; it does not cover training sets.")
        if MCNEMAR in columns:
            notes.append(
                "McNemar p of these fits: clustered McNemar test; it does not cover training sets. It "
                "weighs all patients the same, while the difference weighs all samples the same."
            )
        if patients < FEW:
            notes.append(f"Fewer than {FEW} patients: the tests were not checked with so few, and are approximate.")
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
            "5 %), for each cell by itself, not corrected for their number. Worse / within / better: the probability "
            "that the difference is a loss beyond the margin, within it, or a gain beyond it (correlated Bayesian t "
            "test, flat prior)."
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
