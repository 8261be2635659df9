"""The comparisons that the grid declared: each family of cells against its reference, corrected for their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from results.alignment import Alignment
from results.formats import Row, Score, Sheet
from results.labels import shorten
from results.metrics import METRICS, ORDINAL, Float64, auc, evaluate
from results.run_folder import Cell, Predictions, ResultsError, Run
from results.scores import EXPLORATORY, floor_for, is_step, the_cell
from results.statistics.bootstrap import PatientBootstrap, Rows, interval
from results.statistics.delong import auc_test
from results.statistics.equivalence import equivalence_test
from results.statistics.mcnemar import clustered_mcnemar
from results.statistics.step_down import step_down_max_t

FEW = 40


@dataclass(frozen=True, eq=False)
class _Pair:
    """A cell and its reference on the rows that both predict."""

    cell: Cell
    reference: Cell
    rows: Rows
    mine: Float64
    other: Float64
    value: float
    other_value: float
    draws: Float64


def comparisons(run: Run, *, resamples: int = 2000) -> list[Sheet]:
    """A table for each declared family and target: differences with intervals, p-values, equivalence.

    Differences are paired over the samples that both cells predict, in the same resamples of patients. `p` is of one
    comparison alone: clustered DeLong for AUC of two classes, clustered McNemar for accuracy. `Adjusted p` is step-down
    max-|t| over the family. Against `best`, which the same numbers chose, there is no p-value.

    Args:
        run: A run folder; what it declares is in `run.compare`.
        resamples: Draws of the bootstrap.

    Raises:
        ResultsError: A reference that names no cell or several.
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
    headers = (METRICS[declared["metric"]].label,)
    return Sheet(
        target, _title(run, target, declared), ("heads",), headers, (), (), (), notes=(f"Not compared: {why}.",)
    )


def _sheet(run: Run, target: str, declared: dict[str, Any], resamples: int) -> Sheet | None:
    family = dict(declared["family"])
    if family.pop("targets", target) != target:
        return None
    done = [cell for cell in run.cells if cell.target == target and cell.status == "done"]
    cells = [c for c in done if not c.floor and all(is_step(c.axes[axis], name) for axis, name in family.items())]
    if not cells:
        return None
    against, metric = declared["against"], METRICS[declared["metric"]]
    unfit = _unfit(run, cells[0], declared["metric"])
    if unfit:
        return _empty(run, target, declared, unfit)
    predictions = {cell.key: run.predictions(cell) for cell in done}
    alignment = Alignment(predictions, n_classes=len(cells[0].classes), levels=run.levels)
    if against == "best":
        sign = -1 if metric.lower_is_better else 1
        best = max(cells, key=lambda c: sign * _value(declared["metric"], alignment.rows[c.key], predictions[c.key].P))
        others = {cell.key: best for cell in cells}
    elif isinstance(against, str):
        floors = {cell.key: floor_for(cell, done, against) for cell in cells}
        others = {key: floor for key, floor in floors.items() if floor is not None}
    else:
        reference = the_cell([cell for cell in run.cells if cell.target == target], against)
        if reference.status != "done":
            because = f": {reference.reason}" if reference.reason else ""
            raise ResultsError(f"{target}: the reference ({_named(against)}) is {reference.status}{because}")
        others = dict.fromkeys([cell.key for cell in cells], reference)
    compared = [(cell, others[cell.key]) for cell in cells if cell.key in others and others[cell.key] is not cell]
    if not compared:
        raise ResultsError(f"{target}: no cell of the family {family} can be compared with {_named(against)}")
    for cell, other in compared:
        alignment.shared(cell.key, other.key)
    bootstrap = PatientBootstrap(alignment.n_patients, alignment.all_rows(), resamples=resamples)
    pairs = [_pair(declared["metric"], cell, other, alignment, predictions, bootstrap) for cell, other in compared]
    absent = sum(
        cell.target == target
        and not cell.floor
        and cell.status != "done"
        and all(is_step(cell.axes[axis], name) for axis, name in family.items())
        for cell in run.cells
    )
    return _drawn(run, target, declared, pairs, resamples, absent)


def _unfit(run: Run, cell: Cell, metric: str) -> str:
    """Why a metric means nothing for a target; empty where it does."""
    if metric in ORDINAL and not cell.ordinal:
        return f"{METRICS[metric].label} is of ordinal targets, and {cell.target} is none"
    if metric == "auc_within_level" and not run.levels:
        return "the dataset has no levels"
    return ""


def _pair(
    name: str,
    cell: Cell,
    other: Cell,
    alignment: Alignment,
    predictions: dict[str, Predictions],
    bootstrap: PatientBootstrap,
) -> _Pair:
    rows, of_cell, of_other = alignment.shared(cell.key, other.key)
    mine, theirs = predictions[cell.key].P[of_cell], predictions[other.key].P[of_other]
    draws = bootstrap.difference(METRICS[name], rows, mine, theirs)
    return _Pair(cell, other, rows, mine, theirs, _value(name, rows, mine), _value(name, rows, theirs), draws)


def _value(name: str, rows: Rows, P: Float64) -> float:
    return evaluate(METRICS[name], rows.y, P, repeat=rows.repeat, fold=rows.fold, within=rows.within).value


