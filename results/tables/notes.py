"""The notes under a table: on whom its numbers are, how they were made, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from results.flow import span
from results.inner_splits import inner_uses, listed
from results.run_folder import ResultsError, Run
from results.scores import reconstruction
from results.scores.records import NOTHING, Record, is_number
from results.statistics.bootstrap import FEWEST
from results.statistics.metrics import METRICS
from results.statistics.metrics.base import OfCounts, OfPairs, one_against_rest
from results.tables.beaten import beaten, plainly
from results.tables.formats import Score
from results.tables.held_out import fitted_elsewhere
from results.tables.intervals import covers
from results.tables.means import averaging
from results.tables.who import who

if TYPE_CHECKING:
    import pandas as pd

LISTED = 8


def of_target(
    run: Run,
    frame: pd.DataFrame,
    records: Sequence[Record],
    *,
    varying: Sequence[str],
    metrics: Sequence[str],
    missing: Mapping[str, list[str]] | None = None,
    over: str | None = None,
    averaged: Sequence[str] = (),
) -> Iterator[str]:
    """The notes on one target, each of a sentence or two.

    Args:
        run: The run.
        frame: Its table of scores.
        records: The rows of the table on this target.
        varying: The axes that have more than one value.
        metrics: The metrics that the table shows.
        missing: For each empty place of a pivot the cells that its mean lacks.
        over: The cell that gains are over, in words; None: `run.location`.
        averaged: The axes that a number of the table is a mean over.
    """
    done = [r for r in records if r["status"] == "done"]
    said = list(plainly(run, records, varying)) if "auc" in metrics and not averaged else []
    yield from said
    if done:
        yield from who(run, done)
    yield from _fixed(run, records, varying)
    yield _folds(run, records[0]["target"])
    counts = any(isinstance(METRICS.get(name), OfCounts) for name in metrics)
    if counts and run.protocol.get("threshold", "argmax") != "argmax":
        yield calling(run, next(cell.classes for cell in run.cells if cell.target == records[0]["target"]))
    if done:
        yield from _uncertainty(run, frame, done, metrics, averaged)
    yield from _warnings(run, done, metrics, run.location if over is None else over)
    if missing:
        places = [f"{place or 'the mean'} (lacks {some(lacking)})" for place, lacking in missing.items()]
        yield f"A place is empty where its mean lacks a cell: {some(places, '; ')}."
    yield from _undone(records, varying)
    if "auc" in metrics:
        yield from beaten(records, said)
    yield from reconstruction.notes(run, [r["key"] for r in records])


def calling(run: Run, classes: Sequence[str]) -> str:
    """The rule by which a row gets its class."""
    rule = str(run.protocol.get("threshold", "argmax"))
    if rule == "priors":
        return "The predicted class is the most probable one after division by the class frequencies that a fit saw."
    if rule in ("f1", "balanced_accuracy"):
        return (
            "The predicted class has the largest weighted probability. The weights of the classes are chosen for the "
            f"highest {'macro F1' if rule == 'f1' else 'balanced accuracy'} on {run.held_out}."
        )
    if rule == "argmax" or len(classes) != 2:
        return "The predicted class is the most probable one."
    reached = rule.partition("=")[2]
    aim = f"a sensitivity of {float(reached):g}" if reached else "the largest Youden index"
    return f"Class {classes[1]} is predicted at or above a threshold, which is chosen for {aim} on {run.held_out}."


def corrected(run: Run, best: Record, cells: int) -> str:
    """The AUC of the best of several cells, corrected for the choice, as a sentence; empty where it is not known.

    Args:
        run: The run.
        best: The row of the best cell in the table of scores.
        cells: The number of cells from which it was chosen.
    """
    among = best.get("auc_corrected_among")
    if not is_number(best.get("auc_corrected")) or not is_number(among) or among < 2:
        return ""
    value = Score(*(best[f"auc_corrected{end}"] for end in ("", "_low", "_high"))).text()
    which = "" if among == cells else f" among the {int(among)} cells on its samples"
    none = ", no less than before" if best["auc_corrected"] >= best.get("auc", 1) else ""
    also = " It may still be too high, because in cross-validation every patient also serves to train models."
    left = also if run.crossed else ""
    return (
        f" Corrected for this choice{which} (BBC-CV: chosen on the patients drawn, scored on the others), its AUC is "
        f"{value}{none}.{left}"
    )


def beside(
    run: Run, records: Sequence[Record], *, varying: Sequence[str], resamples: int = 0, left_out: int = 0
) -> Iterator[str]:
    """The notes that every table of one target needs.

    Args:
        run: The run.
        records: The cells of the target, floors included, as `results.scores.target.described` or `scores` gives them.
        varying: The axes on which cells differ.
        resamples: Draws of the bootstrap; 0 if the table shows no such intervals.
        left_out: Draws that lack a class, in the row with most.
    """
    done = [r for r in records if r["status"] == "done"]
    if done:
        yield from who(run, done)
    yield from _fixed(run, records, varying)
    yield _folds(run, records[0]["target"])
    if resamples and any(int(r["n_patients"]) >= FEWEST for r in done):
        yield covers(run, resamples, left_out)
    if len(run.devices) > 1:
        yield f"Computed on more than one device: {', '.join(run.devices)}."
    yield from _undone(records, varying)
    yield from reconstruction.notes(run, [r["key"] for r in records])


def beside_targets(run: Run, records: Sequence[Record], *, varying: Sequence[str], resamples: int = 0) -> Iterator[str]:
    """As `beside`, for a table over all targets."""
    yield from _fixed(run, records, varying)
    yield _folds(run, records[0]["target"])
    for target in run.targets:
        of_target = [r for r in records if r["target"] == target]
        done = [r for r in of_target if r["status"] == "done"]
        for note in (*(who(run, done) if done else ()), *_undone(of_target, varying)):
            yield f"{target}: {note}"
    if resamples and any(int(r["n_patients"]) >= FEWEST for r in done):
        yield covers(run, resamples, 0)
    yield from reconstruction.notes(run, [r["key"] for r in records])


def settings(run: Run, tuned: set[bool]) -> list[str]:
    """Whether heads are tuned, if all are or none is."""
    if len(tuned) != 1:
        return []
    if True in tuned:
        return [f"All heads are tuned on {run.held_out}."]
    floors = list(dict.fromkeys(cell.head for cell in run.cells if cell.floor and cell.tuned))
    return [f"All heads{f' but that of the floor {listed(floors)}' if floors else ''} are default (not tuned)."]


def some(names: Sequence[str], between: str = ", ") -> str:
    """The first names of a list, and the number of the others."""
    rest = len(names) - LISTED
    return between.join(names[:LISTED]) + (f" and {rest} more" if rest > 0 else "")


def _fixed(run: Run, records: Sequence[Record], varying: Sequence[str]) -> Iterator[str]:
    """The steps that all cells share, and whether heads are tuned."""
    cell = next((r for r in records if not r["floor"]), None)
    if cell is not None:
        axes = [axis for axis in run.axes if axis not in varying and axis != "heads" and axis in cell]
        same = [f"{axis} {cell[axis]}" for axis in axes if axis != "drop" or cell[axis] not in NOTHING]
        yield f"All rows but the floors: {', '.join(same)}."
    yield from settings(run, {bool(r["tuned"]) for r in records if not r["floor"]})


def _folds(run: Run, target: str) -> str:
    protocol = run.protocol
    complete = " Only samples with every sequence are used." if protocol.get("complete") else ""
    if protocol.get("split") == "external":
        return fitted_elsewhere(run, target)
    if protocol.get("split") == "official":
        inner = _inner(run)
        return f"Official split: models are fitted on all but its test part, which is predicted once.{inner}{complete}"
    repeats, folds = int(protocol.get("repeats", 1)), protocol.get("folds")
    if protocol.get("split") == "file":
        return f"Folds: {folds} by patient in {repeats} repeats, as {protocol.get('split_file')} gives them.{complete}"
    stratified = f", stratified on {protocol['stratify']}" if protocol.get("stratify") else ""
    repeated = "once" if repeats == 1 else f"{repeats} times"
    return f"Folds: {folds} by patient{stratified}, drawn {repeated} with seed {protocol.get('seed')}.{complete}"


def _inner(run: Run) -> str:
    """The inner split of an official split, if anything uses it; empty for a folder that describes no plug-ins."""
    try:
        uses = inner_uses(run)
    except ResultsError:
        return ""
    if not uses:
        return ""
    if run.protocol.get("validation", True):
        return f" Its validation part is the inner split for {listed(uses)}."
    return f" It has no validation part, so inner splits for {listed(uses)} are made by patient."


def _uncertainty(
    run: Run, frame: pd.DataFrame, done: Sequence[Record], metrics: Sequence[str], averaged: Sequence[str]
) -> Iterator[str]:
    resamples = int(frame.attrs["resamples"])
    if resamples and any(int(r["n_patients"]) >= FEWEST for r in done):
        yield covers(run, resamples, max(int(r["draws_left_out"]) for r in done))
        yield from (METRICS[name].note for name in metrics if name in METRICS and METRICS[name].note)
        titles = (METRICS[name].title(run.within) for name in metrics if name in METRICS and is_perfect(name, done))
        if perfect := list(dict.fromkeys(titles)):
            yield (
                f"A perfect score (here {listed(perfect)}) has no spread over resamples: the other end of its interval "
                "is exact, that of as many patients without an error, and may lie below that of a score just below."
            )
    cells = [r for r in done if not r["floor"] and is_number(r.get("auc"))]
    if averaged:
        yield from averaging(done, averaged)
    elif cells and "auc" in metrics:
        best = max(cells, key=lambda r: float(r["auc"]))
        spread = [
            f"{best[f'auc_{unit}_sd']:.3f} over {unit}s"
            for unit in ("fold", "repeat")
            if is_number(best[f"auc_{unit}_sd"])
        ]
        once = "" if is_number(best["auc_repeat_sd"]) else " (one repeat: none over repeats)"
        if spread:
            yield f"SD of the best row's AUC: {', '.join(spread)}{once}."
        if len(cells) > 1:
            worth = corrected(run, best, len(cells))
            yield f"The best of {len(cells)} cells was chosen by this table, so its score may be optimistic.{worth}"
    ranked = (metric for name in metrics if isinstance(metric := METRICS.get(name), OfPairs))
    if "gain" in metrics or any(metric.tasks is one_against_rest for metric in ranked):
        several = any(str(r["n_events"]).count("/") > 1 for r in done)
        macro = "the mean over the classes, each against the rest"
        if run.crossed:
            yield f"AUC compares samples of the same fold{f'; it is {macro}' if several else ''}."
        elif several:
            yield f"AUC is {macro}."


def is_perfect(name: str, done: Sequence[Record]) -> bool:
    """Whether a row has the best value of a metric, with an interval."""
    best = METRICS[name].lowest if METRICS[name].lower_is_better else METRICS[name].highest
    return any(is_number(r.get(name)) and is_number(r.get(f"{name}_low")) and r[name] == best for r in done)


def _gain(over: str, done: Sequence[Record], column: str) -> str:
    """What a gain is, and where it has an interval, of what."""
    drawn = "; its interval uses the same resamples" if any(is_number(r.get(f"{column}_low")) for r in done) else ""
    return f"Gain over {over}: AUC minus the AUC of {over}, on the samples that both predict{drawn}."


def _warnings(run: Run, done: Sequence[Record], metrics: Sequence[str], over: str) -> Iterator[str]:
    if not run.locations:
        yield (
            "The dataset has no locating columns, so there is no location row, no gain over it and no AUC within "
            "location."
        )
    elif "auc_within_location" in metrics:
        yield f"AUC within {run.within} compares samples of the same {' x '.join(run.within_columns)}."
    if "gain" in metrics and (run.locations or over != run.location):
        yield _gain(over, done, "gain")
    if "gain_pixels" in metrics and (over != run.pixels or "gain" not in metrics):
        yield _gain(run.pixels, done, "gain_pixels")
    few = [int(r["n_patients"]) for r in done if int(r["n_patients"]) < FEWEST]
    if few:
        yield f"Scores of fewer than {FEWEST} patients (here {min(few)}) have no interval."
    left_out = [int(r["folds_left_out"]) for r in done]
    if any(left_out):
        folds = (
            "1 fold lacks a class and is" if set(left_out) == {1} else f"{span(left_out)} folds lack a class and are"
        )
        yield f"{folds} left out of means and SDs over folds{' (by row)' if len(set(left_out)) > 1 else ''}."
    if len(run.devices) > 1:
        yield f"Computed on more than one device: {', '.join(run.devices)}."


def _undone(records: Sequence[Record], varying: Sequence[str]) -> Iterator[str]:
    """The cells that failed, were refused or are still to do, by reason."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for record in records:
        if record["status"] != "done":
            shown = [a for a in varying if a != "heads" and record[a] != "none"] if record["floor"] else varying
            shown = [*shown, "heads"] if record["floor"] or not varying else shown
            name = ", ".join(str(record[axis]) for axis in shown)
            reasons.setdefault((record["status"], record["reason"] or ""), []).append(name)
    for (status, reason), names in reasons.items():
        cells = "1 cell" if len(names) == 1 else f"{len(names)} cells"
        because = f": {reason}" if reason else ""
        yield f"{status.upper()}, {cells}{because} [{some(names, '; ')}]."
