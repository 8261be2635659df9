"""Two runs side by side, on the samples that both predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from results import ResultsError
from results.flow import counted
from results.run_folder import Predictions, Run, RunCell
from results.run_records import SESSIONS, read_sessions
from results.run_tables import FOLDS, read_table
from results.scores import reconstruction
from results.scores.alignment import Alignment
from results.scores.fitness import unfit
from results.scores.labels import shorten
from results.scores.records import NOTHING
from results.statistics.bootstrap import PatientBootstrap, PredictedRows
from results.statistics.evaluate import evaluate
from results.statistics.metrics import METRICS
from results.statistics.uncertainty import difference
from results.tables.formats import Row, Score, Sheet, markdown
from results.tables.intervals import covers
from results.tables.partners import Place, apart, partners


@dataclass(frozen=True, eq=False)
class _MatchedCells:
    """A cell that both runs have, with the predictions of each for the patients of both."""

    a: RunCell
    b: RunCell
    of_a: Predictions
    of_b: Predictions


def compare(run_a: Run, run_b: Run, *, metric: str = "auc", resamples: int = 2000, seed: int = 0) -> str:
    """Markdown: one table for each target, of the cells that both runs have done, on the samples that both predict.

    Cells are matched by their target and the labels of their axes. A row holds both scores, A minus B, and its 95 %
    percentile interval from a bootstrap over the shared patients (with the same resamples for all rows of a target).
    Cells that only one run has are counted below, with the axes on which they differ; where only floors are left, that
    comes first.

    Args:
        run_a: A run.
        run_b: Another run; the folds of every shared patient must be the same in both.
        metric: A name in `METRICS`.
        resamples: Draws of the bootstrap; 0 for no intervals.
        seed: The seed of the draws.

    Raises:
        ResultsError: The runs share no patient or no cell; their folds, labels or classes differ; an unknown metric, or
            one that means nothing for these runs.

    References:
        C. A. Field and A. H. Welsh, Bootstrapping clustered data, 2007, doi:10.1111/j.1467-9868.2007.00593.x.
    """
    METRICS.named(metric)
    why = {target: unfit(run_a, target, metric) for target in run_a.targets}
    if all(why.values()):
        raise ResultsError(f"{run_a.name} can't be compared by '{metric}': {'; '.join(dict.fromkeys(why.values()))}")
    _same_folds(run_a, run_b)
    cells_a, cells_b = _done(run_a), _done(run_b)
    common = [place for place in cells_a if place in cells_b]
    unmatched = [
        {p: mine[p] for p in mine if p not in theirs} for mine, theirs in ((cells_a, cells_b), (cells_b, cells_a))
    ]
    if not common:
        raise ResultsError(
            f"{run_a.name} and {run_b.name} have no cell in common: cells are matched by target and all axes. "
            + apart(cells_a, cells_b)
        )
    parts = [f"# A: {_name(run_a, run_b)}, B: {_name(run_b, run_a)}"]
    if all(cells_a[place].floor for place in common) and all(unmatched):
        parts.append(
            "**Only floors are compared below**: no other cell of one run has the same steps as a cell of the other. "
            + apart(cells_a, cells_b)
        )
    for target in dict.fromkeys(dict(place)["target"] for place in common):
        pairs = [_pair(run_a, run_b, cells_a[p], cells_b[p]) for p in common if dict(p)["target"] == target]
        if why[target]:
            parts.append(f"**{target}**: {why[target]}.")
            continue
        parts.append(markdown(_sheet(run_a, run_b, pairs, metric, resamples, seed)))
    lines = [partners(run_a, "A", "B", cells_a, unmatched[0]), partners(run_b, "B", "A", cells_b, unmatched[1])]
    lines += [*([apart(cells_a, cells_b)] if all(unmatched) else []), *_about(run_a, run_b)]
    return "\n\n".join([*parts, "\n".join(f"- {line}" for line in lines)])


def _same_folds(run_a: Run, run_b: Run) -> None:
    of_a, of_b = _folds(run_a), _folds(run_b)
    shared = sorted(of_a.keys() & of_b.keys())
    if not shared:
        raise ResultsError(f"{run_a.name} and {run_b.name} share no patient: there is nothing to compare")
    official = [run for run in (run_a, run_b) if run.protocol.get("split") == "official"]
    if len(official) == 1:
        other = run_b if official[0] is run_a else run_a
        raise ResultsError(
            f"{official[0].name} has an official split, which tests one part of the patients, and {other.name} tests "
            "patients in folds, so that their fits learnt from other patients: run both with the same protocol.split"
        )
    wrong = [patient for patient in shared if of_a[patient] != of_b[patient]]
    if wrong:
        mine, theirs = of_a[wrong[0]], of_b[wrong[0]]
        repeat = min(r for r in mine.keys() | theirs.keys() if mine.get(r) != theirs.get(r))
        held = [_part(folds.get(repeat), bool(official)) for folds in (mine, theirs)]
        parts = "official splits" if official else "folds"
        way_out = "on one table" if official else "with one folds.csv (protocol.split)"
        raise ResultsError(
            f"{parts} differ for {len(wrong)} of {counted(len(shared), 'shared patient')}, such as {wrong[0]} (repeat "
            f"{repeat}: {held[0]} in {run_a.name}, {held[1]} in {run_b.name}): run both {way_out}"
        )


def _part(fold: int | None, official: bool) -> str:
    """Where a patient is in a repeat."""
    if fold is None:
        return "none"
    return "always in training" if fold < 0 else "in the test set" if official else f"fold {fold}"


def _folds(run: Run) -> dict[str, dict[int, int]]:
    """The fold of each repeat, by patient."""
    table = read_table(run.folder / "folds.csv", FOLDS)
    rows = zip(table["patient"], table["repeat"].tolist(), table["fold"].tolist(), strict=True)
    found: dict[str, dict[int, int]] = {}
    for patient, repeat, fold in rows:
        found.setdefault(patient, {})[repeat] = fold
    return found


def _done(run: Run) -> dict[Place, RunCell]:
    """The cells that are done, by target and axes; axes that are not used (`none`, `-`) are left out."""
    found = {}
    for cell in run.cells:
        if cell.status == "done":
            used = sorted((axis, step) for axis, step in cell.axes.items() if step not in NOTHING)
            found[("target", cell.target), *used] = cell
    return found


def _pair(run_a: Run, run_b: Run, a: RunCell, b: RunCell) -> _MatchedCells:
    """Both cells' predictions of the patients of both.

    Raises:
        ResultsError: Their classes, or labels of a sample, differ.
    """
    if a.classes != b.classes:
        raise ResultsError(
            f"{a.target} has the classes {', '.join(a.classes)} in {run_a.name} and {', '.join(b.classes)} in "
            f"{run_b.name}: compare runs that merge classes in the same way"
        )
    p, q = run_a.predictions(a), run_b.predictions(b)
    of_a, of_b = (dict(zip(each.sample.tolist(), each.y.tolist(), strict=True)) for each in (p, q))
    shared = of_a.keys() & of_b.keys()
    wrong = sorted(sample for sample in shared if of_a[sample] != of_b[sample])
    if wrong:
        one = wrong[0]
        raise ResultsError(
            f"labels of {a.target} differ for {len(wrong)} of {len(shared)} shared samples, such as {one} "
            f"({a.classes[of_a[one]]} in {run_a.name}, {a.classes[of_b[one]]} in {run_b.name}): compare runs on the "
            "same labels"
        )
    return _MatchedCells(a, b, _of_samples(p, shared), _of_samples(q, shared))


def _of_samples(p: Predictions, samples: set[str]) -> Predictions:
    kept = np.array([sample in samples for sample in p.sample.tolist()], dtype=bool)
    return p.take(kept)


def _sheet(run_a: Run, run_b: Run, pairs: Sequence[_MatchedCells], metric: str, resamples: int, seed: int) -> Sheet:
    """The table of one target."""
    measure, target = METRICS[metric], pairs[0].a.target
    compared = [pair for pair in pairs if len(pair.of_a.y)]
    if not compared:
        raise ResultsError(f"{run_a.name} and {run_b.name} share patients, but no sample of {target}")
    predictions = {f"{run}{i}": p for i, pair in enumerate(compared) for run, p in (("a", pair.of_a), ("b", pair.of_b))}
    alignment = Alignment(
        predictions, n_classes=len(pairs[0].a.classes), places=run_a.places, ratio=run_a.test_to_train(target)
    )
    shared = [alignment.shared(f"a{i}", f"b{i}") for i in range(len(compared))]
    bootstrap = PatientBootstrap(alignment.n_patients, resamples=resamples, seed=seed)
    axes = [axis for axis in run_a.axes if len({pair.a.axes.get(axis, "none") for pair in compared}) > 1] or ["heads"]
    short = {axis: shorten(pair.a.axes.get(axis, "none") for pair in compared) for axis in axes}
    rows = []
    failed = [reconstruction.collapsed(run) for run in (run_a, run_b)]
    for pair, (kept, of_a, of_b) in zip(compared, shared, strict=True):
        P, Q = pair.of_a.scored_by(measure)[of_a], pair.of_b.scored_by(measure)[of_b]
        value, other = (_value(metric, kept, x) for x in (P, Q))
        found = difference(measure, kept, value - other, bootstrap.difference(measure, kept, P, Q))
        n = int((kept.repeat == kept.repeat[0]).sum())
        gain = Score(found.value, found.low, found.high, signed=True, n=n)
        scores = (Score(value, n=n), Score(other, n=n), gain)
        counts = (str(len(np.unique(kept.patient))), str(n))
        labels = [short[axis][pair.a.axes.get(axis, "none")] for axis in axes]
        keys = [cell.key for cell, of_run in ((pair.a, failed[0]), (pair.b, failed[1])) if cell.key in of_run]
        rows.append(Row(reconstruction.marked(labels, axes, keys, keys), scores, counts))
    rows.sort(key=lambda row: -row.scores[2].value if row.scores[2] else 0.0)
    return Sheet(
        target=target,
        title=(
            f"{target}: {measure.title(run_a.within)} of A ({run_a.name}) and B ({run_b.name}) on the samples of both"
        ),
        labels=tuple(axes),
        headers=(f"A: {run_a.name}", f"B: {run_b.name}", "A - B"),
        extras=("patients", "samples"),
        rows=tuple(rows),
        floors=(),
        notes=(
            *_notes(run_a, measure.lower_is_better, rows, len(pairs), resamples),
            *(f"A: {note}" for note in reconstruction.notes(run_a, [pair.a.key for pair in compared])),
            *(f"B: {note}" for note in reconstruction.notes(run_b, [pair.b.key for pair in compared])),
        ),
    )


def _value(metric: str, rows: PredictedRows, P: NDArray[np.float64]) -> float:
    return evaluate(METRICS[metric], rows.y, P, repeat=rows.repeat, fold=rows.fold, within=rows.within).value


def _notes(run: Run, lower_is_better: bool, rows: Sequence[Row], n_pairs: int, resamples: int) -> list[str]:
    shown = sum(score is not None and score.low is not None for row in rows for score in row.scores)
    n_rows = len(rows)
    better = "lower" if lower_is_better else "higher"
    notes = [f"Rows are sorted by A - B; {better} scores are better."]
    if resamples and shown:
        notes.append(covers(run, resamples, 0, rows=" of the shared patients, the same for all rows and both runs"))
        if shown > 1:
            notes.append(f"The {shown} intervals are not corrected for their number.")
    if n_pairs > n_rows:
        notes.append(f"{n_pairs - n_rows} cells are in both runs but share no sample.")
    return notes


def _about(run_a: Run, run_b: Run) -> list[str]:
    """Differences of the runs that the labels of cells do not show."""
    folds_a, folds_b = _folds(run_a).keys(), _folds(run_b).keys()
    trained = "; patients of only one run were in its training parts" if folds_a ^ folds_b else ""
    lines = [
        f"{len(folds_a & folds_b)} patients are in the folds of both, {len(folds_a - folds_b)} of A only, "
        f"{len(folds_b - folds_a)} of B only{trained}."
    ]
    if run_a.dataset != run_b.dataset:
        lines.append(f"The datasets have other names: {run_a.dataset} and {run_b.dataset}.")
    codes = [_commits(run) for run in (run_a, run_b)]
    if codes[0] != codes[1]:
        lines.append(f"The code differs: commits {codes[0]} and {codes[1]}. So may fields that the labels do not show.")
    return lines


def _commits(run: Run) -> str:
    sessions = read_sessions(run.folder) if (run.folder / SESSIONS).exists() else []
    found = dict.fromkeys(str(one.get("code", {}).get("commit", "unknown"))[:8] for one in sessions)
    return ", ".join(found) or "unknown"


def _name(run: Run, other: Run) -> str:
    return f"{run.name} ({run.folder})" if run.name == other.name else run.name