def _drawn(
    run: Run, target: str, declared: dict[str, Any], pairs: Sequence[_Pair], resamples: int, absent: int
) -> Sheet:
    name, against = declared["metric"], declared["against"]
    everyone = [cell for pair in pairs for cell in (pair.cell, *([] if pair.reference.floor else [pair.reference]))]
    axes = [a for a in run.axes if len({cell.axes[a] for cell in everyone}) > 1] or ["heads"]
    short = {axis: shorten(pair.cell.axes[axis] for pair in pairs) for axis in axes}
    carriers = min(
        len(np.unique(pair.rows.patient[pair.rows.y == k])) for pair in pairs for k in range(pair.rows.n_classes)
    )
    tested = against != "best" and carriers >= EXPLORATORY
    margin = declared["margin"] if tested else None
    adjusted = _adjusted(pairs) if tested else np.full(len(pairs), np.nan)
    alone = [_alone(name, pair) if tested else None for pair in pairs]
    rows = []
    for pair, p, p_alone in zip(pairs, adjusted, alone, strict=True):
        difference = Score(pair.value - pair.other_value, *interval(pair.draws), signed=True)
        extras = [] if not tested else ([_p(p_alone)] if any(a is not None for a in alone) else []) + [_p(p)]
        if margin is not None:
            extras.append("yes" if equivalence_test(pair.draws, margin).equivalent else "not shown")
        labels = tuple(short[axis][pair.cell.axes[axis]] for axis in axes)
        rows.append(Row(labels, (Score(pair.value), Score(pair.other_value), difference), tuple(extras)))
    rows.sort(key=lambda row: -(row.scores[2].value if row.scores[2] else 0.0))
    headers = [*(["p"] if tested and any(a is not None for a in alone) else []), *(["Adjusted p"] if tested else [])]
    if margin is not None:
        headers.append(f"Within {margin:g}")
    label = METRICS[name].label
    return Sheet(
        target=target,
        title=_title(run, target, declared),
        labels=tuple(axes),
        headers=(label, f"{label} of\n{_named(against)}", "Difference"),
        extras=tuple(headers),
        rows=tuple(rows),
        floors=(),
        notes=tuple(_notes(declared, pairs, resamples, carriers, absent, tested=tested)),
    )


def _adjusted(pairs: Sequence[_Pair]) -> Float64:
    draws = np.stack([pair.draws for pair in pairs], axis=1)
    observed = np.array([pair.value - pair.other_value for pair in pairs])
    usable = np.isfinite(observed) & np.isfinite(draws).all(axis=0)
    found = np.full(len(pairs), np.nan)
    if usable.any():
        found[usable] = step_down_max_t(observed[usable], draws[:, usable], _patients(pairs))
    return found


def _patients(pairs: Sequence[_Pair]) -> int:
    return len(np.unique(np.concatenate([pair.rows.patient for pair in pairs])))


def _alone(name: str, pair: _Pair) -> float | None:
    """The p-value of one comparison by a test of its own; None for metrics without one."""
    rows = pair.rows
    if METRICS[name] is auc and rows.n_classes == 2:
        block = rows.repeat * (rows.fold.max() + 1) + rows.fold
        found = auc_test(rows.y, pair.mine[:, 1], pair.other[:, 1], rows.patient, block=block, repeat=rows.repeat)
        return found.p_value
    if name == "accuracy":
        right = [P.argmax(axis=1) == rows.y for P in (pair.mine, pair.other)]
        return clustered_mcnemar(right[0], right[1], rows.patient).p_value
    return None


def _notes(
    declared: dict[str, Any], pairs: Sequence[_Pair], resamples: int, carriers: int, absent: int, *, tested: bool
) -> list[str]:
    patients = _patients(pairs)
    notes = [
        f"A family of {len(pairs)}, declared in the grid; {patients} patients.",
        *([f"{absent} more of the family are not done and not among them."] if absent else []),
        f"[ ]: 95 % percentile bootstrap over patients ({resamples} resamples) of the paired difference, conditional "
        "on the fits.",
    ]
    if tested:
        if declared["metric"] == "auc" and pairs[0].rows.n_classes == 2:
            notes.append("p: clustered DeLong, of one comparison alone.")
        elif declared["metric"] == "accuracy":
            notes.append(
                "p: clustered McNemar, of one comparison alone; it weighs patients the same, the difference samples."
            )
        notes.append("Adjusted p: step-down max-|t| over the family, from the same resamples.")
        if patients < FEW:
            notes.append(f"Fewer than {FEW} patients: p-values are approximate.")
    elif declared["against"] == "best":
        notes.append("The best was chosen by these numbers: no p-values and no test of equivalence.")
    else:
        notes.append(
            f"EXPLORATORY: the rarest class is seen in {carriers} patients, fewer than {EXPLORATORY}; no p-values."
        )
    if declared["margin"] is not None and tested:
        notes.append(
            f"Within {declared['margin']:g}: whether the 90 % interval lies inside (two one-sided tests at 5 %), each "
            "cell by itself, not corrected for their number."
        )
    return notes


def _named(against: Any) -> str:
    return against if isinstance(against, str) else ", ".join(against.values())


def _p(value: float | None) -> str:
    if value is None or not np.isfinite(value):
        return ""
    return "< .001" if value < 0.001 else f"{value:.3f}".lstrip("0")
